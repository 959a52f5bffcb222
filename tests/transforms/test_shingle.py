"""Rows side by side, against slices of the stream."""

import numpy as np
import pytest

from onlineml.checks import assert_same_state
from onlineml.graph import chain
from onlineml.learners import LinearRegression
from onlineml.transforms import MeanImputer, Shingle


@pytest.mark.parametrize("size", [2, 3, 10])
def test_equals_slices(size: int) -> None:
    X = np.random.default_rng(size).normal(size=(60, 3))
    X[7] = np.nan
    padded = np.vstack([np.full((size - 1, 3), np.nan), X])
    due = np.array([padded[i : i + size].T.ravel() for i in range(len(X))])
    np.testing.assert_array_equal(Shingle(size=size).transform_fit_many(X), due)


def test_names_of_columns_and_features_that_come_later() -> None:
    model = Shingle(size=2).fit_one({"a": 1.0, "sky": "clear"})
    assert model.output_schema().names == ("a[-1]", "a", "sky[-1]", "sky")
    assert model.output_schema().nominal == {2: ("clear",), 3: ("clear",)}
    model.fit_one({"a": 2.0, "b": 5.0})
    got = model.transform_one({"b": 6.0})
    np.testing.assert_array_equal(got, [2.0, np.nan, np.nan, np.nan, 5.0, 6.0])


@pytest.mark.parametrize("size", [1, 7, 60])
def test_models_behind_it_know_their_columns_when_others_come(size: int) -> None:
    """Features that are 0 whenever they are there change nothing; by row as by chunk."""
    X = np.random.default_rng(1).normal(size=(60, 2))
    y = 3.0 * X[:, 0] - 2.0 * np.r_[0.0, X[:-1, 1]]
    plain = [dict(zip("ab", x.tolist(), strict=True)) for x in X]
    more = [row | {"late": 0.0} if i > 20 else row for i, row in enumerate(plain)]
    more = [row | {"new": 0.0} if i % 9 == 8 else row for i, row in enumerate(more)]
    due, model = (chain(Shingle(size=2), MeanImputer(), LinearRegression()) for _ in "12")
    answers = due.predict_fit_many(plain, y)
    said = [model.predict_fit_many(more[i : i + size], y[i : i + size]) for i in range(0, 60, size)]
    np.testing.assert_allclose(np.concatenate(said), answers, rtol=1e-9)
    ones = due.clone()
    for row, target in zip(more, y, strict=True):
        ones.fit_one(row, target)
    assert_same_state(model.get_state(), ones.get_state())


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        Shingle(size=1).fit_one([1.0])
