"""Policies that a network's outputs describe: a softmax over actions, or a Gaussian."""

from __future__ import annotations

import numpy as np

from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.bare import bare
from onlineml.kernels.random import uniform
from onlineml.kernels.singles import Singles, place_of_largest

_SMALLEST = 1e-5  # added to a standard deviation


@bare
def deviation(x: float) -> float:
    """Standard deviation of an action, of a network's output."""
    return float(np.log1p(np.exp(-abs(x))) + max(x, 0.0) + _SMALLEST)


@bare
def drawn(outputs: Singles, random: Ints, k: int) -> int:
    """An action drawn from the softmax of `outputs`, by generator `k`."""
    highest, total = np.float64(outputs[place_of_largest(outputs)]), 0.0
    for j in range(outputs.shape[0]):
        total += np.exp(outputs[j] - highest)
    left = uniform(random, k) * total
    for j in range(outputs.shape[0] - 1):
        left -= np.exp(outputs[j] - highest)
        if left < 0.0:
            return j
    return int(outputs.shape[0] - 1)


@bare
def gaussian_deltas(outputs: Singles, action: Array, push: float, deltas: Singles) -> None:
    """Derivatives of log-probability plus `push` times entropy by means and raw deviations."""
    n = action.shape[0]
    for j in range(n):
        raw = np.float64(outputs[n + j])
        sigma, gap = deviation(raw), action[j] - outputs[j]
        slope = 1.0 / (1.0 + np.exp(-raw))
        deltas[j] = np.float32(gap / (sigma * sigma))
        deltas[n + j] = np.float32(slope * ((gap * gap / (sigma * sigma) - 1.0 + push) / sigma))


@bare
def softmax_deltas(outputs: Singles, action: int, push: float, deltas: Singles) -> None:
    """Derivatives of log-probability plus `push` times entropy by the outputs."""
    highest, total, mean = np.float64(outputs[place_of_largest(outputs)]), 0.0, 0.0
    for j in range(outputs.shape[0]):
        total += np.exp(outputs[j] - highest)
    shift = highest + np.log(total)
    for j in range(outputs.shape[0]):
        log_p = outputs[j] - shift
        mean += np.exp(log_p) * log_p
    for j in range(outputs.shape[0]):
        log_p = outputs[j] - shift
        p = np.exp(log_p)
        chosen = 1.0 if j == action else 0.0
        deltas[j] = np.float32(chosen - p - push * p * (log_p - mean))
