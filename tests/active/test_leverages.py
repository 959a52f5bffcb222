"""Strategies by leverage against matrices that are inverted anew at each row."""

from typing import Any

import numpy as np
import pytest

from onlineml.active import Budget, DenseVeSSAL, LeverageSampling, RandomSampling
from tests.active.test_budget import shares
from tests.active.test_strategies import TERMS, equal
from tests.naive import query_strategies as naive


def mild_rows(n_rows: int, width: int) -> Any:
    X = np.random.default_rng(6).normal(3.0, 2.0, size=(n_rows, width))
    X[:3] = np.array([[1.0, 4.0, 3.0], [2.0, 3.0, 5.0], [3.0, 1.0, 2.0], [4.0, 2.0, 2.5]]).T[
        :, :width
    ]
    return X


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_dense_vessal_equals_its_twin(terms: dict[str, Any]) -> None:
    P, X = shares(4, 700, late=100), mild_rows(700, 2)
    twin = naive.by_dense_volume(X, P, prior=5.0, seed=5, **terms)
    equal(DenseVeSSAL(budget=Budget(**terms), prior=5.0, seed=5), X, P, twin)


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_leverage_sampling_equals_its_twin(terms: dict[str, Any]) -> None:
    X = mild_rows(600, 4)
    twin = naive.by_regression_leverage(X, prior=2.0, seed=5, **terms)
    strategy = LeverageSampling(budget=Budget(**terms), prior=2.0, seed=5)
    equal(strategy, X, np.empty((600, 0)), twin)


def test_dense_vessal_spends_early() -> None:
    """Directions asked about are worth less, so that new ones come to be certain."""
    random = np.random.default_rng(2)
    X, P = random.normal(size=(2000, 4)), random.dirichlet([1.0, 1.0, 1.0], 2000)
    strategy = DenseVeSSAL(budget=Budget(total=200, horizon=2000), seed=1)
    asks = strategy.query_fit_many(X, P).asks
    assert asks[:400].sum() > 0.25 * asks.sum()
    assert 180 < asks.sum() <= 200


def test_leverage_buys_what_a_regression_needs() -> None:
    """Features that are seldom at work: random labels leave their coefficients unknown."""
    errors = {}
    for kind in (RandomSampling, LeverageSampling):
        found = []
        for seed in range(5):
            random = np.random.default_rng(seed)
            X = random.normal(size=(3000, 8)) * (random.random((3000, 8)) < 0.1)
            truth = random.normal(size=8)
            y = X @ truth + random.normal(size=3000)
            asks = kind(budget=Budget(total=60, horizon=3000), seed=seed).query_fit_many(X).asks
            ridge = X[asks].T @ X[asks] + 1e-3 * np.eye(8)
            found.append(np.abs(np.linalg.solve(ridge, X[asks].T @ y[asks]) - truth).mean())
        errors[kind] = np.mean(found)
    assert errors[LeverageSampling] < 0.6 * errors[RandomSampling]
