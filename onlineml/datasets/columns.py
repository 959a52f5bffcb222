"""From the columns of an Arrow table to rows, labels and times."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from onlineml.datasets.arrow import (
    Problems,
    dictionary_of,
    float64,
    integers,
    kind_of,
    mask,
    n_distinct,
    note,
    numbers,
    parsed,
)
from onlineml.datasets.stream import Chunk, Task
from onlineml.schema import Array, Schema, wrong

if TYPE_CHECKING:
    import pyarrow as pa

Nominal = Iterable[str] | Mapping[str, Sequence[Hashable]]
_MOST_CLASSES = 50


def one_of(argument: str, came: str, names: Iterable[str]) -> ValueError:
    """The error for a name that does not exist: the nearest ones, or all of a few."""
    names = list(names)
    near = difflib.get_close_matches(str(came), names, n=3, cutoff=0.5)
    if near:
        near = [name if name == name.strip() else repr(name) for name in near]
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
        nominal = nominal if isinstance(nominal, Mapping) else listed(nominal)
        drop = listed(drop)
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
            self.types[self.target] = float64()

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
        return inferred_task(found, n_distinct(column) if found == "i" else 0)

    @property
    def can_grow(self) -> bool:
        """Whether a column has nominal values that are not declared."""
        return len(self._fixed) < len(self._tables)

    @property
    def schema(self) -> Schema:
        """Names and kinds, with the nominal values met so far."""
        n_values = sum(map(len, self._tables.values()))
        if self._schema is None or n_values != self._n_values:
            self._n_values = n_values
            nominal = self._schema.nominal if self._schema else dict.fromkeys(self._tables, ())
            classes = tuple(self.classes.values()) or None
            names = tuple(self.features)
            self._schema = Schema(len(names), names, nominal, classes).with_tables(self._tables)
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
            values = [self.classes.get(str(value), 0) for value in values]
        if self.classes and all(type(value) is int for value in self.classes.values()):
            return np.array([*values, 0], np.int64)[indices]
        table = np.empty(len(values) + 1, object)
        table[:-1] = values
        labels: npt.NDArray[Any] = table[indices]
        return labels

    def _finite(self, labels: Array, problems: Problems) -> Array:
        finite = np.isfinite(labels)
        for i in np.flatnonzero(~finite) if not finite.all() else ():
            note(problems, i, f"column {self.target!r}: got {labels[i]}, expected a finite number")
        return labels

    def _zero_or_one(self, labels: npt.NDArray[Any], problems: Problems) -> npt.NDArray[Any]:
        good = (labels == 0) | (labels == 1)
        for i in np.flatnonzero(~good):
            shown = labels.tolist()[i]
            note(problems, i, f"column {self.target!r}: got {shown!r}, expected 0, or 1 for "
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
    check_different(names)


def listed(names: str | Iterable[str]) -> list[str]:
    """Names as a list; a text is one name."""
    return [names] if isinstance(names, str) else list(names)


def check_different(names: list[str]) -> None:
    """Raise for a column name that is there twice."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise wrong("columns", twice, "different names")
