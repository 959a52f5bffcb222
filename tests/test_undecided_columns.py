"""Columns that show no value at first are of the kind of their first value, by row as by chunk."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from onlineml.base import Classifier, Estimator
from onlineml.checks import assert_same_state
from onlineml.detectors import DeviationFromMean
from onlineml.graph import Graph, Keyed, chain
from onlineml.learners import (
    GaussianNB,
    HoeffdingTreeClassifier,
    KNNClassifier,
    LogisticRegression,
    OnlineBagging,
    StreamingRandomPatchesClassifier,
)
from onlineml.persistence import load, save
from onlineml.schema import Schema
from onlineml.transforms import (
    FeatureHasher,
    FromDict,
    MeanImputer,
    OneHotEncoder,
    RandomRotation,
    Shingle,
    StandardScaler,
)
from onlineml.unlearning import Replayable

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")


def _wired() -> Any:
    g = Graph("g")
    g.add("coded", OneHotEncoder(max_categories=4), after="x")
    g.add("scaled", StandardScaler(), after="coded")
    g.add("answer", GaussianNB(), after=("scaled", "x"))
    return g


MAKE: dict[str, Callable[[], Any]] = {
    "naive Bayes": GaussianNB,
    "tree": lambda: HoeffdingTreeClassifier(grace_period=20),
    "neighbors": KNNClassifier,
    "one-hot": lambda: chain(OneHotEncoder(max_categories=3), LogisticRegression()),
    "one-hot, scaled": lambda: chain(
        OneHotEncoder(max_categories=4), StandardScaler(), MeanImputer(), LogisticRegression()
    ),
    "some names": lambda: chain(
        FromDict(names=["note", "place", "size", "sky"]), OneHotEncoder(), GaussianNB()
    ),
    "past rows": lambda: chain(Shingle(size=2), OneHotEncoder(max_categories=3), GaussianNB()),
    "hashes": lambda: chain(FeatureHasher(n_features=16), GaussianNB()),
    "turned": lambda: chain(RandomRotation(seed=1), GaussianNB()),
    "ensemble": lambda: OnlineBagging(
        base=chain(OneHotEncoder(max_categories=3), LogisticRegression()), n_members=3, seed=1
    ),
    "patches": lambda: StreamingRandomPatchesClassifier(
        base=chain(OneHotEncoder(max_categories=3), GaussianNB()), n_members=3, seed=1
    ),
    "keyed": lambda: Keyed(chain(OneHotEncoder(max_categories=3), GaussianNB()), key="place"),
    "graph": _wired,
}


def stream(n: int = 90, *, grows: bool = False) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows in which `note`, `sky` and `mood` begin with gaps, and then are numbers or text."""
    rng = np.random.default_rng(4)
    rows, y = [], []
    for i in range(n):
        row: dict[str, Any] = {
            "note": None if i < 25 else float(rng.normal()),
            "sky": None if i < 40 or i % 7 == 0 else "abcd"[int(rng.integers(2 + 2 * (i > 60)))],
            "place": "here" if i % 3 else "there",
            "size": float(rng.normal()),
            "mood": float("nan") if i < 15 else "xyz"[i % 3],
            "never": None,
        }
        if grows and i > 30:
            row |= {"late": None if i < 50 else "pq"[i % 2], "new": float(i)}
        rows.append(row)
        y.append("up" if row["size"] + (row["sky"] == "a") > 0 else "down")
    return rows, y


def by_row(model: Classifier, rows: list[Any], y: list[str]) -> Any:
    for x, label in zip(rows, y, strict=True):
        model.fit_one(x, label)
    return model


def assert_alike(model: Any, due: Any, rows: list[Any]) -> None:
    """The same state; in graphs the order of columns, and of sums, may be another."""
    if hasattr(model, "layout_"):
        found, others = model.predict_proba_many(rows), due.predict_proba_many(rows)
        np.testing.assert_allclose(found, others, rtol=1e-9)
    else:
        assert_same_state(model.get_state(), due.get_state())


@pytest.mark.parametrize("name", MAKE)
def test_rows_and_chunks_come_to_the_same(name: str) -> None:
    rows, y = stream(grows=True)
    ones = by_row(MAKE[name](), rows, y)
    for size in (13, 40, len(rows)):
        many = MAKE[name]()
        for lo in range(0, len(rows), size):
            many.fit_many(rows[lo : lo + size], y[lo : lo + size])
        assert_alike(many, ones, rows)


@pytest.mark.parametrize("name", MAKE)
def test_what_was_saved_goes_on(name: str, tmp_path: Any) -> None:
    rows, y = stream()
    due = by_row(MAKE[name](), rows, y)
    for stop in (10, 39, 60):
        model = by_row(MAKE[name](), rows[:stop], y[:stop])
        twins = [
            load(save(model, tmp_path / "model.onl")),
            model.clone().set_state(model.get_state()),
            pickle.loads(pickle.dumps(model)),
        ]
        for twin in twins:
            assert_same_state(by_row(twin, rows[stop:], y[stop:]).get_state(), due.get_state())


