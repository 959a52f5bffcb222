"""The mixture: its combiners, its experts, its budget, and that it is worth having."""

import numpy as np
import pytest

from onlineml import checks
from onlineml.checks import assert_same_state
from onlineml.datasets import load
from onlineml.learners import (
    DriftMixture,
    GaussianNB,
    HoeffdingTreeClassifier,
    KNNClassifier,
    MajorityClassifier,
    NoChangeClassifier,
    SoftmaxRegression,
)
from onlineml.schema import Schema
from onlineml.transforms import StandardScaler
from tests.naive.mixing import Mixing

EXPERTS = (GaussianNB(), KNNClassifier(window_size=50), MajorityClassifier())


def _rows(n=400):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 3))
    score = X[:, 0] - X[:, 1] + 0.5 * rng.normal(size=n)
    X[rng.random(X.shape) < 0.03] = np.nan
    return X, np.where(score > 0.8, 2, score > -0.3).astype(int)


NAMES = ("vote", "accuracy", "gate", "pool", "stack", "hedge", "best")


@pytest.mark.parametrize("lags", [0, 2])
def test_combiners_equal_their_naive_twins(lags: int) -> None:
    X, y = _rows()
    y = np.concatenate([[0, 1, 2], y[3:]])  # classes in order of their codes
    weight = np.random.default_rng(1).choice([0.0, 0.5, 1.0, 3.0], len(y), p=[0.1, 0.2, 0.6, 0.1])
    weight[:3] = 1.0
    Z = StandardScaler().transform_fit_many(X, weight=weight)
    P = np.stack([e.clone().predict_proba_fit_many(X, y, weight=weight) for e in EXPERTS])
    P = np.nan_to_num(P)
    got = {}
    for name in (*NAMES, "blend"):
        model = DriftMixture(
            n_trees=0, experts=EXPERTS, combiner=name, lag_labels=lags, delta_warning=1e-12,
            delta_drift=1e-12, hidden=4, seed=5,
        )  # fmt: skip
        first = model.clone().start(Schema(3)).hidden_[0, :, 0]
        got[name] = model.predict_proba_fit_many(X, y, weight=weight)
    twin = Mixing(3, 3, lags, first)
    for i in range(len(X)):
        p, right = np.zeros((3, 3)), np.zeros(3)
        if twin.n:
            known = P[:, i, : twin.n].sum(1, keepdims=True)
            p = np.where(known > 0, P[:, i, : twin.n] / np.maximum(known, 1e-300), 1 / twin.n)
            right = (P[:, i, : twin.n].argmax(1) == y[i]) & (known[:, 0] > 0)
            due = twin.answers(p, Z[i])[0]
            for a, name in enumerate(NAMES):
                np.testing.assert_allclose(got[name][i, : twin.n], due[a], rtol=1e-7, atol=1e-12)
            np.testing.assert_allclose(got["blend"][i, : twin.n], twin.blend(due), rtol=1e-7)
        twin.learn(p, Z[i], int(y[i]), right, weight[i])


def test_is_better_than_each_of_its_experts() -> None:
    """Two concepts in the plane: neighbors know one, a linear model the other."""
    stream = load("rbf_f", seed=101, n_rows=6000)
    (chunk,) = stream.take(6000).chunks(6000)
    X, y = chunk.X, chunk.y
    experts = (KNNClassifier(n_neighbors=5, window_size=500), GaussianNB(), SoftmaxRegression())
    right = [np.mean(e.clone().predict_fit_many(X, y) == y) for e in experts]
    mixture = DriftMixture(n_trees=4, experts=experts, seed=1)
    assert np.mean(mixture.predict_fit_many(X, y) == y) > max(right) - 0.005
    assert sum(mixture.expert_shares.values()) == pytest.approx(1.0)
    shares = list(mixture.expert_shares.values())
    assert max(shares) == shares[5], "the gate trusts the neighbors"
    assert 0 < mixture.gate_entropy < np.log2(7)
    assert sum(mixture.combiner_weights.values()) == pytest.approx(1.0)
    assert mixture.combiner_weights["vote"] < 0.05


def test_nothing_leaks() -> None:
    """LED with 10 % noise cannot be told better than 74 %, random labels not at all."""
    (chunk,) = load("led", seed=7, n_rows=10_000).take(10_000).chunks(10_000)
    right = DriftMixture(seed=1).predict_fit_many(chunk.X, chunk.y) == chunk.y
    assert 0.71 < right.mean() < 0.74 + 3 * np.sqrt(0.74 * 0.26 / len(right))
    y = np.random.default_rng(0).integers(0, 4, 4000)
    right = DriftMixture(seed=1, lag_labels=2).predict_fit_many(chunk.X[:4000], y) == y
    assert right.mean() < 0.25 + 3 * np.sqrt(0.25 * 0.75 / len(right))


