"""Differential privacy: clipping, size and correlation of the noise, what is spent, what leaks."""

import copy
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlineml.checks import assert_same_state, check_estimator
from onlineml.datasets import load as stream
from onlineml.graph import Keyed
from onlineml.kernels.privacy import COST, SCALE
from onlineml.learners import (
    KUE,
    OOB,
    BandedNoise,
    CANDClassifier,
    Forecaster,
    LinearRegression,
    LogisticRegression,
    MLPClassifier,
    MLPRegressor,
    SoftmaxRegression,
    TreeAggregation,
)
from onlineml.learners.fading import keeps_all
from onlineml.learners.privacy import Privacy
from onlineml.odometer import epsilon_of, rho_of
from onlineml.persistence import load, save
from onlineml.schema import Schema
from onlineml.unlearning import PrivacyOdometer, Replayable
from tests.naive import private

N = 40
RANGE = (-1.0, 1.0)


def promise(noise: str, **more: Any) -> Privacy:
    """A tree, or bands of which there are no more than the period."""
    if noise == "tree":
        return TreeAggregation(**more)
    return BandedNoise(**{"bands": min(7, more.get("period", 7)), **more})


def every_learner(**more: Any) -> list[Any]:
    """One of each kind, with a promise."""
    given = {"seed": 3, "target_range": RANGE, "period": 64, **more}
    net: Any = {"hidden": (4,), "optimizer": "sgd", "learning_rate": 0.05, "seed": 1}
    return [
        LogisticRegression(privacy=TreeAggregation(**given)),
        SoftmaxRegression(privacy=BandedNoise(bands=7, **given)),
        LinearRegression(privacy=TreeAggregation(**given)),
        MLPClassifier(privacy=BandedNoise(bands=7, **given), **net),
        MLPRegressor(privacy=TreeAggregation(**given), **net),
    ]


def targets(model: Any, score: Any) -> Any:
    return score if "Regress" in type(model).__mro__[2].__name__ else (score > 0).tolist()


# ------------------------------------------------------------------------------- noise


def strategy(noise: str) -> tuple[Any, Any]:
    """What a row enters, and how sums come of it."""
    if noise == "tree":
        return private.tree(N)
    root = private.banded_root(N, 7)
    return root, np.tril(np.ones((N, N))) @ np.linalg.inv(root)


@pytest.mark.parametrize("noise", ["tree", "banded"])
def test_the_noise_of_sums_is_that_of_the_factored_matrix(noise: str) -> None:
    """Covariance over rows, from 3,000 coordinates; no row enters more than it may."""
    model = SoftmaxRegression(
        learning_rate=2.0, intercept=False,
        privacy=promise(noise, epsilon=1.5, clip=0.7, seed=5, period=N),
    )  # fmt: skip
    X, course = np.zeros((N, 1500)), []
    model.fit_many(X[:2], [0, 1], weight=[0.0, 0.0])
    for i in range(N):
        model.fit_one(X[i], max(1 - i, 0))
        course.append(model.weights_[:2].reshape(-1) / -2.0)
    enters, sums = strategy(noise)
    np.testing.assert_allclose(sums @ enters, np.tril(np.ones((N, N))), atol=1e-9)
    longest = np.linalg.norm(enters, axis=0).max()
    scale = 0.7 * longest / math.sqrt(2.0 * rho_of(1.5, 1e-5))
    due = scale**2 * sums @ sums.T
    found = np.array(course) @ np.array(course).T / 3000
    spread = np.sqrt(np.diag(due))
    assert np.abs(found / np.outer(spread, spread) - due / np.outer(spread, spread)).max() < 0.1
    np.testing.assert_allclose(np.diag(found).sum(), np.diag(due).sum(), rtol=0.03)


