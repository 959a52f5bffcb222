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

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, f2, i1, i2

# Slots: (9,), (N, 7), (N, columns), and a stack of pool rows that were given back, (L,).
HEADER, TABLE, NUMBERS, FREE = range(1, 5)
# Columns of the node table.
FEATURE, CHILD, N_CHILDREN, KIND, SLOT, DEPTH, PARENT = range(7)
# Columns of the nodes' numbers; further columns are the tree's own. `WEIGHT` of a leaf is what it
# has seen, `UNEXAMINED` that since it was last examined; what inner nodes have seen is brought up
# to date whenever a leaf below is examined.
THRESHOLD, WEIGHT, UNEXAMINED, OWN = range(4)
# Kinds of division: value <= threshold; value == threshold; one child a nominal value.
AT_MOST, EQUAL, MULTIWAY = range(3)
# Cells of the header; the last six are requests and limits.
N_NODES, N_SLOTS, N_FREE, WANTED, WANTED_AT, WANTED_CLASSES, SERVED, NODES_CAPPED, SCARCE = range(9)
SAME = 1e-9  # merits this near, relative to their size, are equal but for rounding
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


@jit
def child_of(d: int, x: Array, node: int) -> int:
    """The child of an inner node that `x` falls into."""
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


@jit
def leaf_of(d: int, x: Array) -> int:
    """The leaf that `x` falls into."""
    table, numbers = i2(d, TABLE), f2(d, NUMBERS)
    node = 0
    while table[node, FEATURE] >= 0:
        value, first = x[table[node, FEATURE]], table[node, CHILD]
        kind, threshold = table[node, KIND], numbers[node, THRESHOLD]
        if kind == AT_MOST and value == value:
            node = first + (value > threshold)
        elif kind == EQUAL and value == value:
            node = first + (value != threshold)
        elif kind == MULTIWAY and 0 <= value < table[node, N_CHILDREN]:
            node = first + int(value)
        else:
            node = _heaviest(numbers, first, first + table[node, N_CHILDREN])
    return node


@jit
def _heaviest(numbers: Array, first: int, end: int) -> int:
    """Where missing and unknown values go: the child that has seen most weight."""
    best = first
    for child in range(first + 1, end):
        if numbers[child, WEIGHT] > numbers[best, WEIGHT]:
            best = child
    return best


@jit
def may_divide(d: int, leaf: int, max_depth: float) -> bool:
    """Whether a division of `leaf` need be thought of at all."""
    header, table = i1(d, HEADER), i2(d, TABLE)
    capped = header[NODES_CAPPED] and header[N_NODES] + 2 > table.shape[0]
    return table[leaf, SLOT] >= 0 and table[leaf, DEPTH] < max_depth and not capped


@jit
def examined(d: int, leaf: int) -> None:
    """Note that `leaf` was examined now; its ancestors are told the weight seen since."""
    table, numbers = i2(d, TABLE), f2(d, NUMBERS)
    news, numbers[leaf, UNEXAMINED] = numbers[leaf, UNEXAMINED], 0.0
    node = table[leaf, PARENT]
    while node >= 0:
        numbers[node, WEIGHT] += news
        node = table[node, PARENT]


@jit
def room_for(d: int, leaf: int, n_children: int) -> int:
    """DIVIDED if there is room for the children, KEPT if never, STOPPED if Python must act."""
    header = i1(d, HEADER)
    if header[N_NODES] + n_children > i2(d, TABLE).shape[0]:
        if header[NODES_CAPPED]:
            return KEPT
    else:
        free = header[N_FREE] + i1(d, FREE).shape[0] - header[N_SLOTS]
        if free + 1 >= n_children or header[SCARCE]:
            header[SCARCE] = 0
            return DIVIDED
    header[WANTED], header[WANTED_AT] = n_children, leaf
    return STOPPED


@jit
def divide(d: int, leaf: int, split: Split) -> int:
    """Turn `leaf` into an inner node; returns the first of its children, all of them empty."""
    header, table, numbers, free = i1(d, HEADER), i2(d, TABLE), f2(d, NUMBERS), i1(d, FREE)
    first = int(header[N_NODES])
    free[header[N_FREE]] = table[leaf, SLOT]
    header[N_FREE] += 1
    header[N_NODES] += split.n_children
    for child in range(first, first + split.n_children):
        row = table[child]
        row[FEATURE], row[CHILD], row[N_CHILDREN], row[KIND] = -1, -1, 0, AT_MOST
        row[SLOT], row[DEPTH], row[PARENT] = -1, table[leaf, DEPTH] + 1, leaf
        if header[N_FREE] > 0:
            header[N_FREE] -= 1
            row[SLOT] = free[header[N_FREE]]
        elif header[N_SLOTS] < free.shape[0]:
            row[SLOT] = header[N_SLOTS]
            header[N_SLOTS] += 1
        for k in range(numbers.shape[1]):
            numbers[child, k] = 0.0
    table[leaf, FEATURE], table[leaf, CHILD] = split.feature, first
    table[leaf, N_CHILDREN], table[leaf, KIND] = split.n_children, split.kind
    table[leaf, SLOT] = -1
    numbers[leaf, THRESHOLD] = split.threshold
    return first
