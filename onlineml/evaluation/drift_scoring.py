"""How good alarms are, where the positions of the changes are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan

from onlineml.schema import wrong


@dataclass(frozen=True)
class AlarmScore:
    """What became of every change and of every alarm.

    Attributes
    ----------
    delays
        Rows from each change to its first alarm, in order of the changes; None where it was missed.
    n_repeats
        Alarms within the tolerance of a change that had been found already; they count neither as
        found nor as false.
    n_false
        Alarms that belong to no change.
    n_free_rows
        Rows outside the tolerance of all changes, where any alarm is false.
    """

    delays: tuple[int | None, ...]
    n_repeats: int
    n_false: int
    n_free_rows: int

    @property
    def n_hits(self) -> int:
        """Changes that were found."""
        return sum(delay is not None for delay in self.delays)

    @property
    def n_misses(self) -> int:
        """Changes that were not."""
        return len(self.delays) - self.n_hits

    @property
    def mean_delay(self) -> float:
        """Rows from a change to its first alarm, mean over the changes that were found; or NaN."""
        found = [delay for delay in self.delays if delay is not None]
        return sum(found) / len(found) if found else nan

    @property
    def false_alarm_rate(self) -> float:
        """False alarms per row on which an alarm would be false; NaN where there is no such row."""
        return self.n_false / self.n_free_rows if self.n_free_rows else nan

    @property
    def precision(self) -> float:
        """Share of hits among hits and false alarms; NaN without alarms."""
        n = self.n_hits + self.n_false
        return self.n_hits / n if n else nan

    @property
    def recall(self) -> float:
        """Share of the changes that were found; NaN without changes."""
        return self.n_hits / len(self.delays) if self.delays else nan

    @property
    def f1(self) -> float:
        """2 hits / (2 hits + false alarms + misses); NaN with neither alarms nor changes."""
        n = 2 * self.n_hits + self.n_false + self.n_misses
        return 2 * self.n_hits / n if n else nan

    def as_dict(self) -> dict[str, float]:
        """All figures by name."""
        names = ("n_hits", "n_misses", "n_repeats", "n_false", "mean_delay")
        rates = ("false_alarm_rate", "precision", "recall", "f1")
        return {name: float(getattr(self, name)) for name in (*names, *rates)}


def score_alarms(
    alarms: Iterable[int],
    changes: Iterable[int | tuple[int, int]],
    n_rows: int,
    tolerance: int,
) -> AlarmScore:
    """Compare alarms with known changes, of an annotated series or of a generated stream.

    An alarm at row a belongs to the latest change c with c <= a < c + tolerance. The first one is
    its hit, the others are repeats; an alarm that belongs to no change is false.

    Parameters
    ----------
    alarms
        Rows, counted from 0, after which an alarm was raised.
    changes
        First rows of the new concepts; a gradual change is a pair: its first row, and the first
        one after it. The tolerance then begins at the end, the delay at the beginning.
    n_rows
        Length of the stream.
    tolerance
        Number of rows, that of the change included, in which an alarm still counts as its hit. It
        ends at the next change.

    Examples
    --------
    >>> score = score_alarms([510, 530, 700], changes=[500, 900], n_rows=1000, tolerance=100)
    >>> score.delays, score.n_repeats, score.n_false
    ((10, None), 1, 1)
    >>> score.precision, score.recall, score.f1
    (0.5, 0.5, 0.5)
    """
    if tolerance < 1:
        raise wrong("tolerance", tolerance, "a number of rows >= 1")
    rows = _inside(sorted(int(row) for row in alarms), n_rows, "alarms")
    spans = _spans(changes, n_rows, tolerance)
    hits: list[int | None] = [None] * len(spans)
    n_repeats = n_false = 0
    for row in rows:
        k = next((k for k, (start, end) in enumerate(spans) if start <= row < end), None)
        if k is None:
            n_false += 1
        elif hits[k] is None:
            hits[k] = row - spans[k][0]
        else:
            n_repeats += 1
    n_free = n_rows - sum(end - start for start, end in spans)
    return AlarmScore(tuple(hits), n_repeats, n_false, n_free)


def _inside(rows: list[int], n_rows: int, argument: str) -> list[int]:
    for row in rows:
        if not 0 <= row < n_rows:
            raise wrong(argument, row, f"rows from 0 to {n_rows - 1}")
    return rows


def _spans(
    changes: Iterable[int | tuple[int, int]], n_rows: int, tolerance: int
) -> list[tuple[int, int]]:
    """Where an alarm counts as a hit, for each change: from, and to (not included)."""
    pairs = sorted(
        (int(change[0]), int(change[1])) if isinstance(change, tuple) else (int(change),) * 2
        for change in changes
    )
    starts = _inside([start for start, _ in pairs], n_rows, "changes")
    if len(set(starts)) < len(starts):
        raise wrong("changes", starts, "different rows")
    return [
        (start, min(end + tolerance, following))
        for (start, end), following in zip(pairs, [*starts[1:], n_rows], strict=False)
    ]
