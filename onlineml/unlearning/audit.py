"""Requests to forget on record: what was done, in a chain that shows where it was changed."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Hashable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from onlineml.receipt import Receipt
from onlineml.schema import wrong

_SIZE = 16  # bytes of a digest
_START = "0" * 2 * _SIZE  # what the first entry follows


class AuditLog:
    """A file of receipts, one JSON line each, every line bound to the one before by a digest.

    No row, label, reason or id is written: of an id, only a digest under a secret key, where there
    is one, by which whoever has the key finds a person's requests again. A line that is
    changed, taken out or moved breaks the chain; lines cut off at the end do not, so keep `head`
    elsewhere from time to time. A line is on disk when `record` returns; a part of one that a crash
    leaves at the end is no entry, and goes with the next. One process at a time may write. Time
    per event, an entry, is that of a write and a sync; opening reads the file once, line by line,
    and memory is O(1).

    Parameters
    ----------
    path
        The file; made when it is not there, continued when it is.
    key
        Secret that ids are digested with; None: entries do not say whose rows they are about.

    Raises
    ------
    ValueError
        Where the file that is there does not hold together, and for a `key` that is not 1 to 64
        bytes.
    OSError
        Where it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from onlineml.learners import GaussianNB
    >>> model = GaussianNB().fit_many([[1.0], [2.0]], ["a", "b"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     audit = AuditLog(f"{folder}/forgotten.jsonl", key=b"secret")
    ...     receipt = audit.record(model.unlearn_one([2.0], "b"), id="row 2")
    ...     [(entry["kind"], entry["rows"]) for entry in audit.entries(id="row 2")]
    [('exact', 1)]

    References
    ----------
    .. [1] Schneier, Kelsey (1999), Secure audit logs to support computer forensics, ACM TISSEC
       2(2), 159-176. Section 3: the chain of digests.
    """

    def __init__(self, path: str | os.PathLike[str], *, key: bytes | None = None) -> None:
        if key is not None and not (isinstance(key, bytes) and 1 <= len(key) <= 64):
            raise wrong("key", type(key).__name__, "1 to 64 bytes, or None")
        self.path, self._key = Path(path), key
        self._n, self._digest, self._end = 0, _START, 0
        for entry, end in self._read_all() if self.path.exists() else ():
            self._n, self._digest, self._end = entry["n"] + 1, entry["digest"], end

    def __len__(self) -> int:
        """Number of entries."""
        return self._n

    @property
    def head(self) -> str:
        """Number of entries, and the digest of the last: what tells whether any were cut off."""
        return f"{self._n}:{self._digest}"

    def record(self, receipt: Receipt, *, id: Hashable = None) -> Receipt:
        """Append a receipt; returns it, so that a call can go around that of `unlearn_one`.

        Raises
        ------
        ValueError
            For what is no receipt, and where the file is no longer as this object knows it.
        OSError
            Where the line cannot be written; the log is then as before, but for a part of a line at
            its end, which the next one takes the place of.
        """
        if not isinstance(receipt, Receipt):
            raise wrong("receipt", receipt, "a Receipt, as unlearn_one returns it")
        entry: dict[str, Any] = {
            "n": self._n,
            "time": datetime.now(UTC).isoformat(timespec="microseconds"),
            "kind": receipt.kind,
            "bound": receipt.bound if math.isfinite(receipt.bound) else None,
            "cost": receipt.cost,
            "rows": receipt.rows,
            "who": self._who(id),
            "after": self._digest,
        }
        digest = _digest_of(entry)
        line = f"{json.dumps(entry | {'digest': digest})}\n".encode()
        with open(self.path, "ab") as file:
            self._cut_torn_line(file)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._n, self._digest, self._end = self._n + 1, digest, self._end + len(line)
        return receipt

    def _cut_torn_line(self, file: BinaryIO) -> None:
        """Take away the part of a line that a crash or a full disk has left at the end."""
        n_bytes = file.seek(0, os.SEEK_END)
        if n_bytes == self._end:
            return
        with open(self.path, "rb") as there:
            there.seek(self._end)
            if n_bytes < self._end or b"\n" in there.read():
                due = f"{self._end} bytes: one AuditLog at a time may write"
                raise wrong(str(self.path), f"{n_bytes} bytes", due)
        file.truncate(self._end)

    def entries(self, *, id: Hashable = None) -> Iterator[dict[str, Any]]:
        """All entries, or those of an id, checked while they are read.

        Yields
        ------
        dict
            Number, time, kind, bound, cost, rows and digests of an entry.

        Raises
        ------
        ValueError
            Where the chain is broken, with the line; for an `id` where the log has no key.
        """
        if id is not None and self._key is None:
            raise wrong("id", id, "None, as the log has no key to tell ids by")
        who = self._who(id)
        for entry, _ in self._read_all():
            if id is None or entry["who"] == who:
                yield entry

    def _read_all(self) -> Iterator[tuple[dict[str, Any], int]]:
        """All entries, each with the byte after its line; a torn one at the end is none."""
        before, end = _START, 0
        with open(self.path, "rb") as file:
            for n, line in enumerate(file):
                if not line.endswith(b"\n"):
                    return
                entry, end = _read(line, n, before, self.path), end + len(line)
                before = entry["digest"]
                yield entry, end

    def _who(self, id: Hashable) -> str | None:
        if id is None or self._key is None:
            return None
        text = f"{type(id).__name__}:{id}".encode()
        return hashlib.blake2b(text, key=self._key, digest_size=_SIZE).hexdigest()


def _read(line: bytes, n: int, before: str, path: Path) -> dict[str, Any]:
    where = f"{path}, line {n + 1}"
    try:
        entry: dict[str, Any] = json.loads(line)
        digest = entry.pop("digest")
    except (ValueError, KeyError, AttributeError):
        raise wrong(where, line, "an entry of an audit log") from None
    if entry.get("n") != n or entry.get("after") != before:
        raise wrong(where, entry.get("n"), f"entry {n}, after {before}")
    if _digest_of(entry) != digest:
        raise wrong(where, digest, "the digest of what the line says: it was changed")
    return entry | {"digest": digest}


def _digest_of(entry: dict[str, Any]) -> str:
    text = json.dumps(entry, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=_SIZE).hexdigest()
