"""Running scales of what an agent sees and gets.

Observations lose their mean and get unit variance, feature by feature; rewards are divided by the
standard deviation of their discounted running sum. `forgetting` is the least weight of the newest
value: 0 remembers all alike, 0.001 about the last thousand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels.arena import Array
from onlineml.kernels.bare import bare
from onlineml.kernels.singles import Singles

_FARTHEST, _LARGEST = 100.0, 1e6  # nothing beyond reaches a network: scaled, or as it is
_FLOOR = 1e-8  # added to a variance
_SLOWEST = 0.99  # fading of a sum of rewards that would not fade
#: Places of what is known of rewards: number, mean, squares, running sum, factor, mean reward.
_N, _MEAN, _M2, _SUM, FACTOR, AVERAGE, N_REWARD = range(7)


class Scales(NamedTuple):
    """Statistics of the observations, each `(n_features,)`."""

    n: Array
    mean: Array
    m2: Array  # sum of squared deviations; the variance itself where old values are forgotten
    factor: Array  # 1 / standard deviation


@bare
def scaled(x: Array, scales: Scales, on: float, out: Singles) -> None:
    """Write the scaled `x` to `out`; what is missing counts as the mean, as does the very first."""
    for j in range(x.shape[0]):
        value, limit = x[j], _LARGEST
        if on > 0.0:
            value, limit = (value - scales.mean[j]) * scales.factor[j], _FARTHEST
        value = min(max(value, -limit), limit)
        out[j] = np.float32(0.0 if np.isnan(value) else value)


@bare
def meet(x: Array, scales: Scales, forgetting: float) -> None:
    """Take `x` into the statistics."""
    for j in range(x.shape[0]):
        if np.isnan(x[j]):
            continue
        scales.n[j] += 1.0
        scales.mean[j], scales.m2[j], scales.factor[j] = _with(
            x[j], scales.n[j], scales.mean[j], scales.m2[j], forgetting
        )


@bare
def _with(
    value: float, n: float, mean: float, m2: float, forgetting: float
) -> tuple[float, float, float]:
    """Mean, squares and 1 / standard deviation of `n` values, of which `value` is the newest."""
    gap = value - mean
    gain = max(1.0 / n, forgetting)
    mean += gain * gap
    if forgetting > 0.0:
        m2 = (1.0 - gain) * (m2 + gain * gap * gap)
        variance = m2
    else:
        m2 += gap * (value - mean)
        variance = m2 / max(n - 1.0, 1.0)
    return mean, m2, float(1.0 / np.sqrt(variance + _FLOOR)) if n > 1.0 else 1.0


@bare
def fading_of_sum(gamma: float, average_rate: float) -> float:
    """By how much the running sum of rewards fades.

    Where rewards count relative to their mean, nothing ends and nothing is discounted: a sum would
    grow for ever, and bring all scaled rewards to 0.
    """
    return min(gamma, _SLOWEST) if average_rate > 0.0 else gamma


@bare
def scaled_reward(
    reward: float, known: Array, gamma: float, forgetting: float, on: float, ends: bool
) -> float:
    """Take `reward` into what is known of rewards; the scaled reward."""
    known[_SUM] = gamma * known[_SUM] + reward
    known[_N] += 1.0
    known[_MEAN], known[_M2], factor = _with(
        known[_SUM], known[_N], known[_MEAN], known[_M2], forgetting
    )
    known[FACTOR] = factor if on > 0.0 else 1.0
    if ends:
        known[_SUM] = 0.0
    return float(reward * known[FACTOR])
