"""The `k` largest of some numbers, hard or soft."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints

_LEAST_SHARE = 0.3  # softly chosen ones below it are dropped
_FAR = 40.0  # a logistic function is 0 or 1 from here on
_STEPS = 60


@jit
def top_k(values: Array, best: Ints) -> None:
    """Write the places of the largest values to `best`, in falling order; of equals the first."""
    k, n = best.shape[0], 0
    for e in range(values.shape[0]):
        if n == k and values[e] <= values[best[k - 1]]:
            continue
        n = min(n + 1, k)
        a = n - 1
        while a > 0 and values[best[a - 1]] < values[e]:
            best[a] = best[a - 1]
            a -= 1
        best[a] = e


@jit
def soft_top_k(cosine: Array, k: int, epsilon: float, chosen: Ints, share: Array) -> int:
    """Places and shares of the about `k` largest cosines; how many.

    Optimal transport of the distances s = 1 - cosine to the two points 0 (to which `k` of them go)
    and 1, with entropy `epsilon` (Xie et al. 2020, section 3). With two points the plan is a
    logistic function of ((1 - s)^2 - s^2) / epsilon plus the one number that makes it sum to
    `k`: found by Newton's steps, with bisection where they leave the bracket.
    """
    top_k(cosine, chosen[:k])
    slope = 2.0 / epsilon  # (1 - s)^2 - s^2 = 2 cosine - 1
    middle = cosine[chosen[k - 1]]
    reach = (_FAR + np.log(cosine.shape[0])) / slope
    low, high = middle, cosine[chosen[0]] + reach
    for e in range(cosine.shape[0]):
        low = min(low, cosine[e] - reach)
    for _ in range(_STEPS):
        total, steepness = 0.0, 0.0
        for e in range(cosine.shape[0]):
            part = _logistic(slope * (cosine[e] - middle))
            total += part
            steepness += part * (1.0 - part)
        if abs(total - k) < 1e-9:
            break
        low, high = (middle, high) if total > k else (low, middle)
        step = middle + (total - k) / (slope * steepness) if steepness > 0.0 else low
        middle = step if low < step < high else 0.5 * (low + high)
    first, m = chosen[0], 0
    for e in range(cosine.shape[0]):
        part = _logistic(slope * (cosine[e] - middle))
        if part >= _LEAST_SHARE:
            chosen[m], share[m] = e, part
            m += 1
    if m == 0:  # too many of them at the same distance: none has its share
        chosen[0], share[0] = first, 1.0
    return max(m, 1)


@jit
def _logistic(value: float) -> float:
    if value > _FAR:
        return 1.0
    return 1.0 / (1.0 + np.exp(-value)) if value > -_FAR else 0.0
