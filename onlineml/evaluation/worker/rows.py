"""Samples become rows of numbers; those that cannot are named."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from onlineml.evaluation.worker.events import LONGEST, shown
from onlineml.schema import Array, Schema, is_missing

Problems = dict[int, str]


class Rows:
    """The columns of all samples, and how samples are put into them.

    Features that no column is known for are left out; those that are absent are NaN. The first
    value of a column says whether it is one of text, which takes new values until there are
    `max_values` of them.

    Parameters
    ----------
    schema
        The columns; None takes those of the first sample.
    max_values
        Most values of a column of text.
    """

    def __init__(self, schema: Schema | None, max_values: int) -> None:
        self.max_values = max_values
        self.n_left_out = 0
        self._take(schema)

    def _take(self, schema: Schema | None) -> None:
        self._schema = schema
        self._tables: dict[int, dict[Hashable, int]] = {}
        self._get: Any = None
        self._gaps: list[int] = []
        if schema is None:
            return
        for column, values in schema.nominal.items():
            self._tables[column] = {value: code for code, value in enumerate(values)}
        self._gaps = sorted(schema.undecided)
        if schema.names and not schema.nominal and schema.n_features > 1:
            self._get = operator.itemgetter(*schema.names)

    @property
    def schema(self) -> Schema | None:
        """The columns, with all values of text so far."""
        schema = self._schema
        if schema is not None and self._tables:
            self._schema = schema.with_tables(self._tables)
        return self._schema

    def admit(self, X: Array) -> None:
        """Take in that columns have shown the numbers in `X`."""
        schema = self.schema
        if self._gaps and schema is not None:
            self._take(schema.admitting(X))

    def of(self, xs: Sequence[Any]) -> tuple[Array, Problems]:
        """Rows `(len(xs), n_features)`, and what is wrong with those that cannot be used."""
        if self._schema is None:
            self._start(xs)
        if self._schema is None:
            return np.full((len(xs), 1), np.nan), dict.fromkeys(range(len(xs)), "no features")
        rows = self._at_once(xs)
        if rows is not None:
            return rows, {}
        rows, problems = np.full((len(xs), self._schema.n_features), np.nan), {}
        for i, x in enumerate(xs):
            try:
                self._fill(rows[i], x)
            except ValueError as error:
                problems[i] = str(error)
        return rows, problems

    def _start(self, xs: Sequence[Any]) -> None:
        """Take the columns of the first sample that has any."""
        for x in xs:
            if isinstance(x, Mapping) and x:
                text = {j: () for j, value in enumerate(x.values()) if isinstance(value, str)}
                gaps = frozenset(j for j, value in enumerate(x.values()) if is_missing(value))
                return self._take(Schema(len(x), tuple(map(str, x)), text, undecided=gaps))
            if not isinstance(x, Mapping) and len(x):
                return self._take(Schema(len(x)))
        return None

    def _at_once(self, xs: Sequence[Any]) -> Array | None:
        """Rows of samples that all have every feature, as a number."""
        assert self._schema is not None
        n = self._schema.n_features
        try:
            listed = xs if self._schema.names is None else [self._get(x) for x in xs]
            rows = np.array(listed, np.float64)
        except (KeyError, TypeError, ValueError):
            return None
        if rows.shape != (len(xs), n) or np.isinf(rows).any():
            return None
        if self._gaps and not np.isnan(rows[:, self._gaps]).all():
            return None  # what they show may be text that looks like a number
        if self._schema.names is not None:
            self.n_left_out += sum(len(x) for x in xs) - n * len(xs)
        return rows

    def _fill(self, row: Array, x: Any) -> None:
        assert self._schema is not None
        names = self._schema.names
        if isinstance(x, Mapping) == (names is None):
            due = "features by name" if names else "a list of numbers"
            raise ValueError(f"x: got {type(x).__name__}, expected {due}, as before")
        if names is None:
            if len(x) != len(row):
                raise ValueError(f"x: got {len(x)} numbers, expected {len(row)}")
            items = list(enumerate(x))
        else:
            items = [(j, x[name]) for j, name in enumerate(names) if name in x]
            self.n_left_out += len(x) - len(items)
            if not items:
                raise ValueError(f"x: got features {list(x)[:5]}, expected some of {names[:5]}")
        for j, value in items:
            row[j] = self._cell(j, value)

    def _cell(self, column: int, value: Any) -> float:
        assert self._schema is not None
        if value is None or value != value:
            return np.nan
        name = self._schema.name_of(column)
        if isinstance(value, str) and column in self._schema.undecided:
            self._decide(column, is_text=True)
        if column in self._tables:
            return self._code(column, value, name)
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"x[{name!r}]: got {shown(value)}, expected a number") from None
        if number in (np.inf, -np.inf):
            raise ValueError(f"x[{name!r}]: got {number}, expected a finite number")
        if column in self._schema.undecided:
            self._decide(column, is_text=False)
        return number

    def _decide(self, column: int, *, is_text: bool) -> None:
        """Take in of which kind a column is that had shown no value before."""
        schema = self.schema
        assert schema is not None
        self._take(schema.deciding(column, is_text=is_text))

    def _code(self, column: int, value: Any, name: str) -> float:
        table = self._tables[column]
        if not isinstance(value, str | int | float):
            raise ValueError(f"x[{name!r}]: got {type(value).__name__}, expected text")
        if isinstance(value, str) and len(value) > LONGEST:
            due = f"at most {LONGEST:,} characters"
            raise ValueError(f"x[{name!r}]: got {shown(value)}, expected {due}")
        code = table.get(value)
        if code is None:
            if len(table) >= self.max_values:
                due = f"one of the {self.max_values} values that were first"
                raise ValueError(f"x[{name!r}]: got {shown(value)}, expected {due}")
            code = table[value] = len(table)
        return float(code)
