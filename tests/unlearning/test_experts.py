"""Experts that are replayed apart from others: the bits are those of a replay of all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.learners import DriftMoE
from onlineml.persistence import dumps, loads
from onlineml.unlearning import Replayable, Sharded

APART, ALL = "2 of 6 experts", "all experts"


def mixture(**params: Any) -> DriftMoE:
    due: dict[str, Any] = {"n_experts": 6, "top_k": 2, "hidden": (8,), "batch_size": 8}
    return DriftMoE(**due | {"freeze_after": 60, "grace_period": 8, "seed": 1} | params)


def stream(n: int, seed: int = 0) -> tuple[Any, Any, Any]:
    """Rows of four classes with missing values, and weights, some 0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    X[rng.random(X.shape) < 0.05] = np.nan
    y = np.array(list("abcd"))[np.nan_to_num(X).argmax(1)]
    return X, y, rng.choice([1.0, 1.0, 2.0, 0.0], n)


def gold_of(model: DriftMoE, rows: Any, left: Any) -> DriftMoE:
    X, y, weight = rows
    return model.clone().fit_many(X[left], y[left], weight=weight[left])


@pytest.mark.parametrize("seed", range(6))
def test_any_interleaving_equals_the_survivors(seed: int, tmp_path: Path) -> None:
    """Rows, chunks and requests in any order; all states of the past are those of survivors."""
    rows, rng = stream(500, seed), np.random.default_rng(seed)
    X, y, weight = rows
    how: Any = {"checkpoints": ["geometric", "even"][seed % 2], "lazy": seed % 3 == 0}
    how |= {"log": str(tmp_path)} if seed == 4 else {}
    base = mixture(freeze_after=int(rng.integers(20, 150)), seed=seed)
    model = Replayable(base, horizon=250, every=16, **how)
    gone: set[int] = set()
    reasons, at = "", 0
    while at < len(X):
        part = range(at, min(at + int(rng.choice([1, 3, 40])), len(X)))
        if rng.random() < 0.5:
            model.fit_many(X[part], y[part], weight=weight[part], ids=part)
        else:
            for i in part:
                model.fit_one(X[i], y[i], weight=weight[i], id=i)
        at = part.stop
        asked = rng.integers(max(0, at - 300), at, rng.integers(0, 4)).tolist()
        one_by_one = [model.unlearn_one(id=id) for id in asked[1:]]
        for id, receipt in zip(asked, model.unlearn_many(asked[:1]) + one_by_one):
            assert not (receipt.forgotten and id in gone)
            gone |= {id} if receipt.forgotten else set()
            reasons += receipt.reason
    left = np.setdiff1d(np.arange(len(X)), list(gone))
    gold = gold_of(base, rows, left)
    assert model.predict_proba_many(X).tobytes() == gold.predict_proba_many(X).tobytes()
    assert_same_state(gold.get_state(), model.model_.get_state())
    assert reasons.count(APART) > 5
    assert ALL in reasons
    for checkpoint in model.checkpoints_[1:]:
        past = gold_of(base, rows, left[: checkpoint["at"]])
        assert_same_state(past.get_state(), checkpoint["state"])


def test_only_rows_of_its_experts_are_learned_again() -> None:
    rows = X, y, weight = stream(600)
    model = Replayable(mixture(), every=50).fit_many(X, y, weight=weight)
    number = int(np.flatnonzero(weight[:420] > 0)[-1])
    reached = model.reached_[number].copy()
    at = max(c["at"] for c in model.checkpoints_ if c["at"] <= number)
    receipt = model.unlearn_one(id=number)
    assert receipt.reason == f"{APART} were replayed"
    hits = np.isin(model.reached_[at:599], reached).any(axis=1)
    assert receipt.rows == np.count_nonzero(hits) < 599 - at
    assert model.model_.n_learned_.sum() == 2 * (np.count_nonzero(weight) - 1)
    assert_same_state(gold_of(mixture(), rows, np.delete(np.arange(600), number)).get_state(),
                      model.model_.get_state())  # fmt: skip


