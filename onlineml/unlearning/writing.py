"""Numbers written to where they lie until they are asked for, past the processor's cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.kernels import entry, inlined, jit, lean
from onlineml.kernels.arena import Array, Descriptor, Ints, f1, f2, i1
from onlineml.kernels.memory import LINE, copy_line_past

AnyArray = npt.NDArray[Any]

# Places of a log's `cursor_`: the first row of the log and the one after its last, rows ever
# learned (what rows without an id are called), the first row that is to be learned again, whether
# ids came, the first row whose tag is not written, as it is called by its number, whether weights
# came, and whether classes stay in the order in which they were told.
FIRST, NEXT, NUMBER, STALE, NAMED, TAGGED, WEIGHED, ORDERED = range(8)
LARGE = 1 << 12  # numbers from which on an array is written past the cache

_NO_CALL = np.zeros((0, 1)), np.zeros(0), np.zeros(0), np.zeros((0, 1))


@lean
def _copy_past(to: Ints, i: int, words: Ints, j: int, n: int) -> None:
    """`to[i : i + n] = words[j : j + n]`, whole lines of the cache past it.

    What is written once and hardly ever read: to fetch what is then overwritten takes as long as to
    write it, and pushes out rows and states that a model is about to need.
    """
    k = min(n, -(to.ctypes.data // 8 + i) % LINE)
    for m in range(k):
        to[i + m] = words[j + m]
    while k + LINE <= n:
        copy_line_past(to, i + k, words, j + k)
        k += LINE
    for m in range(k, n):
        to[i + m] = words[j + m]


@lean
def _copy(cells: Ints, values: Ints) -> None:
    if values.shape[0] < LARGE:
        for i in range(values.shape[0]):
            cells[i] = values[i]
    else:
        _copy_past(cells, 0, values, 0, values.shape[0])


@lean
def take(d: int) -> None:
    """Copy the second of each of the `Pairs` of this address to the first."""
    for k in range(i1(d, 0)[0]):
        _copy(i1(d, 1 + 2 * k), i1(d, 2 + 2 * k))


@entry
def _take(d: int) -> int:
    take(d)
    return 0


@entry
def _give(d: int) -> int:
    for k in range(i1(d, 0)[0]):
        _copy(i1(d, 2 + 2 * k), i1(d, 1 + 2 * k))
    return 0


@jit
def replace(cells: Ints, values: Ints) -> None:
    """Copy `values` to `cells`; of other numbers the bits. Many go past the cache."""
    _copy(cells, values)


class Pairs:
    """Arrays of 8-byte numbers, in pairs that are copied to each other time and again.

    All in one call: Python on objects that are not in the cache takes longer than to copy them.
    """

    def __init__(self, pairs: Sequence[tuple[AnyArray, AnyArray]]) -> None:
        words = [array.reshape(-1).view(np.int64) for pair in pairs for array in pair]
        self._descriptor = Descriptor([np.array([len(pairs)]), *words])
        self.address = self._descriptor.aim(_NO_CALL, serve=0, fit=False)

    def take(self) -> None:
        """Copy the second of each pair to the first."""
        _take.call(self.address)

    def give(self) -> None:
        """Copy the first of each pair to the second."""
        _give.call(self.address)


class Ring:
    """Where the rows of a log are written: its arrays and its cursor, looked up once."""

    def __init__(self, arrays: Sequence[AnyArray]) -> None:
        self._descriptor = Descriptor(arrays)
        self._address = self._descriptor.aim(_NO_CALL, serve=0, fit=False)

    def write(self, X: Array, y: Array, weight: Array, own: Ints) -> None:
        """Write new rows behind the last, from the start again where the log ends.

        Their weights too, where any weight ever differed from 1, and the tags that are their own.
        """
        _write_rows(self._address, X, y, weight, own)


@jit
def _write_rows(d: int, X: Array, y: Array, weight: Array, own: Ints) -> None:
    rows, cursor = f2(d, 0), i1(d, 4)
    skip = max(0, X.shape[0] - rows.shape[0])  # these would be overwritten at once
    cursor[NEXT], cursor[NUMBER] = cursor[NEXT] + skip, cursor[NUMBER] + skip
    place = cursor[NEXT] % rows.shape[0]
    write(rows.reshape(-1), place * X.shape[1], X[skip:].reshape(-1))
    write_marks((f1(d, 1), f1(d, 2), i1(d, 3), cursor), y[skip:], weight[skip:], own[skip:])


@inlined
def write_marks(log: tuple[Array, Array, Ints, Ints], y: Array, weight: Array, own: Ints) -> None:
    """Write all of new rows but the rows themselves, and that they are there.

    `log` has its targets, weights, tags and cursor; `own` is empty where rows are called by their
    numbers.
    """
    targets, weights, tags, cursor = log
    n, room, first = y.shape[0], targets.shape[0], cursor[NEXT]
    place, others = first % room, 0
    for i in range(n):
        others += weight[i] != 1.0
    write(targets, place, y)
    if others or cursor[WEIGHED]:
        cursor[WEIGHED] = 1
        write(weights, place, weight)
    cursor[NEXT], cursor[NUMBER] = first + n, cursor[NUMBER] + n
    cursor[FIRST] = max(cursor[FIRST], first + n - room)
    if own.shape[0]:
        write(tags, place, own)
        cursor[NAMED], cursor[TAGGED] = 1, first + n


@lean
def write(ring: AnyArray, place: int, values: AnyArray) -> None:
    """Copy `values` to the ring from `place` on, from its start again where it ends."""
    if values.shape[0] == 1:
        ring[place] = values[0]
        return
    cells, words = ring.view(np.int64), values.view(np.int64)
    n = min(words.shape[0], cells.shape[0] - place)
    _copy_past(cells, place, words, 0, n)
    _copy_past(cells, 0, words, n, words.shape[0] - n)
