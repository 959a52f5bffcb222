"""The bones of a decision tree in arrays: routing, division of leaves, the pool of leaf rows.

A tree is a table of nodes, children of one node side by side, and a pool of rows in which active
leaves keep what they observe. An inactive leaf has no row: it answers, but cannot be divided.
What a leaf observes is the business of the tree's own kernel. Python owns the arrays: a kernel
that lacks room writes what it wants into the header and stops before the row.
"""

from __future__ import annotations

from typing import NamedTuple

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints

# Columns of the node table.
FEATURE, CHILD, N_CHILDREN, KIND, SLOT, DEPTH, PARENT = range(7)
# Columns of the nodes' numbers; further columns are the tree's own.
THRESHOLD, WEIGHT, CHECKED, OWN = range(4)
# Kinds of division: value <= threshold; value == threshold; one child a nominal value.
AT_MOST, EQUAL, MULTIWAY = range(3)
# Cells of the header; the last six are requests and limits.
N_NODES, N_SLOTS, N_FREE, WANTED, WANTED_AT, WANTED_CLASSES, SERVED, NODES_CAPPED, SCARCE = range(9)
# What came of the thought of dividing a leaf.
KEPT, DIVIDED, STOPPED = range(3)


class Nodes(NamedTuple):
    """Views of the arrays that every tree has.

    `table` (N, 7) and `numbers` (N, columns) describe nodes, `free` (L,) is a stack of pool rows
    that were given back. `WEIGHT` of a leaf is what it has seen; of an inner node it is brought up
    to date whenever a leaf below is examined.
    """

    header: Ints
    table: Ints
    numbers: Array
    free: Ints


class Split(NamedTuple):
    """The best division of a leaf, and the merit of the best one by another feature."""

    merit: float
    feature: int
    kind: int
    threshold: float
    n_children: int
    second: float


@jit
def leaf_of(nodes: Nodes, x: Array, node: int) -> int:
    """The leaf below `node` that `x` falls into."""
    while nodes.table[node, FEATURE] >= 0:
        node = _child_of(nodes, x, node)
    return node


@jit
def _child_of(nodes: Nodes, x: Array, node: int) -> int:
    value, first = x[nodes.table[node, FEATURE]], nodes.table[node, CHILD]
    kind, threshold = nodes.table[node, KIND], nodes.numbers[node, THRESHOLD]
    if kind == AT_MOST:
        if value <= threshold:
            return first
        if value > threshold:
            return first + 1
    elif kind == EQUAL:
        if value == value:
            return first if value == threshold else first + 1
    elif 0 <= value < nodes.table[node, N_CHILDREN]:
        return first + int(value)
    return _heaviest_child(nodes, node)


@jit
def _heaviest_child(nodes: Nodes, node: int) -> int:
    """Where missing and unknown values go."""
    first = nodes.table[node, CHILD]
    best = first
    for child in range(first + 1, first + nodes.table[node, N_CHILDREN]):
        if nodes.numbers[child, WEIGHT] > nodes.numbers[best, WEIGHT]:
            best = child
    return best


@jit
def is_due(nodes: Nodes, leaf: int, grace_period: float) -> bool:
    """Whether `leaf` has seen enough since it was last examined."""
    return nodes.numbers[leaf, WEIGHT] - nodes.numbers[leaf, CHECKED] >= grace_period


@jit
def may_divide(nodes: Nodes, leaf: int, max_depth: float) -> bool:
    """Whether a division of `leaf` need be thought of at all."""
    header = nodes.header
    capped = header[NODES_CAPPED] and header[N_NODES] + 2 > nodes.table.shape[0]
    row = nodes.table[leaf]
    return row[SLOT] >= 0 and row[DEPTH] < max_depth and not capped


@jit
def examined(nodes: Nodes, leaf: int) -> None:
    """Note that `leaf` was examined now; its ancestors are told the weight seen since."""
    news = nodes.numbers[leaf, WEIGHT] - nodes.numbers[leaf, CHECKED]
    nodes.numbers[leaf, CHECKED] = nodes.numbers[leaf, WEIGHT]
    node = nodes.table[leaf, PARENT]
    while node >= 0:
        nodes.numbers[node, WEIGHT] += news
        node = nodes.table[node, PARENT]


@jit
def room_for(nodes: Nodes, leaf: int, n_children: int) -> int:
    """DIVIDED if there is room for the children, KEPT if never, STOPPED if Python must act."""
    header = nodes.header
    if header[N_NODES] + n_children > nodes.table.shape[0]:
        if header[NODES_CAPPED]:
            return KEPT
    else:
        free = header[N_FREE] + nodes.free.shape[0] - header[N_SLOTS]
        if free + 1 >= n_children or header[SCARCE]:
            header[SCARCE] = 0
            return DIVIDED
    header[WANTED], header[WANTED_AT] = n_children, leaf
    return STOPPED


@jit
def divide(nodes: Nodes, leaf: int, split: Split) -> int:
    """Turn `leaf` into an inner node; returns the first of its children, all of them empty."""
    header, first = nodes.header, nodes.header[N_NODES]
    nodes.free[header[N_FREE]] = nodes.table[leaf, SLOT]
    header[N_FREE] += 1
    header[N_NODES] += split.n_children
    for child in range(first, first + split.n_children):
        row = nodes.table[child]
        row[FEATURE], row[CHILD], row[N_CHILDREN], row[KIND] = -1, -1, 0, AT_MOST
        row[SLOT], row[DEPTH], row[PARENT] = _take_slot(nodes), nodes.table[leaf, DEPTH] + 1, leaf
        nodes.numbers[child] = 0.0
    row = nodes.table[leaf]
    row[FEATURE], row[CHILD], row[N_CHILDREN] = split.feature, first, split.n_children
    row[KIND], row[SLOT] = split.kind, -1
    nodes.numbers[leaf, THRESHOLD] = split.threshold
    return first


@jit
def _take_slot(nodes: Nodes) -> int:
    """A row of the pool, or -1 where none is left: the leaf is then inactive from birth."""
    header = nodes.header
    if header[N_FREE] > 0:
        header[N_FREE] -= 1
        return nodes.free[header[N_FREE]]
    if header[N_SLOTS] < nodes.free.shape[0]:
        header[N_SLOTS] += 1
        return header[N_SLOTS] - 1
    return -1
