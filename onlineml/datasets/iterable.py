"""Streams over Python iterables of pairs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.columns import checked_task
from onlineml.datasets.memory import finite, targets, task_of
from onlineml.datasets.stream import Chunk, Stream, Task, rechunked
from onlineml.schema import Array, Schema, as_row, is_missing, wrong

_PEEKED = 1000  # rows that say which columns an iterable has


class IterableStream(Stream):
    """Pairs `(x, y)` from any iterable: lists, generators, river's datasets.

    `x` is a mapping of names to values, or a row of numbers. The first 1,000 pairs say which
    columns there are; a name that is absent, or None, is missing. Columns that show text first
    are nominal, coded by order of appearance; after the first 1,000 pairs, `schema` grows as the
    stream is read. Time is O(n_features) a row; memory is that of a chunk, of the
    first 1,000 pairs at the least.

    Parameters
    ----------
    source
        An iterable of pairs, or a function that returns one. What can be iterated over only once
        (a generator) can be read only once; pass the generator function instead.
    names
        All column names, where the first 1,000 pairs do not show them.
    task
        "classification", "regression", "anomaly", or None: what the first labels suggest.
    n_rows
        Number of pairs, if known.
    name
        Name for tables and files.

    Raises
    ------
    ValueError
        For no pairs, something else than a pair, a new name, text where numbers were, infinite
        numbers, missing labels (row named), and for a second pass over what has none.

    Examples
    --------
    >>> pairs = [({"sky": "clear", "temp": 20}, 0), ({"sky": "grey"}, 1)]
    >>> next(IterableStream(pairs).chunks(10))
    Chunk(X=array([[ 0., 20.],
           [ 1., nan]]), y=array([0, 1]), time=None)
    """

    def __init__(
        self, source: Iterable[Any] | Callable[[], Iterable[Any]], *,
        names: Sequence[str] | None = None, task: str | None = None, n_rows: int | None = None,
        name: str = "iterable",
    ) -> None:  # fmt: skip
        self.name, self.n_rows, self._source = name, n_rows, source
        self._passes: list[Iterator[Any]] | None = None  # left, where there is only one
        rows = self._open()
        first = list(islice(rows, _PEEKED))
        if rows is source:
            self._passes = [chain(first, rows)]
        if not first:
            raise wrong(name, "no rows", "at least one row")
        X, y = self._pairs(first, 0)
        self._tables: dict[int, dict[Hashable, int]] = {}
        self._names = tuple(names) if names is not None else _names_of(X)
        for j, column in enumerate(self._names or ()):
            shown = (x.get(column) for x in X)
            if isinstance(next((v for v in shown if not is_missing(v)), None), str):
                self._tables[j] = {}
        for j in self._tables:
            column = (self._names or ())[j]
            self._codes(j, [x.get(column) for x in X if isinstance(x, Mapping)])
        self._n_features = len(self._names) if self._names else np.size(X[0])
        self._schema: Schema | None = None
        self.task: Task = checked_task(task) or task_of(_as_labels(y))

    def _open(self) -> Iterator[Any]:
        if self._passes is not None:
            if not self._passes:
                raise wrong(self.name, "an iterator that was read before", "a function that "
                            "returns a new one, to read again")  # fmt: skip
            return self._passes.pop()
        return iter(self._source() if callable(self._source) else self._source)

    @property
    def schema(self) -> Schema:
        """Names and kinds of the features, with the nominal values met so far."""
        bare = dict.fromkeys(self._tables, ())
        known = self._schema or Schema(self._n_features, self._names, bare)
        self._schema = known.with_tables(self._tables)
        return self._schema

    def chunks(self, size: int) -> Iterator[Chunk]:
        """A fresh pass over the rows, `size` at a time."""
        return rechunked(self._encoded(), size)

    def _encoded(self) -> Iterator[Chunk]:
        rows, n_done = self._open(), 0
        while block := list(islice(rows, _PEEKED)):
            xs, ys = self._pairs(block, n_done)
            X = self._rows(xs, n_done)
            y = targets(_as_labels(ys), self.task, self.name, n_done)
            yield Chunk(finite(X, self.name, n_done), y)
            n_done += len(block)

    def _pairs(self, block: list[Any], n_done: int) -> tuple[list[Any], list[Any]]:
        try:
            xs, ys = zip(*((as_row(x), y) for x, y in block))
        except (TypeError, ValueError):
            bad = next(i for i, item in enumerate(block) if not _is_pair(item))
            where = f"{self.name}, row {n_done + bad + 1}"
            raise wrong(where, block[bad], "a pair of features and label") from None
        return list(xs), list(ys)

    def _rows(self, xs: list[Any], n_done: int) -> Array:
        if self._names is None:
            for i, x in enumerate(xs):
                if isinstance(x, Mapping) or np.shape(x) != (self._n_features,):
                    where = f"{self.name}, row {n_done + i + 1}"
                    raise wrong(where, x, f"{self._n_features} numbers, as before")
            return np.array([self._numbers(list(x), "x", n_done + i) for i, x in enumerate(xs)])
        known = frozenset(self._names)
        for i, x in enumerate(xs):
            if not isinstance(x, Mapping) or not x.keys() <= known:
                new = sorted(set(x) - known, key=str) if isinstance(x, Mapping) else x
                where = f"{self.name}, row {n_done + i + 1}"
                raise wrong(where, new, "names seen in the first 1,000 rows (see `names`)")
        X = np.empty((len(xs), self._n_features))
        for j, name in enumerate(self._names):
            column = [x.get(name) for x in xs]
            X[:, j] = self._codes(j, column) if j in self._tables else self._numbers(
                column, f"x[{name!r}]", n_done)  # fmt: skip
        return X

    def _codes(self, j: int, column: list[Any]) -> list[float]:
        table = self._tables[j]
        return [
            float("nan") if is_missing(value) else table.setdefault(value, len(table))
            for value in column
        ]

    def _numbers(self, column: list[Any], what: str, n_done: int) -> Array:
        with suppress(ValueError):  # a sequence where a number is due
            array = np.array(None if any(map(_is_text, column)) else column)
            if array.dtype.kind in "fiub" and array.ndim == 1:
                return array.astype(np.float64)
        for i, value in enumerate(column):
            try:
                if _is_text(value):
                    raise ValueError
                float("nan" if is_missing(value) else value)
            except (TypeError, ValueError, OverflowError):
                where = f"{self.name}, row {n_done + i + 1}: {what}"
                raise wrong(where, value, "a number, as before") from None
        return np.array([np.nan if is_missing(value) else float(value) for value in column])


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_pair(item: object) -> bool:
    return isinstance(item, tuple | list) and len(item) == 2


def _names_of(X: list[Any]) -> tuple[str, ...] | None:
    if not isinstance(X[0], Mapping):
        return None
    return tuple(dict.fromkeys(name for x in X if isinstance(x, Mapping) for name in x))


def _as_labels(y: list[Any]) -> npt.NDArray[Any]:
    """Labels as an array of their own type where they share one, else of objects."""
    plain = [value.item() if isinstance(value, np.generic) else value for value in y]
    kinds = {type(value) for value in plain}
    if kinds <= {int, float} or kinds == {bool}:
        return np.array(plain)
    labels = np.empty(len(plain), object)
    labels[:] = plain
    return labels
