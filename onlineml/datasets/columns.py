"""From the columns of an Arrow table to rows, labels and times.

Arrow's own `to_numpy` imports pandas where that is installed, so buffers are read directly.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from onlineml.datasets.stream import Chunk, Task
from onlineml.schema import Array, Schema, wrong

if TYPE_CHECKING:
    import pyarrow as pa

Nominal = Iterable[str] | Mapping[str, Sequence[Hashable]]
Problems = dict[int, str]  # index of a row in its batch -> what is wrong with it
_MOST_CLASSES = 50


def one_of(argument: str, came: str, names: Iterable[str]) -> ValueError:
    """The error for a name that does not exist: the nearest ones, or all of a few."""
    names = list(names)
    near = difflib.get_close_matches(str(came), names, n=3, cutoff=0.5)
    if near:
        return wrong(argument, came, f"another name; nearest: {', '.join(near)}")
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return wrong(argument, came, f"one of {shown}")


def inferred_task(kind: str, n_distinct: int) -> Task:
    """Task that a target suggests, by the kind of its numpy type and its number of values.

    Text, booleans and integers of at most 50 values are classes; all else is a number to predict.
    """
    classes = kind in "OUSb" or (kind in "iu" and n_distinct <= _MOST_CLASSES)
    return "classification" if classes else "regression"


def checked_task(task: str | None) -> Task | None:
    """`task` if it is one, or None."""
    if task is not None and task not in get_args(Task):
        raise wrong("task", task, f"one of {', '.join(get_args(Task))}")
    return task  # type: ignore[return-value]


class Columns:
    """What each column of a table is, and the nominal values met so far.

    Parameters
    ----------
    types
        Names and types of the columns; batches may hold text instead, which is then parsed.
    target, time
        Names of the label column and of the column of event times.
    nominal
        Names of nominal columns, or name -> all its values. Text columns need no mention.
    drop
        Columns to leave out.
    task
        None: what the target suggests, see `inferred_task`.
    sample
        First rows, to infer the task from.
    classes
        Text in the target -> label, where the source declares them.
    """

    def __init__(
        self, types: pa.Schema, *, target: str | None, nominal: Nominal, time: str | None,
        drop: Iterable[str], task: str | None, sample: pa.RecordBatch,
        classes: Mapping[str, Hashable] | None = None,
    ) -> None:  # fmt: skip
        nominal = nominal if isinstance(nominal, Mapping) else list(nominal)
        drop = list(drop)
        _check_names(types.names, target=[target], time=[time] if time else [], nominal=nominal,
                     drop=drop)  # fmt: skip
        self.target, self.time, self.classes = str(target), time, dict(classes or {})
        out = {target, time, *drop}
        self.features = [name for name in types.names if name not in out]
        if not self.features:
            raise wrong("columns", types.names, "at least one feature besides the target")
        used = [*self.features, self.target, *([time] if time else [])]
        self.types = {name: types.field(name).type for name in used}
        self._check_types(task)
        self._tables: dict[int, dict[Hashable, int]] = {}
        self._fixed: set[int] = set()
        for j, name in enumerate(self.features):
            self._set_kind(j, name, nominal)
        self._schema: Schema | None = None
        self._n_values = 0
        self.task: Task = checked_task(task) or self._task_of(sample.column(target))

    def _check_types(self, task: str | None) -> None:
        if self.time is not None and kind_of(self.types[self.time], self.time) == "text":
            shown = str(self.types[self.time])
            raise wrong(f"time column {self.time!r}", shown, "numbers or ISO times")
        if task == "regression" and kind_of(self.types[self.target], self.target) == "text":
            self.types[self.target] = _float64()

    def _set_kind(self, j: int, name: str, nominal: Any) -> None:
        kind = kind_of(self.types[name], name)
        if name in nominal or kind == "text":
            values = nominal[name] if isinstance(nominal, Mapping) and name in nominal else ()
            self._tables[j] = {value: code for code, value in enumerate(values)}
            if values:
                self._fixed.add(j)

    def _task_of(self, column: Any) -> Task:
        kind = {"text": "O", "boolean": "b", "integer": "i"}
        found = kind.get(kind_of(self.types[self.target], self.target), "f")
        return inferred_task(found, len(column.unique()) if found == "i" else 0)

    @property
    def schema(self) -> Schema:
        """Names and kinds, with the nominal values met so far."""
        n_values = sum(map(len, self._tables.values()))
        if self._schema is None or n_values != self._n_values:
            self._n_values = n_values
            nominal = {j: tuple(table) for j, table in self._tables.items()}
            classes = tuple(self.classes.values()) or None
            names = tuple(self.features)
            self._schema = Schema(len(names), names, nominal, classes)
        return self._schema

    def encode(self, batch: pa.RecordBatch) -> tuple[Chunk, Problems]:
        """Rows, labels and times of a batch, and what is wrong with which of its rows."""
        problems: Problems = {}
        X = np.empty((batch.num_rows, len(self.features)))
        for j, name in enumerate(self.features):
            column = parsed(batch.column(name), self.types[name], name, problems)
            X[:, j] = self._codes(j, column, problems) if j in self._tables else numbers(column)
        infinite = np.isinf(X)
        if infinite.any():
            for i, j in np.argwhere(infinite):
                note(problems, i, f"column {self.features[j]!r}: got {X[i, j]}, expected a finite "
                     "number")  # fmt: skip
        y = self._labels(batch.column(self.target), problems)
        return Chunk(X, y, self._times(batch, problems)), problems

    def _codes(self, j: int, column: Any, problems: Problems) -> Array:
        values, indices, present = dictionary_of(column)
        table, own = self._tables[j], np.full(len(values) + 1, np.nan)
        for i in present:
            if j not in self._fixed:
                table.setdefault(values[i], len(table))
            own[i] = table.get(values[i], np.nan)
        codes: Array = own[indices]
        if j in self._fixed and np.isnan(own[present]).any():
            for i in np.flatnonzero(np.isnan(codes) & (indices < len(values))):
                note(problems, i, f"column {self.features[j]!r}: got {values[indices[i]]!r}, "
                     f"expected one of its {len(table)} declared values")  # fmt: skip
        return codes

    def _labels(self, column: Any, problems: Problems) -> npt.NDArray[Any]:
        column = parsed(column, self.types[self.target], self.target, problems)
        for i in np.flatnonzero(mask(column.is_null())) if column.null_count else ():
            note(problems, i, f"column {self.target!r}: the target is missing")
        if self.task == "regression":
            return self._finite(numbers(column), problems)
        kind = kind_of(column.type, self.target)
        if kind == "text":
            labels = self._texts(column, problems)
        elif kind == "integer":
            labels = integers(column)
        elif kind == "boolean":
            labels = numbers(column) == 1.0
        else:
            labels = self._finite(numbers(column), problems)
        return labels if self.task == "classification" else self._zero_or_one(labels, problems)

    def _texts(self, column: Any, problems: Problems) -> npt.NDArray[Any]:
        values, indices, _ = dictionary_of(column)
        if self.classes:
            for i in np.flatnonzero([value not in self.classes for value in values]):
                for row in np.flatnonzero(indices == i):
                    note(problems, row, f"column {self.target!r}: got {values[i]!r}, expected one "
                         "of its declared values")  # fmt: skip
            values = [self.classes.get(str(value)) for value in values]
        whole = bool(self.classes) and all(type(value) is int for value in self.classes.values())
        table = np.empty(len(values) + 1, object)
        table[:-1] = values
        labels = table[indices]
        if whole:
            return np.where(indices < len(values), labels, 0).astype(np.int64)
        return labels

    def _finite(self, labels: Array, problems: Problems) -> Array:
        finite = np.isfinite(labels)
        for i in np.flatnonzero(~finite) if not finite.all() else ():
            note(problems, i, f"column {self.target!r}: got {labels[i]}, expected a finite number")
        return labels

    def _zero_or_one(self, labels: npt.NDArray[Any], problems: Problems) -> npt.NDArray[Any]:
        good = (labels == 0) | (labels == 1)
        for i in np.flatnonzero(~good):
            note(problems, i, f"column {self.target!r}: got {labels[i]!r}, expected 0, or 1 for "
                 "an anomaly")  # fmt: skip
        return np.where(good, labels, 0).astype(np.int64)

    def _times(self, batch: pa.RecordBatch, problems: Problems) -> Array | None:
        if self.time is None:
            return None
        return numbers(parsed(batch.column(self.time), self.types[self.time], self.time, problems))


def _check_names(names: list[str], **arguments: Iterable[str | None]) -> None:
    """Raise for column names that are missing, unknown, or there twice."""
    for argument, given in arguments.items():
        for name in given:
            if name is None:
                raise wrong(argument, name, f"the label's column: {', '.join(names)}"[:300])
            if name not in names:
                raise one_of(argument, name, names)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise wrong("columns", twice, "different names")


def _float64() -> Any:
    import pyarrow as pa

    return pa.float64()


def note(problems: Problems, row: Any, what: str) -> None:
    """Keep the first problem of a row."""
    problems.setdefault(int(row), what)


def kind_of(arrow_type: Any, name: str) -> str:
    """Kind of a column: text, boolean, integer, number (floats and times too)."""
    from pyarrow import types

    if types.is_dictionary(arrow_type):
        return "text"
    if types.is_string(arrow_type) or types.is_large_string(arrow_type):
        return "text"
    if getattr(types, "is_string_view", types.is_string)(arrow_type):
        return "text"
    if types.is_boolean(arrow_type):
        return "boolean"
    if types.is_integer(arrow_type):
        return "integer"
    if types.is_floating(arrow_type) or types.is_decimal(arrow_type) or types.is_null(arrow_type):
        return "number"
    if types.is_temporal(arrow_type):
        return "number"
    raise wrong(f"column {name!r}", str(arrow_type), "numbers, times, booleans or text")


def parsed(column: Any, due: Any, name: str, problems: Problems) -> Any:
    """`column`, its text parsed where another type is due; what cannot be parsed becomes null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type == due or kind_of(column.type, name) != "text" or kind_of(due, name) == "text":
        return column
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    column = pc.utf8_trim_whitespace(column)
    bad = unparsable(column, due)
    for i in bad:
        note(problems, i, f"column {name!r}: got {column[i].as_py()!r}, expected {_words(due)}")
    if bad:
        good = np.ones(len(column), np.uint8)
        good[bad] = 0
        kept = pa.Array.from_buffers(pa.uint8(), len(good), [None, pa.py_buffer(good)])
        column = pc.if_else(kept.cast(pa.bool_()), column, pa.nulls(len(good), column.type))
    return column.cast(due)


