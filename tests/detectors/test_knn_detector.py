"""Distances in a window against all pairs of rows."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.checks import rows
from onlineml.detectors import KNNDetector
from tests.detectors.streams import clusters_with_anomalies


def naive(X, n_neighbors, window_size, scaled):
    """All distances to the rows before, each feature over its faded, cut deviation."""
    scores = []
    n, mean, variance = (np.zeros(X.shape[1]) for _ in "123")
    for i, x in enumerate(X):
        past = X[max(i - window_size, 0) : i]
        squares = np.zeros(len(past))
        for j in np.flatnonzero(~np.isnan(x)):
            known = past[:, j][~np.isnan(past[:, j])]
            spread = variance[j] if scaled else 1.0
            if spread > 0 and len(past):
                gap = (past[:, j] - x[j]) ** 2 / spread
                missing = 2.0 if scaled else 2.0 * variance[j]
                squares += np.where(np.isnan(gap), missing, gap)
            assert len(known) <= window_size
        scores.append(np.sqrt(np.sort(squares)[:n_neighbors]).mean() if len(past) else 0.0)
        for j in np.flatnonzero(~np.isnan(x)):
            n[j] += 1
            step, gap = max(1 / n[j], 1 / window_size), x[j] - mean[j]
            if n[j] > 20 and variance[j] > 1e-24:
                gap = np.clip(gap, -10 * variance[j] ** 0.5, 10 * variance[j] ** 0.5)
            mean[j] += step * gap
            variance[j] = (1 - step) * (variance[j] + step * gap**2)
    return np.array(scores)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize(("n_neighbors", "window_size"), [(1, 30), (10, 64), (5, 5)])
def test_equals_its_naive_twin(scaled: bool, n_neighbors: int, window_size: int) -> None:
    X, _ = rows(3, 300)
    model = KNNDetector(n_neighbors=n_neighbors, window_size=window_size, scaled=scaled)
    due = naive(X, n_neighbors, window_size, scaled)
    np.testing.assert_allclose(model.score_fit_many(X), due, rtol=1e-7, atol=1e-9)


def test_contributions_sum_to_the_score() -> None:
    X, _ = rows(3, 300)
    model = KNNDetector(window_size=100).fit_many(X)
    for x in X[:40]:
        assert model.explain_one(x).sum() == pytest.approx(model.score_one(x), rel=1e-9)
    assert model.explain_one([0.0, 30.0, 0.0, 0.0, 3.0]).argmax() == 1


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(6000, drift=drift)
    scores = KNNDetector().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.99


@pytest.mark.parametrize("bad", [{"window_size": 0}, {"n_neighbors": 0}, {"n_neighbors": 2000}])
def test_bad_parameters_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        KNNDetector(**bad).fit_one([1.0])
