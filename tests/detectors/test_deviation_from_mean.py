"""The running deviation against its plain definition."""

import numpy as np
import pytest

from onlineml.checks import rows
from onlineml.detectors import DeviationFromMean


def naive(X, fading_factor, min_std=1e-12):
    """Scores before learning, from weights of all past values."""
    scores = []
    for i, x in enumerate(X):
        worst = 0.0
        for j in range(X.shape[1]):
            past = X[:i, j][~np.isnan(X[:i, j])]
            if np.isnan(x[j]) or not len(past):
                continue
            weights = np.zeros(len(past))
            for k in range(len(past)):
                step = max(1.0 / (k + 1), 1.0 - fading_factor)
                weights[:k] *= 1.0 - step
                weights[k] = step
            mean = weights @ past
            std = np.sqrt(weights @ (past - mean) ** 2)
            worst = max(worst, abs(x[j] - mean) / max(std, min_std))
        scores.append(worst)
    return np.array(scores)


@pytest.mark.parametrize("fading_factor", [1.0, 0.99, 0.9])
def test_equals_its_naive_twin(fading_factor: float) -> None:
    X, _ = rows(4, 250)
    X = np.where(X == 1e6, 7.0, X)[:, :4]
    got = DeviationFromMean(fading_factor=fading_factor, clip=np.inf).score_fit_many(X)
    np.testing.assert_allclose(got, naive(X, fading_factor), rtol=1e-8, atol=1e-10)


def test_a_shift_becomes_normal() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 2))
    X[2000:] += 9.0
    scores = DeviationFromMean(fading_factor=0.99).score_fit_many(X)
    assert scores[2000] > 5.0
    assert np.quantile(scores[3500:], 0.99) < 4.5


def test_one_far_row_hardly_changes_what_is_normal() -> None:
    X = np.random.default_rng(0).normal(size=(500, 2))
    clean = DeviationFromMean().fit_many(X)
    spoiled = DeviationFromMean().fit_many(X).fit_one([1e6, -1e6])
    assert spoiled.score_one([4.0, 0.0]) > 0.8 * clean.score_one([4.0, 0.0])


def test_values_far_off_are_learned_when_they_stay() -> None:
    X = np.random.default_rng(0).normal(size=(6000, 1))
    X[1000:] = 1e6 + 3.0 * X[1000:]
    scores = DeviationFromMean(fading_factor=0.99).score_fit_many(X)
    assert scores[1000] > 1e5
    assert np.median(scores[5000:]) < 1.0


@pytest.mark.parametrize("bad", [{"fading_factor": 0.0}, {"min_std": 0.0}, {"clip": 0.0}])
def test_bad_parameters_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        DeviationFromMean(**bad).fit_one([1.0])
