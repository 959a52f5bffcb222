"""Adaptive isolation forest: trees of past windows, the worst of them replaced by new ones."""

from __future__ import annotations

from math import ceil, log2

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, i1, i2, opened
from onlineml.kernels.by_window import N_BEFORE, N_ROWS, ROOM, first_room, is_known
from onlineml.kernels.isolation_tree import LEAF, STATE, Trees, depth, grow, trees_at, usual_depth
from onlineml.kernels.random import seeded
from onlineml.schema import Schema, wrong

_N_WINDOWS = 3  # of the counts, after those of rows: windows so far
_SIZE, _LARGEST, _BORN = range(3)  # of a tree: nodes, rows in its fullest leaf, and its window


@entry
def _adaptive_isolation_forest(d: int) -> int:
    return _rows(
        opened(d), f1(d, 0), trees_at(d, 1), i1(d, 5), i2(d, 6), f2(d, 7), i1(d, 8)
    )  # fmt: skip


@jit
def _rows(
    call: Call, settings: Array, trees: Trees, counts: Ints, facts: Ints, recent: Array,
    random: Ints,
) -> int:  # fmt: skip
    n_trees = int(settings[0])
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            call.out[i, 0] = 0.0
            if counts[_N_WINDOWS] > 0 and is_known(x):
                total = 0.0
                for t in range(n_trees):
                    total += depth(trees, t, x)
                usual = n_trees * usual_depth(1.0 * counts[N_BEFORE])
                call.out[i, 0] = 2.0 ** (-total / usual)
        if call.fit and row_tells(call, i):
            for j in range(x.shape[0]):
                recent[counts[N_ROWS], j] = x[j]
            counts[N_ROWS] += 1
            if counts[N_ROWS] == counts[ROOM]:
                _end_window(settings, trees, counts, facts, recent, random)
    return call.last


@jit
def _end_window(
    settings: Array, trees: Trees, counts: Ints, facts: Ints, recent: Array, random: Ints
) -> None:
    """Candidates replace trees; as long as windows become longer, all trees are new."""
    n_trees, n_all, rows = int(settings[0]), facts.shape[0], recent[: counts[N_ROWS]]
    longer = counts[N_ROWS] != counts[N_BEFORE]
    counts[_N_WINDOWS] += 1
    counts[N_BEFORE], counts[N_ROWS] = counts[N_ROWS], 0
    counts[ROOM] = min(2 * counts[ROOM], recent.shape[0])
    first, last = (0, n_trees) if longer else (n_trees, n_all)
    for t in range(first, last):
        grow(trees, t, rows, np.arange(rows.shape[0]), random, 0)
        facts[t, _SIZE], facts[t, _LARGEST] = _measure(trees, t)
        facts[t, _BORN] = counts[_N_WINDOWS]
    if not longer:
        for _ in range(int(settings[2])):
            _replace_one(trees, facts, n_trees, settings[1])


@jit
def _measure(trees: Trees, t: int) -> tuple[int, int]:
    """Nodes of a tree, and the rows in its fullest leaf."""
    size = largest = 0
    for node in range(1, trees.features.shape[1]):
        if trees.masses[t, node] > 0:
            size += 1
            if trees.features[t, node] == LEAF:
                largest = max(largest, trees.masses[t, node])
    return size, largest


@jit
def _replace_one(trees: Trees, facts: Ints, n_trees: int, share: float) -> None:
    """The best candidate left takes the place of the worst tree, or, if that is better, the oldest.

    Good is a small tree with a large leaf: the criterion MinTreeMaxMass.
    """
    smallest = smallest_leaf = np.inf
    biggest = biggest_leaf = -np.inf
    for t in range(facts.shape[0]):
        if facts[t, _BORN] > 0:
            smallest, biggest = min(smallest, facts[t, _SIZE]), max(biggest, facts[t, _SIZE])
            smallest_leaf = min(smallest_leaf, facts[t, _LARGEST])
            biggest_leaf = max(biggest_leaf, facts[t, _LARGEST])
    best, worst, oldest = -1, 0, 0
    best_quality, worst_quality = -np.inf, np.inf
    for t in range(facts.shape[0]):
        size = (biggest - facts[t, _SIZE]) / max(biggest - smallest, 1.0)
        leaf = (facts[t, _LARGEST] - smallest_leaf) / max(biggest_leaf - smallest_leaf, 1.0)
        quality = share * size + (1.0 - share) * leaf
        if t < n_trees:
            oldest = t if facts[t, _BORN] < facts[oldest, _BORN] else oldest
            if quality < worst_quality:
                worst, worst_quality = t, quality
        elif facts[t, _BORN] > 0 and quality > best_quality:
            best, best_quality = t, quality
    gone = worst if best_quality > worst_quality else oldest
    trees.features[gone], trees.cuts[gone] = trees.features[best], trees.cuts[best]
    trees.masses[gone], trees.depths[gone] = trees.masses[best], trees.depths[best]
    facts[gone] = facts[best]
    facts[best, _BORN] = 0