@pytest.mark.parametrize("name", ["naive Bayes", "one-hot", "turned", "graph"])
def test_tables_and_mappings_come_to_the_same(name: str) -> None:
    rows, y = stream()
    due = by_row(MAKE[name](), rows, y)
    for make in (pd.DataFrame, pl.DataFrame, pa.Table.from_pylist):
        for size in (30, len(rows)):
            model = MAKE[name]()
            for lo in range(0, len(rows), size):
                part = rows[lo : lo + size]
                if make is not pd.DataFrame:  # to others NaN is a number among text
                    part = [{k: None if v != v else v for k, v in row.items()} for row in part]
                model.fit_many(make(part), y[lo : lo + size])
            assert_alike(model, due, rows)


def test_tables_of_gaps_say_nothing_whatever_their_type() -> None:
    gaps = [
        pd.DataFrame({"a": [None, None], "b": [1.0, 2.0]}),
        pd.DataFrame({"a": [np.nan, np.nan], "b": [1.0, 2.0]}),
        pd.DataFrame({"a": pd.array([pd.NA, pd.NA], "string"), "b": [1.0, 2.0]}),
        pd.DataFrame({"a": pd.array([pd.NA, pd.NA], "Int64"), "b": [1.0, 2.0]}),
        pl.DataFrame({"a": [None, None], "b": [1.0, 2.0]}),
        pa.table({"a": pa.nulls(2), "b": [1.0, 2.0]}),
        pa.table({"a": pa.nulls(2, pa.string()), "b": [1.0, 2.0]}),
        pa.table({"a": pa.nulls(2, pa.float64()), "b": [1.0, 2.0]}),
    ]
    for table in gaps:
        assert Schema.of(table).undecided == {0}
        model = GaussianNB().fit_many(table, ["n", "y"])
        model.fit_many(pd.DataFrame({"a": ["text", None], "b": [1.0, 2.0]}), ["n", "y"])
        assert model.schema_.nominal == {0: ("text",)}
        model = GaussianNB().fit_many(table, ["n", "y"]).fit_one({"a": 3, "b": 1.0}, "n")
        assert (model.schema_.nominal, model.schema_.undecided) == ({}, frozenset())
    assert Schema.of(pd.DataFrame({"a": [1.0]})[:0]).undecided == {0}


def test_text_in_a_column_of_numbers_is_refused_as_ever() -> None:
    model = GaussianNB().fit_one({"a": None, "b": 1.0}, 0).fit_one({"a": 7, "b": 1.0}, 1)
    before = model.get_state()
    for x in ({"a": "text", "b": 1.0}, pd.DataFrame({"a": ["text"], "b": [1.0]})):
        with pytest.raises(ValueError, match=r"^x\['a'\]: got 'text', expected a number, as befo"):
            model.fit_many([x], [0]) if isinstance(x, dict) else model.fit_many(x, [0])
    with pytest.raises(ValueError, match=r"^x\['a'\]: got 'text', expected a number"):
        model.predict_one({"a": "text", "b": 1.0})
    assert_same_state(model.get_state(), before)
    with pytest.raises(ValueError, match="as before"):
        GaussianNB().fit_many([{"a": None}, {"a": 1}, {"a": "text"}], [0, 1, 0])


def test_columns_that_a_schema_declares_are_decided() -> None:
    model = GaussianNB().start(Schema(2, ("a", "b"))).fit_one({"a": None, "b": 1.0}, 0)
    with pytest.raises(ValueError, match="as before"):
        model.fit_one({"a": "text", "b": 1.0}, 0)
    suggested = GaussianNB().start(Schema.of({"a": None, "b": 1.0}))
    assert suggested.fit_one({"a": "text", "b": 1.0}, 0).schema_.nominal == {0: ("text",)}


def test_serving_decides_nothing() -> None:
    model = GaussianNB().fit_many([{"a": None, "b": -1.0}, {"a": None, "b": 1.0}], [0, 1])
    for x in ({"a": "text", "b": 1.0}, {"a": 3.0, "b": 1.0}):
        assert model.predict_one(x) == model.predict_many([x]).tolist()[0] == 1
    assert model.schema_.undecided == {0}
    assert model.fit_one({"a": "text", "b": 1.0}, 0).schema_.nominal == {0: ("text",)}


def test_rows_of_gaps_alone_are_learned() -> None:
    model = GaussianNB().fit_one({"a": None, "b": None}, "n").fit_one({"a": None, "b": None}, "y")
    assert model.schema_.undecided == {0, 1}
    model.fit_many([{"a": "text"}, {"b": 1.0}], ["n", "y"])
    assert (model.schema_.nominal, model.schema_.undecided) == ({0: ("text",)}, frozenset())
    assert model.classes_ == ["n", "y"]


