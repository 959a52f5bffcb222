"""Ids of rows as 64-bit integers: what a log keeps of them, in place of text about people."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Ints
from onlineml.kernels.blake2b import END, digests
from onlineml.schema import wrong

PLAIN = 1 << 62  # whole numbers below it stand for themselves, digests lie from it on
_MANY = 64  # texts from which on it pays to load compiled code


@jit
def _all_plain(numbers: Ints) -> bool:
    all_plain = True
    for i in range(numbers.shape[0]):
        all_plain &= 0 <= numbers[i] < PLAIN
    return all_plain


def fingerprint(id: Hashable) -> int:
    """`id`, a whole number or text, as an integer from 0 to 2^63 - 1; digests are blake2b.

    Raises `ValueError` for other ids.

    Examples
    --------
    >>> fingerprint(7), fingerprint("7") == fingerprint("7") > 7
    (7, True)
    """
    if id.__class__ is int and 0 <= id < PLAIN:  # as a rule, and fast
        return id
    whole = isinstance(id, int | np.integer) and not isinstance(id, bool)
    if whole and 0 <= id < PLAIN:  # type: ignore[operator]  # mypy does not follow `whole`
        return int(id)  # type: ignore[call-overload, no-any-return]
    if not (whole or isinstance(id, str)):
        raise wrong("id", id, "a whole number or text")
    return PLAIN + int.from_bytes(_digest(f"{'i' if whole else 's'}{id}")) % PLAIN


def fingerprints(ids: Iterable[Hashable]) -> Ints:
    """The fingerprints of many ids; an array of whole numbers is its own."""
    if isinstance(ids, range) and len(ids) and all(0 <= end < PLAIN for end in (ids[0], ids[-1])):
        return np.arange(ids.start, ids.stop, ids.step)
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu" and ids.ndim == 1:
        numbers: Ints = np.ascontiguousarray(ids, np.int64)
        if _all_plain(numbers):
            return numbers
    listed = several(ids)
    found = _numbers(listed)
    if found is not None:
        return found
    if set(map(type, listed)) == {str}:
        return _digests(listed)
    return np.array([fingerprint(id) for id in listed], np.int64)


def several(ids: Iterable[Hashable]) -> list[Any]:
    """`ids` as a list; a `ValueError` for text, which is one id."""
    if isinstance(ids, str | bytes):
        raise wrong("ids", ids, "several ids, such as a list of them")
    return ids.tolist() if isinstance(ids, np.ndarray) else list(ids)


def _numbers(listed: list[Any]) -> Ints | None:
    """Whole numbers as an array, in a third of the time of numpy; None where one is not plain."""
    if not listed:
        return None
    try:
        numbers: Ints = np.frombuffer(struct.pack(f"{len(listed)}q", *listed), np.int64)
    except struct.error:
        return None
    small = np.flatnonzero(numbers < 2).tolist()  # as which booleans pass
    plain = _all_plain(numbers) and not any(isinstance(listed[i], bool) for i in small)
    return numbers if plain else None


def _digests(texts: list[str]) -> Ints:
    joined = "s" + "\0s".join(texts) if len(texts) >= _MANY else ""
    if joined and joined.count("\0") == len(texts) - 1:
        ended = f"{joined}{END}".encode()
        words = digests(np.frombuffer(ended, np.uint8), len(texts))
    else:  # few, or one holds what would part them
        words = np.frombuffer(b"".join([_digest(f"s{text}") for text in texts]), "<u8")
    return (words.byteswap() & np.uint64(PLAIN - 1) | np.uint64(PLAIN)).view(np.int64)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
