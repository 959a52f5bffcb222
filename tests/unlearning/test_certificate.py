"""Rows older than the log: what is left of them is within the bound, or the request is refused."""

import math
from typing import Any

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.learners import (
    GaussianNB,
    LinearRegression,
    LogisticRegression,
    RidgeRegressor,
    SoftmaxRegression,
)
from onlineml.persistence import dumps, loads
from onlineml.unlearning import Replayable, Sharded
from onlineml.unlearning.certificate import NO_ROWS, Noter
from tests.naive.certificate import note

HORIZON, EVERY = 160, 16
SETTINGS: dict[str, Any] = {"l2": 0.1, "learning_rate": 0.4, "intercept": False}
ALL_DECAY: dict[str, Any] = {"l2": 0.1, "learning_rate": 0.4, "decay_intercept": True}
MODELS = [
    LinearRegression(**SETTINGS),
    LinearRegression(**SETTINGS, loss="huber", delta=0.5),
    LinearRegression(**SETTINGS, loss="absolute"),
    LinearRegression(l2=0.02, learning_rate=4.0, intercept=False),
    LogisticRegression(**SETTINGS),
    LogisticRegression(l2=4.0, learning_rate=0.7, intercept=False),
    SoftmaxRegression(**SETTINGS),
    SoftmaxRegression(l2=0.01, learning_rate=8.0, intercept=False),
    LinearRegression(**ALL_DECAY),
    LinearRegression(l2=0.02, learning_rate=4.0, decay_intercept=True, loss="huber"),
    LogisticRegression(**ALL_DECAY),
    LogisticRegression(l2=4.0, learning_rate=0.7, decay_intercept=True),
    SoftmaxRegression(**ALL_DECAY),
    SoftmaxRegression(l2=0.01, learning_rate=8.0, decay_intercept=True),
]


def stream(model: Any, seed: int, n: int = 420) -> tuple[Any, Any, Any]:
    """Rows of wild lengths and weights; the first three show the classes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) * rng.choice(
        [0.0, 0.1, 1.0, 30.0], (n, 1), p=[0.05, 0.3, 0.5, 0.15]
    )
    weight = rng.choice([0.0, 0.2, 1.0, 6.0], n)
    if isinstance(model, LinearRegression):
        return X, X @ [1.0, -2.0, 0.5, 0.0] + rng.standard_t(2, n) + 3.0, weight
    y = rng.integers(0, 3, n)
    y[:3] = range(3)
    return X, y, weight


def apart(model: Any, gold: Any) -> float:
    """Distance of all weights."""
    gaps = [
        getattr(model.model_, name) - getattr(gold, name) for name in ("weights_", "intercept_")
    ]
    return math.sqrt(sum(float((gap**2).sum()) for gap in gaps))


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_the_bound_holds(model: Any) -> None:
    """Of one row, of many and of all; by number, by id and by what they were."""
    for seed in range(4):
        X, y, weight = stream(model, seed)
        rng = np.random.default_rng(seed)
        made = Replayable(model, horizon=HORIZON, every=EVERY)
        made.fit_many(X, y, weight=weight, ids=[f"p{i % 200}" for i in range(len(X))])
        for n_gone in (1, 40, 150):
            gone = np.sort(rng.choice(np.arange(3, 180), n_gone, replace=False))
            receipt = made.unlearn_one(id="someone of long ago")
            gold = model.clone().fit_many(
                np.delete(X, gone, 0), np.delete(y, gone), weight=np.delete(weight, gone)
            )
            assert receipt.kind == "certified"
            assert apart(made, gold) <= receipt.bound < np.inf
        by_row = made.unlearn_one(X[5], y[5], weight=float(weight[5]))
        assert (by_row.kind, by_row.bound) == ("certified", receipt.bound)


def test_what_is_known_of_rows_is_that_of_the_naive_twin() -> None:
    """Weights of 0, values that are missing, or as good as that."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 4)), rng.normal(size=200)
    X[rng.random((200, 4)) < 0.05] = np.nan
    X[rng.random((200, 4)) < 0.05] *= 1e60
    weight = rng.choice([0.0, 0.2, 1.0, 6.0], 200)
    found, due = np.array(NO_ROWS), np.array(NO_ROWS)
    noter = Noter(found)
    for part in np.split(np.arange(200), [1, 7, 90]):
        noter.note(X[part], y[part], weight[part])
        note(due, X[part], y[part], weight[part])
        np.testing.assert_array_equal(found, due)
    assert found[3] > 9.0


def test_the_bound_is_no_larger_than_it_must_be() -> None:
    """Where rows hardly move the weights, only decay brings them together."""
    model = LinearRegression(l2=0.5, learning_rate=0.1, intercept=False)
    X, y = np.full((2000, 1), 1e-6), np.full(2000, 1e-9)
    X[:1900], y[:1900] = np.sqrt(10.0), 1.0
    made = Replayable(model, horizon=80, every=10, checkpoints="even").fit_many(X, y)
    receipt = made.unlearn_one(id=1)
    gold = model.clone().fit_many(X[1900:], y[1900:])
    assert 0.0 < apart(made, gold) <= receipt.bound < 200.0 * apart(made, gold)


