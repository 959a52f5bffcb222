"""What arrays cannot do without a loop: matrices in flat ones, bits of floats, moved cells."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from onlineml.kernels.arena import Array

_WORD = ir.IntType(64)


def _in_python(flat: Array, start: int, n_rows: int, n_columns: int) -> Array:
    return flat[start : start + n_rows * n_columns].reshape(n_rows, n_columns)


@intrinsic  # type: ignore[untyped-decorator]
def _compiled(typing_context: Any, flat: Any, start: Any, n_rows: Any, n_columns: Any) -> Any:
    matrix_type = types.Array(flat.dtype, 2, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from numba.np.arrayobj import populate_array  # the compiler: loaded to compile only

        flat, start, *shape = arguments
        source = context.make_array(signature.args[0])(context, builder, flat)
        matrix = context.make_array(matrix_type)(context, builder)
        size = _WORD(8)
        populate_array(
            matrix,
            builder.gep(source.data, [start]),
            shape,
            [builder.mul(size, shape[1]), size],
            size,
            meminfo=None,
        )
        return matrix._getvalue()

    return matrix_type(types.Array(flat.dtype, 1, "C"), *[types.int64] * 3), generate


#: `matrix_in(flat, start, n_rows, n_columns)`: a matrix whose rows follow each other from `start`
#: on. It keeps nothing alive and checks nothing.
matrix_in = _in_python if numba.config.DISABLE_JIT else _compiled


def _bits_in_python(x: float) -> int:
    return int(np.float64(x).view(np.int64))


@intrinsic  # type: ignore[untyped-decorator]
def _bits_compiled(typing_context: Any, x: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], _WORD)

    return types.int64(types.float64), generate


#: `bits_of(x)`: the bits of a float as an integer; for floats >= 0 in the same order as they are.
bits_of = _bits_in_python if numba.config.DISABLE_JIT else _bits_compiled


def _move_in_python(cells: Array, start: int, to: int, n: int) -> None:
    cells[to : to + n] = cells[start : start + n].copy()


@intrinsic  # type: ignore[untyped-decorator]
def _move_compiled(typing_context: Any, cells: Any, start: Any, to: Any, n: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from numba.core.cgutils import raw_memmove  # the compiler: loaded to compile only

        cells, start, to, n = arguments
        data = context.make_array(signature.args[0])(context, builder, cells).data
        raw_memmove(builder, builder.gep(data, [to]), builder.gep(data, [start]), n, 8)
        return context.get_dummy_value()

    return types.void(types.Array(cells.dtype, 1, "C"), *[types.int64] * 3), generate


#: `move(cells, start, to, n)`: put the `n` numbers from `start` on where those from `to` on are, as
#: if they were taken away first. A loop of unknown length costs more: how it ends is not foreseen.
move = _move_in_python if numba.config.DISABLE_JIT else _move_compiled
