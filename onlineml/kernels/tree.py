"""The bones of a decision tree in arrays: routing, division of leaves, the pool of leaf rows.

A tree is a table of nodes, children of one node side by side, and a pool of rows in which active
leaves keep what they observe. An inactive leaf has no row: it answers, but cannot be divided.
What a leaf observes is the business of the tree's own kernel. Python owns the arrays: a kernel
that lacks room writes what it wants into the header and stops before the row.

Kernels take the address `d` of a descriptor whose slots 1 to 4 are the arrays named below, and open
what they need: handing on all views of a tree would make compilation many times as long.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import inlined, lean
from onlineml.kernels.arena import Array, Ints, f2, i1, i2

# Slots: (10,), (N, links), (N, columns), and a stack of pool rows that were given back, (L,).
HEADER, TABLE, NUMBERS, FREE = range(1, 5)
# Columns of the node table. The last two only in trees with alternate subtrees, see
# `onlineml.kernels.alternates`; -1 in any column is "none".
FEATURE, CHILD, N_CHILDREN, KIND, SLOT, DEPTH, PARENT, ALTERNATE, NEXT = range(9)
LINKS, LINKS_WITH_ALTERNATES = 7, 9
DEAD = -2  # `PARENT` of a node that was felled; Python closes the gaps when it needs the room
# Columns of the nodes' numbers; further columns are the tree's own. `WEIGHT` of a leaf is what it
# has seen, `UNEXAMINED` that since it was last examined; what inner nodes have seen is brought up
# to date whenever a leaf below is examined.
THRESHOLD, WEIGHT, UNEXAMINED, OWN = range(4)
# Kinds of division: value <= threshold; value == threshold; one child a nominal value.
AT_MOST, EQUAL, MULTIWAY = range(3)
# Cells of the header; the last seven are requests and limits. Nodes that were felled count too.
N_NODES, N_SLOTS, N_FREE, WANTED, WANTED_AT, WANTED_CLASSES, SERVED, NODES_CAPPED, SCARCE = range(9)
WANTED_SLOTS, HEADER_CELLS = range(9, 11)
SAME = 1e-9  # merits this near, relative to their size, are equal but for rounding
AHEAD = 32  # rows that are best walked down at once
# What came of the thought of dividing a leaf.
KEPT, DIVIDED, STOPPED = range(3)


class Split(NamedTuple):
    """The best division of a leaf, and the merit of the best one by another feature."""

    merit: float
    feature: int
    kind: int
    threshold: float
    n_children: int
    second: float


@lean
def foresee(d: int, X: Array, first: int, last: int, nodes: Ints) -> int:
    """Walk the rows of `X` from `first` on down, as many as `nodes` has room for, four at once.

    A row alone waits at each node for the one before; rows side by side do not wait for each
    other. Only for trees all of whose divisions are by thresholds. Where a value is missing, the
    row stays, as what its leaf has seen may decide: `leaf_from` goes on from there, and
    from a leaf that was divided since. Returns the row after those whose nodes were written.
    """
    table, numbers, n = i2(d, TABLE), f2(d, NUMBERS), min(last - first, nodes.shape[0])
    for k in range(0, n - 3, 4):
        i = first + k
        moved, n0, n1, n2, n3 = True, 0, 0, 0, 0
        while moved:
            m0 = _below(table, numbers, X, i, n0)
            m1 = _below(table, numbers, X, i + 1, n1)
            m2 = _below(table, numbers, X, i + 2, n2)
            m3 = _below(table, numbers, X, i + 3, n3)
            moved = (m0 != n0) | (m1 != n1) | (m2 != n2) | (m3 != n3)
            n0, n1, n2, n3 = m0, m1, m2, m3
        nodes[k], nodes[k + 1], nodes[k + 2], nodes[k + 3] = n0, n1, n2, n3
    for k in range(n - n % 4, n):
        nodes[k] = 0
    return int(first + n)


@inlined
def _below(table: Ints, numbers: Array, X: Array, i: int, node: int) -> int:
    """The child of `node` that row `i` of `X` belongs to; `node` where that is not so plain."""
    at = np.uint64(node)
    feature = table[at, FEATURE]
    value = X[i, np.uint64(feature ^ (feature >> 63))]  # that of column 0 for a leaf: no branch
    child = table[at, CHILD] + (value > numbers[at, THRESHOLD])
    plain = (feature >= 0) & (table[at, KIND] == AT_MOST) & (value == value)
    return int(child if plain else node)


@inlined
def leaf_of(d: int, x: Array) -> int:
    """The leaf that `x` falls into."""
    return leaf_from(d, x, 0)


@inlined
def leaf_from(d: int, x: Array, node: int) -> int:
    """The leaf that `x`, which has come to `node`, falls into.

    The rule of `child_of` is written out: calling it would cost a twentieth of a tree's speed.
    Places without a sign need not be asked at each level whether they count from the end.
    """
    table, numbers = i2(d, TABLE), f2(d, NUMBERS)
    while table[np.uint64(node), FEATURE] >= 0:
        at = np.uint64(node)
        value, first = x[np.uint64(table[at, FEATURE])], table[at, CHILD]
        kind, threshold = table[at, KIND], numbers[at, THRESHOLD]
        if kind == AT_MOST and value == value:
            node = first + (value > threshold)
        elif kind == EQUAL and value == value:
            node = first + (value != threshold)
        elif kind == MULTIWAY and 0 <= value < table[at, N_CHILDREN]:
            node = first + int(value)
        else:
            node = _heaviest(numbers, first, first + table[at, N_CHILDREN])
    return node


@lean
def leaf_below(d: int, x: Array, node: int) -> int:
    """The leaf that `x` falls into below `node`."""
    while i2(d, TABLE)[node, FEATURE] >= 0:
        node = child_of(d, x, node)
    return node


@lean
def child_of(d: int, x: Array, node: int) -> int:
    """The child of the inner node `node` that `x` belongs to."""
    table, numbers = i2(d, TABLE), f2(d, NUMBERS)
    value, first = x[table[node, FEATURE]], table[node, CHILD]
    kind, threshold = table[node, KIND], numbers[node, THRESHOLD]
    if kind == AT_MOST and value == value:
        return int(first + (value > threshold))
    if kind == EQUAL and value == value:
        return int(first + (value != threshold))
    if kind == MULTIWAY and 0 <= value < table[node, N_CHILDREN]:
        return int(first + int(value))
    return _heaviest(numbers, first, first + table[node, N_CHILDREN])


@lean
def _heaviest(numbers: Array, first: int, end: int) -> int:
    """Where missing and unknown values go: the child that has seen most weight."""
    best = first
    for child in range(first + 1, end):
        if numbers[child, WEIGHT] > numbers[best, WEIGHT]:
            best = child
    return best


@lean
def may_divide(d: int, leaf: int, max_depth: float) -> bool:
    """Whether a division of `leaf` need be thought of at all."""
    header, table = i1(d, HEADER), i2(d, TABLE)
    capped = header[NODES_CAPPED] and header[N_NODES] + 2 > table.shape[0]
    return table[leaf, SLOT] >= 0 and table[leaf, DEPTH] < max_depth and not capped


@lean
def examined(d: int, leaf: int) -> None:
    """Note that `leaf` was examined now; its ancestors are told the weight seen since."""
    table, numbers = i2(d, TABLE), f2(d, NUMBERS)
    news, numbers[leaf, UNEXAMINED] = numbers[leaf, UNEXAMINED], 0.0
    node = table[leaf, PARENT]
    while node >= 0:
        numbers[node, WEIGHT] += news
        node = table[node, PARENT]


@lean
def room_for(d: int, node: int, n_nodes: int, n_slots: int) -> int:
    """DIVIDED if so many nodes and pool rows can be had, KEPT if never, STOPPED if Python must act.

    Where memory is all used up, nodes may have to do without a pool row.
    """
    header = i1(d, HEADER)
    if header[N_NODES] + n_nodes > i2(d, TABLE).shape[0]:
        if header[NODES_CAPPED]:
            return KEPT
    elif header[N_FREE] + i1(d, FREE).shape[0] - header[N_SLOTS] >= n_slots or header[SCARCE]:
        header[SCARCE] = 0
        return DIVIDED
    header[WANTED], header[WANTED_SLOTS], header[WANTED_AT] = n_nodes, n_slots, node
    return STOPPED


@lean
def divide(d: int, node: int, split: Split) -> int:
    """Turn `node` into an inner node; returns the first of its children, all of them empty leaves.

    The pool row of `node` stays its own: see `give_back`.
    """
    table = i2(d, TABLE)
    first = new_leaves(d, split.n_children, node, table[node, DEPTH] + 1)
    table[node, FEATURE], table[node, CHILD] = split.feature, first
    table[node, N_CHILDREN], table[node, KIND] = split.n_children, split.kind
    f2(d, NUMBERS)[node, THRESHOLD] = split.threshold
    return first


@lean
def new_leaves(d: int, n: int, parent: int, depth: int) -> int:
    """`n` empty leaves side by side, for which there is room; returns the first."""
    header, table, numbers = i1(d, HEADER), i2(d, TABLE), f2(d, NUMBERS)
    first = int(header[N_NODES])
    header[N_NODES] += n
    for child in range(first, first + n):
        row = table[child]
        for k in range(row.shape[0]):
            row[k] = -1
        row[N_CHILDREN], row[KIND] = 0, AT_MOST
        row[SLOT], row[DEPTH], row[PARENT] = _pool_row(d), depth, parent
        for k in range(numbers.shape[1]):
            numbers[child, k] = 0.0
    return first


@lean
def _pool_row(d: int) -> int:
    """A row of the pool that is not in use; -1 if there is none."""
    header, free = i1(d, HEADER), i1(d, FREE)
    if header[N_FREE] > 0:
        header[N_FREE] -= 1
        return int(free[header[N_FREE]])
    if header[N_SLOTS] < free.shape[0]:
        header[N_SLOTS] += 1
        return int(header[N_SLOTS] - 1)
    return -1


@lean
def give_back(d: int, node: int) -> None:
    """Take its pool row from `node`."""
    header, table = i1(d, HEADER), i2(d, TABLE)
    if table[node, SLOT] >= 0:
        i1(d, FREE)[header[N_FREE]] = table[node, SLOT]
        header[N_FREE] += 1
        table[node, SLOT] = -1


@lean
def fell(d: int, node: int) -> None:
    """Remove all that is below `node`, alternate subtrees too: it is a leaf then."""
    table, stack = i2(d, TABLE), -1
    stack = _push_all_below(table, node, stack)
    while stack >= 0:  # nodes to come are linked by `PARENT`, which they need no longer
        dead, stack = stack, table[stack, PARENT]
        stack = _push_all_below(table, dead, stack)
        give_back(d, dead)
        table[dead, PARENT] = DEAD
    i1(d, HEADER)[NODES_CAPPED] = 0


@lean
def _push_all_below(table: Ints, node: int, stack: int) -> int:
    if table[node, FEATURE] >= 0:
        for child in range(table[node, CHILD], table[node, CHILD] + table[node, N_CHILDREN]):
            table[child, PARENT] = stack
            stack = child
    table[node, FEATURE], table[node, CHILD], table[node, N_CHILDREN] = -1, -1, 0
    if table.shape[1] > ALTERNATE:
        if table[node, ALTERNATE] >= 0:
            table[table[node, ALTERNATE], PARENT] = stack
            stack = table[node, ALTERNATE]
        table[node, ALTERNATE] = -1
    return stack
