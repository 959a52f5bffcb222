"""The feature hasher: the same columns in every process, for any form of rows."""

import subprocess
import sys
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd
import pytest

from onlineml.transforms import FeatureHasher

ROWS = [
    {"user": "anna", "price": 7.5, "count": 2, "item": None},
    {"user": "bert", "price": -1.25, "item": "book"},
    {"price": float("nan"), "item": "pen", "new": 1.5},
]


def _hashed(row: dict[str, Any], n: int) -> Any:
    out = np.zeros(n)
    for name, value in row.items():
        if value is None or value != value:
            continue
        text = isinstance(value, str)
        token = f"{name}={value}" if text else name
        number = int.from_bytes(blake2b(token.encode(), digest_size=8).digest(), "little")
        out[(number >> 1) % n] += (1 if number & 1 else -1) * (1.0 if text else value)
    return out


@pytest.mark.parametrize("n", [1, 4, 64])
def test_equals_the_naive_twin(n: int) -> None:
    model = FeatureHasher(n_features=n)
    due = [_hashed(row, n) for row in ROWS]
    np.testing.assert_allclose(model.transform_many(ROWS), due)  # before any data: nothing to learn
    np.testing.assert_allclose(model.transform_fit_many(ROWS), due)
    np.testing.assert_allclose(model.transform_many(pd.DataFrame(ROWS)), due)
    for row, out in zip(ROWS, due, strict=True):
        np.testing.assert_allclose(model.transform_one(row), out)
    assert model.output_schema().n_features == n


def test_other_processes_hash_alike() -> None:
    code = (
        "from onlineml.transforms import FeatureHasher as H;"
        "print(H(n_features=8).transform_one({'user': 'anna', 'n': 2.5}).tolist())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {
        str(FeatureHasher(n_features=8).transform_one({"user": "anna", "n": 2.5}).tolist()) + "\n"
    }


def test_columns_of_arrays_are_named_by_position() -> None:
    X = np.array([[1.0, 2.0, np.nan], [0.5, -1.0, 3.0]])
    due = [_hashed(dict(zip("012", x.tolist(), strict=True)), 4) for x in X]
    np.testing.assert_allclose(FeatureHasher(n_features=4).fit_many(X).transform_many(X), due)


def test_new_values_take_no_room() -> None:
    model = FeatureHasher().fit_one({"user": "u"})
    before = model.nbytes
    for k in range(1000):
        model.fit_one({"user": f"user {k}"})
    assert model.nbytes == before


def test_what_cannot_be_hashed_is_named() -> None:
    model = FeatureHasher().fit_one({"a": 1.0})
    with pytest.raises(ValueError, match="x\\['a'\\]"):
        model.transform_one({"a": float("inf")})
    with pytest.raises(ValueError, match="x\\['a'\\]"):
        model.fit_one({"a": object()})
    with pytest.raises(ValueError, match="x"):
        FeatureHasher().fit_one([1.0, 2.0]).transform_one({"a": 1.0})
