"""Tables of results as Parquet files.

Arrow columns are made from buffers: `pyarrow.array` would import pandas where it is installed,
which costs a second of CPU time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def write_parquet(path: str | Path, columns: Mapping[str, Sequence[Any]], head: bytes) -> None:
    """Write columns of texts, flags, whole numbers or (any others) floats; `head` as metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [_array(values) for values in columns.values()]
    table = pa.Table.from_arrays(arrays, names=list(columns))
    pq.write_table(table.replace_schema_metadata({"onlineml": head}), path)


def _array(values: Sequence[Any]) -> pa.Array:
    """A column of one kind of values; None in it becomes a null."""
    import pyarrow as pa

    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {str}:
        return _texts(values)
    if kinds == {bool}:
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])
    present = None if None not in values else _bits([value is not None for value in values])
    numbers = [0 if value is None else value for value in values]
    if kinds <= {int} and all(number.bit_length() < 64 for number in numbers):
        cells = pa.py_buffer(np.array(numbers, np.int64))
        return pa.Array.from_buffers(pa.int64(), len(values), [present, cells])
    cells = pa.py_buffer(np.array(numbers, np.float64))
    return pa.Array.from_buffers(pa.float64(), len(values), [present, cells])


def _texts(values: Sequence[str]) -> pa.Array:
    import pyarrow as pa

    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def _bits(flags: Sequence[bool]) -> pa.Buffer:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(np.array(flags, bool), bitorder="little"))
