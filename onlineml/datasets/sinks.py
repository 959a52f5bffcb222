"""Where messages go: topics in memory and in files."""

from __future__ import annotations

import base64
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

_BLOCK = 1 << 16  # bytes


class Record(NamedTuple):
    """A message to be written."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Mapping[str, str] | None = None


class SinkError(RuntimeError):
    """Messages could not be written."""


class Sink(ABC):
    """Writes messages to topics; they are safe after `flush`.

    Attributes
    ----------
    n_left_out
        Messages that were too large to be written.
    """

    n_left_out = 0

    @abstractmethod
    def write(self, records: list[Record]) -> None:
        """Take messages; they may be on their way when this returns."""

    @abstractmethod
    def flush(self) -> None:
        """Wait until all messages are written.

        Raises
        ------
        SinkError
            Where any of them cannot be.
        """

    def backlog(self) -> int:
        """Number of messages on their way."""
        return 0

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Free what is held, without a flush."""


class MemorySink(Sink):
    """Messages in lists, by topic; for tests.

    Examples
    --------
    >>> sink = MemorySink()
    >>> sink.write([Record("out", b"1")])
    >>> sink.topics["out"][0].value
    b'1'
    """

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = {}

    def write(self, records: list[Record]) -> None:
        """Keep messages."""
        for record in records:
            self.topics.setdefault(record.topic, []).append(record)

    def flush(self) -> None:
        """Nothing is ever on its way."""


class JSONLinesSink(Sink):
    """Topics as files `TOPIC.jsonl` in a folder, appended to.

    A message that is JSON becomes its line. One that has headers, or is not JSON on one line,
    becomes `{"headers": ..., "base64": ...}`.

    Parameters
    ----------
    folder
        Where the files are; made where it is missing.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, BinaryIO] = {}

    def write(self, records: list[Record]) -> None:
        """Append messages."""
        for record in records:
            if record.topic not in self._files:
                self._files[record.topic] = _opened(self.folder / f"{record.topic}.jsonl")
            file = self._files[record.topic]
            try:
                file.write(_line(record))
            except OSError as error:
                raise SinkError(f"{file.name}: {error}") from error

    def flush(self) -> None:
        """Hand all lines to the system: they outlive the process, not the machine."""
        for file in self._files.values():
            try:
                file.flush()
            except OSError as error:
                raise SinkError(f"{file.name}: {error}") from error

    def close(self) -> None:
        """Close the files."""
        files, self._files = self._files, {}
        for file in files.values():
            with contextlib.suppress(OSError):  # a disk that is full was complained of before
                file.close()


def _opened(path: Path) -> BinaryIO:
    """A file to append lines to; one that was cut off as it was written is taken away."""
    file = path.open("a+b")
    end = file.tell()
    whole, block = end, b""
    while whole and b"\n" not in block:
        first = max(0, whole - _BLOCK)
        file.seek(first)
        block = file.read(whole - first)
        whole = first + block.rfind(b"\n") + 1
    if whole < end:
        file.truncate(whole)
    return file


def _line(record: Record) -> bytes:
    value = record.value
    if value is not None and not record.headers and value[:1] == b"{" and b"\n" not in value:
        return value + b"\n"
    packed = None if value is None else base64.b64encode(value).decode()
    return orjson.dumps({"headers": dict(record.headers or {}), "base64": packed}) + b"\n"
