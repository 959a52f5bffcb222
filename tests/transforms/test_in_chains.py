"""Every transformer first in a chain, on rows of names, numbers and text, is what it is alone."""

from typing import Any

import numpy as np
import pytest

from onlineml.base import Transformer
from onlineml.checks import assert_same_state
from onlineml.graph import chain
from onlineml.learners import LinearRegression
from onlineml.registry import estimators
from onlineml.transforms import FeatureHasher, FromDict, InstanceNormalizer
from onlineml.unlearning import Replayable
from tests.examples import example

ROWS: list[dict[str, Any]] = [
    {"a": float(i % 7), "sky": "rain" if i % 3 else "sun", "b": None if i % 5 == 0 else i / 60}
    for i in range(60)
]
Y = np.arange(60) % 7 + 1.0
MADE_OF_OTHERS = ("Chain", "Graph", "Keyed", "Replayable")


NAMES = [
    name
    for name, kind in estimators().items()
    if issubclass(kind, Transformer) and not name.startswith(MADE_OF_OTHERS)
]


@pytest.mark.parametrize("name", NAMES)
def test_any_transformer_goes_first(name: str) -> None:
    alone, model = example(name), chain(example(name), LinearRegression())
    rows = alone.start(alone._first_schema(ROWS)).transform_fit_many(ROWS, Y)
    due = LinearRegression().start(alone.output_schema()).predict_fit_many(rows, Y)
    said = model.predict_fit_many(ROWS, Y)
    # of a text that is not learned yet, an answer knows nothing
    assert np.delete(said, 1).tobytes() == np.delete(due, 1).tobytes()
    by_row = chain(example(name), LinearRegression())
    for row, y, answer in zip(ROWS, Y, said, strict=True):
        assert by_row.predict_one(row) == answer
        by_row.fit_one(row, y)


@pytest.mark.parametrize("name", NAMES)
def test_columns_stay_where_they_are_when_features_come(name: str) -> None:
    """Models behind it go by places."""
    model = example(name).fit_many(ROWS)
    before = model.output_schema().names or ()  # turned features have no names
    more = [{**row, "late": 1.0, "note": "text"} for row in ROWS]
    after = model.fit_many(more).output_schema().names or ()
    assert after[: len(before)] == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [4, 60])
def test_new_text_is_missing_to_what_is_made_of_its_row(name: str, size: int) -> None:
    """Whether the row comes alone, or in a chunk that knows its code; before any data too."""
    rows = [{**row, "sky": f"sky {i // 3}" if i > 4 else "sun"} for i, row in enumerate(ROWS)]
    for make in (lambda: example(name), lambda: chain(example(name), InstanceNormalizer())):
        ones, many, due = make(), make(), []
        for row in rows:
            due.append(ones.transform_one(row))
            ones.fit_one(row)
        said = [many.transform_fit_many(rows[lo : lo + size]) for lo in range(0, 60, size)]
        np.testing.assert_allclose(np.concatenate(said), due, rtol=1e-12, atol=1e-12)
        assert_same_state(many.get_state(), ones.get_state())


def test_undeclared_names_reach_nothing_behind() -> None:
    stage = FromDict(names=["b", "sky", "new"], nominal=["sky"])
    model = chain(stage, LinearRegression()).fit_many(ROWS, Y)
    assert model.steps_[-1].schema_.names == ("b", "sky", "new")
    assert model.steps_[-1].schema_.nominal == {1: ("sun", "rain")}
    for a in (0.0, 1e6):
        assert model.predict_one({**ROWS[7], "a": a}) == model.predict_one(ROWS[7])
    late = [{**row, "new": 1.0} for row in ROWS]
    alone = stage.clone()
    given = alone.transform_fit_many(ROWS + late)
    due = LinearRegression().start(alone.output_schema()).fit_many(given, np.r_[Y, Y])
    model.fit_many(late, Y)
    assert model.predict_many(late).tobytes() == due.predict_many(given[60:]).tobytes()


def test_arrays_have_the_declared_columns() -> None:
    model = chain(FromDict(names=["a", "b"]), LinearRegression())
    with pytest.raises(ValueError, match="X: got '3 columns', expected 2, those of names"):
        model.fit_one([1.0, 2.0, 3.0], 1.0)
    assert not model.is_started
    assert model.fit_one([1.0, 2.0], 1.0).is_started


def test_hashed_rows_are_forgotten() -> None:
    base = chain(FeatureHasher(n_features=8), LinearRegression())
    model = Replayable(base, every=10)
    for i, (row, y) in enumerate(zip(ROWS, Y, strict=True)):
        model.fit_one(row, y, id=f"row {i}")
    assert model.unlearn_one(id="row 31").kind == "replayed"
    rest = [i for i in range(60) if i != 31]
    gold = base.clone().fit_many([ROWS[i] for i in rest], Y[rest])
    assert model.predict_many(ROWS).tobytes() == gold.predict_many(ROWS).tobytes()
