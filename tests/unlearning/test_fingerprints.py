"""Digests of many texts at once, beside those of hashlib."""

import hashlib

import numba
import numpy as np
import pytest

from onlineml.kernels.blake2b import END, LANES, _compress, _compress_in_python, digests
from onlineml.unlearning.fingerprints import fingerprint, fingerprints


def texts_of(seed: int, n: int, longest: int, first: int = 1) -> list[str]:
    """Texts of characters of one to four bytes."""
    rng = np.random.default_rng(seed)
    highest = rng.choice([128, 0x800, 0xD800, 0xD800], n)
    codes = (rng.integers(first, high, rng.integers(0, longest)) for high in highest)
    emoji = rng.integers(0x1F300, 0x1F600, n)
    return ["".join(map(chr, some)) + chr(e) * (e % 2) for some, e in zip(codes, emoji)]


def by_kernel(texts: list[bytes]) -> list[bytes]:
    joined = np.frombuffer(b"\0".join(texts) + END.encode(), np.uint8)
    return [word.tobytes() for word in digests(joined, len(texts))]


def by_hashlib(texts: list[bytes]) -> list[bytes]:
    return [hashlib.blake2b(text, digest_size=8).digest() for text in texts]


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100])
def test_digests_are_those_of_hashlib(n: int) -> None:
    texts = [text.encode() for text in texts_of(n, n, 170)]
    assert by_kernel(texts) == by_hashlib(texts)


def test_texts_of_all_lengths() -> None:
    texts = [b"x" * n for n in range(501)] + [b"y" * (500 - n) for n in range(501)]
    assert by_kernel(texts) == by_hashlib(texts)


def test_the_compression_as_compiled_is_that_in_python() -> None:
    rng = np.random.default_rng(0)
    h, m, t, last = (rng.integers(0, 2**64, k * LANES, np.uint64) for k in (8, 16, 1, 1))
    twin, before = h.copy(), h.copy()

    @numba.njit
    def run(h, m, t, last):  # type: ignore[no-untyped-def]
        _compress(h, m, t, last)

    run(h, m, t, last)
    _compress_in_python(twin, m, t, last)
    assert np.array_equal(h, twin)
    assert (h != before).all()


@pytest.mark.parametrize("n", [1, 63, 64, 65, 1000])
@pytest.mark.parametrize("first", [0, 1], ids=["with NUL", "without"])
@pytest.mark.parametrize("kind", [list, np.array, lambda ids: np.array(ids, object)])
def test_fingerprints_of_many_texts_are_those_of_each(kind, first: int, n: int) -> None:
    ids = kind(texts_of(n, n, 60, first))
    due = [fingerprint(id) for id in (ids if kind is list else ids.tolist())]
    assert fingerprints(ids).tolist() == due
