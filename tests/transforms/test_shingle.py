"""Rows side by side, against slices of the stream."""

import numpy as np
import pytest

from onlineml.transforms import Shingle


@pytest.mark.parametrize("size", [2, 3, 10])
def test_equals_slices(size: int) -> None:
    X = np.random.default_rng(size).normal(size=(60, 3))
    X[7] = np.nan
    padded = np.vstack([np.full((size - 1, 3), np.nan), X])
    due = np.array([padded[i : i + size].ravel() for i in range(len(X))])
    np.testing.assert_array_equal(Shingle(size=size).transform_fit_many(X), due)


def test_names_of_columns_and_features_that_come_later() -> None:
    model = Shingle(size=2).fit_one({"a": 1.0, "sky": "clear"})
    assert model.output_schema().names == ("a[-1]", "sky[-1]", "a", "sky")
    assert model.output_schema().nominal == {1: ("clear",), 3: ("clear",)}
    model.fit_one({"a": 2.0, "b": 5.0})
    got = model.transform_one({"b": 6.0})
    np.testing.assert_array_equal(got, [2.0, np.nan, 5.0, np.nan, np.nan, 6.0])


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        Shingle(size=1).fit_one([1.0])
