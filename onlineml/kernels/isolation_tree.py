"""Isolation trees: grown from a sample of rows by random cuts, and how deep a row falls in them.

Node `k` of a tree has the children `2 * k` and `2 * k + 1`. Where a value is missing, a row goes to
the side that has more of the sample.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints, f2, i2
from onlineml.kernels.random import below, uniform

LEAF = -1
STATE = (
    Field("features_", ("T", "N"), np.int64, LEAF),
    Field("cuts_", ("T", "N")),
    Field("masses_", ("T", "N"), np.int64),
    Field("depths_", ("T", "N")),
)


class Trees(NamedTuple):
    """Of every node: feature and place of its cut (`LEAF`: none), rows of the sample, and depth.

    The depth of a leaf with more than one row is what it would be on average if it were cut
    further.
    """

    features: Ints
    cuts: Array
    masses: Ints
    depths: Array


@jit
def trees_at(d: int, k: int) -> Trees:
    """The trees whose fields are the state arrays from `k` on."""
    return Trees(i2(d, k), f2(d, k + 1), i2(d, k + 2), f2(d, k + 3))


@jit
def usual_depth(n: float) -> float:
    """Mean depth of a row in a tree of `n` rows (Liu, Ting, Zhou 2008, equation 1)."""
    if n < 2.0:
        return 0.0
    if n < 3.0:
        return 1.0
    return float(2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n)


@jit
def depth(trees: Trees, t: int, x: Array) -> float:
    """How deep a row falls in tree `t`."""
    features, cuts, node = trees.features[t], trees.cuts[t], 1
    while features[node] != LEAF:
        value = x[features[node]]
        if value <= cuts[node]:
            node = 2 * node
        elif value > cuts[node]:
            node = 2 * node + 1
        else:
            node = _heavier(trees.masses[t], node)
    return float(trees.depths[t, node])


@jit
def _heavier(masses: Ints, node: int) -> int:
    return 2 * node + (1 if masses[2 * node + 1] > masses[2 * node] else 0)


@jit
def grow(trees: Trees, t: int, rows: Array, sample: Ints, random: Ints, g: int) -> None:
    """Make tree `t` anew from the rows that `sample` lists; it is put in another order."""
    features, masses = trees.features[t], trees.masses[t]
    first = np.empty(masses.shape[0], np.int64)  # where in the sample the rows of a node begin
    features[:] = LEAF
    masses[:] = 0
    masses[1], first[1] = sample.shape[0], 0
    for node in range(1, masses.shape[0]):
        if masses[node] > 1 and 2 * node < masses.shape[0]:
            part = sample[first[node] : first[node] + masses[node]]
            q, low, high = _choose_feature(rows, part, random, g)
            if q != LEAF:
                cut = low + uniform(random, g) * (high - low)
                features[node], trees.cuts[t, node] = q, cut
                n_left = divide(rows, part, q, cut)
                masses[2 * node], masses[2 * node + 1] = n_left, masses[node] - n_left
                first[2 * node], first[2 * node + 1] = first[node], first[node] + n_left
    level, last = 0.0, 1
    for node in range(1, masses.shape[0]):
        if node > last:
            level, last = level + 1.0, 2 * last + 1
        trees.depths[t, node] = level + usual_depth(float(masses[node]))


@jit
def _choose_feature(rows: Array, part: Ints, random: Ints, g: int) -> tuple[int, float, float]:
    """A random feature that is not the same in all rows, its least and largest value."""
    n_features = rows.shape[1]
    start = below(random, g, n_features)
    for k in range(n_features):  # the next one that can be cut; mostly the first is
        j = (start + k) % n_features
        low, high = np.inf, -np.inf
        for i in part:
            low = rows[i, j] if rows[i, j] < low else low
            high = rows[i, j] if rows[i, j] > high else high
        if low < high:
            return j, low, high
    return LEAF, 0.0, 0.0


@jit
def divide(rows: Array, part: Ints, q: int, cut: float) -> int:
    """Put rows on the lower side first, then those without a value; returns how many are lower.

    Rows without a value count to the side that has more of the others.
    """
    n_lower = n_higher = 0
    n = part.shape[0]
    k = 0
    while k < n - n_higher:
        i = part[k]
        if rows[i, q] > cut:
            n_higher += 1
            part[k], part[n - n_higher] = part[n - n_higher], i
        else:
            if rows[i, q] <= cut:
                part[k], part[n_lower] = part[n_lower], i
                n_lower += 1
            k += 1
    return n_lower if n_higher > n_lower else n - n_higher
