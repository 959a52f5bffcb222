"""Rows taken out of sums: the model that is left is the one of the other rows."""

from typing import Any

import numpy as np
import pytest

from onlineml.base import Classifier, Regressor
from onlineml.learners import (
    GaussianNB,
    KNNClassifier,
    KNNRegressor,
    MajorityClassifier,
    MeanRegressor,
    NearestClassMean,
)
from onlineml.receipt import KINDS, Receipt, refused, worst
from onlineml.schema import Schema
from onlineml.transforms import MeanImputer, MinMaxScaler, StandardScaler

EXACT: list[Any] = [
    GaussianNB(),
    KNNClassifier(),
    KNNRegressor(),
    MajorityClassifier(),
    MeanImputer(),
    MeanRegressor(),
    NearestClassMean(),
    StandardScaler(),
]
COUNTS = {"weight_", "n_", "counts_", "n_values_"}


def stream(seed: int, n: int) -> tuple[Any, list[str], Any, Any]:
    """Rows with a nominal and missing values, labels, targets, and weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) * [1.0, 1e-3, 1e3, 1.0] + [0.0, 1.0, 1e6, 0.0]
    X[:, 3] = rng.integers(0, 5, n)
    X[rng.random(X.shape) < 0.05] = np.nan
    return X, rng.choice(["a", "b", "c"], n).tolist(), rng.normal(size=n), rng.integers(1, 4, n)


def fit(model: Any, x: Any, label: str, target: float, weight: float) -> None:
    y = label if isinstance(model, Classifier) else target if isinstance(model, Regressor) else None
    model.fit_one(x, y, weight=weight)


def unlearn(model: Any, x: Any, label: str, target: float, weight: float = 1.0) -> Receipt:
    y = label if isinstance(model, Classifier) else target if isinstance(model, Regressor) else None
    receipt: Receipt = model.unlearn_one(x, y, weight=weight)
    return receipt


def begun(model: Any) -> Any:
    return model.clone().start(Schema(4, nominal={3: tuple("vwxyz")}))


def assert_alike(model: Any, gold: Any) -> None:
    state, due = model.get_state(), gold.get_state()
    for name in due:
        if name in COUNTS:
            assert state[name].tobytes() == due[name].tobytes(), name
        elif isinstance(due[name], np.ndarray):
            np.testing.assert_allclose(state[name], due[name], rtol=1e-9, atol=1e-12, err_msg=name)
        else:
            assert state[name] == due[name]


def churn(model: Any, n: int, seed: int) -> tuple[Any, Any]:
    """Learn `n` rows, forgetting about as many as are learned; and the gold of the survivors."""
    rng, kept = np.random.default_rng(seed), []
    events = list(zip(*stream(seed, n)))
    churned, gold = begun(model), begun(model)
    for i, event in enumerate(events):
        fit(churned, *event)
        kept.append(event)
        while i >= 20 and len(kept) > 80 and rng.random() < 0.5:
            gone = kept.pop(int(rng.integers(10, len(kept))))
            assert unlearn(churned, *gone).kind == "exact"
    for event in kept:
        fit(gold, *event)
    return churned, gold


@pytest.mark.parametrize("model", EXACT, ids=repr)
@pytest.mark.parametrize("seed", range(3))
def test_any_interleaving_leaves_the_survivors_alone(model: Any, seed: int) -> None:
    assert_alike(*churn(model, 300, seed))


@pytest.mark.slow
@pytest.mark.parametrize("model", EXACT, ids=repr)
def test_a_hundred_thousand_rows_come_and_go(model: Any) -> None:
    assert_alike(*churn(model, 100_000, 0))


@pytest.mark.parametrize("model", EXACT, ids=repr)
def test_when_all_rows_are_gone_nothing_is_left(model: Any) -> None:
    churned, events = begun(model), list(zip(*stream(5, 60)))
    for event in events:
        fit(churned, *event)
    for event in reversed(events):
        assert unlearn(churned, *event).forgotten
    for name in ("weight_", "n_", "mean_", "m2_", "counts_"):
        assert not np.any(getattr(churned, name, 0.0)), name
    assert unlearn(churned, *events[0]).kind == "refused"


def test_a_class_without_rows_has_no_share() -> None:
    model = GaussianNB().fit_many([[1.0], [1.5], [9.0]], ["a", "a", "b"])
    model.unlearn_one([9.0], "b")
    assert model.predict_proba_one([9.0]).tolist() == [1.0, 0.0]
    model.unlearn_one([1.0], "a")
    model.unlearn_one([1.5], "a")
    assert model.predict_proba_one([9.0]).tolist() == [0.5, 0.5]


def test_an_outlier_takes_digits_with_it_and_the_receipt_says_so() -> None:
    X = np.random.default_rng(0).normal(size=(100, 1))
    gold = StandardScaler().fit_many(X)
    for outlier in (1e6, 1e9):
        model = gold.clone().fit_many(X).fit_one([outlier])
        receipt = model.unlearn_one([outlier])
        assert receipt.kind == "approximate"
        assert abs(model.m2_[0] - gold.m2_[0]) <= receipt.bound * gold.m2_[0]
    assert receipt.bound == np.inf


@pytest.mark.parametrize("model", EXACT, ids=repr)
def test_what_was_not_learned_is_refused(model: Any) -> None:
    churned, events = begun(model), list(zip(*stream(6, 30)))
    for event in events:
        fit(churned, *event)
    before = churned.get_state()
    for weight in (1000.0, 60.0 * 3):
        assert unlearn(churned, *events[0][:3], weight).kind == "refused"
    if isinstance(model, Classifier):
        assert unlearn(churned, events[0][0], "never", 0.0).kind == "refused"
    with pytest.raises(ValueError, match="weight"):
        unlearn(churned, *events[0][:3], -1.0)
    with pytest.raises(ValueError, match="x"):
        unlearn(churned, np.array([np.inf, 0, 0, 0]), *events[0][1:])
    with pytest.raises(ValueError, match="x"):
        unlearn(churned, None, *events[0][1:])
    assert unlearn(churned, *events[0][:3], 0.0)[:2] == ("exact", 0.0)
    for name, value in before.items():
        np.testing.assert_array_equal(churned.get_state()[name], value)


def test_a_row_leaves_a_window_that_has_wrapped() -> None:
    X, _, y, _ = stream(3, 70)
    model, gold = (KNNRegressor(window_size=size, n_neighbors=4) for size in (30, 29))
    model.fit_many(X, y)
    assert model.unlearn_one(X[55], y[55]).kind == "exact"
    assert model.unlearn_one(X[20], y[20]).kind == "refused"  # it had left before
    gold.fit_many(np.delete(X, 55, 0)[:69], np.delete(y, 55))
    np.testing.assert_allclose(model.predict_many(X), gold.predict_many(X), rtol=1e-9)
    rest = KNNRegressor(window_size=30, n_neighbors=4).fit_many(X[40:55], y[40:55])
    rest.fit_many(X[56:], y[56:]).fit_many(X[:40], y[:40])
    model.fit_many(X[:40], y[:40])  # all that it held has left
    np.testing.assert_allclose(model.predict_many(X), rest.predict_many(X), rtol=1e-9)


def test_of_rows_that_are_alike_one_goes() -> None:
    model = KNNClassifier(n_neighbors=3).fit_many([[1.0]] * 3 + [[np.nan]], ["a", "a", "b", "b"])
    assert model.unlearn_one([1.0], "a").kind == "exact"
    assert model.unlearn_one([np.nan], "b").kind == "exact"
    assert model.predict_proba_one([1.0]).tolist() == [0.5, 0.5]


def test_a_refusal_says_why() -> None:
    assert "least and the largest" in MinMaxScaler().fit_one([1.0]).unlearn_one([1.0]).reason


def test_names_that_were_never_learned_are_refused() -> None:
    model = StandardScaler().fit_one({"a": 1.0, "b": 2.0}).fit_one({"a": 3.0, "b": 2.0})
    assert model.unlearn_one({"a": 1.0, "c": 2.0}).kind == "refused"
    assert model.unlearn_one({"b": 2.0, "a": 1.0}).kind == "exact"
    assert model.mean_.tolist() == [3.0, 2.0]


def test_the_worst_of_several_receipts() -> None:
    receipts = [Receipt(kind, i, 1.0, i, kind) for i, kind in enumerate(KINDS[:3])]
    assert worst(receipts) == Receipt("certified", 2, 3.0, 3, "certified")
    assert not worst([*receipts, refused("no")]).forgotten
    with pytest.raises(ValueError, match="receipts"):
        worst([])
