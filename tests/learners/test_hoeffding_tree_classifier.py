"""Hoeffding tree classifier: its twin, its bounds, its lessons."""

import math

import numpy as np
import pytest

from onlineml.base import Schema
from onlineml.learners import HoeffdingTreeClassifier
from tests.naive.hoeffding_tree import Classifier as Naive

NOMINAL = {1: ("a", "b", "c"), 3: ("x", "y")}


def assert_equals_twin(model, twin, X, y, weight, *, atol=1e-7) -> None:
    """Probabilities before each row are those of the twin."""
    came = model.predict_proba_fit_many(X, y, weight=weight)
    codes = {label: code for code, label in enumerate(model.classes_)}
    for i, (x, label, w) in enumerate(zip(X.tolist(), y.tolist(), weight.tolist(), strict=True)):
        due = twin.proba(x)
        np.testing.assert_allclose(came[i, : len(due)], due, atol=atol, err_msg=f"row {i}")
        assert not came[i, len(due) :].any()
        twin.fit(x, codes[label], w)


def mixed_stream(n, seed=5, missing=0.05, n_classes=3):
    """Two numeric and two nominal features; the last class comes late."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [rng.normal(size=n), rng.integers(0, 3, n), rng.uniform(size=n), rng.integers(0, 2, n)]
    )
    y = (X[:, 0] > 0.3).astype(int) ^ (X[:, 1] == 1)
    y[n // 2 :][X[n // 2 :, 2] > 0.7] = n_classes - 1
    y = np.where(rng.random(n) < 0.05, rng.integers(0, 2, n), y)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y, rng.integers(0, 3, n).astype(float)


def states_equal(a, b):
    a, b = a.get_state(), b.get_state()
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"leaves": "nb", "criterion": "gini", "binary_splits": True, "tie_threshold": 0.2},
        {"leaves": "majority", "max_depth": 2},
    ],
)
def test_equals_its_naive_twin(params):
    X, y, weight = mixed_stream(1200)
    twin = Naive(nominal=NOMINAL, grace_period=60, delta=1e-2, **params)
    model = HoeffdingTreeClassifier(grace_period=60, delta=1e-2, **params)
    model.start(Schema(4, nominal=NOMINAL))
    assert_equals_twin(model, twin, X, y, weight)
    assert model.n_leaves > 4


@pytest.mark.parametrize("leaves", ["nba", "nb", "majority"])
def test_labels_are_those_of_its_naive_twin(leaves):
    """Labels alone, in one pass over rows that are walked down side by side."""
    rng = np.random.default_rng(8)
    X = rng.normal(size=(1000, 5))
    y = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
    X[rng.random(X.shape) < 0.02] = np.nan
    params = {"grace_period": 40, "delta": 1e-2, "tie_threshold": 0.3, "leaves": leaves}
    twin, model = Naive(**params), HoeffdingTreeClassifier(**params)
    came = model.predict_fit_many(X, y)
    codes = {label: code for code, label in enumerate(model.classes_)}
    for i, (x, label) in enumerate(zip(X.tolist(), y.tolist(), strict=True)):
        due = twin.proba(x)
        if due:
            assert due[codes[came[i]]] > max(due) - 1e-9, f"row {i}"
        twin.fit(x, codes[label], 1.0)
    assert model.depth > 2


def test_weights_of_any_measure_do_no_harm():
    X, y, weight = mixed_stream(300, missing=0.0)
    for scale in (1e-200, 1e14):
        model = HoeffdingTreeClassifier().fit_many(X[:, [0, 2]], y, weight=scale * weight)
        assert np.isfinite(model.base_).all()
        assert np.isfinite(model.predict_proba_many(X[:, [0, 2]])).all()


def random_chunks(model, X, y, weight, rng):
    answers, lo = [], 0
    while lo < len(X):
        hi = lo + int(rng.integers(1, 90))
        part = slice(lo, hi)
        if hi - lo < 15:
            for x, label, w in zip(X[part], y[part].tolist(), weight[part], strict=True):
                answers.append(model.predict_one(x))
                model.fit_one(x, label, weight=w)
        elif rng.random() < 0.3:
            model.fit_many(X[part], y[part], weight=weight[part])
            answers += [...] * len(y[part])
        else:
            answers += model.predict_fit_many(X[part], y[part], weight=weight[part]).tolist()
        lo = hi
    return answers


@pytest.mark.parametrize("max_bytes", [None, 11_000, 4_000])
def test_chunks_give_the_bits_of_one_pass(max_bytes):
    X, y, weight = mixed_stream(6000, n_classes=9)
    y[4000:] += 3 * (X[4000:, 2] > 0.6)
    params = {"grace_period": 40, "delta": 0.1, "max_bytes": max_bytes}
    schema = Schema(4, nominal=NOMINAL)
    whole = HoeffdingTreeClassifier(**params).start(schema)
    due = whole.predict_fit_many(X, y, weight=weight).tolist()
    parts = HoeffdingTreeClassifier(**params).start(schema)
    came = random_chunks(parts, X, y, weight, np.random.default_rng(2))
    assert all(a is ... or a == b for a, b in zip(came, due, strict=True))
    states_equal(whole, parts)


@pytest.mark.parametrize("max_bytes", [6_000, 11_000, 30_000])
def test_never_exceeds_max_bytes(max_bytes):
    X, y, _ = mixed_stream(20_000)
    model = HoeffdingTreeClassifier(grace_period=30, delta=0.2, max_bytes=max_bytes)
    model.start(Schema(4, nominal=NOMINAL))
    y[10_000:] = (y[10_000:] + np.arange(10_000) // 1000) % 11
    most = 0
    for lo in range(0, len(X), 50):
        model.fit_many(X[lo : lo + 50], y[lo : lo + 50])
        most = max(most, model.nbytes)
    assert 0.4 * max_bytes < most <= max_bytes
    free = HoeffdingTreeClassifier(grace_period=30, delta=0.2).start(Schema(4, nominal=NOMINAL))
    assert free.fit_many(X, y).nbytes > max_bytes


def test_full_memory_deactivates_leaves_and_growth_goes_on():
    X, y, _ = mixed_stream(20_000)
    model = HoeffdingTreeClassifier(grace_period=30, delta=0.2, max_bytes=12_000)
    model.start(Schema(4, nominal=NOMINAL)).fit_many(X, y)
    table = model.table_[: model.n_nodes]
    inactive = ((table[:, 0] < 0) & (table[:, 4] < 0)).sum()
    assert 0 < inactive < model.n_leaves
    assert model.n_leaves > len(model.free_)


def test_too_small_a_budget_is_refused_and_leaves_no_trace():
    model = HoeffdingTreeClassifier(max_bytes=100)
    with pytest.raises(ValueError, match="max_bytes"):
        model.fit_one([1.0, 2.0], 0)
    assert not model.is_started
    assert model.get_state() == {}


def test_a_class_too_many_is_refused_and_leaves_no_trace():
    model = HoeffdingTreeClassifier(max_bytes=2_000).fit_many([[1.0], [2.0]], [0, 1])
    before = model.get_state()
    with pytest.raises(ValueError, match="max_bytes"):
        model.fit_many([[1.0]] * 20, range(20))
    after = model.get_state()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_learns_a_conjunction_that_naive_bayes_cannot():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(20_000, 4))
    y = (X[:, 0] > 0.5) ^ (X[:, 1] > 0.5) & (X[:, 0] > 0.2)
    right = HoeffdingTreeClassifier().predict_fit_many(X, y) == y
    assert 0.92 < right[10_000:].mean() < 0.999
    assert right[15_000:].mean() > 0.95


def test_missing_values_follow_the_child_that_has_seen_most():
    rng = np.random.default_rng(1)
    X = rng.uniform(size=(4000, 1))
    y = (X[:, 0] > 0.8).astype(int)
    model = HoeffdingTreeClassifier(leaves="majority").fit_many(X, y)
    assert model.n_leaves > 1
    assert model.predict_one([math.nan]) == 0
    assert model.predict_one([0.95]) == 1


def test_an_unknown_nominal_value_is_answered_like_a_missing_one():
    X, y, _ = mixed_stream(3000, missing=0.0)
    y = (X[:, 1] == 1).astype(int)
    model = HoeffdingTreeClassifier().start(Schema(4, nominal=NOMINAL)).fit_many(X, y)
    known = model.predict_proba_one([0.0, math.nan, 0.5, 0.0])
    np.testing.assert_array_equal(model.predict_proba_one([0.0, 7.0, 0.5, 0.0]), known)


def test_new_features_and_values_by_name():
    model = HoeffdingTreeClassifier(grace_period=50)
    rng = np.random.default_rng(4)
    skies = ["clear", "cloud", "rain"]
    for i in range(1500):
        sky, warm = skies[int(rng.integers(2 if i < 500 else 3))], float(rng.normal())
        row = {"sky": sky, "warm": warm} if i < 700 else {"sky": sky, "warm": warm, "wind": 1.0}
        model.fit_one(row, "in" if sky == "rain" or warm < 0 else "out")
    assert model.predict_one({"sky": "rain", "warm": 2.0}) == "in"
    assert model.predict_one({"sky": "clear", "warm": 2.0}) == "out"
    assert "sky" in model.to_text()


def test_serving_changes_nothing():
    X, y, _ = mixed_stream(2000)
    model = HoeffdingTreeClassifier(grace_period=50).start(Schema(4, nominal=NOMINAL))
    twin = HoeffdingTreeClassifier(grace_period=50).start(Schema(4, nominal=NOMINAL))
    model.fit_many(X, y)
    twin.fit_many(X, y)
    model.predict_many(X)
    model.predict_proba_one(X[0])
    states_equal(model, twin)


def test_text_and_counts_agree():
    X = np.random.default_rng(1).random((3000, 2))
    model = HoeffdingTreeClassifier()
    assert (model.n_nodes, model.n_leaves, model.depth, model.to_text()) == (0, 0, 0, "")
    model.fit_many(X, X[:, 0] > 0.5)
    lines = model.to_text().splitlines()
    assert sum(line.endswith(")") for line in lines) == model.n_leaves
    assert model.n_nodes == 2 * model.n_leaves - 1
    assert max(len(line) - len(line.lstrip()) for line in lines) == 4 * (model.depth - 1)


def test_constant_columns_and_outliers_do_no_harm():
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(3000), rng.normal(size=3000), np.zeros(3000)])
    X[100], X[1500, 1] = 1e300, -1e200
    y = rng.integers(0, 2, 3000)
    probabilities = HoeffdingTreeClassifier(grace_period=20).predict_proba_fit_many(X, y)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities[1:].sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("grace_period", 0), ("delta", 1.0), ("tie_threshold", -1), ("criterion", "hellinger"),
     ("leaves", "best"), ("min_branch_fraction", 0.5), ("max_depth", -1), ("max_bytes", 0)],
)  # fmt: skip
def test_wrong_parameters_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        HoeffdingTreeClassifier(**{name: value}).fit_one([1.0], 0)


@pytest.mark.parametrize("value", [1e200, -1e308])
def test_an_absurd_number_does_no_harm(value: float) -> None:
    """A sensor's fault, squared and summed, would blind a leaf for that feature."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, 3))
    y = (X[:, 0] > 0).astype(int)
    right = []
    for number in (X[300, 0], value):
        rows = X.copy()
        rows[300] = number
        model = HoeffdingTreeClassifier().fit_many(rows, y)
        right.append((model.predict_many(X) == y).mean())
    assert right[1] > right[0] - 0.01
    assert right[0] > 0.9
