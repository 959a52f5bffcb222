"""Groups of columns that vary together, grown along a minimum spanning tree.

References
----------
.. [1] Prim (1957), Shortest connection networks and some generalizations, Bell System Technical
   Journal 36(6), 1389-1401. doi:10.1002/j.1538-7305.1957.tb01515.x
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.principal_axes import product


@jit
def distances(columns: Array) -> Array:
    """One minus the absolute correlation of each pair of rows of `columns`."""
    n = columns.shape[0]
    found = np.ones((n, n))
    for a in range(n):
        _standardize(columns[a])
        for b in range(a):
            found[a, b] = found[b, a] = 1.0 - abs(product(columns[a], columns[b]))
    return found


@jit
def _standardize(column: Array) -> None:
    """Mean 0 and length 1; a constant one becomes 0."""
    n, total = column.shape[0], 0.0
    for i in range(n):
        total += column[i]
    for i in range(n):
        column[i] -= total / n
    length = np.sqrt(product(column, column))
    for i in range(n):
        column[i] = column[i] / length if length > 0.0 else 0.0


@jit
def joined(between: Array, most: int) -> Ints:
    """Join along the minimum spanning tree, the nearest first, at most `most`: first of each group.

    Groups are numbered by their first member.
    """
    n = between.shape[0]
    length, near = np.full(n, np.inf), np.zeros(n, np.int64)
    _grow_tree(between, length, near)
    owner, size, done = np.arange(n), np.ones(n, np.int64), np.zeros(n, np.bool_)
    done[0] = True
    for _ in range(n - 1):
        b = _least(length, done)
        done[b] = True
        p, q = min(owner[b], owner[near[b]]), max(owner[b], owner[near[b]])
        if size[p] + size[q] <= most:
            size[p] += size[q]
            for c in range(n):
                owner[c] = p if owner[c] == q else owner[c]
    return owner


@jit
def _grow_tree(between: Array, length: Array, near: Ints) -> None:
    """Prim: the edge by which each but the first came to the tree, its length and other end."""
    inside = np.zeros(length.shape[0], np.bool_)
    for k in range(length.shape[0]):
        at = _least(length, inside) if k > 0 else 0
        inside[at] = True
        for b in range(length.shape[0]):
            if not inside[b] and between[at, b] < length[b]:
                length[b], near[b] = between[at, b], at


@jit
def _least(length: Array, done: npt.NDArray[np.bool_]) -> int:
    """Place of the least that is not done yet; the first of some."""
    at = -1
    for b in range(length.shape[0]):
        if not done[b] and (at < 0 or length[b] < length[at]):
            at = b
    return at
