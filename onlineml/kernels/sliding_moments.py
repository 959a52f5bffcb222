"""Count, mean and variance of a sliding window, with nothing ever subtracted.

A value that leaves is not taken off a sum, where it might leave its rounding error behind. The
window lies in a ring, cut where the ring begins anew: what is older than the cut is summed up for
each suffix once a round, what is newer in one sum that grows. A window is four arrays: `values`
(W,); `suffixes` (W + 1, 3), the sums of `values[k:]`; `newer` (3,); and `at`, of which one cell is
the next slot. Sums are three numbers: count, mean, and squared deviations from the mean.

References
----------
.. [1] Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance, The American
   Statistician 37(3), equation 2.1. doi:10.1080/00031305.1983.10483115
.. [2] Tangwongsan, Hirzel, Schneider (2017), Low-latency sliding-window aggregation in worst-case
   constant time, DEBS, section 2 (two stacks). doi:10.1145/3093742.3093925
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints

#: The state of one window a feature; `W+1` is one more than the size `W` of the windows.
WINDOWS = (
    Field("values_", ("F", "W")),
    Field("suffixes_", ("F", "W+1", 3)),
    Field("newer_", ("F", 3)),
    Field("at_", ("F",), np.int64),
)


@jit
def joined(a: Array, b: Array) -> tuple[float, float, float]:
    """The sums of two sets of values together."""
    n = a[0] + b[0]
    if b[0] == 0.0 or n == 0.0:
        return a[0], a[1], a[2]
    gap = b[1] - a[1]
    return n, a[1] + gap * (b[0] / n), a[2] + b[2] + gap * gap * (a[0] * (b[0] / n))


@jit
def with_value(sums: tuple[float, float, float], x: float) -> tuple[float, float, float]:
    """The sums of some values and `x`."""
    n, mean, squares = sums
    gap = x - mean
    mean += gap / (n + 1.0)
    return n + 1.0, mean, squares + gap * (x - mean)


@jit
def window_sums(suffixes: Array, newer: Array, at: int) -> tuple[float, float, float]:
    """The sums of all values in the window."""
    return joined(suffixes[at], newer)


@jit
def sums_with(suffixes: Array, newer: Array, at: int, x: float) -> tuple[float, float, float]:
    """The sums of the window that there would be with `x` in it."""
    return with_value(joined(suffixes[at + 1], newer), x)


@jit
def slide(values: Array, suffixes: Array, newer: Array, at: Ints, k: int, x: float) -> None:
    """Take in `x`, and let the oldest value go where the window is full; cell `k` of `at`."""
    values[at[k]] = x
    newer[0], newer[1], newer[2] = with_value((newer[0], newer[1], newer[2]), x)
    at[k] += 1
    if at[k] == values.shape[0]:
        for i in range(values.shape[0] - 1, -1, -1):
            older = (suffixes[i + 1, 0], suffixes[i + 1, 1], suffixes[i + 1, 2])
            suffixes[i, 0], suffixes[i, 1], suffixes[i, 2] = with_value(older, values[i])
        newer[:] = 0.0
        at[k] = 0
