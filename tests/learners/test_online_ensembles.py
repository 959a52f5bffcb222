"""Online ensembles over any base: equal to plain loops by row, and better than one member."""

from typing import Any

import numpy as np
import pytest

from onlineml.checks import assert_same_answers, assert_same_state
from onlineml.graph import chain
from onlineml.learners import (
    AdwinBagging,
    DynamicWeightedMajority,
    GaussianNB,
    HoeffdingTreeClassifier,
    HoeffdingTreeRegressor,
    LeveragingBaggingClassifier,
    LinearRegression,
    OnlineBagging,
    OnlineBaggingRegressor,
    OnlineBoosting,
    OnlineSmoothBoost,
    StreamingGradientBoostedTrees,
)
from onlineml.transforms import StandardScaler
from tests.naive import online_ensembles as naive

ENSEMBLES = [
    AdwinBagging,
    DynamicWeightedMajority,
    LeveragingBaggingClassifier,
    OnlineBagging,
    OnlineBoosting,
    OnlineSmoothBoost,
]


def _stream(seed: int, n_rows: int, *, noise: float = 0.1) -> tuple[Any, Any]:
    """Three classes by two thresholds that turn round half way; labels appear in order."""
    rng = np.random.default_rng(seed)
    X = rng.random((n_rows, 3))
    y = (X[:, 0] + X[:, 1] > 0.8).astype(int) + (X[:, 0] + X[:, 1] > 1.2)
    y[n_rows // 2 :] = 2 - y[n_rows // 2 :]
    noisy = rng.random(n_rows) < noise
    y[noisy] = rng.integers(0, 3, int(noisy.sum()))
    y[:3] = 0, 1, 2
    return X, y


def _by_row(twin: Any, X: Any, y: Any) -> list[Any]:
    said = []
    for x, label in zip(X, y.tolist()):
        said.append(twin.predict(x))
        twin.fit(x, label)
    return said


NB = GaussianNB()
TREE = HoeffdingTreeClassifier(grace_period=50)


@pytest.mark.parametrize(
    ("model", "twin"),
    [
        (OnlineBagging(base=NB, n_members=3, seed=4), naive.Bagging(NB, 3, 4)),
        (OnlineBagging(base=TREE, n_members=3, seed=4), naive.Bagging(TREE, 3, 4)),
        (AdwinBagging(base=NB, n_members=3, seed=5), naive.Bagging(NB, 3, 5, 1.0, 0.002)),
        (
            LeveragingBaggingClassifier(base=TREE, n_members=3, seed=6),
            naive.Bagging(TREE, 3, 6, 6.0, 0.002),
        ),
        (OnlineBoosting(base=NB, n_members=4, seed=7), naive.Boosting(NB, 4, 7)),
        (OnlineSmoothBoost(base=NB, n_members=4), naive.SmoothBoost(NB, 4, 0.1)),
        (
            DynamicWeightedMajority(base=NB, n_members=4, period=7),
            naive.WeightedMajority(NB, 4, 7, 0.5, 0.01),
        ),
    ],
    ids=lambda item: type(item).__name__,
)
def test_equals_the_loop_by_row(model: Any, twin: Any) -> None:
    X, y = _stream(0, 1500)
    model = model.clone()
    due = _by_row(twin, X, y)
    assert model.predict_fit_many(X, y).tolist() == due
    if hasattr(twin, "n_replaced"):
        assert model.n_replaced == twin.n_replaced
    if isinstance(twin, naive.Bagging) and twin.delta is not None:
        assert twin.n_replaced > 0, "the stream changes"
    if isinstance(twin, naive.WeightedMajority):
        assert model.shares_.tolist() == twin.shares
        assert model.n_replaced > 0, "experts have gone"


@pytest.mark.parametrize("kind", ENSEMBLES)
@pytest.mark.parametrize("base", [NB, TREE, chain(StandardScaler(), GaussianNB())])
def test_chunks_equal_rows_where_members_are_replaced(kind: Any, base: Any) -> None:
    X, y = _stream(1, 900)
    whole, cut = kind(base=base, n_members=3, seed=1), kind(base=base, n_members=3, seed=1)
    due = whole.predict_proba_fit_many(X, y).tolist()
    got = []
    for start in range(0, len(X), 37):
        got += cut.predict_proba_fit_many(X[start : start + 37], y[start : start + 37]).tolist()
    assert_same_answers(due, got)
    assert_same_state(whole.get_state(), cut.get_state())


@pytest.mark.parametrize("kind", [AdwinBagging, LeveragingBaggingClassifier, OnlineBagging])
def test_threads_give_the_same_bits(kind: Any) -> None:
    X, y = _stream(2, 3000)
    one, two = (kind(base=TREE, n_members=5, seed=3, n_jobs=n) for n in (1, 2))
    for model in (one, two):
        for part in (slice(0, 100), slice(100, 2000), slice(2000, 3000)):
            model.predict_proba_fit_many(X[part], y[part])
    assert_same_answers(one.predict_proba_many(X).tolist(), two.predict_proba_many(X).tolist())
    assert_same_state(one.get_state(), two.get_state())


@pytest.mark.parametrize("kind", ENSEMBLES)
def test_a_row_of_weight_zero_changes_nothing(kind: Any) -> None:
    X, y = _stream(3, 400)
    weight = (np.arange(len(X)) % 3 > 0).astype(float)
    weight[:3] = 1.0
    some, all_ = kind(n_members=3, seed=2), kind(n_members=3, seed=2)
    some.fit_many(X[weight > 0], y[weight > 0])
    all_.fit_many(X, y, weight=weight)
    assert_same_state(some.get_state(), all_.get_state())


def test_regressor_averages_members_that_have_learned() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((600, 2))
    y = 3.0 * X[:, 0] + 5.0
    model = OnlineBaggingRegressor(base=LinearRegression(), n_members=4, seed=1)
    said = model.predict_fit_many(X, y)
    assert said[0] == 0.0
    members = [member.predict_many(X) for member in model.members_]
    np.testing.assert_allclose(model.predict_many(X), np.mean(members, axis=0), rtol=1e-12)


def test_bagged_regression_trees_beat_one() -> None:
    rng = np.random.default_rng(1)
    X = rng.random((6000, 4))
    y = np.sin(6.0 * X[:, 0]) + X[:, 1] * X[:, 2] + rng.normal(size=len(X)) / 4
    one = HoeffdingTreeRegressor().predict_fit_many(X, y)
    ten = OnlineBaggingRegressor(n_members=10, seed=1).predict_fit_many(X, y)
    assert np.abs(ten - y)[2000:].mean() < np.abs(one - y)[2000:].mean()


@pytest.mark.parametrize(
    ("kind", "gain"),
    [
        (AdwinBagging, 0.1),
        (DynamicWeightedMajority, 0.1),
        (LeveragingBaggingClassifier, 0.1),
        (OnlineBagging, -0.01),
        (OnlineBoosting, 0.0),
        (OnlineSmoothBoost, 0.0),
    ],
)
def test_learns_more_than_one_member_does(kind: Any, gain: float) -> None:
    X, y = _stream(4, 6000)
    single = kind(seed=1)._base()
    alone = np.mean(single.predict_fit_many(X, y) == y)
    accuracy = np.mean(kind(seed=1).predict_fit_many(X, y) == y)
    assert alone + gain < accuracy < 0.94, f"{accuracy:.3f}, one member {alone:.3f}"


@pytest.mark.parametrize("kind", ENSEMBLES)
def test_labels_of_no_sense_are_not_guessed(kind: Any) -> None:
    X, _ = _stream(5, 2000)
    y = np.random.default_rng(6).integers(0, 4, len(X))
    accuracy = np.mean(kind(n_members=4, seed=1).predict_fit_many(X, y) == y)
    assert 0.21 < accuracy < 0.29


def test_members_with_a_seed_get_different_ones() -> None:
    X, y = _stream(7, 300)
    nested = OnlineBagging(base=OnlineBagging(base=NB, n_members=2), n_members=3, seed=1)
    same = nested.clone()
    for model in (nested, same):
        model.fit_many(X, y)
    assert_same_state(nested.get_state(), same.get_state())
    assert len({member.seed for member in nested.members_}) == 3


def test_budget_is_shared_out() -> None:
    X, y = _stream(8, 8000)
    model = LeveragingBaggingClassifier(n_members=5, seed=1, max_bytes=150_000).fit_many(X, y)
    assert 75_000 < model.nbytes <= 150_000
    with pytest.raises(ValueError, match="max_bytes"):
        OnlineBagging(base=NB, max_bytes=3000).fit_many(X, y)


def test_bad_parameters_are_refused() -> None:
    X, y = _stream(9, 10)
    bad = [
        (OnlineBagging(base=LinearRegression()), "base"),
        (OnlineBaggingRegressor(base=NB), "base"),
        (OnlineBagging(n_members=0), "n_members"),
        (OnlineBagging(n_jobs=0), "n_jobs"),
        (OnlineBagging(max_bytes=0), "max_bytes"),
        (OnlineBagging(base=GaussianNB(var_floor=-1.0)), "var_floor"),
        (AdwinBagging(delta=0.0), "delta"),
        (LeveragingBaggingClassifier(poisson_mean=0.0), "poisson_mean"),
        (OnlineSmoothBoost(gamma=1.0), "gamma"),
        (DynamicWeightedMajority(period=0), "period"),
        (DynamicWeightedMajority(theta=0.0), "theta"),
        (StreamingGradientBoostedTrees(base=NB), "base"),
        (StreamingGradientBoostedTrees(learning_rate=0.0), "learning_rate"),
        (StreamingGradientBoostedTrees(feature_share=0.0), "feature_share"),
    ]
    for model, named in bad:
        with pytest.raises(ValueError, match=f"^{named}"):
            model.fit_many(X, y)
        assert not model.is_started


# ------------------------------------------------------------------ gradient boosting

SMALL = HoeffdingTreeRegressor(leaves="mean", grace_period=25, delta=0.05, n_bins=8)


def test_gradient_boosting_equals_the_loop_by_row() -> None:
    X, y = _stream(10, 700)
    model = StreamingGradientBoostedTrees(base=SMALL, n_members=5, learning_rate=0.3, seed=1)
    said = model.predict_fit_many(X, y)
    twin = naive.GradientBoosting(SMALL, 5, 0.3, model.included_)
    assert np.mean(said == np.array(_by_row(twin, X, y), object)) > 0.995  # exp differs in a bit
    for x in X[:20]:
        margins = twin.margins(x, 5)
        due = np.exp(margins) / np.exp(margins).sum()
        np.testing.assert_allclose(model.predict_proba_one(x), due, rtol=1e-6)
    n_leaves = [tree.n_leaves for tree in model.members_]
    assert n_leaves == [tree.n_leaves for tree in twin.trees]
    assert max(n_leaves) > 3


def test_gradient_boosting_learns_more_with_more_steps() -> None:
    X, y = _stream(11, 4000)
    accuracy = [
        np.mean(
            StreamingGradientBoostedTrees(
                base=SMALL, n_members=n, learning_rate=0.1, seed=1
            ).predict_fit_many(X[:2000], y[:2000])
            == y[:2000]
        )
        for n in (1, 30)
    ]
    assert accuracy[0] + 0.05 < accuracy[1] < 0.94, accuracy


def test_gradient_boosting_draws_features_as_they_come() -> None:
    rows = [{f"x{j}": 0.1 * j for j in range(20)}] * 2
    whole = StreamingGradientBoostedTrees(base=SMALL, n_members=50, seed=1)
    parts = whole.clone().fit_one(dict(list(rows[0].items())[:8]), "a")
    whole.fit_many(rows, ["a", "b"])
    parts.fit_many(rows, ["a", "b"])
    assert (whole.included_ == parts.included_).all()
    assert 0.7 < whole.included_.mean() < 0.8


def test_gradient_boosting_makes_room_for_classes_within_its_budget() -> None:
    X, y = _stream(12, 3000)
    base = HoeffdingTreeRegressor(leaves="mean", grace_period=25, delta=0.05, n_bins=8)
    model = StreamingGradientBoostedTrees(base=base, n_members=4, seed=1, max_bytes=200_000)
    two = y < 2
    model.fit_many(X[two], y[two])
    assert model.nbytes > 75_000, "trees larger than their parts will be"
    model.fit_many(X, y)
    assert len(model.members_) == 8
    assert model.nbytes <= 200_000
    twin = model.clone().set_state(model.get_state())
    for other in (model, twin):
        other.fit_many(X, y)
    assert_same_state(model.get_state(), twin.get_state())
    with pytest.raises(ValueError, match="max_bytes"):
        StreamingGradientBoostedTrees(base=base, max_bytes=10_000).fit_many(X, y)


@pytest.mark.parametrize("kind", [AdwinBagging, LeveragingBaggingClassifier])
def test_labels_are_the_likeliest_classes(kind: Any) -> None:
    """Asked for labels alone, members' probabilities count, not what else lies in that memory."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 3))
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
    model = kind(seed=1).fit_many(X[:300], y[:300])
    due = np.array(model.classes_)[model.predict_proba_many(X[300:]).argmax(axis=1)]
    np.testing.assert_array_equal(model.predict_many(X[300:]), due)
    assert [model.predict_one(x) for x in X[300:330]] == due[:30].tolist()
