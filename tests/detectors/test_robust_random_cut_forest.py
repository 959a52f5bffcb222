"""The robust random cut forest against a naive twin; its trees; quality."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import RobustRandomCutForest
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive import robust_random_cut_forest as naive


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_naive_twin(seed: int) -> None:
    X = moving_rows(seed, 250)
    rng = np.random.default_rng(seed)
    again = rng.random(len(X)) < 0.3
    X[1:][again[1:]] = X[:-1][again[1:]]
    X[60], X[61] = X[59].round(), X[59].round()
    X[100] = 1e6
    detector = RobustRandomCutForest(n_trees=3, tree_size=40, seed=seed)
    twin = naive.RobustRandomCutForest(3, 40, seed)
    due = []
    for x in X.tolist():
        due.append(twin.score(x))
        twin.fit(x)
    assert twin.n_planted > 2
    np.testing.assert_allclose(detector.score_fit_many(X), due, rtol=1e-9, atol=1e-12)


def test_boxes_and_counts_are_those_of_the_points() -> None:
    X = moving_rows(0, 1000)
    detector = RobustRandomCutForest(n_trees=4, tree_size=64).fit_many(X)
    n_inner = detector.nodes_.shape[1]

    def visit(t: int, node: int, depth: int) -> list[int]:
        assert depth < 64
        if node >= n_inner:
            return [node - n_inner]
        left, right, count, _ = detector.nodes_[t, node]
        assert detector.parents_[t, left] == detector.parents_[t, right] == node
        points = visit(t, left, depth + 1) + visit(t, right, depth + 1)
        assert count == detector.times_[points].sum()
        inside = detector.points_[points]
        shown = ~np.isnan(inside).all(0)
        np.testing.assert_array_equal(detector.low_[t, node][shown], np.nanmin(inside[:, shown], 0))
        np.testing.assert_array_equal(
            detector.high_[t, node][shown], np.nanmax(inside[:, shown], 0)
        )
        return points

    for t in range(4):
        points = visit(t, detector.roots_[t], 0)
        assert sorted(points) == np.flatnonzero(detector.times_).tolist()
    assert detector.times_.sum() == 64


def test_one_row_many_times_is_not_strange() -> None:
    detector = RobustRandomCutForest(n_trees=10, tree_size=64)
    detector.fit_many(np.ones((500, 3)))
    assert detector.score_one(np.ones(3)) == 0.0
    assert detector.score_one([1.0, 1.0, 1.1]) == 64.0


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(6000, drift=drift)
    scores = RobustRandomCutForest(n_trees=40).score_fit_many(X)
    assert roc_auc_score(labels[600:], scores[600:]) > 0.97


@pytest.mark.parametrize(
    ("wrong", "named"), [({"n_trees": 0}, "n_trees"), ({"tree_size": 1}, "tree_size")]
)
def test_wrong_parameters_are_refused(wrong: dict[str, int], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: got"):
        RobustRandomCutForest(**wrong).fit_one([1.0])
