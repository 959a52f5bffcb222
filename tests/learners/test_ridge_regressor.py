"""Ridge regression after every row equals that of all rows at once; rows are taken back exactly."""

from typing import Any

import numpy as np
import pytest

from onlineml.learners import LinearRegression, RidgeRegressor
from onlineml.schema import Schema
from tests.naive.ridge import ridge


def stream(n: int, d: int = 4, seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.linspace(0.5, 2.0, d)
    y = X @ np.linspace(-1.0, 1.0, d) + rng.normal(size=n) / 4 + 3.0
    X[rng.random(X.shape) < 0.05] = np.nan
    return X, y, rng.integers(1, 4, n).astype(float)


def coefficients(model: Any) -> Any:
    return np.append(model.weights_[:, 0], model.totals_[2])


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("l2", [1e-6, 1.0, 100.0])
def test_equals_the_normal_equations_after_every_row(l2: float, intercept: bool) -> None:
    X, y, weight = stream(120)
    model = RidgeRegressor(l2=l2, intercept=intercept)
    for i in range(len(X)):
        model.fit_one(X[i], y[i], weight=weight[i])
        if i % 7 == 0 or i < 10:
            due, base = ridge(X[: i + 1], y[: i + 1], weight[: i + 1], l2, intercept)
            np.testing.assert_allclose(coefficients(model), [*due, base], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(coefficients(model), [*due, base], rtol=0.2)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("intercept", [True, False])
def test_any_interleaving_leaves_the_survivors(seed: int, intercept: bool) -> None:
    churn(RidgeRegressor(intercept=intercept), 400, seed)


@pytest.mark.slow
def test_a_hundred_thousand_rows_come_and_go() -> None:
    churn(RidgeRegressor(), 100_000, 0)
    churn(RidgeRegressor(l2=1e-6), 100_000, 0)


def churn(model: RidgeRegressor, n: int, seed: int) -> None:
    events = list(zip(*stream(n, seed=seed)))
    rng, kept = np.random.default_rng(seed), []
    for event in events:
        model.fit_one(event[0], event[1], weight=event[2])
        kept.append(event)
        while len(kept) > 40 and rng.random() < 0.5:
            x, y, weight = kept.pop(int(rng.integers(len(kept))))
            assert model.unlearn_one(x, y, weight=weight).kind == "exact"
    X, y, weight = (np.array(column) for column in zip(*kept))
    gold = model.clone().fit_many(X, y, weight=weight)
    assert model.totals_[0] == gold.totals_[0]
    np.testing.assert_allclose(coefficients(model), coefficients(gold), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("l2", "tolerance"), [(1.0, 1e-9), (1e-3, 1e-7)])
def test_fewer_rows_than_features_are_left(l2: float, tolerance: float) -> None:
    """Directions vanish with their rows: the inverse is made anew, errors do not grow."""
    X, y, _ = stream(300, d=50)
    X = np.nan_to_num(X)
    model = RidgeRegressor(l2=l2).fit_many(X, y)
    for i in range(299, 19, -1):
        assert model.unlearn_one(X[i], y[i]).kind == "exact"
    gold = RidgeRegressor(l2=l2).fit_many(X[:20], y[:20])
    np.testing.assert_allclose(model.predict_many(X), gold.predict_many(X), atol=tolerance)


def test_features_that_vary_together_and_far_from_zero() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=200)
    X = np.stack([base + 1e6, base + 1e6 + rng.normal(size=200) / 1000, rng.normal(size=200)], 1)
    y = base + X[:, 2]
    model = RidgeRegressor().fit_many(X, y)
    for i in range(100):
        assert model.unlearn_one(X[i], y[i]).forgotten
    gold = RidgeRegressor().fit_many(X[100:], y[100:])
    np.testing.assert_allclose(model.predict_many(X), gold.predict_many(X), rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(gold.predict_many(X[100:]), y[100:], atol=0.2)


def test_nothing_is_left_of_no_rows_and_strangers_are_refused() -> None:
    X, y, weight = stream(30)
    model = RidgeRegressor()
    for i in range(30):
        model.fit_one(X[i], y[i], weight=weight[i])
    before = model.get_state()
    for stranger, value in ((np.full(4, 1e3), 0.0), (np.array([0.0, 0.0, 0.0, 50.0]), 1.0)):
        assert model.unlearn_one(stranger, value).kind == "refused"
    assert model.unlearn_one(X[0], y[0], weight=1e4).kind == "refused"
    for name in ("weights_", "scatter_", "mean_", "product_"):
        assert (model.get_state()[name] == before[name]).all()
    for i in range(30):
        assert model.unlearn_one(X[i], y[i], weight=weight[i]).forgotten
    for name in ("totals_", "weights_", "scatter_", "mean_", "product_"):
        assert not np.any(getattr(model, name)[:3]), name
    assert model.unlearn_one(X[0], y[0]).kind == "refused"
    assert model.predict_one(X[0]) == 0.0


def test_an_outlier_takes_digits_with_it_and_the_receipt_says_so() -> None:
    X, y, _ = stream(100)
    model = RidgeRegressor().fit_many(X, y).fit_one([1e9, 0.0, 0.0, 0.0], 0.0)
    receipt = model.unlearn_one([1e9, 0.0, 0.0, 0.0], 0.0)
    assert receipt.kind == "approximate"
    assert receipt.bound > 1e-3


def test_nominal_values_are_one_hot() -> None:
    rng = np.random.default_rng(1)
    X = np.stack([rng.integers(0, 3, 200), rng.normal(size=200)], 1).astype(float)
    y = np.array([5.0, -1.0, 2.0])[X[:, 0].astype(int)] + X[:, 1]
    model = RidgeRegressor(l2=1e-3).start(Schema(2, nominal={0: ("u", "v", "w")}))
    model.fit_many(X[:150], y[:150])
    assert np.abs(model.predict_many(X[150:]) - y[150:]).max() < 0.01
    model.unlearn_one(X[0], y[0])
    rest = RidgeRegressor(l2=1e-3).start(model.schema_).fit_many(X[1:150], y[1:150])
    np.testing.assert_allclose(model.predict_many(X), rest.predict_many(X), atol=1e-9)


def test_needs_no_learning_rate() -> None:
    X, y, _ = stream(300)
    X = np.nan_to_num(X)
    errors = {
        type(model): np.abs(model.predict_fit_many(X, y) - y)[100:].mean()
        for model in (RidgeRegressor(), LinearRegression())
    }
    assert errors[RidgeRegressor] < 0.35 < errors[LinearRegression]


def test_bad_settings() -> None:
    with pytest.raises(ValueError, match="l2"):
        RidgeRegressor(l2=0.0).fit_one([1.0], 1.0)