def test_the_bound_decays_down_to_rounding() -> None:
    model = SoftmaxRegression(l2=0.1, learning_rate=0.5, intercept=False)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 5)), rng.integers(0, 3, 3000)
    y[:3] = range(3)
    bounds = []
    for horizon in (100, 200, 400, 1600):
        made = Replayable(model, horizon=horizon, every=50).fit_many(X, y)
        receipt = made.unlearn_one(id=7)
        gold = model.clone().fit_many(np.delete(X, 7, 0), np.delete(y, 7))
        assert (receipt.kind, receipt.rows) == ("certified", 0)
        assert apart(made, gold) <= receipt.bound
        bounds.append(receipt.bound)
    assert bounds[0] > bounds[1] > bounds[2] > bounds[3]
    assert bounds[0] < 1.0
    assert bounds[3] < 1e-9


def test_rows_of_an_id_in_the_log_are_replayed_and_older_ones_bounded() -> None:
    model = LinearRegression(**SETTINGS)
    X, y, _ = stream(model, 1)
    people = np.arange(len(X)) % 7
    made = Replayable(model, horizon=HORIZON, every=EVERY).fit_many(X, y, ids=people)
    receipt = made.unlearn_one(id=3)
    gold = model.clone().fit_many(X[people != 3], y[people != 3])
    assert receipt.rows > 100
    if receipt.kind == "replayed":
        assert f"within {made.unlearn_one(id=3).bound:.3g}" in receipt.reason
    assert apart(made, gold) <= made.unlearn_one(id=3).bound
    again = made.unlearn_one(id=3)
    assert (again.kind, again.rows) == ("certified", 0)


def test_what_cannot_be_older_is_refused() -> None:
    model = LinearRegression(**SETTINGS)
    X, y, _ = stream(model, 2)
    made = Replayable(model, horizon=HORIZON, every=EVERY).fit_many(X[:100], y[:100])
    assert made.unlearn_one(id=100).kind == "refused"
    assert made.unlearn_one(X[0], y[0] + 1.0).kind == "refused"  # all rows are in the log
    made.fit_many(X[100:], y[100:])
    before = made.get_state()
    assert [made.unlearn_one(id=id).kind for id in (0, 100)] == ["certified", "certified"]
    assert made.unlearn_one(id=len(X)).kind == "refused"
    assert made.unlearn_one(id="name").kind == "refused"
    assert_same_state(before, made.get_state())
    assert made.unlearn_one(id=400).kind == "replayed"
    assert made.unlearn_one(id=400).kind == "refused"
    label = Replayable(LogisticRegression(**SETTINGS), horizon=20, every=10).fit_many(X, y > 0)
    assert label.unlearn_one(X[0], "never").kind == "refused"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            LinearRegression(l2=0.1, optimizer="adam", intercept=False),
            "'adam', the length of a step",
        ),
        (
            LogisticRegression(l2=0.1, optimizer="adagrad", decay_intercept=True),
            "only optimizer='sgd'",
        ),
        (LinearRegression(intercept=False), "l2"),
        (LinearRegression(l2=0.1), "decay_intercept=True"),
        (LinearRegression(**SETTINGS), "missing values"),
        (RidgeRegressor(), "older than the log"),
    ],
    ids=repr,
)
def test_without_the_conditions_it_refuses_and_says_why(model: Any, words: str) -> None:
    X, y, _ = stream(LinearRegression(), 3)
    X[5, 1] = np.nan
    y = y if isinstance(model, LinearRegression | RidgeRegressor) else y > 0
    made = Replayable(model, horizon=HORIZON, every=EVERY).fit_many(X, y)
    receipt = made.unlearn_one(id=0)
    assert (receipt.kind, receipt.bound) == ("refused", np.inf)
    assert words in receipt.reason


def test_nominal_features_do_not_fade() -> None:
    rows = [{"a": float(i), "sky": "clear" if i % 2 else "rain"} for i in range(60)]
    made = Replayable(LogisticRegression(**SETTINGS), horizon=10, every=5)
    made.fit_many(rows, [i % 2 for i in range(60)])
    assert "nominal" in made.unlearn_one(id=0).reason


def test_rows_one_by_one_are_noted_as_in_chunks_and_kept_in_files() -> None:
    model = LinearRegression(**SETTINGS)
    X, y, _ = stream(model, 4)
    X[200, 2] = np.nan
    whole = Replayable(model, horizon=HORIZON, every=EVERY).fit_many(X, y)
    single = Replayable(model, horizon=HORIZON, every=EVERY)
    for row, target in zip(X[:250], y[:250].tolist()):
        single.fit_one(row, target)
    single = loads(dumps(single)).fit_many(X[250:], y[250:])
    assert_same_state(whole.get_state(), single.get_state())
    assert whole.extremes_[3] == 1.0
    silent = Replayable(model, horizon=20, every=5).fit_many(X[:90], y[:90], weight=np.zeros(90))
    assert silent.unlearn_one(id=0)[:2] == ("certified", 0.0)


def test_shards() -> None:
    model = LinearRegression(**SETTINGS)
    X, y, _ = stream(model, 5)
    made = Sharded(model, n_shards=2, horizon=40, every=10).fit_many(X, y)
    assert made.unlearn_one(X[419], y[419]).kind == "replayed"
    old = made.unlearn_one(X[3], y[3])
    assert old.kind == "certified"
    assert old.bound == max(made.unlearn_one(id=id).bound for id in range(20))
    assert Sharded(GaussianNB(), horizon=40, every=10).fit_many(X, y > 0).unlearn_one(
        X[3] + 1.0, True
    ).kind == "refused"  # fmt: skip
