"""StreamRHF: histograms cut at features of high kurtosis, rebuilt where that changes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Call, Field, Ints, f2, f3, f4, i1, i2, opened
from onlineml.kernels.by_window import N_BEFORE, N_ROWS, ROOM, first_room, is_known
from onlineml.kernels.isolation_tree import LEAF, divide
from onlineml.schema import Schema, wrong

# Number of values, sums of the powers of their distances from a center, and that center.
_N_MOMENTS, _CENTER = 6, 5
_GROWN = 1.1  # a node is looked at again when its rows have become so many times more
_FLAT = 1e-20  # a variance at or below this share of the squared center is none
_FARTHEST = 1e50  # distance from the center; beyond, its fourth power might overflow


class Trees(NamedTuple):
    """All trees; node `k` has the children `2 * k` and `2 * k + 1`.

    Of every node: feature and place of its cut, its rows, how many they must be for it to be looked
    at again, two random numbers that never change, and for those that may be cut the
    moments of each feature. `leaves` is where each row is.
    """

    features: Ints
    cuts: Array
    masses: Ints
    due: Ints
    draws: Array
    moments: Array
    leaves: Ints


@entry
def _stream_rhf(d: int) -> int:
    trees = Trees(i2(d, 2), f2(d, 3), i2(d, 4), i2(d, 5), f3(d, 6), f4(d, 7), i2(d, 8))
    return _rows(opened(d), i1(d, 1), trees, f2(d, 9))


@jit
def _rows(call: Call, counts: Ints, trees: Trees, rows: Array) -> int:
    n_trees = trees.features.shape[0]
    for i in range(call.first, call.last):
        x, n = call.X[i], counts[N_BEFORE] + counts[N_ROWS]
        if call.serve:
            call.out[i, 0] = 0.0
            if counts[N_BEFORE] > 0 and is_known(x):
                total = 0.0
                for t in range(n_trees):
                    total += np.log2((n + 1.0) / (_mass(trees, t, x) + 1.0))
                call.out[i, 0] = total / n_trees
        if call.fit and row_tells(call, i):
            for j in range(x.shape[0]):
                rows[n, j] = x[j]
            counts[N_ROWS] += 1
            if counts[N_BEFORE] > 0:
                for t in range(n_trees):
                    _insert(trees, t, rows, n)
            if counts[N_ROWS] == counts[ROOM]:
                _end_window(counts, trees, rows)
    return call.last


@jit
def _mass(trees: Trees, t: int, x: Array) -> float:
    """Rows in the leaf that a row falls into."""
    features, cuts, masses, node = trees.features[t], trees.cuts[t], trees.masses[t], 1
    while features[node] != LEAF:
        node = _child(masses, node, x[features[node]], cuts[node])
    return float(masses[node])


@jit
def _child(masses: Ints, node: int, value: float, cut: float) -> int:
    """The side of the cut; the heavier one where the value is missing."""
    if value <= cut:
        return 2 * node
    if value > cut:
        return 2 * node + 1
    return 2 * node + (1 if masses[2 * node + 1] > masses[2 * node] else 0)


@jit
def _insert(trees: Trees, t: int, rows: Array, row: int) -> None:
    """Lead a row to its leaf; where another feature is to be cut now, build anew from there."""
    features, masses, node = trees.features[t], trees.masses[t], 1
    while True:
        masses[node] += 1
        trees.leaves[t, row] = node
        if node >= trees.moments.shape[1]:
            return
        _add(trees.moments[t, node], rows[row])
        if masses[node] >= trees.due[t, node] and _choose(trees, t, node) != features[node]:
            _build(trees, t, node, rows, row + 1)
            return
        if features[node] == LEAF:
            return
        node = _child(masses, node, rows[row, features[node]], trees.cuts[t, node])


@jit
def _add(moments: Array, x: Array) -> None:
    for j in range(x.shape[0]):
        if x[j] == x[j]:
            if moments[j, 0] == 0.0 and moments[j, _CENTER] == 0.0:
                moments[j, _CENTER] = x[j]
            gap = min(max(x[j] - moments[j, _CENTER], -_FARTHEST), _FARTHEST)
            moments[j, 0] += 1.0
            moments[j, 1] += gap
            moments[j, 2] += gap * gap
            moments[j, 3] += gap * gap * gap
            moments[j, 4] += gap * gap * gap * gap


@jit
def _choose(trees: Trees, t: int, node: int) -> int:
    """The feature to be cut, by the node's first number, and when to ask again."""
    moments, mass = trees.moments[t, node], trees.masses[t, node]
    trees.due[t, node] = int(np.ceil(_GROWN * mass))
    total = 0.0
    for j in range(moments.shape[0]):
        total += _weight(moments[j])
    at = trees.draws[t, node, 0] * total
    for j in range(moments.shape[0]):
        weight = _weight(moments[j])
        if weight > at:
            return j
        at -= weight
    return LEAF


