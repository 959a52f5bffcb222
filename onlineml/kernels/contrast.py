"""What a feature contributes to a mean over members that each look at a few features.

The t statistic of the members that look at it against those that do not (Pevny 2016, section 3.3).
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array


@jit
def room(n_features: int) -> Array:
    """A row a feature, and a last one for all members: number, sum and sum of squares."""
    return np.zeros((n_features + 1, 3))


@jit
def add(sums: Array, j: int, value: float) -> None:
    """Note that a member that looks at feature `j`, or any member if it is -1, says `value`."""
    row = sums[j if j >= 0 else sums.shape[0] - 1]
    row[0] += 1.0
    row[1] += value
    row[2] += value * value


@jit
def contrast(sums: Array, statistics: Array) -> None:
    """Write the statistics; 0 where fewer than two members look at a feature, or do not."""
    everyone = sums[sums.shape[0] - 1]
    for j in range(sums.shape[0] - 1):
        n, mean, variance = _moments(sums[j, 0], sums[j, 1], sums[j, 2])
        n_others, other_mean, other_variance = _moments(
            everyone[0] - sums[j, 0], everyone[1] - sums[j, 1], everyone[2] - sums[j, 2]
        )
        statistics[j] = 0.0
        if n > 1.0 and n_others > 1.0:
            noise = variance / n + other_variance / n_others
            statistics[j] = (mean - other_mean) / np.sqrt(noise + 1e-12)


@jit
def _moments(n: float, total: float, squares: float) -> tuple[float, float, float]:
    """Number, mean and sample variance."""
    if n < 2.0:
        return n, 0.0, 0.0
    mean = total / n
    return n, mean, max(squares - n * mean * mean, 0.0) / (n - 1.0)
