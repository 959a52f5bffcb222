"""What is left, at most, of rows that are older than a log: a bound instead of a replay.

Whatever rows came before the log, and whichever of them a twin never saw, the weights of both were
no longer than `reach` when it began. Since then both have learned the same rows, each of which
has brought them closer together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.base import Array
from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Call, Descriptor, f1, opened
from onlineml.kernels.looks import looked_at
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
    call = opened(d)
    note(call, call.first, call.last, f1(d, 0), False)
    return call.last


@lean
def _are_between(numbers: Array, least: float, most: float) -> bool:
    n = 0
    for i in range(numbers.shape[0]):
        n += (abs(numbers[i]) >= least) & (abs(numbers[i]) <= most)
    return bool(n == numbers.shape[0])


@lean
def note(call: Call, first: int, last: int, extremes: Array, whole: bool) -> None:
    """Take rows from `first` to `last` into the extremes; `whole`: none is known to have gaps."""
    width = call.X.shape[1]
    if not whole:
        cells = call.X.reshape(-1)[first * width : last * width]
        whole = looked_at(cells)[1] == cells.shape[0]
    target, least, most, n_gaps = extremes[0], extremes[1], extremes[2], extremes[3]
    y, weights = call.y[first:last], call.weight[first:last]
    if whole and _are_between(y, 0.0, target) and _are_between(weights, least, most):
        return
    for i in range(first, last):
        weight = call.weight[i]
        if weight > 0.0:
            n_gaps += not whole and looked_at(call.X[i])[1] < width
            target = max(target, abs(call.y[i]))
            least, most = min(least, weight), max(most, weight)
    extremes[:] = target, least, most, n_gaps


class Noter:
    """Takes what is known of all rows into `extremes`, (4,)."""

    def __init__(self, extremes: Array) -> None:
        self._descriptor = Descriptor([extremes])

    def note(self, X: Array, y: Array, weight: Array) -> None:
        """Take rows."""
        rows = X, y, weight, _NO_ANSWERS
        _note_rows.call(self._descriptor.aim(rows, serve=0, fit=True, checked=True))


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