@jit
def _weight(moments: Array) -> float:
    """log(kurtosis + 1); 0 where all values are equal."""
    n = moments[0]
    if n < 2.0:
        return 0.0
    mean = moments[1] / n
    variance = moments[2] / n - mean * mean
    if variance <= _FLAT * moments[_CENTER] * moments[_CENTER]:
        return 0.0
    fourth = moments[4] / n - 4.0 * mean * moments[3] / n
    fourth += 6.0 * mean * mean * moments[2] / n - 3.0 * mean**4
    return float(np.log(max(fourth / (variance * variance), 1.0) + 1.0))


@jit
def _build(trees: Trees, t: int, top: int, rows: Array, n_rows: int) -> None:
    """Cut node `top` of a tree, and all below, anew by the rows that are in it."""
    n_nodes, n_inner, leaves = trees.features.shape[1], trees.moments.shape[1], trees.leaves[t]
    part, n = np.empty(n_rows, np.int64), 0
    for i in range(n_rows):
        node = leaves[i]
        while node > top:
            node //= 2
        if node == top:
            part[n] = i
            n += 1
    first = np.zeros(n_nodes, np.int64)
    trees.masses[t, top], lowest, width = n, top, 1
    while lowest < n_nodes:
        for node in range(lowest, lowest + width):
            trees.features[t, node] = LEAF
            own = part[first[node] : first[node] + trees.masses[t, node]]
            for i in own:
                leaves[i] = node
            if node < n_inner:
                n_left, n_right = _cut(trees, t, node, rows, own)
                trees.masses[t, 2 * node], trees.masses[t, 2 * node + 1] = n_left, n_right
                first[2 * node], first[2 * node + 1] = first[node], first[node] + n_left
        lowest, width = 2 * lowest, 2 * width


@jit
def _cut(trees: Trees, t: int, node: int, rows: Array, own: Ints) -> tuple[int, int]:
    """Choose feature and place of a cut; returns the rows on both sides, none of a leaf."""
    _center(trees.moments[t, node], rows, own)
    for i in own:
        _add(trees.moments[t, node], rows[i])
    q = _choose(trees, t, node)
    if q == LEAF:
        return 0, 0
    low, high = np.inf, -np.inf
    for i in own:
        low = rows[i, q] if rows[i, q] < low else low
        high = rows[i, q] if rows[i, q] > high else high
    cut = low + trees.draws[t, node, 1] * (high - low)
    trees.features[t, node], trees.cuts[t, node] = q, cut
    n_left = divide(rows, own, q, cut)
    return n_left, own.shape[0] - n_left


@jit
def _center(moments: Array, rows: Array, own: Ints) -> None:
    """Empty moments around the means of some rows: sums of powers then lose no digits."""
    for j in range(rows.shape[1]):
        n, total = 0, 0.0
        for i in own:
            if rows[i, j] == rows[i, j]:
                n += 1
                total += rows[i, j]
        moments[j, :_CENTER] = 0.0
        moments[j, _CENTER] = total / n if n > 0 else 0.0


