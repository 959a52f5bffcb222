"""Adaptive random forests and random patches of regressors: their twin, drift, threads, bounds."""

from typing import Any

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.learners import (
    AdaptiveRandomForestRegressor,
    HoeffdingTreeRegressor,
    LinearRegression,
    StreamingRandomPatchesRegressor,
)
from tests.naive.watched_regressors import Watched

BOTH = [
    lambda **more: AdaptiveRandomForestRegressor(n_members=4, n_bins=8, **more),
    lambda **more: StreamingRandomPatchesRegressor(
        n_members=4, base=HoeffdingTreeRegressor(n_bins=8, grace_period=50, delta=0.01), **more
    ),
]


def _turned(n: int = 6000, every: int = 3000) -> tuple[Any, Any]:
    """A plane and a step, which now and then change their signs."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 4))
    sign = np.where((np.arange(n) // every) % 2 == 0, 1.0, -1.0)
    y = sign * (X[:, 0] + X[:, 1] + 2.0 * (X[:, 2] > 0.3)) + 0.1 * rng.normal(size=n)
    return X, y


def _mae(model: Any, X: Any, y: Any) -> Any:
    return np.abs(model.predict_fit_many(X, y) - y)


TREE = HoeffdingTreeRegressor(grace_period=50, delta=0.01, n_bins=8)
MEANS = HoeffdingTreeRegressor(grace_period=50, delta=0.01, n_bins=8, leaves="mean")


@pytest.mark.parametrize(
    ("model", "twin"),
    [
        (
            AdaptiveRandomForestRegressor(n_members=3, n_bins=8, max_features=1.0, seed=2),
            Watched(TREE, 3, 2),
        ),
        (
            StreamingRandomPatchesRegressor(base=MEANS, n_members=4, training="resampling", seed=5),
            Watched(MEANS, 4, 5, warning=1e-4, drift=1e-5),
        ),
        (
            AdaptiveRandomForestRegressor(
                n_members=4,
                n_bins=8,
                max_features=1.0,
                poisson_mean=0.5,
                delta_warning=1e-6,
                seed=7,
            ),  # alarms without a warning: members that have learned nothing
            Watched(TREE, 4, 7, mean=0.5, warning=1e-6),
        ),
    ],
)
def test_equals_the_loop_by_row(model: Any, twin: Watched) -> None:
    X, y = _turned(2400, 800)
    came, due = model.clone().predict_fit_many(X, y), []
    for x, target in zip(X, y.tolist(), strict=True):
        due.append(twin.predict(x))
        twin.fit(x, target)
    np.testing.assert_allclose(came, due, rtol=1e-9, atol=1e-9)
    assert twin.n_replaced > 3
    assert model.clone().fit_many(X, y).n_replaced == twin.n_replaced


@pytest.mark.parametrize("kind", BOTH)
def test_members_are_replaced_after_a_drift_and_recover(kind: Any) -> None:
    X, y = _turned()
    model = kind(seed=1, max_features=3)
    errors, tree = _mae(model, X, y), _mae(HoeffdingTreeRegressor(), X, y)
    assert model.n_replaced >= 4
    assert errors[3500:].mean() < 0.75 * tree[3500:].mean()
    assert errors[5000:].mean() < 1.15 * errors[2000:3000].mean()


@pytest.mark.parametrize("kind", BOTH)
def test_threads_and_chunks_change_no_bit(kind: Any) -> None:
    X, y = _turned(3000, 700)
    one, two = kind(seed=3), kind(seed=3, n_jobs=2)
    due = one.predict_fit_many(X, y)
    came = [two.predict_fit_many(X[part], y[part]) for part in np.array_split(np.arange(3000), 17)]
    np.testing.assert_array_equal(due, np.concatenate(came))
    assert_same_state(one.get_state(), two.get_state())
    assert one.n_replaced > 0


def test_is_better_than_one_tree_on_friedman() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(8000, 10))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    y += 10 * X[:, 3] + 5 * X[:, 4] + rng.normal(size=8000)
    forest = _mae(AdaptiveRandomForestRegressor(seed=1), X, y)[4000:].mean()
    tree = _mae(HoeffdingTreeRegressor(), X, y)[4000:].mean()
    assert 0.8 < forest < 1.45  # the noise alone is 0.8
    assert forest < 0.8 * tree


def test_leaves_are_divided_by_some_features_only() -> None:
    X, y = _turned(1500)
    tree = HoeffdingTreeRegressor(max_features=2, grace_period=50, delta=0.1, seed=1).fit_many(X, y)
    looked = tree.blind_[tree.drawn_ == 1] == 0
    assert len(looked) > 1
    assert (looked.sum(axis=1) == 2).all()
    assert not tree.filled_[tree.blind_ == 1].any()
    options = {"grace_period": 50, "delta": 0.1}
    everything = HoeffdingTreeRegressor(max_features=1.0, seed=1, **options).fit_many(X, y)
    plain = HoeffdingTreeRegressor(**options).fit_many(X, y)
    np.testing.assert_array_equal(everything.predict_many(X), plain.predict_many(X))


def test_an_outlier_does_not_blind_the_windows() -> None:
    X, y = _turned()
    y[1000] = 1e6
    model = StreamingRandomPatchesRegressor(
        base=HoeffdingTreeRegressor(leaves="mean", n_bins=8), training="resampling",
        n_members=3, seed=1,
    )  # fmt: skip
    model.fit_many(X, y)
    assert model.target_[2, 0] < 2.0 * y[2000:].var()
    assert model.n_replaced >= 3


def test_a_single_member_without_drift_is_its_base_on_its_features() -> None:
    X, y = _turned(2000)
    model = StreamingRandomPatchesRegressor(
        base=LinearRegression(), n_members=1, max_features=2, training="subspaces", seed=4
    )
    came = model.predict_fit_many(X, y)
    columns = np.flatnonzero(model.looks_[0, 0])
    assert len(columns) == 2
    due = LinearRegression().predict_fit_many(np.ascontiguousarray(X[:, columns]), y)
    np.testing.assert_array_equal(came[1:], due[1:])


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_features", "log"), ("max_features", 0), ("delta_drift", 2.0), ("poisson_mean", 0.0),
     ("n_members", 0), ("n_bins", 1), ("leaves", "x")],
)  # fmt: skip
def test_parameters_that_cannot_be_used(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        AdaptiveRandomForestRegressor(**{name: value}).fit_one([1.0, 2.0], 1.0)
    if name in StreamingRandomPatchesRegressor().get_params():
        with pytest.raises(ValueError, match=name):
            StreamingRandomPatchesRegressor(**{name: value}).fit_one([1.0, 2.0], 1.0)
