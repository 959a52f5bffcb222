"""Mahalanobis distances against explicit matrices; quality; what features contribute."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import MahalanobisDetector
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive.mahalanobis import Mahalanobis


def related_rows(seed: int) -> np.ndarray:
    """Moving rows, sums and differences of their features, and one that is constant at first."""
    X = np.hstack([moving_rows(seed), moving_rows(seed + 10)])
    X[:, 3] += X[:, 0]
    X[:, 4] -= X[:, 2]
    X[100:, 5] = X[:100, 5].mean()
    X[:150, 5] = 3.0
    return np.ascontiguousarray(X)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("rank", [None, 1, 3])
def test_equals_the_naive_twin(seed: int, rank: int | None) -> None:
    X = related_rows(seed)
    weight = np.random.default_rng(seed).choice([0.0, 1.0, 1.0, 2.5], len(X))
    detector = MahalanobisDetector(fading_factor=0.98, n_components=rank, clip=2.0)
    twin = Mahalanobis(6, 0.98, rank, 2.0)
    due = []
    for i, x in enumerate(X):
        due.append(twin.score(x))
        if i % 50 == 49:
            np.testing.assert_allclose(
                detector.explain_one(x), twin.contributions(x)[1], rtol=1e-6, atol=1e-8
            )
        twin.fit(x, weight[i])
        detector.fit_one(x, weight=weight[i])
    scores = detector.clone().score_fit_many(X, weight=weight)
    np.testing.assert_allclose(scores, due, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rank", [None, 3])
def test_contributions_sum_to_the_score(rank: int | None) -> None:
    X = related_rows(3)
    detector = MahalanobisDetector(n_components=rank).fit_many(X)
    for x in X[:40]:
        assert detector.explain_one(x).sum() == pytest.approx(detector.score_one(x), abs=1e-9)


@pytest.mark.parametrize("rank", [None, 4])
@pytest.mark.parametrize(("drift", "least"), [(False, 0.999), (True, 0.99)])
def test_finds_anomalies(rank: int | None, drift: bool, least: float) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = MahalanobisDetector(n_components=rank).score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > least


def test_low_rank_finds_the_axes() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 12)) + 0.1 * rng.normal(size=(4000, 12))
    detector = MahalanobisDetector(n_components=3, fading_factor=0.9999).fit_many(X)
    values, vectors = np.linalg.eigh(np.corrcoef(X.T))
    np.testing.assert_allclose(detector.spreads_, values[:-4:-1], rtol=0.1)
    shared = detector.axes_ @ vectors[:, -3:]
    np.testing.assert_allclose(np.linalg.svd(shared)[1], 1.0, atol=0.01)


def test_follows_a_change_of_units() -> None:
    X, labels = clusters_with_anomalies(12_000)
    X[4000:] = 1000.0 * X[4000:] + 50.0
    scores = MahalanobisDetector().score_fit_many(X)
    assert roc_auc_score(labels[5500:], scores[5500:]) > 0.99


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"fading_factor": 0.0}, "fading_factor"), ({"n_components": 0}, "n_components"),
     ({"clip": 0.0}, "clip")],
)  # fmt: skip
def test_wrong_parameters_are_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: got"):
        MahalanobisDetector(**wrong).fit_one([1.0])  # type: ignore[arg-type]
