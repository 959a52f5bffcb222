"""Nearest neighbors against a plain twin and scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from onlineml.learners import KNNClassifier, KNNRegressor
from tests.naive.knn import Neighbors
from tests.naive.streams import SCHEMA, mixed

SHAPES = [("uniform", True), ("uniform", False), ("distance", True), ("distance", False)]


@pytest.mark.parametrize(("weights", "scaled"), SHAPES)
def test_equal_the_naive_twin(weights: Any, scaled: bool) -> None:
    X, labels, targets, weight = mixed(1)
    X[40], targets[40] = X[20], targets[20]  # a neighbor at distance 0
    shape: dict[str, Any] = {"n_neighbors": 4, "window_size": 60}
    classifier = KNNClassifier(weights=weights, scaled=scaled, **shape).start(SCHEMA)
    regressor = KNNRegressor(weights=weights, scaled=scaled, **shape).start(SCHEMA)
    by_class, by_value = (Neighbors({2}, 4, 60, weights == "distance", scaled) for _ in "12")
    events = zip(X, labels.tolist(), targets.tolist(), weight.tolist(), strict=True)
    for i, (x, label, target, w) in enumerate(events):
        if by_class.seen and (i < 30 or i % 5 == 0):
            due = by_class.predict_proba_one(x)
            np.testing.assert_allclose(classifier.predict_proba_one(x), due, atol=1e-9)
            np.testing.assert_allclose(regressor.predict_one(x), by_value.predict_one(x), atol=1e-9)
        for model, y in ((classifier, label), (by_class, label)):
            model.fit_one(x, y, weight=w)
        for model, y in ((regressor, target), (by_value, target)):
            model.fit_one(x, y, weight=w)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_agree_with_scikit_learn_on_the_frozen_window(weights: Any) -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(1500, 6)) * [1, 2, 3, 4, 5, 100]
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    window, new = X[200:1200] / X[200:1200].std(0), X[1200:] / X[200:1200].std(0)
    theirs = KNeighborsClassifier(5, weights=weights).fit(window, y[200:1200])
    ours = KNNClassifier(weights=weights).fit_many(X[:1200], y[:1200])
    order = [ours.classes_.index(c) for c in range(3)]
    np.testing.assert_allclose(
        ours.predict_proba_many(X[1200:])[:, order], theirs.predict_proba(new), atol=1e-9
    )
    offline = KNeighborsRegressor(5, weights=weights).fit(window, X[200:1200, 5])
    online = KNNRegressor(weights=weights).fit_many(X[:1200], X[:1200, 5])
    np.testing.assert_allclose(online.predict_many(X[1200:]), offline.predict(new), rtol=1e-9)


@pytest.mark.parametrize("cls", [KNNClassifier, KNNRegressor])
def test_random_chunks_give_the_bits_of_the_row_loop(cls: Any) -> None:
    X, labels, targets, weight = mixed(3)
    y = targets if cls is KNNRegressor else labels
    whole, parts = (cls(window_size=70).start(SCHEMA) for _ in "12")
    whole.fit_many(X, y, weight=weight)
    for part in np.split(np.arange(len(X)), [1, 2, 50, 131]):
        parts.fit_many(X[part], y[part], weight=weight[part])
    np.testing.assert_array_equal(whole.m2_, parts.m2_)
    np.testing.assert_array_equal(whole.predict_many(X), parts.predict_many(X))


@pytest.mark.parametrize("wild", [1e6, 1e40, 1e200])
def test_a_wild_row_is_forgotten_with_its_window(wild: float) -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(700, 3))
    y = X[:, 0] > 0
    clean = KNNClassifier(window_size=100).fit_many(X, y)
    X[250] = wild
    model = KNNClassifier(window_size=100).fit_many(X, y)
    assert np.isfinite(model.m2_).all()
    np.testing.assert_array_equal(model.m2_, clean.m2_)
    np.testing.assert_array_equal(model.predict_proba_many(X), clean.predict_proba_many(X))


def test_the_window_has_a_fixed_size() -> None:
    model = KNNClassifier(window_size=50).fit_many(np.ones((10, 4)), ["a", "b"] * 5)
    before = model.nbytes
    assert model.fit_many(np.ones((500, 4)), ["a", "b"] * 250).nbytes == before


@pytest.mark.parametrize(
    "params", [{"n_neighbors": 0}, {"window_size": 0}, {"weights": "gaussian"}]
)
def test_useless_parameters_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        KNNClassifier(**params).fit_one([1.0], 1)
