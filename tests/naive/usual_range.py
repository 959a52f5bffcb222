"""The usual range of values, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isnan

Range = tuple[float, float]


def usual_range(values: Sequence[float], share: float = 0.01) -> Range:
    """Least and largest value but for a share at either end; all of them if these are equal.

    What more is left out than that share is given back, by 7.5 widths a share.
    """
    known = sorted(value for value in values if not isnan(value))
    if not known:
        return float("nan"), float("nan")
    out = min(ceil(share * len(known)), (len(known) - 1) // 2)
    low, high = known[out], known[len(known) - 1 - out]
    if low == high:
        return known[0], known[-1]
    reach = 7.5 * max(out / len(known) - share, 0) * (high - low)
    return low - reach, high + reach


def differs(old: Range, new: Range) -> bool:
    """Whether a feature lies beyond twice its old range, or in a tenth of it."""
    width = old[1] - old[0]
    within = new[0] >= old[0] - width and new[1] <= old[1] + width
    return not isnan(new[0]) and not (within and 10 * (new[1] - new[0]) >= width)


def width_of(low: float, high: float) -> float:
    return high - low if high > low else max(abs(low), 1.0) * 1e-9
