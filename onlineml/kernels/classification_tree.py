"""What the kernels of classification trees do with a row: answer, learn, divide a leaf.

The descriptor's slots are those of every tree (`onlineml.kernels.tree`), then those named below.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import inlined, lean
from onlineml.kernels.arena import ANSWER, Array, Call, f2, f4, i1, i2, keep_row, scratch
from onlineml.kernels.observers import (
    COUNT,
    best_split,
    forget,
    long_log_score,
    observe,
    share_at_most,
    short_log_score,
    summarize,
)
from onlineml.kernels.subset import blindfold
from onlineml.kernels.tree import (
    AT_MOST,
    DIVIDED,
    EQUAL,
    HEADER,
    KEPT,
    NUMBERS,
    OWN,
    PARENT,
    SERVED,
    SLOT,
    STOPPED,
    TABLE,
    UNEXAMINED,
    WANTED_CLASSES,
    WEIGHT,
    Split,
    divide,
    examined,
    foresee,
    give_back,
    leaf_from,
    leaf_of,
    may_divide,
    room_for,
)
from onlineml.kernels.votes import answer_from_logs, answer_from_votes

# Cells of the settings; those that follow are a tree's own.
GRACE, LOG_INVERSE_DELTA, TIE, MIN_BRANCH, GINI, BINARY, LEAVES, MAX_DEPTH, SUBSET = range(9)
N_SETTINGS = 9
# How a leaf answers.
MAJORITY, BAYES, ADAPTIVE = range(3)
# Columns of a node's numbers: what the two ways to answer would have got right.
MAJORITY_RIGHT, BAYES_RIGHT, COLUMNS = range(OWN, OWN + 3)

UNKNOWN = -2  # what naive Bayes says has not been computed


# Slots after those of every tree: (1,), (F,), (F,), (N, C), (L, C), (L, C), (L, C, BLOCKS, F),
# (L, C, F, V), (L, F), (L,), (1,).
SEEN, NOMINAL, N_VALUES, CLASS_WEIGHT, BASE, SIMPLE, STATS, COUNTS = range(5, 13)
BLIND, DRAWN, RANDOM, OTHERS = range(13, 17)


@lean
def run_rows(d: int, call: Call, rule: Array) -> int:
    """Serve and fit the rows of `call`; returns where it stopped for want of room, or the end."""
    header, seen, n_classes = i1(d, HEADER), i1(d, SEEN), f2(d, CLASS_WEIGHT).shape[1]
    ahead, start, end = scratch(d)[1], call.first, call.first
    for i in range(call.first, call.last):
        keep_row(call, i)
        if i == end:
            start, end = i, foresee(d, call.X, i, call.last, ahead)
        x = call.X[i]
        leaf, said = leaf_from(d, x, ahead[i - start]), UNKNOWN
        if call.serve and header[SERVED] == 0:
            said = answer_at(d, x, rule, leaf, call.out[i], call.serve)
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            outcome = KEPT
            if c >= n_classes:
                header[WANTED_CLASSES], outcome = c + 1, STOPPED
            elif w > 0.0:
                outcome = examine(d, rule, leaf)
            if outcome == STOPPED:  # the answer stands, whatever Python does to the tree
                header[SERVED] = call.serve > 0
                return i
            if outcome == DIVIDED:
                leaf, said = leaf_of(d, x), UNKNOWN
            if w > 0.0:
                draw_features(d, rule, leaf)
                learn_at(d, x, c, w, rule, leaf, said)
            seen[0] = max(seen[0], c + 1)
        header[SERVED] = 0
    return call.last


@inlined
def draw_features(d: int, rule: Array, leaf: int) -> None:
    """Draw the features that a new leaf looks at."""
    if rule[SUBSET] > 0.0:
        _draw(d, rule, leaf)


@lean
def _draw(d: int, rule: Array, leaf: int) -> None:
    slot = i2(d, TABLE)[leaf, SLOT]
    if slot < 0 or i1(d, DRAWN)[slot]:
        return
    blindfold(i2(d, BLIND)[slot], i1(d, RANDOM), rule[SUBSET])
    i1(d, DRAWN)[slot] = 1


@inlined
def answer_at(d: int, x: Array, rule: Array, leaf: int, out: Array, serve: int) -> int:
    """Write the answer; returns what naive Bayes says, if that was asked."""
    slot, own = i2(d, TABLE)[leaf, SLOT], f2(d, NUMBERS)[leaf]
    bayes = rule[LEAVES] == BAYES
    if rule[LEAVES] == ADAPTIVE:
        bayes = own[BAYES_RIGHT] >= own[MAJORITY_RIGHT]
    bayes = bayes and slot >= 0 and own[WEIGHT] > 0.0
    if serve == ANSWER and bayes:
        said = _bayes_answer(d, x, leaf, slot)
        out[0] = said
        return said
    if serve == ANSWER and own[WEIGHT] > 0.0:
        out[0] = _heaviest(f2(d, CLASS_WEIGHT)[leaf])
        return UNKNOWN
    return _answer_in_full(d, x, leaf, out, serve, bayes)


@lean
def _answer_in_full(d: int, x: Array, leaf: int, out: Array, serve: int, bayes: bool) -> int:
    """As `answer_at`, with scores, or where the leaf has seen nothing."""
    table, numbers, n = i2(d, TABLE), f2(d, NUMBERS), i1(d, SEEN)[0]
    if bayes:
        for c in range(n):
            out[1 + c] = _log_score(d, x, c, leaf, table[leaf, SLOT])
        answer_from_logs(out, n, serve)
        return int(out[0])
    while numbers[leaf, WEIGHT] <= 0.0 and table[leaf, PARENT] >= 0:  # the parent has seen rows
        leaf = table[leaf, PARENT]
    for c in range(n):
        out[1 + c] = f2(d, CLASS_WEIGHT)[leaf, c]
    answer_from_votes(out, n, serve)
    return UNKNOWN


@inlined
def _bayes_answer(d: int, x: Array, leaf: int, slot: int) -> int:
    base, simple, stats = f2(d, BASE)[slot], i2(d, SIMPLE)[slot], f4(d, STATS)[slot]
    best, top = -1, -np.inf
    for c in range(i1(d, SEEN)[0]):
        score = short_log_score(x, base[c], stats[c]) if simple[c] else np.nan
        if score != score:
            score = _log_score(d, x, c, leaf, slot)
        better = score > top or best < 0
        best, top = c if better else best, score if better else top
    return best


@lean
def _log_score(d: int, x: Array, c: int, leaf: int, slot: int) -> float:
    weight, stats = f2(d, CLASS_WEIGHT)[leaf, c], f4(d, STATS)[slot, c]
    if weight <= 0.0:
        return -np.inf
    if i2(d, SIMPLE)[slot, c]:
        score = short_log_score(x, f2(d, BASE)[slot, c], stats)
        if score == score:
            return float(score)
    return float(
        long_log_score(
            x, weight, i1(d, NOMINAL), i1(d, N_VALUES), i2(d, BLIND)[slot], stats,
            f4(d, COUNTS)[slot, c],
        )
    )  # fmt: skip


@inlined
def learn_at(d: int, x: Array, c: int, w: float, rule: Array, leaf: int, said: int) -> None:
    """Learn the row in `leaf`; `said` is what naive Bayes says of it, or `UNKNOWN`."""
    slot, own, weight = i2(d, TABLE)[leaf, SLOT], f2(d, NUMBERS)[leaf], f2(d, CLASS_WEIGHT)[leaf]
    if rule[LEAVES] == ADAPTIVE and slot >= 0 and own[WEIGHT] > 0.0:
        if said == UNKNOWN:
            said = _bayes_answer(d, x, leaf, slot)
        own[BAYES_RIGHT] += w * (said == c)
        own[MAJORITY_RIGHT] += w * (_heaviest(weight) == c)
    weight[c] += w
    own[WEIGHT] += w
    own[UNEXAMINED] += w
    if slot >= 0:
        stats, nominal, blind = f4(d, STATS)[slot, c], i1(d, NOMINAL), i2(d, BLIND)[slot]
        observe(x, w, nominal, i1(d, N_VALUES), blind, stats, f4(d, COUNTS)[slot, c])
        if rule[LEAVES] != MAJORITY:
            summary = summarize(weight[c], nominal, blind, stats)
            f2(d, BASE)[slot, c], i2(d, SIMPLE)[slot, c] = summary


@inlined
def _heaviest(weight: Array) -> int:
    best, top = 0, weight[0]
    for c in range(1, weight.shape[0]):
        heavier = weight[c] > top
        best, top = c if heavier else best, weight[c] if heavier else top
    return best


@inlined
def examine(d: int, rule: Array, leaf: int) -> int:
    """Divide `leaf` if one feature is surely the best: KEPT, DIVIDED, or STOPPED for room."""
    if f2(d, NUMBERS)[leaf, UNEXAMINED] < rule[GRACE]:
        return KEPT
    return _examine(d, rule, leaf)


@lean
def _examine(d: int, rule: Array, leaf: int) -> int:
    split, outcome = Split(0.0, -1, AT_MOST, 0.0, 0, 0.0), KEPT
    if is_mixed(d, leaf) and may_divide(d, leaf, rule[MAX_DEPTH]):
        split = best_of(d, rule, leaf)
        bound = bound_at(d, rule, leaf)
        sure = split.merit - split.second > bound or bound < rule[TIE]
        if split.feature >= 0 and sure:
            outcome = room_for(d, leaf, split.n_children, split.n_children - 1)
    if outcome != STOPPED:
        examined(d, leaf)
    if outcome == DIVIDED:
        slot = i2(d, TABLE)[leaf, SLOT]
        give_back(d, leaf)
        hand_down(d, split, slot, divide(d, leaf, split))
    return outcome


@lean
def is_mixed(d: int, node: int) -> bool:
    """Whether more than one class has been seen."""
    return _n_present(f2(d, CLASS_WEIGHT)[node]) > 1


@lean
def best_of(d: int, rule: Array, node: int) -> Split:
    """The best division by what `node` has observed."""
    slot = i2(d, TABLE)[node, SLOT]
    return best_split(
        i1(d, SEEN)[0], i1(d, NOMINAL), f4(d, STATS)[slot], f4(d, COUNTS)[slot], rule[GINI] > 0.0,
        rule[BINARY] > 0.0, rule[MIN_BRANCH],
    )  # fmt: skip


@lean
def bound_at(d: int, rule: Array, node: int) -> float:
    """The Hoeffding bound on a difference of merits."""
    span = 1.0 if rule[GINI] > 0.0 else np.log2(_n_present(f2(d, CLASS_WEIGHT)[node]))
    return float(span * np.sqrt(0.5 * rule[LOG_INVERSE_DELTA] / f2(d, NUMBERS)[node, WEIGHT]))


@lean
def _n_present(weight: Array) -> int:
    n = 0
    for c in range(weight.shape[0]):
        n += weight[c] > 0.0
    return n


@lean
def hand_down(d: int, split: Split, slot: int, first: int) -> None:
    """Give new leaves the class weights that the parent's pool row `slot` foretells them."""
    weight, numbers, stats, counts = (
        f2(d, CLASS_WEIGHT),
        f2(d, NUMBERS),
        f4(d, STATS),
        f4(d, COUNTS),
    )
    for child in range(first, first + split.n_children):
        for c in range(weight.shape[1]):
            w = _weight_of_child(split, child - first, stats[slot, c], counts[slot, c])
            weight[child, c] = w
            numbers[child, WEIGHT] += w
    for child in range(first, first + split.n_children):
        clear_pool_row(d, child)


@lean
def clear_pool_row(d: int, leaf: int) -> None:
    """Empty what `leaf` observes, if it observes at all."""
    slot, stats, counts = i2(d, TABLE)[leaf, SLOT], f4(d, STATS), f4(d, COUNTS)
    if slot < 0:
        return
    i2(d, BLIND)[slot, :] = 0
    i1(d, DRAWN)[slot] = 0
    for c in range(stats.shape[1]):
        f2(d, BASE)[slot, c], i2(d, SIMPLE)[slot, c] = 0.0, 0
        forget(stats[slot, c], counts[slot, c])


@lean
def _weight_of_child(split: Split, k: int, stats: Array, counts: Array) -> float:
    j = split.feature
    if split.kind == AT_MOST:
        inside = share_at_most(split.threshold, j, stats)
    elif split.kind == EQUAL:
        inside = counts[j, int(split.threshold)]
    else:
        return float(counts[j, k])
    return float(inside if k == 0 else max(stats[COUNT, j] - inside, 0.0))
