"""Robust random cut forest: how many points a row would displace in random cut trees."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, i1, i2, i3, opened
from onlineml.kernels.by_window import N_ROWS, ROOM, first_room, is_known, turn
from onlineml.kernels.random import seeded
from onlineml.kernels.random_cut_trees import (
    NONE,
    Trees,
    attach,
    clear,
    detach,
    displacement_of_twin,
    place,
    recount,
)
from onlineml.kernels.usual_range import moved, width_of
from onlineml.schema import Schema, wrong

# Of the counts, after those of rows: rows held, where the oldest is, whether there are trees yet.
_N_HELD, _OLDEST, _IS_BUILT = 3, 4, 5


@entry
def _robust_random_cut_forest(d: int) -> int:
    trees = Trees(
        f2(d, 2), i1(d, 3), f1(d, 4), i3(d, 5), f2(d, 6), f3(d, 7), f3(d, 8), i2(d, 9), i1(d, 10),
        i1(d, 11),
    )  # fmt: skip
    return _rows(opened(d), i1(d, 1), trees, i1(d, 12), f2(d, 13), f2(d, 14), i1(d, 15))


@jit
def _rows(
    call: Call, counts: Ints, trees: Trees, order: Ints, ranges: Array, recent: Array, random: Ints
) -> int:
    draws = np.empty(1, np.int64)
    for i in range(call.first, call.last):
        x, fit, twin = call.X[i], call.fit and row_tells(call, i), NONE
        if call.serve:
            call.out[i, 0] = 0.0
        if not is_known(x):
            continue
        twin = _find(trees, x)
        if counts[_IS_BUILT]:
            point = _give_room(trees, x, twin) if fit else NONE
            displacement = _visit(trees, x, twin, point, random, draws)
            if call.serve:
                call.out[i, 0] = displacement
        elif fit:
            point = _give_room(trees, x, twin)
        if fit:
            trees.times[point] += 1
            _hold(counts, trees, order, point)
            _remember(counts, trees, order, ranges, recent, random, x)
    return call.last


@jit
def _find(trees: Trees, x: Array) -> int:
    """The point that is equal to a row, missing values too."""
    for point in range(trees.times.shape[0]):
        if trees.times[point] > 0 and _is_equal(trees.points[point], x):
            return point
    return NONE


@jit
def _is_equal(a: Array, b: Array) -> bool:
    for j in range(a.shape[0]):  # noqa: SIM110 - no generators in kernels
        if a[j] != b[j] and (a[j] == a[j] or b[j] == b[j]):
            return False
    return True


@jit
def _give_room(trees: Trees, x: Array, twin: int) -> int:
    """The point that a row is, or becomes."""
    if twin != NONE:
        return twin
    point = 0
    while trees.times[point] > 0:
        point += 1
    for j in range(x.shape[0]):
        trees.points[point, j] = x[j]
    return point


@jit
def _visit(trees: Trees, x: Array, twin: int, point: int, random: Ints, draws: Ints) -> float:
    """Mean displacement; where the row is to be learned, as `point`, it takes its place."""
    total, n_trees = 0.0, trees.roots.shape[0]
    for t in range(n_trees):
        if twin != NONE:
            total += displacement_of_twin(trees, t, twin)
            if point != NONE:
                recount(trees, t, point, 1)
            continue
        draws[0] = random[t]
        node, feature, cut, displacement = place(trees, t, x, draws)
        total += displacement
        if point != NONE:
            random[t] = draws[0]
            attach(trees, t, point, node, feature, cut)
    return float(total / n_trees)


@jit
def _hold(counts: Ints, trees: Trees, order: Ints, point: int) -> None:
    """Note which point came now; the oldest one leaves if there are too many."""
    room = order.shape[0]
    order[(counts[_OLDEST] + counts[_N_HELD]) % room] = point
    if counts[_N_HELD] < room - 1:
        counts[_N_HELD] += 1
        return
    oldest = order[counts[_OLDEST]]
    counts[_OLDEST] = (counts[_OLDEST] + 1) % room
    if counts[_IS_BUILT]:
        for t in range(trees.roots.shape[0]):
            if trees.times[oldest] > 1:
                recount(trees, t, oldest, -1)
            else:
                detach(trees, t, oldest)
    trees.times[oldest] -= 1


@jit
def _remember(
    counts: Ints, trees: Trees, order: Ints, ranges: Array, recent: Array, random: Ints, x: Array
) -> None:
    """Keep the row; at the end of a window, see whether units must be measured anew."""
    for j in range(x.shape[0]):
        recent[counts[N_ROWS], j] = x[j]
    counts[N_ROWS] += 1
    if counts[N_ROWS] == counts[ROOM] and moved(turn(counts, recent, ranges), ranges):
        for j in range(x.shape[0]):
            width = width_of(ranges[0, j], ranges[1, j])
            trees.weights[j] = 1.0 / width if width > 0.0 else 0.0
        _plant(counts, trees, order, random)


@jit
def _plant(counts: Ints, trees: Trees, order: Ints, random: Ints) -> None:
    """Grow all trees anew from the rows that are held."""
    clear(trees)
    trees.times[:] = 0
    counts[_IS_BUILT] = 1
    for k in range(counts[_N_HELD]):
        point = order[(counts[_OLDEST] + k) % order.shape[0]]
        twin = point if trees.times[point] > 0 else NONE
        _visit(trees, trees.points[point], twin, point, random, np.empty(1, np.int64))
        trees.times[point] += 1


class RobustRandomCutForest(Detector):
    """Robust random cut forest: how many points a row displaces in random cut trees.

    Each tree holds the last `tree_size` rows and is cut at random between them, the more often
    across a feature the wider the rows lie. The score is the mean over the trees of the row's
    collusive displacement: the largest ratio, in any group that it would be cut into, of the
    rows beside that group to those in it. It lies between 0 and `tree_size`, and is 0 until 32 rows
    were seen. Learning a row inserts it, and removes the oldest; scoring changes nothing.
    Time per event is O(n_trees * log(tree_size) * n_features), memory
    16 bytes * n_trees * tree_size * (n_features + 3).

    Parameters
    ----------
    n_trees
        Number of trees.
    tree_size
        Rows that a tree holds.
    seed
        Seed of the cuts; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `n_trees` is a whole number >= 1, and `tree_size` one >= 2.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import RobustRandomCutForest
    >>> X = np.random.default_rng(0).normal(size=(400, 3))
    >>> model = RobustRandomCutForest(n_trees=20).fit_many(X)
    >>> model.score_one([6.0, 0.0, 0.0]) > 50 > model.score_one([0.0, 0.1, 0.0])
    True

    Notes
    -----
    Departures: a tree holds the last rows, not a sample of the stream. A row is scored as if it
    were inserted, before the oldest is removed. Features are cut in units of their usual ranges;
    these are measured anew, and all trees grown anew from the rows that they hold, when the first
    32, 64, ... `tree_size` rows have come, and later where in as many rows a feature has
    moved beyond twice its range or shrunk below a tenth of it. A missing value has no extent, so
    that its feature does not cut the row off; at a cut of that feature the row goes where most
    rows are. A row without any value scores 0 and is not learned. Equal rows share a leaf. Codes
    of nominal values are taken as numbers. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Guha, Mishra, Roy, Schrijvers (2016), Robust random cut forest based anomaly detection
       on streams, ICML, PMLR 48, 2712-2721. Definitions 1 and 6, algorithms 1 and 2.
    """

    _kernel = _robust_random_cut_forest
    _state = (
        Field("counts_", (6,), np.int64),
        Field("points_", ("P", "F"), fill=np.nan),
        Field("times_", ("P",), np.int64),
        Field("weights_", ("F",)),
        Field("nodes_", ("T", "M", 4), np.int64),
        Field("cuts_", ("T", "M")),
        Field("low_", ("T", "M", "F"), fill=np.nan),
        Field("high_", ("T", "M", "F"), fill=np.nan),
        Field("parents_", ("T", "Q"), np.int64),
        Field("roots_", ("T",), np.int64, NONE),
        Field("free_", ("T",), np.int64),
        Field("order_", ("P",), np.int64),
        Field("ranges_", (2, "F"), fill=np.nan),
        Field("recent_", ("W", "F"), fill=np.nan),
        Field("random_", ("T",), np.int64),
    )

    counts_: Ints
    points_: Array
    times_: Ints
    nodes_: Ints
    low_: Array
    high_: Array
    parents_: Ints
    roots_: Ints
    random_: Ints

    def __init__(self, *, n_trees: int = 100, tree_size: int = 256, seed: int | None = 0) -> None:
        self.n_trees = n_trees
        self.tree_size = tree_size
        self.seed = seed

    def _check(self) -> None:
        if self.n_trees < 1:
            raise wrong("n_trees", self.n_trees, "a number of trees >= 1")
        if self.tree_size < 2:
            raise wrong("tree_size", self.tree_size, "a number of rows >= 2")

    def _sizes(self) -> dict[str, int]:
        size = int(self.tree_size)
        return {"T": int(self.n_trees), "W": size, "P": size + 1, "M": size, "Q": 2 * size + 1}

    def _start(self, schema: Schema) -> None:
        self.counts_[ROOM] = first_room(int(self.tree_size), shortest=32)
        self.random_[:] = seeded(self.seed, int(self.n_trees))
