"""Mondrian trees: cuts come at random times, the sooner the wider the rows lie; all prunings vote.

The children of a node lie side by side. Each node keeps the box around the rows that it has seen,
what its forecast is made from, and odds: how much more all prunings of the tree below it count
than that forecast. A missing value has no extent: boxes leave it out, and at a cut of its feature
a row goes where most weight is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.boxes import widen
from onlineml.kernels.random import uniform

NONE = -1
FEATURE, CHILD, PARENT = range(3)  # of the table; the feature of a leaf is NONE
# Of the numbers: where the node is cut, when it came to be, the weight of the rows that it has
# seen, and the odds, in units of a power of `_UNIT`.
CUT, BORN, WEIGHT, ODDS, POWER = range(5)
TOGETHER = 64  # rows that a tree does before the next tree has its turn: it is in the cache then
# Of the asked: classes that want room, whether trees are as big as they may become, and whether the
# row for which room was asked has been served.
WANTED_CLASSES, AT_LIMIT, SERVED = range(3)
_UNIT, _HUGE = 1e200, 1e100
LOG_UNIT = float(np.log(_UNIT))


class Trees(NamedTuple):
    """All trees; `t` is the first axis. `forecasts` is what a node's answer is made from."""

    asked: Ints
    n_nodes: Ints
    random: Ints
    table: Ints
    numbers: Array
    boxes: Array
    forecasts: Array


