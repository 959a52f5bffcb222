"""The local adaptive streaming tree: its twin, its bounds, what it is good for."""

import numpy as np
import pytest

from onlineml.base import Schema
from onlineml.learners import HoeffdingTreeClassifier, LASTClassifier
from tests.learners.test_hoeffding_tree_classifier import (
    NOMINAL,
    assert_equals_twin,
    mixed_stream,
    random_chunks,
    states_equal,
)
from tests.naive.last import NaiveLAST as Naive


@pytest.mark.parametrize(
    "params",
    [
        {"drift_delta": 0.3},
        {"drift_delta": 0.9, "leaves": "nb", "criterion": "gini", "binary_splits": True},
        {"drift_delta": 0.9, "leaves": "majority", "max_depth": 2},
        {"drift_delta": 0.3, "watched": "impurity"},
        {"drift_delta": 0.3, "watched": "impurity", "criterion": "gini", "leaves": "majority"},
    ],
)
def test_equals_its_naive_twin(params) -> None:
    X, y, weight = mixed_stream(1500)
    y = np.where((np.arange(1500) // 150) % 2 == 1, 2 - y, y)
    twin = Naive(nominal=NOMINAL, **params)
    model = LASTClassifier(**params).start(Schema(4, nominal=NOMINAL))
    assert_equals_twin(model, twin, X, y, weight)
    assert model.n_leaves > 2


@pytest.mark.parametrize("max_bytes", [None, 22_000])
def test_chunks_give_the_bits_of_one_pass(max_bytes) -> None:
    X, y, weight = mixed_stream(6000, n_classes=9)
    y[4000:] += 3 * (X[4000:, 2] > 0.6)
    schema = Schema(4, nominal=NOMINAL)
    whole = LASTClassifier(drift_delta=0.5, max_bytes=max_bytes).start(schema)
    due = whole.predict_fit_many(X, y, weight=weight).tolist()
    parts = LASTClassifier(drift_delta=0.5, max_bytes=max_bytes).start(schema)
    came = random_chunks(parts, X, y, weight, np.random.default_rng(2))
    assert all(a is ... or a == b for a, b in zip(came, due, strict=True))
    states_equal(whole, parts)
    assert whole.n_leaves > 3


def test_never_exceeds_max_bytes() -> None:
    X, y, _ = mixed_stream(20_000)
    schema = Schema(4, nominal=NOMINAL)
    model = LASTClassifier(drift_delta=0.5, max_bytes=30_000).start(schema)
    y = np.where((np.arange(len(y)) // 500) % 2 == 1, 2 - y, y)
    most = 0
    for lo in range(0, len(X), 50):
        model.fit_many(X[lo : lo + 50], y[lo : lo + 50])
        most = max(most, model.nbytes)
    assert most <= 30_000
    assert LASTClassifier(drift_delta=0.5).start(schema).fit_many(X, y).nbytes > 30_000


def test_divides_when_errors_rise_and_not_before() -> None:
    """One leaf with naive Bayes is good enough until all is turned round; then it is divided."""
    X, n = np.random.default_rng(3).random((9000, 3)), 3000
    y = (X[:, 0] > 0.5) ^ (np.arange(9000) >= n)
    model = LASTClassifier()
    model.fit_many(X[:n], y[:n])
    assert model.n_leaves == 1
    right = model.predict_fit_many(X[n:], y[n:]) == y[n:]
    assert model.n_leaves > 1
    assert right[300:].mean() > 0.96
    plain = HoeffdingTreeClassifier().predict_fit_many(X, y) == y
    assert right.mean() > plain[n:].mean() + 0.2


@pytest.mark.parametrize(
    ("name", "value"),
    [("watched", "x"), ("drift_delta", 0.0), ("leaves", "x"), ("max_depth", -1), ("max_bytes", 0)],
)
def test_parameters_that_cannot_be_used(name, value) -> None:
    with pytest.raises(ValueError, match=name):
        LASTClassifier(**{name: value}).fit_one([1.0], "a")
