"""What attacks prove about epsilon: no more than is promised, and more where noise is missing."""

import numpy as np
import pytest

from benchmarks.privacy_audit import Case, _any_noise, _bound, _normal_noise, audit, cases
from onlineml.learners import LinearRegression, TreeAggregation

SOME = [
    "SoftmaxRegression, tree",
    "MLPClassifier, banded",
    "MLPRegressor, tree",
    "two periods, tree",
    "two learners, banded",
]


@pytest.mark.parametrize("name", SOME)
def test_attacks_prove_no_more_than_is_promised(name: str) -> None:
    found = audit(cases()[name], n_runs=250)
    assert found.promised == pytest.approx(1.46 if "learners" in name else 1.0, abs=0.01)
    assert max(found[:3]) <= found.promised


@pytest.mark.parametrize("name", SOME)
def test_attacks_find_noise_that_is_too_small(name: str) -> None:
    tenth = audit(cases()[name], n_runs=250, noise=0.1)
    assert min(tenth.by_weights, tenth.by_normal_weights) > tenth.promised
    nothing = audit(cases()[name], n_runs=100, noise=0.0)
    assert min(nothing[:3]) > nothing.promised


def test_attacks_find_that_two_learners_have_the_same_noise() -> None:
    """As they would by the same seed, without the odometer that they share."""
    rows = cases()["two learners, tree"].rows

    def make(seed: int | None) -> list[LinearRegression]:
        given = {"epsilon": 1e20 if seed is None else 1.0, "seed": seed or 0, "period": 16}
        promise = TreeAggregation(target_range=(-1.0, 1.0), clip=50.0, **given)  # type: ignore[arg-type]
        return [
            LinearRegression(learning_rate=0.01, loss=loss, privacy=promise)
            for loss in ("squared", "absolute")  # gradients that differ
        ]

    found = audit(Case(make, rows), n_runs=100)
    assert found.by_weights > 2.0 * found.promised


@pytest.mark.slow
@pytest.mark.parametrize("name", list(cases()))
def test_attacks_of_many_runs(name: str) -> None:
    """Half of the noise is found as well, where noise is told apart by its normal shape."""
    found = audit(cases()[name], n_runs=3000)
    assert max(found[:3]) <= found.promised
    half = audit(cases()[name], n_runs=3000, noise=0.4)
    assert half.by_normal_weights > half.promised


def test_the_bounds_are_those_of_the_errors() -> None:
    """Scores that tell nothing, everything, and those of two normal distributions."""
    scores = np.random.default_rng(0).normal(size=(20_000, 2))
    for apart, epsilon in ((0.0, 0.0), (0.25, 0.92), (1.0, 4.38)):
        moved = scores + np.array([0.0, apart])
        sharp = _bound(moved, _normal_noise, 1000, 1e-5, 0.99)
        loose = _bound(moved, _any_noise, 1000, 1e-5, 0.99)
        assert 0.6 * epsilon <= sharp <= epsilon
        assert loose <= sharp + 0.05
    assert _bound(scores + np.array([0.0, 99.0]), _any_noise, 1000, 1e-5, 0.99) > 8.0
