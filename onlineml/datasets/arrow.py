"""Columns of Arrow tables as NumPy arrays.

Arrow's own `to_numpy`, and making its scalars from Python values, import pandas where that is
installed (a second of CPU time), so buffers are read directly. Its functions (`cast`, `unique`,
`is_null`) cost 0.07 s at first use, so plain columns do without.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.schema import Array, wrong

Problems = dict[int, str]  # index of a row in its batch -> what is wrong with it


def note(problems: Problems, row: Any, what: str) -> None:
    """Keep the first problem of a row."""
    problems.setdefault(int(row), what)


def float64() -> Any:
    """Arrow's type of a number."""
    import pyarrow as pa

    return pa.float64()


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
    if column.type == due or kind_of(column.type, name) != "text" or kind_of(due, name) == "text":
        return column
    import pyarrow as pa
    import pyarrow.compute as pc

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

    if column.type != pa.int64():
        column = column.cast(pa.int64())
    return filled(column, 0, np.dtype(np.int64))


def n_distinct(column: Any) -> int:
    """How many different values a column has; null is one."""
    import pyarrow as pa

    if column.type == pa.int64() and not column.null_count:
        return len(np.unique(integers(column)))
    return len(column.unique())


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
