"""Descriptors: how Python hands an estimator's arrays to its kernel as one number.

A descriptor is an int64 array. It holds five numbers an array, address and up to four dimensions:
first the arrays of the call (what to do, on which rows), then those of the state. Kernels take its
address and open the arrays that they need as views without reference counts, which doubles the
speed of a loop over rows. Nothing outside this file knows an address. A descriptor is a cache: it
is rebuilt from the arrays, and never copied, saved or pickled.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from onlineml.kernels import inlined, lean
from onlineml.kernels.memory import LINE, SOME, copy_some, will_write

_FLOAT = np.dtype(np.float64)
_DTYPES = (_FLOAT, np.dtype(np.int64))
Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLOT = 5  # numbers of an array: address, then up to four dimensions
# The slots; from STATE on, the state.
HEADER, ROWS, TARGETS, WEIGHTS, OUT, FLOATS, WORDS, LOG, STATE = range(9)
ANSWER, ANSWER_AND_SCORES = 1, 2  # values of `serve`; 0 is not to serve
FIT, CHECKED = 4, 8  # flags beside it
# Cells of the call's header: flags, first row, last; where the call's row 0 belongs in a log, and
# how many rows of the call have been written there.
FLAGS, FIRST, LAST, PLACE, KEPT, N_CELLS = range(6)
_AHEAD = 160  # numbers that the memory of a log is asked for ahead of when it is written


_NO_BYTES = ctypes.c_char * 0


class Call(NamedTuple):
    """What a kernel is asked to do: the rows, and the two switches.

    `out` has one row per event: column 0 is the answer (class code, value, score), the others
    are filled when `serve` is `ANSWER_AND_SCORES` (class probabilities). Transformers write the
    whole row. The row loop runs over `range(first, last)`.
    """

    X: Array
    y: Array
    weight: Array
    out: Array
    first: int
    last: int
    serve: int
    fit: bool
    address: int  # of the descriptor


def _view(element: types.Type, n_axes: int, offset: int) -> Callable[[int, int], Any]:
    """The function `(address, k) -> array in slot offset + k`, without a reference count.

    An intrinsic: a jitted function would be compiled anew for every literal `k`.
    """
    if numba.config.DISABLE_JIT:  # step through kernels in a debugger: same views, by ctypes
        return partial(_view_in_python, element, n_axes, offset)

    @intrinsic  # type: ignore[untyped-decorator]
    def view(typing_context: Any, address: Any, k: Any) -> Any:
        array_type = types.Array(element, n_axes, "C")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            from numba.np.arrayobj import populate_array  # the compiler: loaded to compile only

            word = ir.IntType(64)
            numbers = builder.inttoptr(arguments[0], ir.PointerType(word))
            start = builder.mul(builder.add(arguments[1], word(offset)), word(SLOT))
            address, *shape = (
                builder.load(builder.gep(numbers, [builder.add(start, word(i))]))
                for i in range(1 + n_axes)
            )
            strides = [word(8)]
            for size in shape[:0:-1]:
                strides.insert(0, builder.mul(strides[0], size))
            array = context.make_array(array_type)(context, builder)
            pointer = builder.inttoptr(address, array.data.type)
            populate_array(array, pointer, shape, strides, word(8), meminfo=None)
            return array._getvalue()

        return array_type(types.int64, types.int64), generate

    made: Callable[[int, int], Any] = view
    return made


def _view_in_python(
    element: types.Type, n_axes: int, offset: int, address: int, k: int
) -> npt.NDArray[Any]:
    def at(address: int, ctype: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        return np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctype)), shape)

    slot = at(address + 8 * SLOT * (offset + k), ctypes.c_int64, (SLOT,)).tolist()
    if slot[0] == 0:  # an array that is not there
        return np.empty((0,) * n_axes)
    ctype = ctypes.c_double if element == types.float64 else ctypes.c_int64
    return at(slot[0], ctype, tuple(slot[1 : 1 + n_axes]))


#: `f2(address, k)`: state array `k`, float64 with two axes; and so on.
f1, f2, f3, f4 = (_view(types.float64, n, STATE) for n in (1, 2, 3, 4))
i1, i2, i3 = (_view(types.int64, n, STATE) for n in (1, 2, 3))
_floats, _table, _ints = (
    _view(types.float64, 1, 0),
    _view(types.float64, 2, 0),
    _view(types.int64, 1, 0),
)


@lean
def scratch(address: int) -> tuple[Array, Ints]:
    """Floats and integers to write on while a call lasts; a number a feature and an output each.

    Allocating them would cost a one-row call a tenth of its time.
    """
    return _floats(address, FLOATS), _ints(address, WORDS)


@lean
def opened(address: int) -> Call:
    """The call that the descriptor at `address` describes.

    A row with an infinite value ends the call before it: the kernel then does the rows that
    precede it and Python, told that rows are missing, looks for the reason. Callers that
    have checked the whole chunk say so, and save the time.
    """
    header = _ints(address, HEADER)
    flags, first, last = header[FLAGS], header[FIRST], header[LAST]
    X = _table(address, ROWS)
    if (flags & CHECKED) == 0:
        last = _first_infinite(X, first, last)
    return Call(
        X,
        _floats(address, TARGETS),
        _floats(address, WEIGHTS),
        _table(address, OUT),
        first,
        last,
        flags & 3,
        (flags & FIT) != 0,
        address,
    )


@inlined
def keep_row(call: Call, i: int) -> None:
    """Write row `i` of the call into the log that has asked for rows, if one has.

    A kernel that takes less than a microsecond for a row says so for each: the memory is busy with
    the log while the kernel computes. Of others, rows are written after the call.
    """
    log = _table(call.address, LOG)
    if log.shape[0] > 0:
        header, x = _ints(call.address, HEADER), call.X[i]
        place = header[PLACE] + i
        row = log[place if place < log.shape[0] else place - log.shape[0]]
        width = x.shape[0]
        for j in range(0, width, LINE):
            will_write(row, j + _AHEAD)
        for j in range(0, width - SOME, SOME):
            copy_some(row, j, x, j)
        if width >= SOME:
            copy_some(row, width - SOME, x, width - SOME)
        else:
            for j in range(width):
                row[j] = x[j]
        header[KEPT] = i + 1


@lean
def _first_infinite(X: Array, first: int, last: int) -> int:
    for i in range(first, last):
        for j in range(X.shape[1]):
            if np.isinf(X[i, j]):
                return i
    return last


class Field(NamedTuple):
    """One array of an estimator's state.

    `axes` gives its shape: a letter is a size that may grow (`C` classes, `F` features, `V`
    values of a nominal feature; others are the estimator's own), a number is fixed. `fill` is the
    value of cells that are new.
    """

    name: str
    axes: tuple[str | int, ...]
    dtype: type = np.float64
    fill: float = 0.0


def allocate(field: Field, sizes: dict[str, int]) -> npt.NDArray[Any]:
    """A new array for `field`."""
    shape = tuple(sizes[axis] if isinstance(axis, str) else axis for axis in field.axes)
    if field.fill == 0.0:  # memory that is new is 0
        return np.zeros(shape, field.dtype)
    return np.full(shape, field.fill, field.dtype)


def enlarged(field: Field, old: npt.NDArray[Any], sizes: dict[str, int]) -> npt.NDArray[Any]:
    """`old` with the shape that `sizes` asks for; its content stays in the low corner."""
    new = allocate(field, sizes)
    new[tuple(slice(n) for n in old.shape)] = old
    return new


def address_of(array: npt.NDArray[Any]) -> int:
    """Where the data of `array` begin."""
    try:
        return ctypes.addressof(_NO_BYTES.from_buffer(array.data))  # a quarter of the time of numpy
    except (TypeError, ValueError, BufferError):  # memory that cannot be written, or has gaps
        address: int = array.__array_interface__["data"][0]
        return address


@lean
def _point_at_rows(slots: Ints, X: Array, y: Array, weight: Array, out: Array) -> None:
    """Fill the slots of a call: numpy takes ten times as long to tell its addresses."""
    slots[ROWS, 0], slots[ROWS, 1], slots[ROWS, 2] = X.ctypes.data, X.shape[0], X.shape[1]
    slots[TARGETS, 0], slots[TARGETS, 1] = y.ctypes.data, y.shape[0]
    slots[WEIGHTS, 0], slots[WEIGHTS, 1] = weight.ctypes.data, weight.shape[0]
    slots[OUT, 0], slots[OUT, 1], slots[OUT, 2] = out.ctypes.data, out.shape[0], out.shape[1]


@inlined
def pass_on(
    call: Call, first: int, last: int, slots: Ints, header: Ints, log: Array, place: int
) -> None:
    """Point the call of another descriptor, of these cells, at rows `first` to `last` of `call`.

    Its kernel may write them into `log`, where the first belongs at `place`.
    """
    _point_at_rows(slots, call.X, call.y, call.weight, call.out)
    slots[LOG, 0], slots[LOG, 1], slots[LOG, 2] = log.ctypes.data, log.shape[0], log.shape[1]
    flags = call.serve | CHECKED
    header[FLAGS], header[FIRST], header[LAST] = flags | FIT if call.fit else flags, first, last
    header[PLACE], header[KEPT] = place - first, first


class Descriptor:
    """The descriptor of some state arrays, and the calls through it."""

    def __init__(self, arrays: Sequence[npt.NDArray[Any]], n_scratch: int = 1) -> None:
        self._state = tuple(arrays)  # keeps alive what the addresses point to
        self._own(len(arrays), n_scratch)
        for k, array in enumerate(arrays, STATE):
            if not array.flags.c_contiguous or array.dtype not in _DTYPES:
                raise AssertionError(f"array {k} is not C-contiguous float64 or int64")
            self._slots[k, : 1 + array.ndim] = (address_of(array), *array.shape)

    def _own(self, n_arrays: int, n_scratch: int) -> None:
        """What no other descriptor shares: the slots, the header, and the scratch rooms.

        They lie in one block, as to ask numpy for an address takes longer than all else.
        """
        n_slots = SLOT * (STATE + n_arrays)
        block = np.zeros(n_slots + N_CELLS + 2 * n_scratch, np.int64)
        self._n_scratch, self._address = n_scratch, address_of(block)
        self._slots = block[:n_slots].reshape(-1, SLOT)
        self._header = block[n_slots : n_slots + N_CELLS]
        self._place(self._address + 8 * n_slots)

    def _place(self, start: int) -> None:
        """Note where header and scratch rooms lie; the first begins at `start`."""
        scratch = start + 8 * N_CELLS
        self._slots[HEADER, :2] = start, N_CELLS
        self._slots[FLOATS, :2] = scratch, self._n_scratch
        self._slots[WORDS, :2] = scratch + 8 * self._n_scratch, self._n_scratch

    def twin(self) -> Descriptor:
        """Another descriptor of the same state: quicker than to look up all addresses again."""
        made = object.__new__(Descriptor)
        made._state = self._state
        made._own(len(self._state), self._n_scratch)
        made._slots[STATE:] = self._slots[STATE:]
        return made

    def aim(
        self,
        rows: tuple[Array, Array, Array, Array],
        *,
        serve: int,
        fit: bool,
        first: int = 0,
        checked: bool = False,
    ) -> int:
        """Point the call at `rows` (X, y, weight, out); returns the descriptor's address."""
        for array in rows:
            if array.dtype != _FLOAT or not array.flags.c_contiguous:
                raise AssertionError("an array of the call is not C-contiguous float64")
        self._rows = rows  # alive during the call
        _point_at_rows(self._slots, *rows)
        flags = serve | (FIT if fit else 0) | (CHECKED if checked else 0)
        self._header[: LAST + 1] = flags, first, len(rows[0])
        return self._address
