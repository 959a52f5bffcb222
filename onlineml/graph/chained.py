"""Rows through the steps of a chain: the kernels of all in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from onlineml.estimator import Estimator
from onlineml.kernels import entry, inlined
from onlineml.kernels.arena import (
    ANSWER,
    ANSWER_AND_SCORES,
    FIT,
    HEADER,
    KEPT,
    LOG,
    PLACE,
    STATE,
    Array,
    Call,
    Descriptor,
    f2,
    i1,
    i2,
    opened,
    pass_on,
)
from onlineml.kernels.stacked import run_kernel

# What there is of each step: where its kernel begins, and its descriptor; and in arrays of their
# own the slots and the header of that, and room for the rows that the step makes.
KERNEL, DESCRIPTOR = range(2)
_ROOM = 4096  # numbers of rows that go through the steps together: the cache holds them
_HOWS = (ANSWER, False), (ANSWER_AND_SCORES, False), (0, True)
#: What does a row by Python, and is told whether the way of before still holds.
Otherwise = Callable[[int, bool], int]
_ONE, _NOTHING = np.ones(1), np.empty((0, 1))


@entry
def _pass_along(d: int) -> int:
    """Rows through steps that never want more room: all of them."""
    call = opened(d)
    n_steps, lo = i2(d, 0).shape[0], call.first
    while lo < call.last:
        hi = min(lo + f2(d, 3).shape[0], call.last)
        for k in range(n_steps):
            serve = call.serve if k == n_steps - 1 else ANSWER_AND_SCORES
            if _run_step(d, call, k, (lo, hi), serve, call.fit) != hi - lo:
                return lo
        i1(d, HEADER - STATE)[KEPT] = lo + i1(d, 2)[KEPT]
        lo = hi
    return lo


@entry
def _pass_one_along(d: int) -> int:
    """1; or 0, with nothing learned, where a step balks; or -1 less those that have learned."""
    call, n_steps = opened(d), i2(d, 0).shape[0]
    if call.last != 1:
        return 0
    for k in range(n_steps if call.serve else n_steps - 1):
        serve = call.serve if k == n_steps - 1 else ANSWER_AND_SCORES
        if _run_step(d, call, k, (0, 1), serve, False) != 1:
            return 0
    for k in range(n_steps if call.fit else 0):
        if _run_step(d, call, k, (0, 1), 0, True) != 1:
            return -1 - k
    return 1


@inlined
def _run_step(d: int, call: Call, k: int, rows: tuple[int, int], serve: int, fit: bool) -> int:
    """Let step `k` do these rows of the call: so many are done."""
    table, (lo, hi) = i2(d, 0), rows
    n = hi - lo
    read = call.X[lo:hi] if k == 0 else f2(d, 3 * k)[:n]
    made = call.out[lo:hi] if k == table.shape[0] - 1 else f2(d, 3 * k + 3)[:n]
    log, place = f2(d, LOG - STATE)[:0], 0
    if k == 0:
        log, place = f2(d, LOG - STATE), i1(d, HEADER - STATE)[PLACE] + lo
    part = Call(read, call.y[lo:hi], call.weight[lo:hi], made, 0, n, serve, fit, d)
    pass_on(part, 0, n, i2(d, 3 * k + 1), i1(d, 3 * k + 2), log, place)
    done: int = run_kernel(table[k, KERNEL], table[k, DESCRIPTOR])
    return done


class Chained:
    """The calls of a chain whose steps have a kernel each: what one makes, the next reads.

    They hold as long as the arrays of all do, which is looked at each time.
    """

    def __init__(
        self, steps: Sequence[Any], row: Any, target: Any, out: Any, otherwise: Otherwise
    ) -> None:
        self._otherwise = otherwise
        self._steps, self._held = steps, [(vars(step), step._many) for step in steps]
        #: Whether chunks go this way too: where no step stops half way to grow.
        self.is_whole = all(type(step)._grow is Estimator._grow for step in steps)
        self.kernel = _pass_along if self.is_whole else _pass_one_along
        self._twins = [many.twin() for _, many in self._held]
        whole = row.reshape(1, -1), target, _ONE, out.reshape(1, -1)
        self._row, self._target = whole[0], target
        self._made = [np.zeros((1, step._n_outputs())) for step in steps]
        one = self._descriptor(self._made)
        self._own = [one.twin() for _ in _HOWS]
        self._calls = {
            serve | (FIT if fit else 0): own.aim(whole, serve=serve, fit=fit)
            for own, (serve, fit) in zip(self._own, _HOWS)
        }
        self._call = self.kernel.call

    def _descriptor(self, made: list[Array]) -> Descriptor:
        """What the kernel is told; `made` is room for the rows that each step makes."""
        pairs = zip(self._steps, self._twins)
        table = np.array([[step._kernel.address, twin._address] for step, twin in pairs])
        parts = [(twin._slots, twin._header, room) for twin, room in zip(self._twins, made)]
        return Descriptor([table, *(array for part in parts for array in part)])

    @cached_property
    def many(self) -> Descriptor:
        """That of chunks: with room for some rows at once, made when the first comes."""
        n = max(1, _ROOM // max(1, *(made.shape[1] for made in self._made)))
        return self._descriptor([np.zeros((n, made.shape[1])) for made in self._made])

    def holds(self) -> bool:
        """Whether the arrays of all steps are those of before."""
        held = True
        for has, many in self._held:
            held &= has.get("_many") is many
        return held

    def call(self, what: int) -> int:
        """Serve or fit the row; the longer way where a step balks, or this holds no more."""
        for has, many in self._held:  # as `holds`, whose call would take longer
            if has.get("_many") is not many:
                return self._otherwise(what, False)
        done = self._call(self._calls[what])
        if done < 0:
            self._go_on(-1 - done)
        return self._otherwise(what, True) if done == 0 else 1

    def run(self, rows: tuple[Array, Array, Array, Array], serve: int, fit: bool) -> None:
        """Serve and fit the rows of a chunk."""
        done = self._call(self.many.aim(rows, serve=serve, fit=fit, checked=True))
        if done != len(rows[0]):
            raise AssertionError(f"of {len(rows[0])} rows, {done} went through all steps")

    def _go_on(self, k: int) -> None:
        """Let steps from `k` on learn the row, which that one wants room for."""
        for step, made in zip(self._steps[k:], [self._row, *self._made][k:]):
            step._run(made[:1].copy(), self._target, _ONE, _NOTHING, 0, True)


def chained(
    steps: Sequence[Estimator], row: Any, target: Any, out: Any, otherwise: Otherwise
) -> Chained | None:
    """None where a step works in more than one kernel, or hands on what the next does not read."""
    width = len(row)
    for step in steps:
        own = step._work() is not None and step._kernel is not None  # not of a chain within
        if not own or len(step._row) != width:
            return None
        width = step._n_outputs()
    return Chained(steps, row, target, out, otherwise) if width == len(out) else None
