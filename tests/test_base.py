"""Roles and the edge: schemas, labels, mappings, frames, new classes, growth."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from onlineml.base import Array, Regressor
from onlineml.checks import assert_same_state
from onlineml.kernels.arena import Field
from onlineml.labels import codes_of, labels_of
from onlineml.learners import GaussianNB, MajorityClassifier, MeanRegressor
from onlineml.schema import Schema

ROWS = [
    {"temp": 20.5, "sky": "clear", "wet": False},
    {"temp": 11.0, "sky": "rain", "wet": True},
    {"sky": "fog", "temp": None, "wet": True},
]
LABELS = ["go", "stay", "stay"]


def test_schema_of_mappings_codes_strings_as_nominal_values() -> None:
    schema = Schema.of(ROWS)
    assert schema.names == ("temp", "sky", "wet")
    assert schema.nominal == {1: ("clear", "rain", "fog")}
    np.testing.assert_array_equal(schema.rows(ROWS), [[20.5, 0, 0], [11, 1, 1], [np.nan, 2, 1]])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.Table.from_pylist])
def test_frames_of_every_library_equal_mappings(frame: Any) -> None:
    X = frame(ROWS)
    a = GaussianNB().fit_many(X, LABELS)
    b = GaussianNB()
    for x, y in zip(ROWS, LABELS):
        b.fit_one(x, y)
    assert_same_state(a.get_state(), b.get_state())
    assert a.predict_many(X).tolist() == [b.predict_one(x) for x in ROWS]


def test_serving_leaves_unknown_names_and_values_out() -> None:
    model = GaussianNB().fit_many(ROWS, LABELS)
    plain = model.predict_proba_one({"temp": 12.0})
    odd = model.predict_proba_one({"temp": 12.0, "sky": "hail", "unheard": 3})
    np.testing.assert_array_equal(plain, odd)
    assert model.schema_.names == ("temp", "sky", "wet")


def test_text_in_a_numeric_column_is_refused() -> None:
    model = GaussianNB().fit_many(ROWS, LABELS)
    with pytest.raises(ValueError, match=r"x\['temp'\]: got 'warm', expected a number"):
        model.fit_one({"temp": "warm", "sky": "clear", "wet": True}, "go")


def test_mappings_after_arrays_are_refused() -> None:
    model = GaussianNB().fit_one([1.0, 2.0], "a")
    with pytest.raises(ValueError, match="an array of 2 numbers"):
        model.fit_one({"a": 1.0, "b": 2.0}, "a")


def test_many_classes_appear_one_by_one() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(300) % np.repeat(np.arange(1, 31), 10)
    X = rng.normal(size=(300, 2)) + y[:, None]
    model = GaussianNB()
    for i, x in enumerate(X):
        assert len(model.predict_proba_one(x)) == len(set(y[:i].tolist()))
        model.fit_one(x, int(y[i]))
    assert model.classes_ == list(dict.fromkeys(y.tolist()))


def test_before_data() -> None:
    model = MajorityClassifier()
    assert model.predict_one([1.0]) is None
    assert model.predict_proba_one([1.0]).shape == (0,)
    assert model.predict_many([[1.0], [2.0]]).tolist() == [None, None]
    assert MeanRegressor().predict_one([1.0]) == 0.0
    assert MeanRegressor().predict_many([[1.0]]).tolist() == [0.0]
    assert model.nbytes == 0


def test_start_declares_a_schema_once() -> None:
    model = GaussianNB().start(Schema(2, ("a", "b")))
    with pytest.raises(ValueError, match="not started"):
        model.start(Schema(2))
    model.reset().start(Schema(3))
    with pytest.raises(ValueError, match=r"expected a row of shape \(3,\)"):
        model.fit_one([1.0, 2.0], "a")


def test_parameters_are_checked_and_named() -> None:
    with pytest.raises(ValueError, match="var_floor"):
        GaussianNB(var_floor=-1.0).fit_one([1.0], "a")
    with pytest.raises(ValueError, match=r"got 'floor', expected one of \['var_floor'\]"):
        GaussianNB().set_params(floor=3)


def test_set_params_reaches_the_kernel() -> None:
    model = GaussianNB().fit_many([[1.0], [1.0], [2.0], [2.4]], list("aabb"))
    before = model.predict_proba_one([1.5])
    assert not np.array_equal(before, model.set_params(var_floor=10.0).predict_proba_one([1.5]))


labels = st.one_of(
    st.lists(st.integers(-5, 5)), st.lists(st.sampled_from("abc")), st.lists(st.booleans())
)


@given(y=labels, known=st.lists(st.integers(-3, 3), unique=True))
@settings(max_examples=60, deadline=None)
def test_codes_go_there_and_back(y: list[Any], known: list[int]) -> None:
    before = {label: code for code, label in enumerate(known)}
    for form in (y, np.array(y) if y else np.empty(0)):
        codes, after = codes_of(form, before)
        assert before == {label: code for code, label in enumerate(known)}
        assert labels_of(codes, list(after)).tolist() == y
        assert list(after)[: len(known)] == known


def test_labels_far_apart_take_no_table() -> None:
    codes, known = codes_of(np.array([0, 10**15, 0]), {})
    assert codes.tolist() == [0, 1, 0]
    assert known == {0: 0, 10**15: 1}


@pytest.mark.parametrize("y", [[None], [float("nan")], [["a"]], [[1, 2]]])
def test_labels_that_are_none(y: Any) -> None:
    with pytest.raises(ValueError, match="y: got"):
        GaussianNB().fit_many([[1.0]], y)


@given(
    rows=st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", "c"]), st.floats(-1e300, 1e300), min_size=1, max_size=3
        ),
        min_size=1,
        max_size=12,
    )
)
@example(rows=[{"a": 0.0}, {"a": 0.0}, {"a": 1.0}, {"a": 0.0, "b": 0.0}])
@settings(max_examples=60, deadline=None)
def test_any_mappings_by_row_or_at_once(rows: list[dict[str, float]]) -> None:
    y = [len(row) for row in rows]
    a, b = GaussianNB().fit_many(rows, y), GaussianNB()
    for x, label in zip(rows, y):
        b.fit_one(x, label)
    assert a.predict_many(rows).tolist() == [b.predict_one(x) for x in rows]
    np.testing.assert_array_equal(a.predict_proba_many(rows), b.predict_proba_many(rows))
    assert np.isfinite(a.predict_proba_many(rows)).all()


class Discounted(Regressor):
    """A learner with a parameter whose name ends like learned state."""

    _state = (Field("total_", (1,)),)

    def __init__(self, *, lambda_: float = 0.5) -> None:
        self.lambda_ = lambda_

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        for i in range(len(X)):
            if serve:
                out[i, 0] = self.total_[0]
            if fit:
                self.total_[0] = self.lambda_ * self.total_[0] + y[i]


def test_a_parameter_may_end_like_learned_state() -> None:
    model = Discounted(lambda_=0.25).fit_one([0.0], 4.0).fit_one([0.0], 1.0)
    assert model.get_state().keys() == {"schema_", "total_"}
    assert model.predict_one([0.0]) == 2.0
    assert model.reset().lambda_ == 0.25
