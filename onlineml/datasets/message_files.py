"""Messages in files of JSON lines: a topic is a file, or one file a partition."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from time import monotonic, sleep
from typing import BinaryIO

from onlineml.datasets.messages import (
    Batch,
    End,
    Listener,
    LocalSource,
    LostMessagesError,
    Partition,
)
from onlineml.schema import wrong

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]
_PAUSE = 0.05  # seconds between looks at files that may grow


class _Lines:
    """One file and where its reader is."""

    def __init__(self, partition: Partition, path: Path) -> None:
        self.partition, self.path = partition, path
        self.next = 0
        self.paused = self.ended = self.at_end = False
        self._file: BinaryIO | None = None
        self._at = 0  # number of the line where the file stands

    def take(self, most: int, *, follow: bool) -> list[bytes]:
        """At most so many lines; one without its end is left alone while the file may grow."""
        if self._file is None or self._at > self.next:
            self.close()
            self._file, self._at = self.path.open("rb"), 0
        lines: list[bytes] = []
        while len(lines) < most:
            place = self._file.tell()
            line = self._file.readline()
            self.at_end = not line or (follow and not line.endswith(b"\n"))
            if self.at_end:
                self._file.seek(place)
                if follow and not lines:
                    self._check_same(place)
                break
            if self._at >= self.next:
                lines.append(line.rstrip(b"\r\n"))
            self._at += 1
        if self._at < self.next:
            raise LostMessagesError(self.partition, self.next, 0, self._at)
        self.next += len(lines)
        return lines

    def _check_same(self, place: int) -> None:
        """Raise where the file was cut, or another one lies in its place: nothing would come."""
        assert self._file is not None
        try:
            there = os.stat(self.path)
        except FileNotFoundError:  # it is just being replaced
            return
        if there.st_size < place or not os.path.samestat(os.fstat(self._file.fileno()), there):
            self.close()
            raise LostMessagesError(self.partition, self.next, 0, 0)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class JSONLinesSource(LocalSource):
    r"""Messages in files, one a line; the offset of a message is its line, counted from 0.

    Parameters
    ----------
    topics
        Topic -> path of its file, or paths, one a partition.
    follow
        Whether to wait for lines that are yet to be written; if not, a file has an end.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "events.jsonl"
    >>> _ = path.write_text('{"x": [1.0]}\n{"x": [2.0]}\n')
    >>> source = JSONLinesSource({"events": path})
    >>> class Reader(Listener):
    ...     def on_assign(self, partitions):
    ...         return {partition: 1 for partition in partitions}
    ...     def on_revoke(self, partitions): ...
    ...     def on_lost(self, partitions): ...
    >>> source.subscribe(["events"], Reader())
    >>> source.poll(10, 0.0)[0].values
    [b'{"x": [2.0]}']
    >>> source.close()
    """

    def __init__(self, topics: Mapping[str, Paths], *, follow: bool = False) -> None:
        self.follow = follow
        files: dict[Partition, _Lines] = {}
        for topic, paths in topics.items():
            listed = [paths] if isinstance(paths, str | PathLike) else paths
            for number, path in enumerate(map(Path, listed)):
                if not path.is_file():
                    raise wrong(f"topics[{topic!r}]", str(path), "a file that exists")
                partition = Partition(topic, number)
                files[partition] = _Lines(partition, path)
        super().__init__(files)

    def subscribe(self, topics: Sequence[str], listener: Listener) -> None:
        """Begin to read all files of topics."""
        owned = self._partitions_of(topics)
        starts = listener.on_assign(owned)
        for partition in owned:
            self.seek(partition, starts.get(partition))
        self._owned, self._listener = owned, listener

    def poll(self, max_messages: int, timeout: float) -> list[Batch | End]:
        """Lines of each file in turn."""
        late = monotonic() + timeout
        while True:
            found = self._look(max_messages)
            if found or not self.follow or monotonic() >= late:
                return found
            sleep(min(_PAUSE, timeout))

    def _look(self, most: int) -> list[Batch | End]:
        found: list[Batch | End] = []
        for partition in self._owned:
            file = self._logs[partition]
            if file.paused or file.ended or most < 1:
                continue
            start = file.next
            if lines := file.take(most, follow=self.follow):
                most -= len(lines)
                n = len(lines)
                offsets = list(range(start, start + n))
                found.append(Batch(partition, offsets, [None] * n, [*lines], [None] * n))
            elif not self.follow:
                file.ended = True
                found.append(End(partition))
        self._owned = self._owned[1:] + self._owned[:1]
        return found

    def is_caught_up(self, partition: Partition) -> bool:
        """Whether the end of a file has been reached."""
        return bool(self._logs[partition].at_end)

    def seek(self, partition: Partition, offset: int | None) -> None:
        """Go on reading at a line."""
        file = self._logs[partition]
        file.next, file.ended, file.paused, file.at_end = offset or 0, False, False, False

    def close(self) -> None:
        """Give up all files."""
        if self._owned and self._listener is not None:
            self._listener.on_revoke(self._owned)
        self._owned = []
        for file in self._logs.values():
            file.close()