def test_trees_follow_one_another() -> None:
    model = LinearRegression(
        intercept=False, learning_rate=1.0,
        privacy=TreeAggregation(period=8, seed=2, target_range=RANGE),
    )  # fmt: skip
    model.fit_many(np.zeros((32, 3000)), np.zeros(32))
    scale = math.sqrt(4.0 / (2.0 * rho_of(2.0, 1e-5)))
    due = scale**2 * 4 * 8 / 15  # four whole trees of eight rows: 2^k / (2^(k + 1) - 1)
    np.testing.assert_allclose(model.weights_.var(), due, rtol=0.1)


@pytest.mark.parametrize("noise", ["tree", "banded"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_every_weight_of_a_network_gets_the_noise(kind: Any, noise: str) -> None:
    """A clip that is tiny beside the weights: what moves them is noise alone, of its size."""
    model = kind(
        hidden=(50,), optimizer="sgd", learning_rate=1.0,
        privacy=promise(noise, epsilon=1.0, clip=1e-3, period=16, seed=2, n_periods=1,
                        target_range=RANGE, classes=(0, 1) if kind is MLPClassifier else None),
    )  # fmt: skip
    X, y = np.random.default_rng(1).normal(size=(17, 40)), np.arange(17) % 2
    model.start(Schema(40))
    before = model.weights_.copy()
    model.fit_many(X[:1], y[:1])
    moved = model.weights_ - before
    scale = model.privacy.promise()[SCALE]
    assert (moved != 0.0).all()
    np.testing.assert_allclose(moved.var(), scale**2, rtol=0.12)
    model.fit_many(X[1:], y[1:])
    assert model.odometer.spent[0] == pytest.approx(1.0)
    assert model.diagnostics() == {"n_not_learned": 1.0}


# ------------------------------------------------------------------------------- sensitivity


def test_what_a_row_may_move_by_its_nodes_and_columns() -> None:
    """The noise for the most that rows may enter, of all ways to lie a period apart."""
    for noise, period, n_periods in itertools.product(("tree", "banded"), (1, 5, 8, 13), (1, 2, 3)):
        given = promise(noise, period=period, n_periods=n_periods, epsilon=1.0, clip=0.5)
        n = period * n_periods
        if noise == "tree":
            nodes = private.tree(period)[0]
            assert nodes.sum(0).max() == given.n_vectors
            enters = np.kron(np.eye(n_periods), nodes)  # one tree after another
        else:
            enters = private.banded_root(n, min(7, period))
        most = 0.0
        for rows in itertools.combinations(range(n), n_periods):
            if all(b - a >= period for a, b in itertools.pairwise(rows)):
                most = max(most, float(np.linalg.norm(enters[:, rows].sum(1))))
        rho = 0.5 * (0.5 * most / given.promise()[SCALE]) ** 2
        assert rho <= rho_of(1.0, 1e-5) * (1.0 + 1e-9)
        assert rho > 0.8 * rho_of(1.0, 1e-5)  # no noise is wasted


@pytest.mark.parametrize("place", range(5))
def test_one_row_moves_the_weights_by_the_clip_at_most(place: int) -> None:
    """Rows as wild as can be, of any weight: in place of a row that has no gradient."""
    rng, furthest = np.random.default_rng(0), 0.0
    for far, weight in itertools.product((0.3, 1.0, 1e3, 1e9), (0.1, 1.0, 1e6)):
        model = every_learner(clip=0.7)[place]
        X, score = rng.normal(size=(6, 3)), rng.normal(size=6)
        model.fit_many(X, targets(model, score))
        twin = model.clone().set_state(model.get_state())
        x, y = far * rng.normal(size=(2, 3)), targets(model, far * rng.normal(size=2))
        x[1] = x[0]
        both = [model, twin]
        for one, label, share in zip(both, y, (weight, 1e-300)):
            one.fit_many(x[:1], [label], weight=[share])
        parts = ["weights_", "intercept_"] if hasattr(model, "intercept_") else ["weights_"]
        gaps = [getattr(model, name) - getattr(twin, name) for name in parts]
        moved = math.sqrt(sum(float((gap**2).sum()) for gap in gaps))
        assert moved <= 0.7 * model.learning_rate * (1.0 + 1e-6)
        furthest = max(furthest, moved)
        assert_same_state(
            dict(a=model.source_, b=model.spent_), dict(a=twin.source_, b=twin.spent_)
        )
    assert furthest > 0.69 * model.learning_rate


@pytest.mark.parametrize("place", range(5))
def test_the_wildest_rows_move_the_weights_by_the_clip_at_most(place: int) -> None:
    """Products that overflow, and lengths that vanish, where noise has made the weights large."""
    rng = np.random.default_rng(0)
    model = every_learner(epsilon=0.01)[place]
    X, score = rng.normal(size=(20, 3)), rng.uniform(-1, 1, 20)
    rate = model.learning_rate
    model.fit_many(X, targets(model, score))
    state, ends = model.get_state(), (1e308, -1e308)
    for x, y, weight in itertools.product(
        (0.0, np.nan, 1e-200, 1e154, 1e308), ends, (1e-308, 1.0, 1e9, 1e15)
    ):
        one, other = (model.clone().set_state(state) for _ in "12")
        label = targets(model, np.array([y]))[0]
        one.fit_one([x, x, 1e-200], label, weight=weight)
        other.fit_one([0.0, 0.0, 0.0], label, weight=1e-300)
        parts = [name for name in ("weights_", "intercept_") if hasattr(model, name)]
        gaps = [getattr(one, name) - getattr(other, name) for name in parts]
        rounding = 1e-12 * max(np.abs(getattr(one, name)).max() for name in parts)
        moved = math.sqrt(sum(float((gap**2).sum()) for gap in gaps))
        assert moved <= rate * (1.0 + 1e-6) + rounding


def test_without_noise_it_is_clipped_gradient_descent() -> None:
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(200, 3)) * 3.0, rng.integers(0, 3, 200), rng.random(200) * 2.0
    given: Any = {"epsilon": 1e14, "clip": 0.8, "classes": (0, 1, 2), "seed": 1}
    model = SoftmaxRegression(learning_rate=0.3, privacy=TreeAggregation(**given))
    course = []
    for x, label, share in zip(X, y, weight):
        model.fit_one(x, label, weight=share)
        course.append(np.column_stack([model.intercept_[:3], model.weights_[:3, :, 0]]))
    due = private.clipped(X, y, weight, 0.8, 0.3, 3)
    np.testing.assert_allclose(course, due, atol=1e-4)
    steps = np.linalg.norm(np.diff(np.array(course), axis=0).reshape(199, -1), axis=1)
    assert 0.239 < steps.max() < 0.2401  # the clip, reached
    line = LinearRegression(learning_rate=0.01, privacy=BandedNoise(
        epsilon=1e14, clip=0.8, target_range=(5.0, 25.0)))  # fmt: skip
    score, course = X @ [0.2, -0.1, 0.3] + 0.1 * rng.normal(size=200), []
    for x, number, share in zip(X, score, weight):
        line.fit_one(x, 15.0 + 10.0 * number, weight=share)
        course.append(np.append(line.intercept_, line.weights_[:, 0]))
    due = private.clipped_line(X, score, weight, 0.8, 0.01)
    np.testing.assert_allclose(course, due, atol=1e-5)
    answers = line.predict_many(X)
    np.testing.assert_allclose(answers, 15.0 + 10.0 * np.clip(due[-1, 0] + X @ due[-1, 1:], -1, 1),
                               atol=1e-3)  # fmt: skip
    assert (np.abs(score) > 1.0).any()


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("kind", [LogisticRegression, SoftmaxRegression, LinearRegression])
def test_without_noise_and_clip_it_is_the_plain_learner(kind: Any, optimizer: str) -> None:
    """Late classes, nominal values and weight decay included."""
    rng = np.random.default_rng(1)
    X, score = rng.normal(size=(300, 3)), rng.normal(size=300)
    y: Any = np.clip(score, -1, 1)
    if kind is not LinearRegression:
        y = np.where(np.arange(300) > 150, (score > 0) + (score > 1).astype(int), score > 0)
    plain = kind(learning_rate=0.1, optimizer=optimizer, l2=0.01, decay_intercept=True)
    hidden = plain.clone().set_params(
        privacy=BandedNoise(epsilon=1e24, clip=100.0, target_range=RANGE)
    )
    for model in (plain, hidden):  # two classes from the start: of one, there is noise alone
        model.fit_many(X[:2], [0, 1], weight=[0.0, 0.0])
        model.fit_many(X, y)
    np.testing.assert_allclose(hidden.weights_, plain.weights_, atol=1e-6)
    np.testing.assert_allclose(hidden.intercept_, plain.intercept_, atol=1e-6)


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_without_noise_a_network_descends_its_clipped_gradient(kind: Any, layer_norm: bool) -> None:
    """Gradients by central differences of the loss."""
    rng = np.random.default_rng(0)
    X, score = rng.normal(size=(8, 3)), rng.uniform(-1, 1, 8)
    y = (score > 0).tolist() if kind is MLPClassifier else score.tolist()
    classes = (False, True) if kind is MLPClassifier else None
    model = kind(
        hidden=(4, 3), activation="tanh", optimizer="sgd", learning_rate=0.5, seed=1,
        layer_norm=layer_norm,
        privacy=TreeAggregation(epsilon=1e18, clip=0.3, target_range=RANGE, classes=classes),
    )  # fmt: skip
    model.fit_many(X[:2], y[:2])
    twin = model.clone().set_state(model.get_state())

    def loss(weights: Any, x: Any, target: Any) -> float:
        twin.weights_[:] = weights
        if kind is MLPClassifier:
            return -math.log(twin.predict_proba_one(x)[classes.index(target)])
        return 0.5 * (twin.predict_one(x) - target) ** 2

    for x, target in zip(X[2:], y[2:]):
        before, gradient = model.weights_.copy(), np.zeros(len(model.weights_))
        for p, step in itertools.product(range(len(before)), (1e-5, -1e-5)):
            weights = before.copy()
            weights[p] += step
            gradient[p] += loss(weights, x, target) / (2.0 * step)
        model.fit_one(x, target)
        due = before - 0.5 * gradient * min(1.0, 0.3 / np.linalg.norm(gradient))
        np.testing.assert_allclose(model.weights_, due, atol=1e-6)
        assert np.linalg.norm(model.weights_ - before) <= 0.15 + 1e-6


# ------------------------------------------------------------------------------- what is spent


@pytest.mark.parametrize("noise", ["tree", "banded"])
def test_a_spent_budget_is_refused(noise: str) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), rng.integers(0, 2, 100)
    model = SoftmaxRegression(privacy=promise(noise, period=20, n_periods=3, seed=1))
    spent = []
    for i in range(4):
        model.fit_many(X[20 * i : 20 * i + 20], y[20 * i : 20 * i + 20])
        spent.append(model.odometer.spent[0])
        if i == 2:
            before = model.weights_.copy()
    assert spent[0] < spent[1] < spent[2] <= 2.0
    assert spent[2] == pytest.approx(2.0)
    assert spent[3] == spent[2]
    assert not model.odometer.allows(rho=0.01)
    np.testing.assert_array_equal(model.weights_, before)
    assert model.diagnostics() == {"n_not_learned": 20.0}
    assert model.unlearn_one(X[0], y[0])[:2] == ("certified", np.inf)
    endless = SoftmaxRegression(privacy=promise(noise, period=20)).fit_many(X, y)
    assert endless.odometer.spent[0] == pytest.approx(2.0)
    assert endless.diagnostics() == {"n_not_learned": 0.0}


