"""What is left, at most, of rows that are older than a log: a bound instead of a replay.

Whatever rows came before the log, and whichever of them a twin never saw, the weights of both were
no longer than `reach` when it began. Since then both have learned the same rows, each of which
has brought them closer together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.base import Array
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Descriptor, f1, opened
from onlineml.kernels.linear import LARGEST
from onlineml.learners.fading import Fades, Past, fading, keeps_all

LARGEST_TARGET, LEAST_WEIGHT, LARGEST_WEIGHT, N_GAPS = range(4)
NO_ROWS = (0.0, np.inf, 0.0, 0.0)
_NO_ANSWERS = np.empty((0, 1))
_ROUNDING = 8 * float(np.finfo(np.float64).eps)  # relative, of a step, for each weight


def fades(model: Any) -> bool:
    """Whether what the model learns may fade, so that it is worth to note what rows were like."""
    return isinstance(model, Fades) and not keeps_all(model)


@entry
def _note_rows(d: int) -> int:
    """Take rows into the extremes, the only array."""
    return _note(opened(d), f1(d, 0))


@jit
def _note(call: Call, extremes: Array) -> int:
    for i in range(call.first, call.last):
        weight = call.weight[i]
        if weight > 0.0:
            n_gaps = 0
            for x in call.X[i]:
                n_gaps += not abs(x) <= LARGEST  # NaN too
            extremes[LARGEST_TARGET] = max(extremes[LARGEST_TARGET], abs(call.y[i]))
            extremes[LEAST_WEIGHT] = min(extremes[LEAST_WEIGHT], weight)
            extremes[LARGEST_WEIGHT] = max(extremes[LARGEST_WEIGHT], weight)
            extremes[N_GAPS] += n_gaps > 0
    return call.last


class Noter:
    """Takes what is known of all rows into `extremes`, (4,).

    `row`, `target` are arrays of the next row, which `note_one` takes: it is called for each.
    """

    def __init__(self, extremes: Array, row: Array, target: Array) -> None:
        self._many = Descriptor([extremes])
        self._one = self._many.twin()
        self._address = self._aimed(self._one, row.reshape(1, -1), target, np.ones(1))

    def note(self, X: Array, y: Array, weight: Array) -> None:
        """Take rows."""
        _note_rows.call(self._aimed(self._many, X, y, weight))

    def note_one(self) -> None:
        """Take the row that is there, of weight 1."""
        _note_rows.call(self._address)

    def _aimed(self, descriptor: Descriptor, X: Array, y: Array, weight: Array) -> int:
        return descriptor.aim((X, y, weight, _NO_ANSWERS), serve=0, fit=True, checked=True)


def bound(model: Any, extremes: Array, weight: Array) -> float | str:
    """How far the weights are from those of a model that saw none of some rows before the log.

    `weight` is that of the rows in the log, in order. In place of a number, why there is none.
    """
    if not isinstance(model, Fades):
        return ""
    if why := keeps_all(model):
        return why
    if extremes[LARGEST_WEIGHT] == 0.0:
        return 0.0  # no row taught anything
    found = fading(model, weight, Past(*extremes.tolist()))
    if isinstance(found, str):
        return found
    left = np.cumprod(found.factors[::-1])  # of what there was before each row
    oldest, since = (left[-1], 1.0 + left[:-1].sum()) if len(left) else (1.0, 0.0)
    return float(2.0 * found.reach * (oldest + _ROUNDING * found.n_weights * since))
