"""The budget: what is spent, when, and on whom."""

from typing import Any

import numpy as np
import pytest

from onlineml.active import Budget, MarginSampling, RandomSampling
from tests.naive.label_budget import by_margin


def shares(seed: int, n_rows: int, *, late: int = 0) -> Any:
    """Probabilities of three classes, the third known from row `late` on."""
    odds = np.random.default_rng(seed).exponential(size=(n_rows, 3)) ** 2
    odds[:late, 2] = 0.0
    return odds / odds.sum(1, keepdims=True)


@pytest.mark.parametrize(
    "terms",
    [
        {"rate": 0.1},
        {"rate": 0.02, "hard": False, "n_min": 3},
        {"rate": 0.3, "explore": 0.5, "window_size": 30},
        {"rate": 0.1, "total": 60},
        {"total": 50, "horizon": 900},
        {"total": 50, "horizon": 900, "pace": "front"},
        {"rate": 0.05, "horizon": 500, "hard": False},
        {"rate": 0.05, "horizon": 1200, "k_min": 5},
    ],
    ids=str,
)
def test_equals_the_twin(terms: dict[str, Any]) -> None:
    P = shares(3, 1000, late=400)
    P[::7] = P[0]  # ties
    chances, asks = by_margin(P, seed=5, **terms)
    answers = MarginSampling(budget=Budget(**terms), seed=5).query_fit_many(P, P)
    np.testing.assert_allclose(answers.probabilities, chances, atol=1e-9)
    assert answers.asks.tolist() == asks


