"""Columns that come in mid-chunk: the same state and answers as when rows come alone."""

from typing import Any

import numpy as np
import pytest

from onlineml.base import Classifier, Detector, DriftDetector, Regressor, Transformer
from onlineml.checks import assert_same_state
from onlineml.learners import AdaptiveRandomForestClassifier, HoeffdingTreeClassifier
from onlineml.registry import estimators
from onlineml.unlearning import Replayable
from tests.examples import example

_ROLES = (Classifier, Regressor, Detector, Transformer)
#: Those that wrap other libraries, which know of no columns that come late.
_OTHERS = {"PyODDetector", "PySADDetector", "SklearnDetector"} | {
    f"River{kind}" for kind in ("Classifier", "Detector", "DriftDetector", "Regressor")
}
NAMES = [
    name
    for name, kind in sorted(estimators().items())
    if issubclass(kind, _ROLES) and not issubclass(kind, DriftDetector) and name not in _OTHERS
]


def stream(n: int = 160, seed: int = 0) -> tuple[list[dict[str, float]], list[Any]]:
    """Columns `late` and `later` come after a third and a half of the rows, with gaps."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        row = dict(zip("abc", rng.normal(size=3).tolist()))
        if i > n // 3 and rng.random() < 0.7:
            row["late"] = float(rng.normal())
        if i > n // 2 and rng.random() < 0.7:
            row["later"] = float(rng.normal())
        rows.append(row)
    return rows, [row["a"] + row.get("late", 0.0) for row in rows]


def learn(model: Any, rows: Any, y: Any, sizes: Any) -> Any:
    at = 0
    while at < len(rows):
        size = int(next(sizes))
        part = slice(at, at + size)
        others = (y[part],) if isinstance(model, Classifier | Regressor) else ()
        if size == 1:
            model.fit_one(rows[at], *(other[0] for other in others))
        else:
            model.fit_many(rows[part], *others)
        at += size
    return model


def drawn(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return iter(lambda: rng.choice([1, 7, 40]), None)


@pytest.mark.parametrize("name", NAMES)
def test_rows_and_chunks_come_to_the_same(name: str) -> None:
    model = example(name)
    if model._n_inputs == 1:
        return
    rows, y = stream()
    if isinstance(model, Classifier):
        y = [int(target > 0.0) for target in y]
    ones = learn(model.clone(), rows, y, iter(lambda: 1, None))
    many = learn(model.clone(), rows, y, drawn(1))
    assert_same_state(ones.get_state(), many.get_state())


@pytest.mark.parametrize("seed", [13, 47, 122])
def test_a_log_learns_as_rows_come_and_forgets_as_if_they_had_not(seed: int) -> None:
    """Forests draw from the columns that they know."""
    rng = np.random.default_rng(seed)
    rows, targets = stream(seed=seed)
    y = [int(target > 0.0) for target in targets]
    forest = AdaptiveRandomForestClassifier(n_members=3, grace_period=10, seed=1)
    model = Replayable(forest, horizon=64, every=5, checkpoints="even", lazy=bool(seed % 2))
    learn(model, rows, y, drawn(seed))
    gone = rng.choice(np.arange(100, 160), 5, replace=False).tolist()
    for i in (None, *gone):
        assert i is None or model.unlearn_one(id=i).forgotten
        left = [k for k in range(160) if i is None or k not in gone[: gone.index(i) + 1]]
        gold = learn(
            forest.clone(), [rows[k] for k in left], [y[k] for k in left], iter(lambda: 1, None)
        )
        assert_same_state(gold.get_state(), model.get_state()["model_"])


def test_answers_are_those_of_the_loop() -> None:
    rows, targets = stream()
    y = [int(target > 0.0) for target in targets]
    model = AdaptiveRandomForestClassifier(n_members=3, grace_period=10, seed=1)
    loop, due = model.clone(), []
    for row, label in zip(rows, y):
        due.append(loop.predict_one(row))
        loop.fit_one(row, label)
    assert model.predict_fit_many(rows, y).tolist() == due


def test_a_column_that_finds_no_room_leaves_no_trace() -> None:
    rows, targets = stream()
    y = [int(target > 0.0) for target in targets]
    model = HoeffdingTreeClassifier(max_bytes=40_000).fit_many(rows[:30], y[:30])
    before = model.get_state()
    wide = [*rows[30:60], {f"x{k}": 1.0 for k in range(1000)}]
    with pytest.raises(ValueError, match="max_bytes"):
        model.fit_many(wide, [*y[30:60], 1])
    assert_same_state(before, model.get_state())
