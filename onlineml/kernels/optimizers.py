"""Gradient steps on the few weights that a row touches."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import lean
from onlineml.kernels.arena import Array, Ints

#: Name of a rule -> its number in kernels, which is also how many moments of a weight it keeps.
RULES = {"sgd": 0, "adagrad": 1, "adam": 2}
SGD, _ADAGRAD, _ADAM = 0, 1, 2
_DECAY_1, _DECAY_2, _EPSILON = 0.9, 0.999, 1e-8


@lean
def correction(rule: int, t: float) -> float:
    """What Adam multiplies step `t` (from 1) by, since its moments began at 0."""
    return float(np.sqrt(1.0 - _DECAY_2**t) / (1.0 - _DECAY_1**t)) if rule == _ADAM else 1.0


@lean
def descend(
    rule: int, rate: float, shrink: float, weights: Array, moments: Array, places: Ints,
    values: Array, n: int, slope: float,
) -> None:  # fmt: skip
    """Step the weights at `places` against the gradient `slope * values`.

    `moments` is `(number of moments, number of weights)`. `rate` has Adam's correction in it.
    Weights are first multiplied by `shrink` (weight decay apart from the gradient).
    """
    if rule == SGD and n == weights.shape[0]:  # all weights, in order
        for a in range(n):
            weights[a] = weights[a] * shrink - rate * (slope * values[a])
        return
    for a in range(n):
        k = places[a]
        weights[k] *= shrink
        descend_at(rule, rate, weights, moments, k, slope * values[a])


@lean
def descend_at(
    rule: int, rate: float, weights: Array, moments: Array, k: int, gradient: float
) -> None:
    """Step weight `k` against `gradient`."""
    if rule == _ADAGRAD:
        moments[0, k] += gradient * gradient
        gradient /= np.sqrt(moments[0, k]) + _EPSILON
    elif rule == _ADAM:
        moments[0, k] += (1.0 - _DECAY_1) * (gradient - moments[0, k])
        moments[1, k] += (1.0 - _DECAY_2) * (gradient * gradient - moments[1, k])
        gradient = moments[0, k] / (np.sqrt(moments[1, k]) + _EPSILON)
    weights[k] -= rate * gradient


@lean
def decay(rate: float, l2: float, weight: float) -> float:
    """Factor by which an event of `weight` shrinks the weights that it touches."""
    return 1.0 / (1.0 + rate * l2 * weight)
