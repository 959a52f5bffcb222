"""One kernel over the states of many models of a kind, which lie one behind another in one array.

All states have the same layout, that of a started model: its arrays end to end, 8 bytes a number,
so that a record of one is a row of the array. For each row of a call the descriptor is pointed at
another record; beside `arena`, this is the only file that knows addresses.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from onlineml.kernels import Entry, jit
from onlineml.kernels.arena import FIRST, LAST, STATE, Array, Descriptor, Ints

_FIRST = STATE + 1  # slot of the first array of the state: the settings are shared


@intrinsic  # type: ignore[untyped-decorator]
def run_kernel(typing_context: Any, kernel: Any, d: Any) -> Any:
    """The kernel at address `kernel` on descriptor `d`; -1 where it raised an error."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, nowhere = ir.IntType(64), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), [word.as_pointer(), nowhere.as_pointer(), word])
        done, error = cgutils.alloca_once(builder, word), cgutils.alloca_once(builder, nowhere)
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        status = builder.call(function, [done, error, arguments[1]])
        fine = builder.icmp_signed("==", status, ir.Constant(ir.IntType(32), 0))
        return builder.select(fine, builder.load(done), ir.Constant(word, -1))

    return types.int64(types.int64, types.int64), generate


@jit
def _drive(
    kernel: int, d: int, slots: Ints, header: Ints, records: Ints, offsets: Ints, places: Ints
) -> int:
    """Row `i` by the model whose record is row `places[i]`; the first row that was not done."""
    n: int = places.shape[0]
    base, size = records.ctypes.data, 8 * records.shape[1]
    i = 0
    while i < n:
        j = i + 1
        while j < n and places[j] == places[i]:
            j += 1
        for k in range(offsets.shape[0]):
            slots[_FIRST + k, 0] = base + places[i] * size + 8 * offsets[k]
        header[FIRST], header[LAST] = i, j
        done: int = run_kernel(kernel, d)
        if done != j:
            return i
        i = j
    return n


class Stack:
    """The layout of a model's state, and its kernel over many such states.

    Parameters
    ----------
    kernel
        Of the model.
    settings
        What the kernel reads from slot 0.
    arrays
        The arrays of the state, in order; only their shapes and types matter.
    n_scratch
        Room that the kernel writes on while a call lasts.
    """

    def __init__(self, kernel: Entry, settings: Array, arrays: list[Any], n_scratch: int) -> None:
        self._kernel = kernel
        self.shapes = [(array.shape, array.dtype, array.size) for array in arrays]
        ends = np.cumsum([0, *(array.size for array in arrays)])
        self.offsets, self.n_words = ends[:-1].astype(np.int64), int(ends[-1])
        self._descriptor = Descriptor([settings, *arrays], n_scratch)
        self._address = 0 if numba.config.DISABLE_JIT else kernel.address

    def packed(self, arrays: list[Any]) -> Ints:
        """A state as one record, shape `(n_words,)`."""
        parts = [np.ascontiguousarray(array).view(np.int64).ravel() for array in arrays]
        return np.concatenate([*parts, np.empty(0, np.int64)])

    def unpacked(self, record: Ints) -> list[Any]:
        """The arrays of a record, copied."""
        return [
            record[at : at + size].view(dtype).reshape(shape).copy()
            for at, (shape, dtype, size) in zip(self.offsets.tolist(), self.shapes)
        ]

    def run(
        self, records: Ints, places: Ints, rows: tuple[Array, ...], *, serve: int, fit: bool
    ) -> int:
        """Row `i` of `rows` (X, y, weight, out) by the model of record `places[i]`; rows done."""
        made = self._descriptor
        d = made.aim(rows, serve=serve, fit=fit, checked=True)  # type: ignore[arg-type]  # four
        if self._address:
            done: int = _drive(
                self._address, d, made._slots, made._header, records, self.offsets, places
            )
            return done
        for i, place in enumerate(places.tolist()):  # compiled code is switched off
            made._slots[_FIRST : _FIRST + len(self.offsets), 0] = records.ctypes.data + 8 * (
                place * records.shape[1] + self.offsets
            )
            made._header[FIRST : LAST + 1] = i, i + 1
            if self._kernel.call(d) != i + 1:
                return i
        return len(places)
