"""Online isolation forest: histograms that split where rows gather and merge where they leave."""

from __future__ import annotations

from math import log2
from typing import Literal, NamedTuple

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, i1, i2, opened
from onlineml.kernels.boxes import widen
from onlineml.kernels.by_window import N_ROWS, ROOM, first_room, is_known, turn
from onlineml.kernels.random import below, seeded, uniform
from onlineml.kernels.usual_range import moved, width_of
from onlineml.schema import Schema, wrong

_RANGE_WINDOW = 256  # rows that ranges are taken from
_LEAF, _ADAPTIVE = range(2)  # of the settings
# Of the counts, after those of rows: rows held, where the oldest is, whether there are trees yet.
_N_HELD, _OLDEST, _IS_BUILT = 3, 4, 5
_NO_CUT = -1


class Trees(NamedTuple):
    """All trees; node `k` has the children `2 * k` and `2 * k + 1`.

    A node knows its mass and, if it is cut, feature and place of the cut; a leaf also the box
    around the rows that it has seen.
    """

    masses: Ints
    features: Ints
    cuts: Array
    low: Array
    high: Array
    random: Ints


@entry
def _online_isolation_forest(d: int) -> int:
    trees = Trees(i2(d, 2), i2(d, 3), f2(d, 4), f3(d, 5), f3(d, 6), i1(d, 7))
    return _rows(opened(d), f1(d, 0), i1(d, 1), trees, f2(d, 8), f2(d, 9), f2(d, 10))


@jit
def _rows(
    call: Call, settings: Array, counts: Ints, trees: Trees, held: Array, ranges: Array,
    recent: Array,
) -> int:  # fmt: skip
    clipped = np.empty(call.X.shape[1])
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            call.out[i, 0] = _score(settings, counts, trees, x) if is_known(x) else 0.0
        if call.fit and row_tells(call, i):
            if counts[_IS_BUILT]:
                _clip(x, ranges, clipped)
                for t in range(trees.masses.shape[0]):
                    _learn(settings, trees, t, clipped)
            _hold(settings, counts, trees, held, x)
            for j in range(x.shape[0]):
                recent[counts[N_ROWS], j] = x[j]
            counts[N_ROWS] += 1
            if counts[N_ROWS] == counts[ROOM] and moved(turn(counts, recent, ranges), ranges):
                _begin_anew(settings, counts, trees, held, ranges)
    return call.last


@jit
def _score(settings: Array, counts: Ints, trees: Trees, x: Array) -> float:
    """2 to the minus mean depth, in units of the depth that all rows together suggest."""
    whole = _suggested_depth(counts[_N_HELD], settings[_LEAF])
    if counts[_IS_BUILT] == 0 or whole < 1.0:
        return 0.0
    total, n_trees = 0.0, trees.masses.shape[0]
    for t in range(n_trees):
        masses, node, depth = trees.masses[t], 1, 0.0
        while trees.features[t, node] != _NO_CUT:
            node = _child(masses, node, x[trees.features[t, node]], trees.cuts[t, node])
            depth += 1.0
        total += depth + _suggested_depth(masses[node], settings[_LEAF])
    return float(2.0 ** (-total / (n_trees * whole)))


@jit
def _suggested_depth(mass: float, leaf: float) -> float:
    return float(np.log2(mass / leaf)) if mass > leaf else 0.0


@jit
def _child(masses: Ints, node: int, value: float, cut: float) -> int:
    """The side of the cut; the heavier one where the value is missing."""
    if value <= cut:
        return 2 * node
    if value > cut:
        return 2 * node + 1
    return 2 * node + (1 if masses[2 * node + 1] > masses[2 * node] else 0)


@jit
def _clip(x: Array, ranges: Array, clipped: Array) -> None:
    """Bring far values to a width beyond the usual range, so that boxes stay small."""
    for j in range(x.shape[0]):
        width = width_of(ranges[0, j], ranges[1, j])
        low, high = ranges[0, j] - width, ranges[1, j] + width
        clipped[j] = low if x[j] < low else high if x[j] > high else x[j]


@jit
def _learn(settings: Array, trees: Trees, t: int, x: Array) -> None:
    masses, features = trees.masses[t], trees.features[t]
    node, most = 1, settings[_LEAF]
    masses[1] += 1
    while features[node] != _NO_CUT:
        node = _child(masses, node, x[features[node]], trees.cuts[t, node])
        masses[node] += 1
        most *= settings[_ADAPTIVE]
    widen(trees.low[t, node], trees.high[t, node], x, x)
    if masses[node] >= most and 2 * node < masses.shape[0]:
        _split(trees, t, node)


