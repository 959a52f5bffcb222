"""Gated learning against its plain definition."""

import numpy as np
import pytest

from onlineml.detectors import GatedDetector, HalfSpaceTrees, KNNDetector
from onlineml.transforms import StandardScaler


def naive(base, X, quantile, one_in, window_size):
    """Row by row, ranks by counting."""
    base, scores, n_strange = base.clone(), [], 0
    for x in X:
        score, past = base.score_one(x), scores[-window_size:]
        rank = sum(before < score for before in past) / (len(past) + 1)
        strange = 10 * len(scores) >= window_size and rank > quantile
        n_strange += strange
        if not strange or n_strange % one_in == 0:
            base.fit_one(x)
        scores.append(score)
    return np.array(scores)


@pytest.mark.parametrize("base", [KNNDetector(window_size=50), HalfSpaceTrees(seed=2, n_trees=3)])
def test_equals_its_naive_twin(base) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 3))
    X[::15] += 5.0
    model = GatedDetector(base=base, quantile=0.8, one_in=4, window_size=120)
    np.testing.assert_array_equal(model.score_fit_many(X), naive(base, X, 0.8, 4, 120))


def test_a_lasting_change_becomes_normal() -> None:
    X = np.random.default_rng(1).normal(size=(9000, 3))
    X[3000:] += 8.0
    scores = GatedDetector(base=KNNDetector(window_size=256)).score_fit_many(X)
    assert scores[3000] > 5.0
    assert np.median(scores[8000:]) < 2.0


def test_bad_parameters_are_refused() -> None:
    good = KNNDetector()
    for bad in (
        {"base": StandardScaler()},
        {"base": good, "quantile": 1},
        {"base": good, "one_in": 0},
    ):
        with pytest.raises(ValueError, match=list(bad)[-1]):
            GatedDetector(**bad).fit_one([1.0])
