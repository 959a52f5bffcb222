"""A committee that learns the answers, against a plain one."""

from typing import Any

import numpy as np
import pytest

from onlineml.active import Budget, CommitteeSampling
from onlineml.learners import GaussianNB, MLPClassifier, SoftmaxRegression
from onlineml.schema import Schema
from tests.active.test_strategies import TERMS, assert_equals_twin
from tests.naive import query_strategies as naive


@pytest.mark.parametrize("disagreement", ["vote", "divergence"])
@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_equals_its_twin(terms: dict[str, Any], disagreement: Any) -> None:
    X = np.random.default_rng(6).normal(size=(400, 2))
    labels = (X.sum(1) // 1).astype(int).tolist()
    members = [GaussianNB().start(Schema(2)) for _ in range(3)]
    chances, asks = naive.by_committee(X, labels, members, disagreement == "vote", seed=5, **terms)
    strategy = CommitteeSampling(
        base=GaussianNB(), n_members=3, budget=Budget(**terms), disagreement=disagreement, seed=5
    )
    assert_equals_twin(strategy, X, labels, chances, asks)
    assert 10 < sum(asks) < 125


def test_members_of_a_kind_with_a_seed_begin_apart() -> None:
    strategy = CommitteeSampling(base=MLPClassifier(hidden=(4,)), seed=1).fit_one([1.0, 2.0])
    assert len({member.get_params()["seed"] for member in strategy.members_}) == 5


@pytest.mark.parametrize(
    ("params", "named"),
    [({"base": 3}, "base"), ({"n_members": 1}, "n_members"), ({"disagreement": "x"}, "disagree")],
)
def test_wrong_parameters_are_named(params: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        CommitteeSampling(**{"base": SoftmaxRegression(), **params}).fit_one([1.0])
