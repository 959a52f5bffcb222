"""Numbers written to where they lie until they are asked for, past the processor's cache."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from onlineml.kernels import entry, jit, lean
from onlineml.kernels.arena import Array, Descriptor, Ints, f1, f2, i1

AnyArray = npt.NDArray[Any]

# Places of a log's `cursor_`: the first row of the log and the one after its last, rows ever
# learned (what rows without an id are called), the first row that is to be learned again, whether
# ids came, the first row whose tag is not written, as it is called by its number, whether weights
# came, and whether classes stay in the order in which they were told.
FIRST, NEXT, NUMBER, STALE, NAMED, TAGGED, WEIGHED, ORDERED = range(8)
LARGE = 1 << 12  # numbers from which on an array is written past the cache

_NO_CALL = np.zeros((0, 1)), np.zeros(0), np.zeros(0), np.zeros((0, 1))


def _storing() -> Callable[[Ints, int, int], None]:
    """The function `array[i] = value` that does not read the cell's surroundings into the cache.

    A log is written once and hardly ever read: to fetch what is then overwritten takes as long
    as to write it, and pushes out rows and states that a model is about to need.
    """
    made: Any = operator.setitem
    if numba.config.DISABLE_JIT:
        return made  # type: ignore[no-any-return]

    @intrinsic  # type: ignore[untyped-decorator]
    def store(typing_context: Any, array: Any, i: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            cell = builder.gep(data, [arguments[1]])
            made = builder.store(arguments[2], cell, align=8)
            hint = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
            made.set_metadata("nontemporal", hint)
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64), generate

    return store  # type: ignore[no-any-return]


_store = _storing()


@entry
def _exchange(d: int) -> int:
    n, back = int(i1(d, 0)[0]), i1(d, 0)[1]
    for k in range(n):
        one, other = i1(d, 1 + 2 * k), i1(d, 2 + 2 * k)
        if back:
            _copy(other, one)
        else:
            _copy(one, other)
    return n


@lean
def _copy(cells: Ints, values: Ints) -> None:
    if values.shape[0] < LARGE:
        for i in range(values.shape[0]):
            cells[i] = values[i]
    else:
        for i in range(values.shape[0]):
            _store(cells, i, values[i])


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
        what = np.array([len(pairs), 0])
        self._descriptor = Descriptor([what, *words])
        self._address = self._descriptor.aim(_NO_CALL, serve=0, fit=False)
        self._call, self._what = _exchange.call, memoryview(what)  # type: ignore[arg-type]

    def take(self) -> None:
        """Copy the second of each pair to the first."""
        self._what[1] = 0
        self._call(self._address)

    def give(self) -> None:
        """Copy the first of each pair to the second."""
        self._what[1] = 1
        self._call(self._address)


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
    rows, targets, weights, tags, cursor = f2(d, 0), f1(d, 1), f1(d, 2), i1(d, 3), i1(d, 4)
    n, room, first = X.shape[0], rows.shape[0], cursor[NEXT]
    for i in range(n):
        if weight[i] != 1.0:
            cursor[WEIGHED] = 1
    skip = max(0, n - room)  # these would be overwritten at once
    place = (first + skip) % room
    _write(rows.reshape(-1), place * X.shape[1], X[skip:].reshape(-1))
    _write(targets, place, y[skip:])
    if cursor[WEIGHED]:
        _write(weights, place, weight[skip:])
    cursor[NEXT], cursor[NUMBER] = first + n, cursor[NUMBER] + n
    cursor[FIRST] = max(cursor[FIRST], first + n - room)
    if own.shape[0]:
        _write(tags, place, own[skip:])
        cursor[NAMED], cursor[TAGGED] = 1, first + n


@jit
def _write(ring: AnyArray, place: int, values: AnyArray) -> None:
    cells, words = ring.view(np.int64), values.view(np.int64)
    n = min(words.shape[0], cells.shape[0] - place)
    for i in range(n):
        _store(cells, place + i, words[i])
    for i in range(n, words.shape[0]):
        _store(cells, i - n, words[i])
