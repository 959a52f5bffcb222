"""Aggregated Mondrian forests: their twins, all prunings one by one, bounds, lessons."""

from math import exp

import numpy as np
import pytest

from onlineml.base import Array
from onlineml.checks import assert_same_state, cut
from onlineml.datasets import load
from onlineml.learners import (
    AggregatedMondrianForestClassifier,
    AggregatedMondrianForestRegressor,
)
from onlineml.learners.mondrian_forest import MondrianForest
from tests.naive import mondrian_forest as naive


def _stream(n: int, seed: int = 1) -> tuple[Array, Array, Array]:
    """Rows with duplicates and missing values, three classes (one comes late), weights."""
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, 3)), 1)
    y = (X[:, 0] + rng.normal(size=n) / 2 > 0).astype(int)
    y[n // 2 :][X[n // 2 :, 1] > 1] = 2
    X[rng.random(X.shape) < 0.05] = np.nan
    X[7] = np.nan
    return X, y, rng.choice([0.0, 1.0, 1.0, 2.5], n)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"split_pure": False, "dirichlet": 0.5},
        {"step": 0.5},
        {"use_aggregation": False},
    ],
)
def test_classifier_equals_its_naive_twin(params: dict[str, float]) -> None:
    X, y, weight = _stream(250)
    twin = naive.Classifier(n_trees=3, seed=4, **params)
    model = AggregatedMondrianForestClassifier(n_trees=3, seed=4, **params)
    model.fit_many(X[:0], [])
    came = model.predict_proba_fit_many(X, y, weight=weight)
    rename = model.classes_
    for i, (x, w) in enumerate(zip(X.tolist(), weight.tolist(), strict=True)):
        due = twin.predict(x)
        np.testing.assert_allclose(came[i, : len(due)], due, rtol=1e-9, err_msg=f"row {i}")
        twin.fit(x, rename.index(y[i]), w)
    assert model.n_nodes == sum(1 for root in twin.roots for _ in root.nodes())


def test_full_trees_undo_their_latest_cuts_as_the_twin_does() -> None:
    X, y, weight = _stream(250, 2)
    y, weight = np.minimum(y, 1), weight + 1.0
    model = AggregatedMondrianForestClassifier(n_trees=2, seed=5, max_bytes=9000)
    came = model.predict_proba_fit_many(X, y, weight=weight)
    size = model.table_.shape[1]
    twin = naive.Classifier(n_trees=2, seed=5, max_nodes=size)
    for i, (x, w) in enumerate(zip(X.tolist(), weight.tolist(), strict=True)):
        due = twin.predict(x)
        np.testing.assert_allclose(came[i, : len(due)], due, rtol=1e-9, err_msg=f"row {i}")
        twin.fit(x, model.classes_.index(y[i]), w)
    assert model.nbytes <= 9000
    assert 20 < size < 50


def test_answers_are_those_of_all_prunings_one_by_one() -> None:
    X, y, weight = _stream(18, 3)
    twin = naive.Classifier(n_trees=1, seed=6)
    model = AggregatedMondrianForestClassifier(n_trees=1, seed=6)
    for x, label, w in zip(X, y, weight, strict=True):
        model.fit_one(x, label, weight=w)
        twin.fit(x.tolist(), model.classes_.index(label), w)
    ways = naive.prunings(twin.roots[0])
    assert len(ways) > 20
    assert sum(p for p, _ in ways) == pytest.approx(1.0)
    for x in X:
        path, total, due = twin.path(0, x.tolist()), 0.0, np.zeros(twin.n_classes)
        for p, leaves in ways:
            weight_of_all = p * exp(-sum(leaf.loss for leaf in leaves))
            k = next(k for k, node in enumerate(path) if node in leaves)
            due += weight_of_all * np.array(twin.forecast(path[: k + 1]))
            total += weight_of_all
        np.testing.assert_allclose(model.predict_proba_one(x), due / total, rtol=1e-9)


@pytest.mark.parametrize("max_bytes", [None, 40_000])
def test_chunks_give_the_bits_of_one_pass(max_bytes: int | None) -> None:
    X, y, weight = _stream(1500)
    y[900:] += 3 * (X[900:, 2] > 1)  # more classes than there was room for
    whole = AggregatedMondrianForestClassifier(seed=1, n_trees=4, max_bytes=max_bytes)
    parts = whole.clone()
    due = whole.predict_proba_fit_many(X, y, weight=weight)
    for part in cut(3, len(X)):
        came = parts.predict_proba_fit_many(X[part], y[part], weight=weight[part])
        assert (came == due[part, : came.shape[1]]).all()
    assert_same_state(whole.get_state(), parts.get_state())
    assert len(whole.classes_) == 6


def _is_whole(model: MondrianForest) -> None:
    """Children lie side by side, know their parent, and have shared out what it has seen."""
    for t, n in enumerate(model.n_nodes_):
        table, numbers = model.table_[t, :n], model.numbers_[t, :n]
        inner = np.flatnonzero(table[:, 0] >= 0)
        low = table[inner, 1]
        assert sorted(low) == list(range(1, n, 2))
        assert (table[low, 2] == inner).all()
        assert (table[low + 1, 2] == inner).all()
        np.testing.assert_allclose(numbers[inner, 2], numbers[low, 2] + numbers[low + 1, 2])
        assert (numbers[low, 1] >= numbers[inner, 1]).all()


