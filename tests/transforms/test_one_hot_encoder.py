"""The one-hot encoder: slots in order of appearance, a width that never changes."""

from typing import Any

import numpy as np
import pytest

from onlineml.transforms import OneHotEncoder
from tests.naive.streams import SCHEMA, mixed
from tests.naive.transforms import Past


@pytest.mark.parametrize("width", [2, 4, 16])
def test_equals_the_naive_twin(width: int) -> None:
    X, _, _, weight = mixed(1)
    model, past = OneHotEncoder(max_categories=width).start(SCHEMA), Past({2})
    for x, w in zip(X, weight.tolist(), strict=True):
        np.testing.assert_array_equal(model.transform_one(x), past.encoded(x, {2}, width))
        model.fit_one(x, weight=w)
        past.fit_one(x, w)


def test_columns_of_arrays_are_chosen_by_position() -> None:
    X = np.array([[17.0, 1.0], [42.0, 2.0], [17.0, 3.0], [99.0, 4.0], [np.nan, 5.0]])
    model = OneHotEncoder(columns=[0], max_categories=3).fit_many(X)
    due = [[1, 0, 0, 1], [0, 1, 0, 2], [1, 0, 0, 3], [0, 0, 1, 4], [0, 0, 0, 5]]
    assert model.transform_many(X).tolist() == due


def test_columns_of_mappings_are_chosen_by_name() -> None:
    rows: list[dict[str, Any]] = [{"sky": "clear", "day": 1, "t": 5.0}] * 3
    model = OneHotEncoder(columns=["day"], max_categories=2).fit_many(rows)
    assert model.transform_one(rows[0]).tolist() == [0.0, 1.0, 0.0, 5.0]
    schema = model.output_schema()
    assert schema.names == ("sky", "day[0]", "day[other]", "t")
    assert schema.nominal == {0: ("clear",)}


def test_new_values_do_not_widen_the_rows() -> None:
    model = OneHotEncoder(max_categories=4).fit_one({"user": "u0"})
    for k in range(20):
        assert model.transform_one({"user": f"u{k}"}).shape == (4,)
        model.fit_one({"user": f"u{k}"})
    assert model.transform_one({"user": "u1"}).tolist() == [0, 1, 0, 0]
    assert model.transform_one({"user": "u19"}).tolist() == [0, 0, 0, 1]


def test_states_of_before_places_were_kept_can_be_taken_over() -> None:
    rows: list[dict[str, Any]] = [{"sky": "clear", "t": 5.0}, {"sky": "rain", "t": 7.0}]
    model = OneHotEncoder(max_categories=3).fit_many(rows)
    state = model.get_state()
    del state["places_"]
    twin = OneHotEncoder(max_categories=3).set_state(state)
    assert twin.transform_many(rows).tolist() == model.transform_many(rows).tolist()
    assert twin.output_schema() == model.output_schema()


@pytest.mark.parametrize("params", [{"max_categories": 1}, {"columns": [7]}, {"columns": ["a"]}])
def test_useless_parameters_are_named(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(params))):
        OneHotEncoder(**params).fit_one([1.0, 2.0])


@pytest.mark.parametrize("columns", ["sky", 0, np.nan])
def test_columns_are_a_list(columns: Any) -> None:
    encoder = OneHotEncoder(columns=columns)
    with pytest.raises(ValueError, match=r"^columns: got .* expected a sequence"):
        encoder.fit_one({"sky": "clear", "temp": 1.0})
    assert not encoder.is_started
