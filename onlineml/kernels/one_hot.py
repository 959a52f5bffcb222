"""Rows with nominal features spread out: one place for each value, as full vectors.

Feature `j` has the places from `j * room`. A numeric feature uses the first alone; a nominal one
has a place for every value seen: 1 at the row's own, 0 at the others. NaN marks a place without
content: the feature is missing, or nothing uses the place. So a feature is missing exactly when its
first place is NaN.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.linear import LARGEST


@jit
def meet(x: Array, nominal: Ints, room: int, n_values: Ints) -> None:
    """Remember which nominal values row `x` shows."""
    for j in range(x.shape[0]):
        if nominal[j] and n_values[j] <= x[j] < room:
            n_values[j] = int(x[j]) + 1


@jit
def expand(x: Array, nominal: Ints, room: int, n_values: Ints, z: Array) -> None:
    """Write row `x` to the places `z`; values not met yet are missing."""
    for p in range(z.shape[0]):
        z[p] = np.nan
    for j in range(x.shape[0]):
        if nominal[j]:
            if 0.0 <= x[j] < n_values[j]:
                for v in range(n_values[j]):
                    z[j * room + v] = 1.0 if v == int(x[j]) else 0.0
        elif abs(x[j]) <= LARGEST:
            z[j * room] = x[j]
