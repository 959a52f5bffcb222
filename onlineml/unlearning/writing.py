"""Numbers written to where they lie until they are asked for, past the processor's cache."""

from __future__ import annotations

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
LINE = 8  # numbers of a line of it

_NO_CALL = np.zeros((0, 1)), np.zeros(0), np.zeros(0), np.zeros((0, 1))


def _storing() -> Callable[[Ints, int, Ints, int], None]:
    """The function `to[i : i + 8] = words[j : j + 8]` that leaves the cache alone.

    A log is written once and hardly ever read: to fetch what is then overwritten takes as long
    as to write it, and pushes out rows and states that a model is about to need. `to[i]` begins a
    line of the cache.
    """
    if numba.config.DISABLE_JIT:
        return _store_in_python

    @intrinsic  # type: ignore[untyped-decorator]
    def store(typing_context: Any, to: Any, i: Any, words: Any, j: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            line = ir.VectorType(ir.IntType(64), LINE).as_pointer()
            cells, place, source, first = (
                context.make_array(kind)(context, builder, argument).data
                if isinstance(kind, types.Array)
                else argument
                for kind, argument in zip(signature.args, arguments)
            )
            value = builder.load(builder.bitcast(builder.gep(source, [first]), line), align=8)
            made = builder.store(
                value, builder.bitcast(builder.gep(cells, [place]), line), align=8 * LINE
            )
            hint = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
            made.set_metadata("nontemporal", hint)
            return context.get_dummy_value()

        return types.void(to, types.int64, words, types.int64), generate

    made: Callable[[Ints, int, Ints, int], None] = store
    return made


def _store_in_python(to: Ints, i: int, words: Ints, j: int) -> None:
    to[i : i + LINE] = words[j : j + LINE]


_store = _storing()


@lean
def _copy_past(to: Ints, i: int, words: Ints, j: int, n: int) -> None:
    """`to[i : i + n] = words[j : j + n]`, whole lines of the cache past it."""
    k = min(n, -(to.ctypes.data // 8 + i) % LINE)
    for m in range(k):
        to[i + m] = words[j + m]
    while k + LINE <= n:
        _store(to, i + k, words, j + k)
        k += LINE
    for m in range(k, n):
        to[i + m] = words[j + m]


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
        _copy_past(cells, 0, values, 0, values.shape[0])


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
    _copy_past(cells, place, words, 0, n)
    _copy_past(cells, 0, words, n, words.shape[0] - n)