@jit
def _end_window(counts: Ints, trees: Trees, rows: Array) -> None:
    """Rows of the window before the last are forgotten: trees of those of the last."""
    n_before, n = counts[N_BEFORE], counts[N_ROWS]
    for i in range(n):
        rows[i] = rows[n_before + i]
    counts[N_BEFORE], counts[N_ROWS] = n, 0
    counts[ROOM] = min(2 * counts[ROOM], rows.shape[0] // 2)
    for t in range(trees.features.shape[0]):
        trees.leaves[t, :n] = 1
        _build(trees, t, 1, rows, n)


class StreamRHF(Detector):
    """Streaming random histogram forest: how few rows share the bins that features with tails cut.

    Each tree cuts the rows of the last window, and those that have come since, at random places
    of random features; those of high kurtosis are chosen more often, as they have values far off.
    The score is the mean over the trees of log2((1 + rows) / (1 + rows in the row's bin)): its
    rarity in bits. It is 0 until the first window is full; this one is short, of 8 rows, and
    each takes twice the rows of the last up to `window_size`. Time per event is
    O(n_trees * height * n_features), memory 48 bytes * n_trees * 2 ** height * n_features.

    Parameters
    ----------
    n_trees
        Number of trees.
    height
        Cuts from the root of a tree to its smallest bins.
    window_size
        Rows in a window. At its end trees are built from it, and the one before is forgotten.
    seed
        Seed of the cuts; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `n_trees` is a whole number >= 1, `height` one from 1 to 16, and
        `window_size` one >= 2.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import StreamRHF
    >>> X = np.random.default_rng(0).normal(size=(600, 3))
    >>> model = StreamRHF().fit_many(X)
    >>> model.score_one([4.0, -4.0, 4.0]) > model.score_one([0.0, 0.1, 0.0])
    True

    Notes
    -----
    A feature is chosen with a probability proportional to log(1 + kurtosis) of its values in the
    node. Random numbers belong to the nodes and stay; when the feature that they choose has changed
    with the rows that came, the part of the tree below is built anew. Departures: this is looked
    at when a node has a tenth more rows than the last time, not at every row. All rows count,
    not the distinct ones. A row is scored before it is inserted, as if it were one more in its
    bin. A constant feature is never cut. Where a value is missing, a row takes the side with
    more rows; a row without any value scores 0 and is not learned. Codes of nominal values are
    taken as numbers. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Nesic, Putina, Bahri, Huet, Navarro, Rossi, Sozio (2022), STREamRHF: tree-based
       unsupervised anomaly detection for data streams, AICCSA.
       doi:10.1109/AICCSA56895.2022.10017876.
    .. [2] Putina, Sozio, Rossi, Navarro (2020), Random histogram forest for unsupervised anomaly
       detection, ICDM, 1226-1231.
    """

    _kernel = _stream_rhf
    _state = (
        Field("counts_", (3,), np.int64),
        Field("features_", ("T", "N"), np.int64, LEAF),
        Field("cuts_", ("T", "N")),
        Field("masses_", ("T", "N"), np.int64),
        Field("due_", ("T", "N"), np.int64),
        Field("draws_", ("T", "N", 2)),
        Field("moments_", ("T", "M", "F", _N_MOMENTS)),
        Field("leaves_", ("T", "R"), np.int64),
        Field("rows_", ("R", "F"), fill=np.nan),
    )

    counts_: Ints
    features_: Ints
    masses_: Ints
    draws_: Array
    leaves_: Ints

    def __init__(
        self,
        *,
        n_trees: int = 100,
        height: int = 5,
        window_size: int = 512,
        seed: int | None = 0,
    ) -> None:
        self.n_trees = n_trees
        self.height = height
        self.window_size = window_size
        self.seed = seed

    def _check(self) -> None:
        if self.n_trees < 1:
            raise wrong("n_trees", self.n_trees, "a number of trees >= 1")
        if not 1 <= self.height <= 16:
            raise wrong("height", self.height, "a number of cuts from 1 to 16")
        if self.window_size < 2:
            raise wrong("window_size", self.window_size, "a number of rows >= 2")

    def _sizes(self) -> dict[str, int]:
        return {
            "T": int(self.n_trees),
            "N": 2 << int(self.height),
            "M": 1 << int(self.height),
            "R": 2 * int(self.window_size),
        }

    def _start(self, schema: Schema) -> None:
        self.counts_[ROOM] = first_room(int(self.window_size))
        self.draws_[:] = np.random.default_rng(self.seed).random(self.draws_.shape)
