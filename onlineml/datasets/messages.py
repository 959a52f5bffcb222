"""Messages in partitioned topics: what a source of them is, and one in memory.

A source gives batches of consecutive messages of a partition. Who reads says where to begin when
partitions are assigned, keeps the next offset of each together with its own state, and can go back
with `seek`. So a message counts exactly once, whatever dies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from onlineml.schema import wrong
from onlineml.words import counted


class Partition(NamedTuple):
    """A numbered part of a topic, within which messages have an order."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class Batch(NamedTuple):
    """Consecutive messages of one partition.

    Offsets rise, not always by one. Times are in seconds since 1970, None where unknown.
    """

    partition: Partition
    offsets: list[int]
    keys: list[bytes | None]
    values: list[bytes | None]
    times: list[float | None]


class End(NamedTuple):
    """Nothing more will come from a partition."""

    partition: Partition


class Listener(ABC):
    """Who reads a source is told here which partitions it has."""

    @abstractmethod
    def on_assign(self, partitions: Sequence[Partition]) -> Mapping[Partition, int | None]:
        """Take partitions; returns the offset to begin each at, None where none is known."""

    @abstractmethod
    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        """Save what belongs to partitions and give them up."""

    @abstractmethod
    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Drop what belongs to partitions that another reader has by now: do not save it."""


class LostMessagesError(RuntimeError):
    """An offset that the source has no longer, or does not have yet."""

    def __init__(self, partition: Partition, wanted: int, first: int, end: int) -> None:
        self.partition, self.wanted, self.first, self.end = partition, wanted, first, end
        lost = counted(first - wanted, "message(s)")
        what = f"{lost} lost" if wanted < first else "it was made anew"
        super().__init__(
            f"{partition}: got offset {wanted:,} to read next, expected one of those kept, "
            f"{first:,} to {end:,}: {what}"
        )


class AbortError(RuntimeError):
    """An abort mark in a source for tests was reached."""


class MessageSource(ABC):
    """Partitioned messages that can be read from any offset that is kept."""

    @abstractmethod
    def subscribe(self, topics: Sequence[str], listener: Listener) -> None:
        """Begin to read topics; `listener` hears of partitions, at the latest in `poll`."""

    @abstractmethod
    def poll(self, max_messages: int, timeout: float) -> list[Batch | End]:
        """Messages that are there, at most so many; waits `timeout` seconds for the first.

        Raises
        ------
        LostMessagesError
            Where a partition is to be read from an offset that is not there.
        """

    @abstractmethod
    def seek(self, partition: Partition, offset: int | None) -> None:
        """Go on reading a partition at an offset; None is the first that is kept."""

    @abstractmethod
    def pause(self, partitions: Iterable[Partition]) -> None:
        """Give no messages of these partitions until they are resumed."""

    @abstractmethod
    def resume(self, partitions: Iterable[Partition]) -> None:
        """Undo `pause`."""

    def is_caught_up(self, partition: Partition) -> bool:
        """Whether all messages that a partition is known to have were given."""
        return True

    def note_progress(  # noqa: B027 - most have no monitors
        self, positions: Mapping[Partition, int]
    ) -> None:
        """Tell monitors how far the reader is; nothing is ever resumed from this."""

    @abstractmethod
    def close(self) -> None:
        """Give up all partitions (the listener is told) and free what is held."""


#: In a source for tests: the reader dies here, once.
ABORT: Final = object()


class _Log:
    """One partition: what is kept of it, and where its reader is."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.first = 0  # offset of the oldest item that is kept
        self.items = list(items)
        self.next = 0
        self.paused = self.ended = False

    @property
    def end(self) -> int:
        return self.first + sum(item is not ABORT for item in self.items)

    def take(self, most: int) -> list[Any]:
        """At most so many items from the next offset on; an abort mark raises, and goes."""
        start = self.next - self.first
        taken = self.items[start : start + most]
        if ABORT in taken:
            i = next(i for i, item in enumerate(taken) if item is ABORT)
            if not i:
                del self.items[start]
                raise AbortError(f"abort mark before offset {self.next}")
            taken = taken[:i]
        self.next += len(taken)
        return taken


