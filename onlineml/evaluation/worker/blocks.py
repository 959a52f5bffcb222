"""Arrow record batches as rows: one message, one mini-batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.datasets.arrow import integers, kind_of, numbers
from onlineml.evaluation.worker.events import Fields, UnreadableError, check_id
from onlineml.schema import Array


class Block(NamedTuple):
    """The rows of one message, in order."""

    offset: int
    time: float | None
    source: tuple[bytes | None, bytes | None]
    names: tuple[str, ...]
    columns: dict[str, Any]  # text columns, as lists
    X: Array  # `(n_rows, n_features)`, text columns NaN
    y: npt.NDArray[Any] | None
    ids: list[Any] | None
    keys: list[Any] | None


def block_of(
    offset: int, time: float | None, source: tuple[bytes | None, bytes | None], fields: Fields
) -> Block:
    """The rows of an Arrow IPC stream; the columns that `fields` names are no features."""
    table = _table(source[1])
    apart = (fields.y, fields.id, fields.key, fields.time)
    names = tuple(name for name in table.schema.names if name not in apart)
    if not names or len(set(names)) < len(names):
        raise UnreadableError(f"got columns {table.schema.names}, expected features by name")
    X, columns = np.empty((table.num_rows, len(names))), {}
    for j, name in enumerate(names):
        column = table.column(name)
        try:
            text = kind_of(column.type, name) == "text"
            X[:, j] = np.nan if text else numbers(column)
        except ValueError as error:
            raise UnreadableError(str(error)) from None
        if text:
            columns[name] = column.to_pylist()
    y = None if fields.y not in table.schema.names else _targets(table.column(fields.y))
    ids = None if fields.id not in table.schema.names else table.column(fields.id).to_pylist()
    for row_id in ids or ():
        if row_id is not None:
            check_id(row_id)
    keys = None
    if fields.key in table.schema.names:
        keys = [None if v is None else str(v) for v in table.column(fields.key).to_pylist()]
    return Block(offset, time, source, names, columns, X, y, ids, keys)


def _table(value: bytes | None) -> Any:
    """All record batches of a message as one."""
    import pyarrow as pa

    try:
        reader = pa.ipc.open_stream(pa.py_buffer(value))
        batches = list(reader)
    except (pa.ArrowInvalid, OSError, EOFError, TypeError) as error:
        raise UnreadableError(f"not an Arrow stream: {error}") from None
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches, reader.schema).combine_chunks().to_batches()[0]


def _targets(column: Any) -> npt.NDArray[Any] | None:
    """Labels; None where all are missing."""
    if column.null_count == len(column):
        return None
    kind = kind_of(column.type, "y")
    if kind == "integer" and not column.null_count:
        return integers(column)
    if kind == "number" and not column.null_count:
        return numbers(column)
    listed = np.empty(len(column), object)
    listed[:] = column.to_pylist()
    return listed


def encoded(columns: dict[str, Any]) -> bytes:
    """Columns as an Arrow IPC stream of one record batch."""
    import pyarrow as pa

    arrays = [pa.array(values) for values in columns.values()]
    batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content
