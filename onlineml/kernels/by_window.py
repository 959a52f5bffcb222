"""Rows window by window: members that do not wait for each other within one take turns.

Each passes over all rows of the window before the next one does: the same bits as row by row, and
warm caches.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import ANSWER_AND_SCORES, Array, Call, Ints

#: A detector's first counts: rows in the window, how many it takes, and how many the last one had.
N_ROWS, ROOM, N_BEFORE = range(3)
_SHORTEST = 8  # rows of the first window; each takes twice those of the last, up to its size


def first_room(window_size: int, shortest: int = _SHORTEST) -> int:
    """Rows that the first window takes: few, so that scores begin early."""
    return min(shortest, window_size)


@jit
def keep(call: Call, first: int, last: int, counts: Ints, recent: Array) -> int:
    """Keep rows that tell something, till the window is full; returns the row after them."""
    i = first
    while i < last and counts[N_ROWS] < counts[ROOM]:
        if row_tells(call, i):
            for j in range(call.X.shape[1]):
                recent[counts[N_ROWS], j] = call.X[i, j]
            counts[N_ROWS] += 1
        i += 1
    return i


@jit
def turn(counts: Ints, recent: Array, ranges: Array) -> Array:
    """Begin the next window; returns the rows of the last one.

    If it was longer than the one before, it knows ranges better: those are forgotten.
    """
    n = counts[N_ROWS]
    if n != counts[N_BEFORE]:
        ranges[:] = np.nan
    counts[N_BEFORE], counts[N_ROWS] = n, 0
    counts[ROOM] = min(2 * counts[ROOM], recent.shape[0])
    return recent[:n]


@jit
def clear(call: Call, first: int, last: int) -> None:
    """Write zeros as answers, and as scores if they are asked for."""
    width = call.out.shape[1] if call.serve == ANSWER_AND_SCORES else 1
    for i in range(first, last):
        for k in range(width):
            call.out[i, k] = 0.0


@jit
def is_known(x: Array) -> bool:
    """Whether a row has any value."""
    for value in x:  # noqa: SIM110 - no generators in kernels
        if not np.isnan(value):
            return True
    return False


@jit
def is_whole(x: Array) -> bool:
    """Whether a row misses no value."""
    for value in x:  # noqa: SIM110
        if np.isnan(value):
            return False
    return True