@jit
def _split(trees: Trees, t: int, node: int) -> None:
    """Cut a leaf's box; children get what rows spread evenly over it would give them."""
    low, high, n_wide = trees.low[t, node], trees.high[t, node], 0
    for j in range(low.shape[0]):
        n_wide += high[j] > low[j]
    if n_wide == 0:
        return
    k, q = below(trees.random, t, n_wide), -1
    while k >= 0:
        q += 1
        k -= high[q] > low[q]
    mass = trees.masses[t, node]
    points = np.empty((mass, low.shape[0]))
    for i in range(mass):
        for j in range(low.shape[0]):
            wide = high[j] > low[j]
            part = uniform(trees.random, t) if wide else 0.0
            points[i, j] = low[j] + part * (high[j] - low[j]) if wide else low[j]
    first, last = points[:, q].min(), points[:, q].max()
    cut = first + uniform(trees.random, t) * (last - first)
    trees.features[t, node], trees.cuts[t, node] = q, cut
    for child in (2 * node, 2 * node + 1):
        trees.masses[t, child], trees.features[t, child] = 0, _NO_CUT
        trees.low[t, child, :] = trees.high[t, child, :] = np.nan
    for i in range(mass):
        child = 2 * node + (1 if points[i, q] > cut else 0)
        trees.masses[t, child] += 1
        widen(trees.low[t, child], trees.high[t, child], points[i], points[i])


@jit
def _unlearn(settings: Array, trees: Trees, t: int, x: Array) -> None:
    masses, features = trees.masses[t], trees.features[t]
    node, least = 1, settings[_LEAF]
    masses[1] -= 1
    while features[node] != _NO_CUT:
        if masses[node] < least:
            _merge(trees, t, node)
            return
        node = _child(masses, node, x[features[node]], trees.cuts[t, node])
        masses[node] = max(masses[node] - 1, 0)
        least *= settings[_ADAPTIVE]


@jit
def _merge(trees: Trees, t: int, node: int) -> None:
    """Make a leaf of a node: its box holds those of the leaves below."""
    low, high, below_it, n = trees.low[t], trees.high[t], np.empty(64, np.int64), 2
    low[node, :] = high[node, :] = np.nan
    trees.features[t, node] = _NO_CUT
    below_it[0], below_it[1] = 2 * node, 2 * node + 1
    while n > 0:
        n -= 1
        k = below_it[n]
        if trees.features[t, k] == _NO_CUT:
            widen(low[node], high[node], low[k], high[k])
        else:
            below_it[n], below_it[n + 1] = 2 * k, 2 * k + 1
            n += 2


@jit
def _hold(settings: Array, counts: Ints, trees: Trees, held: Array, x: Array) -> None:
    """Keep a row, in the place of the oldest one, which is forgotten, if there are too many."""
    at = counts[_OLDEST]
    if counts[_N_HELD] < held.shape[0]:
        at = counts[_N_HELD]
        counts[_N_HELD] += 1
    else:
        counts[_OLDEST] = (at + 1) % held.shape[0]
        if counts[_IS_BUILT]:
            for t in range(trees.masses.shape[0]):
                _unlearn(settings, trees, t, held[at])
    for j in range(x.shape[0]):
        held[at, j] = x[j]


@jit
def _begin_anew(settings: Array, counts: Ints, trees: Trees, held: Array, ranges: Array) -> None:
    """Trees that learn the rows held once more."""
    counts[_IS_BUILT], clipped = 1, np.empty(held.shape[1])
    trees.masses[:, 1] = 0
    trees.features[:, 1] = _NO_CUT
    trees.low[:, 1, :] = trees.high[:, 1, :] = np.nan
    for i in range(counts[_N_HELD]):
        _clip(held[(counts[_OLDEST] + i) % held.shape[0]], ranges, clipped)
        for t in range(trees.masses.shape[0]):
            _learn(settings, trees, t, clipped)


