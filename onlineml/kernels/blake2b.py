"""BLAKE2b without a key, digests of 8 bytes, of many texts at once: a text in each of eight lanes.

J.-P. Aumasson and M.-J. Saarinen, The BLAKE2 cryptographic hash (RFC 7693, 2015). Where a lane's
text ends, the next text takes the lane, so texts of all lengths keep them full.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from onlineml.kernels import jit

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

END = "\0" * 8  # after the last text, as texts are read by words
LANES, _BLOCK = 8, 128  # texts at once; bytes of each that are mixed in at a time
_DIGEST_SIZE = 8
_NONE, _ONE, _SEVEN, _BYTE = map(np.uint64, (0, 1, 7, 255))
_ONES, _HIGHEST = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_IV = (
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
)  # fmt: skip
_FIRST = np.repeat(np.array([_IV[0] ^ 0x01010000 ^ _DIGEST_SIZE, *_IV[1:]], np.uint64), LANES)
_SIGMA = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
_PLACES = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip


def _rotated(x: Any, n: int) -> Any:
    return (x >> n) | (x << (64 - n))


def _compressed(h: list[Any], m: list[Any], t: Any, last: Any) -> list[Any]:
    """The new `h` after the block `m`, for numpy's words as for those of a compiler.

    `t`: bytes so far; `last`: all bits set where the block ends the text (RFC 7693, 3.2).
    """
    v: list[Any] = [*h, *_IV[:4], t ^ _IV[4], _IV[5], last ^ _IV[6], _IV[7]]
    for turn in range(12):
        words = _SIGMA[turn % 10]
        for i, (a, b, c, d) in enumerate(_PLACES):
            for word, (one, two) in ((words[2 * i], (32, 24)), (words[2 * i + 1], (16, 63))):
                v[a] = v[a] + v[b] + m[word]
                v[d] = _rotated(v[a] ^ v[d], one)
                v[c] = v[d] + v[c]
                v[b] = _rotated(v[b] ^ v[c], two)
    return [h[i] ^ v[i] ^ v[i + 8] for i in range(8)]


class _Lanes:
    """A vector of words: arithmetic on it writes code."""

    kind = ir.VectorType(ir.IntType(64), LANES)

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def _with(self, write: Any, other: _Lanes | int) -> _Lanes:
        many = ir.Constant(self.kind, [other] * LANES) if isinstance(other, int) else other.value
        return _Lanes(self.builder, write(self.value, many))

    def __add__(self, other: _Lanes | int) -> _Lanes:
        return self._with(self.builder.add, other)

    def __xor__(self, other: _Lanes | int) -> _Lanes:
        return self._with(self.builder.xor, other)

    def __or__(self, other: _Lanes) -> _Lanes:
        return self._with(self.builder.or_, other)

    def __rshift__(self, n: int) -> _Lanes:
        return self._with(self.builder.lshr, n)

    def __lshift__(self, n: int) -> _Lanes:
        return self._with(self.builder.shl, n)


def _compress_in_python(h: Words, m: Words, t: Words, last: Words) -> None:
    rows = h.reshape(-1, LANES)
    rows[...] = _compressed(list(rows.copy()), list(m.reshape(-1, LANES)), t, last)


@intrinsic  # type: ignore[untyped-decorator]
def _compress_compiled(typing_context: Any, h: Any, m: Any, t: Any, last: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def vectors(kind: Any, array: Any, n: int) -> list[Any]:
            data = context.make_array(kind)(context, builder, array).data
            start = builder.bitcast(data, ir.PointerType(_Lanes.kind))
            return [builder.gep(start, [ir.Constant(ir.IntType(64), i)]) for i in range(n)]

        places = [vectors(*given) for given in zip(signature.args, arguments, (8, 16, 1, 1))]
        (h, m, (t,), (last,)) = (
            [_Lanes(builder, builder.load(place, align=8)) for place in some] for some in places
        )
        for place, new in zip(places[0], _compressed(h, m, t, last)):
            builder.store(new.value, place, align=8)
        return context.get_dummy_value()

    return types.void(h, m, t, last), generate


#: `_compress(h, m, t, last)`: the next block of each lane. All flat: `m[i * LANES + lane]`.
_compress = _compress_in_python if numba.config.DISABLE_JIT else _compress_compiled


def _word_in_python(texts: Bytes, i: int) -> Any:
    return texts[i : i + 8].view(np.uint64)[0]


@intrinsic  # type: ignore[untyped-decorator]
def _word_compiled(typing_context: Any, texts: Any, i: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        start = builder.gep(data, [arguments[1]])
        return builder.load(builder.bitcast(start, ir.PointerType(ir.IntType(64))), align=1)

    return types.uint64(texts, types.int64), generate


#: `_word(texts, i)`: the eight bytes from `i` on.
_word = _word_in_python if numba.config.DISABLE_JIT else _word_compiled


@jit
def _end(texts: Bytes, start: int) -> int:
    """Where the first 0 lies from `start` on, eight bytes at a time."""
    while True:
        word = _word(texts, start)
        zeros = ~(((word & ~_HIGHEST) + ~_HIGHEST) | word) & _HIGHEST  # their highest bits
        if zeros != 0:
            first = (zeros & ~(zeros - _ONE)) >> _SEVEN
            return start + int(((first - _ONE) & _ONES) % _BYTE)  # as many ones as bytes before it
        start += 8


@jit
def digests(texts: Bytes, n: int) -> Words:
    """Digests of `n` texts, each followed by a 0, the last by `END`: as little-endian words.

    Cost: O(bytes), about 30 ns a text of up to 128 bytes.
    """
    found = np.empty(n, np.uint64)
    h, m = _FIRST.copy(), np.empty(16 * LANES, np.uint64)
    t, last = np.zeros(LANES, np.uint64), np.zeros(LANES, np.uint64)
    owner, place, stop = np.full(LANES, -1), np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    begun, done, start = 0, 0, 0
    while done < n:
        m[:] = 0
        for lane in range(LANES):
            if owner[lane] < 0 and begun < n:
                owner[lane], begun = begun, begun + 1
                place[lane], stop[lane] = start, _end(texts, start)
                start, t[lane] = stop[lane] + 1, 0
                for i in range(8):
                    h[i * LANES + lane] = _FIRST[i * LANES + lane]
            size = min(stop[lane] - place[lane], _BLOCK)
            for i in range(size >> 3):
                m[i * LANES + lane] = _word(texts, place[lane] + 8 * i)
            if size & 7:
                rest = np.uint64(8 * (size & 7))
                word = _word(texts, place[lane] + (size & ~7)) & ((_ONE << rest) - _ONE)
                m[(size >> 3) * LANES + lane] = word
            place[lane] += size
            t[lane] += np.uint64(size)
            last[lane] = ~_NONE if place[lane] == stop[lane] else _NONE
        _compress(h, m, t, last)
        for lane in range(LANES):
            if owner[lane] >= 0 and last[lane] != 0:
                found[owner[lane]] = h[lane]
                owner[lane], done = -1, done + 1
    return found
