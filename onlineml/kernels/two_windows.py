"""Two windows of rows: a reference, and the rows that have come since it was full.

`windows` is (2, size, n_features), `counts` how many rows each holds. Missing values stay NaN.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints

REFERENCE, RECENT = 0, 1


@jit
def take(windows: Array, counts: Ints, x: Array) -> bool:
    """Put `x` where it belongs; whether the second window is full now, and wants to be compared."""
    k = REFERENCE if counts[REFERENCE] < windows.shape[1] else RECENT
    for j in range(x.shape[0]):
        windows[k, counts[k], j] = x[j]
    counts[k] += 1
    return bool(k == RECENT and counts[k] == windows.shape[1])


@jit
def settle(windows: Array, counts: Ints, changed: bool) -> None:
    """After the comparison: the recent rows are the new reference, or are forgotten."""
    counts[RECENT] = 0
    if changed:
        for i in range(windows.shape[1]):
            for j in range(windows.shape[2]):
                windows[REFERENCE, i, j] = windows[RECENT, i, j]


@jit
def sorted_column(rows: Array, k: int, j: int, values: Array) -> int:
    """Write the values of a column to `values`, in order; returns how many are not missing."""
    n = 0
    for i in range(rows.shape[1]):
        if not np.isnan(rows[k, i, j]):
            values[n] = rows[k, i, j]
            n += 1
    sort(values, n)
    return n


@jit
def sort(values: Array, n: int) -> None:
    """Put the first `n` values in order, by Shell's method."""
    gap = 1
    while gap < n:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            value, at = values[i], i
            while at >= gap and values[at - gap] > value:
                values[at] = values[at - gap]
                at -= gap
            values[at] = value
        gap //= 3


@jit
def shares(windows: Array, j: int, old: Array, new: Array, reference: Array, recent: Array) -> bool:
    """Shares of both windows' values in bins; False where a window has none.

    Edges are quantiles of the reference, so that each bin holds about as many of its values; a
    value on an edge belongs to the bin below. `old` and `new` are room for the ordered values.
    """
    n_old = sorted_column(windows, REFERENCE, j, old)
    n_new = sorted_column(windows, RECENT, j, new)
    if n_old == 0 or n_new == 0:
        return False
    n_bins, a, b = reference.shape[0], 0, 0
    for k in range(n_bins):
        edge = old[max(n_old * (k + 1) // n_bins - 1, 0)]
        first_a, first_b = a, b
        while a < n_old and (old[a] <= edge or k + 1 == n_bins):
            a += 1
        while b < n_new and (new[b] <= edge or k + 1 == n_bins):
            b += 1
        reference[k] = (a - first_a) / n_old
        recent[k] = (b - first_b) / n_new
    return True
