"""What cannot be used is refused by name, before anything begins: parameters and weights."""

import math
from typing import Any

import numpy as np
import pytest

from onlineml.base import Estimator
from onlineml.detectors import DeviationFromMean
from onlineml.graph import chain
from onlineml.learners import (
    GaussianNB,
    HoeffdingTreeRegressor,
    KNNRegressor,
    LinearRegression,
    MeanRegressor,
    OnlineBagging,
    RidgeRegressor,
)
from onlineml.registry import estimators
from onlineml.rl import EpsilonGreedy, Exp3
from onlineml.schema import Schema
from onlineml.transforms import MinMaxScaler, StandardScaler
from tests.examples import example

EVERY = [name for name, kind in estimators().items() if issubclass(kind, Estimator)]
WEIGHED = [
    DeviationFromMean, GaussianNB, HoeffdingTreeRegressor, KNNRegressor, LinearRegression,
    MeanRegressor, RidgeRegressor, StandardScaler,
]  # fmt: skip


@pytest.mark.parametrize("name", EVERY)
def test_bad_parameters_are_errors_of_value_or_type(name: str) -> None:
    for parameter in example(name)._parameter_names():
        for bad in ("x", math.nan, -1, object()):
            model = example(name)
            setattr(model, parameter, bad)
            try:
                model._accept_parameters()
            except (ValueError, TypeError):
                assert model._learned() == example(name)._learned()
            else:
                assert parameter != "seed"


@pytest.mark.parametrize(
    ("model", "parameter"),
    [
        (MinMaxScaler(clip="x"), "clip"),  # type: ignore[arg-type]
        (OnlineBagging(seed=-1), "seed"),
        (Exp3(n_actions=2, reward_range=3), "reward_range"),  # type: ignore[arg-type]
        (EpsilonGreedy(n_actions=2, epsilon_steps=-1), "epsilon_steps"),
        (chain(StandardScaler(), GaussianNB()).set_params(steps="x"), "steps"),
    ],
    ids=str,
)
def test_nothing_begins(model: Any, parameter: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=f"^{parameter}: got "):
            model.start(Schema(2))
    assert model.get_state() == {}


def _n_bad(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_n_bad, value.values()))
    return int((~np.isfinite(value)).sum()) if isinstance(value, np.ndarray) else 0


@pytest.mark.parametrize("kind", WEIGHED)
@pytest.mark.parametrize("pattern", [(1e15, 1e15), (1.0, 1e15), (5e-324, 1.0), (5e-324, 1e15)])
def test_states_stay_finite_whatever_the_weights(kind: Any, pattern: Any) -> None:
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(40, 3)), np.resize(pattern, 40)
    y = (X[:, 0] > 0).astype(int) if kind is GaussianNB else X[:, 0]
    model, plain = kind().fit_many(X, y, weight=weight), kind().fit_many(X, y)
    for each in (model, plain):
        each.fit_many(X, y)
    assert _n_bad(model.get_state()) <= _n_bad(plain.get_state())


def test_weights_beyond_what_sums_can_hold() -> None:
    model = MeanRegressor().fit_one([1.0], 2.0, weight=1e15)
    for bad in (1e300, math.inf, math.nan, -1.0):
        with pytest.raises(ValueError, match=r"^weight: got .* 0 to 1e\+15"):
            model.fit_one([1.0], 5.0, weight=bad)
    assert model.predict_one([1.0]) == 2.0
