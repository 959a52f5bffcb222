"""Feature names and kinds: mappings, frames and arrays become float64 rows once, at the edge."""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.categories import Categories, bytes_of
from onlineml.words import shortened

Array = npt.NDArray[np.float64]
_NAN = float("nan")


def wrong(argument: str, came: object, due: str) -> ValueError:
    """The error for an argument that cannot be used: what came, and what was due."""
    return ValueError(f"{argument}: got {shortened(repr(came), 80)}, expected {due}")


def is_missing(value: object) -> bool:
    """Whether `value` is None, NaN, or one of pandas' own signs for that."""
    unequal = value != value
    if unequal is False:
        return value is None
    return unequal is value or bool(unequal)  # to compare pandas.NA gives pandas.NA


@dataclass(frozen=True)
class Schema:
    """Columns of a row: how many, their names, and the values of the nominal ones.

    Parameters
    ----------
    n_features
        Number of columns.
    names
        Column names, in column order; None where rows are plain arrays.
    nominal
        Column index -> its values, in order of their codes 0, 1, ... All other columns are
        numeric. They are kept as `Categories`, which are equal to tuples of the values.
    classes
        Class labels that a data source declares ahead; for information, models learn their own.
    undecided
        Columns that have shown no value yet. They hold missing values only; their first value will
        say whether they are numeric or nominal.
    late
        Nominal columns that were undecided at first, in the order in which they ceased to be; with
        each, how many columns there were by then.

    Examples
    --------
    >>> schema = Schema.of({"temp": 20.5, "sky": "clear"})
    >>> schema.row({"sky": "clear", "temp": 3.0})
    array([3., 0.])
    >>> schema = Schema.of({"temp": 20.5, "sky": None})
    >>> schema.undecided, schema.admitting({"temp": 3.0, "sky": "clear"}).nominal
    (frozenset({1}), {1: ('clear',)})
    """

    n_features: int
    names: tuple[str, ...] | None = None
    nominal: Mapping[int, Sequence[Hashable]] = field(default_factory=dict)
    classes: tuple[Hashable, ...] | None = None
    undecided: frozenset[int] = frozenset()
    late: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.n_features < 1:
            raise wrong("n_features", self.n_features, "at least one feature")
        if self.names is not None and len(set(self.names)) != self.n_features:
            raise wrong("names", self.names, f"{self.n_features} different names")
        if not all(column in range(self.n_features) for column in self.nominal):
            due = f"columns from 0 to {self.n_features - 1}"
            raise wrong("nominal", dict(self.nominal), due)
        kept = {column: _as_categories(values) for column, values in self.nominal.items()}
        object.__setattr__(self, "nominal", kept)

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, x: object) -> Schema:
        """The schema that one row, or a chunk of rows, suggests."""
        if isinstance(x, Mapping):
            if not x:
                raise wrong("x", x, "at least one feature")
            return cls(len(x), tuple(x)).admitting(x, first=True)
        if is_frame(x):
            columns = frame_columns(x)
            return cls(len(columns), tuple(columns)).admitting(x, first=True)
        if isinstance(x, Sequence) and x and isinstance(x[0], Mapping):
            schema = cls.of(x[0])
            return schema.admitting(x)
        array = as_floats(x, "x")
        if not array.shape or not array.shape[-1]:
            raise wrong("x", x, "a row of at least one number, or a mapping")
        return cls(array.shape[-1])

    @classmethod
    def of_names(cls, names: Iterable[str]) -> Schema:
        """Columns of these names, none of which has shown a value yet."""
        known = tuple(names)
        return cls(len(known), known, undecided=frozenset(range(len(known))))

    @property
    def n_values(self) -> int:
        """Most values of any nominal column; 0 when all are numeric."""
        return max((len(values) for values in self.nominal.values()), default=0)

    @property
    def numeric_at_first(self) -> list[int]:
        """Columns that were not nominal when they came."""
        late = dict(self.late)
        return [j for j in range(self.n_features) if j not in self.nominal or j in late]

    @cached_property
    def nbytes(self) -> int:
        """Bytes of what it holds; kept, as trees ask often how far they may grow."""
        rest = replace(self, nominal={}).to_plain()
        return bytes_of(rest) + sum(bytes_of(j) + v.nbytes for j, v in self._nominal.items())

    def has_columns_of(self, other: Schema) -> bool:
        """Whether names and kinds are those of `other`, whatever values of text there are."""
        return (
            self.names == other.names
            and self.n_features == other.n_features
            and self.nominal.keys() == other.nominal.keys()
            and (self.undecided, self.late) == (other.undecided, other.late)
        )

    def name_of(self, column: int) -> str:
        """Name of a column for messages."""
        return self.names[column] if self.names else f"column {column}"

    def admitting(self, x: object, *, first: bool = False) -> Schema:
        """The schema, widened by the names and nominal values of `x` that it lacks.

        A column is nominal when the first value that it shows is a string; until it shows one it
        is undecided.
        """
        if isinstance(x, Mapping):
            found = None if first else self._admitting_text(x)
            columns = {} if found else {name: [value] for name, value in x.items()}
            return found or self._admitting_columns(columns, first)
        if is_frame(x):
            return self._admitting_columns(frame_columns(x), first)
        if isinstance(x, Sequence) and x and isinstance(x[0], Mapping):
            schema = self
            for row in x:
                if not schema._knows(row):
                    schema = schema.admitting(row)
            return schema
        return self._admitting_numbers(x) if self.undecided else self

    def cells(self, x: Mapping[Any, Any]) -> list[Any] | None:
        """What becomes the cells of a row, in column order; None where a name or text is new.

        The short way of a row that brings nothing new. Cells of numeric columns are as they came,
        and missing values NaN. Raises `TypeError` or `ValueError` for values that need a look.
        """
        if not self._names.issuperset(x):
            return None
        cells = list(map(x.get, self.names or (), self._nans))
        for column, codes, n in self._codes:
            value = cells[column]
            code = codes.get(value, n)
            if code < n:
                cells[column] = code
            elif value is not None and value == value:
                return None
        return [_NAN if cell is None else cell for cell in cells] if None in cells else cells

    def _knows(self, x: Mapping[Any, Any]) -> bool:
        """Whether `x` is easily seen to bring nothing new, and nothing wrong."""
        try:
            cells = self.cells(x)
            return cells is not None and bool(_packer(self.n_features)(*cells))
        except (TypeError, ValueError, OverflowError, struct.error):
            return False

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.names or ())

    @cached_property
    def _nans(self) -> tuple[float, ...]:
        return (_NAN,) * self.n_features

    @cached_property
    def _codes(self) -> list[tuple[int, Mapping[Hashable, float], int]]:
        """Columns whose values may be news, each with the codes below how many are known."""
        known = {**dict.fromkeys(self.undecided, Categories()), **self._nominal}
        return [(column, values.codes, len(values)) for column, values in known.items()]

    @property
    def _nominal(self) -> dict[int, Categories]:
        return self.nominal  # type: ignore[return-value]  # __post_init__ sees to it

    def _admitting_text(self, x: Mapping[Any, Any]) -> Schema | None:
        """The same where new texts of nominal columns are all that is new; else None."""
        if not self._names.issuperset(x) or not self.nominal:
            return None
        cells, nominal = list(map(x.get, self.names or (), self._nans)), self._nominal.copy()
        for column, values in self._nominal.items():
            if cells[column].__class__ is str:
                nominal[column], cells[column] = values.extended(cells[column : column + 1]), 0.0
            elif not is_missing(cells[column]):
                return None
        try:
            cells = [_NAN if cell is None else cell for cell in cells]
            _packer(self.n_features)(*cells)
        except (TypeError, ValueError, OverflowError, struct.error):
            return None
        if any(cells[column] == cells[column] for column in self.undecided):
            return None
        found = replace(self, nominal=dict(sorted(nominal.items())))
        return self if found == self else found

    def _admitting_columns(self, columns: Mapping[str, Any], first: bool) -> Schema:
        if self.names is None:
            raise wrong("x", columns, f"an array of {self.n_features} numbers, as before")
        names, nominal, undecided = list(self.names), self._nominal.copy(), set(self.undecided)
        late = []
        for name, values in self._under_own_names(columns).items():
            new = first or name not in names
            if name not in names:
                names.append(name)
            column, strings = names.index(name), _is_text(values)
            if new or column in undecided:
                row = _first_shown(values)
                if row is None:
                    undecided.add(column)
                    continue
                undecided.discard(column)
                if strings:
                    nominal[column] = Categories()
                    late += [] if new and row == 0 else [(row, column)]
            if column in nominal:
                shown = (value for value in values if not is_missing(value))
                nominal[column] = nominal[column].extended(shown)
            elif strings:
                raise wrong(f"x[{name!r}]", _first_text(values), "a number, as before")
        found = Schema(
            len(names), tuple(names), dict(sorted(nominal.items())), self.classes,
            frozenset(undecided),
            # rows further down come when all these columns are known
            self.late + tuple((j, len(names) if i else self.n_features) for i, j in sorted(late)),
        )  # fmt: skip
        return self if found == self else found

    def _admitting_numbers(self, x: object) -> Schema:
        """The same of rows without names: a column that shows a number in them is numeric."""
        try:
            rows = np.atleast_2d(as_floats(x, "x"))
        except ValueError:
            return self  # `rows` says what is wrong
        if rows.shape[1:] != (self.n_features,):
            return self
        shown = np.flatnonzero(~np.isnan(rows).all(axis=0)).tolist()
        undecided = self.undecided.difference(shown)
        return self if undecided == self.undecided else replace(self, undecided=undecided)

    def deciding(self, column: int, *, is_text: bool) -> Schema:
        """The schema, in which an undecided column has shown its first value."""
        nominal = {**self.nominal, column: ()} if is_text else self.nominal
        late = (*self.late, (column, self.n_features)) if is_text else self.late
        return replace(self, nominal=nominal, undecided=self.undecided - {column}, late=late)

    def with_tables(self, tables: Mapping[int, Mapping[Hashable, int]]) -> Schema:
        """The schema, whose nominal columns have all the values in `tables`, which only grow."""
        known = self._nominal
        if all(len(table) == len(known[j]) for j, table in tables.items()):
            return self
        more = {j: known[j].extended(islice(t, len(known[j]), None)) for j, t in tables.items()}
        return replace(self, nominal=more)

    def taking(self, columns: Sequence[int]) -> Schema:
        """The schema of some of the columns; what is undecided counts as numeric in it."""
        return Schema(
            len(columns),
            None if self.names is None else tuple(self.names[j] for j in columns),
            {k: self.nominal[j] for k, j in enumerate(columns) if j in self.nominal},
            self.classes,
            late=tuple(
                (columns.index(j), sum(other < n for other in columns))
                for j, n in self.late if j in columns
            ),
        )  # fmt: skip

    @cached_property
    def _by_text(self) -> dict[str, Any]:
        return {str(name): name for name in self.names or ()}

    def _under_own_names(self, columns: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """`columns` under the names that they have here: 0 and "0" are one name."""
        own = self._by_text
        if all(own.get(name) == name for name in columns):
            return columns
        return {own.get(str(name), name): values for name, values in columns.items()}

    def row(self, x: object) -> Array:
        """`x` as a new float64 row; unknown names are left out, unknown values become NaN."""
        if isinstance(x, Mapping):
            row: Array = self.rows([x])[0]
            return row
        row = as_floats(x, "x")
        if row.shape != (self.n_features,):
            raise wrong("x", row.shape, f"a row of shape ({self.n_features},)")
        return row

    def rows(self, X: Any) -> Array:
        """`X` as C-contiguous float64 rows; unknown names left out, unknown values NaN."""
        if is_frame(X):
            return self._from_columns(frame_columns(X), len(X))
        if isinstance(X, Sequence) and X and isinstance(X[0], Mapping):
            names = dict.fromkeys(name for row in X for name in row)
            columns = {name: [row.get(name) for row in X] for name in names}
            return self._from_columns(columns, len(X))
        rows = as_floats(X, "X")
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            if rows.size == 0 and rows.ndim < 2:
                return np.empty((0, self.n_features))
            raise wrong("X", rows.shape, f"rows of shape (n_rows, {self.n_features})")
        return rows

    def _from_columns(self, columns: Mapping[str, Any], n_rows: int) -> Array:
        if self.names is None:
            raise wrong("X", list(columns), f"arrays of {self.n_features} numbers, as before")
        columns = self._under_own_names(columns)
        rows = np.full((n_rows, self.n_features), np.nan)
        for column, name in enumerate(self.names):
            if name in columns:
                rows[:, column] = self._column(column, columns[name])
        return rows

    def _column(self, column: int, values: Any) -> Array:
        if column in self.nominal:
            codes, n = self._nominal[column].codes, len(self.nominal[column])
            cells = np.array([codes.get(value, np.nan) for value in values], np.float64)
            cells[cells >= n] = np.nan
            return cells
        if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
            return values.astype(np.float64)
        if column in self.undecided:
            values = [None if isinstance(value, str) else value for value in values]
        return np.array([_number(value, self.name_of(column)) for value in values], np.float64)

    def to_plain(self) -> dict[str, Any]:
        """Plain values for a file's header."""
        return {
            "n_features": self.n_features,
            "names": None if self.names is None else list(self.names),
            "nominal": [[column, list(values)] for column, values in self.nominal.items()],
            "classes": None if self.classes is None else list(self.classes),
            **({"undecided": sorted(self.undecided)} if self.undecided else {}),
            **({"late": [list(pair) for pair in self.late]} if self.late else {}),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Schema:
        """The schema that `to_plain` wrote."""
        names, classes = plain["names"], plain["classes"]
        return cls(
            plain["n_features"],
            None if names is None else tuple(names),
            {column: tuple(values) for column, values in plain["nominal"]},
            None if classes is None else tuple(classes),
            frozenset(plain.get("undecided", ())),
            tuple((column, n) for column, n in plain.get("late", ())),
        )


@cache
def _packer(n: int) -> Callable[..., bytes]:
    """What takes `n` numbers, and nothing else."""
    return struct.Struct(f"{n}d").pack


def _as_categories(values: Iterable[Hashable]) -> Categories:
    return values if isinstance(values, Categories) else Categories(values)


def as_floats(x: Any, argument: str) -> Array:
    """`x` as a C-contiguous float64 array; text and the like are an error that names the cell."""
    if isinstance(x, np.ma.MaskedArray):
        x = np.ma.filled(x.astype(np.float64), np.nan)
    try:
        array = np.ascontiguousarray(x, np.float64) if np.ndim(x) else np.asarray(x, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise _bad_cell(x, argument) from None
    return array


def _bad_cell(x: object, argument: str) -> ValueError:
    rows = x if isinstance(x, Sequence | np.ndarray) else [x]
    for i, row in enumerate(rows):
        cells = row if isinstance(row, Sequence | np.ndarray) and not isinstance(row, str) else None
        for j, value in enumerate([row] if cells is None else cells):
            try:
                float(value)
            except (TypeError, ValueError, OverflowError):
                where = f"{argument}[{i}]" if cells is None else f"{argument}[{i}, {j}]"
                return wrong(where, value, "a number (NaN where missing)")
    return wrong(argument, x, "numbers, every row of the same length")


def is_frame(x: object) -> bool:
    """Whether `x` is a pandas, polars or Arrow table (without importing any of them)."""
    if isinstance(x, tuple):  # pandas names its rows as its own
        return False
    module = type(x).__module__.partition(".")[0]
    return module in {"pandas", "polars", "pyarrow", "narwhals"} and getattr(x, "ndim", 2) == 2


def as_row(x: Any) -> Any:
    """A row of a pandas frame, whose values have names, as a mapping; all else as it is."""
    if x.__class__ is dict or x.__class__ is np.ndarray:
        return x
    if type(x).__module__.partition(".")[0] != "pandas" or getattr(x, "ndim", 2) != 1:
        return x
    names = x.index.tolist() if hasattr(x, "index") else [None]
    named = all(isinstance(name, str) for name in names)
    return dict(zip(names, x.tolist())) if named else x


def frame_columns(x: Any) -> dict[str, Any]:
    """Columns of a frame by name, each a NumPy array or a list."""
    if type(x).__module__.startswith("pyarrow"):
        return {name: _arrow_values(x.column(name)) for name in x.schema.names}
    import narwhals as nw

    try:
        frame = nw.from_native(x, eager_only=True)
    except ValueError:
        raise wrong("X", list(x.columns), "columns of different names") from None
    return {str(series.name): _frame_values(series) for series in frame.iter_columns()}


def _frame_values(series: Any) -> Any:
    return series.to_numpy() if series.dtype.is_numeric() else series.to_list()


def _arrow_values(column: Any) -> Any:
    return (
        np.asarray(column)
        if not column.null_count and _is_number(column.type)
        else (column.to_pylist())
    )


def _is_number(arrow_type: Any) -> bool:
    from pyarrow import types

    return bool(types.is_floating(arrow_type) or types.is_integer(arrow_type))


def _is_text(values: Any) -> bool:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return False
    return _first_text(values) is not None


def _first_shown(values: Any) -> int | None:
    """Where the first value is that is not missing."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        shown = ~np.isnan(values)
        return int(shown.argmax()) if shown.any() else None
    return next((i for i, value in enumerate(values) if not is_missing(value)), None)


def _first_text(values: Iterable[Any]) -> str | None:
    shown = (value for value in values if not is_missing(value))
    return next((value for value in shown if isinstance(value, str)), None)


def _number(value: Any, name: str) -> float:
    if value is None:
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        if np.ndim(value) == 0 and is_missing(value):
            return float("nan")
        raise wrong(f"x[{name!r}]", value, "a number") from None
