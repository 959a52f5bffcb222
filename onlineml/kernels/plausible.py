"""Values of a series as they are remembered: cut where far off, the last one where missing."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array
from onlineml.kernels.faded_moments import learn

_CLIP, _FADING = 10.0, 0.001  # deviations that a value is kept at, and their forgetting


@jit
def plausible(row: Array, last: float, moments: Array) -> float:
    """The value in `row`, cut at 10 deviations from a mean that forgets; `last` where missing.

    `moments` (3, 1) are count, mean and variance; they learn the value. Nothing is cut before there
    are 20 values.
    """
    x = row[0]
    if np.isnan(x):
        return last
    if moments[0, 0] > 20.0 and moments[2, 0] > 1e-24:
        most = _CLIP * np.sqrt(moments[2, 0])
        x = min(max(x, moments[1, 0] - most), moments[1, 0] + most)
    learn(row, 1.0, _FADING, _CLIP, moments[0], moments[1], moments[2])
    return float(x)