def _scores(kind: str, n_rows: int) -> Any:
    """Scores without order, in ascending order, and all at once much greater."""
    scores = np.random.default_rng(7).normal(size=n_rows)
    if kind == "ascending":
        return np.sort(scores)
    if kind == "descending":
        return np.sort(scores)[::-1].copy()
    return scores + (5.0 * (np.arange(n_rows) > n_rows // 2) if kind == "sudden" else 0.0)


@pytest.mark.parametrize("kind", ["mixed", "ascending", "descending", "sudden"])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("horizon", [None, 40_000])
def test_the_rate_is_kept_throughout(kind: str, rate: float, horizon: int | None) -> None:
    budget = Budget(rate=rate, horizon=horizon, seed=1)
    asks = budget.query_fit_many(_scores(kind, 40_000)).asks
    assert abs(asks.mean() / rate - 1) < 0.02
    fifths = asks.reshape(5, -1).sum(1)
    assert fifths.max() < 0.45 * asks.sum()


def test_a_total_is_spent_to_the_last_label() -> None:
    for n_labels in (1, 3, 14, 70, 279):
        budget = Budget(total=n_labels, horizon=1397, seed=0)
        asks = budget.query_fit_many(_scores("mixed", 2000)).asks
        assert asks[:1397].sum() == asks.sum() == n_labels


def test_a_soft_budget_goes_on_after_the_horizon() -> None:
    budget = Budget(total=100, horizon=1000, hard=False, seed=0)
    asks = budget.query_fit_many(_scores("mixed", 3000)).asks
    assert 70 < asks[1000:2000].sum() < 130


def test_front_loading_buys_half_the_labels_in_the_first_quarter() -> None:
    budget = Budget(total=1000, horizon=20_000, pace="front", seed=0)
    asks = budget.query_fit_many(_scores("mixed", 20_000)).asks
    assert 450 < asks[:5000].sum() < 560
    assert asks.sum() == 1000


def test_a_refund_buys_now_and_is_paid_back() -> None:
    for horizon in (None, 20_000):
        budget = Budget(rate=0.05, horizon=horizon, seed=0)
        scores = _scores("mixed", 20_000)
        budget.fit_many(scores[:8000])
        before = budget.n_asked
        budget.refund(60)
        budget.fit_many(scores[8000:8600])
        assert budget.n_asked - before > 70  # 30 without
        budget.fit_many(scores[8600:])
        assert abs(budget.n_asked / 1000 - 1) < 0.02


def test_a_declined_label_is_bought_elsewhere() -> None:
    strategy = RandomSampling(budget=Budget(total=100, horizon=2000), seed=2)
    for row in range(2000):
        if strategy.query_fit_one(np.zeros(1), np.empty(0)).ask:
            strategy.answer_one(row, None if row % 2 else "label")
    assert 98 <= strategy.n_answered == strategy.spent <= 100  # the last may be declined
    assert strategy.n_asked > 150


def test_labels_of_different_cost() -> None:
    strategy = RandomSampling(budget=Budget(total=500.0, cost=2.5, horizon=10_000), seed=2)
    for row in range(10_000):
        if strategy.query_fit_one(np.zeros(1), np.empty(0)).ask:
            strategy.answer_one(row, 1, cost=5.0 if row % 2 else 2.5)
    assert 120 < strategy.n_asked < 145
    assert 490 < strategy.spent <= 505


def test_importance_weights_are_unbiased() -> None:
    P = shares(11, 100_000)
    y = P[:, 0] > 0.5
    strategy = MarginSampling(budget=Budget(rate=0.1, explore=0.5), seed=3)
    asks, chances, _ = strategy.query_fit_many(P, P)
    estimate = (y[asks] / chances[asks]).sum() / len(y)
    assert abs(estimate - y.mean()) < 0.02
    assert abs(y[asks].mean() - y.mean()) > 0.05  # what was asked is no sample of the stream


def test_no_strategy_waits_for_a_learner_that_waits_for_it() -> None:
    """A learner that knows nothing gets its first labels; one that stays ignorant, its share."""
    strategy = MarginSampling(budget=0.05, seed=1)
    asks = [strategy.query_fit_one(np.zeros(2), np.empty(0)).ask for _ in range(4000)]
    assert all(asks[:20])
    assert abs(sum(asks) / 200 - 1) < 0.1


def test_rows_of_weight_zero_are_none() -> None:
    P = shares(4, 500)
    weight = (np.arange(500) % 3 > 0).astype(float)
    some = MarginSampling(budget=0.1, seed=1).fit_many(P, P, weight=weight)
    rest = MarginSampling(budget=0.1, seed=1).fit_many(P[weight > 0], P[weight > 0])
    assert some.n_rows == rest.n_rows
    assert some.n_asked == rest.n_asked


def test_classes_may_come_in_mid_stream_by_row() -> None:
    P = shares(5, 300, late=150)
    at_once = MarginSampling(budget=0.1, seed=1)
    by_row = at_once.clone()
    due = at_once.query_fit_many(P, P).asks.tolist()
    known = [2 if i < 150 else 3 for i in range(300)]
    assert [by_row.query_fit_one(p, p[:k]).ask for p, k in zip(P, known)] == due


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        ({}, "rate"),
        ({"rate": 0.0}, "rate"),
        ({"total": 5}, "rate"),
        ({"total": -5, "horizon": 10}, "total"),
        ({"rate": 0.1, "pace": "front"}, "pace"),
        ({"rate": 0.1, "pace": "slow"}, "pace"),
        ({"rate": 0.1, "explore": 2}, "explore"),
        ({"rate": 0.1, "cost": 0}, "cost"),
        ({"rate": 0.1, "horizon": 0}, "horizon"),
        ({"rate": 0.1, "n_min": -1}, "n_min"),
        ({"rate": 0.1, "window_size": 0}, "window_size"),
        ({"rate": 0.1, "window_size": 1.5}, "window_size"),
        ({"rate": "often"}, "rate"),
        ({"rate": 0.1, "horizon": [9]}, "horizon"),
        ({"rate": 0.1, "cost": None}, "cost"),
        ({"rate": 0.1, "n_refund": None}, "n_refund"),
        ({"rate": 0.1, "hard": "yes"}, "hard"),
        ({"rate": 0.1, "seed": -1}, "seed"),
    ],
)
def test_terms_that_cannot_be_kept(terms: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        RandomSampling(budget=Budget(**terms)).fit_many(np.zeros((3, 2)))


def test_wrong_calls_are_refused() -> None:
    strategy = MarginSampling(budget=0.1)
    with pytest.raises(ValueError, match="id"):
        strategy.answer_one(3, "a")
    with pytest.raises(ValueError, match="proba"):
        strategy.fit_one([1.0])
    with pytest.raises(ValueError, match="budget"):
        MarginSampling(budget="much").fit_one([1.0], [1.0])  # type: ignore[arg-type]
    strategy.fit_one([1.0], [0.5, 0.5])
    with pytest.raises(ValueError, match="ids"):
        strategy.query_fit_many([[1.0]], [[1.0]], ids=[1, 2])
    with pytest.raises(ValueError, match="cost"):
        strategy.answer_one(0, "a", cost=-1.0)
    with pytest.raises(ValueError, match="n_labels"):
        strategy.refund(-1)
