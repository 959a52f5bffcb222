"""IForestASD: an isolation forest of the last rows, grown anew a tree at a time."""

from __future__ import annotations

from math import ceil, log2

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, i1, opened
from onlineml.kernels.by_window import is_known
from onlineml.kernels.isolation_tree import STATE, Trees, depth, grow, trees_at, usual_depth
from onlineml.kernels.random import below, seeded
from onlineml.schema import Schema, wrong

_FIRST = 32  # rows from which the first trees are grown; again at twice as many, and so on
_SAMPLE, _LIMIT = range(2)  # of the settings
# Of the counts: rows held, the place of the next, rows in trees, tree-rows since the last tree,
# the tree to grow next, and rows looked at for strange ones, and how many were.
_N_HELD, _NEXT, _N_GROWN, _CREDIT, _TREE, _N_SEEN, _N_STRANGE = range(7)
_STRANGE = 0.5  # a score above it is that of a strange row, in the paper's rule


@entry
def _iforest_asd(d: int) -> int:
    return _rows(
        opened(d), f1(d, 0), trees_at(d, 1), i1(d, 5), f2(d, 6), i1(d, 7), i1(d, 8)
    )  # fmt: skip


@jit
def _rows(
    call: Call, settings: Array, trees: Trees, counts: Ints, held: Array, order: Ints, random: Ints
) -> int:
    for i in range(call.first, call.last):
        x, fit = call.X[i], call.fit and row_tells(call, i)
        watched = fit and settings[_LIMIT] < 1.0
        score = 0.0
        if (call.serve or watched) and is_known(x):
            score = _score(settings, trees, counts, x)
        if call.serve:
            call.out[i, 0] = score
        if fit:
            for j in range(x.shape[0]):
                held[counts[_NEXT], j] = x[j]
            counts[_NEXT] = (counts[_NEXT] + 1) % held.shape[0]
            counts[_N_HELD] = min(counts[_N_HELD] + 1, held.shape[0])
            counts[_N_STRANGE] += watched and score > _STRANGE
            _renew(settings, trees, counts, held, order, random)
    return call.last


@jit
def _score(settings: Array, trees: Trees, counts: Ints, x: Array) -> float:
    if counts[_N_GROWN] == 0:
        return 0.0
    total, n_trees = 0.0, trees.features.shape[0]
    for t in range(n_trees):
        total += depth(trees, t, x)
    return float(2.0 ** (-total / (n_trees * usual_depth(1.0 * counts[_N_GROWN]))))


@jit
def _renew(
    settings: Array, trees: Trees, counts: Ints, held: Array, order: Ints, random: Ints
) -> None:
    """Grow what is due: all trees while there are few rows or many strange ones, or one."""
    n_held, sample, n_trees = counts[_N_HELD], int(settings[_SAMPLE]), trees.features.shape[0]
    room = held.shape[0]
    if counts[_N_GROWN] < sample:
        if n_held == min(max(2 * counts[_N_GROWN], _FIRST), sample):
            counts[_N_GROWN], counts[_N_STRANGE] = n_held, 0
            for t in range(n_trees):
                _grow_from_last(trees, t, counts, held, order, room, random)
        return
    counts[_N_SEEN] += 1
    if counts[_N_SEEN] == sample:
        drifted = counts[_N_STRANGE] > settings[_LIMIT] * sample
        counts[_N_SEEN] = counts[_N_STRANGE] = 0
        if drifted:
            for t in range(n_trees):
                _grow_from_last(trees, t, counts, held, order, sample, random)
            return
    counts[_CREDIT] += n_trees
    while counts[_CREDIT] >= room:
        counts[_CREDIT] -= room
        _grow_from_last(trees, counts[_TREE], counts, held, order, room, random)
        counts[_TREE] = (counts[_TREE] + 1) % n_trees


