"""Streams over what is in memory, or comes from Python: arrays, frames, iterables."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.columns import Nominal, checked_task, inferred_task
from onlineml.datasets.stream import Chunk, Stream, Task, rechunked
from onlineml.datasets.table import BATCH, TableStream
from onlineml.schema import Array, Schema, is_missing, wrong

if TYPE_CHECKING:
    import pyarrow as pa

_PEEKED = 1000  # rows that say which columns an iterable has


class ArrayStream(Stream):
    """Rows of a NumPy array and labels of another, in order; a memory map works too.

    Parameters
    ----------
    X
        Numbers, `(n_rows, n_features)`, NaN where missing.
    y
        Labels or numbers to predict, `(n_rows,)`.
    names
        Column names; None: rows have none.
    nominal
        Column index -> values, whose codes `X` holds.
    time
        Event times, `(n_rows,)`.
    task
        "classification", "regression", "anomaly", or None: text, booleans and integers of at most
        50 values are classes.
    name
        Name for tables and files.

    Raises
    ------
    ValueError
        For shapes that do not fit, no rows, infinite numbers, missing labels (row named).

    Examples
    --------
    >>> stream = ArrayStream(np.eye(3), ["a", "b", "a"])
    >>> [chunk.y.tolist() for chunk in stream.chunks(2)]
    [['a', 'b'], ['a']]
    """

    def __init__(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, names: Sequence[str] | None = None,
        nominal: Mapping[int, tuple[Hashable, ...]] | None = None, time: Any = None,
        task: str | None = None, name: str = "arrays",
    ) -> None:  # fmt: skip
        self.X, self.y = np.asanyarray(X), np.asanyarray(y)
        if self.X.ndim != 2 or self.X.dtype.kind not in "fiubO":
            raise wrong("X", (self.X.shape, str(self.X.dtype)), "numbers (n_rows, n_features)")
        self.n_rows = len(self.X)
        if self.y.shape != (self.n_rows,):
            raise wrong("y", self.y.shape, f"one label a row, shape ({self.n_rows},)")
        if not self.n_rows:
            raise wrong("X", self.X.shape, "at least one row")
        self.time = None if time is None else np.asarray(time, np.float64)
        if self.time is not None and self.time.shape != self.y.shape:
            raise wrong("time", self.time.shape, f"shape {self.y.shape}")
        self.name = name
        named = None if names is None else tuple(names)
        self._schema = Schema(self.X.shape[1], named, dict(nominal or {}))
        self.task = checked_task(task) or _task_of(self.y[:BATCH])

    @property
    def schema(self) -> Schema:
        """Names and kinds of the features."""
        return self._schema

    def chunks(self, size: int) -> Iterator[Chunk]:
        """A fresh pass over the rows, `size` at a time."""
        if size < 1:
            raise wrong("size", size, "at least 1 row")
        for first in range(0, len(self.X), size):
            rows = slice(first, first + size)
            X = _finite(self.X[rows], self.name, first)
            y = _targets(self.y[rows], self.task, self.name, first)
            yield Chunk(X, y, None if self.time is None else self.time[rows])


class FrameStream(TableStream):
    """Rows of a pandas, polars or Arrow table, taken over in slices.

    Text and categorical columns are nominal, with codes by order of appearance.

    Parameters
    ----------
    frame
        The table (of polars, one that is not lazy).
    target
        Column of labels or of numbers to predict.
    nominal
        Columns that are nominal though they are numbers; or column -> all its values.
    time
        Column of event times; it is no feature.
    task
        "classification", "regression", "anomaly", or None: what the target suggests.
    drop
        Columns to leave out.
    name
        Name for tables and files.

    Raises
    ------
    ValueError
        For a column that does not exist, no rows, infinite numbers, missing labels (row named).

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"sky": ["clear", "grey"], "rain": [False, True]})
    >>> next(FrameStream(frame, target="rain").chunks(2))
    Chunk(X=array([[0.],
           [1.]]), y=array([False,  True]), time=None)
    """

    def __init__(
        self, frame: Any, *, target: str | None = None, nominal: Nominal = (),
        time: str | None = None, task: str | None = None, drop: Iterable[str] = (),
        name: str = "frame",
    ) -> None:  # fmt: skip
        super().__init__(name, name)
        import narwhals as nw

        try:
            self._frame = nw.from_native(frame, eager_only=True)
        except TypeError:
            raise wrong("frame", type(frame).__name__, "a pandas, polars or Arrow table") from None
        self.n_rows = len(self._frame)
        sample = next(self._batches(), None)
        if sample is None:
            raise wrong("frame", self._frame.shape, "at least one row")
        self._set_columns(
            sample.schema, sample, target=target, nominal=nominal, time=time, drop=drop, task=task
        )

    def _batches(self) -> Iterator[pa.RecordBatch]:
        columns = self._frame.columns
        for first in range(0, len(self._frame), BATCH):
            table = self._frame[first : first + BATCH].to_arrow().select(columns)
            yield from table.combine_chunks().to_batches()


class IterableStream(Stream):
    """Pairs `(x, y)` from any iterable: lists, generators, river's datasets.

    `x` is a mapping of names to values, or a row of numbers. The first 1,000 pairs say which
    columns there are; a name that is absent, or None, is missing. Columns that show text first
    are nominal, coded by order of appearance (`schema` grows as the stream is read).

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
        self._n_features = len(self._names) if self._names else np.size(X[0])
        self.task: Task = checked_task(task) or _task_of(_as_labels(y))

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
        nominal = {j: tuple(table) for j, table in self._tables.items()}
        return Schema(self._n_features, self._names, nominal)

    def chunks(self, size: int) -> Iterator[Chunk]:
        """A fresh pass over the rows, `size` at a time."""
        return rechunked(self._encoded(), size)

    def _encoded(self) -> Iterator[Chunk]:
        rows, n_done = self._open(), 0
        while block := list(islice(rows, _PEEKED)):
            xs, ys = self._pairs(block, n_done)
            X = self._rows(xs, n_done)
            y = _targets(_as_labels(ys), self.task, self.name, n_done)
            yield Chunk(_finite(X, self.name, n_done), y)
            n_done += len(block)

    def _pairs(self, block: list[Any], n_done: int) -> tuple[list[Any], list[Any]]:
        try:
            xs, ys = zip(*((x, y) for x, y in block))
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
        array = np.array(column) if not any(map(_is_text, column)) else np.empty(0, object)
        if array.dtype.kind in "fiub":
            return array.astype(np.float64)
        for i, value in enumerate(column):
            try:
                if _is_text(value):
                    raise ValueError
                float("nan" if value is None else value)
            except (TypeError, ValueError):
                where = f"{self.name}, row {n_done + i + 1}: {what}"
                raise wrong(where, value, "a number, as before") from None
        return np.array([np.nan if value is None else float(value) for value in column])


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