class AdaptiveIsolationForest(Detector):
    """Adaptive isolation forest: isolation trees of past windows, of which some are replaced.

    At the end of each window candidates are grown from its rows. The best of them, small trees with
    a large leaf, replace the worst trees, or the oldest where these are better. The score is
    2 ** (-mean depth of the row / mean depth in a tree of as many rows), between 0 and 1. It is 0
    until the first window is full, of 8 rows; windows double, with all trees grown anew, up to
    `window_size`. Time per event is O(n_trees * log(window_size)), memory
    64 bytes * (n_trees + n_candidates) * window_size.

    Parameters
    ----------
    n_trees
        Number of trees.
    window_size
        Rows in a window; each tree is grown from one.
    n_candidates
        Trees grown at the end of a window.
    n_replaced
        How many of them are taken. The paper takes one: then it takes `n_trees` windows at least
        until all trees know a new state of the stream.
    size_share
        What the size of a tree counts for its quality; the fullest leaf counts the rest to 1.
    seed
        Seed of the cuts; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `n_trees` and `n_candidates` are whole numbers >= 1,
        `window_size` one >= 2, `n_replaced` one from 1 to `n_candidates`, and
        0 <= `size_share` <= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import AdaptiveIsolationForest
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> model = AdaptiveIsolationForest().fit_many(X)
    >>> model.score_one([4.0, -4.0, 4.0]) > 0.6 > 0.5 > model.score_one([0.0, 0.1, 0.0])
    True

    Notes
    -----
    Quality is `size_share * (1 - size) + (1 - size_share) * largest leaf`, both scaled to [0, 1]
    over trees and candidates. Departures: the first windows are short; more than one tree
    may be replaced. A feature that is the same in all rows of a node is passed over. Where a value
    is missing, a row takes the side with more rows of the window; a row without any value
    scores 0 and is not learned. Codes of nominal values are taken as numbers. A weight
    other than 0 counts as 1.

    References
    ----------
    .. [1] Liu, Cassales, Liu, Pfahringer, Bifet (2025), Adaptive isolation forest, Discovery
       Science, LNCS 16090. doi:10.1007/978-3-032-05461-6_24.
    """

    _kernel = _adaptive_isolation_forest
    _state = (
        *STATE,
        Field("counts_", (4,), np.int64),
        Field("facts_", ("T", 3), np.int64),
        Field("recent_", ("W", "F"), fill=np.nan),
        Field("random_", (1,), np.int64),
    )

    counts_: Ints
    random_: Ints

    def __init__(
        self,
        *,
        n_trees: int = 100,
        window_size: int = 256,
        n_candidates: int = 10,
        n_replaced: int = 5,
        size_share: float = 0.5,
        seed: int | None = 0,
    ) -> None:
        self.n_trees = n_trees
        self.window_size = window_size
        self.n_candidates = n_candidates
        self.n_replaced = n_replaced
        self.size_share = size_share
        self.seed = seed

    def _check(self) -> None:
        if self.n_trees < 1:
            raise wrong("n_trees", self.n_trees, "a number of trees >= 1")
        if self.window_size < 2:
            raise wrong("window_size", self.window_size, "a number of rows >= 2")
        if self.n_candidates < 1:
            raise wrong("n_candidates", self.n_candidates, "a number of trees >= 1")
        if not 1 <= self.n_replaced <= self.n_candidates:
            raise wrong("n_replaced", self.n_replaced, "a number from 1 to n_candidates")
        if not 0 <= self.size_share <= 1:
            raise wrong("size_share", self.size_share, "a number from 0 to 1")

    def _sizes(self) -> dict[str, int]:
        return {
            "T": int(self.n_trees) + int(self.n_candidates),
            "N": 2 << ceil(log2(self.window_size)),
            "W": int(self.window_size),
        }

    def _start(self, schema: Schema) -> None:
        self.counts_[ROOM] = first_room(int(self.window_size))
        self.random_[:] = seeded(self.seed, 1)

    def _settings(self) -> tuple[float, ...]:
        return float(self.n_trees), float(self.size_share), float(self.n_replaced)
