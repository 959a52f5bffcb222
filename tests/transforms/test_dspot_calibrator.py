"""Tails fitted to peaks: against a plain twin, scipy, and distributions that are known."""

from typing import Any

import numpy as np
import pytest

from onlineml.detectors import CalibratedDetector, DeviationFromMean
from onlineml.transforms import DSPOTCalibrator
from tests.naive import dspot


@pytest.mark.parametrize(
    ("window", "level", "n_peaks", "depth"), [(100, 0.9, 30, 0), (40, 0.8, 12, 0), (60, 0.9, 25, 7)]
)
def test_equals_its_naive_twin(window: int, level: float, n_peaks: int, depth: int) -> None:
    rng = np.random.default_rng(window)
    X = rng.standard_t(3, size=(400, 2))
    X[:, 1] = rng.exponential(size=400)
    if depth == 0:
        X[:, 1] = np.round(X[:, 1], 1)  # many equal values
    X[rng.random(X.shape) < 0.05] = np.nan
    X[200] = 1e4
    model = DSPOTCalibrator(
        window_size=window, level=level, n_peaks=n_peaks, q=1e-3, drift_size=depth
    )
    twins = [dspot.DSPOT(window, level, n_peaks, 1e-3, depth) for _ in "12"]
    due = np.full(X.shape, np.nan)
    for i, x in enumerate(X):
        for j, twin in enumerate(twins):
            if not np.isnan(x[j]):
                due[i, j] = twin.score(x[j])
                twin.learn(x[j])
    np.testing.assert_allclose(model.transform_fit_many(X), due, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("kind", "rare"), [("exponential", (0.7, 1.4)), ("normal", (0.7, 1.4)), ("pareto", (0.8, 2.2))]
)
@pytest.mark.parametrize("drift_size", [0, 50])
def test_tail_probabilities_are_about_right(kind: str, rare: Any, drift_size: int) -> None:
    """A share p has a tail probability below p; of heavy tails more."""
    rng = np.random.default_rng(1)
    X = rng.pareto(5.0, (60_000, 1)) if kind == "pareto" else getattr(rng, kind)(size=(60_000, 1))
    tails = 1 - DSPOTCalibrator(drift_size=drift_size).transform_fit_many(X)[5000:, 0]
    for p, band in [(0.05, (0.85, 1.15)), (0.01, (0.6, 1.3)), (1e-3, rare)]:
        assert band[0] < (tails < p).mean() / p < band[1]
    assert (tails < 1e-4).mean() < 5e-4


def test_thresholds_follow_drift() -> None:
    rng = np.random.default_rng(2)
    X = rng.exponential(size=(20_000, 1)) + np.linspace(0.0, 100.0, 20_000)[:, None]
    model = DSPOTCalibrator(drift_size=100).fit_many(X)
    assert model.thresholds(1e-3)[0] == pytest.approx(100 + np.log(1000), abs=2.0)
    tails = 1 - model.transform_many(X[-1] + [[0.0], [20.0]])
    assert tails[0, 0] > 0.01 > 1e-4 > tails[1, 0]


def test_a_lasting_change_is_learned() -> None:
    """Levels that jump, and scales that grow tenfold, are usual again after a window or two."""
    rng = np.random.default_rng(3)
    model = DSPOTCalibrator(window_size=500).fit_many(rng.exponential(size=(5000, 1)))
    other = 30 + 10 * rng.exponential(size=(8000, 1))
    assert 1 - model.transform_one(other[0])[0] < 1e-6
    tails = 1 - model.transform_fit_many(other)[-4000:, 0]
    assert 0.5 < (tails < 0.01).mean() / 0.01 < 1.5


def test_one_huge_value_leaves_little_trace() -> None:
    X = np.random.default_rng(4).exponential(size=(6000, 1))
    model, twin = DSPOTCalibrator().fit_many(X), DSPOTCalibrator().fit_many(X)
    before = model.thresholds(1e-3)[0]
    assert model.fit_one([1e300]).thresholds(1e-3)[0] == pytest.approx(before, rel=0.1)
    assert before == twin.thresholds(1e-3)[0]


def test_anomalies_in_numbers_stay_strange() -> None:
    X = np.random.default_rng(6).exponential(size=(20_000, 1))
    X[2000::30] = 40.0
    tails = 1 - DSPOTCalibrator().transform_fit_many(X)[5000:, 0]
    assert (tails[X[5000:, 0] == 40.0] < 1e-5).all()
    assert 0.5 < (tails[X[5000:, 0] < 40.0] < 1e-3).mean() / 1e-3 < 2.0


def test_before_there_is_a_tail() -> None:
    model = DSPOTCalibrator()
    assert model.thresholds().shape == (0,)
    model.fit_many(np.full((300, 1), 2.0))
    assert model.thresholds()[0] == np.inf
    assert model.transform_one([9.0])[0] == pytest.approx(300 / 301)


def test_behind_a_detector() -> None:
    X = np.random.default_rng(5).normal(size=(4000, 3))
    model = CalibratedDetector(base=DeviationFromMean(), calibrator=DSPOTCalibrator()).fit_many(X)
    assert 1 - model.score_one([9.0, 0.0, 0.0]) < 1e-6 < 0.01 < 1 - model.score_one(X[0])


@pytest.mark.parametrize(
    "bad",
    [{"window_size": 0}, {"level": 1.0}, {"n_peaks": 9}, {"q": 0.2}, {"one_in": 0},
     {"drift_size": -1}],
)  # fmt: skip
def test_bad_parameters_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        DSPOTCalibrator(**bad).fit_one([1.0])
    with pytest.raises(ValueError, match="q"):
        DSPOTCalibrator().thresholds(0.0)
