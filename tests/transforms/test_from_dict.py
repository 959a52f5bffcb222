"""Rows from mappings, with declared or learned columns."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from onlineml.transforms import FromDict

ROWS = [
    {"id": "a7", "sky": "clear", "temp": 21.0},
    {"temp": 14.0, "sky": "rain", "id": "a8"},
    {"temp": 3.0},
]


def test_declared_columns_never_change() -> None:
    stage = FromDict(names=["temp", "sky", "wind"], nominal=["sky"])
    due = [[21.0, 0.0, np.nan], [14.0, 1.0, np.nan], [3.0, np.nan, np.nan]]
    for row, out in zip(ROWS, due, strict=True):
        stage.fit_one(row)
        np.testing.assert_array_equal(stage.transform_one(row), out)
    np.testing.assert_array_equal(stage.transform_many(ROWS), due)
    np.testing.assert_array_equal(stage.transform_many(pd.DataFrame(ROWS)), due)
    np.testing.assert_array_equal(stage.transform_many(pl.DataFrame(ROWS)), due)
    assert stage.output_schema().names == ("temp", "sky", "wind")


def test_learned_columns_come_in_order_of_appearance() -> None:
    stage = FromDict().fit_many(ROWS[::-1])
    assert stage.output_schema().names == ("temp", "sky", "id")
    assert stage.transform_one(ROWS[0]).tolist() == [21.0, 1.0, 1.0]


def test_a_value_counts_as_missing_until_a_row_has_shown_it() -> None:
    stage = FromDict(names=["sky"], nominal=["sky"])
    np.testing.assert_array_equal(
        stage.transform_fit_many([{"sky": "clear"}, {"sky": "clear"}, {"sky": "rain"}]),
        [[np.nan], [0.0], [np.nan]],
    )


def test_a_refused_row_leaves_no_trace() -> None:
    stage = FromDict(names=["temp"])
    with pytest.raises(ValueError, match="temp"):
        stage.fit_one({"temp": "warm"})
    assert not stage.is_started


def test_a_nominal_column_must_be_declared() -> None:
    with pytest.raises(ValueError, match="nominal"):
        FromDict(names=["temp"], nominal=["sky"]).fit_one({"temp": 1.0})


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"names": "temp"}, "names"),  # not four names of one letter
        ({"names": 3}, "names"),
        ({"names": []}, "names"),
        ({"names": [1]}, "names"),
        ({"names": ["temp", "sky"], "nominal": "sky"}, "nominal"),
        ({"nominal": None}, "nominal"),
    ],
)
def test_names_are_lists_of_text(params: dict[str, Any], named: str) -> None:
    for ask in ("fit_one", "transform_one"):
        stage = FromDict(**params)
        with pytest.raises(ValueError, match=f"^{named}: got .* expected a list of "):
            getattr(stage, ask)({"temp": 1.0})
        assert not stage.is_started
