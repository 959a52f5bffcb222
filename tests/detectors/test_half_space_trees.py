"""Half-space trees against a naive twin; quality; what a feature contributes."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import HalfSpaceTrees
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive import half_space_trees as naive


@pytest.mark.parametrize("scoring", ["terminal", "summed"])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_naive_twin(seed: int, scoring: str) -> None:
    X = moving_rows(seed)
    detector = HalfSpaceTrees(
        n_trees=4, height=5, window_size=40, scoring=scoring, size_limit=0.1, seed=seed
    )
    twin = naive.HalfSpaceTrees(4, 5, 40, 0.1, scoring == "summed", seed)
    due = []
    for i, x in enumerate(X.tolist()):
        due.append(twin.score(x))
        if i in (100, 399):
            np.testing.assert_allclose(detector.explain_one(x), twin.contributions(x), rtol=1e-12)
        twin.fit(x)
        detector.fit_one(x)
    assert twin.n_measured > 1
    np.testing.assert_allclose(detector.clone().score_fit_many(X), due, rtol=1e-12)


def test_the_clock_may_turn_back() -> None:
    X = moving_rows(0)
    detector = HalfSpaceTrees(n_trees=3, height=4, window_size=20, seed=0)
    due = detector.score_fit_many(X)
    late = detector.clone().fit_many(X[:20])
    shift = (1 << 16) - 5 - late.counts_[3]
    late.cells_ += np.where(late.cells_ >> 28 & 0xFFFF, shift << 28, 0)
    late.counts_[3] += shift
    late.set_state(late.get_state())
    np.testing.assert_array_equal(late.score_fit_many(X[20:]), due[20:])
    assert late.counts_[3] < 100


@pytest.mark.parametrize(
    ("options", "drift", "least"),
    [
        ({}, False, 0.95),
        ({}, True, 0.95),
        ({"scoring": "terminal", "size_limit": 0.1}, False, 0.90),
        ({"n_trees": 10, "height": 8}, False, 0.88),
    ],
)
def test_finds_anomalies(options: dict[str, object], drift: bool, least: float) -> None:
    X, labels = clusters_with_anomalies(drift=drift)
    scores = HalfSpaceTrees(**options).score_fit_many(X)  # type: ignore[arg-type]
    assert least < roc_auc_score(labels[1000:], scores[1000:]) < least + 0.07


def test_the_strange_feature_contributes_most() -> None:
    X = np.random.default_rng(0).normal(size=(2000, 5))
    detector = HalfSpaceTrees().fit_many(X)
    for j in range(5):
        x = np.zeros(5)
        x[j] = 4.0
        assert detector.explain_one(x).argmax() == j


def test_follows_a_change_of_units() -> None:
    X, labels = clusters_with_anomalies(12_000)
    X[4000:] = 1000.0 * X[4000:] + 50.0
    scores = HalfSpaceTrees().score_fit_many(X)
    assert roc_auc_score(labels[6000:], scores[6000:]) > 0.85


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"n_trees": 0}, "n_trees"),
        ({"height": 25}, "height"),
        ({"window_size": 1 << 14}, "window_size"),
        ({"size_limit": 1.0}, "size_limit"),
        ({"scoring": "mean"}, "scoring"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: got"):
        HalfSpaceTrees(**wrong).fit_one([1.0])  # type: ignore[arg-type]
