"""Exact medians in a window against sorting."""

import numpy as np
import pytest

from onlineml.detectors import MedianAbsoluteDeviation


def naive(values, window_size):
    scores = []
    for i, x in enumerate(values):
        past = values[:i][~np.isnan(values[:i])][-window_size:]
        if np.isnan(x) or not len(past):
            scores.append(0.0)
            continue
        middle = np.median(past)
        spread = 1.4826 * np.median(np.abs(past - middle))
        scores.append(abs(x - middle) / max(spread, 1e-12))
    return np.array(scores)


@pytest.mark.parametrize("window_size", [1, 2, 5, 30, 401])
def test_equals_its_naive_twin(window_size: int) -> None:
    rng = np.random.default_rng(window_size)
    values = np.concatenate([rng.normal(size=300), rng.integers(0, 4, 300), rng.normal(9, 5, 200)])
    values[rng.random(800) < 0.05] = np.nan
    got = MedianAbsoluteDeviation(window_size=window_size).score_fit_many(values)
    np.testing.assert_allclose(got, naive(values, window_size), rtol=1e-12)


def test_many_anomalies_do_not_hide_each_other() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    values[::3] += 50.0
    scores = MedianAbsoluteDeviation().score_fit_many(values)
    assert scores[300::3].min() > 10.0 > np.delete(scores, np.s_[::3])[200:].max()


@pytest.mark.parametrize("bad", [{"window_size": 0}, {"min_spread": 0.0}])
def test_bad_parameters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        MedianAbsoluteDeviation(**bad).fit_one(1.0)