def test_a_multiplier_says_how_many_periods_there_are() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 2)), rng.uniform(-1, 1, 400)
    for multiplier in (4.0, 7.3, 11.0):
        given = BandedNoise(
            noise_multiplier=multiplier, period=10, bands=5, clip=0.5, target_range=RANGE
        )
        length = np.linalg.norm(private.banded_root(10, 5), axis=0).max()
        assert given.promise()[SCALE] == pytest.approx(0.5 * multiplier * length)
        model = LinearRegression(privacy=given).fit_many(X, y)
        n_periods = math.floor(rho_of(2.0, 1e-5) / (0.5 / multiplier**2))
        assert 1 < n_periods < 40
        assert model.n_steps_[0] == 10 * n_periods
        assert model.diagnostics()["n_not_learned"] == 400 - 10 * n_periods
        due = epsilon_of(n_periods * 0.5 / multiplier**2, 1e-5)
        assert model.odometer.spent[0] == pytest.approx(due)
        assert due <= 2.0
    with pytest.raises(ValueError, match="noise_multiplier"):
        LinearRegression(privacy=TreeAggregation(noise_multiplier=1.0, target_range=RANGE)).fit_one(
            [1.0], 0.0
        )


def test_concentrated_privacy() -> None:
    """Above the exact trade of one Gaussian mechanism, and below the plain bound."""
    for rho in (1e-4, 0.01, 0.3, 2.0, 20.0):
        for delta in (1e-8, 1e-5):
            epsilon = epsilon_of(rho, delta)
            assert epsilon <= rho + 2.0 * math.sqrt(rho * math.log(1.0 / delta))
            mu = math.sqrt(2.0 * rho)
            tail = [0.5 * math.erfc(z / math.sqrt(2.0)) for z in (
                epsilon / mu - mu / 2.0, epsilon / mu + mu / 2.0)]  # fmt: skip
            assert tail[0] - math.exp(epsilon) * tail[1] <= delta * (1.0 + 1e-6)
            assert rho_of(epsilon, delta) == pytest.approx(rho, rel=1e-6)
    odometer = PrivacyOdometer(epsilon=1.0, delta=1e-5, rule="concentrated")
    assert odometer.spend(rho=0.01)
    assert odometer.spend(0.1)
    assert odometer.spent == (pytest.approx(epsilon_of(0.015, 1e-5)), 1e-5)
    with pytest.raises(ValueError, match="rho"):
        PrivacyOdometer(epsilon=1.0).spend(rho=0.1)
    assert odometer.spend(0.1, 4e-6)
    assert odometer.spent == (pytest.approx(epsilon_of(0.02, 6e-6)), 1e-5)
    assert not odometer.allows(0.0, 6e-6)  # of which nothing would be left


