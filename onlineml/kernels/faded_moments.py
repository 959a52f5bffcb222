"""Mean and variance of the recent past that a single far value hardly moves."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array

_FEW = 20.0  # weight from which on a deviation is known well enough to be cut
_MOST_AT_ONCE = 0.05  # of the past that one row takes the place of: of a row alone nothing varies


@jit
def share(first: float, w: float, least: float) -> float:
    """What a row of weight `w` counts beside the past: `first` at first, later `w` times `least`.

    However heavy it is, the past keeps most of what it counts.
    """
    return min(max(first, min(w * least, max(least, _MOST_AT_ONCE))), 1.0)


@jit
def learn(
    x: Array, w: float, least: float, clip: float, n: Array, mean: Array, variance: Array
) -> None:
    """Take in row `x`, value by value, with weight `w`; missing values are left out.

    The first events count alike, later ones with a share `least` (see `share`). A value further
    than `clip` standard deviations off is learned as being that far off.
    """
    for j in range(x.shape[0]):
        if np.isnan(x[j]):
            continue
        n[j] += w
        step = share(w / n[j], w, least)
        gap = x[j] - mean[j]
        if n[j] > _FEW and variance[j] > 1e-24:
            most = clip * np.sqrt(variance[j])
            gap = min(max(gap, -most), most)
        mean[j] += step * gap
        variance[j] = (1.0 - step) * (variance[j] + step * gap * gap)
