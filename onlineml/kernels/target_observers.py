"""What a leaf of a regression tree observes: the target along each feature, in bounded space.

Per numeric feature a histogram of at most B bins in order of their mean, `bins` (4, B) with the
blocks below. Per nominal feature the target's moments for each value: `values` (V, 3), as `COUNT,
MEAN, M2`.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import lean
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.tree import AT_MOST, EQUAL, MULTIWAY, SAME, Split
from onlineml.kernels.views import bits_of, move

COUNT, MEAN, M2, CENTER = range(4)
BLOCKS = 4

_NEVER = -np.inf
_COUNTED = 128  # bins among which a place is found by looking at all of them
_NO_GAP = 0x7FF0000000000000  # bits of infinity


@lean
def add(moments: Array, k: int, w: float, y: float) -> None:
    """Add `y` with weight `w` to column `k` of `moments` (blocks, columns)."""
    gap = y - moments[MEAN, k]
    moments[COUNT, k] += w
    moments[MEAN, k] += w * gap / moments[COUNT, k]
    moments[M2, k] += w * gap * (y - moments[MEAN, k])


@lean
def merged(
    n: float, mean: float, m2: float, n2: float, mean2: float, m22: float
) -> tuple[float, float, float]:
    """Moments of two samples together."""
    total = n + n2
    if total <= 0.0:
        return 0.0, mean, 0.0
    gap = mean2 - mean
    return total, mean + gap * n2 / total, m2 + m22 + gap * gap * n * n2 / total


@lean
def parted(
    n: float, mean: float, m2: float, n2: float, mean2: float, m22: float
) -> tuple[float, float, float]:
    """Moments of the first sample without the second, which is a part of it."""
    rest = n - n2
    if rest <= 1e-12 * n:
        return 0.0, mean, 0.0
    gap = mean - mean2
    own = mean + gap * n2 / rest
    return rest, own, max(m2 - m22 - (own - mean2) * (own - mean2) * n2 * rest / n, 0.0)


@lean
def observe(bins: Array, n: int, x: float, w: float, y: float) -> int:
    """Add target `y` at `x` to a histogram of `n` bins; returns how many it has now.

    A full one merges its two nearest bins, of which the new point is one (Ben-Haim, Tom-Tov).
    """
    at = _first_not_below(bins, n, x)
    if at < n and bins[CENTER, at] == x:
        add(bins, at, w, y)
        return n
    free = n
    if n == bins.shape[1]:
        left = x - bins[CENTER, at - 1] if at > 0 else np.inf
        right = bins[CENTER, at] - x if at < n else np.inf
        narrow = _narrowest(bins, n)
        if bits_of(min(left, right)) <= narrow:
            nearest = at - 1 if left <= right else at
            add(bins, nearest, w, y)
            bins[CENTER, nearest] += w * (x - bins[CENTER, nearest]) / bins[COUNT, nearest]
            return n
        k = _first_as_narrow(bins, n, narrow)
        _merge_with_next(bins, k)
        free, n = k + 1, n - 1
    at = _moved(bins, free, at)
    bins[COUNT, at], bins[MEAN, at], bins[M2, at], bins[CENTER, at] = w, y, 0.0, x
    return n + 1


@lean
def _first_not_below(bins: Array, n: int, x: float) -> int:
    """First bin whose center is not below `x`."""
    at = 0
    if n <= _COUNTED:  # to count is quicker than to halve: no step waits for the one before
        for i in range(n):
            at += bins[CENTER, i] < x
        return at
    size = n
    while size > 1:  # the halves are chosen without a branch
        half = size // 2
        at += half * (bins[CENTER, at + half - 1] < x)
        size -= half
    return at + int(bins[CENTER, at] < x)


@lean
def _narrowest(bins: Array, n: int) -> int:
    """The least gap between neighbors, as the bits of a float.

    Gaps are not negative, so their bits are in the same order as they are; and the least of
    integers is found several at a time, that of floats one after the other.
    """
    least = _NO_GAP
    for i in range(n - 1):
        least = min(least, bits_of(bins[CENTER, i + 1] - bins[CENTER, i]))
    return least


@lean
def _first_as_narrow(bins: Array, n: int, narrow: int) -> int:
    """First of the two bins whose gap has the bits `narrow`."""
    first = n
    for i in range(n - 1):
        found = bits_of(bins[CENTER, i + 1] - bins[CENTER, i]) == narrow
        first = min(first, i if found else n)
    return first


@lean
def _merge_with_next(bins: Array, k: int) -> None:
    w, w2 = bins[COUNT, k], bins[COUNT, k + 1]
    bins[CENTER, k] += (bins[CENTER, k + 1] - bins[CENTER, k]) * w2 / (w + w2)
    bins[COUNT, k], bins[MEAN, k], bins[M2, k] = merged(
        w, bins[MEAN, k], bins[M2, k], w2, bins[MEAN, k + 1], bins[M2, k + 1]
    )


@lean
def _moved(bins: Array, free: int, at: int) -> int:
    """Move the bins between `free`, which is in no use, and `at`: where a bin before `at` goes."""
    if at > free:
        for block in range(BLOCKS):
            move(bins[block], free + 1, free, at - 1 - free)
        return at - 1
    for block in range(BLOCKS):
        move(bins[block], at, at + 1, free - at)
    return at


@lean
def best_reduction(
    nominal: Ints, filled: Ints, bins: Array, values: Array, binary: bool, min_branch: float
) -> Split:
    """The division that most reduces the standard deviation; none at all reduces it by 0."""
    best = Split(0.0, -1, AT_MOST, 0.0, 0, _NEVER)
    for j in range(nominal.shape[0]):
        if nominal[j]:
            found = _best_nominal(j, values[j], binary, min_branch)
        else:
            found = _best_threshold(j, bins[j], filled[j], min_branch)
        if found.merit > best.merit:
            best = Split(found.merit, j, found.kind, found.threshold, found.n_children, best.merit)
        elif found.merit > best.second:
            best = Split(
                best.merit, best.feature, best.kind, best.threshold, best.n_children, found.merit
            )
    return best


@lean
def part_at_most(threshold: float, bins: Array, filled: int) -> tuple[float, float, float]:
    """Moments of the target where the feature is <= `threshold`."""
    n, mean, m2 = 0.0, 0.0, 0.0
    for i in range(filled):
        if bins[CENTER, i] > threshold:
            break
        n, mean, m2 = merged(n, mean, m2, bins[COUNT, i], bins[MEAN, i], bins[M2, i])
    return n, mean, m2


@lean
def _spread(n: float, m2: float) -> float:
    """Weight times standard deviation."""
    return np.sqrt(n * m2) if n > 0.0 and m2 > 0.0 else 0.0


@lean
def _best_threshold(j: int, bins: Array, filled: int, min_branch: float) -> Split:
    total, mean, m2 = part_at_most(np.inf, bins, filled)
    before, best, threshold = _spread(total, m2), _NEVER, 0.0
    n1, mean1, m21 = 0.0, 0.0, 0.0
    for i in range(filled - 1):
        n1, mean1, m21 = merged(n1, mean1, m21, bins[COUNT, i], bins[MEAN, i], bins[M2, i])
        n2, _, m22 = parted(total, mean, m2, n1, mean1, m21)
        if n1 > min_branch * total and n2 > min_branch * total:
            merit = (before - _spread(n1, m21) - _spread(n2, m22)) / total
            if merit > best:
                best = merit
                threshold = 0.5 * bins[CENTER, i] + 0.5 * bins[CENTER, i + 1]
    return Split(best, j, AT_MOST, threshold, 2, _NEVER)


@lean
def _best_nominal(j: int, values: Array, binary: bool, min_branch: float) -> Split:
    """One child a value, or one value against the rest."""
    total, mean, m2 = 0.0, 0.0, 0.0
    for v in range(values.shape[1]):
        total, mean, m2 = merged(total, mean, m2, values[COUNT, v], values[MEAN, v], values[M2, v])
    before, best, threshold = _spread(total, m2), _NEVER, 0.0
    inside, n_branches, n_values = 0.0, 0, 0
    for v in range(values.shape[1]):
        n1 = values[COUNT, v]
        if n1 <= 0.0:
            continue
        inside, n_values = inside + _spread(n1, values[M2, v]), v + 1
        n_branches += n1 > min_branch * total
        n2, _, m22 = parted(total, mean, m2, n1, values[MEAN, v], values[M2, v])
        if n1 > min_branch * total and n2 > min_branch * total:
            merit = (before - _spread(n1, values[M2, v]) - _spread(n2, m22)) / total
            if merit > best:
                best, threshold = merit, float(v)
    if not binary and n_branches > 1:
        merit = (before - inside) / total
        if merit >= best * (1.0 - SAME):
            return Split(merit, j, MULTIWAY, 0.0, n_values, _NEVER)
    return Split(best, j, EQUAL, threshold, 2, _NEVER)
