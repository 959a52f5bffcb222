"""Opening data files: plain, compressed, or the one member of a zip archive."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast

from onlineml.schema import wrong

FilePath = str | PathLike[str]
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
PACKED = (*_OPENERS, ".zip")


def existing(path: FilePath) -> Path:
    """`path` if it is a file."""
    found = Path(path).expanduser()
    if not found.is_file():
        due = "a file, not a folder" if found.is_dir() else "a file that exists"
        raise wrong("path", str(path), due)
    return found


def stem_of(path: Path) -> str:
    """Name of a file without what says how it is packed and written."""
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return inner.stem


def format_of(path: Path) -> str:
    """Last part of the name, in lower case, without what says how the file is packed."""
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return inner.suffix.lower()


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The unpacked bytes of a file; one that is damaged is an error that names it."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(_member(path, archive)) as file:
                yield cast(BinaryIO, file)
        else:
            with _OPENERS.get(path.suffix.lower(), open)(path, "rb") as file:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: damaged or not {path.suffix} ({error})") from None


def _member(path: Path, archive: zipfile.ZipFile) -> str:
    """Name of the only data file in an archive."""
    members = [
        member.filename
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith("__MACOSX")
    ]
    if len(members) != 1:
        raise wrong(str(path), members, "an archive of one file")
    return members[0]
