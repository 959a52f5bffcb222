"""What a leaf of a classification tree observes, and what that says: naive Bayes, best division.

Per class and numeric feature a Gaussian with extremes: `stats` (C, 6, F) holds the blocks named
below, features side by side. Per class and nominal feature the weight of each value: `counts`
(C, F, V).
"""

from __future__ import annotations

import math

import numpy as np

from onlineml.kernels import inlined, lean
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.tree import AT_MOST, EQUAL, MULTIWAY, SAME, Split

COUNT, MEAN, M2, LOW, HIGH, HALF_PRECISION = range(6)
BLOCKS = 6

_IMPOSSIBLE = -690.0  # log of a density that is taken for 0
LOWEST = -1e300
_LOG_PI = math.log(math.pi)
_N_CANDIDATES = 10  # thresholds tried per numeric feature
_NEVER = -np.inf


@inlined
def observe(
    x: Array, w: float, nominal: Ints, n_values: Ints, blind: Ints, stats: Array, counts: Array
) -> None:
    """Add row `x` of weight `w` to the observations `stats` (6, F), `counts` (F, V) of a class.

    Features that the leaf is `blind` for (F,) are left out, here and below.
    """
    for j in range(x.shape[0]):
        value = x[j]
        if not abs(value) <= LARGEST or blind[j]:  # NaN too
            continue
        before = stats[COUNT, j]
        if nominal[j]:
            code = int(value)
            if 0 <= code < counts.shape[1]:
                n_values[j] = max(n_values[j], code + 1)
                counts[j, code] += w
                stats[COUNT, j] = before + w
            continue
        first, n, gap = before == 0.0, before + w, value - stats[MEAN, j]
        stats[LOW, j] = value if first else min(stats[LOW, j], value)
        stats[HIGH, j] = value if first else max(stats[HIGH, j], value)
        mean = stats[MEAN, j] + w * gap / n
        m2 = stats[M2, j] + w * gap * (value - mean)
        stats[COUNT, j], stats[MEAN, j], stats[M2, j] = n, mean, m2
        if n > 1.0 and m2 > 0.0:
            stats[HALF_PRECISION, j] = 0.5 * (n - 1.0) / m2


@lean
def forget(stats: Array, counts: Array) -> None:
    """Empty the observations of a class; loops, as slices take long to compile."""
    for j in range(stats.shape[1]):
        for block in range(stats.shape[0]):
            stats[block, j] = 0.0
        for v in range(counts.shape[1]):
            counts[j, v] = 0.0


@inlined
def summarize(weight: float, nominal: Ints, blind: Ints, stats: Array) -> tuple[float, int]:
    """Log of prior and normalizers of one class, and whether the short formula holds for it."""
    total, product, n = 0.0, weight * weight, 0
    if not 1e-50 < weight < 1e50:
        total, product = 2.0 * np.log(weight), 1.0
    for j in range(nominal.shape[0]):
        if blind[j]:
            continue
        n += 1
        if nominal[j] or stats[HALF_PRECISION, j] <= 0.0:
            return 0.0, 0
        product *= stats[HALF_PRECISION, j]
        if not 1e-100 < product < 1e100:  # one logarithm for many features, and the weight
            total += np.log(product)
            product = 1.0
    return 0.5 * (total + np.log(product) - n * _LOG_PI), 1


@inlined
def short_log_score(x: Array, base: float, stats: Array) -> float:
    """Log of the joint density of `x` and one class, up to a constant; NaN with a missing value.

    The short formula: for classes that `summarize` says it holds for.
    """
    total = base
    for j in range(x.shape[0]):  # where blind, the precision is 0
        gap = x[j] - stats[MEAN, j]
        total -= gap * gap * stats[HALF_PRECISION, j]
    return max(total, LOWEST) if total == total else total


@lean
def long_log_score(
    x: Array, weight: float, nominal: Ints, n_values: Ints, blind: Ints, stats: Array,
    counts: Array,
) -> float:  # fmt: skip
    """The same for any class, of weight `weight` > 0."""
    total = np.log(weight) + _careful_log_density(x, nominal, n_values, blind, stats, counts)
    return total if total >= LOWEST else LOWEST


@lean
def _careful_log_density(
    x: Array, nominal: Ints, n_values: Ints, blind: Ints, stats: Array, counts: Array
) -> float:
    total, product = 0.0, 1.0
    for j in range(x.shape[0]):
        unknown = nominal[j] and not 0.0 <= x[j] < n_values[j]
        if blind[j] or unknown or np.isnan(x[j]):
            continue
        n, half_precision = stats[COUNT, j], stats[HALF_PRECISION, j]
        if n == 0.0:
            total += _IMPOSSIBLE
        elif nominal[j]:
            product *= (counts[j, int(x[j])] + 1.0) / (n + n_values[j])
            if product < 1e-100:  # one logarithm for many features
                total += np.log(product)
                product = 1.0
        elif half_precision > 0.0:
            gap = x[j] - stats[MEAN, j]
            total += 0.5 * (np.log(half_precision) - _LOG_PI) - gap * gap * half_precision
        elif x[j] != stats[MEAN, j]:
            total += _IMPOSSIBLE
    return float(total + np.log(product))


@lean
def best_split(
    n_classes: int, nominal: Ints, stats: Array, counts: Array, gini: bool, binary: bool,
    min_branch: float,
) -> Split:  # fmt: skip
    """The division that leaves the purest children; not to divide has merit 0 and takes part.

    The impurity before is that of what was observed, as that of the children is: what a leaf was
    foretold by its parent may be out of date, and would then forbid every division.
    """
    best = Split(0.0, -1, AT_MOST, 0.0, 0, _NEVER)
    for j in range(nominal.shape[0]):
        if nominal[j]:
            found = _best_nominal(j, n_classes, stats, counts, gini, binary, min_branch)
        else:
            found = _best_threshold(j, n_classes, stats, gini, min_branch)
        if found.merit > best.merit:
            best = Split(found.merit, j, found.kind, found.threshold, found.n_children, best.merit)
        elif found.merit > best.second:
            best = Split(
                best.merit, best.feature, best.kind, best.threshold, best.n_children, found.merit
            )
    return best