@pytest.mark.parametrize("place", range(5))
def test_a_file_resumes_noise_and_budget(place: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    X, score = rng.normal(size=(200, 3)), rng.uniform(-1, 1, 200)
    model = every_learner(n_periods=2)[place]
    y = targets(model, score)
    model.fit_many(X[:77], y[:77])
    other = load(save(model, tmp_path / "model.onl"))
    assert other.odometer.spent == model.odometer.spent
    for one in (model, other):
        one.fit_many(X[77:], y[77:])
    assert_same_state(model.get_state(), other.get_state())
    assert other.diagnostics() == {"n_not_learned": 72.0}
    assert other.promise_[COST] * 2 <= rho_of(2.0, 1e-5)


def test_a_promise_cannot_be_changed_on_the_way() -> None:
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2
    model = SoftmaxRegression(privacy=TreeAggregation(period=16, seed=1)).fit_many(X, y)
    before = copy.deepcopy(model.get_state())
    for change in ({"privacy__epsilon": 9.0}, {"privacy__period": 8}, {"privacy": None},
                   {"privacy": BandedNoise(bands=5, period=16)}):  # fmt: skip
        twin = model.clone().set_state(before)
        with pytest.raises(ValueError, match="privacy"):
            twin.set_params(**change).fit_one(X[0], 0)  # at once where sizes differ
    plain = SoftmaxRegression().fit_many(X, y)
    with pytest.raises(ValueError, match="privacy"):
        model.clone().set_state(plain.get_state())
    with pytest.raises(ValueError, match="privacy"):
        plain.clone().set_state(before)
    with pytest.raises(ValueError, match="privacy"):
        plain.set_params(privacy=TreeAggregation()).fit_one(X[0], 0)
    with pytest.raises(ValueError, match="state"):
        model.clone().set_state({**before, "promise_": before["promise_"] * 0.5})
    assert not hasattr(SoftmaxRegression(), "odometer")


# ------------------------------------------------------------------------------- what would leak


@pytest.mark.parametrize("place", range(5))
def test_the_noise_does_not_tell_what_was_missing(place: int) -> None:
    """Nor which rows were wild, or of which class: the draws are those of any other row."""
    X = np.random.default_rng(0).normal(size=(9, 3))
    gone = X.copy()
    gone[:, 1], gone[4] = np.nan, 1e40
    ones = []
    for rows, shift in ((X, 0.0), (gone, 2.0)):
        model = every_learner(classes=None)[place]
        if "Regress" not in type(model).__mro__[2].__name__:
            model.set_params(privacy__classes=(False, True))
        score = np.sin(np.arange(9) + shift)
        ones.append(model.start(Schema(3)).fit_many(rows, targets(model, score)))
    first, second = ones
    for name in ("source_", "spent_", "n_steps_", "known_", "history_"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert second.weights_.any()
    if isinstance(first, SoftmaxRegression):
        assert second.weights_[:2, 1].all()  # of the feature that no row showed
    if hasattr(first, "random_"):
        np.testing.assert_array_equal(first.random_, second.random_)


def test_classes_that_are_declared() -> None:
    X = np.random.default_rng(0).normal(size=(9, 2))
    model: Any
    for model in (SoftmaxRegression(), LogisticRegression(), MLPClassifier(hidden=(3,), seed=1)):
        model.set_params(privacy=TreeAggregation(classes=("a", "b", "c"), seed=1))
        model.fit_many(X[:5], ["b"] * 5)
        assert model.classes_ == ["a", "b", "c"]
        assert (model.predict_proba_one(X[0]) > 0.0).all()
        before = copy.deepcopy(model.get_state())
        with pytest.raises(ValueError, match=r"privacy\.classes"):
            model.fit_many(X[5:], ["a", "c", "d", "a"])
        assert_same_state(before, model.get_state())
        model.fit_one(X[5], "c")


def test_mappings_that_bring_features_by_row_and_by_chunk() -> None:
    rng = np.random.default_rng(0)
    rows: list[Any] = [{"a": a, "b": b} for a, b in rng.normal(size=(30, 2)).tolist()]
    for i, row in enumerate(rows):
        if i >= 12:
            row["late"] = float(i % 3)
        if i >= 20:
            row["kind"] = "xy"[i % 2]
    for i in range(5):
        by_row, by_chunk = every_learner()[i], every_learner()[i]
        y = targets(by_row, rng.uniform(-1, 1, 30))
        served = []
        for row, target in zip(rows, y):
            served.append(by_row.predict_one(row))
            by_row.fit_one(row, target)
        answers = by_chunk.predict_fit_many(rows[:25], y[:25]).tolist()
        answers += by_chunk.predict_fit_many(rows[25:], y[25:]).tolist()
        assert answers[1:] == served[1:]
        assert_same_state(by_row.get_state(), by_chunk.get_state())
        before = copy.deepcopy(by_chunk.get_state())
        with pytest.raises(ValueError, match="expected a number"):
            by_chunk.fit_many([rows[0], {"new": 1.0}, {"more": "no", "a": "no"}], y[:3])
        assert_same_state(before, by_chunk.get_state())


# ------------------------------------------------------------------------------- all the rest


@pytest.mark.parametrize("place", range(5))
def test_checks_pass_with_a_promise(place: int) -> None:
    check_estimator(every_learner()[place])


@pytest.mark.parametrize(("noise", "low"), [("tree", 0.79), ("banded", 0.79)])
def test_accuracy_is_in_its_band(noise: str, low: float) -> None:
    chunks = list(stream("phishing").chunks(10_000))
    X, y = np.vstack([c.X for c in chunks]), np.concatenate([c.y for c in chunks])
    found = []
    for seed in range(5):
        given = promise(noise, epsilon=8.0, period=2048, seed=seed)
        model = SoftmaxRegression(learning_rate=0.05, privacy=given)
        found.append((model.predict_fit_many(X, y) == y).mean())
    assert low < np.mean(found) < 0.9


@pytest.mark.parametrize("kind", [KUE, OOB, Forecaster])
def test_members_have_noise_of_their_own(kind: Any) -> None:
    """Of one seed too; that of a member in the place of another as well."""
    X = np.random.default_rng(0).normal(size=(40, 2))
    given: Any = {"period": 64, "seed": 5, "target_range": RANGE}
    if kind is Forecaster:
        base: Any = LinearRegression(privacy=TreeAggregation(**given))
        model = kind(base=base, horizon=3, n_lags=1).fit_many(X, X[:, 0])
    else:
        base = SoftmaxRegression(privacy=TreeAggregation(**given))
        model = kind(base=base, n_members=3, seed=1).fit_many(X, X[:, 0] > 0)
    sources = [int(member.source_[0]) for member in model.members_]
    seeds = [member.privacy.seed for member in model.members_]
    assert len(set(sources)) == len(set(seeds)) == len(model.members_) >= 3
    assert base.privacy.seed == 5


def test_what_does_not_go_together() -> None:
    X, y = np.random.default_rng(0).normal(size=(9, 2)), np.arange(9) % 2
    given = TreeAggregation()
    with pytest.raises(ValueError, match="target_range"):
        LinearRegression(privacy=given).fit_one([1.0], 0.0)
    with pytest.raises(ValueError, match="target_range"):
        MLPRegressor(privacy=given).fit_one([1.0], 0.0)
    for rule in ("obgd", "intentional"):
        with pytest.raises(ValueError, match="optimizer"):
            MLPClassifier(optimizer=rule, privacy=given).fit_one([1.0], 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="privacy"):
        SoftmaxRegression(privacy=2.0).fit_one([1.0], 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="without privacy"):
        Keyed(SoftmaxRegression(privacy=given), key=0).fit_many(X, y)
    with pytest.raises(ValueError, match="without layer_norm and privacy"):
        CANDClassifier(networks=[MLPClassifier(privacy=given)]).fit_many(X, y)
    assert keeps_all(SoftmaxRegression(l2=0.1, intercept=False, privacy=given))
    assert Replayable(SoftmaxRegression(privacy=given)).fit_many(X, y).unlearn_one(id=3).forgotten


@pytest.mark.parametrize(
    ("name", "value"),
    [("epsilon", 0.0), ("delta", 0.0), ("clip", 0.0), ("period", 0), ("n_periods", 0),
     ("noise_multiplier", 0.1), ("target_range", (1.0, 1.0)), ("classes", ("a", "a"))],
)  # fmt: skip
def test_bad_promises(name: str, value: Any) -> None:
    for kind in (TreeAggregation, BandedNoise):
        with pytest.raises(ValueError, match=name):
            SoftmaxRegression(privacy=kind(**{name: value})).fit_one([1.0], 0)
    with pytest.raises(ValueError, match="bands"):
        SoftmaxRegression(privacy=BandedNoise(bands=9, period=8)).fit_one([1.0], 0)
    with pytest.raises(ValueError, match="n_periods"):
        SoftmaxRegression(privacy=BandedNoise(n_periods=2, noise_multiplier=9.0)).fit_one([1.0], 0)
