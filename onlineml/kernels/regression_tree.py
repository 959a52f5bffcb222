"""What the kernels of regression trees do with a row: answer, learn, divide a leaf.

The descriptor's slots are those of every tree (`onlineml.kernels.tree`), then those named below.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import lean
from onlineml.kernels.arena import Array, Call, Ints, f2, f4, i1, i2, keep_row
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.subset import blindfold
from onlineml.kernels.target_observers import (
    COUNT,
    M2,
    MEAN,
    add,
    best_reduction,
    merged,
    observe,
    part_at_most,
    parted,
)
from onlineml.kernels.tree import (
    AT_MOST,
    DIVIDED,
    EQUAL,
    HEADER,
    KEPT,
    NUMBERS,
    OWN,
    SERVED,
    SLOT,
    STOPPED,
    TABLE,
    UNEXAMINED,
    WEIGHT,
    Split,
    divide,
    examined,
    give_back,
    leaf_of,
    may_divide,
    room_for,
)

# Cells of the settings; those that follow are a tree's own.
GRACE, LOG_INVERSE_DELTA, TIE, MIN_BRANCH, BINARY, LEAVES, MAX_DEPTH, RATE, FADING = range(9)
SUBSET, N_SETTINGS = range(9, 11)
# How a leaf answers.
CONSTANT, LINEAR, ADAPTIVE = range(3)
# Columns of a node's numbers: moments of the target, faded squared errors, the line's intercept.
Y_MEAN, Y_M2, MEAN_ERROR, LINEAR_ERROR, INTERCEPT, COLUMNS = range(OWN, OWN + 6)
# Slots after those of every tree: (F,), (4, F), (4, 1), (N, F), (L, F), (L, F, BLOCKS, B),
# (L, F, 3, V), (L, F), (L,), (1,).
NOMINAL, FEATURES, TARGET, SLOPES, FILLED, BINS, VALUES, BLIND, DRAWN, RANDOM = range(5, 15)
OTHERS = 15
_FARTHEST = 10.0  # standard deviations at which standardized values are cut
INVERSE_STD = 3  # block of FEATURES and TARGET, after their moments


@lean
def run_rows(d: int, call: Call, rule: Array) -> int:
    """Serve and fit the rows of `call`; returns where it stopped for want of room, or the end."""
    header = i1(d, HEADER)
    for i in range(call.first, call.last):
        keep_row(call, i)
        x = call.X[i]
        leaf = leaf_of(d, x)
        line = line_at(d, x, leaf)
        if call.serve and header[SERVED] == 0:
            call.out[i, 0] = answer_at(d, rule, leaf, line)
        y, w = call.y[i], call.weight[i]
        if call.fit and w > 0.0:
            outcome = examine(d, rule, leaf)
            if outcome == STOPPED:  # the answer stands, whatever Python does to the tree
                header[SERVED] = call.serve > 0
                return i
            if outcome == DIVIDED:
                leaf = leaf_of(d, x)
                line = line_at(d, x, leaf)
            learn_at(d, x, y, w, rule, leaf, line)
            note_row(d, x, y, w, rule)
        header[SERVED] = 0
    return call.last


@lean
def line_at(d: int, x: Array, leaf: int) -> float:
    """Answer of the leaf's linear model, in standard deviations of the target from its mean."""
    features, slopes = f2(d, FEATURES), f2(d, SLOPES)[leaf]
    total = f2(d, NUMBERS)[leaf, INTERCEPT]
    for j in range(x.shape[0]):
        total += slopes[j] * _standard(features, j, x[j])
    return float(total)


@lean
def _standard(features: Array, j: int, value: float) -> float:
    """A value in standard deviations from the mean; 0 where it is missing (or nominal)."""
    z = (value - features[MEAN, j]) * features[INVERSE_STD, j]
    return float(min(max(z, -_FARTHEST), _FARTHEST)) if z == z else 0.0


