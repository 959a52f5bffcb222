"""A log of the last rows: by number, by id, by what they were; in memory or in a file."""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from onlineml.base import Array
from onlineml.estimator import BLOCK
from onlineml.kernels import jit
from onlineml.kernels.arena import Field, Ints
from onlineml.unlearning.called import Called
from onlineml.unlearning.fingerprints import fingerprint
from onlineml.unlearning.writing import FIRST, NAMED, NEXT, NUMBER, TAGGED, Ring

_LOG = 4  # arrays of the log
_NO_TAGS = np.zeros(0, np.int64)


@jit
def _close_up(
    rows: Array, others: tuple[Array, Array], tags: Ints, numbers: Ints, end: int
) -> None:
    """Drop the rows of these numbers, in order, from rows up to `end`: those after them move up."""
    room, to, k = rows.shape[0], numbers[0] % rows.shape[0], 0
    for number in range(numbers[0], end):
        if k < numbers.shape[0] and numbers[k] == number:
            k += 1
            continue
        place = number % room
        for j in range(rows.shape[1]):
            rows[to, j] = rows[place, j]
        for other in others:
            other[to] = other[place]
        tags[to] = tags[place]
        to = to + 1 if to + 1 < room else 0


def cells(array: Any) -> Any:
    """Cells of `array` as Python numbers: three times as fast as through numpy."""
    return memoryview(array)


