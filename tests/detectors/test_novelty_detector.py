"""The novelty detector against its definition, and what it finds."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import CalibratedDetector, NoveltyDetector
from onlineml.transforms import Refractory
from tests.detectors.streams import noise_with_spikes
from tests.naive import novelty


def restless(seed: int, n: int) -> np.ndarray:
    """A rhythm whose level changes, with equal, far and missing values."""
    rng = np.random.default_rng(seed)
    values = np.round(5 * np.sin(np.arange(n) / 4) + rng.normal(size=n), 1)
    values[n // 3 : n // 2] += 20.0
    values[rng.random(n) < 0.01] *= 1e4
    values[rng.random(n) < 0.05] = np.nan
    return values


@pytest.mark.parametrize(
    ("window_size", "block", "length"), [(20, 1, 1), (60, 3, 4), (130, 8, 2), (400, 4, 5)]
)
@pytest.mark.parametrize("clip", [2.0, 30.0])
def test_it_equals_its_naive_twin(window_size: int, block: int, length: int, clip: float) -> None:
    values = restless(window_size, 600)
    model = NoveltyDetector(window_size=window_size, block=block, length=length, clip=clip)
    due = novelty.novelty(values, window_size, block, length, clip)
    np.testing.assert_allclose(model.score_fit_many(values), due, rtol=1e-6, atol=1e-9)


def test_spikes_in_noise_are_found() -> None:
    values, labels = noise_with_spikes()
    assert roc_auc_score(labels, NoveltyDetector().score_fit_many(values)) > 0.97


def square_wave(n_days: int) -> Any:
    t = np.arange(288 * n_days)
    return 20.0 + 60.0 * (t % 288 > 200) + np.random.default_rng(0).normal(0, 1, len(t))


def test_a_level_between_two_others_and_a_day_without_rise_are_found() -> None:
    values = square_wave(14)
    half, none = slice(288 * 9 + 201, 288 * 10), slice(288 * 12 + 201, 288 * 13)
    values[half] -= 40.0
    values[none] -= 60.0
    scores = NoveltyDetector().score_fit_many(values)
    usual = np.r_[scores[2000 : half.start], scores[half.stop + 256 : none.start]]
    assert scores[half].max() > 2 * usual.max()
    assert scores[none].max() > 2 * usual.max()


def test_a_new_level_is_told_once() -> None:
    rng = np.random.default_rng(1)
    values = np.r_[rng.normal(5, 1, 3000), rng.normal(40, 1, 1000)]
    model = CalibratedDetector(base=NoveltyDetector(), calibrator=Refractory(rest=200))
    alarms = np.flatnonzero(model.score_fit_many(values) > 10)
    assert alarms[0] == 3000
    assert len(alarms) <= 3
    raw = np.flatnonzero(NoveltyDetector().score_fit_many(values) > 10)
    assert len(raw) >= len(alarms)


def test_a_far_value_does_not_hide_the_next() -> None:
    values = np.random.default_rng(2).normal(size=3000)
    values[1500], values[1700] = 1e9, 90.0
    scores = NoveltyDetector().score_fit_many(values)
    assert scores[1700] > 5
    assert scores[1500] > 1e6 > 5 > scores[1501:1700].max()


def test_what_has_left_the_window_is_new_again() -> None:
    values = np.tile(np.linspace(0, 1, 50), 40)
    values[300] = 9.0
    model = NoveltyDetector(window_size=600).fit_many(values[:800])
    assert model.score_one(9.0) <= 0
    assert model.fit_many(values[800:]).score_one(9.0) > 5


@pytest.mark.parametrize(
    "bad",
    [
        NoveltyDetector(window_size=511),
        NoveltyDetector(block=0),
        NoveltyDetector(length=0),
        NoveltyDetector(clip=0.5),
        NoveltyDetector(min_std=0.0),
    ],
)
def test_wrong_parameters_are_named(bad: NoveltyDetector) -> None:
    with pytest.raises(ValueError, match=r"^(window_size|block|length|clip|min_std)\b"):
        bad.fit_one(1.0)