def _words(arrow_type: Any) -> str:
    kind = kind_of(arrow_type, "")
    return {"integer": "a whole number", "boolean": "true or false"}.get(kind, "a number")


def unparsable(column: Any, due: Any, first: int = 0) -> list[int]:
    """Indices of the texts that are not of type `due`, found by halving."""
    import pyarrow as pa

    try:
        column.cast(due)
    except pa.ArrowInvalid:
        if len(column) == 1:
            return [first]
        middle = len(column) // 2
        left = unparsable(column.slice(0, middle), due, first)
        return left + unparsable(column.slice(middle), due, first + middle)
    return []


def numbers(column: Any) -> Array:
    """A column as float64, NaN where null; times in seconds since 1970 (UTC)."""
    import pyarrow as pa

    scale = 1.0
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_temporal(column.type):
        column, scale = _microseconds(column), 1e6
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if column.type != pa.float64():
        column = column.cast(pa.float64(), safe=False)
    values: Array = filled(column, np.nan, np.dtype(np.float64))
    return values if scale == 1.0 else values / scale


def _microseconds(column: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_time(column.type):
        return column.cast(pa.time64("us")).cast(pa.int64())
    if pa.types.is_duration(column.type):
        return column.cast(pa.duration("us"), safe=False).cast(pa.int64())
    zone = getattr(column.type, "tz", None)
    return column.cast(pa.timestamp("us", tz=zone), safe=False).cast(pa.int64())


def integers(column: Any) -> npt.NDArray[np.int64]:
    """A column of integers as int64, 0 where null."""
    import pyarrow as pa

    return filled(column.cast(pa.int64()), 0, np.dtype(np.int64))


def mask(column: Any) -> npt.NDArray[np.bool_]:
    """A column of booleans as a NumPy array."""
    import pyarrow as pa

    return filled(column.cast(pa.uint8()), 0, np.dtype(np.uint8)).astype(bool)


def filled(column: Any, null: float, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The values of a column of that type, `null` where it is null; no copy where nothing is."""
    if not len(column):
        return np.empty(0, dtype)
    data = column.buffers()[1]
    values = np.frombuffer(data, dtype, len(column), column.offset * dtype.itemsize)
    return (
        np.where(mask(column.is_null()), dtype.type(null), values) if column.null_count else values
    )


def dictionary_of(column: Any) -> tuple[list[Hashable], npt.NDArray[np.int64], Any]:
    """Distinct values, each row's index among them (their number where null), and the order.

    The order lists the indices that occur, by first appearance.
    """
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return [], np.zeros(len(column), np.int64), np.empty(0, np.int64)
    given = pa.types.is_dictionary(column.type)
    if not given:
        if getattr(pa.types, "is_string_view", lambda _: False)(column.type):
            column = column.cast(pa.large_string())
        column = column.dictionary_encode()
    values = column.dictionary.to_pylist()
    codes = column.indices.cast(pa.int64())
    order = integers(codes.unique().drop_null()) if given else np.arange(len(values))
    rows = filled(codes, len(values), np.dtype(np.int64))
    return values, rows, order
