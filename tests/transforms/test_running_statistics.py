"""Statistics of a sliding window against numpy, after huge values too."""

from typing import Any

import numpy as np
import pytest

from onlineml.transforms import RunningMax, RunningMean, RunningMedian, RunningZScore


def z_score(window):
    return (window[-1] - window.mean()) / window.std() if window.std() > 0 else 0.0


def naive(X, window_size, statistic):
    """By lists; the new value is in the window."""
    out = np.full(X.shape, np.nan)
    for j in range(X.shape[1]):
        past = []
        for i, x in enumerate(X[:, j]):
            if not np.isnan(x):
                past.append(x)
                out[i, j] = statistic(np.array(past[-window_size:]))
    return out


@pytest.mark.parametrize("window_size", [2, 7, 300])
@pytest.mark.parametrize(
    ("kind", "statistic"),
    [
        (RunningMax, np.max),
        (RunningMean, np.mean),
        (RunningMedian, np.median),
        (RunningZScore, z_score),
    ],
)
def test_equals_its_naive_twin(kind: Any, statistic: Any, window_size: int) -> None:
    rng = np.random.default_rng(window_size)
    X = rng.normal(size=(700, 2))
    X[:, 1] = 100.0 + np.round(X[:, 1], 1)  # with equal values
    X[rng.random(X.shape) < 0.05] = np.nan
    got = kind(window_size=window_size).transform_fit_many(X)
    np.testing.assert_allclose(got, naive(X, window_size, statistic), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", [RunningMax, RunningMean, RunningMedian, RunningZScore])
def test_after_huge_values(kind: Any) -> None:
    """Once they have left the window, it is as if they had never been there."""
    X = np.random.default_rng(0).normal(size=(200, 1))
    model, fresh = kind(window_size=50), kind(window_size=50)
    model.fit_many(np.full((70, 1), 1e9)).fit_many(X)
    due = fresh.fit_many(X).transform_many(X)
    np.testing.assert_allclose(model.transform_many(X), due, rtol=1e-9)


@pytest.mark.parametrize("kind", [RunningMax, RunningMean, RunningMedian, RunningZScore])
def test_bad_parameters_are_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match="window_size"):
        kind(window_size=1).fit_one([1.0])