@lean
def answer_at(d: int, rule: Array, leaf: int, line: float) -> float:
    """What `leaf` answers, where its linear model says `line`."""
    own, target = f2(d, NUMBERS)[leaf], f2(d, TARGET)
    linear = rule[LEAVES] == LINEAR
    if rule[LEAVES] == ADAPTIVE:
        linear = own[LINEAR_ERROR] < own[MEAN_ERROR]
    if linear and target[INVERSE_STD, 0] > 0.0:
        return float(target[MEAN, 0] + line / target[INVERSE_STD, 0])
    return float(own[Y_MEAN])


@lean
def learn_at(d: int, x: Array, y: float, w: float, rule: Array, leaf: int, line: float) -> None:
    """Learn the row in `leaf`, of whose target its linear model said `line`; see `note_row` too."""
    own, slot = f2(d, NUMBERS)[leaf], i2(d, TABLE)[leaf, SLOT]
    if rule[LEAVES] != CONSTANT:
        _learn_line(d, x, y, w, rule, leaf, line)
    own[WEIGHT], own[Y_MEAN], own[Y_M2] = merged(own[WEIGHT], own[Y_MEAN], own[Y_M2], w, y, 0.0)
    own[UNEXAMINED] += w
    if slot < 0:
        return
    nominal, filled, blind = i1(d, NOMINAL), i2(d, FILLED)[slot], i2(d, BLIND)[slot]
    bins, values = f4(d, BINS)[slot], f4(d, VALUES)[slot]
    if rule[SUBSET] > 0.0 and not i1(d, DRAWN)[slot]:
        blindfold(blind, i1(d, RANDOM), rule[SUBSET])
        i1(d, DRAWN)[slot] = 1
    for j in range(x.shape[0]):
        if blind[j]:
            continue
        if nominal[j]:
            if 0 <= x[j] < values.shape[2]:
                add(values[j], int(x[j]), w, y)
        elif abs(x[j]) <= LARGEST:  # not of NaN
            filled[j] = observe(bins[j], filled[j], x[j], w, y)


@lean
def _learn_line(d: int, x: Array, y: float, w: float, rule: Array, leaf: int, line: float) -> None:
    """One normalized gradient step on standardized values."""
    own, slopes = f2(d, NUMBERS)[leaf], f2(d, SLOPES)[leaf]
    features, target = f2(d, FEATURES), f2(d, TARGET)
    if target[INVERSE_STD, 0] > 0.0:
        scale, due = target[INVERSE_STD, 0], (y - target[MEAN, 0]) * target[INVERSE_STD, 0]
        gap = (y - own[Y_MEAN]) * scale if own[WEIGHT] > 0.0 else due
        own[MEAN_ERROR] = rule[FADING] * own[MEAN_ERROR] + w * gap * gap
        own[LINEAR_ERROR] = rule[FADING] * own[LINEAR_ERROR] + w * (due - line) * (due - line)
        length = 1.0
        for j in range(x.shape[0]):
            z = _standard(features, j, x[j])
            length += z * z
        step = min(w * rule[RATE], 1.0 / length) * (due - line)
        own[INTERCEPT] += step
        for j in range(x.shape[0]):
            slopes[j] += step * _standard(features, j, x[j])


@lean
def note_row(d: int, x: Array, y: float, w: float, rule: Array) -> None:
    """The news on the moments that linear models standardize by, after all have learned the row."""
    if rule[LEAVES] == CONSTANT:
        return
    features, target, nominal = f2(d, FEATURES), f2(d, TARGET), i1(d, NOMINAL)
    _add_scaled(target, 0, w, y)
    for j in range(x.shape[0]):
        if not nominal[j] and abs(x[j]) <= LARGEST:
            _add_scaled(features, j, w, x[j])


@lean
def _add_scaled(moments: Array, k: int, w: float, value: float) -> None:
    add(moments, k, w, value)
    if moments[M2, k] > 0.0:
        moments[INVERSE_STD, k] = np.sqrt(moments[COUNT, k] / moments[M2, k])


