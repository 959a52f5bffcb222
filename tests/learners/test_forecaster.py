"""The forecaster against a naive twin; what it foretells; how often intervals hold."""

from typing import Any

import numpy as np
import pytest

from onlineml import chain
from onlineml.learners import Forecaster, LinearRegression, RidgeRegressor, TorchSequenceRegressor
from onlineml.transforms import StandardScaler
from tests.naive.forecaster import Forecaster as Naive

T = np.arange(4000)


def series(seed: int, n: int = 4000) -> Any:
    """A season whose noise becomes five times as wide half way, and its level another."""
    rng = np.random.default_rng(seed)
    late = T[:n] >= n // 2
    return np.sin(T[:n] / 7) + np.where(late, 0.5, 0.1) * rng.normal(size=n) + 3.0 * late


@pytest.mark.parametrize("step_size", [0.05, (0.01, 0.05, 0.3)])
def test_equals_the_naive_twin(step_size: Any) -> None:
    y, X = series(1, 200), np.random.default_rng(2).normal(size=(203, 2))
    model: Any = Forecaster(
        base=RidgeRegressor(), horizon=3, n_lags=4, coverage=0.8, step_size=step_size,
        tuning_span=50, window_size=30,
    )  # fmt: skip
    twin = Naive(RidgeRegressor(), 3, 4, 0.8, np.atleast_1d(step_size).tolist(), 30, 50)
    for i in range(200):
        if i > 0:
            due, halves = twin.forecast(X[i : i + 3]), [twin.half(s) for s in range(3)]
            np.testing.assert_allclose(model.forecast_many(X[i : i + 3]), due, rtol=1e-9)
            ends = model.forecast_interval_many(X[i : i + 3])
            np.testing.assert_allclose(ends[:, 1] - due, halves, rtol=1e-7)
            assert model.predict_interval_one(X[i]) == tuple(ends[0])
        twin.fit(X[i], y[i])
        model.fit_one(X[i], y[i])
    np.testing.assert_allclose(model.trust_, twin.weights, rtol=1e-6)
    assert len(model.diagnostics()) == (1 if step_size == 0.05 else 2)
    missed = [1.0 - share for share in model.diagnostics()["coverage"].values()]
    np.testing.assert_allclose(missed, np.array(twin.n_missed) / 200)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_intervals_keep_their_coverage_through_a_drift(coverage: float) -> None:
    y, X = series(3), np.zeros((4000, 1))
    model: Any = Forecaster(base=RidgeRegressor(), horizon=4, coverage=coverage)
    model.fit_many(X[:2000], y[:2000])
    before = model.tallies_.copy()
    for end in (3000, 4000):  # the thousand rows from the drift on, and the next
        model.fit_many(X[end - 1000 : end], y[end - 1000 : end])
        n, missed = (model.tallies_ - before).T
        np.testing.assert_allclose(1.0 - missed / n, coverage, atol=0.02)
        before = model.tallies_.copy()
    widths = np.diff(model.forecast_interval_many(X[:4]))
    assert (widths > 1.0).all()


SEVERAL = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128)


def test_several_step_sizes_are_small_in_calm_times_and_swift_where_noise_jumps() -> None:
    X, rng = np.zeros((4000, 1)), np.random.default_rng(7)
    wide = T // 500 % 2 == 1
    calm = np.sin(T / 7) + 0.2 * rng.normal(size=4000)
    jumps = np.sin(T / 7) + np.where(wide, 0.5, 0.1) * rng.normal(size=4000)
    steps, worst = {}, {}
    for name, y in (("calm", calm), ("jumps", jumps)):
        for step_size in (0.01, SEVERAL):
            model: Any = Forecaster(base=RidgeRegressor(), step_size=step_size)
            missed = [0.0]
            for end in range(100, 4001, 100):
                model.fit_many(X[end - 100 : end], y[end - 100 : end])
                missed.append(model.tallies_[0, 1])
            worst[name, step_size] = np.abs(np.diff(missed)[10:] / 100 - 0.1).max()
            steps[name] = model.trust_[0] @ model._rates()
    assert steps["calm"] < 0.015 < 0.02 < steps["jumps"]
    assert worst["jumps", SEVERAL] < 0.7 * worst["jumps", 0.01]
    assert worst["calm", SEVERAL] < worst["calm", 0.01] + 0.03


def test_intervals_that_do_not_adapt_lose_it() -> None:
    """The test above can fail: without steps, the drift is missed."""
    y, X = series(3), np.zeros((4000, 1))
    model: Any = Forecaster(base=RidgeRegressor(), step_size=1e-9, window_size=2000)
    model.fit_many(X[:2000], y[:2000])
    before = model.tallies_.copy()
    n, missed = (model.fit_many(X[2000:3000], y[2000:3000]).tallies_ - before).T
    assert 1.0 - missed / n < 0.8


def test_what_is_known_ahead_is_used() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(1000, 1))
    y = np.cumsum(rng.normal(size=1000)) + 10.0 * X[:, 0]
    model = Forecaster(base=RidgeRegressor(), horizon=3, n_lags=2).fit_many(X, y)
    near, far = model.forecast_many([[0.0], [0.0], [5.0]])[1:]
    assert 40.0 < far - near < 60.0


def test_a_rows_answer_is_that_of_one_step_ahead() -> None:
    y, X = series(5, 1000), np.zeros((1000, 1))
    base = chain(StandardScaler(), LinearRegression(learning_rate=0.01))
    errors = np.abs(Forecaster(base=base).predict_fit_many(X, y) - y)
    assert errors[300:500].mean() < 0.2


def test_a_recurrent_network_foretells_too() -> None:
    y, X = series(6, 1500)[:750], np.zeros((750, 1))
    net = TorchSequenceRegressor(hidden=8, truncation=8, seed=1)
    model = Forecaster(base=net, horizon=2, n_lags=2).fit_many(X, y)
    due = np.sin(np.arange(750, 752) / 7)
    np.testing.assert_allclose(model.forecast_many(X[:2]), due, atol=0.4)


def test_before_data_and_beyond_the_horizon() -> None:
    model = Forecaster(base=RidgeRegressor(), horizon=2)
    assert model.predict_interval_one([1.0]) == (-np.inf, np.inf)
    with pytest.raises(ValueError, match=r"^X: got 'rows', expected data"):
        model.forecast_many([[1.0]])
    model.fit_one([1.0], 2.0)
    assert np.isinf(model.forecast_interval_many([[1.0]])).all()
    with pytest.raises(ValueError, match=r"^X: got '3 rows', expected at most horizon, 2"):
        model.forecast_many(np.ones((3, 1)))


@pytest.mark.parametrize(
    "bad",
    [{"base": "ridge"}, {"horizon": 0}, {"n_lags": 0}, {"window_size": 0}, {"coverage": 1.0},
     {"step_size": 0.0}, {"step_size": ()}, {"step_size": (0.1, 1.0)}, {"tuning_span": 0}],
)  # fmt: skip
def test_bad_parameters_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(bad))}: got"):
        Forecaster(**{"base": RidgeRegressor(), **bad}).fit_one([1.0], 1.0)
