"""Trend, season and rest against a plain twin, and of series that are known."""

from typing import Any

import numpy as np
import pytest

from onlineml.transforms import SeasonalDecomposer
from tests.naive.seasons import Decomposer


def bumpy(seed: int, n: int = 700) -> np.ndarray:
    """A season of 12 whose level moves, with far and missing values; it ends."""
    rng = np.random.default_rng(seed)
    values = np.sin(2 * np.pi * np.arange(n) / 12) * (np.arange(n) < 500)
    values += rng.normal(0, 0.2, n) + np.where(np.arange(n) > 300, 4.0, 0.0)
    values[rng.random(n) < 0.02] *= 100.0
    values[rng.random(n) < 0.05] = np.nan
    values[:2] = np.nan
    return values


@pytest.mark.parametrize(
    ("period", "window", "n_cycles"), [(None, 100, 15), (12, 100, 3), (7, 30, 15), (1, 120, 2)]
)
def test_equals_its_naive_twin(period: Any, window: int, n_cycles: int) -> None:
    X = np.stack([bumpy(0), bumpy(1)], 1)
    model = SeasonalDecomposer(period=period, window_size=window, n_cycles=n_cycles)
    due = []
    for values in X.T:
        twin, parts = Decomposer(period, window, n_cycles), []
        for x in values:
            trend, season = twin.parts()
            trend = x if np.isnan(trend) else trend
            parts.append([trend, season, x - trend - season])
            twin.learn(x)
        due.append(np.array(parts))
    got = model.transform_fit_many(X)
    np.testing.assert_allclose(got, np.hstack(due), rtol=1e-9, atol=1e-12)


def test_parts_of_a_series_that_is_known() -> None:
    """A slow trend and a season, of which huge spikes change nothing but the rest."""
    rng = np.random.default_rng(0)
    t = np.arange(4000)
    season = np.where(t % 24 < 8, 3.0, -1.0)
    values = t / 500 + season + rng.normal(0, 0.1, 4000)
    values[rng.choice(np.arange(2000, 4000), 20, replace=False)] += 1e6
    model = SeasonalDecomposer()
    trend, found, rest = model.transform_fit_many(values[:, None])[2000:].T
    assert model.periods.tolist() == [24]
    spikes = rest > 1e5
    assert spikes.sum() == 20
    assert np.abs(rest[~spikes]).max() < 1.0
    assert np.ptp(found) == pytest.approx(4.0, abs=0.4)
    np.testing.assert_allclose(np.diff(trend[::24]), 24 / 500, atol=0.3)


def test_names_of_the_parts() -> None:
    model = SeasonalDecomposer().fit_one({"load": 3.0})
    assert model.output_schema().names == ("load[trend]", "load[season]", "load[rest]")
    assert model.transform_one({"load": 5.0}).tolist() == [3.0, 0.0, 2.0]


@pytest.mark.parametrize("bad", [{"period": 600}, {"window_size": 5}, {"n_cycles": 0}])
def test_bad_parameters_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        SeasonalDecomposer(**bad).fit_one([1.0])
