"""Numbers written to where they lie until they are asked for, past the processor's cache."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints


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


@jit
def replace(cells: Ints, values: Ints) -> None:
    """Copy `values` to `cells`; of other numbers the bits."""
    for i in range(cells.shape[0]):
        _store(cells, i, values[i])


@jit
def write(
    rows: Array, targets: Array, weights: Array,
    X: Array, y: Array, weight: Array, place: int, weighed: int,
) -> int:  # fmt: skip
    """Write new rows from `place` on, and from the start where the log ends.

    Their weights too, where any weight ever differed from 1 (`weighed`): whether now one has.
    """
    for i in range(X.shape[0]):
        if weight[i] != 1.0:
            weighed = 1
    _write(rows.reshape(-1), place * X.shape[1], X.reshape(-1))
    _write(targets, place, y)
    if weighed:
        _write(weights, place, weight)
    return weighed


@jit
def _write(ring: Array, place: int, values: Array) -> None:
    cells, words = ring.view(np.int64), values.view(np.int64)
    n = min(words.shape[0], cells.shape[0] - place)
    for i in range(n):
        _store(cells, place + i, words[i])
    for i in range(n, words.shape[0]):
        _store(cells, i - n, words[i])
