"""Isolation forests over windows against naive twins; quality; forgetting."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import AdaptiveIsolationForest, IForestASD
from tests.detectors.streams import Array, clusters_with_anomalies, moving_rows
from tests.naive import isolation_forests as naive


def uneven_rows(seed: int) -> Array:
    X = moving_rows(seed, 500)
    X[:, 2] = np.floor(X[:, 2])
    X[200] = 1e6
    X[350:] += 4.0
    return X


@pytest.mark.parametrize("threshold", [None, 0.3])
@pytest.mark.parametrize("seed", range(2))
def test_iforest_asd_equals_the_naive_twin(seed: int, threshold: float | None) -> None:
    X = uneven_rows(seed)
    detector = IForestASD(
        n_trees=7, window_size=80, sample_size=50, drift_threshold=threshold, seed=seed
    )
    twin = naive.IForestASD(7, 80, 50, 1.0 if threshold is None else threshold, seed)
    due = []
    for x in X.tolist():
        due.append(twin.score(x))
        twin.fit(x)
    assert (twin.n_drifts > 1) == (threshold is not None)
    np.testing.assert_allclose(detector.score_fit_many(X), due, rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_adaptive_isolation_forest_equals_the_naive_twin(seed: int) -> None:
    X = uneven_rows(seed)
    detector = AdaptiveIsolationForest(
        n_trees=6, window_size=40, n_candidates=4, n_replaced=2, size_share=0.4, seed=seed
    )
    twin = naive.AdaptiveIsolationForest(6, 40, 4, 2, 0.4, seed)
    due = []
    for x in X.tolist():
        due.append(twin.score(x))
        twin.fit(x)
    assert 0 < twin.n_oldest < 2 * twin.n_windows
    np.testing.assert_allclose(detector.score_fit_many(X), due, rtol=1e-9)


@pytest.mark.parametrize(
    ("detector", "drift", "least"),
    [
        (IForestASD(), False, 0.94),
        (IForestASD(), True, 0.93),
        (IForestASD(drift_threshold=0.1), True, 0.95),
        (AdaptiveIsolationForest(), False, 0.93),
        (AdaptiveIsolationForest(), True, 0.88),
    ],
)
def test_finds_anomalies(
    detector: IForestASD | AdaptiveIsolationForest, drift: bool, least: float
) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = detector.clone().score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > least


@pytest.mark.parametrize(
    ("detector", "named"),
    [
        (IForestASD(n_trees=0), "n_trees"),
        (IForestASD(sample_size=1), "sample_size"),
        (IForestASD(window_size=100), "window_size"),
        (IForestASD(drift_threshold=1.5), "drift_threshold"),
        (AdaptiveIsolationForest(n_trees=0), "n_trees"),
        (AdaptiveIsolationForest(window_size=1), "window_size"),
        (AdaptiveIsolationForest(n_candidates=0), "n_candidates"),
        (AdaptiveIsolationForest(n_replaced=11), "n_replaced"),
        (AdaptiveIsolationForest(size_share=2.0), "size_share"),
    ],
)
def test_wrong_parameters_are_refused(
    detector: IForestASD | AdaptiveIsolationForest, named: str
) -> None:
    with pytest.raises(ValueError, match=f"^{named}: got"):
        detector.clone().fit_one([1.0])