def _task_of(y: npt.NDArray[Any]) -> Task:
    kind = y.dtype.kind
    return inferred_task(kind, len(np.unique(y)) if kind in "iu" else 0)


def _targets(y: npt.NDArray[Any], task: Task, name: str, n_done: int) -> npt.NDArray[Any]:
    """Labels of the task's type, none missing."""
    if task == "regression":
        good = [isinstance(v, int | float) for v in y.tolist()] if y.dtype.kind == "O" else True
        if np.all(good):
            y = y.astype(np.float64)
            good = np.isfinite(y)
        due = "a finite number"
    elif task == "anomaly":
        good, due = (y == 0) | (y == 1), "0, or 1 for an anomaly"
    else:
        y = y.astype(object) if y.dtype.kind in "US" else y
        good = [not is_missing(v) for v in y.tolist()] if y.dtype.kind in "Of" else True
        due = "a class label"
    if not np.all(good):
        i = int(np.argmin(good))
        raise wrong(f"{name}, row {n_done + i + 1}: y", y[i], due)
    return y.astype(np.int64) if task == "anomaly" else y


def _finite(X: npt.NDArray[Any], name: str, n_done: int) -> Array:
    """Rows as float64, none infinite."""
    try:
        rows: Array = np.ascontiguousarray(X, np.float64)
    except (TypeError, ValueError):
        raise wrong(f"{name}, rows from {n_done + 1}: X", X.dtype, "numbers") from None
    infinite = np.isinf(rows)
    if infinite.any():
        i, j = np.argwhere(infinite)[0]
        raise wrong(f"{name}, row {n_done + i + 1}, column {j}", rows[i, j], "a finite number")
    return rows
