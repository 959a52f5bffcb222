"""Nets that foretell losses, against plain ones, and what their labels are worth."""

from typing import Any

import numpy as np
import pytest

from onlineml.active import Budget, NeurOnAlS
from onlineml.learners import MLPRegressor
from onlineml.schema import Schema
from tests.active.test_strategies import assert_equals_twin
from tests.naive import query_strategies as naive


@pytest.mark.parametrize("exploration", [False, True])
@pytest.mark.parametrize(
    ("terms", "gamma"),
    [
        ({"rate": 0.15}, None),
        ({"total": 40, "horizon": 300}, None),
        ({"total": 40, "horizon": 300, "explore": 0.5}, 0.02),
    ],
    ids=["rate", "total", "bound"],
)
def test_equals_its_twin(terms: dict[str, Any], gamma: float | None, exploration: bool) -> None:
    X = np.random.default_rng(6).normal(size=(300, 2))
    labels = np.array(["a", "b", "c"])[(X.sum(1) // 1).clip(-1, 1).astype(int)].tolist()

    def net_of(number: int) -> MLPRegressor:
        width = 2 if number % 2 == 0 else 4
        return MLPRegressor(hidden=(4,), learning_rate=0.01, seed=5 + number).start(Schema(width))

    chances, asks = naive.by_foretold_loss(X, labels, net_of, gamma, exploration, seed=5, **terms)
    strategy = NeurOnAlS(
        budget=Budget(**terms), rule="bound" if gamma else "rank", gamma=gamma or 1.0, seed=5,
        exploration=exploration, hidden=(4,), learning_rate=0.01, n_replays=8,
    )  # fmt: skip
    assert_equals_twin(strategy, X, labels, chances, asks)
    assert 10 < sum(asks) < 75


def test_the_published_bound_spends_all_at_once() -> None:
    X = np.random.default_rng(6).normal(size=(1000, 2))
    budget = Budget(total=50, horizon=1000)
    strategy = NeurOnAlS(budget=budget, rule="bound", hidden=(4,), n_replays=4, seed=1)
    asked = []
    for i, x in enumerate(X):
        if strategy.query_fit_one(x).ask:
            asked.append(i)
            strategy.answer_one(i, bool(x[0] > 0))
    assert len(asked) == 50
    assert max(asked) < 100


def test_its_losses_tell_classes_apart() -> None:
    X = np.random.default_rng(2).normal(size=(1500, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    strategy = NeurOnAlS(budget=0.1, hidden=(16,), learning_rate=0.005, seed=1)
    for i, x in enumerate(X):
        if strategy.query_fit_one(x).ask:
            strategy.answer_one(i, int(y[i]))
    said = np.array(strategy.labels_)[strategy.foretell(X).argmin(1)]
    assert (said == y).mean() > 0.9


def test_new_features_and_wrong_parameters() -> None:
    strategy = NeurOnAlS(budget=0.5, hidden=(4,), n_replays=4, seed=1)
    assert strategy.foretell(np.zeros((2, 3))).shape == (2, 0)
    for i in range(30):
        row = {"a": i % 3, "b": 1.0} | ({"c": 2.0} if i > 15 else {})
        if strategy.query_fit_one(row, id=i).ask:
            strategy.answer_one(i, i % 2)
    assert strategy.foretell(np.zeros((1, 3))).shape == (1, 2)
    for params in ({"rule": "x"}, {"gamma": 0}, {"n_replays": 0}, {"learning_rate": -1.0}):
        with pytest.raises(ValueError, match=next(iter(params))):
            NeurOnAlS(**params).fit_one([1.0])  # type: ignore[arg-type]
