"""Rows as short lists of (place of a weight, value): what linear models see of a row.

A numeric feature `j` has the weight at place `j * V`, value `v` of a nominal one that at
`j * V + v`, where `V` is the room for nominal values: one-hot encoding without the zeros. Missing
values have no entry, so their weights are neither used nor changed. A row with as many entries as
there are weights has them in order: the loops then need no places, and may use vector instructions.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import lean
from onlineml.kernels.arena import Array, Ints

LOSSES = {"squared": 0, "absolute": 1, "huber": 2}
_ABSOLUTE, _HUBER = 1, 2
LARGEST = 1e50  # anything beyond would overflow when squared and summed: taken for missing


@lean
def spread(x: Array, nominal: Ints, room: int, places: Ints, values: Array) -> int:
    """Write the entries of `x` to `places` and `values`; how many there are."""
    n = 0
    for j in range(x.shape[0]):
        if not abs(x[j]) <= LARGEST:  # NaN too
            continue
        if nominal[j] == 0:
            places[n], values[n] = j * room, x[j]
            n += 1
        elif 0.0 <= x[j] < room:
            places[n], values[n] = j * room + int(x[j]), 1.0
            n += 1
    return n


@lean
def weighed(weights: Array, places: Ints, values: Array, n: int) -> float:
    """Scalar product of `weights` with the first `n` entries."""
    total = 0.0
    if n == weights.shape[0]:
        for a in range(n):
            total += weights[a] * values[a]
    else:
        for a in range(n):
            total += weights[places[a]] * values[a]
    return total


@lean
def shift(weights: Array, places: Ints, values: Array, n: int, step: float) -> None:
    """Add `step` times the entries to `weights`."""
    if n == weights.shape[0]:
        for a in range(n):
            weights[a] += step * values[a]
    else:
        for a in range(n):
            weights[places[a]] += step * values[a]


@lean
def squared_norm(values: Array, n: int) -> float:
    """Squared length of the first `n` entries."""
    total = 0.0
    for a in range(n):
        total += values[a] * values[a]
    return total


@lean
def slope_of(error: float, loss: int, delta: float) -> float:
    """Derivative of a loss of `LOSSES` by the answer that is off by `error`."""
    if loss == _ABSOLUTE:
        return float(np.sign(error))
    if loss == _HUBER:
        return min(max(error, -delta), delta)
    return error
