"""Any number of features and values in a fixed number of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.parameters import whole
from onlineml.schema import Schema, frame_columns, is_frame, is_missing, wrong


@lru_cache(maxsize=1 << 16)
def _place(token: str, n_features: int) -> tuple[int, float]:
    """Column and sign of `token`: the same in every process."""
    number = int.from_bytes(blake2b(token.encode(), digest_size=8).digest(), "little")
    return (number >> 1) % n_features, 1.0 if number & 1 else -1.0


class FeatureHasher(Transformer):
    """Every feature added, with a sign, to the column that the hash of its name tells.

    A number goes to the column of its name; text "value" counts as 1 in the column of "name=value",
    so that neither new names nor new values ever need room. Missing values add nothing. Columns of
    arrays are named "0", "1", ... Nothing is learned but the names. Time per event is O(n_features)
    of the row, memory that of the names. Behind others in a chain or graph, and as the first of
    one, it hashes the names and values that these know: values that none has learned yet count as
    missing.

    Parameters
    ----------
    n_features
        Columns of the new rows. Features that share one by chance add up; their signs make the
        expected error 0.

    Raises
    ------
    ValueError
        At the first row, for an `n_features` that is not a whole number >= 1. At any, for
        values that are neither numbers nor text, and infinite ones.

    Examples
    --------
    >>> from onlineml.transforms import FeatureHasher
    >>> FeatureHasher(n_features=4).transform_one({"user": "anna", "item": "book", "price": 7.5})
    array([ 0. , -7.5,  1. ,  1. ])

    References
    ----------
    .. [1] Weinberger, Dasgupta, Langford, Smola, Attenberg (2009), Feature hashing for large scale
       multitask learning, ICML. Definition 1. arXiv:0902.2206
    """

    def __init__(self, *, n_features: int = 64) -> None:
        self.n_features = n_features

    def _check(self) -> None:
        whole("n_features", self.n_features, 1)

    def _n_outputs(self) -> int:
        return self.n_features

    def output_schema(self) -> Schema:
        """Columns `hash[0]`, `hash[1]`, ..."""
        return Schema(self.n_features, tuple(f"hash[{k}]" for k in range(self.n_features)))

    def _read(self, x: Any) -> bool:
        return False  # every row has to be hashed

    def transform_one(self, x: Any) -> Array:
        """The new row, shape `(n_features,)`."""
        hashed: Array = self._rows(self._as_one(x), fit=False, one=True)[1][0]
        return hashed

    def _pass(
        self, X: Array, y: Array | None, weight: Array | None, serve: int, fit: bool
    ) -> Array:
        return X  # hashed by `_rows`

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if serve:  # within another model, whose schema has turned rows into numbers
            out[:] = self._hashed(_named(self.schema_, X), len(X), False)

    def _first_schema(self, X: Any) -> Schema:
        columns = _columns(X)
        return Schema.of(X) if columns is None else Schema(len(columns), tuple(columns))

    def _rows(self, X: Any, *, fit: bool, one: bool = False) -> tuple[Schema, Array]:
        if not self.is_started:
            self._accept_parameters()
        columns = _columns(X)
        if columns is None:
            schema, rows = super()._rows(X, fit=fit, one=one)
            return schema, self._hashed(_named(schema, rows), len(rows), one)
        schema = self.schema_ if self.is_started else self._first_schema(X)
        if schema.names is None:
            raise wrong("x", list(columns), f"an array of {schema.n_features} numbers, as before")
        new = tuple(name for name in columns if name not in schema.names)
        if fit and new:
            n = schema.n_features + len(new)
            schema = replace(schema, n_features=n, names=schema.names + new)
        names = schema.names or ()
        # in the order of the schema, so that sums have the same bits for any order of keys
        order = [name for name in names if name in columns]
        order += [name for name in new if name not in names]
        n_rows = len(columns[order[0]]) if order else 0
        return schema, self._hashed({name: columns[name] for name in order}, n_rows, one)

    def _hashed(self, columns: Mapping[str, Any], n_rows: int, one: bool) -> Array:
        rows = np.zeros((n_rows, self.n_features))
        for name, values in columns.items():
            where, sign = _place(name, self.n_features)
            if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
                rows[:, where] += sign * np.nan_to_num(values, posinf=np.inf, neginf=-np.inf)
            else:
                for i, value in enumerate(values):
                    if isinstance(value, str):
                        there, its_sign = _place(f"{name}={value}", self.n_features)
                        rows[i, there] += its_sign
                    elif not is_missing(value):
                        rows[i, where] += sign * _number(value, name)
            if not np.isfinite(rows[:, where]).all():
                i = int(np.flatnonzero(~np.isfinite(rows[:, where]))[0])
                cell = f"x[{name!r}]" if one else f"X[{i}, {name!r}]"
                raise wrong(cell, values[i], "a finite number (NaN where missing)")
        return rows


def _columns(X: Any) -> dict[str, Any] | None:
    """Values by name; None for arrays."""
    if isinstance(X, Mapping):
        return {name: [value] for name, value in X.items()}
    if is_frame(X):
        return frame_columns(X)
    if isinstance(X, Sequence) and X and isinstance(X[0], Mapping):
        names = dict.fromkeys(name for row in X for name in row)
        return {name: [row.get(name) for row in X] for name in names}
    return None


def _named(schema: Schema, rows: Array) -> dict[str, Any]:
    """Columns of `rows` by name, codes of nominal ones as text."""
    columns: dict[str, Any] = {}
    for j in range(schema.n_features):
        name = schema.names[j] if schema.names else str(j)
        columns[name] = rows[:, j]
        if j in schema.nominal:
            values = schema.nominal[j]
            columns[name] = [
                str(values[int(code)]) if 0 <= code < len(values) else None
                for code in rows[:, j].tolist()
            ]
    return columns


def _number(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise wrong(f"x[{name!r}]", value, "a number or text") from None
