"""Rows forgotten by replay: the model is, bit for bit, the one that never saw them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.detectors import DDM, HalfSpaceTrees
from onlineml.graph import chain
from onlineml.learners import (
    AdaptiveRandomForestClassifier,
    GaussianNB,
    HoeffdingTreeClassifier,
    LinearRegression,
    MajorityClassifier,
    OnlineBagging,
    SoftmaxRegression,
)
from onlineml.persistence import dumps, loads
from onlineml.transforms import StandardScaler
from onlineml.unlearning import Replayable, ReplayableClassifier, ReplayableTransformer
from onlineml.unlearning.fingerprints import fingerprint, fingerprints


def stream(n: int = 600, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    X[rng.random(X.shape) < 0.05] = np.nan
    return X, np.array(list("abc"))[np.nan_to_num(X).argmax(1)]


def gold_of(model: Any, X: Any, y: Any, gone: Any) -> Any:
    rest = np.setdiff1d(np.arange(len(X)), gone)
    return model.clone().fit_many(X[rest], y[rest])


@pytest.mark.parametrize("checkpoints", ["geometric", "even"])
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    "base",
    [SoftmaxRegression(), HoeffdingTreeClassifier(grace_period=20), OnlineBagging(
        base=MajorityClassifier(), n_members=3, seed=1),
     chain(StandardScaler(), SoftmaxRegression())],
    ids=["linear", "tree", "bagging", "chain"],
)  # fmt: skip
def test_any_interleaving_equals_the_survivors(base: Any, lazy: bool, checkpoints: Any) -> None:
    """Rows, chunks and requests in any order; what leaves the log is refused ever after."""
    X, y = stream()
    rng = np.random.default_rng(7)
    model = Replayable(base, horizon=150, every=10, checkpoints=checkpoints, lazy=lazy)
    gone: set[int] = set()
    at = 0
    while at < len(X):
        n = int(rng.choice([1, 3, 40]))
        model.fit_many(X[at : at + n], y[at : at + n], ids=np.arange(at, min(at + n, len(X))))
        at = min(at + n, len(X))
        for id in rng.integers(0, at, rng.integers(0, 3)).tolist():
            forgotten = model.unlearn_one(id=id).forgotten
            assert not (forgotten and id in gone)
            assert forgotten or id in gone or at - id > 150
            gone |= {id} if forgotten else set()
    assert len(gone) > 5
    gold = gold_of(base, X, y, list(gone))
    assert model.predict_proba_many(X).tobytes() == gold.predict_proba_many(X).tobytes()
    assert_same_state(gold.get_state(), model.model_.get_state())


def test_many_requests_take_one_replay() -> None:
    X, y = stream()
    base = HoeffdingTreeClassifier(grace_period=20)
    model = Replayable(base, horizon=600, every=50).fit_many(X, y)
    one, other, unknown, again = model.unlearn_many([580, 410, 9999, 580])
    assert (one.kind, other.kind, unknown.kind, again.kind) == (
        "replayed", "replayed", "refused", "refused",
    )  # fmt: skip
    assert one.rows == other.rows == 198
    assert unknown.rows == 0
    gold = gold_of(base, X, y, [580, 410])
    assert_same_state(gold.get_state(), model.model_.get_state())


def test_a_class_that_only_forgotten_rows_had_is_gone_too() -> None:
    X, y = stream()
    base = SoftmaxRegression()
    y[3], y[300], y[310] = "first", "late", "later"
    model = Replayable(base, every=50).fit_many(X, y)
    model.unlearn_one(id=3)
    assert model.classes_ == gold_of(base, X, y, [3]).classes_
    model.unlearn_one(id=300)
    gold = gold_of(base, X, y, [3, 300])
    assert model.classes_ == gold.classes_
    assert model.predict_proba_many(X).tobytes() == gold.predict_proba_many(X).tobytes()
    model.fit_one(X[3], "late")
    assert_same_state(gold.fit_one(X[3], "late").get_state(), model.model_.get_state())


def test_all_rows_of_an_id_go() -> None:
    X, y = stream()
    people = [f"person {i % 7}" for i in range(len(X))]
    base = SoftmaxRegression()
    model = Replayable(base, every=50).fit_many(X, y, ids=people)
    assert model.unlearn_one(id="person 3").kind == "replayed"
    gold = gold_of(base, X, y, np.arange(3, len(X), 7))
    assert_same_state(gold.get_state(), model.model_.get_state())
    assert model.unlearn_one(id="person 3").kind == "refused"
    assert model.unlearn_one(id=3).kind == "refused"
    assert b"person" not in dumps(model)


def test_a_row_is_found_by_what_it_was() -> None:
    X, y = stream()
    X[7] = X[20] = [1.0, np.nan, 2.0]
    y[7] = y[20] = "a"
    base = LinearRegression()
    target = np.arange(len(X), dtype=float)
    model = Replayable(base, every=50).fit_many(X, target)
    assert not model.unlearn_one(X[7], 8.0).forgotten
    assert not model.unlearn_one(X[7], 7.0, weight=2.0).forgotten
    assert model.unlearn_one(X[7], 7.0).forgotten
    gold = gold_of(base, X, target, [7])
    assert_same_state(gold.get_state(), model.model_.get_state())
    scaler = Replayable(StandardScaler(), every=50).fit_many(X)
    scaler.unlearn_one(X[20])  # the last of two that are alike
    due = StandardScaler().fit_many(np.delete(X, 20, axis=0))
    assert_same_state(due.get_state(), scaler.model_.get_state())


def test_numbers_and_alarms_are_forgotten_too() -> None:
    errors = np.repeat([0.0, 1.0], [200, 60])
    model = Replayable(DDM(), every=16)
    alarms = model.fit_many(errors)
    assert len(alarms)
    model.unlearn_many(range(200, 260))
    assert not model.drift_detected
    gold = DDM()
    gold.fit_many(errors[:200])
    assert_same_state(gold.get_state(), model.model_.get_state())
    assert model.unlearn_one(0.0).forgotten


def test_columns_and_values_that_come_later() -> None:
    rows = [{"a": 1.0, "sky": "clear"}, {"a": 2.0, "sky": "rain"}, {"a": 3.0, "b": 4.0}]
    model = Replayable(HoeffdingTreeClassifier(), every=1)
    gold = HoeffdingTreeClassifier()
    for i, row in enumerate(rows * 3):
        model.fit_one(row, i % 2)
        if i != 1:
            gold.fit_one(row, i % 2)
    model.unlearn_one(id=1)
    assert [model.predict_proba_one(row).tolist() for row in rows] == [
        gold.predict_proba_one(row).tolist() for row in rows
    ]
    assert model.unlearn_one({"a": 1.0, "new": 2.0}, 0).kind == "refused"


def test_a_lazy_model_goes_on_from_a_file_without_the_row() -> None:
    X, y = stream()
    model = Replayable(SoftmaxRegression(), every=50, lazy=True).fit_many(X, y, ids=range(600))
    receipts = [model.unlearn_one(id=id) for id in (590, 100)]
    assert [receipt.rows for receipt in receipts] == [0, 0]
    other = loads(dumps(model))
    gold = gold_of(SoftmaxRegression(), X, y, [590, 100]).fit_many(X, y)
    other.fit_many(X, y)
    assert_same_state(gold.get_state(), other.model_.get_state())


def test_a_log_on_disk_is_as_one_in_memory(tmp_path: Path) -> None:
    X = stream()[0]
    base = HalfSpaceTrees(n_trees=3, seed=1)
    model, plain = (
        Replayable(base, horizon=200, every=20, log=log).fit_many(X)
        for log in (str(tmp_path), None)
    )
    assert isinstance(model.rows_, np.memmap)
    assert list(tmp_path.iterdir()) == []  # a file without a name
    for twin in (model, plain):
        twin.unlearn_one(id=555)
    other = loads(dumps(model))
    assert isinstance(other.rows_, np.memmap)
    assert_same_state(plain.get_state(), other.get_state())


def test_bad_requests_change_nothing() -> None:
    X, y = stream(100)
    model = Replayable(MajorityClassifier(), horizon=30, every=10)
    assert model.unlearn_one(id=1).reason == "nothing has been learned"
    assert [receipt.kind for receipt in model.unlearn_many([1])] == ["refused"]
    model.fit_many(X, y, ids=range(100))
    before = model.get_state()
    for ids in (range(3), "ab", [1.5] * 100, [True] * 100):
        with pytest.raises(ValueError, match="id"):
            model.fit_many(X, y, ids=ids)
    with pytest.raises(ValueError, match="x"):
        model.unlearn_one()
    with pytest.raises(ValueError, match="ids: got 'ab'"):
        model.unlearn_many("ab")
    assert not model.unlearn_one(id=0).forgotten
    assert not model.unlearn_one(X[0], "never").forgotten
    assert_same_state(before, model.get_state())
    receipt = model.unlearn_one(id=99)
    assert (receipt.kind, receipt.bound) == ("replayed", 0.0)
    assert "older than the log" in receipt.reason


def test_what_it_is_made_of() -> None:
    assert isinstance(Replayable(MajorityClassifier()), ReplayableClassifier)
    assert isinstance(Replayable(StandardScaler()), ReplayableTransformer)
    for arguments in ({"horizon": 0}, {"every": 0.5}, {"checkpoints": "all"}, {"log": "no/folder"}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            Replayable(MajorityClassifier(), **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="model"):
        ReplayableClassifier(model=StandardScaler()).fit_one([1.0], "a")
    with pytest.raises(ValueError, match="model"):
        Replayable("tree")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "ids",
    [
        [5, "5", -5, 2**70, "é", 0],
        ["a", "é", ""],
        [3, 0, 2**62],
        range(5, 0, -2),
        range(-2, 2),
        range(2**64, 2**64 + 2),
        np.array([3, -1]),
        np.array([7, 2**63], np.uint64),
        np.array(["a", "bc"]),
        np.array(["a", 7], object),
        [],
    ],
    ids=str,
)
def test_many_fingerprints_are_those_of_each(ids: Any) -> None:
    ids = ids if isinstance(ids, np.ndarray | range) else list(ids)
    numbers = fingerprints(ids)
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [fingerprint(id) for id in ids]
    assert len(set(numbers.tolist())) == len(ids)


def test_states_that_are_large_are_kept_less_often() -> None:
    X = np.random.default_rng(0).normal(size=(60_000, 2))
    small, large = (
        Replayable(model, horizon=40_000).fit_many(X)
        for model in (StandardScaler(), HalfSpaceTrees(n_trees=1, height=13))
    )
    gaps = [np.diff([c["at"] for c in made.checkpoints_]).min() for made in (small, large)]
    assert gaps == [4096, 16384]
    assert all(len(made._ways) <= len(made.checkpoints_) for made in (small, large))
    large.unlearn_one(id=50_000)
    gold = HalfSpaceTrees(n_trees=1, height=13).fit_many(np.delete(X, 50_000, 0))
    assert_same_state(gold.get_state(), large.model_.get_state())


def test_large_states_share_one_room_and_go_back_whole() -> None:
    """A tree that grows, whose states are written over older and smaller ones."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6_000, 5))
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
    tree = HoeffdingTreeClassifier(grace_period=20, tie_threshold=0.5)
    model = Replayable(tree, horizon=500, every=50).fit_many(X, y)
    state = model.checkpoints_[-1]["state"]
    rooms = {id(a.base) for a in state.values() if isinstance(a, np.ndarray) and a.size >= 4096}
    assert len(rooms) == 1
    model.unlearn_one(id=5_700)
    assert model.predict_proba_many(X).tobytes() == (
        gold_of(tree, X, y, [5_700]).predict_proba_many(X).tobytes()
    )


