"""The generalized ESD test on rests of a series, against a plain one and in learning bands."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import SeasonalESD, SeasonalHybridESD
from tests.detectors.streams import seasonal_with_spikes
from tests.naive.seasons import Decomposer, esd
from tests.transforms.test_seasonal_decomposer import bumpy


@pytest.mark.parametrize("kind", [SeasonalESD, SeasonalHybridESD])
@pytest.mark.parametrize(
    ("period", "window", "share", "alpha"), [(None, 100, 0.1, 0.05), (12, 60, 0.3, 0.5)]
)
def test_equals_its_naive_twin(
    kind: Any, period: Any, window: int, share: float, alpha: float
) -> None:
    values = bumpy(5, 600)
    model = kind(period=period, window_size=window, max_anomalies=share, alpha=alpha)
    twin, due = Decomposer(period, window, 15), np.zeros(len(values))
    for i, x in enumerate(values):
        trend, season = twin.parts()
        rests = np.array(twin.rests[-window:])
        rests = rests[~np.isnan(rests)]
        if len(rests) >= 10 and not np.isnan(x):
            tested = [*rests, x - trend - season]
            due[i] = esd(tested, share, alpha, kind is SeasonalHybridESD)
        twin.learn(x)
    assert (due > 1).sum() > 5
    np.testing.assert_allclose(model.score_fit_many(values), due, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", [SeasonalESD, SeasonalHybridESD])
def test_finds_spikes_in_a_season_that_it_found(kind: Any) -> None:
    values, labels = seasonal_with_spikes()
    model = kind()
    scores = model.score_fit_many(values)
    assert model.period_found == 48
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.99
    assert labels[scores > 1].mean() > 0.9
    assert (scores[labels == 1] > 1).mean() > 0.7


@pytest.mark.parametrize("kind", [SeasonalESD, SeasonalHybridESD])
def test_few_values_of_noise_are_found_anomalous(kind: Any) -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    assert (kind().score_fit_many(values) > 1).sum() < 20


def test_anomalies_do_not_hide_each_other() -> None:
    """One in eleven values far off: mean and deviation of all would be drawn to them."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=3000)
    values[rng.choice(3000, 270, replace=False)] = 12.0
    scores = SeasonalHybridESD(max_anomalies=0.2).score_fit_many(values)
    assert (scores[1500:][values[1500:] == 12.0] > 1).all()
    z = np.abs(values[1500:] - values[1500:].mean()) / values[1500:].std()
    assert z.max() < 3.5  # what a plain deviation says of them


@pytest.mark.parametrize(
    "bad",
    [{"period": 501}, {"window_size": 19}, {"n_cycles": 0}, {"max_anomalies": 0.4},
     {"alpha": 1.0}, {"min_scale": 0.0}],
)  # fmt: skip
def test_bad_parameters_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        SeasonalESD(**bad).fit_one(1.0)
