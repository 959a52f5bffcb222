"""A row through the steps of a chain: the kernels of all in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from onlineml.estimator import Estimator
from onlineml.kernels import entry
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, FIT, Descriptor, i2, opened
from onlineml.kernels.stacked import run_kernel

# What there is of each step: where its kernel begins, and its descriptors.
KERNEL, ANSWERING, SCORING, FITTING = range(4)
_HOWS = (ANSWER, False), (ANSWER_AND_SCORES, False), (0, True)
_ONE, _NOTHING = np.ones(1), np.empty((0, 1))


@entry
def _pass_along(d: int) -> int:
    """1; or 0, with nothing learned, where a step balks; or -1 less those that have learned."""
    call, steps = opened(d), i2(d, 0)
    last = steps.shape[0] - 1
    for k in range(last + 1 if call.serve else last):
        asked = ANSWERING if k == last and call.serve == ANSWER else SCORING
        if run_kernel(steps[k, KERNEL], steps[k, asked]) != 1:
            return 0
    if call.fit:
        for k in range(last + 1):
            if run_kernel(steps[k, KERNEL], steps[k, FITTING]) != 1:
                return -1 - k
    return 1


class Chained:
    """The one-row calls of a chain, whose steps have a kernel each: what one makes, the next reads.

    They hold as long as the arrays of all do, which is looked at each time.
    """

    def __init__(self, steps: Sequence[Any], row: Any, target: Any, out: Any) -> None:
        self._steps, self._held = steps, [(vars(step), step._many) for step in steps]
        outs = [np.zeros((1, step._n_outputs())) for step in steps[:-1]] + [out.reshape(1, -1)]
        self._rows, self._target = [row.reshape(1, -1), *outs[:-1]], target
        self._twins, table = [], []
        for step, read, made in zip(steps, self._rows, outs):
            twins = [step._many.twin() for _ in _HOWS]
            rows = read, target, _ONE, made
            aims = [twin.aim(rows, serve=s, fit=f) for twin, (s, f) in zip(twins, _HOWS)]
            table.append([step._kernel.address, *aims])
            self._twins += twins
        many, whole = Descriptor([np.array(table)]), (row.reshape(1, -1), target, _ONE, outs[-1])
        self._own = [many.twin() for _ in _HOWS]
        self._calls = {
            serve | (FIT if fit else 0): own.aim(whole, serve=serve, fit=fit, checked=True)
            for own, (serve, fit) in zip(self._own, _HOWS)
        }
        self._call = _pass_along.call

    def call(self, what: int) -> int:
        """Serve or fit the row: 1 where done, 0 where a step balks, -1 where this holds no more."""
        for has, many in self._held:
            if has.get("_many") is not many:
                return -1
        done: int = self._call(self._calls[what])
        return done if done >= 0 else self._go_on(-1 - done)

    def _go_on(self, k: int) -> int:
        """Let steps from `k` on learn the row, which that one wants room for."""
        for step, row in zip(self._steps[k:], self._rows[k:]):
            step._run(row.copy(), self._target, _ONE, _NOTHING, 0, True)
        return 1


def chained(steps: Sequence[Estimator], row: Any, target: Any, out: Any) -> Chained | None:
    """None where a step works in more than one kernel, or hands on what the next does not read."""
    if numba.config.DISABLE_JIT:
        return None
    width = len(row)
    for step in steps:
        made = step._ready()
        plain = made._kernel is not None and type(made)._run is Estimator._run
        if not plain or made._call is not made._kernel.call or len(made._row) != width:  # type: ignore[union-attr]  # plain has one
            return None
        width = made._n_outputs()
    return Chained(steps, row, target, out) if width == len(out) else None
