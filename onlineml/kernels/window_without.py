"""A window of the last rows without one of them."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.neighbors import Window
from onlineml.kernels.views import move

_LITTLE = 1e-3  # share of a sum of squares: one that shrinks below it is summed anew


@jit
def leave_out(window: Window, x: Array, target: float, weight: float) -> bool:
    """Take the newest row that is like this one out of the window; False where there is none.

    The others move together, the oldest to the first place: the window has room for a row more.
    """
    size, n = window.rows.shape[1], window.cursor[1]
    oldest = window.cursor[0] if n == size else 0
    for age in range(n - 1, -1, -1):
        i = (oldest + age) % size
        if window.targets[i] == target and window.weights[i] == weight and _like(window, i, x):
            for j in range(x.shape[0]):
                _move_together(window.rows[j], oldest, age, n)
                window.rows[j, n - 1] = np.nan
                _forget(window, j, x[j], n - 1)
            _move_together(window.targets, oldest, age, n)
            _move_together(window.weights, oldest, age, n)
            window.targets[n - 1] = window.weights[n - 1] = 0.0
            window.cursor[0] = window.cursor[1] = n - 1
            return True
    return False


@jit
def _like(window: Window, i: int, x: Array) -> bool:
    for j in range(x.shape[0]):
        kept = window.rows[j, i]
        if not (kept == x[j] or (np.isnan(kept) and not abs(x[j]) <= LARGEST)):
            return False
    return True


@jit
def _move_together(column: Array, oldest: int, age: int, n: int) -> None:
    if oldest == 0:
        move(column, age + 1, age, n - 1 - age)
        return
    turned = np.empty(n)
    for k in range(oldest, n):  # loops: to put slices together takes a second to compile
        turned[k - oldest] = column[k]
    for k in range(oldest):
        turned[n - oldest + k] = column[k]
    move(turned, age + 1, age, n - 1 - age)
    for k in range(n - 1):
        column[k] = turned[k]


@jit
def _forget(window: Window, j: int, value: float, n: int) -> None:
    """Take a value out of the moments of feature `j`, whose column has `n` rows left."""
    if not abs(value) <= LARGEST:
        return
    window.n[j] -= 1.0
    before = window.m2[j]
    if window.n[j] > 0.0:
        gap = value - window.mean[j]
        window.mean[j] -= gap / window.n[j]
        window.m2[j] -= gap * (value - window.mean[j])
    if window.n[j] == 0.0 or window.m2[j] <= _LITTLE * before:
        window.n[j] = window.mean[j] = window.m2[j] = 0.0
        for i in range(n):
            if not np.isnan(window.rows[j, i]):
                window.n[j] += 1.0
                gap = window.rows[j, i] - window.mean[j]
                window.mean[j] += gap / window.n[j]
                window.m2[j] += gap * (window.rows[j, i] - window.mean[j])
