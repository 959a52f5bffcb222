"""Tails of the last scores' normal distribution, against numpy and scipy."""

import numpy as np
import pytest
from scipy.stats import norm

from onlineml.transforms import GaussianTailCalibrator


def naive(values, window, n_recent):
    """By lists."""
    past, out = [], []
    for x in values:
        if np.isnan(x):
            out.append(np.nan)
            continue
        window_now = np.array(past[-window:])
        recent = np.mean([*past[len(past) - n_recent + 1 :], x] if n_recent > 1 else [x])
        if len(past) < n_recent:
            recent = np.mean([*past, x])
        known = len(window_now) > 1 and window_now.std() > 0
        out.append(norm.cdf(recent, window_now.mean(), window_now.std()) if known else 0.5)
        past.append(x)
    return np.array(out)


@pytest.mark.parametrize(("window", "n_recent"), [(2, 1), (20, 1), (20, 7), (300, 10)])
def test_equals_its_naive_twin(window: int, n_recent: int) -> None:
    rng = np.random.default_rng(window)
    X = rng.normal(size=(700, 2))
    X[:, 1] = 5.0 + rng.exponential(size=700)
    X[rng.random(X.shape) < 0.05] = np.nan
    model = GaussianTailCalibrator(window_size=window, n_recent=n_recent)
    due = np.column_stack([naive(column, window, n_recent) for column in X.T])
    np.testing.assert_allclose(model.transform_fit_many(X), due, rtol=1e-7, atol=1e-9)


def test_after_huge_values() -> None:
    """Once they have left the window, it is as if they had never been there."""
    X = np.random.default_rng(0).normal(size=(200, 1))
    model, fresh = (GaussianTailCalibrator(window_size=50) for _ in "12")
    model.fit_many(np.full((70, 1), 1e9)).fit_many(X)
    np.testing.assert_allclose(
        model.transform_many(X), fresh.fit_many(X).transform_many(X), rtol=1e-9
    )


@pytest.mark.parametrize("bad", [{"window_size": 1}, {"n_recent": 0}])
def test_bad_parameters_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        GaussianTailCalibrator(**bad).fit_one([1.0])
