"""Nominal features as indicators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f2, i1, i2, opened
from onlineml.kernels.nominal import note_values, passed_on
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_LATE = 2  # encoded, but had one place before


@entry
def _one_hot_encoder(d: int) -> int:
    return _rows(opened(d), i1(d, 1), i1(d, 2), i1(d, 3), i1(d, 4), f2(d, 5), i2(d, 6))


@jit
def _rows(
    call: Call,
    nominal: Ints,
    n_values: Ints,
    encoded: Ints,
    n_known: Ints,
    known: Array,
    places: Ints,
) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        for j in range(x.shape[0] if call.serve else 0):
            value = passed_on(x[j], n_values[j]) if nominal[j] else x[j]
            if encoded[j]:
                first, second = places[j, 0], places[j, 1]
                none = _other(encoded[j], n_known[j])
                call.out[i, first] = none
                call.out[i, second : second + known.shape[1]] = none
                slot = _slot(value, n_known[j], known[j])
                if slot >= 0:
                    call.out[i, first if slot == 0 else second + slot - 1] = 1.0
            else:
                call.out[i, places[j, 0]] = value
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
def _other(encoded: int, n_known: int) -> float:
    """What slots hold that are not a row's: nothing as long as a late feature has no value."""
    return np.nan if encoded == _LATE and n_known == 0 else 0.0


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
    A feature that has shown no value yet has one column; if it turns out to be nominal, its others
    are put behind all that are there, and all are missing until it has learned a value.
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
        Field("places_", ("F", 2), np.int64, fill=-1),  # of the first slot, and of the second
    )

    encoded_: Ints
    places_: Ints

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
        due, late = self._columns(schema), schema.late if self.columns is None else ()
        for j in range(schema.n_features):
            self._encode_late(k for k, n_columns in late if n_columns == j)
            if self.places_[j, 0] < 0:
                self.places_[j] = self._n_outputs() + np.arange(2)
                self.encoded_[j] = j in due and j not in dict(late)
        self._encode_late([j for j, _ in late] + due)

    def _encode_late(self, columns: Iterable[int]) -> None:
        """Give columns that have one place, and need more, the others."""
        for j in columns:
            if not self.encoded_[j]:
                self.places_[j, 1] = self._n_outputs()
                self.encoded_[j] = _LATE

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
        n_placed = np.count_nonzero(self.places_[:, 0] >= 0)
        return int(n_placed + np.count_nonzero(self.encoded_) * (self.max_categories - 1))

    def output_schema(self) -> Schema:
        """Columns `name[0]`, ..., `name[other]` for the encoded features."""
        known = self.schema_
        names, nominal = [""] * self._n_outputs(), {}
        for j, (first, second) in enumerate(self.places_.tolist()):
            name = known.names[j] if known.names else f"x{j}"
            if self.encoded_[j]:
                slots = [*range(self.max_categories - 1), "other"]
                places = [first, *range(second, second + self.max_categories - 1)]
                for place, slot in zip(places, slots):
                    names[place] = f"{name}[{slot}]"
            else:
                names[first] = name
                if j in known.nominal:
                    nominal[first] = known.nominal[j]
        return Schema(len(names), tuple(names), nominal)