class OnlineIsolationForest(Detector):
    """Online isolation forest: how soon a row ends up in a bin of its own, in growing histograms.

    Each tree is a histogram of the last `window_size` rows. A bin that has gathered enough of them
    is cut in two at random; as rows leave, bins merge again. The score is
    2 ** (-mean depth of the row's bins / depth that all rows together suggest): near 1 for rows in
    bins that never grew, near 0.5 and below for usual ones. A bin of `m` rows suggests another
    log2(m / `max_leaf_samples`) cuts. The score is 0 until twice `max_leaf_samples` rows were
    seen. Time per event is O(n_trees * (log(window_size / max_leaf_samples) + n_features)),
    memory 8 bytes * (window_size + 4 * n_trees * window_size / max_leaf_samples) * n_features.

    Parameters
    ----------
    n_trees
        Number of trees.
    window_size
        Rows that are remembered.
    max_leaf_samples
        Rows at which the first bin is cut.
    growth
        "adaptive": a bin is cut at `max_leaf_samples` times 2 ** depth rows, as in the paper;
        or "fixed": at `max_leaf_samples` in any depth.
    seed
        Seed of the cuts; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `n_trees` and `max_leaf_samples` are whole numbers >= 1,
        `window_size` is one >= 2 `max_leaf_samples`, and `growth` is "adaptive" or "fixed".

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import OnlineIsolationForest
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> model = OnlineIsolationForest().fit_many(X)
    >>> model.score_one([4.0, -4.0, 4.0]) > model.score_one([0.0, 0.1, 0.0])
    True

    Notes
    -----
    Departures: features whose box has no extent are not cut. Boxes are kept at the leaves: a merged
    bin has the box around those of its parts. For the boxes, values are brought to a width
    beyond the usual range of the feature, without 1 % of the rows at either end, so that one
    huge row leaves no trace. Trees learn the rows of the window anew when the first 32, 64, 128 and
    256 rows have come, and later where in 256 rows a feature has moved beyond twice its range
    or shrunk below a tenth of it: the first cuts of a tree otherwise stay for good. A mass that
    forgetting would bring below 0 stays 0. Where a value is missing, a row takes the heavier
    side; a row without any value scores 0 and is not learned. Codes of nominal values are taken as
    numbers. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Leveni, Weigert Cassales, Pfahringer, Bifet, Boracchi (2024), Online isolation forest,
       ICML, PMLR 235. Section 4.
    """

    _kernel = _online_isolation_forest
    _greatest = 1.0
    _state = (
        Field("counts_", (6,), np.int64),
        Field("masses_", ("T", "N"), np.int64),
        Field("features_", ("T", "N"), np.int64, _NO_CUT),
        Field("cuts_", ("T", "N")),
        Field("low_", ("T", "N", "F"), fill=np.nan),
        Field("high_", ("T", "N", "F"), fill=np.nan),
        Field("random_", ("T",), np.int64),
        Field("held_", ("W", "F"), fill=np.nan),
        Field("ranges_", (2, "F"), fill=np.nan),
        Field("recent_", ("R", "F"), fill=np.nan),
    )

    counts_: Ints
    masses_: Ints
    high_: Array
    random_: Ints

    def __init__(
        self,
        *,
        n_trees: int = 32,
        window_size: int = 2048,
        max_leaf_samples: int = 32,
        growth: Literal["adaptive", "fixed"] = "adaptive",
        seed: int | None = 0,
    ) -> None:
        self.n_trees = n_trees
        self.window_size = window_size
        self.max_leaf_samples = max_leaf_samples
        self.growth = growth
        self.seed = seed

    def _check(self) -> None:
        if self.n_trees < 1:
            raise wrong("n_trees", self.n_trees, "a number of trees >= 1")
        if self.max_leaf_samples < 1:
            raise wrong("max_leaf_samples", self.max_leaf_samples, "a number of rows >= 1")
        if self.window_size < 2 * self.max_leaf_samples:
            raise wrong("window_size", self.window_size, "at least twice max_leaf_samples")
        if self.growth not in ("adaptive", "fixed"):
            raise wrong("growth", self.growth, "'adaptive' or 'fixed'")

    def _sizes(self) -> dict[str, int]:
        depth = int(log2(self.window_size / self.max_leaf_samples))
        return {
            "T": int(self.n_trees),
            "N": 2 << depth,
            "W": int(self.window_size),
            "R": min(_RANGE_WINDOW, int(self.window_size)),
        }

    def _start(self, schema: Schema) -> None:
        room = min(_RANGE_WINDOW, int(self.window_size))
        self.counts_[ROOM] = first_room(room, shortest=32)
        self.random_[:] = seeded(self.seed, int(self.n_trees))

    def _settings(self) -> tuple[float, ...]:
        return float(self.max_leaf_samples), 2.0 if self.growth == "adaptive" else 1.0
