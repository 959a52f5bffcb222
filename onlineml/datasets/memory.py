"""Streams over what is in memory: arrays and frames."""

from __future__ import annotations

import sys
from collections.abc import Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.columns import Nominal, checked_task, inferred_task, listed
from onlineml.datasets.stream import Chunk, Stream, Task, check_size
from onlineml.datasets.table import BATCH, TableStream
from onlineml.schema import Array, Schema, is_missing, wrong

if TYPE_CHECKING:
    import pyarrow as pa


class ArrayStream(Stream):
    """Rows of a NumPy array and labels of another, in order; a memory map works too.

    Rows are checked when they are read. Time is O(n_features) a row; memory beside the arrays is
    that of a chunk.

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
        For shapes that do not fit, no rows, `names` that are not one a column, and a `task` that is
        none. While it is read: for infinite numbers, missing labels, and labels that do not fit the
        task, with the row.

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
        self.task = checked_task(task) or task_of(self.y[:BATCH])

    @property
    def schema(self) -> Schema:
        """Names and kinds of the features."""
        return self._schema

    def chunks(self, size: int) -> Iterator[Chunk]:
        """A fresh pass over the rows, `size` at a time."""
        check_size(size)
        for first in range(0, len(self.X), size):
            rows = slice(first, first + size)
            X = finite(self.X[rows], self.name, first)
            y = targets(self.y[rows], self.task, self.name, first)
            yield Chunk(X, y, None if self.time is None else self.time[rows])


class FrameStream(TableStream):
    """Rows of a pandas, polars or Arrow table, taken over in slices.

    Text and categorical columns are nominal, with codes by order of appearance; all values are
    in the schema from the start. Time is O(n_features) a row; memory beside the
    table is that of a slice.

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
            self._frame = named_by_text(nw.from_native(frame, eager_only=True))
        except TypeError:
            raise wrong("frame", type(frame).__name__, "a pandas, polars or Arrow table") from None
        self.n_rows = len(self._frame)
        sample = next(self._batches(), None)
        if sample is None:
            raise wrong("frame", self._frame.shape, "at least one row")
        target = None if target is None else str(target)
        drop = map(str, listed(drop))
        self._set_columns(
            sample.schema, sample, target=target, nominal=nominal, time=time, drop=drop, task=task
        )

    _n_ahead = sys.maxsize

    def _batches(self) -> Generator[pa.RecordBatch]:
        columns = self._frame.columns
        for first in range(0, len(self._frame), BATCH):
            try:
                table = self._frame[first : first + BATCH].to_arrow().select(columns)
            except (TypeError, ValueError) as error:  # of Arrow: values of several types
                raise ValueError(f"{self._source}: {'; '.join(map(str, error.args))}") from None
            yield from table.combine_chunks().to_batches()


def named_by_text(frame: Any) -> Any:
    """`frame` with the numbers that name its columns as text."""
    numbers = {name: str(name) for name in frame.columns if not isinstance(name, str)}
    return frame.rename(numbers) if numbers else frame


def task_of(y: npt.NDArray[Any]) -> Task:
    """Task that labels suggest."""
    kind = y.dtype.kind
    return inferred_task(kind, len(np.unique(y)) if kind in "iu" else 0)


def targets(y: npt.NDArray[Any], task: Task, name: str, n_done: int) -> npt.NDArray[Any]:
    """Labels of the task's type, none missing."""
    if task == "regression":
        good = [isinstance(v, int | float) for v in y.tolist()] if y.dtype.kind in "OUS" else True
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
        raise wrong(f"{name}, row {n_done + i + 1}: y", y.tolist()[i], due)
    return y.astype(np.int64) if task == "anomaly" else y


def finite(X: npt.NDArray[Any], name: str, n_done: int) -> Array:
    """Rows as float64, none infinite."""
    try:
        rows: Array = np.ascontiguousarray(X, np.float64)
    except (TypeError, ValueError):
        raise wrong(f"{name}, rows from {n_done + 1}: X", X.dtype, "numbers") from None
    infinite = np.isinf(rows)
    if infinite.any():
        i, j = np.argwhere(infinite)[0]
        raise wrong(
            f"{name}, row {n_done + i + 1}, column {j}", float(rows[i, j]), "a finite number"
        )
    return rows
