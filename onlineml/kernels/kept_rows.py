"""Rows that a detector keeps, oldest first: to find one that is to be forgotten, and to drop it."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array


@jit
def newest_like(rows: Array, n: int, x: Array) -> int:
    """Place of the newest of the first `n` rows that equals `x`; -1 where none does."""
    for i in range(n - 1, -1, -1):
        j = 0
        while j < x.shape[0] and (rows[i, j] == x[j] or (np.isnan(rows[i, j]) and np.isnan(x[j]))):
            j += 1
        if j == x.shape[0]:
            return i
    return -1


@jit
def close_up(rows: Array, i: int, n: int) -> None:
    """Drop row `i` of the first `n`: those after it move together."""
    for k in range(i, n - 1):
        for j in range(rows.shape[1]):
            rows[k, j] = rows[k + 1, j]