class LocalSource(MessageSource):
    """A source that holds its partitions itself and gives them all to one reader."""

    def __init__(self, logs: Mapping[Partition, Any]) -> None:
        self._logs = dict(logs)
        self._owned: list[Partition] = []
        self._listener: Listener | None = None

    def _partitions_of(self, topics: Sequence[str]) -> list[Partition]:
        """All partitions of topics; raises `ValueError` for one that is not there."""
        known = {partition.topic for partition in self._logs}
        for topic in topics:
            if topic not in known:
                raise wrong("topics", topic, f"one of {sorted(known)}")
        return [partition for partition in self._logs if partition.topic in topics]

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Give no messages of these partitions."""
        for partition in partitions:
            self._logs[partition].paused = True

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Give messages of these partitions again."""
        for partition in partitions:
            self._logs[partition].paused = False


class MemorySource(LocalSource):
    """Messages in lists; for tests and for trying things out.

    Parameters
    ----------
    topics
        Topic -> its partitions, each a list of values (bytes), or of `(value, key, time)`. The mark
        `ABORT` in a list raises `AbortError` once, as if the process had died there.
    ends
        Whether the lists are all there is; if not, more may be appended.

    Examples
    --------
    >>> source = MemorySource({"events": [[b"a", b"b"], [b"c"]]})
    >>> class Reader(Listener):
    ...     def on_assign(self, partitions):
    ...         return {partition: 0 for partition in partitions}
    ...     def on_revoke(self, partitions): ...
    ...     def on_lost(self, partitions): ...
    >>> source.subscribe(["events"], Reader())
    >>> batch = source.poll(10, 0.0)[0]
    >>> str(batch.partition), batch.values
    ('events/0', [b'a', b'b'])
    """

    def __init__(self, topics: Mapping[str, Sequence[Sequence[Any]]], *, ends: bool = True) -> None:
        self.ends = ends
        super().__init__(
            {
                Partition(topic, number): _Log(items)
                for topic, partitions in topics.items()
                for number, items in enumerate(partitions)
            }
        )

    def append(self, topic: str, number: int, *items: Any) -> None:
        """Add messages to a partition."""
        self._logs[Partition(topic, number)].items.extend(items)

    def drop(self, topic: str, number: int, before: int) -> None:
        """Keep only offsets from `before` on, as retention does."""
        log = self._logs[Partition(topic, number)]
        del log.items[: before - log.first]
        log.first = before

    def subscribe(self, topics: Sequence[str], listener: Listener) -> None:
        """Begin to read all partitions of topics."""
        owned = self._partitions_of(topics)
        self._listener = listener
        self.assign(owned)

    def assign(self, partitions: Sequence[Partition]) -> None:
        """Give partitions to the reader, as a rebalance does."""
        assert self._listener is not None
        starts = self._listener.on_assign(partitions)
        for partition in partitions:
            log = self._logs[partition]
            start = starts.get(partition)
            log.next, log.paused, log.ended = log.first if start is None else start, False, False
        self._owned += partitions

    def revoke(self, partitions: Sequence[Partition], *, lost: bool = False) -> None:
        """Take partitions from the reader, as a rebalance does; `lost` without asking it."""
        assert self._listener is not None
        told = self._listener.on_lost if lost else self._listener.on_revoke
        told(partitions)
        self._owned = [partition for partition in self._owned if partition not in partitions]

    def poll(self, max_messages: int, timeout: float) -> list[Batch | End]:
        """Messages of each partition in turn; never waits."""
        found: list[Batch | End] = []
        for partition in self._owned:
            log = self._logs[partition]
            if log.paused or log.ended or max_messages < 1:
                continue
            if not log.first <= log.next <= log.end:
                raise LostMessagesError(partition, log.next, log.first, log.end)
            start = log.next
            if items := log.take(max_messages):
                max_messages -= len(items)
                found.append(_batch(partition, start, items))
            elif self.ends:
                log.ended = True
                found.append(End(partition))
        self._owned = self._owned[1:] + self._owned[:1]  # each is first in its turn
        return found

    def is_caught_up(self, partition: Partition) -> bool:
        """Whether all messages of a partition were given."""
        log = self._logs[partition]
        return bool(log.next >= log.end)

    def seek(self, partition: Partition, offset: int | None) -> None:
        """Go on reading at an offset."""
        log = self._logs[partition]
        log.next, log.ended = log.first if offset is None else offset, False

    def close(self) -> None:
        """Give up all partitions."""
        if self._owned:
            self.revoke(list(self._owned))


def _batch(partition: Partition, first: int, items: Sequence[Any]) -> Batch:
    rows = [item if isinstance(item, tuple) else (item, None, None) for item in items]
    offsets = list(range(first, first + len(rows)))
    values, keys, times = ([row[i] if i < len(row) else None for row in rows] for i in range(3))
    return Batch(partition, offsets, keys, values, times)
