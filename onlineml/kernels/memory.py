"""Copies of some numbers at once, and lines of the cache asked for before they are needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

AnyArray = npt.NDArray[Any]

LINE = 8  # numbers of a line of the cache
SOME = 4  # numbers that are copied at once; of more, the processor slows down other work
_WORD = ir.IntType(64)


def _copier(n: int, *, past: bool = False) -> Callable[[AnyArray, int, AnyArray, int], None]:
    """The function `to[i : i + n] = source[j : j + n]`, of arrays of 8-byte numbers.

    Where `past`, the cache is left alone, and `to[i]` must begin a line of it.
    """
    if numba.config.DISABLE_JIT:
        return partial(_copy_in_python, n)

    @intrinsic  # type: ignore[untyped-decorator]
    def copy(typing_context: Any, to: Any, i: Any, source: Any, j: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = signature.args
            line = ir.VectorType(_WORD, n).as_pointer()
            ours, theirs = (
                builder.bitcast(_cell(context, builder, kinds[k], arguments[k : k + 2]), line)
                for k in (0, 2)
            )
            value = builder.load(theirs, align=8)
            made = builder.store(value, ours, align=8 * LINE if past else 8)
            if past:
                hint = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
                made.set_metadata("nontemporal", hint)
            return context.get_dummy_value()

        return types.void(to, types.int64, source, types.int64), generate

    made: Callable[[AnyArray, int, AnyArray, int], None] = copy
    return made


def _prefetcher() -> Callable[[AnyArray, int], None]:
    """The function that asks for the line of `array[i]`, to be written; `i` may lie beyond."""
    if numba.config.DISABLE_JIT:
        return lambda array, i: None

    @intrinsic  # type: ignore[untyped-decorator]
    def prefetch(typing_context: Any, array: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            byte, flag, name = ir.IntType(8).as_pointer(), ir.IntType(32), "llvm.prefetch.p0i8"
            cell = _cell(context, builder, signature.args[0], arguments)
            kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
            known = builder.module.globals.get(name)
            function = known or ir.Function(builder.module, kind, name)
            to_write, near, data = flag(1), flag(3), flag(1)
            builder.call(function, [builder.bitcast(cell, byte), to_write, near, data])
            return context.get_dummy_value()

        return types.void(array, types.int64), generate

    made: Callable[[AnyArray, int], None] = prefetch
    return made


def _cell(context: Any, builder: Any, kind: Any, place: Any) -> Any:
    array, i = place
    return builder.gep(context.make_array(kind)(context, builder, array).data, [i])


def _copy_in_python(n: int, to: AnyArray, i: int, source: AnyArray, j: int) -> None:
    to[i : i + n] = source[j : j + n]


copy_some, copy_line_past = _copier(SOME), _copier(LINE, past=True)
will_write = _prefetcher()