@jit
def _grow_from_last(
    trees: Trees, t: int, counts: Ints, held: Array, order: Ints, n: int, random: Ints
) -> None:
    """Grow a tree from a random sample of the last `n` rows."""
    n, size, room = min(n, counts[_N_HELD]), counts[_N_GROWN], held.shape[0]
    at = counts[_NEXT]
    for k in range(n):
        at = at - 1 if at > 0 else room - 1
        order[k] = at
    for k in range(size):
        other = k + below(random, 0, n - k)
        order[k], order[other] = order[other], order[k]
    grow(trees, t, held, order[:size], random, 0)


class IForestASD(Detector):
    """Isolation forest over a sliding window: how few random cuts set a row apart.

    Trees are grown from random samples of the last `window_size` rows, one after another, so that
    every tree is new after as many rows. The score is 2 ** (-mean depth of the row / mean depth
    in a tree of as many rows), between 0 and 1: well above 0.5 for strange rows. It is 0
    until 32 rows were seen. Time per event is O(n_trees * log(sample_size)), memory
    8 bytes * (window_size * n_features + 8 * n_trees * sample_size).

    Parameters
    ----------
    n_trees
        Number of trees.
    window_size
        Rows that samples are taken from.
    sample_size
        Rows that a tree is grown from.
    drift_threshold
        All trees are grown anew, from the last `sample_size` rows, when a larger share than this
        of as many rows scored above 0.5. None never does, and saves the scoring of rows that
        are only learned.
    seed
        Seed of samples and cuts; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `n_trees` is a whole number >= 1, `sample_size` one >= 2,
        `window_size` one >= `sample_size`, and 0 <= `drift_threshold` <= 1 or None.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import IForestASD
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> model = IForestASD().fit_many(X)
    >>> model.score_one([4.0, -4.0, 4.0]) > 0.6 > 0.5 > model.score_one([0.0, 0.1, 0.0])
    True

    Notes
    -----
    Departures: the paper grows a new forest when a window that does not overlap the last one had
    more anomalies than expected, and none otherwise; here trees are renewed all the time, and
    that rule is an addition. The first trees are grown from 32 rows, then from twice as many,
    until there are `sample_size`. A feature that is the same in all rows of a node is passed over.
    Where a value is missing, a row takes the side with more rows of the sample; a row without any
    value scores 0 and is not learned. Codes of nominal values are taken as numbers. A weight
    other than 0 counts as 1.

    References
    ----------
    .. [1] Ding, Fei (2013), An anomaly detection approach based on isolation forest algorithm for
       streaming data using sliding window, IFAC Proceedings 46(20), 12-17. Section 3.
    .. [2] Liu, Ting, Zhou (2008), Isolation forest, ICDM, 413-422. Algorithms 1 to 3.
    """

    _kernel = _iforest_asd
    _state = (
        *STATE,
        Field("counts_", (7,), np.int64),
        Field("held_", ("W", "F"), fill=np.nan),
        Field("order_", ("W",), np.int64),
        Field("random_", (1,), np.int64),
    )

    random_: Ints

    def __init__(
        self,
        *,
        n_trees: int = 100,
        window_size: int = 2048,
        sample_size: int = 256,
        drift_threshold: float | None = None,
        seed: int | None = 0,
    ) -> None:
        self.n_trees = n_trees
        self.window_size = window_size
        self.sample_size = sample_size
        self.drift_threshold = drift_threshold
        self.seed = seed

    def _check(self) -> None:
        if self.n_trees < 1:
            raise wrong("n_trees", self.n_trees, "a number of trees >= 1")
        if self.sample_size < 2:
            raise wrong("sample_size", self.sample_size, "a number of rows >= 2")
        if self.window_size < self.sample_size:
            raise wrong("window_size", self.window_size, "at least sample_size rows")
        if self.drift_threshold is not None and not 0 <= self.drift_threshold <= 1:
            raise wrong("drift_threshold", self.drift_threshold, "a share from 0 to 1, or None")

    def _sizes(self) -> dict[str, int]:
        height = ceil(log2(self.sample_size))
        return {"T": int(self.n_trees), "N": 2 << height, "W": int(self.window_size)}

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, 1)

    def _settings(self) -> tuple[float, ...]:
        limit = 1.0 if self.drift_threshold is None else self.drift_threshold
        return float(self.sample_size), float(limit)
