"""Strategies against their naive twins, and what their labels are worth to a learner."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from onlineml.active import (
    PAL,
    Budget,
    ClusterSampling,
    CommitteeSampling,
    DensitySampling,
    EntropySampling,
    FixedUncertainty,
    MarginSampling,
    NeurOnAlS,
    PeriodicSampling,
    RandomSampling,
    VariableUncertainty,
    VeSSAL,
)
from onlineml.learners import GaussianNB, MLPClassifier, ReplayingClassifier
from tests.active.test_budget import shares
from tests.naive import query_strategies as naive

TERMS: list[dict[str, Any]] = [
    {"rate": 0.1},
    {"rate": 0.05, "explore": 0.5, "window_size": 50},
    {"total": 60, "horizon": 700},
]


def equal(strategy: Any, rows: Any, P: Any, found: tuple[list[float], list[bool]]) -> None:
    answers = strategy.query_fit_many(rows, P)
    np.testing.assert_allclose(answers.probabilities, found[0], atol=1e-7)
    assert answers.asks.tolist() == found[1]
    assert 0 < answers.asks.sum() < len(P) / 4


def assert_equals_twin(
    strategy: Any, X: Any, labels: Any, chances: Any, asks: Any, *, atol: float = 1e-6
) -> None:
    """Row by row, where answers are told as they come."""
    for i, x in enumerate(X):
        query = strategy.query_fit_one(x)
        assert query.probability == pytest.approx(chances[i], abs=atol)
        assert query.ask == asks[i]
        if query.ask:
            strategy.answer_one(i, labels[i])


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_strategies_equal_their_twins(terms: dict[str, Any]) -> None:
    P = shares(4, 800, late=300)
    budget = Budget(**terms)
    equal(EntropySampling(budget=budget, seed=5), P, P, naive.by_entropy(P, seed=5, **terms))
    equal(PeriodicSampling(budget=budget, seed=5), P, P, naive.periodic(P, seed=5, **terms))
    for bound in (None, 0.5):
        twin = naive.by_fixed_threshold(P, threshold=bound, seed=5, **terms)
        equal(FixedUncertainty(budget=budget, threshold=bound, seed=5), P, P, twin)
    for split in (0.0, 0.2):
        twin = naive.by_moving_threshold(P, step=0.02, split=split, seed=5, **terms)
        strategy = VariableUncertainty(budget=budget, step=0.02, split=split, seed=5)
        equal(strategy, P, P, twin)


@pytest.mark.parametrize("rule", ["volume", "rank"])
@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_vessal_equals_its_form_of_all_features_and_classes(
    terms: dict[str, Any], rule: Any
) -> None:
    P = shares(4, 500, late=100)
    X = np.random.default_rng(6).normal(3.0, 2.0, size=(500, 4))
    X[:3] = [[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 1.0, 2.0], [3.0, 5.0, 2.0, 2.5]]
    twin = naive.by_leverage(X, P, n_chosen=12, prior=2.0, rank=rule == "rank", seed=5, **terms)
    strategy = VeSSAL(budget=Budget(**terms), n_chosen=12, prior=2.0, rule=rule, seed=5)
    equal(strategy, X, P, twin)


def test_randomized_uncertainty_asks_beyond_the_bound_too() -> None:
    P = shares(4, 20_000)
    answers = [
        VariableUncertainty(budget=0.1, noise=noise, seed=1).query_fit_many(P, P)
        for noise in (0.0, 1.0)
    ]
    surest = [P[answer.asks].max(1).max() for answer in answers]
    assert surest[1] > surest[0]
    assert all(abs(answer.asks.mean() - 0.1) < 0.002 for answer in answers)


def learned(strategy: Any, seed: int) -> float:
    """Accuracy of a network on unseen digits, after a stream of which labels are bought."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(X))
    stream, unseen = order[:1397], order[1397:]
    model = ReplayingClassifier(
        base=MLPClassifier(hidden=(64,), optimizer="adam", learning_rate=0.001, seed=seed),
        seed=seed,
    ).fit_one(X[stream[0]], y[stream[0]])
    for i in stream[1:]:
        if strategy.query_fit_one(X[i], model.predict_proba_one(X[i])).ask:
            model.fit_one(X[i], y[i])
    return float((model.predict_many(X[unseen]) == y[unseen]).mean())


def test_labels_that_are_chosen_are_worth_more_than_random_ones() -> None:
    mean = {
        kind: np.mean(
            [
                learned(kind(budget=Budget(total=140, horizon=1396), seed=seed), seed)
                for seed in (1, 2)
            ]
        )
        for kind in (RandomSampling, MarginSampling, VeSSAL)
    }
    assert mean[MarginSampling] > mean[RandomSampling] + 0.02
    assert mean[VeSSAL] > mean[RandomSampling] + 0.02
    assert mean[VeSSAL] > 0.92


@pytest.mark.parametrize("value", [2.5, float("inf"), float("nan"), "many", None, 0])
def test_numbers_of_things_are_whole(value: Any) -> None:
    strategies = {
        "n_clusters": [ClusterSampling],
        "n_members": [lambda **given: CommitteeSampling(base=GaussianNB(), **given)],
        "n_neighbors": [DensitySampling, PAL],
        "n_labeled": [NeurOnAlS, PAL],
        "n_replays": [NeurOnAlS],
        "max_pending": [NeurOnAlS, PAL],
        "n_chosen": [VeSSAL],
    }
    for name, kinds in strategies.items():
        for kind in kinds:
            strategy = kind(**{name: value})
            with pytest.raises(ValueError, match=f"^{name}: got "):
                strategy.fit_one([1.0], [0.5, 0.5])
            assert not strategy.is_started


def test_a_threshold_is_a_probability() -> None:
    for threshold in ("low", [0.5], -0.1, float("nan")):
        strategy = FixedUncertainty(threshold=threshold)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"^threshold: got "):
            strategy.fit_one([1.0], [0.5, 0.5])
