"""When labels come: the order in which rows are answered and labels are learned.

The delay of a label makes a script: a sequence of questions (a row is answered) and lessons (a row
whose label has come is learned). Every kind of delay writes the same script, and all models follow
one script in compiled passes.
"""

from __future__ import annotations

import heapq
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.parameters import whole
from onlineml.schema import Array, wrong

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Rows (int), seconds (float or timedelta), or `(row number, time, x, y) -> rows` (None: never).
LabelDelay = int | float | timedelta | Callable[[int, float | None, Array, Any], int | None]


class Script(NamedTuple):
    """What happens, in order: rows by number in the stream, and whether each is a lesson."""

    rows: Ints
    lesson: Bools
    #: Rows asked here whose labels never come, or are not waited for.
    lost: Ints


class Delay(ABC):
    """Decides when the labels of the rows come."""

    #: Rows whose labels never come.
    n_unlabeled = 0
    #: Rows that were not kept, as too many labels were outstanding.
    n_dropped = 0
    #: Most labels that were outstanding at one time.
    n_pending = 0

    @abstractmethod
    def next(self, first: int, X: Array, y: npt.NDArray[Any], time: Array | None) -> Script:
        """The script for the rows from number `first` on."""

    @abstractmethod
    def rest(self) -> Script:
        """The script for the labels that are outstanding when the stream ends."""


class FixedDelay(Delay):
    """The label of a row comes when `n` more rows have been answered."""

    def __init__(self, n: int) -> None:
        self.n, self._end = n, 0

    def next(self, first: int, X: Array, y: npt.NDArray[Any], time: Array | None) -> Script:
        """Questions and lessons in turn, once `n` rows are outstanding."""
        self._end = first + len(X)
        asked = np.arange(first, self._end)
        rows = np.stack([asked, asked - self.n], 1).ravel()
        due = rows >= 0
        self.n_pending = min(self._end, self.n)
        return Script(rows[due], np.tile([False, True], len(X))[due], _none())

    def rest(self) -> Script:
        """The last `n` labels."""
        rows = np.arange(max(self._end - self.n, 0), self._end)
        return Script(rows, np.ones(len(rows), bool), _none())


class QueuedDelay(Delay):
    """Labels come by a clock of their own, each in its turn; ties in the order of the rows."""

    def __init__(self, max_pending: int) -> None:
        self.max_pending = max_pending
        self._queue: list[tuple[float, int]] = []  # (when the label comes, row)

    def next(self, first: int, X: Array, y: npt.NDArray[Any], time: Array | None) -> Script:
        """Before each question, the lessons whose labels have come by then."""
        rows: list[int] = []
        lesson: list[bool] = []
        lost: list[int] = []
        for row, (now, due) in enumerate(self._clock(first, X, y, time), first):
            while self._queue and self._queue[0][0] <= now:
                rows.append(heapq.heappop(self._queue)[1])
                lesson.append(True)
            rows.append(row)
            lesson.append(False)
            if not self._wait(row, due):
                lost.append(row)
        return Script(np.array(rows, np.int64), np.array(lesson, bool), np.array(lost, np.int64))

    def _wait(self, row: int, due: float) -> bool:
        """Put a row into the queue; False where its label is not waited for."""
        if due == math.inf:
            self.n_unlabeled += 1
            return False
        if len(self._queue) >= self.max_pending:
            self.n_dropped += 1
            return False
        heapq.heappush(self._queue, (due, row))
        self.n_pending = max(self.n_pending, len(self._queue))
        return True

    def rest(self) -> Script:
        """All outstanding labels, in the order in which they would have come."""
        rows = np.array([row for _, row in sorted(self._queue)], np.int64)
        self._queue = []
        return Script(rows, np.ones(len(rows), bool), _none())

    @abstractmethod
    def _clock(
        self, first: int, X: Array, y: npt.NDArray[Any], time: Array | None
    ) -> list[tuple[float, float]]:
        """For each row, the time when it is answered and the time when its label comes."""


class TimedDelay(QueuedDelay):
    """The label of a row comes `seconds` after it; time never runs backwards."""

    def __init__(self, seconds: float, max_pending: int) -> None:
        super().__init__(max_pending)
        self.seconds, self._now = seconds, -math.inf

    def _clock(
        self, first: int, X: Array, y: npt.NDArray[Any], time: Array | None
    ) -> list[tuple[float, float]]:
        if time is None or np.isnan(time).any():
            raise wrong("label_delay", self.seconds, "a number of rows: rows here have no time")
        now = np.maximum.accumulate(np.maximum(time, self._now))
        self._now = float(now[-1]) if len(now) else self._now
        return list(zip(now.tolist(), (now + self.seconds).tolist()))


class CalledDelay(QueuedDelay):
    """The label of a row comes when as many rows have been answered as a function says."""

    def __init__(
        self, function: Callable[[int, float | None, Array, Any], int | None], max_pending: int
    ) -> None:
        super().__init__(max_pending)
        self.function = function

    def _clock(
        self, first: int, X: Array, y: npt.NDArray[Any], time: Array | None
    ) -> list[tuple[float, float]]:
        times = [None] * len(X) if time is None else time.tolist()
        asked = zip(times, X.copy(), y.tolist())
        return [
            (row, row + 1 + self._rows(row, moment, x, label))
            for row, (moment, x, label) in enumerate(asked, first)
        ]

    def _rows(self, row: int, moment: float | None, x: Array, label: Any) -> float:
        delay = self.function(row, moment, x, label)
        if delay is None:
            return math.inf
        if not delay >= 0:
            raise wrong("label_delay", delay, "a number of rows >= 0, or None for never")
        return delay


def delay_of(label_delay: LabelDelay, max_pending: int) -> tuple[Delay | None, str]:
    """The delay that an argument describes, and its words; None where labels come at once."""
    whole("max_pending", max_pending, 1, unit="rows")
    if callable(label_delay):
        name = getattr(label_delay, "__name__", type(label_delay).__name__)
        return CalledDelay(label_delay, max_pending), name
    seconds = label_delay.total_seconds() if isinstance(label_delay, timedelta) else label_delay
    seconds = seconds.item() if isinstance(seconds, np.generic) else seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        due = "rows (int >= 0), seconds (float or timedelta), or a function"
        raise wrong("label_delay", label_delay, due)
    if isinstance(seconds, int):
        return (FixedDelay(seconds), f"{seconds} rows") if seconds else (None, "none")
    return TimedDelay(seconds, max_pending), f"{seconds:g} s"


def _none() -> Ints:
    return np.empty(0, np.int64)
