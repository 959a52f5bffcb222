"""Values of nominal columns: a tuple of them is the naive twin."""

from __future__ import annotations

import copy
import pickle
import random
from typing import Any

import pytest

from onlineml.categories import Categories, bytes_of, one_begins_other
from onlineml.checks import assert_same_state
from onlineml.graph import chain
from onlineml.learners import GaussianNB, HoeffdingTreeClassifier, LogisticRegression
from onlineml.schema import Schema
from onlineml.transforms import FeatureHasher, OneHotEncoder, StandardScaler


def naive(known: tuple[Any, ...], values: list[Any]) -> tuple[Any, ...]:
    return known + tuple(value for value in dict.fromkeys(values) if value not in known)


def assert_equal(found: Categories, due: tuple[Any, ...]) -> None:
    assert (found, len(found), list(found), repr(found)) == (due, len(due), list(due), repr(due))
    assert [found[i] for i in range(-len(due), len(due))] == [*due, *due]
    assert list(map(type, found)) == list(map(type, due))
    assert found.nbytes == bytes_of(due)
    codes = {value: code for value, code in found.codes.items() if code < len(found)}
    assert codes == {value: float(code) for code, value in enumerate(due)}


def test_whoever_is_extended_stays_as_it_was() -> None:
    rng, kept = random.Random(3), [(Categories(), ())]
    for _ in range(400):
        at = rng.randrange(len(kept)) if rng.random() < 0.4 else -1
        values = [rng.choice([f"v{rng.randrange(60)}", 1, 1.0, True, 2]) for _ in range(3)]
        found, due = kept[at]
        kept.append((found.extended(values), naive(due, values)))
    for found, due in kept:
        assert_equal(found, due)
        assert_equal(pickle.loads(pickle.dumps(found)), due)
        assert_equal(copy.deepcopy(found), due)


def test_nothing_is_copied_where_values_come_one_after_another() -> None:
    first = found = Categories(("a",))
    for i in range(50):
        again, found = found.extended(["a", f"v{i}"]), found.extended(["a", f"v{i}"])
        assert again == found
        assert again._shared is found._shared is first._shared
    assert found.extended(["a", "v7"]) is found
    other = first.extended(["b"])
    assert other == ("a", "b")
    assert other._shared is not first._shared
    assert len(found) == 51
    assert one_begins_other(first, found)
    assert one_begins_other(first, other)
    assert not one_begins_other(found, other)


def test_schemas_are_equal_whatever_way_their_values_came() -> None:
    grown = Schema.of({"a": "x", "b": 1.0})
    for text in "yzy":
        grown = grown.admitting({"a": text, "b": 2.0})
    whole = Schema(2, ("a", "b"), {0: ("x", "y", "z")})
    assert grown == whole == Schema.from_plain(grown.to_plain())
    assert repr(grown) == repr(whole)
    assert grown.to_plain() == whole.to_plain()
    assert grown.nbytes == whole.nbytes == bytes_of(whole.to_plain())
    longer = grown.admitting({"a": "later", "b": 1.0})
    assert longer.cells({"a": "later"})[0] == 3.0
    assert grown.cells({"a": "later"}) is None
    assert b"later" not in pickle.dumps(grown)
    assert pickle.loads(pickle.dumps(longer)) == copy.deepcopy(longer) == longer != grown
    unsorted = Schema(2, ("a", "b"), {1: ("x",), 0: ()}).admitting({"a": "x", "b": "y"})
    assert list(unsorted.nominal) == [0, 1]
    assert grown != whole.admitting({"a": "w"})
    assert grown.with_tables({0: {"x": 0, "y": 1, "z": 2}}) is grown
    assert grown.with_tables({0: dict.fromkeys("xyzw")}).nominal == {0: tuple("xyzw")}


@pytest.mark.parametrize(
    "make",
    [
        GaussianNB,
        lambda: HoeffdingTreeClassifier(grace_period=20, max_bytes=40_000),
        lambda: chain(OneHotEncoder(max_categories=4), StandardScaler(), LogisticRegression()),
        lambda: chain(StandardScaler(), FeatureHasher(n_features=8), LogisticRegression()),
    ],
)
def test_refused_calls_leave_no_text_behind(make: Any) -> None:
    """Rows that are refused, and models that go other ways from one schema, change no state."""
    schema = Schema.of({"user": "u0", "n": 1.0})
    model, other, due = make().start(schema), make().start(schema), make().start(schema)
    for i in range(60):
        x = {"user": f"u{i // 2}", "n": float(i % 7)}
        other.fit_one({**x, "user": f"other{i}"}, i % 2 == 0)
        before = model.get_state()
        for bad in ({**x, "user": f"bad{i}", "n": "text"}, {"user": "worse", "n": float("inf")}):
            with pytest.raises(ValueError, match="n"):
                model.fit_one(bad, True)
            with pytest.raises(ValueError, match="n"):
                model.fit_many([x, bad], [True, False])
        with pytest.raises(ValueError, match="y"):
            model.fit_one({**x, "user": "unlabeled"}, None)
        assert_same_state(model.get_state(), before)
        assert model.predict_one({**x, "user": f"later{i}"}) == due.predict_one(
            {**x, "user": f"never{i}"}
        )
        model.fit_one(x, i % 2 == 0)
        due = make().set_state(due.get_state()).fit_one(x, i % 2 == 0)
    assert_same_state(model.get_state(), due.get_state())
