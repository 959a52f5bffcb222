"""Nominal features as indicators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f2, i1, opened
from onlineml.kernels.nominal import note_values, passed_on
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong


@entry
def _one_hot_encoder(d: int) -> int:
    return _rows(opened(d), i1(d, 1), i1(d, 2), i1(d, 3), i1(d, 4), f2(d, 5))


@jit
def _rows(
    call: Call, nominal: Ints, n_values: Ints, encoded: Ints, n_known: Ints, known: Array
) -> int:
    width = known.shape[1] + 1
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            at = 0
            for j in range(x.shape[0]):
                value = passed_on(x[j], n_values[j]) if nominal[j] else x[j]
                if encoded[j]:
                    call.out[i, at : at + width] = 0.0
                    slot = _slot(value, n_known[j], known[j])
                    if slot >= 0:
                        call.out[i, at + slot] = 1.0
                    at += width
                else:
                    call.out[i, at] = value
                    at += 1
        if call.fit:
            note_values(x, nominal, n_values)
            for j in range(x.shape[0]):
                if call.weight[i] > 0.0 and encoded[j] and not np.isnan(x[j]):
                    slot = _slot(x[j], n_known[j], known[j])
                    if slot == known.shape[1] and n_known[j] < known.shape[1]:
                        known[j, n_known[j]] = x[j]
                        n_known[j] += 1
    return call.last


@jit
def _slot(value: float, n_known: int, known: Array) -> int:
    """Place of `value` among the known ones, the last place for others, -1 where missing."""
    if np.isnan(value):
        return -1
    for slot in range(n_known):
        if known[slot] == value:
            return slot
    return int(known.shape[0])


class OneHotEncoder(Transformer):
    """Every nominal feature as `max_categories` columns: 1 for its value, 0 for the others.

    Values take columns in the order of appearance; the last column stands for all that came after
    the others were taken. A missing value gives zeros only. The width is fixed from the start, so
    that new values in mid-stream do no harm to what comes after. Other features pass unchanged.
    Time per event and memory are O(n_features * max_categories).

    Parameters
    ----------
    columns
        Positions or names of the features to encode; None takes those that the schema says are
        nominal. Others that are nominal pass as codes.
    max_categories
        Columns a feature, with the one for other values; at least 2.

    Raises
    ------
    ValueError
        At the first row, for a `max_categories` that is not a whole number >= 2, and for
        `columns` that are no list of names and positions, or hold a position that rows do not
        have, or names where rows have none.

    Examples
    --------
    >>> from onlineml.transforms import OneHotEncoder
    >>> encoder = OneHotEncoder(max_categories=3)
    >>> rows = [{"sky": "clear", "temp": 21.0}, {"sky": "rain", "temp": 14.0}]
    >>> encoder.fit_many(rows).transform_one({"sky": "rain", "temp": 15.0})
    array([ 0.,  1.,  0., 15.])
    >>> encoder.output_schema().names
    ('sky[0]', 'sky[1]', 'sky[other]', 'temp')
    """

    _kernel = _one_hot_encoder
    _state = (
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("encoded_", ("F",), np.int64),
        Field("n_known_", ("F",), np.int64),
        Field("known_", ("F", "K"), fill=np.nan),
    )

    encoded_: Ints

    def __init__(
        self, *, columns: Sequence[int | str] | None = None, max_categories: int = 16
    ) -> None:
        self.columns = columns
        self.max_categories = max_categories

    def _check(self) -> None:
        whole("max_categories", self.max_categories, 2)

    def _sizes(self) -> dict[str, int]:
        return {"K": self.max_categories - 1}

    def _mark_nominal(self, schema: Schema) -> None:
        super()._mark_nominal(schema)
        self.encoded_[:] = 0
        self.encoded_[self._columns(schema)] = 1

    def _columns(self, schema: Schema) -> list[int]:
        """Positions of the features to encode."""
        if self.columns is None:
            return list(schema.nominal)
        names = schema.names or ()
        found = [names.index(c) if c in names else c for c in self.columns]
        for column in found:
            if isinstance(column, str) and names:
                continue  # a feature that may come later
            if not (isinstance(column, int) and 0 <= column < schema.n_features):
                raise wrong("columns", column, f"a name, or a position below {schema.n_features}")
        return [column for column in found if isinstance(column, int)]

    def _n_outputs(self) -> int:
        n_encoded = int(self.encoded_.sum())
        return self._size("F") + n_encoded * (self.max_categories - 1)

    def output_schema(self) -> Schema:
        """Columns `name[0]`, ..., `name[other]` for the encoded features."""
        names: list[str] = []
        nominal = {}
        for j in range(self.schema_.n_features):
            name = self.schema_.names[j] if self.schema_.names else f"x{j}"
            if self.encoded_[j]:
                slots = [*range(self.max_categories - 1), "other"]
                names += [f"{name}[{slot}]" for slot in slots]
            else:
                if j in self.schema_.nominal:
                    nominal[len(names)] = self.schema_.nominal[j]
                names.append(name)
        return Schema(len(names), tuple(names), nominal)
