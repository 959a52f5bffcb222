"""Nearest class mean, SLDA and DEE: plain twins, scikit-learn, and digits class by class."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid

from onlineml.evaluation import class_incremental
from onlineml.kernels.top_k import soft_top_k, top_k
from onlineml.learners import DEE, SLDA, NearestClassMean, SoftmaxRegression
from tests.naive import class_incremental as naive
from tests.naive.streams import SCHEMA, mixed

SHAPE: Any = (5, {2}, 8)  # features, nominal ones, room for values


@pytest.mark.parametrize("scaled", [True, False])
def test_nearest_class_mean_equals_the_naive_twin(scaled: bool) -> None:
    X, y, _, weight = mixed(1, 120)
    model = NearestClassMean(scaled=scaled).start(SCHEMA)
    twin = naive.NearestClassMean(*SHAPE, scaled)
    for i, x in enumerate(X):
        if i > 2 and (i < 30 or i % 4 == 0):
            np.testing.assert_allclose(
                model.predict_proba_one(x), twin.predict_proba_one(x), atol=1e-9
            )
        model.fit_one(x, int(y[i]), weight=float(weight[i]))
        twin.fit_one(x, int(y[i]), float(weight[i]))
    assert len(model.classes_) == 3


@pytest.mark.parametrize(("shrinkage", "prior"), [(1e-3, "uniform"), (0.2, "observed")])
def test_slda_equals_the_naive_twin(shrinkage: float, prior: Any) -> None:
    X, y, _, weight = mixed(2, 400)
    model = SLDA(shrinkage=shrinkage, prior=prior).start(SCHEMA)
    twin = naive.SLDA(*SHAPE, shrinkage, prior == "observed")
    for i, x in enumerate(X):
        if i > 2:
            np.testing.assert_allclose(
                model.predict_proba_one(x), twin.predict_proba_one(x), atol=1e-7
            )
        model.fit_one(x, int(y[i]), weight=float(weight[i]))
        twin.fit_one(x, int(y[i]), float(weight[i]))
    assert len(model.classes_) == 3


@pytest.mark.parametrize(("routing", "averaged"), [("hard", True), ("soft", True), ("hard", False)])
def test_dee_equals_the_naive_twin(routing: Any, averaged: bool) -> None:
    X, y, _, weight = mixed(3, 90)
    params: dict[str, Any] = {"n_chosen": 3, "learning_rate": 2.0, "weight_decay": 0.05}
    params |= {"routing": routing, "averaged": averaged, "epsilon": 0.05}
    model = DEE(n_experts=12, seed=4, **params).start(SCHEMA)
    twin = naive.DEE(*SHAPE, **params)
    for i, x in enumerate(X):
        if i > 2 and (routing == "hard" or i % 4 == 0):
            due = twin.predict_proba_one(x, model.keys_.reshape(-1, 12))
            np.testing.assert_allclose(model.predict_proba_one(x), due, atol=1e-6)
        model.fit_one(x, int(y[i]), weight=float(weight[i]))
        twin.fit_one(x, int(y[i]), float(weight[i]), model.keys_.reshape(-1, 12))
    assert len(model.classes_) == 3


@pytest.mark.parametrize("epsilon", [0.5, 0.05])
def test_soft_top_k_is_what_sinkhorn_steps_approach(epsilon: float) -> None:
    cosine = np.random.default_rng(5).normal(size=40) / 5
    due = naive.transported(cosine, 6, epsilon)
    assert due.sum() == pytest.approx(6, abs=1e-6)
    chosen, share = np.empty(40, np.int64), np.empty(40)
    n = soft_top_k(cosine, 6, epsilon, chosen, share)
    expected = np.flatnonzero(due >= 0.3)
    np.testing.assert_array_equal(chosen[:n], expected if len(expected) else [cosine.argmax()])
    np.testing.assert_allclose(share[:n], due[expected] if len(expected) else 1.0, atol=1e-6)


def test_soft_top_k_becomes_the_hard_one() -> None:
    cosine = np.random.default_rng(6).permutation(np.linspace(-0.9, 0.9, 50))
    chosen, share, best = np.empty(50, np.int64), np.empty(50), np.empty(7, np.int64)
    n = soft_top_k(cosine, 7, 5e-4, chosen, share)
    top_k(cosine, best)
    np.testing.assert_array_equal(best, np.argsort(-cosine)[:7])
    assert n == 7
    np.testing.assert_array_equal(chosen[:7], np.sort(best))
    np.testing.assert_allclose(share[:7], 1.0, atol=1e-6)


def test_soft_top_k_of_equal_values_gives_one() -> None:
    chosen, share = np.empty(30, np.int64), np.empty(30)
    assert soft_top_k(np.zeros(30), 3, 5e-4, chosen, share) == 1
    assert (chosen[0], share[0]) == (0, 1.0)


# ------------------------------------------------------------------------------- SLDA


def _clouds(seed: int, n: int = 1500) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    mixing = rng.normal(size=(6, 6))
    return rng.normal(size=(n, 6)) @ mixing + rng.normal(size=(4, 6))[y], y


@pytest.mark.parametrize("prior", ["uniform", "observed"])
def test_slda_agrees_with_scikit_learn(prior: Any) -> None:
    X, y = _clouds(7)
    order = np.argsort(y, kind="stable")
    model = SLDA(shrinkage=1e-9, prior=prior).fit_many(X[order], y[order])
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(X, y)
    due = theirs.predict_proba(X)
    if prior == "uniform":  # given them, theirs would weight the covariance by them too
        due /= theirs.priors_
        due /= due.sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba_many(X), due, atol=1e-6)


def test_the_order_of_classes_does_not_matter() -> None:
    X, y = _clouds(8)
    order = np.argsort(-y, kind="stable")
    by_class, at_random = SLDA().fit_many(X[order], y[order]), SLDA().fit_many(X, y)
    columns = [by_class.classes_.index(label) for label in at_random.classes_]
    np.testing.assert_allclose(
        by_class.predict_proba_many(X)[:, columns], at_random.predict_proba_many(X), atol=1e-4
    )


@pytest.mark.parametrize("wild", [1.0, 1e6])
def test_the_inverse_stays_one(wild: float) -> None:
    X, y = _clouds(9, 4000)
    X[2000] *= wild
    model = SLDA().fit_many(X, y)
    scatter, precision = model.scatter_.reshape(6, 6), model.precision_.reshape(6, 6)
    product = precision @ (scatter + model.totals_[1] * np.eye(6))
    np.testing.assert_allclose(product, np.eye(6), atol=1e-3 if wild > 1.0 else 1e-9)
    assert (np.linalg.eigvalsh((precision + precision.T) / 2) > 0.0).all()


def test_the_ridge_follows_the_weight_in_steps() -> None:
    X, y = _clouds(10, 40)
    model, ridges = SLDA(shrinkage=0.5), []
    for x, label in zip(X, y.tolist(), strict=True):
        ridges.append(model.fit_one(x, label).totals_[1])
    assert ridges[:17] == [1, 2, 3, 4, 5, 6, 7, 8, 8, 10, 10, 12, 12, 14, 14, 16, 16]
    assert ridges[-1] == 40


def test_new_columns_join_the_covariance() -> None:
    rng = np.random.default_rng(11)
    model = SLDA()
    for i in range(300):
        label = i % 2
        noise = rng.normal(size=2)
        row = {"a": noise[0] + label / 4}
        if i >= 50:  # of no use alone, but it says what the noise of the other is
            row["b"] = noise[0] + noise[1] / 100
        model.fit_one(row, label)
    rows = [{"a": 1.0 + label / 4, "b": 1.0} for label in (0, 1)]
    assert [model.predict_one(row) for row in rows] == [0, 1]
    assert model.in_use_.sum() == 2


# ------------------------------------------------------------------------------- others


def test_nearest_class_mean_agrees_with_scikit_learn() -> None:
    X, y = _clouds(12)
    model = NearestClassMean(scaled=False).fit_many(X, y)
    theirs = NearestCentroid().fit(X, y)
    np.testing.assert_array_equal(model.predict_many(X).tolist(), theirs.predict(X).tolist())


@pytest.mark.parametrize("averaged", [True, False])
def test_dee_moves_only_the_chosen_experts_and_the_true_class(averaged: bool) -> None:
    X, y = _clouds(13, 200)
    model = DEE(n_experts=20, n_chosen=4, seed=1, averaged=averaged).fit_many(X, y)
    keys, before = model.keys_.copy(), model.experts_.copy()
    model.fit_one(X[0], 9)  # a class that is new
    code = model.classes_.index(9)
    moved = (model.experts_ != np.pad(before, [(0, 0)] * 3 + [(0, 4)])).any((1, 2))
    assert (moved.sum(1) > 0).sum() == 4
    np.testing.assert_array_equal(np.flatnonzero(moved.any(0)), [code])
    np.testing.assert_array_equal(model.keys_, keys)


def test_the_learning_rate_of_dee_sets_only_the_scale() -> None:
    X, y = _clouds(14, 400)
    slow, fast = (
        DEE(n_experts=30, n_chosen=4, seed=2, learning_rate=rate, weight_decay=0.0).fit_many(X, y)
        for rate in (1e-4, 1e-2)
    )
    np.testing.assert_allclose(100 * slow.experts_, fast.experts_, atol=1e-12)
    np.testing.assert_array_equal(slow.predict_many(X), fast.predict_many(X))


@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (SLDA, {"shrinkage": 0.0}),
        (SLDA, {"shrinkage": 1.0}),
        (SLDA, {"prior": "flat"}),
        (DEE, {"n_experts": 0}),
        (DEE, {"n_chosen": 129}),
        (DEE, {"routing": "warm"}),
        (DEE, {"epsilon": 0.0}),
        (DEE, {"learning_rate": -1.0}),
        (DEE, {"weight_decay": -1.0}),
    ],
)
def test_useless_parameters_are_named(cls: Any, params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        cls(**params).fit_one([1.0], 1)


# ------------------------------------------------------------------------------- learning


def test_digits_class_by_class() -> None:
    """Single pass, standardized, three seeds. Offline discriminant analysis has the same .947."""
    X, y = load_digits(return_X_y=True)
    models = {
        "ncm": NearestClassMean(),
        "slda": SLDA(),
        "dee": DEE(),
        "big dee": DEE(n_experts=1024, n_chosen=32),
        "softmax": SoftmaxRegression(),
    }
    result = class_incremental(models, X, y, standardize=True)
    found = {row["model"]: row for row in result.summary()}
    bands = {
        "ncm": (0.884, 0.904),
        "slda": (0.937, 0.957),
        "dee": (0.925, 0.950),
        "big dee": (0.955, 0.980),
        "softmax": (0.55, 0.75),
    }
    for name, (low, high) in bands.items():
        assert low <= found[name]["final_accuracy"] <= high, found[name]
    assert found["softmax"]["forgetting"] > 0.3
    assert found["slda"]["forgetting"] < 0.05
    assert found["big dee"]["forgetting"] < 0.05