def test_rows_that_are_refused_leave_the_log_as_it_was() -> None:
    X, y = stream(100)
    model = Replayable(MajorityClassifier(), horizon=30, every=10).fit_many(X, y)
    before = model.get_state()
    bad = X.copy()
    bad[70, 1] = np.inf
    with pytest.raises(ValueError, match=r"X\[70, 'column 1'\]"):
        model.fit_many(bad, y)
    assert_same_state(before, model.get_state())


def test_numbers_ids_and_weights_share_a_log() -> None:
    """Tags and weights that say nothing are not written until they do: the same log by any way."""
    X, y = stream(400)
    weights = np.where(np.arange(400) < 250, 1.0, 2.0)
    logs = []
    for step in (1, 7, 400):
        model = Replayable(SoftmaxRegression(), horizon=150, every=32)
        for first, last in ((0, 230), (230, 300), (300, 400)):
            ids = np.arange(first, last) + 1000 if first else None
            for lo in range(first, last, step):
                part = slice(lo, min(lo + step, last))
                own = None if ids is None else ids[lo - first : part.stop - first]
                model.fit_many(X[part], y[part], weight=weights[part], ids=own)
            assert model.unlearn_one(id=220).forgotten is (first == 0)
        logs.append(model)
        assert model.unlearn_one(id=1310).kind == "replayed"
    for model in logs[1:]:
        assert_same_state(logs[0].get_state(), model.get_state())
    stay = np.setdiff1d(np.arange(400), [220, 310])
    gold = SoftmaxRegression().fit_many(X[stay], y[stay], weight=weights[stay])
    assert_same_state(gold.get_state(), logs[0].model_.get_state())


