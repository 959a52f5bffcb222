"""Alternate subtrees: how a tree changes its mind where the errors below a node rise.

Every node has an adaptive window of the errors that were made below it. When their mean rises, an
alternate subtree begins to grow beside the node: a tree in the same arrays, whose root has no
parent. It learns the rows that the node gets; once it is surely better it stands in its place, once
it is surely worse it is felled. Alternate subtrees may have some of their own.

Of a tree they need the windows, one more array of floats with a row a node, and, of its settings,
those named below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import adwin, lean
from onlineml.kernels.arena import Array, Ints, f2, i2
from onlineml.kernels.tree import (
    ALTERNATE,
    CHILD,
    DEAD,
    DEPTH,
    DIVIDED,
    FEATURE,
    KEPT,
    N_CHILDREN,
    NEXT,
    NUMBERS,
    PARENT,
    SLOT,
    STOPPED,
    TABLE,
    fell,
    give_back,
    new_leaves,
    room_for,
)

REPLACED = 3  # what came of reconsidering a node, beside KEPT, DIVIDED and STOPPED
DUE = -2  # value of `ALTERNATE`: one is to begin when the next row comes by
N_SIZES = 12  # sizes of bucket in a node's window: up to 20,000 errors
# Settings, counted from the first that is not common to all trees: errors that both windows must
# hold, log(2 / delta) of the comparison, whether to resample, then those of the windows.
LEAST, LOG_2_OVER_DELTA, RESAMPLED, WINDOW = range(4)


class Slots(NamedTuple):
    """Where in the descriptor the windows are, and the other array with a row a node."""

    windows: int
    others: int


@lean
def first_root(d: int) -> int:
    """The root of the first tree that a row walks down; `NEXT` of a root is that of the next."""
    i2(d, TABLE)[0, NEXT] = -1
    return 0


@lean
def listed(table: Ints, node: int, head: int) -> int:
    """Put the alternate subtree of `node`, if it has one, before those that begin with `head`."""
    root = table[node, ALTERNATE]
    if root < 0:
        return head
    table[root, NEXT] = head
    return int(root)


@lean
def reconsider(d: int, node: int, settings: Array, slots: Slots) -> int:
    """Begin an alternate subtree of an inner node, let it take its place, or give it up.

    Returns `STOPPED` for want of room, `DIVIDED` where a subtree has begun, whose pool row the
    caller must clear, `REPLACED`, or `KEPT`.
    """
    table = i2(d, TABLE)
    if table[node, ALTERNATE] == DUE:
        outcome = room_for(d, node, 1, 1)
        if outcome != STOPPED:
            table[node, ALTERNATE] = -1
        if outcome == DIVIDED:
            root = new_leaves(d, 1, -1, table[node, DEPTH])
            table[node, ALTERNATE] = root
            _clear_row(f2(d, slots.windows), root)
            _clear_row(f2(d, slots.others), root)
        return outcome
    return _judge(d, node, settings, slots) if table[node, ALTERNATE] >= 0 else KEPT


@lean
def _judge(d: int, node: int, settings: Array, slots: Slots) -> int:
    table, windows = i2(d, TABLE), f2(d, slots.windows)
    root = table[node, ALTERNATE]
    own, other = windows[node], windows[root]
    if own[adwin.WIDTH] <= settings[LEAST] or other[adwin.WIDTH] <= settings[LEAST]:
        return KEPT
    gain = adwin.mean(own) - adwin.mean(other)
    variance = own[adwin.VARIANCE] / own[adwin.WIDTH]  # of errors 0 or 1, mean * (1 - mean)
    share = 1.0 / own[adwin.WIDTH] + 1.0 / other[adwin.WIDTH]
    noise = 2.0 * variance * settings[LOG_2_OVER_DELTA] * share
    bound = np.sqrt(max(noise, 0.0))
    if gain > bound:
        _replace(d, node, root, slots)
        return REPLACED
    if -gain > bound:
        table[node, ALTERNATE] = -1
        _remove(d, root)
    return KEPT


@lean
def _remove(d: int, root: int) -> None:
    table = i2(d, TABLE)
    fell(d, root)
    give_back(d, root)
    table[root, PARENT] = DEAD


@lean
def _replace(d: int, node: int, root: int, slots: Slots) -> None:
    """Let the subtree at `root` stand at `node`."""
    table = i2(d, TABLE)
    table[node, ALTERNATE] = -1  # it must outlive what is below
    fell(d, node)
    parent = table[node, PARENT]
    for k in range(table.shape[1]):
        table[node, k] = table[root, k]
    table[node, PARENT] = parent
    for child in range(table[node, CHILD], table[node, CHILD] + table[node, N_CHILDREN]):
        table[child, PARENT] = node
    _copy_row(f2(d, NUMBERS), root, node)
    _copy_row(f2(d, slots.windows), root, node)
    _copy_row(f2(d, slots.others), root, node)
    table[root, FEATURE], table[root, SLOT], table[root, ALTERNATE] = -1, -1, -1
    table[root, PARENT] = DEAD


@lean
def _copy_row(array: Array, source: int, target: int) -> None:
    for k in range(array.shape[1]):
        array[target, k] = array[source, k]


@lean
def _clear_row(array: Array, row: int) -> None:
    for k in range(array.shape[1]):
        array[row, k] = 0.0


@lean
def note_division(d: int, node: int, slots: Slots) -> None:
    """The children of a node that was divided have made no errors yet."""
    table, windows = i2(d, TABLE), f2(d, slots.windows)
    for child in range(table[node, CHILD], table[node, CHILD] + table[node, N_CHILDREN]):
        _clear_row(windows, child)


@lean
def note_error(d: int, leaf: int, root: int, error: float, settings: Array, slots: Slots) -> int:
    """Tell all nodes from `leaf` up to `root` of an error below them.

    Returns the root of the next tree that the row walks down, or -1.
    """
    table, windows, rule = i2(d, TABLE), f2(d, slots.windows), settings[WINDOW:]
    node, head = leaf, table[root, NEXT]
    while True:
        rose = adwin.update(windows[node], rule, error) > 0
        if rose and table[node, FEATURE] >= 0 and table[node, ALTERNATE] == -1:
            table[node, ALTERNATE] = DUE
        head = listed(table, node, head)
        if node == root:
            return int(head)
        node = table[node, PARENT]