def test_new_features_within_the_budget_undo_cuts() -> None:
    rng = np.random.default_rng(2)
    model = AggregatedMondrianForestClassifier(n_trees=3, seed=1, max_bytes=20_000)
    rows = [dict(zip("abc", x)) for x in rng.normal(size=(300, 3)).tolist()]
    model.fit_many(rows, [row["a"] > 0 for row in rows])
    before = model.n_nodes
    more = [row | {key: row["a"] for key in "defghijk"} for row in rows]
    model.fit_many(more[:1], [True])
    assert model.n_nodes < before
    _is_whole(model)
    model.fit_many(more, [row["a"] > 0 for row in rows])
    assert model.nbytes <= 20_000
    _is_whole(model)
    right = [model.predict_one(row) == (row["a"] > 0) for row in more]
    assert np.mean(right) > 0.8
    wide = {f"f{j}": 1.0 for j in range(500)}
    with pytest.raises(ValueError, match="max_bytes"):
        model.fit_one(wide, True)
    assert model.predict_one(more[0]) is not None


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"n_trees": 0}, "n_trees"),
        ({"step": 0}, "step"),
        ({"dirichlet": 0.0}, "dirichlet"),
        ({"max_bytes": 50}, "max_bytes"),
    ],
)
def test_refuses_what_cannot_be_used(params: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        AggregatedMondrianForestClassifier(**params).fit_one([1.0], 0)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("bananas", 0.885, 0.90), ("phishing", 0.885, 0.91), ("image_segments", 0.895, 0.91)],
)
def test_accuracy_is_in_its_band(name: str, low: float, high: float) -> None:
    chunks = list(load(name).chunks(10_000))
    X, y = np.vstack([c.X for c in chunks]), np.concatenate([c.y for c in chunks])
    model = AggregatedMondrianForestClassifier(seed=1)
    assert low < (model.predict_fit_many(X, y) == y).mean() < high
    _is_whole(model)


@pytest.mark.parametrize("params", [{}, {"step": 0.5}, {"use_aggregation": False}])
def test_regressor_equals_its_naive_twin(params: dict[str, float]) -> None:
    X, _, weight = _stream(200, 5)
    y = 3.0 * np.nan_to_num(X[:, 0]) + np.random.default_rng(6).normal(size=200)
    twin = naive.Regressor(n_trees=3, seed=4, **params)
    model = AggregatedMondrianForestRegressor(n_trees=3, seed=4, **params)
    came = model.predict_fit_many(X, y, weight=weight)
    rows = zip(X.tolist(), y.tolist(), weight.tolist(), strict=True)
    for i, (x, target, w) in enumerate(rows):
        assert came[i] == pytest.approx(twin.predict(x), rel=1e-8, abs=1e-8), f"row {i}"
        twin.fit(x, target, w)
    assert model.n_nodes == sum(1 for root in twin.roots for _ in root.nodes())


def test_full_regression_trees_undo_cuts_as_the_twin_does() -> None:
    X, _, weight = _stream(200, 7)
    y, weight = np.nan_to_num(X[:, 0]), weight + 1.0
    model = AggregatedMondrianForestRegressor(n_trees=2, seed=5, max_bytes=9000)
    came = model.predict_fit_many(X, y, weight=weight)
    assert 20 < model.table_.shape[1] < 50
    twin = naive.Regressor(n_trees=2, seed=5, max_nodes=model.table_.shape[1])
    rows = zip(X.tolist(), y.tolist(), weight.tolist(), strict=True)
    for i, (x, target, w) in enumerate(rows):
        assert came[i] == pytest.approx(twin.predict(x), rel=1e-8, abs=1e-8), f"row {i}"
        twin.fit(x, target, w)
    _is_whole(model)


@pytest.mark.parametrize("max_bytes", [None, 40_000])
def test_regression_in_chunks_gives_the_bits_of_one_pass(max_bytes: int | None) -> None:
    X, _, weight = _stream(1500)
    y = np.nan_to_num(X[:, 0]) * 1e3
    whole = AggregatedMondrianForestRegressor(seed=1, n_trees=4, max_bytes=max_bytes)
    parts = whole.clone()
    due = whole.predict_fit_many(X, y, weight=weight)
    for part in cut(3, len(X)):
        came = parts.predict_fit_many(X[part], y[part], weight=weight[part])
        assert (came == due[part]).all()
    assert_same_state(whole.get_state(), parts.get_state())


def test_the_unit_of_the_target_does_not_matter() -> None:
    X, _, _ = _stream(500, 8)
    y = np.nan_to_num(X[:, 0]) + np.random.default_rng(9).normal(size=500)
    one = AggregatedMondrianForestRegressor(seed=1, n_trees=3).predict_fit_many(X, y)
    other = AggregatedMondrianForestRegressor(seed=1, n_trees=3).predict_fit_many(X, 1024.0 * y)
    np.testing.assert_allclose(other[50:], 1024.0 * one[50:], rtol=1e-2)


def test_noise_is_answered_with_its_mean() -> None:
    rng = np.random.default_rng(10)
    X, y = rng.normal(size=(3000, 3)), 50.0 * rng.normal(size=3000)
    model = AggregatedMondrianForestRegressor(seed=1)
    assert np.abs(model.predict_fit_many(X, y) - y).mean() < 1.01 * np.abs(y).mean()
    alone = AggregatedMondrianForestRegressor(seed=1, use_aggregation=False)
    assert np.abs(alone.predict_fit_many(X, y) - y).mean() > 1.1 * np.abs(y).mean()


def test_huge_targets_do_no_harm() -> None:
    X, _, _ = _stream(300, 11)
    y = np.nan_to_num(X[:, 0])
    y[100] = 1e160
    model = AggregatedMondrianForestRegressor(seed=1).fit_many(X, y)
    assert np.isfinite(model.predict_many(X)).all()


def test_error_is_in_its_band() -> None:
    (chunk,) = load("trump_approval").chunks(2000)
    came = AggregatedMondrianForestRegressor(seed=1).predict_fit_many(chunk.X, chunk.y)
    assert 0.25 < np.abs(came - chunk.y).mean() < 0.268