def test_follows_a_drift() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(6000, 4))
    y = (X[:, 0] + X[:, 1] > 0) ^ (np.arange(6000) >= 3000)
    mixture = DriftMixture(n_trees=5, seed=1)
    right = mixture.predict_fit_many(X, y) == y
    assert mixture.n_replaced >= 5
    assert right[2000:3000].mean() > 0.95
    assert right[4000:].mean() > 0.95


def test_labels_that_persist_are_used_only_when_asked_for() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(rng.integers(0, 2, 150), 20)
    X = rng.normal(size=(len(y), 2))
    accuracy = {}
    for lags in (0, 1):
        model = DriftMixture(n_trees=0, experts=EXPERTS, lag_labels=lags)
        accuracy[lags] = np.mean((model.predict_fit_many(X, y) == y)[1500:])
    persistence = np.mean((NoChangeClassifier().predict_fit_many(X, y) == y)[1500:])
    assert accuracy[1] > persistence - 0.03
    assert accuracy[0] < accuracy[1] - 0.1


def test_rare_classes_are_learned_more_often() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 3))
    y = (X[:, 0] + 0.7 * rng.normal(size=4000) > 2.2).astype(int)
    recall = {}
    for imbalance in (None, "oob"):
        model = DriftMixture(n_trees=5, experts=(), imbalance=imbalance, combiner="vote", seed=2)
        answers = model.predict_fit_many(X, y)
        recall[imbalance] = np.mean(answers[1000:][y[1000:] == 1] == 1)
    assert recall["oob"] > recall[None] + 0.1


def test_useless_experts_begin_anew_wherever_chunks_end() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(7000, 4))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    model = DriftMixture(n_trees=4, experts=(SoftmaxRegression(), MajorityClassifier()), seed=2)
    whole = model.clone()
    expected = whole.predict_fit_many(X, y)
    assert whole.n_renewed_[4] >= 2, "majority is of no use"
    assert whole.n_renewed == whole.n_renewed_.sum()
    parts = [
        model.predict_fit_many(X[part], y[part]) for part in np.split(np.arange(7000), [999, 3777])
    ]
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert_same_state(whole.get_state(), model.get_state())


def test_experts_that_do_not_forget_are_watched() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(4000, 4))
    y = (X[:, 0] > 0) ^ (np.arange(4000) >= 2000)
    experts = (SoftmaxRegression(), HoeffdingTreeClassifier())
    model = DriftMixture(n_trees=0, experts=experts, seed=1).fit_many(X, y)
    assert list(model.expert_shares) == ["0 HoeffdingTreeClassifier", "1 SoftmaxRegression"]
    assert model.n_drifts_.tolist() == [1, 0]


def test_every_second_tree_sees_some_features_only() -> None:
    X = np.random.default_rng(3).normal(size=(100, 10))
    model = DriftMixture(n_trees=4, seed=1).fit_many(X, X[:, 0] > 0)
    assert [member.schema_.n_features for member in model.members_[:5]] == [10, 6, 10, 6, 10]


@pytest.mark.parametrize(
    "check",
    ["chunks_equal_rows", "nominal_features", "features_come_and_go", "resumes_from_file",
     "weights_by_row", "odd_rows"],
)  # fmt: skip
def test_the_whole_pool_passes_checks_too(check: str) -> None:
    getattr(checks, f"check_{check}")(DriftMixture(n_trees=3, imbalance="oob", seed=1))


def test_threads_change_no_bit() -> None:
    X, y = _rows(1500)
    one = DriftMixture(n_trees=4, seed=3).fit_many(X, y)
    two = DriftMixture(n_trees=4, seed=3, n_jobs=2)
    for part in np.array_split(np.arange(len(X)), 7):
        two.fit_many(X[part], y[part])
    assert_same_state(one.get_state(), two.get_state())


def test_keeps_to_its_budget() -> None:
    X, y = _rows(4000)
    model = DriftMixture(seed=1, max_bytes=900_000).fit_many(X, y)
    assert model.nbytes <= 900_000
    for n_trees in (0, 10):
        with pytest.raises(ValueError, match="max_bytes"):
            DriftMixture(n_trees=n_trees, max_bytes=50_000).fit_many(X, y)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_trees", -1), ("experts", (3,)), ("imbalance", "smote"), ("combiner", "chosen"),
     ("hidden", 0), ("lag_labels", -1), ("delta_drift", 2.0), ("poisson_mean", 0.0)],
)  # fmt: skip
def test_parameters_that_cannot_be_used(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        DriftMixture(**{name: value}).fit_one([1.0, 2.0], "a")
    with pytest.raises(ValueError, match="experts"):
        DriftMixture(n_trees=0, experts=()).fit_one([1.0], "a")
