"""The adaptive random forest: it learns, follows drift, and spreads over threads."""

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.datasets import SEA, ConceptDrift
from onlineml.learners import AdaptiveRandomForestClassifier, HoeffdingTreeClassifier


def _drifting(n: int = 8000) -> tuple[np.ndarray, np.ndarray]:
    stream = ConceptDrift(
        SEA(function=3, seed=1), SEA(function=2, seed=2), position=n // 2, width=1
    )
    (chunk,) = stream.take(n).chunks(n)
    return chunk.X, chunk.y


def _turned(n: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that change places half way."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 4))
    return X, (X[:, 0] + X[:, 1] > 0) ^ (np.arange(n) >= n // 2)


def test_trees_are_replaced_after_a_drift_and_recover() -> None:
    X, y = _turned()
    forest = AdaptiveRandomForestClassifier(n_members=5, seed=1)
    right = forest.predict_fit_many(X, y) == y
    assert forest.n_replaced >= 5
    assert right[2000:3000].mean() > 0.93
    assert right[5000:].mean() > 0.93
    tree = HoeffdingTreeClassifier().predict_fit_many(X, y) == y
    assert right[3000:3500].mean() > tree[3000:3500].mean() + 0.4


def test_is_better_than_one_tree_under_drift() -> None:
    X, y = _drifting()
    forest = AdaptiveRandomForestClassifier(seed=2).predict_fit_many(X, y) == y
    tree = HoeffdingTreeClassifier().predict_fit_many(X, y) == y
    assert forest.mean() > tree.mean()
    assert forest[-1000:].mean() > 0.85


def test_threads_change_no_bit() -> None:
    X, y = _turned(2500)
    one = AdaptiveRandomForestClassifier(n_members=4, seed=3).fit_many(X, y)
    two = AdaptiveRandomForestClassifier(n_members=4, seed=3, n_jobs=2)
    for part in np.array_split(np.arange(len(X)), 7):
        two.fit_many(X[part], y[part])
    assert_same_state(one.get_state(), two.get_state())


def test_leaves_look_at_some_features_only() -> None:
    X, y = _turned(1000)
    tree = HoeffdingTreeClassifier(max_features=2, seed=1).fit_many(X, y)
    looked = tree.blind_[tree.drawn_ == 1] == 0
    assert len(looked)
    assert (looked.sum(axis=1) == 2).all()
    everything = HoeffdingTreeClassifier(max_features=1.0, seed=1).fit_many(X, y)
    plain = HoeffdingTreeClassifier().fit_many(X, y)
    np.testing.assert_array_equal(everything.predict_proba_many(X), plain.predict_proba_many(X))


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_features", "log"), ("max_features", 0), ("max_features", 2.5), ("delta_drift", 2.0),
     ("poisson_mean", 0.0), ("n_members", 0)],
)  # fmt: skip
def test_parameters_that_cannot_be_used(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        AdaptiveRandomForestClassifier(**{name: value}).fit_one([1.0, 2.0], "a")
