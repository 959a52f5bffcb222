"""Random cut trees over one set of points: a point is found a place, takes it, or leaves it.

All trees hold the same points. Node numbers below `n_inner` are cuts with two children, the others
leaves: `n_inner + id` for point `id`. A missing value has no extent: boxes leave it out, and
at a cut of its feature a point goes where most are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.boxes import widen
from onlineml.kernels.random import uniform

NONE = -1
_LEFT, _RIGHT, _COUNT, _FEATURE = range(4)


class Trees(NamedTuple):
    """All trees; `t` is the first axis but of `points`, `times` and `weights`.

    A row of `nodes` holds children, number of points and feature of a cut; children of those that
    are free lead to the next free one. `low` and `high` are the boxes around the points of a node.
    `times` is how often a point is there, `weights` what a unit of each feature counts.
    """

    points: Array
    times: Ints
    weights: Array
    nodes: Ints
    cuts: Array
    low: Array
    high: Array
    parents: Ints
    roots: Ints
    free: Ints


@jit
def clear(trees: Trees) -> None:
    """Empty all trees."""
    trees.roots[:] = NONE
    trees.free[:] = 0
    for t in range(trees.nodes.shape[0]):
        for k in range(trees.nodes.shape[1]):
            trees.nodes[t, k, _LEFT] = k + 1


@jit
def _n_points(nodes: Ints, times: Ints, node: int) -> int:
    """Number of points of a node."""
    n_inner = nodes.shape[0]
    return int(nodes[node, _COUNT] if node < n_inner else times[node - n_inner])


@jit
def place(trees: Trees, t: int, x: Array, random: Ints) -> tuple[int, int, float, float]:
    """Where `x`, not among the points, would be cut off: node, feature, cut, and displacement.

    That is the largest ratio, on its way, of the points beside to those that it is with.
    """
    nodes, low, high, times = trees.nodes[t], trees.low[t], trees.high[t], trees.times
    node, n_inner, displacement = trees.roots[t], nodes.shape[0], 0.0
    while 0 <= node < n_inner:
        extent, beyond = _lengths(trees.weights, low[node], high[node], x)
        at = uniform(random, 0) * (extent + beyond)
        if at < beyond:
            feature, cut = _cut_off(trees.weights, low[node], high[node], x, at)
            return node, feature, cut, max(displacement, 1.0 * nodes[node, _COUNT])
        side = _side(nodes, times, node, x[nodes[node, _FEATURE]], trees.cuts[t, node])
        beside = _n_points(nodes, times, nodes[node, 1 - side])
        node = nodes[node, side]
        displacement = max(displacement, beside / (_n_points(nodes, times, node) + 1.0))
    if node == NONE:
        return NONE, 0, np.nan, 0.0
    point = trees.points[node - n_inner]
    at = uniform(random, 0) * _lengths(trees.weights, point, point, x)[1]
    feature, cut = _cut_off(trees.weights, point, point, x, at)
    return node, feature, cut, max(displacement, 1.0 * times[node - n_inner])


@jit
def displacement_of_twin(trees: Trees, t: int, point: int) -> float:
    """The same of one more row that is equal to a point."""
    nodes, parents, times = trees.nodes[t], trees.parents[t], trees.times
    node, displacement = nodes.shape[0] + point, 0.0
    while parents[node] != NONE:
        beside = _n_points(nodes, times, _sibling(nodes, parents[node], node))
        displacement = max(displacement, beside / (_n_points(nodes, times, node) + 1.0))
        node = parents[node]
    return displacement


@jit
def _lengths(weights: Array, low: Array, high: Array, x: Array) -> tuple[float, float]:
    """Sum of the sides of a box, and how far `x` lies beyond it along all features."""
    extent = beyond = 0.0
    for j in range(x.shape[0]):
        side = high[j] - low[j]
        extent += weights[j] * (side if side > 0.0 else 0.0)
        gap = max(low[j] - x[j], x[j] - high[j])
        beyond += weights[j] * (gap if gap > 0.0 else 0.0)
    return extent, beyond


@jit
def _cut_off(weights: Array, low: Array, high: Array, x: Array, at: float) -> tuple[int, float]:
    """The cut between the box and `x` that lies `at` along the features; NaN where none does."""
    feature, cut = 0, np.nan
    for j in range(x.shape[0]):
        gap = max(low[j] - x[j], x[j] - high[j])
        length = weights[j] * gap if gap > 0.0 else 0.0
        if length > 0.0:
            lower, upper = (x[j], low[j]) if x[j] < low[j] else (high[j], x[j])
            feature, cut = j, lower + at / weights[j]
            if not cut < upper:
                cut = lower
            if length > at:
                break
            at -= length
    return feature, cut


@jit
def _side(nodes: Ints, times: Ints, node: int, value: float, cut: float) -> int:
    if value <= cut:
        return _LEFT
    if value > cut:
        return _RIGHT
    left, right = nodes[node, _LEFT], nodes[node, _RIGHT]
    return _RIGHT if _n_points(nodes, times, right) > _n_points(nodes, times, left) else _LEFT


@jit
def _sibling(nodes: Ints, parent: int, node: int) -> int:
    left, right = nodes[parent, _LEFT], nodes[parent, _RIGHT]
    return int(right if left == node else left)


@jit
def attach(trees: Trees, t: int, point: int, node: int, feature: int, cut: float) -> None:
    """Give a point its place beside `node`, cut off from it; in an empty tree `node` is NONE."""
    nodes, parents, low, high = trees.nodes[t], trees.parents[t], trees.low[t], trees.high[t]
    leaf, k = nodes.shape[0] + point, trees.free[t]
    if node == NONE:
        trees.roots[t], parents[leaf] = leaf, NONE
        return
    trees.free[t] = nodes[k, _LEFT]
    on_left = trees.points[point, feature] <= cut
    nodes[k, _LEFT], nodes[k, _RIGHT] = (leaf, node) if on_left else (node, leaf)
    nodes[k, _COUNT] = _n_points(nodes, trees.times, node)
    nodes[k, _FEATURE], trees.cuts[t, k] = feature, cut
    _hang(nodes, parents, trees.roots, t, parents[node], node, k)
    parents[leaf] = parents[node] = k
    _take_over(low, high, trees.points, k, node)
    while k != NONE:
        nodes[k, _COUNT] += 1
        widen(low[k], high[k], trees.points[point], trees.points[point])
        k = parents[k]


@jit
def _hang(nodes: Ints, parents: Ints, roots: Ints, t: int, parent: int, old: int, new: int) -> None:
    """Put node `new` where `old` hangs, below `parent`."""
    parents[new] = parent
    if parent == NONE:
        roots[t] = new
    elif nodes[parent, _LEFT] == old:
        nodes[parent, _LEFT] = new
    else:
        nodes[parent, _RIGHT] = new


@jit
def _take_over(low: Array, high: Array, points: Array, k: int, child: int) -> None:
    """Make the box of a child that of node `k`."""
    point = child - low.shape[0]
    for j in range(points.shape[1]):
        low[k, j] = low[child, j] if point < 0 else points[point, j]
        high[k, j] = high[child, j] if point < 0 else points[point, j]


@jit
def recount(trees: Trees, t: int, point: int, change: int) -> None:
    """Note that a point of the tree is there once more, or less, often."""
    nodes, parents = trees.nodes[t], trees.parents[t]
    k = parents[nodes.shape[0] + point]
    while k != NONE:
        nodes[k, _COUNT] += change
        k = parents[k]


@jit
def detach(trees: Trees, t: int, point: int) -> None:
    """Remove a point that is there once; boxes shrink as far up as it lay on their sides."""
    nodes, parents, low, high = trees.nodes[t], trees.parents[t], trees.low[t], trees.high[t]
    x, leaf = trees.points[point], nodes.shape[0] + point
    parent = parents[leaf]
    if parent == NONE:
        trees.roots[t] = NONE
        return
    k = parents[parent]
    _hang(nodes, parents, trees.roots, t, k, parent, _sibling(nodes, parent, leaf))
    nodes[parent, _LEFT], trees.free[t] = trees.free[t], parent
    touching = True
    while k != NONE:
        nodes[k, _COUNT] -= 1
        touching = touching and _touches(low[k], high[k], x)
        if touching:
            left, right = nodes[k, _LEFT], nodes[k, _RIGHT]
            _take_over(low, high, trees.points, k, left)
            if right < nodes.shape[0]:
                widen(low[k], high[k], low[right], high[right])
            else:
                other = trees.points[right - nodes.shape[0]]
                widen(low[k], high[k], other, other)
        k = parents[k]


@jit
def _touches(low: Array, high: Array, x: Array) -> bool:
    found = False
    for j in range(x.shape[0]):
        found = found or x[j] == low[j] or x[j] == high[j]
    return found
