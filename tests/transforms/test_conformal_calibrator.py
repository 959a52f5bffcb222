"""Ranks in a sliding window against counting, and the skip list behind them."""

from collections import deque

import numpy as np
import pytest

from onlineml.kernels import ranks
from onlineml.transforms import ConformalCalibrator


def naive(X, window_size):
    """Ranks by counting in a window of the past."""
    pasts = [deque(maxlen=window_size) for _ in range(X.shape[1])]
    out = np.empty_like(X)
    for i, x in enumerate(X):
        for j, (value, past) in enumerate(zip(x, pasts)):
            out[i, j] = np.nan
            if not np.isnan(value):
                out[i, j] = sum(before < value for before in past) / (len(past) + 1)
                past.append(value)
    return out


@pytest.mark.parametrize("window_size", [1, 2, 7, 64, 500])
def test_equals_its_naive_twin(window_size: int) -> None:
    rng = np.random.default_rng(window_size)
    X = rng.normal(size=(900, 3))
    X[:, 1] = rng.integers(0, 5, 900)  # many equal values
    X[rng.random(X.shape) < 0.05] = np.nan
    got = ConformalCalibrator(window_size=window_size).transform_fit_many(X)
    np.testing.assert_array_equal(got, naive(X, window_size))


def test_order_of_the_window() -> None:
    """The k-th value and both counts, at every step of a long walk with ties."""
    window, levels = 37, ranks.levels_for(37)
    values = np.zeros(window)
    links, leaps = np.full((levels, window + 1), -1), np.full((levels, window + 1), 1)
    places, path, random = np.zeros(2, int), np.zeros((2, levels), int), np.zeros(1, int)
    past: deque[float] = deque(maxlen=window)
    for value in np.random.default_rng(1).integers(-9, 9, 600).astype(float):
        ranks.slide(values, links, leaps, places, path, random, 0, value)
        past.append(value)
        held = sorted(past)
        for k in {0, len(held) // 3, len(held) - 1}:
            assert ranks.kth(values, links, leaps, k) == held[k]
        less, at_most = (ranks.n_below(values, links, leaps, value, e) for e in (False, True))
        assert less == sum(v < value for v in held)
        assert at_most == sum(v <= value for v in held)


def test_false_alarms_are_as_promised() -> None:
    """Of exchangeable scores, a share a exceeds 1 - a: here within four standard errors."""
    scores = np.random.default_rng(2).exponential(size=(41_000, 1))
    ranked = ConformalCalibrator(window_size=1000).transform_fit_many(scores)[1000:, 0]
    for share in (0.2, 0.05, 0.01):
        due = 4 * np.sqrt(share / len(ranked))
        assert abs((ranked > 1 - share).mean() - share) < due + 1 / 1000


@pytest.mark.parametrize("bad", [0, 2.5])
def test_bad_windows_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="window_size"):
        ConformalCalibrator(window_size=bad).fit_one([1.0])