@lean
def examine(d: int, rule: Array, leaf: int) -> int:
    """Divide `leaf` if one feature is surely the best: KEPT, DIVIDED, or STOPPED for room."""
    own, outcome, slot = f2(d, NUMBERS)[leaf], KEPT, i2(d, TABLE)[leaf, SLOT]
    if own[UNEXAMINED] < rule[GRACE]:
        return outcome
    split = Split(0.0, -1, AT_MOST, 0.0, 0, 0.0)
    if may_divide(d, leaf, rule[MAX_DEPTH]):
        split = best_reduction(
            i1(d, NOMINAL), i2(d, FILLED)[slot], f4(d, BINS)[slot], f4(d, VALUES)[slot],
            rule[BINARY] > 0.0, rule[MIN_BRANCH],
        )  # fmt: skip
        bound = np.sqrt(0.5 * rule[LOG_INVERSE_DELTA] / own[WEIGHT])
        sure = split.second < split.merit * (1.0 - bound) or bound < rule[TIE]
        if split.feature >= 0 and sure:
            outcome = room_for(d, leaf, split.n_children, split.n_children - 1)
    if outcome != STOPPED:
        examined(d, leaf)
    if outcome == DIVIDED:
        give_back(d, leaf)
        _hand_down(d, split, leaf, slot, divide(d, leaf, split))
    return outcome


@lean
def _hand_down(d: int, split: Split, leaf: int, slot: int, first: int) -> None:
    """Give new leaves the moments that the parent's pool row foretells them, and its line."""
    numbers, slopes = f2(d, NUMBERS), f2(d, SLOPES)
    filled, bins, values = i2(d, FILLED), f4(d, BINS), f4(d, VALUES)
    j = split.feature
    for child in range(first, first + split.n_children):
        n, mean, m2 = _part(split, child - first, bins[slot, j], filled[slot, j], values[slot, j])
        if n <= 0.0:
            mean = numbers[leaf, Y_MEAN]
        own = numbers[child]
        own[WEIGHT], own[Y_MEAN], own[Y_M2] = n, mean, m2
        own[INTERCEPT] = numbers[leaf, INTERCEPT]
        for k in range(slopes.shape[1]):
            slopes[child, k] = slopes[leaf, k]
    for child in range(first, first + split.n_children):
        clear_pool_row(d, child)


@lean
def clear_pool_row(d: int, leaf: int) -> None:
    """Empty what `leaf` observes, if it observes at all."""
    slot = i2(d, TABLE)[leaf, SLOT]
    if slot >= 0:
        i2(d, BLIND)[slot, :] = 0
        i1(d, DRAWN)[slot] = 0
        _forget(i2(d, FILLED)[slot], f4(d, VALUES)[slot])


@lean
def _part(
    split: Split, k: int, bins: Array, filled: int, values: Array
) -> tuple[float, float, float]:
    if split.kind == AT_MOST:
        n, mean, m2 = part_at_most(split.threshold, bins, filled)
        total, whole, whole_m2 = part_at_most(np.inf, bins, filled)
    else:
        v = int(split.threshold) if split.kind == EQUAL else k
        n, mean, m2 = values[COUNT, v], values[MEAN, v], values[M2, v]
        if split.kind != EQUAL:
            return n, mean, m2
        total, whole, whole_m2 = 0.0, 0.0, 0.0
        for u in range(values.shape[1]):
            total, whole, whole_m2 = merged(
                total, whole, whole_m2, values[COUNT, u], values[MEAN, u], values[M2, u]
            )
    if k == 0:
        return n, mean, m2
    return parted(total, whole, whole_m2, n, mean, m2)


@lean
def _forget(filled: Ints, values: Array) -> None:
    for j in range(filled.shape[0]):
        filled[j] = 0
        for block in range(values.shape[1]):
            for v in range(values.shape[2]):
                values[j, block, v] = 0.0