def test_rows_of_an_id_that_can_be_forgotten_go_though_others_are_too_old() -> None:
    """The log holds some rows from before its oldest state; they are no reason to refuse."""
    X, y = stream(200)
    base = SoftmaxRegression()
    model = Replayable(base, horizon=100, every=40, checkpoints="even")
    people = ["anna" if i % 10 == 0 else "bert" for i in range(200)]
    for i in range(200):
        model.fit_one(X[i], y[i], id=people[i])
        if i < 120 or i % 10:
            continue
        copied = loads(dumps(model))
        receipt = copied.unlearn_one(id="anna")
        assert receipt.kind == "replayed"
        gone = range(0, i + 1, 10)[-(i + 1 - copied.n_rows) :]
        assert ("remain" in receipt.reason) == (gone[0] > 0)
        assert len(gone) >= 10  # those of the horizon, and more
        gold = gold_of(base, X[: i + 1], y[: i + 1], gone)
        assert_same_state(gold.get_state(), copied.model_.get_state())


def test_columns_that_come_late_come_late_again() -> None:
    """Forests draw from the columns that they know: a replay does not know them ahead."""
    X, y = stream(200)
    rows = [dict(zip("ab", x[:2])) | ({"late": x[2]} if i > 100 else {}) for i, x in enumerate(X)]
    base = AdaptiveRandomForestClassifier(n_members=3, grace_period=10, seed=1)
    model, gold = Replayable(base, every=40), base.clone()
    for i, (row, label) in enumerate(zip(rows, y)):
        model.fit_one(row, label)
        if i != 50:
            gold.fit_one(row, label)
    assert model.unlearn_one(id=50).kind == "replayed"
    assert model.predict_proba_many(rows).tobytes() == gold.predict_proba_many(rows).tobytes()
    assert_same_state(gold.get_state(), model.model_.get_state())


def test_values_of_text_are_known_before_a_late_column_is() -> None:
    rows = [
        {"sky": "abcdefghijkl"[i // 10]} | ({"late": 1.0} if i > 90 else {}) for i in range(120)
    ]
    y = [i % 3 for i in range(120)]
    model = Replayable(GaussianNB(), every=10).fit_many(rows[:5], y[:5])
    gold = GaussianNB()
    for i in range(120):
        if i >= 5:
            model.fit_one(rows[i], y[i])
        if i != 7:
            gold.fit_one(rows[i], y[i])
    model.unlearn_one(id=7)
    assert model.predict_proba_many(rows).tobytes() == gold.predict_proba_many(rows).tobytes()