def test_arrays_decide_too() -> None:
    """Their cells are numbers, whatever the way by which they come."""
    first = {"a": None, "b": 1.0}
    for learn in (
        lambda model: model.fit_one(np.array([2.0, 1.0]), 0),
        lambda model: model.fit_one([2.0, 1.0], 0),
        lambda model: model.fit_many([[np.nan, 1.0], [2.0, 1.0]], [0, 1]),
    ):
        for make in (GaussianNB, lambda: Replayable(GaussianNB())):
            model = learn(make().fit_one(first, 1).fit_one(first, 0))
            assert not model.schema_.undecided
            with pytest.raises(ValueError, match="as before"):
                model.fit_one({"a": "text", "b": 1.0}, 0)
    model = GaussianNB().fit_one(first, 0).fit_one(np.array([np.nan, 3.0]), 1)
    assert model.schema_.undecided == {0}
    for bad in ([1.0], ["text", 1.0], [[1.0], [1.0, 2.0]]):
        with pytest.raises(ValueError, match=r"^x"):
            model.fit_one(bad, 0)


@pytest.mark.parametrize("name", ["naive Bayes", "one-hot", "tree"])
@pytest.mark.parametrize("every", [7, 200])
def test_replays_come_to_what_never_saw_the_row(name: str, every: int) -> None:
    rows, y = stream()
    model = by_row(Replayable(MAKE[name](), every=every), rows, y)
    for gone in (5, 35, 80):
        assert model.unlearn_one(id=gone).forgotten
    left = [i for i in range(len(rows)) if i not in (5, 35, 80)]
    gold = by_row(MAKE[name](), [rows[i] for i in left], [y[i] for i in left])
    assert model.predict_proba_many(rows).tobytes() == gold.predict_proba_many(rows).tobytes()
    assert_same_state(model.model_.get_state(), gold.get_state())


def test_a_column_that_is_undecided_holds_nothing_to_forget() -> None:
    model = GaussianNB().fit_one({"a": None, "b": 1.0}, 0)
    for value in ("text", 3.0):
        assert model.unlearn_one({"a": value, "b": 1.0}, 0).kind == "refused"
    assert model.unlearn_one({"a": None, "b": 1.0}, 0).forgotten


@pytest.mark.parametrize("make", [DeviationFromMean, lambda: Replayable(DeviationFromMean())])
def test_new_text_is_missing_to_the_answer_of_its_row(make: Callable[[], Any]) -> None:
    """Whether the row comes alone, or in a chunk that knows its code."""
    rows = [{"sky": "abcabd"[i % 6], "size": float(i % 5)} for i in range(30)]
    ones, many, due = make(), make(), []
    for x in rows:
        due.append(ones.score_one(x))
        ones.fit_one(x)
    said = [*many.score_fit_many(rows[:4]), *many.score_fit_many(rows[4:])]
    assert said == due
    assert many.score_many(rows).tobytes() == ones.score_many(rows).tobytes()


def test_one_hot_columns_of_a_late_text_are_put_behind_the_others() -> None:
    encoder = OneHotEncoder(max_categories=3).fit_one({"sky": None, "t": 5.0})
    np.testing.assert_array_equal(encoder.transform_one({"sky": None, "t": 6.0}), [np.nan, 6.0])
    encoder.fit_one({"sky": "clear", "t": 5.0, "new": 1.0})
    names = ("sky[0]", "t", "sky[1]", "sky[other]", "new")
    assert encoder.output_schema().names == names
    encoder.fit_many([{"sky": "rain"}, {"sky": "snow"}])
    shown = {x: encoder.transform_one({"sky": x, "t": 1.0, "new": 2.0}) for x in ("clear", "snow")}
    np.testing.assert_array_equal(shown["clear"], [1, 1, 0, 0, 2])
    np.testing.assert_array_equal(shown["snow"], [0, 1, 0, 1, 2])
    np.testing.assert_array_equal(encoder.transform_one({"t": 1.0}), [0, 1, 0, 0, np.nan])


def test_what_a_schema_knows_of_it_is_kept() -> None:
    rows = [{"a": None, "b": None, "c": 1}, {"b": "x"}, {"a": "y", "d": None}, {"e": 1}]
    schema = Schema.of(rows)
    assert schema == Schema.of(rows[0]).admitting(rows[1:])
    assert schema.nominal == {0: ("y",), 1: ("x",)}
    assert (schema.undecided, schema.late) == ({3}, ((1, 3), (0, 3)))
    assert Schema.from_plain(schema.to_plain()) == pickle.loads(pickle.dumps(schema)) == schema
    assert schema.taking([0, 2, 4]).late == ((0, 2),)
    plain = Schema.of({"a": "x", "b": 1}).to_plain()
    assert plain.keys() == {"n_features", "names", "nominal", "classes"}


def test_a_column_that_stays_empty_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Estimator, "_learn", None)
    for gap in (None, float("nan")):
        model = GaussianNB()
        monkeypatch.undo()
        model.fit_one({"a": gap, "b": 1.0}, 0).fit_one({"a": gap, "b": 2.0}, 1)
        monkeypatch.setattr(Estimator, "_learn", None)
        model.fit_one({"a": gap, "b": 3.0}, 0)
        with pytest.raises(TypeError):
            model.fit_one({"a": 1.0, "b": 3.0}, 0)