class Logged(Called):
    """The last rows that an estimator has learned.

    Rows are numbered from 0 without gaps: when some are taken out, those behind close up. Row `i`
    lies at place `i % W`.
    """

    #: Folder for the file that holds the log; None: in memory.
    log: str | None

    _state: ClassVar[tuple[Field, ...]] = (
        Field("rows_", ("W", "F"), fill=np.nan),
        Field("targets_", ("W",)),
        Field("weights_", ("W",), fill=1.0),
        Field("tags_", ("W",), np.int64),  # its id's fingerprint, or -1 - its number
        Field("cursor_", (8,), np.int64),
    )

    _log: list[Any] | None = None  # its arrays; None: not yet looked up
    _ring: Ring | None = None  # the same
    _is_whole = False  # whether it is known to have all of its room

    rows_: Array
    targets_: Array
    weights_: Array
    tags_: Ints
    cursor_: Ints

    def _capacity(self) -> int:
        """How many rows the log may hold."""
        raise NotImplementedError

    def _sizes(self) -> dict[str, int]:
        return {"W": 1}

    def _enlarge(self, axis: str, size: int) -> None:
        super()._enlarge(axis, size)
        self._move_to_disk()

    def _move_to_disk(self) -> None:
        """Put the log into a file without a name, which goes when nothing holds it any more."""
        if self.log is None:
            return
        for field in self._state[:_LOG]:
            array = getattr(self, field.name)
            with tempfile.TemporaryFile(dir=self.log) as file:
                mapped = np.memmap(file, array.dtype, "w+", shape=array.shape)
            mapped[...] = array
            setattr(self, field.name, mapped)

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take over what `get_state` gave; the arrays are copied."""
        super().set_state(state)
        if self.is_started:
            self._move_to_disk()
        return self

    def get_state(self) -> dict[str, Any]:
        """Learned state."""
        if self.is_started:
            self._write_tags()
        return super().get_state()

    def _note(self, X: Array, y: Array, weight: Array) -> None:
        """Write rows behind the last."""
        if not self._is_whole and len(self.rows_) < self._capacity():
            self._make_room_for(len(X))
        came = self._came(len(X))
        if came is not None:
            self._write_tags()
        if self._ring is None:
            self._ring = Ring([*self._arrays(), self.cursor_])
        self._ring.write(X, y, weight, _NO_TAGS if came is None else came)

    @property
    def knows_ids(self) -> bool:
        """Whether rows have come with ids of their own."""
        return self.is_started and bool(self.cursor_[NAMED])

    def _arrays(self) -> Any:
        """The arrays of the log, also those in a file as plain ones."""
        if self._log is None:
            self._log = [np.asarray(getattr(self, field.name)) for field in self._state[:_LOG]]
        return self._log

    def _tag_at(self, i: int) -> int:
        """The tag of row `i`, or of the one that may come after the last."""
        if i < self.cursor_[TAGGED]:
            return int(self.tags_[i % len(self.rows_)])
        return int(self.cursor_[NEXT] - self.cursor_[NUMBER]) - 1 - i

    def _write_tags(self) -> None:
        """Write the tags of rows that are called by their number."""
        cursor = cells(self.cursor_)
        end = cursor[NEXT]
        if cursor[TAGGED] == end:
            return
        first = max(cursor[TAGGED], end - len(self.rows_))
        if first < end:
            tag = end - 1 - cursor[NUMBER]
            self.tags_[self._places(first, end)] = tag - np.arange(first, end)
        cursor[TAGGED] = end

    def _make_room_for(self, n: int) -> None:
        due = int(self.cursor_[NEXT]) + n
        if len(self.rows_) < min(due, self._capacity()):
            self._enlarge("W", min(1 << (due - 1).bit_length(), self._capacity()))

    def _places(self, first: int, end: int) -> Any:
        """Where rows from `first` to `end` lie: a slice, unless the log has wrapped between."""
        room = len(self.rows_)
        place = first % room
        if place + end - first <= room:
            return slice(place, place + end - first)
        return np.arange(first, end) % room

    def _numbers_of(self, id: Hashable) -> Ints:
        """Numbers of the rows that were learned with `id`."""
        tag = fingerprint(id)
        first, end = int(self.cursor_[FIRST]), int(self.cursor_[NEXT])
        if not self.cursor_[NAMED]:  # they stand in order
            tagged, calls = max(first, int(self.cursor_[TAGGED])), end - int(self.cursor_[NUMBER])
            if tagged <= tag + calls < end:
                return np.array([tag + calls])
            room, tags = len(self.rows_), cells(self._arrays()[3])
            found = bisect_left(range(first, tagged), tag, key=lambda i: -1 - tags[i % room])
            held = first + found < tagged and tags[(first + found) % room] == -1 - tag
            return np.array([first + found] if held else [], np.int64)
        self._write_tags()
        places = np.flatnonzero(self.tags_ == tag)
        numbers = first + (places - first) % len(self.rows_)
        return np.sort(numbers[numbers < end])

    def _numbers_like(self, x: Any, y: Any, weight: float) -> Ints | None:
        """The number of the last row that is like this one; None where none can have come."""
        if not isinstance(x, Mapping):
            x = np.atleast_1d(x)
        row = self._rows(x, fit=True, one=True)[1][0]
        target = self._known_target(y)
        first, end = int(self.cursor_[FIRST]), int(self.cursor_[NEXT])
        if target is None or len(row) != self.rows_.shape[1]:
            return None
        for stop in range(end, first, -BLOCK):
            start = max(first, stop - BLOCK)
            places = self._places(start, stop)
            rows = self.rows_[places]
            same = (self.targets_[places] == target) & (self.weights_[places] == weight)
            same[same] = ((rows[same] == row) | (np.isnan(rows[same]) & np.isnan(row))).all(1)
            if same.any():
                return start + np.flatnonzero(same)[-1:]
        return np.empty(0, np.int64)

    def _drop(self, numbers: Ints) -> None:
        """Take rows out of the log."""
        self._write_tags()
        end = int(self.cursor_[NEXT])
        arrays = self._arrays()
        _close_up(arrays[0], (arrays[1], arrays[2]), arrays[3], numbers, end)
        last = end - len(numbers)
        for field, array in zip(self._state, arrays):
            array[self._places(last, end)] = field.fill
        self.cursor_[NEXT] = self.cursor_[TAGGED] = last
