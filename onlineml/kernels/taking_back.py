"""Weighted sums without one of their rows: what kernels do with a row of negative weight."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import lean
from onlineml.kernels.arena import Array

_NOISE = 1e-9  # share of the weight taken back that may be rounding of fractional weights
_LOST = 1e-13  # a sum of squares that shrinks to this share of itself is nothing but rounding


@lean
def lacks(total: float, w: float) -> bool:
    """Whether `total` cannot hold a row of weight `-w`."""
    return total + w < _NOISE * w


@lean
def rest(total: float, w: float) -> float:
    """`total` and `w`; exactly 0 where `w` takes all of it back."""
    left = total + w
    return left if abs(left) > -_NOISE * w else 0.0


@lean
def without(x: float, w: float, n: float, mean: float, m2: float) -> tuple[float, float, float]:
    """Weight, mean and sum of squared deviations without the value `x` of weight `-w`.

    Welford's update read backwards.
    """
    left = rest(n, w)
    if left == 0.0:
        return 0.0, 0.0, 0.0
    gap = x - mean
    mean += w / left * gap
    squares = m2 + w * gap * (x - mean)
    return left, mean, squares if squares > _LOST * m2 else 0.0


@lean
def note_loss(loss: Array, n: float, before: float, after: float) -> None:
    """Keep in `loss[0]` by how much a sum of squares has shrunk, at the most.

    As much larger, relative to it, are the rounding errors that it inherits. Of one row, or
    none, there are no squares left to be wrong.
    """
    if before > 0.0 and n > 0.0 and not (after == 0.0 and n <= 1.0):
        loss[0] = max(loss[0], before / after if after > 0.0 else np.inf)
