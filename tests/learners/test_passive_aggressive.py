"""Passive-aggressive learners against the paper's formulas and scikit-learn."""

from typing import Any

import numpy as np
import pytest

from onlineml.learners import PassiveAggressiveClassifier, PassiveAggressiveRegressor
from tests.naive.passive_aggressive import Binary, Multiclass, Regressor
from tests.naive.streams import SCHEMA, mixed

VARIANTS = ["PA", "PA-I", "PA-II"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_classes_are_the_binary_algorithm(variant: Any) -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(800, 4))
    y = np.where(X[:, 0] + rng.normal(size=800) > 0, 1, -1)
    y[:2] = -1, 1  # the row before the second class is the one that teaches nothing
    model, twin = PassiveAggressiveClassifier(variant=variant, C=0.3), Binary(variant, 0.3)
    model.fit_one(X[0], -1)
    for x, label in zip(X[1:], y[1:].tolist(), strict=True):
        assert model.predict_one(x) == twin.predict_one(x)
        model.fit_one(x, label)
        twin.fit_one(x, label)
    binary = [twin.w[j] for j in range(4)]
    np.testing.assert_allclose(np.diff(model.weights_[:2, :, 0], axis=0)[0], binary, rtol=1e-9)


@pytest.mark.parametrize("variant", VARIANTS)
def test_many_classes_equal_the_naive_twin(variant: Any) -> None:
    X, y, _, weight = mixed(2)
    model = PassiveAggressiveClassifier(variant=variant, C=0.1).start(SCHEMA)
    twin = Multiclass({2}, variant, 0.1)
    for x, label, w in zip(X, y.tolist(), weight.tolist(), strict=True):
        if twin.w:
            scores = twin.scores(x)
            due = np.exp(list(scores.values()))
            np.testing.assert_allclose(model.predict_proba_one(x), due / due.sum(), rtol=1e-8)
        model.fit_one(x, label, weight=w)
        twin.fit_one(x, label, w)
    assert len(model.classes_) == 3


@pytest.mark.parametrize("variant", VARIANTS)
def test_regressor_equals_the_naive_twin(variant: Any) -> None:
    X, _, y, weight = mixed(3)
    model = PassiveAggressiveRegressor(variant=variant, C=0.2, epsilon=0.2).start(SCHEMA)
    twin = Regressor({2}, variant, 0.2, 0.2)
    for x, target, w in zip(X, y.tolist(), weight.tolist(), strict=True):
        np.testing.assert_allclose(model.predict_one(x), twin.predict_one(x), rtol=1e-8, atol=1e-9)
        model.fit_one(x, target, weight=w)
        twin.fit_one(x, target, w)


def test_random_chunks_give_the_bits_of_the_row_loop() -> None:
    X, labels, targets, weight = mixed(4)
    for cls, y in (
        (PassiveAggressiveClassifier, labels),
        (PassiveAggressiveRegressor, targets),
    ):
        whole, parts = (cls().start(SCHEMA) for _ in "12")
        whole.fit_many(X, y, weight=weight)
        for part in np.split(np.arange(len(X)), [1, 2, 50, 131]):
            parts.fit_many(X[part], y[part], weight=weight[part])
        np.testing.assert_array_equal(whole.weights_, parts.weights_)


def test_a_full_step_repairs_its_row() -> None:
    rng = np.random.default_rng(5)
    model = PassiveAggressiveRegressor(variant="PA", epsilon=0.01)
    for x, y in zip(rng.normal(size=(50, 3)), rng.normal(size=50).tolist(), strict=True):
        model.fit_one(x, y)
        assert abs(model.predict_one(x) - y) < 0.01 + 1e-9


@pytest.mark.parametrize("wild", [1e6, 1e200, 1e-170])
def test_a_wild_row_does_no_lasting_harm(wild: float) -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(600, 3))
    y = X[:, 0] > X[:, 1]
    X[300] = wild
    for variant in VARIANTS:
        model = PassiveAggressiveClassifier(variant=variant, intercept=False).fit_many(X, y)
        assert (model.predict_many(X[400:]) == y[400:]).mean() > 0.95
        assert np.isfinite(model.weights_).all()


@pytest.mark.parametrize("params", [{"variant": "PA-III"}, {"C": 0.0}, {"epsilon": -1.0}])
def test_useless_parameters_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        PassiveAggressiveRegressor(**params).fit_one([1.0], 1.0)
