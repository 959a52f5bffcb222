"""Rows as mappings that bring nothing new take a short way: to the same answers, states, errors."""

import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from onlineml.base import Estimator
from onlineml.checks import assert_same_state
from onlineml.graph import chain
from onlineml.learners import GaussianNB, HoeffdingTreeClassifier, LogisticRegression
from onlineml.schema import Schema
from onlineml.transforms import MeanImputer, OneHotEncoder

MAKE: dict[str, Callable[[], Any]] = {
    "naive Bayes": GaussianNB,
    "tree": lambda: HoeffdingTreeClassifier(grace_period=20),
    "chain": lambda: chain(OneHotEncoder(), MeanImputer(), LogisticRegression()),
}
CELLS: dict[str, list[Any]] = {
    "size": [1.5, 2, None, float("nan"), True, np.float32(3), pd.NA],
    "color": ["red", "green", "blue", None, np.str_("red"), float("nan"), pd.NaT, 7],
    "note": [None, 0.25, -3],
}
RARE: dict[str, list[Any]] = {
    "size": ["big", float("inf"), [1], 10**400],
    "color": ["mauve", ["red"], b"red"],
    "note": ["text", 1j],
}


def drawn(rng: random.Random) -> dict[Any, Any]:
    """A row of columns in any order, in which names may be absent and anything may be wrong."""
    names = rng.sample(list(CELLS), 3 if rng.random() < 0.8 else rng.randint(0, 2))
    row = {name: rng.choice(CELLS[name]) for name in names}
    if names and rng.random() < 0.1:
        row[names[0]] = rng.choice(RARE[names[0]])
    if rng.random() < 0.02:
        row["spare" if rng.random() < 0.5 else 0] = rng.random()
    return row


def tried(call: Callable[..., Any], *arguments: Any) -> Any:
    """What came of a call, or its error."""
    try:
        found = call(*arguments)
    except (TypeError, ValueError) as error:
        return type(error), str(error)
    return found.get_state() if isinstance(found, Estimator) else found


@pytest.mark.parametrize("name", MAKE)
def test_the_short_way_comes_to_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    rows = [drawn(rng) for _ in range(300)]
    short, long = MAKE[name](), MAKE[name]()
    first = {"size": 1.0, "color": "red", "note": None}
    for model in (short, long):
        model.fit_one(first, 0).fit_one({**first, "color": "blue"}, 1)
    for i, x in enumerate(rows):
        found = [tried(short.predict_one, x), tried(short.fit_one, x, i % 2)]
        with monkeypatch.context() as patch:
            patch.setattr(Schema, "cells", lambda schema, x: None)
            due = [tried(long.predict_one, x), tried(long.fit_one, x, i % 2)]
        assert found[0] == due[0], x
        assert_same_state(found[1], due[1])


def test_many_rows_come_to_the_same_as_each(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    for _ in range(60):
        rows = [{"size": 1.0, "color": "red", "note": None}, *(drawn(rng) for _ in range(4))]
        found = tried(GaussianNB().fit_many, rows, list(range(5)))
        with monkeypatch.context() as patch:
            patch.setattr(Schema, "cells", lambda schema, x: None)
            due = tried(GaussianNB().fit_many, rows, list(range(5)))
        assert_same_state(found, due)


def test_cells_of_a_row_that_brings_nothing_new() -> None:
    schema = Schema.of([{"size": 1.0, "color": "red"}, {"color": "blue"}])
    np.testing.assert_array_equal(schema.cells({"color": "blue"}), [np.nan, 1.0])
    assert schema.cells({"color": "red", "size": 3}) == [3, 0.0]
    assert schema.cells({"color": "green", "size": 3}) is None
    assert schema.cells({"spare": 3}) is None
    assert pickle.loads(pickle.dumps(schema)) == schema
