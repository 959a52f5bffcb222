"""A stream over anything that gives Arrow record batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Hashable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Literal

import numpy as np

from onlineml.datasets.arrow import Problems
from onlineml.datasets.columns import Columns, Nominal
from onlineml.datasets.stream import Chunk, Stream, rechunked
from onlineml.schema import Schema, wrong

if TYPE_CHECKING:
    import pyarrow as pa

OnError = Literal["raise", "skip"]
BATCH = 32768  # rows encoded at a time, at most
LOOK_AHEAD = 100_000  # rows whose nominal values are known from the start


class TableStream(Stream):
    """Rows of a table that is read in record batches, so that memory stays flat.

    Text columns are nominal. Their values are coded 0, 1, ... in order of appearance. `schema` has
    those of the first 100,000 rows from the start, and grows with later ones as the stream is
    read; a value keeps its code in every later pass. Values that are declared ahead
    (`nominal={"sky": ["clear", "rain"]}`) fix the schema.

    A row is broken when a number is infinite, text stands where a number is due, a value was not
    declared, or the target is missing; features may be missing (NaN).
    """

    def __init__(self, source: str, name: str, on_error: OnError = "raise") -> None:
        if on_error not in ("raise", "skip"):
            raise wrong("on_error", on_error, "'raise' or 'skip'")
        self.name, self.on_error, self._source = name, on_error, source
        #: Broken rows left out in the latest pass, so far.
        self.n_skipped = 0

    def _set_columns(
        self, types: pa.Schema, sample: pa.RecordBatch, *, target: str | None, nominal: Nominal,
        time: str | None, drop: Iterable[str], task: str | None,
        classes: Mapping[str, Hashable] | None = None,
    ) -> None:  # fmt: skip
        if not sample.num_rows:
            raise wrong(self._source, "no rows", "at least one row")
        self._columns = Columns(
            types, target=target, nominal=nominal, time=time, drop=drop, task=task, sample=sample,
            classes=classes,
        )  # fmt: skip
        self.task = self._columns.task
        if self._columns.can_grow:
            self._look_ahead()

    def _look_ahead(self) -> None:
        """Meet the nominal values of the first rows; what is broken there waits for its turn."""
        n_rows = 0
        with suppress(ValueError), closing(self._batches()) as batches:
            for batch in batches:
                for first in range(0, batch.num_rows, BATCH):
                    self._columns.encode(batch.slice(first, BATCH))
                n_rows += batch.num_rows
                if n_rows >= self._n_ahead:
                    return

    @property
    def schema(self) -> Schema:
        """Names and kinds of the features, with the nominal values met so far."""
        return self._columns.schema

    @abstractmethod
    def _batches(self) -> Generator[pa.RecordBatch]:
        """A fresh pass over the record batches."""

    def chunks(self, size: int) -> Iterator[Chunk]:
        """A fresh pass over the rows, `size` at a time."""
        return rechunked(self._encoded(), size)

    def _encoded(self) -> Iterator[Chunk]:
        self.n_skipped = n_done = 0
        n_kept = 0
        for batch in self._batches():
            for first in range(0, batch.num_rows, BATCH):
                chunk, problems = self._columns.encode(batch.slice(first, BATCH))
                if problems:
                    chunk = self._without(chunk, problems, n_done)
                n_done += min(BATCH, batch.num_rows - first)
                n_kept += len(chunk.X)
                yield chunk
        self.n_rows = n_kept

    def _without(self, chunk: Chunk, problems: Problems, n_before: int) -> Chunk:
        if self.on_error == "raise":
            first = min(problems)
            raise self._broken(self._row_number(n_before + first), problems[first])
        self.n_skipped += len(problems)
        kept = np.ones(len(chunk.X), bool)
        kept[list(problems)] = False
        X, y, time = chunk
        return Chunk(X[kept], y[kept], None if time is None else time[kept])

    def _row_number(self, index: int) -> int:
        """Number of a row for messages: data rows from 1, broken ones counted."""
        return index + 1

    def _broken(self, row: int, what: str) -> ValueError:
        hint = "; on_error='skip' leaves such rows out" if self._can_skip else ""
        return ValueError(f"{self._source}, row {row}: {what}{hint}")

    _can_skip = False
    _n_ahead = LOOK_AHEAD
