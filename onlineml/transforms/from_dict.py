"""From mappings to rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, i1, opened
from onlineml.kernels.nominal import note_values, passed_on
from onlineml.schema import Schema, is_frame, wrong


@entry
def _from_dict(d: int) -> int:
    return _rows(opened(d), i1(d, 1), i1(d, 2), i1(d, 3))


@jit
def _rows(call: Call, nominal: Ints, n_values: Ints, columns: Ints) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            for k in range(columns.shape[0]):
                j = columns[k]
                known = x[j] if j >= 0 else np.nan
                call.out[i, k] = passed_on(known, n_values[j]) if j >= 0 and nominal[j] else known
        if call.fit:
            note_values(x, nominal, n_values)
    return call.last


class FromDict(Transformer):
    """A mapping of names to values as a row: missing names are NaN, strings become codes.

    Every estimator takes mappings as they are. This one, put first in a chain, makes the
    columns explicit: declared, they never change, and other names are left out. Time per event
    and memory are O(n_features).

    Parameters
    ----------
    names
        The columns, in their order; None takes the names as they come, new ones at the end.
    nominal
        Those of the declared names whose values are nominal.

    Raises
    ------
    ValueError
        At the first row, for `names` that are no list of different texts or an empty one, and
        for `nominal` names that are not among them.

    Examples
    --------
    >>> from onlineml.transforms import FromDict
    >>> stage = FromDict(names=["temp", "sky"], nominal=["sky"])
    >>> stage = stage.fit_one({"sky": "clear", "temp": 21.0, "id": "a77"})
    >>> stage.transform_one({"sky": "clear"})
    array([nan,  0.])
    """

    _kernel = _from_dict
    _state = (Field("nominal_", ("F",), np.int64), Field("n_values_", ("F",), np.int64))

    def __init__(self, *, names: Sequence[str] | None = None, nominal: Sequence[str] = ()) -> None:
        self.names = names
        self.nominal = nominal

    def _check(self) -> None:
        if not (self.names is None or (self.names and _are_names(self.names))):
            raise wrong("names", self.names, "a list of at least one name, or None")
        if not _are_names(self.nominal):
            raise wrong("nominal", self.nominal, "a list of names")
        for name in self.nominal:
            if name not in (self.names or ()):
                raise wrong("nominal", name, "a name that is declared in names")

    def _first_schema(self, X: Any) -> Schema:
        chosen = self._events(X)
        if self.names is None:
            return super()._first_schema(X)
        names = tuple(self.names)
        declared = Schema(len(names), names, {names.index(name): () for name in self.nominal})
        return declared.admitting(chosen)

    def _rows(self, X: Any, *, fit: bool, one: bool = False) -> tuple[Schema, Array]:
        return super()._rows(self._events(X), fit=fit, one=one)

    def _events(self, X: Any) -> Any:
        """`X` without the names that were not declared."""
        if not self.is_started:
            self._check()
        if self.names is None:
            return X
        if isinstance(X, Mapping):
            return {name: X[name] for name in self.names if name in X}
        if isinstance(X, Sequence) and X and isinstance(X[0], Mapping):
            return [self._events(x) for x in X]
        if is_frame(X):
            import narwhals as nw

            frame = nw.from_native(X, eager_only=True)
            return frame.select([name for name in self.names if name in frame.columns])
        return X

    def _parts(self) -> list[Ints]:
        return [np.array(self._columns(self.schema_), np.int64)]

    def _start(self, schema: Schema) -> None:
        self._columns(schema)

    def _columns(self, schema: Schema) -> list[int]:
        """Where each new column lies in a row, which in a chain may hold others; -1: nowhere."""
        known, n = schema.names, schema.n_features
        if self.names is None or known == tuple(self.names):
            return list(range(n))
        if known is None:
            if n != len(self.names):
                raise wrong("X", f"{n} columns", f"{len(self.names)}, those of names")
            return list(range(n))
        return [known.index(name) if name in known else -1 for name in self.names]

    def output_schema(self) -> Schema:
        """Names and kinds of the new rows."""
        if self.names is None:
            return self.schema_
        columns, known = self._columns(self.schema_), self.schema_
        nominal = {k: known.nominal[j] for k, j in enumerate(columns) if j in known.nominal}
        late = tuple((columns.index(j), len(columns)) for j, _ in known.late if j in columns)
        return Schema(len(columns), tuple(self.names), nominal, late=late)

    def _n_outputs(self) -> int:
        return self._size("F") if self.names is None else len(self.names)


def _are_names(names: object) -> bool:
    if isinstance(names, str) or not isinstance(names, Sequence):
        return False
    return all(isinstance(name, str) for name in names)
