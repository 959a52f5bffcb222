"""The online isolation forest against a naive twin; quality; forgetting."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import OnlineIsolationForest
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive import online_isolation_forest as naive


@pytest.mark.parametrize("growth", ["adaptive", "fixed"])
@pytest.mark.parametrize("seed", range(2))
def test_equals_the_naive_twin(seed: int, growth: str) -> None:
    X = moving_rows(seed, 600)
    X[300] = 1e6
    X[400:450] = 1.0
    detector = OnlineIsolationForest(
        n_trees=4, window_size=100, max_leaf_samples=4, growth=growth, seed=seed
    )
    twin = naive.OnlineIsolationForest(4, 100, 4, 2.0 if growth == "adaptive" else 1.0, seed)
    due = []
    for x in X.tolist():
        due.append(twin.score(x))
        twin.fit(x)
    assert twin.n_anew > 2
    assert twin.n_merged > 20
    np.testing.assert_allclose(detector.score_fit_many(X), due, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "drift", "least"),
    [({}, False, 0.88), ({}, True, 0.9), ({"max_leaf_samples": 8}, False, 0.92)],
)
def test_finds_anomalies(options: dict[str, int], drift: bool, least: float) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = OnlineIsolationForest(**options).score_fit_many(X)  # type: ignore[arg-type]
    assert roc_auc_score(labels[1000:], scores[1000:]) > least


def test_masses_are_those_of_the_window() -> None:
    X, _ = clusters_with_anomalies(5000)
    detector = OnlineIsolationForest(n_trees=5, window_size=500).fit_many(X)
    assert (detector.masses_[:, 1] == 500).all()
    assert (detector.masses_ >= 0).all()


def test_a_far_row_leaves_boxes_small() -> None:
    X = np.random.default_rng(0).normal(size=(1000, 3))
    X[500] = 1e6
    detector = OnlineIsolationForest(window_size=300).fit_many(X)
    assert np.nanmax(detector.high_) < 20.0


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_trees": 0}, "n_trees"),
        ({"max_leaf_samples": 0}, "max_leaf_samples"),
        ({"window_size": 32}, "window_size"),
        ({"growth": "none"}, "growth"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: got"):
        OnlineIsolationForest(**wrong).fit_one([1.0])  # type: ignore[arg-type]