@lean
def best_split_by(
    j: int, n_classes: int, nominal: Ints, stats: Array, counts: Array, gini: bool, binary: bool,
    min_branch: float,
) -> Split:  # fmt: skip
    """The best division by feature `j`, see `best_split`; its merit may be minus infinity."""
    if nominal[j]:
        return _best_nominal(j, n_classes, stats, counts, gini, binary, min_branch)
    return _best_threshold(j, n_classes, stats, gini, min_branch)


@lean
def _impurity(j: int, n_classes: int, stats: Array, gini: bool) -> float:
    """Impurity of the rows observed that had a value of feature `j`; 0 if there were none."""
    total, term = 0.0, 0.0
    for c in range(n_classes):
        total += stats[c, COUNT, j]
        term += _term(stats[c, COUNT, j], gini)
    return _mass(total, term, gini) / total if total > 0.0 else 0.0


@lean
def impurity(weight: Array, gini: bool) -> float:
    """Gini impurity, or entropy in bits, of class weights (C,)."""
    total, term = 0.0, 0.0
    for c in range(weight.shape[0]):
        total += weight[c]
        term += _term(weight[c], gini)
    return _mass(total, term, gini) / total if total > 0.0 else 0.0


@lean
def _term(w: float, gini: bool) -> float:
    if w <= 0.0:
        return 0.0
    return w * w if gini else w * math.log2(w)


@lean
def _mass(total: float, term: float, gini: bool) -> float:
    """Impurity times weight, of a distribution with sum `total` and sum of terms `term`."""
    if total <= 0.0:
        return 0.0
    return total - term / total if gini else total * math.log2(total) - term


@lean
def _merit_of_two(
    before: float, left: float, left_term: float, right: float, right_term: float, gini: bool,
    min_branch: float,
) -> float:  # fmt: skip
    total = left + right
    if not (left > min_branch * total and right > min_branch * total):
        return _NEVER
    return before - (_mass(left, left_term, gini) + _mass(right, right_term, gini)) / total


@lean
def share_at_most(threshold: float, j: int, stats: Array) -> float:
    """Weight of one class, of observations `stats` (6, F), with feature `j` <= `threshold`."""
    n = stats[COUNT, j]
    if n <= 0.0 or threshold < stats[LOW, j]:
        return 0.0
    if threshold >= stats[HIGH, j]:
        return float(n)
    gap = threshold - stats[MEAN, j]
    return float(n * 0.5 * math.erfc(-gap * math.sqrt(stats[HALF_PRECISION, j])))


@lean
def _best_threshold(j: int, n_classes: int, stats: Array, gini: bool, min_branch: float) -> Split:
    before = _impurity(j, n_classes, stats, gini)
    low, high = np.inf, -np.inf
    for c in range(n_classes):
        if stats[c, COUNT, j] > 0.0:
            low, high = min(low, stats[c, LOW, j]), max(high, stats[c, HIGH, j])
    best, threshold = _NEVER, 0.0
    for k in range(1, _N_CANDIDATES + 1):
        candidate = low + (high - low) / (_N_CANDIDATES + 1.0) * k
        if not low < candidate < high:
            continue
        left, left_term, right, right_term = 0.0, 0.0, 0.0, 0.0
        for c in range(n_classes):
            below = share_at_most(candidate, j, stats[c])
            above = max(stats[c, COUNT, j] - below, 0.0)
            left, left_term = left + below, left_term + _term(below, gini)
            right, right_term = right + above, right_term + _term(above, gini)
        merit = _merit_of_two(before, left, left_term, right, right_term, gini, min_branch)
        if merit > best:
            best, threshold = merit, candidate
    return Split(best, j, AT_MOST, threshold, 2, _NEVER)


@lean
def _best_nominal(
    j: int, n_classes: int, stats: Array, counts: Array, gini: bool, binary: bool,
    min_branch: float,
) -> Split:  # fmt: skip
    """One child a value, or one value against the rest."""
    total, mass, n_branches, n_values = 0.0, 0.0, 0, 0
    for c in range(n_classes):
        total += stats[c, COUNT, j]
    before = _impurity(j, n_classes, stats, gini)
    best, kind, threshold = _NEVER, MULTIWAY, 0.0
    for v in range(counts.shape[2]):
        inside, inside_term, outside, outside_term = 0.0, 0.0, 0.0, 0.0
        for c in range(n_classes):
            here = counts[c, j, v]
            there = max(stats[c, COUNT, j] - here, 0.0)
            inside, inside_term = inside + here, inside_term + _term(here, gini)
            outside, outside_term = outside + there, outside_term + _term(there, gini)
        if inside <= 0.0:
            continue
        n_values = v + 1
        n_branches += inside > min_branch * total
        mass += _mass(inside, inside_term, gini)
        merit = _merit_of_two(before, inside, inside_term, outside, outside_term, gini, min_branch)
        if merit > best:
            best, kind, threshold = merit, EQUAL, float(v)
    if not binary and n_branches > 1:
        merit = before - mass / total
        if merit >= best * (1.0 - SAME):
            return Split(merit, j, MULTIWAY, 0.0, n_values, _NEVER)
    return Split(best, j, kind, threshold, 2, _NEVER)
