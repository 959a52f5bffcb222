"""Questions by cluster, against a twin in plain Python, and what they cover."""

from typing import Any

import numpy as np
import pytest

from onlineml.active import Budget, ClusterSampling, EntropySampling
from tests.active.test_budget import shares
from tests.active.test_leverages import mild_rows
from tests.active.test_strategies import TERMS, equal
from tests.naive import query_strategies as naive


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_equals_its_twin(terms: dict[str, Any]) -> None:
    P, X = shares(4, 600, late=100), mild_rows(600, 3)
    own = {"n_clusters": 6, "sure_below": 0.4, "half_life": 40.0}
    twin = naive.by_cluster(X, P, **own, seed=5, **terms)
    equal(ClusterSampling(budget=Budget(**terms), **own, seed=5), X, P, twin)


def test_every_group_of_uncertain_rows_gets_labels() -> None:
    """Rows of three groups are seldom and less uncertain than the many of a fourth."""
    random = np.random.default_rng(3)
    group = random.choice(4, 3000, p=[0.02, 0.02, 0.02, 0.94])
    X = 6.0 * np.eye(4)[group] + random.normal(size=(3000, 4))
    lean = np.where(group == 3, 0.55, 0.65) + random.uniform(-0.05, 0.05, 3000)
    P = np.column_stack([lean, 1.0 - lean])
    asked = {}
    for kind in (EntropySampling, ClusterSampling):
        asks = kind(budget=Budget(rate=0.05, n_min=0), seed=1).query_fit_many(X, P).asks
        asked[kind] = np.bincount(group[asks], minlength=4)
    assert asked[EntropySampling][:3].max() <= 3
    assert asked[ClusterSampling][:3].min() >= 4


def test_rows_that_the_learner_is_sure_of_come_last() -> None:
    random = np.random.default_rng(4)
    sure = random.random(2000) < 0.5
    lean = np.where(sure, 0.999, random.uniform(0.5, 0.8, 2000))
    P = np.column_stack([lean, 1.0 - lean])
    strategy = ClusterSampling(budget=Budget(rate=0.1, n_min=0), seed=1)
    asks = strategy.query_fit_many(random.normal(size=(2000, 3)), P).asks
    assert asks[~sure].sum() > 0.95 * asks.sum()


@pytest.mark.parametrize(
    ("params", "named"),
    [({"n_clusters": 1}, "n_clusters"), ({"sure_below": 2.0}, "sure_below"),
     ({"half_life": 0.0}, "half_life")],
)  # fmt: skip
def test_wrong_parameters_are_named(params: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ClusterSampling(**params).query_one(np.zeros(2), np.full(2, 0.5))
