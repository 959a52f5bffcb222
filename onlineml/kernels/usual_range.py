"""The range that most of some values lie in: with it detectors measure the space that they cut."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array

_LEFT_OUT = 0.01  # share of a window's values, at either end, that a feature's range leaves out
_GIVEN_BACK = 7.5  # widths that a normal variable's range lacks at an end, a share left out there
_NARROWER = 10.0  # a range that has shrunk by this factor is not the same any more


@jit
def moved(rows: Array, ranges: Array) -> bool:
    """Whether some feature of `rows` lies beyond twice its range, or in a tenth of it.

    If so, `ranges`, which holds the least and the largest usual value of each feature, is made that
    of `rows`. Ranges that are missing are those of features not seen before.
    """
    found, changed = np.empty_like(ranges), False
    for j in range(rows.shape[1]):
        low, high = usual_range(rows[:, j], _LEFT_OUT)
        found[0, j], found[1, j] = low, high
        old_low, old_high = ranges[0, j], ranges[1, j]
        width = old_high - old_low
        within = low >= old_low - width and high <= old_high + width
        alike = within and _NARROWER * (high - low) >= width
        changed = changed or not (alike or np.isnan(low))
    if changed:
        ranges[:] = found
    return changed


@jit
def width_of(low: float, high: float) -> float:
    """Width of a range, with which to divide: where all is equal, anything else is far away."""
    return high - low if high > low else max(abs(low), 1.0) * 1e-9


@jit
def usual_range(values: Array, share: float) -> tuple[float, float]:
    """Least and largest of `values`, but for `share` of them at either end; NaN where none are.

    One huge value in many thus moves nothing. At least one at either end is left out, unless all
    others are equal: then none is. Few values lose more than that share, and with it much of their
    range: it is widened by what a normal variable's would then be short of. Missing values do not
    count. Time is O(n) for small shares.
    """
    n, n_values = values.shape[0], 0
    room = min(int(np.ceil(share * n)), (n - 1) // 2) + 1
    least, largest = np.empty(room), np.empty(room)
    for value in values:
        if not np.isnan(value):
            n_kept = min(n_values, room)
            _insert(least, n_kept, value)
            _insert(largest, n_kept, -value)
            n_values += 1
    if n_values == 0:
        return np.nan, np.nan
    left_out = min(int(np.ceil(share * n_values)), (n_values - 1) // 2)
    low, high = least[left_out], -largest[left_out]
    if low >= high:
        return least[0], -largest[0]
    reach = _GIVEN_BACK * max(left_out / n_values - share, 0.0) * (high - low)
    return low - reach, high + reach


@jit
def _insert(least: Array, n: int, value: float) -> None:
    """Put `value` where it belongs among the first `n` in order; the last one may drop out."""
    at = n
    if n == least.shape[0]:
        if value >= least[n - 1]:
            return
        at = n - 1
    while at > 0 and least[at - 1] > value:
        least[at] = least[at - 1]
        at -= 1
    least[at] = value
