"""Streaming random patches: random features, drift, threads, any learner."""

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.learners import (
    GaussianNB,
    HoeffdingTreeClassifier,
    NearestClassMean,
    StreamingRandomPatchesClassifier,
)


def _turned(n: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that change places half way."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 4))
    return X, (X[:, 0] + X[:, 1] > 0) ^ (np.arange(n) >= n // 2)


def test_members_are_replaced_after_a_drift_and_recover() -> None:
    X, y = _turned()
    model = StreamingRandomPatchesClassifier(n_members=7, seed=1)
    right = model.predict_fit_many(X, y) == y
    assert model.n_replaced >= 5
    assert right[2000:3000].mean() > 0.85
    tree = HoeffdingTreeClassifier().predict_fit_many(X, y) == y
    assert right[3000:3500].mean() > tree[3000:3500].mean() + 0.4


def test_a_single_member_without_drift_is_its_base_on_its_features() -> None:
    """On one half of the stream nothing drifts: the member must be the learner on those columns."""
    X, y = _turned()
    X, y = X[:2500], y[:2500]
    model = StreamingRandomPatchesClassifier(
        base=GaussianNB(), n_members=1, max_features=2, training="subspaces", seed=4
    )
    got = model.predict_proba_fit_many(X, y)
    columns = np.flatnonzero(model.looks_[0, 0])
    assert len(columns) == 2
    assert model.n_replaced == 0
    due = GaussianNB().predict_proba_fit_many(np.ascontiguousarray(X[:, columns]), y)
    np.testing.assert_allclose(got[1:], due[1:], rtol=1e-12)


def test_members_look_at_different_features() -> None:
    X, y = _turned(200)
    model = StreamingRandomPatchesClassifier(n_members=20, max_features=0.5, seed=0).fit_many(X, y)
    assert (model.looks_[0].sum(axis=1) == 2).all()
    assert len(np.unique(model.looks_[0], axis=0)) > 3
    whole = StreamingRandomPatchesClassifier(training="resampling", seed=0).fit_many(X, y)
    assert whole.looks_[0].all()


def test_threads_change_no_bit() -> None:
    X, y = _turned(2500)
    one = StreamingRandomPatchesClassifier(n_members=4, seed=3).fit_many(X, y)
    two = StreamingRandomPatchesClassifier(n_members=4, seed=3, n_jobs=2)
    for part in np.array_split(np.arange(len(X)), 7):
        two.fit_many(X[part], y[part])
    assert_same_state(one.get_state(), two.get_state())


def test_over_any_learner() -> None:
    X, y = _turned(1500)
    model = StreamingRandomPatchesClassifier(base=NearestClassMean(), n_members=5, seed=1)
    assert (model.predict_fit_many(X, y) == y).mean() > 0.8


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_features", "log"), ("max_features", 0), ("training", "all"), ("delta_drift", 2.0),
     ("base", 3), ("n_members", 0)],
)  # fmt: skip
def test_parameters_that_cannot_be_used(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        StreamingRandomPatchesClassifier(**{name: value}).fit_one([1.0, 2.0], "a")


def test_members_that_see_all_features_see_new_ones() -> None:
    rng = np.random.default_rng(2)
    names = ["a", "b", "c", "d", "e"]
    for max_features, seen in ((3, 3), (8, 5)):
        model = StreamingRandomPatchesClassifier(n_members=2, max_features=max_features, seed=1)
        for i in range(60):
            row = dict(zip(names[: 2 + i // 15], rng.normal(size=2 + i // 15).tolist()))
            model.predict_one(row)
            model.fit_one(row, i % 2)
        assert [member.schema_.n_features for member in model.members_] == [seen, seen]
        assert model.looks_[0].sum(axis=1).tolist() == [seen, seen]
