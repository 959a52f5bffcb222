"""Files from the network: kept in a folder, resumed where interrupted, verified."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from onlineml.schema import wrong

ATTEMPTS = 5
_BLOCK = 1 << 18
_MAGIC = {".zip": b"PK\x03\x04", ".gz": b"\x1f\x8b"}


class DownloadError(ValueError):
    """A file that could not be fetched, or is not the one that was expected.

    Examples
    --------
    >>> from onlineml.datasets import DownloadError
    >>> issubclass(DownloadError, ValueError)
    True
    """


def data_folder() -> Path:
    """Where downloads are kept: `$ONLINEML_DATA`, else `~/.cache/onlineml/data`."""
    return Path(os.environ.get("ONLINEML_DATA") or "~/.cache/onlineml/data").expanduser()


def fetched(
    url: str, path: Path, *, sha256: str | None = None, size: int | None = None,
    progress: bool = True, wait: float = 1.0,
) -> Path:  # fmt: skip
    """`path`, downloaded from `url` unless it is there, and verified either way.

    An interrupted download leaves `<path>.part`; the next one goes on from there, where the
    server can. The file takes its name only when it is whole. Where no `sha256` is known, that
    of the first download is kept in `<path>.sha256` and holds from then on: this notices later
    damage, not a wrong first download (of which only length and file type are checked).

    Parameters
    ----------
    url
        Where the file is: http or https.
    path
        Where it shall be; folders are made.
    sha256
        Its digest, in hexadecimal, if known.
    size
        Its length in bytes, if known.
    progress
        Whether to show a bar on a terminal's standard error.
    wait
        Seconds before the second attempt; twice as many before each further one.

    Raises
    ------
    DownloadError
        When the server refuses (its status named), stops answering in 5 attempts, or what came
        is not what was expected; what is wrong is not kept.
    """
    if not url.startswith(("http://", "https://")):
        raise wrong("url", url, "an http or https address")
    pin = path.with_name(path.name + ".sha256")
    if sha256 is None and pin.exists():
        sha256 = pin.read_text().strip()
    if path.exists():
        _verify(path, sha256, size, f"{path}: damaged; delete it to download it again")
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("ab") as file, _locked(file), _bar(path.name, progress) as report:
        if path.exists():  # another process was faster
            return path
        _download(url, part, report, wait)
        try:
            digest = _verify(part, sha256, size, url, path.suffix)
        except DownloadError:
            forget(part)
            raise
        if sha256 is None:
            pin.write_text(digest + "\n")
        part.replace(path)
        _notes(part).unlink(missing_ok=True)
    return path


def forget(part: Path) -> None:
    """Empty a partial download, which stays locked by name."""
    with part.open("r+b") as file:
        file.truncate()
    _notes(part).unlink(missing_ok=True)


def _notes(part: Path) -> Path:
    """Where the address and version of a partial download are written down."""
    return part.with_name(part.name + ".json")


def _download(url: str, part: Path, report: Callable[[int, int | None], None], wait: float) -> None:
    """Bring `part` to its full length, in several attempts."""
    failures = 0
    while True:
        before = part.stat().st_size
        try:
            _attempt(url, part, report)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # the part is longer than the file
                forget(part)
            elif error.code < 500 and error.code not in (408, 429):
                raise DownloadError(f"{url}: {error.code} {error.reason}") from None
            reason: object = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        else:
            return
        failures = 1 if part.stat().st_size > before else failures + 1
        if failures == ATTEMPTS:
            raise DownloadError(f"{url}: {reason} (after {ATTEMPTS} attempts); what came is kept")
        time.sleep(wait * 2 ** (failures - 1))


def _attempt(url: str, part: Path, report: Callable[[int, int | None], None]) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "onlineml"})
    have, known = part.stat().st_size, _known_version(part, url)
    if have and known:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known)
    with urllib.request.urlopen(request, timeout=30) as answer:
        resumed = answer.status == 206 and _range_start(answer) == have
        if not resumed and have:
            forget(part)
            have = 0
            if answer.status == 206:
                raise ConnectionError("the server sent another range than the one asked for")
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if version and not version.startswith("W/"):
            _notes(part).write_text(json.dumps({"url": url, "version": version}))
        length = answer.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        with part.open("ab") as file:
            while block := answer.read(_BLOCK):
                file.write(block)
                have += len(block)
                report(have, total)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and have < total:
        raise ConnectionError(f"the connection ended after {have} of {total} bytes")


def _known_version(part: Path, url: str) -> str | None:
    """What the server called the version that `part` is the start of, if it is of this address."""
    with suppress(OSError, ValueError, KeyError):
        notes = json.loads(_notes(part).read_text())
        return str(notes["version"]) if notes["url"] == url else None
    return None


def _range_start(answer: Any) -> int:
    start = (answer.headers.get("Content-Range") or "").removeprefix("bytes ").partition("-")[0]
    return int(start) if start.isdigit() else -1


def _verify(path: Path, sha256: str | None, size: int | None, who: object, suffix: str = "") -> str:
    """The digest of a file; a `DownloadError` where it is not what was expected."""
    length = path.stat().st_size
    if size is not None and length != size:
        raise DownloadError(f"{who}: got {length} bytes, expected {size}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        start = file.read(8)
    if sha256 is not None and digest != sha256:
        raise DownloadError(f"{who}: got sha256 {digest}, expected {sha256}")
    if not start.startswith(_MAGIC.get(suffix, b"")):
        raise DownloadError(f"{who}: got {start!r}..., expected a {suffix} file")
    return digest


@contextmanager
def _locked(file: Any) -> Iterator[None]:
    """Only one process at a time writes a partial download (where the system can lock)."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    yield


@contextmanager
def _bar(name: str, shown: bool) -> Iterator[Callable[[int, int | None], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    hidden = not shown or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
