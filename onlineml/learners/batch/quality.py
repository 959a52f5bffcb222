"""How good a member is on a batch: what its weight in the vote is made of.

`out` holds a member's outputs, one row per event: its answer, then its class probabilities.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array


@jit
def squared_error(out: Array, y: Array, weight: Array) -> float:
    """Mean of `(1 - p(true class))^2`."""
    error, total = 0.0, 0.0
    for i in range(y.shape[0]):
        column = 1 + int(y[i])
        gap = 1.0 - (out[i, column] if column < out.shape[1] else 0.0)
        error += weight[i] * gap * gap
        total += weight[i]
    return error / total


@jit
def chance_error(y: Array, weight: Array, n_classes: int) -> float:
    """Squared error of answering with the shares of the classes: `sum_c p_c (1 - p_c)^2`."""
    mass = class_mass(y, weight, n_classes)
    mass /= mass.sum()
    return float(np.sum(mass * (1.0 - mass) ** 2))


@jit
def class_mass(y: Array, weight: Array, n_classes: int) -> Array:
    """Sum of the weights of each class."""
    mass = np.zeros(n_classes)
    for i in range(y.shape[0]):
        mass[int(y[i])] += weight[i]
    return mass


@jit
def accuracy(out: Array, y: Array, weight: Array) -> float:
    """Share of right answers, by weight."""
    right, total = 0.0, 0.0
    for i in range(y.shape[0]):
        if out[i, 0] == y[i]:
            right += weight[i]
        total += weight[i]
    return right / total


@jit
def kappa(out: Array, y: Array, weight: Array, n_classes: int) -> float:
    """Cohen's kappa; 0 where answers and labels are all of one class."""
    said, occurred = np.zeros(n_classes), np.zeros(n_classes)
    right, total = 0.0, 0.0
    for i in range(y.shape[0]):
        if out[i, 0] >= 0.0:
            said[int(out[i, 0])] += weight[i]
        occurred[int(y[i])] += weight[i]
        right += weight[i] if out[i, 0] == y[i] else 0.0
        total += weight[i]
    by_chance = np.sum(said * occurred) / (total * total)
    return (right / total - by_chance) / (1.0 - by_chance) if by_chance < 1.0 else 0.0


@jit
def recalls(out: Array, y: Array, weight: Array, n_classes: int) -> Array:
    """Recall of each class by weight; NaN where a class has no rows."""
    right, total = np.zeros(n_classes), np.zeros(n_classes)
    for i in range(y.shape[0]):
        total[int(y[i])] += weight[i]
        if out[i, 0] == y[i]:
            right[int(y[i])] += weight[i]
    for c in range(n_classes):
        right[c] = right[c] / total[c] if total[c] > 0.0 else np.nan
    return right


@jit
def mean_recall(out: Array, y: Array, weight: Array, n_classes: int) -> float:
    """Mean of the recalls of the classes that have rows."""
    total, n = 0.0, 0
    for recall in recalls(out, y, weight, n_classes):
        if not np.isnan(recall):
            total += recall
            n += 1
    return total / n
