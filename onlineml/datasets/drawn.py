"""Streams that can make any number of their next rows at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.stream import Chunk, Stream, check_size
from onlineml.schema import Array

_READ = 4096  # rows asked at once of a stream that is read, not drawn

#: Gives the next n rows of a pass, fewer only at its end.
Draw = Callable[[int], Chunk]


class Drawn(Stream):
    """A stream whose passes are drawn row by row, or by any number of rows."""

    @abstractmethod
    def drawing(self) -> Draw:
        """Begin a fresh pass."""

    def chunks(self, size: int) -> Iterator[Chunk]:
        """A fresh pass over the rows, `size` at a time (the last chunk may be shorter)."""
        check_size(size)
        return self._pass(size)

    def _pass(self, size: int) -> Iterator[Chunk]:
        draw = self.drawing()
        while True:
            chunk = draw(size)
            if len(chunk.y):
                yield chunk
            if len(chunk.y) < size:
                return


def drawing(stream: Stream) -> Draw:
    """Begin a pass over any stream that gives as many rows at a time as are asked for."""
    return stream.drawing() if isinstance(stream, Drawn) else _Reading(stream).draw


class _Reading:
    """A pass over a stream that can only be read in chunks of one size."""

    def __init__(self, stream: Stream) -> None:
        self._source = stream.chunks(_READ)
        self._X: Array = np.empty((0, stream.schema.n_features))
        self._y: npt.NDArray[Any] = np.empty(0)

    def draw(self, n: int) -> Chunk:
        X, y = [self._X], [self._y]
        n_held = len(self._y)
        while n_held < n:
            chunk = next(self._source, None)
            if chunk is None:
                break
            X.append(chunk.X)
            y.append(chunk.y)
            n_held += len(chunk.y)
        rows, labels = (X[0], y[0]) if len(X) == 1 else (np.concatenate(X), joined_labels(y))
        self._X, self._y = rows[n:], labels[n:]
        return Chunk(rows[:n], labels[:n])


def joined_labels(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Labels one after another; of different kinds, they stay what they are."""
    filled = [part for part in parts if len(part)] or parts[:1]
    if len({part.dtype.kind for part in filled}) > 1:
        filled = [part.astype(object) for part in filled]
    return filled[0] if len(filled) == 1 else np.concatenate(filled)
