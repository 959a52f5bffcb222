"""What a tree does that may change its mind: alternate subtrees, grown and judged node by node.

Beside what classification trees have, every node has a window of the errors made below it, and
`ALTERNATES` (N, 2): one more than the root of its alternate subtree, 0 for none, and whether one is
due. Alternate subtrees live in the same arrays; their roots have no parent. What was replaced or
given up stays in the table as rubbish, without pool rows, until Python tidies up.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import adwin, jit
from onlineml.kernels.arena import Array, Call, f2, f4, i1, i2
from onlineml.kernels.classification_tree import (
    BASE,
    BLIND,
    CLASS_WEIGHT,
    COUNTS,
    DRAWN,
    SIMPLE,
    STATS,
    answer_at,
    draw_features,
    examine,
    learn_at,
)
from onlineml.kernels.observers import forget
from onlineml.kernels.random import poisson
from onlineml.kernels.tree import (
    CHILD,
    DEPTH,
    DIVIDED,
    FEATURE,
    FREE,
    HEADER,
    KIND,
    N_CHILDREN,
    N_FREE,
    N_NODES,
    N_SLOTS,
    NODES_CAPPED,
    NUMBERS,
    PARENT,
    SERVED,
    SLOT,
    STOPPED,
    TABLE,
    WANTED_CLASSES,
    child_of,
    room_for,
)

# Slots after those of a classification tree.
ALTERNATES, ERRORS, RUBBISH, WALKS, RESAMPLING = range(16, 21)
# Cells of the settings after those of a classification tree.
JUDGED_AFTER, LOG_JUDGES, RESAMPLED, WINDOW = range(9, 13)
ROOT, DUE = 0, 1  # columns of ALTERNATES
N_SIZES = 12  # sizes of bucket in a node's window: up to 20,000 errors


@jit
def run_rows(d: int, call: Call, rule: Array) -> int:
    """Serve and fit the rows of `call`; returns where it stopped for want of room, or the end."""
    header, seen, n_classes = i1(d, HEADER), i1(d, 5), f2(d, CLASS_WEIGHT).shape[1]
    said = np.empty(1 + n_classes)
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve and header[SERVED] == 0:
            answer_at(d, x, rule, _leaf_below(d, x, 0), call.out[i], call.serve)
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            outcome = 0
            if c >= n_classes:
                header[WANTED_CLASSES], outcome = c + 1, STOPPED
            elif w > 0.0:
                outcome = _prepare(d, x, rule)
            if outcome == STOPPED:
                header[SERVED] = call.serve > 0
                return i
            if w > 0.0:
                _learn(d, x, c, w, rule, said)
            seen[0] = max(seen[0], c + 1)
        header[SERVED] = 0
    return call.last


@jit
def _leaf_below(d: int, x: Array, node: int) -> int:
    table = i2(d, TABLE)
    while table[node, FEATURE] >= 0:
        node = child_of(d, x, node)
    return node


@jit
def _prepare(d: int, x: Array, rule: Array) -> int:
    """All that may want room, before anything of the row is learned: STOPPED if it does."""
    table, alternates, walks = i2(d, TABLE), i2(d, ALTERNATES), i1(d, WALKS)
    walks[0], n = 0, 1
    while n > 0:
        n -= 1
        node = walks[n]
        while True:
            if alternates[node, DUE] and _sow(d, node) == STOPPED:
                return STOPPED
            if table[node, FEATURE] < 0:
                break
            if alternates[node, ROOT] > 0 and n < walks.shape[0]:
                walks[n] = alternates[node, ROOT] - 1
                n += 1
            node = child_of(d, x, node)
        outcome = examine(d, rule, node)
        if outcome == STOPPED:
            return STOPPED
        if outcome == DIVIDED:
            _clear_children(d, node)
    return 0


@jit
def _clear_children(d: int, node: int) -> None:
    """Fresh leaves have made no errors."""
    table, errors, alternates = i2(d, TABLE), f2(d, ERRORS), i2(d, ALTERNATES)
    first = table[node, CHILD]
    errors[first : first + table[node, N_CHILDREN]] = 0.0
    alternates[first : first + table[node, N_CHILDREN]] = 0


@jit
def _sow(d: int, node: int) -> int:
    """Begin an alternate subtree of `node`, a leaf that knows nothing."""
    header, table, alternates = i1(d, HEADER), i2(d, TABLE), i2(d, ALTERNATES)
    if alternates[node, ROOT] > 0 or table[node, FEATURE] < 0:
        alternates[node, DUE] = 0
        return DIVIDED
    outcome = room_for(d, node, 2)
    if outcome == STOPPED:
        return STOPPED
    alternates[node, DUE] = 0
    if outcome == DIVIDED:
        root = int(header[N_NODES])
        header[N_NODES] += 1
        _make_leaf(d, root, int(table[node, DEPTH]))
        alternates[node, ROOT] = root + 1
    return outcome


@jit
def _make_leaf(d: int, node: int, depth: int) -> None:
    header, table, free = i1(d, HEADER), i2(d, TABLE), i1(d, FREE)
    row = table[node]
    row[FEATURE], row[CHILD], row[N_CHILDREN], row[KIND] = -1, -1, 0, 0
    row[SLOT], row[DEPTH], row[PARENT] = -1, depth, -1
    if header[N_FREE] > 0:
        header[N_FREE] -= 1
        row[SLOT] = free[header[N_FREE]]
    elif header[N_SLOTS] < free.shape[0]:
        row[SLOT] = header[N_SLOTS]
        header[N_SLOTS] += 1
    f2(d, NUMBERS)[node] = 0.0
    f2(d, CLASS_WEIGHT)[node] = 0.0
    f2(d, ERRORS)[node] = 0.0
    i2(d, ALTERNATES)[node] = 0
    if row[SLOT] >= 0:
        _clear_slot(d, row[SLOT])


@jit
def _clear_slot(d: int, slot: int) -> None:
    i2(d, BLIND)[slot, :] = 0
    i1(d, DRAWN)[slot] = 0
    for c in range(f2(d, CLASS_WEIGHT).shape[1]):
        f2(d, BASE)[slot, c], i2(d, SIMPLE)[slot, c] = 0.0, 0
        forget(f4(d, STATS)[slot, c], f4(d, COUNTS)[slot, c])


@jit
def _learn(d: int, x: Array, c: int, w: float, rule: Array, said: Array) -> None:
    """Judge every node on the way of the row, in the tree and in alternates, and learn it."""
    table, alternates, walks = i2(d, TABLE), i2(d, ALTERNATES), i1(d, WALKS)
    errors, settings = f2(d, ERRORS), rule[WINDOW:]
    walks[0], n = 0, 1
    while n > 0:
        n -= 1
        root = walks[n]
        leaf, error, node = _try(d, x, c, rule, root, said)
        while True:
            rose = adwin.update(errors[node], settings, error) > 0
            if table[node, FEATURE] < 0:
                break
            if alternates[node, ROOT] == 0:
                alternates[node, DUE] = max(alternates[node, DUE], int(rose))
            elif _judge(d, node, rule):  # the alternate subtree stands here now
                leaf, error, _ = _try(d, x, c, rule, node, said)
                if table[node, FEATURE] < 0:
                    break
            if alternates[node, ROOT] > 0 and n < walks.shape[0]:
                walks[n] = alternates[node, ROOT] - 1
                n += 1
            node = child_of(d, x, node)
        times = poisson(i1(d, RESAMPLING), 0, 1.0) if rule[RESAMPLED] > 0.0 else 1
        if times > 0:
            draw_features(d, rule, leaf)
            learn_at(d, x, c, w * times, rule, leaf, -2)


@jit
def _try(d: int, x: Array, c: int, rule: Array, root: int, said: Array) -> tuple[int, float, int]:
    """The leaf below `root`, whether its answer is wrong, and `root`."""
    leaf = _leaf_below(d, x, root)
    answer_at(d, x, rule, leaf, said, 1)
    return leaf, 1.0 if int(said[0]) != c else 0.0, root


@jit
def _judge(d: int, node: int, rule: Array) -> bool:
    """Whether the alternate of `node` took its place; a worse one is given up."""
    errors, alternates = f2(d, ERRORS), i2(d, ALTERNATES)
    root = alternates[node, ROOT] - 1
    n, n_alternate = errors[node, adwin.WIDTH], errors[root, adwin.WIDTH]
    if n <= rule[JUDGED_AFTER] or n_alternate <= rule[JUDGED_AFTER]:
        return False
    old, new = adwin.mean(errors[node]), adwin.mean(errors[root])
    noise = 2.0 * old * (1.0 - old) * rule[LOG_JUDGES] * (1.0 / n + 1.0 / n_alternate)
    bound = np.sqrt(max(noise, 0.0))
    if old - new > bound:
        _replace(d, node, root)
        return True
    if new - old > bound:
        _give_up(d, root)
        alternates[node] = 0
    return False


@jit
def _replace(d: int, node: int, root: int) -> None:
    """Let the subtree at `root` stand at `node`."""
    table, alternates, numbers = i2(d, TABLE), i2(d, ALTERNATES), f2(d, NUMBERS)
    alternates[node, ROOT] = 0
    _give_up_children(d, node)
    parent, depth = table[node, PARENT], table[node, DEPTH]
    table[node] = table[root]
    table[node, PARENT], table[node, DEPTH] = parent, depth
    numbers[node] = numbers[root]
    f2(d, CLASS_WEIGHT)[node] = f2(d, CLASS_WEIGHT)[root]
    f2(d, ERRORS)[node] = f2(d, ERRORS)[root]
    alternates[node] = alternates[root]
    for k in range(table[node, N_CHILDREN]):
        table[table[node, CHILD] + k, PARENT] = node
    table[root, SLOT], table[root, FEATURE] = -1, -1
    alternates[root] = 0
    i1(d, RUBBISH)[0] += 1
    i1(d, HEADER)[NODES_CAPPED] = 0


@jit
def _give_up_children(d: int, node: int) -> None:
    table = i2(d, TABLE)
    for k in range(table[node, N_CHILDREN]):
        _give_up(d, table[node, CHILD] + k)


@jit
def _give_up(d: int, root: int) -> None:
    """Make rubbish of a subtree and of its alternates, and give back its pool rows.

    Goes down by the pointers and up by those that it leaves in `PARENT`: no room is needed.
    """
    header, table, free = i1(d, HEADER), i2(d, TABLE), i1(d, FREE)
    alternates, rubbish = i2(d, ALTERNATES), i1(d, RUBBISH)
    header[NODES_CAPPED] = 0  # Python may find room by tidying up
    node, end = root, -1
    table[root, PARENT] = end
    while node != end:
        below = -1
        if alternates[node, ROOT] > 0:
            below = alternates[node, ROOT] - 1
            alternates[node, ROOT] = 0
        elif table[node, N_CHILDREN] > 0:
            table[node, N_CHILDREN] -= 1
            below = table[node, CHILD] + table[node, N_CHILDREN]
        if below >= 0:
            table[below, PARENT] = node
            node = below
            continue
        if table[node, SLOT] >= 0:
            free[header[N_FREE]] = table[node, SLOT]
            header[N_FREE] += 1
            table[node, SLOT] = -1
        table[node, FEATURE] = -1
        alternates[node] = 0
        rubbish[0] += 1
        node = table[node, PARENT]
