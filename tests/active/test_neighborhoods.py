"""Strategies that look at the neighbors of a row, against plain ones."""

from typing import Any

import numpy as np
import pytest

from onlineml.active import PAL, Budget, DensitySampling
from tests.active.test_budget import shares
from tests.active.test_leverages import mild_rows
from tests.active.test_strategies import TERMS, assert_equals_twin, equal
from tests.naive import query_strategies as naive


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_density_sampling_equals_its_twin(terms: dict[str, Any]) -> None:
    P, X = shares(4, 700, late=100), mild_rows(700, 2)
    twin = naive.by_density(X, P, n_neighbors=30, seed=5, **terms)
    equal(DensitySampling(budget=Budget(**terms), n_neighbors=30, seed=5), X, P, twin)


@pytest.mark.parametrize("tolerance", [None, 50.0])
@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_pal_equals_its_twin(terms: dict[str, Any], tolerance: float | None) -> None:
    X = mild_rows(500, 2)
    labels = (X.sum(1) // 3).astype(int).tolist()
    chances, asks = naive.by_expected_gain(X, labels, tolerance, width=0.5, seed=5, **terms)
    strategy = PAL(
        budget=Budget(**terms), rule="balanced" if tolerance else "rank", width=0.5, seed=5
    )
    assert_equals_twin(strategy, X, labels, chances, asks, atol=1e-9)
    assert 10 < sum(asks) < 125
    assert strategy.n_answered == sum(asks)


def test_answers_may_come_late_or_never() -> None:
    X = np.random.default_rng(3).normal(size=(1000, 2))
    strategy = PAL(budget=0.2, max_pending=10, seed=1)
    asked: list[int] = []
    for i, x in enumerate(X):
        if strategy.query_fit_one(x, id=f"row {i}").ask:
            asked.append(i)
        if len(asked) > 5:
            row = asked.pop(0)
            strategy.answer_one(f"row {row}", None if row % 7 == 0 else bool(X[row, 0] > 0))
    assert len(strategy.waiting_) <= 10
    assert abs(strategy.n_asked - 200) < 40  # those that were declined are asked elsewhere
    with pytest.raises(ValueError, match="expected"):
        strategy.answer_one("row 1", True)
