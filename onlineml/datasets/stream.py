"""What a source of events is: a schema, and chunks of rows in stream order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.parameters import whole
from onlineml.schema import Array, Schema

Task = Literal["classification", "regression", "anomaly"]


class Chunk(NamedTuple):
    """Consecutive rows of a stream.

    Parameters
    ----------
    X
        Rows, `(n_rows, n_features)`, float64: nominal values as codes of the stream's schema, NaN
        where missing.
    y
        Labels or targets, `(n_rows,)`.
    time
        Event times in seconds, `(n_rows,)`, where the source has them; else None.

    Examples
    --------
    >>> from onlineml.datasets import STAGGER
    >>> X, y, time = next(STAGGER(seed=3).chunks(2))
    >>> X.shape, y.shape, time is None
    ((2, 3), (2,), True)
    """

    X: Array
    y: npt.NDArray[Any]
    time: Array | None = None


class Stream(ABC):
    """A source of labelled rows that can be read again from the start.

    Reading in chunks of any size gives the same rows. Iterating gives `(x, y)` pairs with `x` a
    mapping, as river does, where the schema has names, and a row where not. Memory is that of the
    chunks that are read, unless a stream says otherwise.

    Raises
    ------
    ValueError
        From the constructor: for arguments that cannot be used. While it is read: for rows that
        cannot be.

    Examples
    --------
    >>> from onlineml.datasets import SEA
    >>> stream = SEA(n_rows=1000)
    >>> [len(chunk.y) for chunk in stream.chunks(400)], stream.take(10).n_rows, stream.task
    ([400, 400, 200], 10, 'classification')
    """

    #: "classification", "regression" or "anomaly" (labels 0 and 1, 1 = anomaly).
    task: Task
    #: Rows in a whole pass; None where that is unknown or without end.
    n_rows: int | None = None
    #: Name for tables and files.
    name: str
    #: Rows at which the concept is known to change (middle of the change).
    drifts: tuple[int, ...] = ()
    #: Broken rows that the last pass left out, where the source was told to.
    n_skipped: int = 0

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """Names and kinds of the features.

        Where a source does not declare its nominal values, the schema grows as chunks are read:
        look again after each chunk. A value keeps its code.
        """

    @abstractmethod
    def chunks(self, size: int) -> Iterator[Chunk]:
        """A fresh pass over the rows, `size` at a time (the last chunk may be shorter).

        Raises
        ------
        ValueError
            While it is iterated: for a `size` that is not a whole number >= 1, and rows that cannot
            be read, with their place.
        """

    def take(self, n_rows: int) -> Stream:
        """The first `n_rows` rows.

        Raises
        ------
        ValueError
            For an `n_rows` that is not a whole number >= 1.
        """
        return _Take(self, n_rows)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for X, y, _ in self.chunks(1000):
            schema = self.schema  # of a file, it may have grown
            rows = _mappings(X, schema) if schema.names else X
            yield from zip(rows, y.tolist(), strict=True)


class _Take(Stream):
    def __init__(self, stream: Stream, n_rows: int) -> None:
        whole("n_rows", n_rows, 1, unit="rows")
        self.stream, self.task, self.name = stream, stream.task, stream.name
        self.n_rows = n_rows if stream.n_rows is None else min(n_rows, stream.n_rows)
        self.drifts = tuple(row for row in stream.drifts if row < n_rows)

    @property
    def schema(self) -> Schema:
        return self.stream.schema

    def chunks(self, size: int) -> Iterator[Chunk]:
        left = self.n_rows or 0
        for X, y, time in self.stream.chunks(min(size, max(left, 1))):
            self.n_skipped = self.stream.n_skipped
            yield Chunk(X[:left], y[:left], None if time is None else time[:left])
            left -= len(X)
            if left <= 0:
                return


def check_size(size: int) -> None:
    """Raise `ValueError` for what is no number of rows."""
    whole("size", size, 1, unit="rows")


def rechunked(pieces: Iterable[Chunk], size: int) -> Iterator[Chunk]:
    """The rows of `pieces`, of any lengths, `size` at a time; holds one piece and one chunk.

    Examples
    --------
    >>> pieces = [Chunk(np.zeros((n, 2)), np.zeros(n)) for n in (3, 0, 4)]
    >>> [len(chunk.X) for chunk in rechunked(pieces, 2)]
    [2, 2, 2, 1]
    """
    check_size(size)
    held: list[Chunk] = []
    n_held = 0
    for piece in pieces:
        first = 0
        while n_held + len(piece.X) - first >= size:
            last = first + size - n_held
            yield _joined([*held, _rows(piece, first, last)])
            held, n_held, first = [], 0, last
        if first < len(piece.X):
            held.append(_rows(piece, first, len(piece.X)))
            n_held += len(piece.X) - first
    if held:
        yield _joined(held)


def _rows(chunk: Chunk, first: int, last: int) -> Chunk:
    X, y, time = chunk
    return Chunk(X[first:last], y[first:last], None if time is None else time[first:last])


def _joined(pieces: list[Chunk]) -> Chunk:
    if len(pieces) == 1:
        return pieces[0]
    times = [piece.time for piece in pieces if piece.time is not None]
    X, y = (np.concatenate([piece[i] for piece in pieces]) for i in (0, 1))
    return Chunk(X, y, np.concatenate(times) if times else None)


def _mappings(X: Array, schema: Schema) -> Iterator[dict[str, Any]]:
    """Rows as mappings of names to values, column by column: None where missing."""
    names = schema.names or ()
    columns = [_values(X[:, j], schema.nominal.get(j)) for j in range(len(names))]
    return (dict(zip(names, row)) for row in zip(*columns))


def _values(column: Array, values: Sequence[Hashable] | None) -> list[Any]:
    if values is not None:
        return [None if code != code else values[int(code)] for code in column.tolist()]
    if np.isnan(column).any():
        return [None if number != number else number for number in column.tolist()]
    numbers: list[Any] = column.tolist()
    return numbers