def test_a_row_that_taught_nobody_takes_no_replay() -> None:
    X, y, weight = stream(600)
    model = Replayable(mixture(), every=50).fit_many(X, y, weight=weight)
    number = int(np.flatnonzero(weight[:400] == 0)[-1])
    assert model.unlearn_one(id=number)[3:] == (0, "0 of 6 experts were replayed")
    assert model.n_rows == 599


@pytest.mark.parametrize("what", ["router", "class", "feature"])
def test_all_are_replayed_where_more_has_changed(what: str) -> None:
    """The router still learned, or a class or a feature was yet to come."""
    X, y, _ = stream(600)
    events: list[tuple[Mapping[str, float], str]] = [
        (dict(zip("pqrs" if what == "feature" and i > 400 else "pqr", x.tolist())), label)
        for i, (x, label) in enumerate(zip(X, y.tolist()))
    ]
    if what == "class":
        events[390] = events[390][0], "new"
    model = Replayable(mixture(freeze_after=300), every=50)
    for x, label in events:
        model.fit_one(x, label)
    numbers = [200 if what == "router" else 390, 598]
    assert ALL in model.unlearn_one(id=numbers[0]).reason
    assert model.unlearn_one(id=598).reason == f"{APART} were replayed"
    gold = mixture(freeze_after=300)
    for i, (x, label) in enumerate(events):
        if i not in numbers:
            gold.fit_one(x, label)
    assert model.classes_ == gold.classes_
    answers = [
        np.array([one.predict_proba_one(x) for x, _ in events]) for one in (model.model_, gold)
    ]
    assert answers[0].tobytes() == answers[1].tobytes()


def test_requests_of_both_kinds_wait_together() -> None:
    rows = X, y, weight = stream(600)
    for asked in ([500, 20, 450], [20, 500], [450, 449, 500, 451, 20], [599, 598, 0]):
        model = Replayable(mixture(), every=50, lazy=True).fit_many(X, y, weight=weight)
        number = model.cursor_[2]
        for id in asked:
            assert model.unlearn_one(id=id).forgotten
        gold = gold_of(mixture(), rows, np.setdiff1d(np.arange(number), asked))
        assert_same_state(gold.get_state(), loads(dumps(model)).model_.get_state())


def test_goes_on_from_a_file() -> None:
    rows = X, y, weight = stream(600)
    model = Replayable(mixture(), every=50).fit_many(X[:500], y[:500], weight=weight[:500])
    twin = loads(dumps(model))
    for one in (model, twin):
        one.fit_many(X[500:], y[500:], weight=weight[500:]).unlearn_many([470, 480])
    gold = gold_of(mixture(), rows, np.delete(np.arange(600), [470, 480]))
    for one in (model, twin):
        assert_same_state(gold.get_state(), one.model_.get_state())
    assert_same_state(model.get_state(), twin.get_state())


def test_states_do_not_pile_up_where_the_last_row_goes_again_and_again() -> None:
    X, y, weight = stream(600)
    model = Replayable(mixture(), horizon=400, every=16).fit_many(X[:512], y[:512])
    n = len(model.checkpoints_)
    for i in range(60):
        model.unlearn_one(id=511 + i)
        model.fit_one(X[i], y[i])
    assert len(model.checkpoints_) <= n
    model.fit_many(X, y, weight=weight)
    assert len(model.checkpoints_) <= n + 2


def test_shards_of_mixtures_replay_experts() -> None:
    X, y, _ = stream(900)
    model = Sharded(mixture(), n_shards=2, every=50).fit_many(X, y, ids=np.arange(900))
    assert model.unlearn_one(id=880).reason == f"{APART} were replayed"
    gold = Sharded(mixture(), n_shards=2, every=50)
    left = np.delete(np.arange(900), 880)
    gold.fit_many(X[left], y[left], ids=left)
    assert model.predict_proba_many(X).tobytes() == gold.predict_proba_many(X).tobytes()
