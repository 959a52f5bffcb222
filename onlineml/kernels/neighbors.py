"""A window of the last rows, and the ones nearest to a new row.

Rows are kept feature by feature, so that the distances of a row to all others are a few passes
that the compiler turns into vector instructions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints, f1, f2, i1
from onlineml.kernels.linear import LARGEST

STATE = (
    Field("nominal_", ("F",), np.int64),
    Field("cursor_", (2,), np.int64),
    Field("rows_", ("F", "W"), fill=np.nan),
    Field("targets_", ("W",)),
    Field("weights_", ("W",)),
    Field("n_", ("F",)),
    Field("mean_", ("F",)),
    Field("m2_", ("F",)),
)


class Window(NamedTuple):
    """The last rows, in a ring, and what is known of each.

    `cursor` holds the next place and the number of rows; `n`, `mean` and `m2` are count, mean and
    sum of squared deviations of every feature in the window.
    """

    nominal: Ints
    cursor: Ints
    rows: Array
    targets: Array
    weights: Array
    n: Array
    mean: Array
    m2: Array


@jit
def window_at(d: int, k: int) -> Window:
    """The window whose fields are the state arrays from `k` on."""
    return Window(
        i1(d, k), i1(d, k + 1), f2(d, k + 2), f1(d, k + 3), f1(d, k + 4), f1(d, k + 5),
        f1(d, k + 6), f1(d, k + 7),
    )  # fmt: skip


@jit
def distances(window: Window, x: Array, scaled: bool, squares: Array) -> None:
    """Squared distance of `x` to every row of the window, into `squares`."""
    n = window.cursor[1]
    squares[:n] = 0.0
    for j in range(x.shape[0]):
        if not abs(x[j]) <= LARGEST:
            continue  # the same for all rows
        if window.nominal[j]:
            _add_mismatches(window.rows[j], x[j], n, squares)
            continue
        variance = window.m2[j] / window.n[j] if window.n[j] > 0.0 else 0.0
        if not scaled:
            _add_squares(window.rows[j], x[j], n, 1.0, 2.0 * variance, squares)
        elif variance > 0.0:
            _add_squares(window.rows[j], x[j], n, 1.0 / variance, 2.0, squares)


@jit
def _add_squares(
    column: Array, value: float, n: int, precision: float, missing: float, squares: Array
) -> None:
    for i in range(n):
        gap = column[i] - value
        square = gap * gap * precision
        squares[i] += square if square == square else missing


@jit
def _add_mismatches(column: Array, value: float, n: int, squares: Array) -> None:
    for i in range(n):
        squares[i] += 0.0 if column[i] == value else 2.0


@jit
def nearest(window: Window, squares: Array, best: Ints) -> int:
    """Places of the nearest rows, nearest first, into `best`; how many there are.

    Of rows equally far, the newer.
    """
    size, n, found = window.rows.shape[1], window.cursor[1], 0
    worst = np.inf
    for age in range(1, n + 1):
        i = window.cursor[0] - age
        if i < 0:
            i += size
        if squares[i] < worst or found < best.shape[0]:
            found = min(found + 1, best.shape[0])
            at = found - 1
            while at > 0 and squares[best[at - 1]] > squares[i]:
                best[at] = best[at - 1]
                at -= 1
            best[at] = i
            if found == best.shape[0]:
                worst = squares[best[found - 1]]
    return found


@jit
def say(window: Window, i: int, square: float, by_distance: bool) -> float:
    """How much the neighbor at place `i` counts."""
    if by_distance:  # a row at distance 0 outweighs all others
        return float(window.weights[i] / max(np.sqrt(square), 1e-100))
    return float(window.weights[i])


@jit
def remember(window: Window, x: Array, target: float, weight: float) -> None:
    """Put a row in the place of the oldest."""
    i, size = window.cursor[0], window.rows.shape[1]
    for j in range(x.shape[0]):
        if window.cursor[1] == size:
            _leave(window, j, window.rows[j, i])
        value = x[j] if abs(x[j]) <= LARGEST else np.nan
        window.rows[j, i] = value
        _enter(window, j, value)
    window.targets[i], window.weights[i] = target, weight
    window.cursor[1] = max(window.cursor[1], i + 1)
    window.cursor[0] = (i + 1) % size
    if window.cursor[0] == 0:  # once a round, lest rounding errors pile up
        for j in range(x.shape[0]):
            window.n[j] = window.mean[j] = window.m2[j] = 0.0
            for i in range(size):
                _enter(window, j, window.rows[j, i])


@jit
def _enter(window: Window, j: int, value: float) -> None:
    if not np.isnan(value):
        window.n[j] += 1.0
        gap = value - window.mean[j]
        window.mean[j] += gap / window.n[j]
        window.m2[j] += gap * (value - window.mean[j])


@jit
def _leave(window: Window, j: int, value: float) -> None:
    if np.isnan(value):
        return
    window.n[j] -= 1.0
    if window.n[j] == 0.0:
        window.mean[j] = window.m2[j] = 0.0
    else:
        gap = value - window.mean[j]
        window.mean[j] -= gap / window.n[j]
        window.m2[j] = max(window.m2[j] - gap * (value - window.mean[j]), 0.0)