@jit
def n_together(trees: Trees, n_rows: int, fit: bool) -> int:
    """How many of `n_rows` rows each tree may do in one go; 0 where room must be made first.

    Whether there is room depends on the one row, so that it is asked for at the same row however
    rows are grouped.
    """
    n = min(n_rows, TOGETHER)
    if not fit or trees.asked[AT_LIMIT]:
        return n
    room = trees.table.shape[1]
    for n_nodes in trees.n_nodes:
        room = min(room, trees.table.shape[1] - n_nodes)
    return n if 2 * n <= room else min(n, room // 2, 1)


@jit
def ready(trees: Trees, t: int) -> None:
    """See that a tree can take a row: a full one, which may not grow, undoes half of its cuts."""
    size = trees.table.shape[1]
    if trees.n_nodes[t] + 2 > size:
        undo_latest(trees, t, size // 2)


@jit
def next_node(trees: Trees, t: int, node: int, x: Array) -> int:
    """The child that a row goes to; NONE below a leaf."""
    table, numbers = trees.table[t], trees.numbers[t]
    feature, child = table[node, FEATURE], table[node, CHILD]
    if feature == NONE:
        return NONE
    value, cut = x[feature], numbers[node, CUT]
    if value == value:
        return int(child + (value > cut))
    return int(child + (numbers[child + 1, WEIGHT] > numbers[child, WEIGHT]))


@jit
def admit(trees: Trees, t: int, node: int, x: Array, may_cut: bool) -> float:
    """Let a node hold a row that is not inside its box: it may be cut off, and the box grows.

    Returns by how much this changes the weight of all prunings below the node.
    """
    box, change = trees.boxes[t, node], 1.0
    gap = _beyond(box, x)
    if may_cut and gap > 0.0:
        numbers, child = trees.numbers[t], trees.table[t, node, CHILD]
        time = numbers[node, BORN] - np.log(1.0 - uniform(trees.random, t)) / gap
        if time < (np.inf if child == NONE else numbers[child, BORN]):
            change = _cut_off(trees, t, node, x, time, gap)
    widen(box[0], box[1], x, x)
    return change


@jit
def is_inside(box: Array, x: Array) -> bool:
    """Whether all values are there and within the box.

    That is the usual case, and to ask first is ten times as fast as to call `admit`.
    """
    inside = True
    for j in range(x.shape[0]):
        inside &= (x[j] >= box[0, j]) & (x[j] <= box[1, j])
    return inside


@jit
def _beyond(box: Array, x: Array) -> float:
    """How far a row lies beyond a box, along all features."""
    total = 0.0
    for j in range(x.shape[0]):
        gap = max(box[0, j] - x[j], x[j] - box[1, j])
        total += gap if gap > 0.0 else 0.0
    return total


@jit
def _cut_off(trees: Trees, t: int, node: int, x: Array, time: float, gap: float) -> float:
    """Cut the node between box and row: what it was goes to one child, the other is new."""
    table, numbers, boxes = trees.table[t], trees.numbers[t], trees.boxes[t]
    feature, cut = _place_of_cut(boxes[node], x, uniform(trees.random, t) * gap)
    child = int(trees.n_nodes[t])
    trees.n_nodes[t] += 2
    new = child + (x[feature] > cut)
    old = child + child + 1 - new
    _copy(trees, t, node, old)
    _clear(trees, t, new)
    if table[old, CHILD] != NONE:
        table[table[old, CHILD], PARENT] = table[table[old, CHILD] + 1, PARENT] = old
    table[old, PARENT] = table[new, PARENT] = node
    numbers[old, BORN] = numbers[new, BORN] = time
    numbers[new, ODDS], change = 1.0, 1.0
    odds, power = numbers[node, ODDS], numbers[node, POWER]
    if table[old, CHILD] != NONE:  # all prunings of what it was, against its own forecast
        whole = one_more(odds, power)
        numbers[node, ODDS], numbers[node, POWER] = in_units(0.5 * whole[0], whole[1])
        change = 0.5 + share_of_own(odds, power)
    table[node, FEATURE], table[node, CHILD], numbers[node, CUT] = feature, child, cut
    return change


@jit
def _copy(trees: Trees, t: int, node: int, to: int) -> None:
    """Make a node what another one is; by loops, as assignments of rows take ten times as long."""
    for k in range(trees.table.shape[2]):
        trees.table[t, to, k] = trees.table[t, node, k]
    for k in range(trees.numbers.shape[2]):
        trees.numbers[t, to, k] = trees.numbers[t, node, k]
    for k in range(trees.forecasts.shape[2]):
        trees.forecasts[t, to, k] = trees.forecasts[t, node, k]
    for j in range(trees.boxes.shape[3]):
        trees.boxes[t, to, 0, j] = trees.boxes[t, node, 0, j]
        trees.boxes[t, to, 1, j] = trees.boxes[t, node, 1, j]


@jit
def _clear(trees: Trees, t: int, node: int) -> None:
    """Make a node one that has seen nothing."""
    for k in range(trees.table.shape[2]):
        trees.table[t, node, k] = NONE
    for k in range(trees.numbers.shape[2]):
        trees.numbers[t, node, k] = 0.0
    for k in range(trees.forecasts.shape[2]):
        trees.forecasts[t, node, k] = 0.0
    for j in range(trees.boxes.shape[3]):
        trees.boxes[t, node, 0, j] = trees.boxes[t, node, 1, j] = np.nan


@jit
def _place_of_cut(box: Array, x: Array, at: float) -> tuple[int, float]:
    """The cut between the box and a row beyond it that lies `at` along the features."""
    feature, cut = 0, np.nan
    for j in range(x.shape[0]):
        gap = max(box[0, j] - x[j], x[j] - box[1, j])
        if gap > 0.0:
            lower, upper = (x[j], box[0, j]) if x[j] < box[0, j] else (box[1, j], x[j])
            feature, cut = j, lower + at
            if not cut < upper:
                cut = lower
            if gap > at:
                break
            at -= gap
    return feature, cut


@jit
def in_units(odds: float, power: float) -> tuple[float, float]:
    """Odds between 1 / `_HUGE` and `_HUGE`, in units of a power of `_UNIT`.

    Over a long stream they exceed what a float can hold; logarithms would cost two more
    transcendental functions a node.
    """
    if odds > _HUGE:
        return odds / _UNIT, power + 1.0
    if odds < 1.0 / _HUGE:
        return odds * _UNIT, power - 1.0
    return odds, power


@jit
def one_more(odds: float, power: float) -> tuple[float, float]:
    """Odds plus 1."""
    if power == 0.0:
        return 1.0 + odds, 0.0
    return (odds, power) if power > 0.0 else (1.0, 0.0)


@jit
def log_one_more(odds: float, power: float) -> float:
    """Logarithm of odds plus 1."""
    sum_, units = one_more(odds, power)
    return float(np.log(sum_) + units * LOG_UNIT)


@jit
def share_of_own(odds: float, power: float) -> float:
    """How much a node's own forecast counts."""
    if power == 0.0:
        return 1.0 / (1.0 + odds)
    return 0.0 if power > 0.0 else 1.0


@jit
def undo_latest(trees: Trees, t: int, most: int) -> None:
    """Undo the latest cuts of a tree, so that at most `most` of its nodes are left.

    What is left is the tree as it would be had time ended earlier.
    """
    n, n_cuts = int(trees.n_nodes[t]), (most - 1) // 2
    times = trees.numbers[t, 1:n:2, BORN].copy()
    if n_cuts >= times.shape[0]:
        return
    end, place = np.sort(times)[n_cuts], np.empty(n, np.int64)
    place[0], n_kept = 0, 1
    for node in range(1, n):
        place[node] = n_kept if times[(node - 1) // 2] < end else NONE
        n_kept += place[node] != NONE
    _weigh_anew(trees, t, place)
    for node in range(n):
        to = place[node]
        if to != NONE:
            _copy(trees, t, node, to)
            child, parent = trees.table[t, node, CHILD], trees.table[t, node, PARENT]
            is_leaf = child == NONE or place[child] == NONE
            trees.table[t, to, FEATURE] = NONE if is_leaf else trees.table[t, to, FEATURE]
            trees.table[t, to, CHILD] = NONE if is_leaf else place[child]
            trees.table[t, to, PARENT] = NONE if parent == NONE else place[parent]
    trees.n_nodes[t] = n_kept


@jit
def _weigh_anew(trees: Trees, t: int, place: Ints) -> None:
    """Bring the odds up to date for nodes whose `place` is not NONE being all that is left."""
    table, numbers, n = trees.table[t], trees.numbers[t], place.shape[0]
    order, n_listed, i = np.zeros(n, np.int64), 1, 0
    change, power = np.ones(n), np.zeros(n)
    while i < n_listed:  # parents before their children
        child = table[order[i], CHILD]
        if child != NONE and place[child] != NONE:
            order[n_listed], order[n_listed + 1] = child, child + 1
            n_listed += 2
        i += 1
    for k in range(n_listed - 1, -1, -1):
        node, child = order[k], table[order[k], CHILD]
        if child == NONE:
            continue
        before = one_more(numbers[node, ODDS], numbers[node, POWER])
        if place[child] == NONE:  # a leaf from now on: its own forecast is all there is
            now, odds = (2.0, 0.0), (1.0, 0.0)
        else:
            below = in_units(change[child] * change[child + 1], power[child] + power[child + 1])
            product = numbers[node, ODDS] * below[0]
            odds = in_units(product, numbers[node, POWER] + below[1])
            now = one_more(odds[0], odds[1])
        numbers[node, ODDS], numbers[node, POWER] = odds
        change[node], power[node] = in_units(now[0] / before[0], now[1] - before[1])
