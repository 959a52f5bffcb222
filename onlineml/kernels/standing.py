"""Rows in standard deviations from the running mean; what is missing counts as the mean."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field
from onlineml.kernels.linear import LARGEST

STANDING = Field("standing_", ("F", 3))  # weight, mean and sum of squares of a feature
_FURTHEST = 10.0  # standard deviations: values further out count as this
_SAME = 1e-10  # a standard deviation below this share of the mean is rounding


@jit
def standardize(x: Array, standing: Array, into: Array) -> None:
    """Write the standardized `x` to `into`; both may be longer than `standing`."""
    for j in range(standing.shape[0]):
        weight, mean, squares = standing[j, 0], standing[j, 1], standing[j, 2]
        into[j] = 0.0
        if abs(x[j]) <= LARGEST and weight > 1.0:
            deviation = np.sqrt(squares / weight)
            if deviation > _SAME * abs(mean):
                into[j] = min(max((x[j] - mean) / deviation, -_FURTHEST), _FURTHEST)


@jit
def stand(x: Array, w: float, standing: Array) -> None:
    """Learn the values of `x`, each cut to 10 standard deviations from the mean."""
    for j in range(standing.shape[0]):
        if not abs(x[j]) <= LARGEST:
            continue
        s = standing[j]
        gap = x[j] - s[1]
        if s[0] >= 20.0 and s[2] > 0.0:
            most = _FURTHEST * np.sqrt(s[2] / s[0])
            gap = min(max(gap, -most), most)
        s[0] += w
        step = w * gap / s[0]
        s[1] += step
        s[2] += gap * (w * gap - w * step)
