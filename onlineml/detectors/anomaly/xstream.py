"""xStream: how many rows share the cells of random half-space chains on random projections."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.aging_masses import (
    BEFORE,
    CLOCK,
    FIRST,
    MASS,
    WHEN,
    next_window,
    of_now,
)
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Call, Field, Ints, f2, i1, i2, opened
from onlineml.kernels.by_window import (
    N_BEFORE,
    N_ROWS,
    ROOM,
    clear,
    first_room,
    is_known,
    keep,
    turn,
)
from onlineml.kernels.random import below, seeded, uniform
from onlineml.kernels.usual_range import moved, usual_range, width_of
from onlineml.schema import Schema, wrong

_WHICH, _N_FEATURES = 3, 4  # of the counts, after those of rows: which window, features projected
_LEFT_OUT = 0.01  # share of a window's projections, at either end, that their range leaves out
_FARTHEST = 2.0**40  # number of a bin; beyond, all is one bin
_TOGETHER = 4  # chains whose odds are multiplied before a logarithm is taken
_BLOCK = 256  # rows that are projected at a time


class Chains(NamedTuple):
    """Projections, chains of bins on them, and the window that is being filled.

    Projection `p` is the sum of `scaled[j, p]` times the distance of feature `j` from the middle of
    its range. Level `l` of chain `c` cuts projection `places[c, l]` into bins: the whole part of
    `value * factors[c, l] + shifts[c, l]`. The cells of a level are combinations of the last bins
    of all projections that were cut so far: `before[c, l]` is the level, or -1, whose
    bin a new one replaces. They are hashed into row `c * levels + l` of `cells`.
    """

    counts: Ints
    weights: Array
    scaled: Array
    places: Ints
    before: Ints
    factors: Array
    shifts: Array
    cells: Ints
    ranges: Array
    recent: Array
    random: Ints


@entry
def _xstream(d: int) -> int:
    chains = Chains(
        i1(d, 1), f2(d, 2), f2(d, 3), i2(d, 4), i2(d, 5), f2(d, 6), f2(d, 7), i2(d, 8), f2(d, 9),
        f2(d, 10), i1(d, 11),
    )  # fmt: skip
    return _rows(opened(d), chains)


@jit
def _rows(call: Call, chains: Chains) -> int:
    counts, first = chains.counts, call.first
    values = np.empty((min(_BLOCK, call.last - first), chains.scaled.shape[1]))
    while first < call.last:
        last = min(first + _BLOCK, call.last)
        if call.fit:
            last = keep(call, first, last, counts, chains.recent)
        if call.serve:
            clear(call, first, last)
        if counts[_N_FEATURES] > 0:
            for i in range(first, last):
                _project(chains, call.X[i], values[i - first])
            for c in range(0, chains.places.shape[0], _TOGETHER):
                _pass(call, first, last, chains, c, values)
            if call.serve:
                _finish(call, first, last, chains)
        if counts[N_ROWS] == counts[ROOM]:
            _end_window(chains)
        first = last
    return call.last


@jit
def _project(chains: Chains, x: Array, values: Array) -> None:
    """All projections of a row; a missing value counts as the middle of its range."""
    values[:] = 0.0
    for j in range(chains.counts[_N_FEATURES]):
        gap = x[j] - (chains.ranges[0, j] + chains.ranges[1, j]) / 2.0
        if not np.isnan(gap):
            for p in range(values.shape[0]):
                values[p] += chains.scaled[j, p] * gap


@jit
def _pass(call: Call, first: int, last: int, chains: Chains, c: int, values: Array) -> None:
    """Take rows through some chains, in order."""
    which, whole = chains.counts[_WHICH], 1.0 + chains.counts[N_BEFORE]
    until, parts = min(c + _TOGETHER, chains.places.shape[0]), np.empty_like(chains.places[c])
    for i in range(first, last):
        fit, odds = call.fit and row_tells(call, i), 1.0
        for chain in range(c, until):
            odds *= whole / _lead(chains, chain, values[i - first], which, parts, fit)
        if call.serve:
            call.out[i, 0] += np.log2(odds)


@jit
def _lead(chains: Chains, c: int, values: Array, which: int, parts: Ints, fit: bool) -> float:
    """Count a row in its cells; the least mass, this row's too, as if all cells were as big."""
    places, before, factors, shifts = (
        chains.places[c], chains.before[c], chains.factors[c], chains.shifts[c],
    )  # fmt: skip
    n_levels, least, size, found = places.shape[0], np.inf, 1.0, np.uint64(0)
    for level in range(n_levels):
        p = places[level]
        place = np.floor(values[p] * factors[level] + shifts[level])
        part = _hash(p, np.int64(min(max(place, -_FARTHEST), _FARTHEST)))
        found += part
        if before[level] >= 0:
            found -= np.uint64(parts[before[level]])
        parts[level] = np.int64(part)
        cells = chains.cells[c * n_levels + level]
        k = _slot(found, cells.shape[0])
        cell = cells[k]
        if (cell >> WHEN) & CLOCK != which:
            cell = of_now(cell, which)
        least = min(least, size * (1.0 + ((cell >> BEFORE) & MASS)))
        size *= 2.0
        if fit:
            cells[k] = cell + 1
    return least


@jit
def _hash(p: int, place: np.int64) -> np.uint64:
    z = (np.uint64(place) ^ (np.uint64(p) << np.uint64(48))) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(32))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.uint64(z ^ (z >> np.uint64(29)))


@jit
def _slot(found: np.uint64, n_slots: int) -> int:
    z = (found ^ (found >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    return int(((z >> np.uint64(32)) * np.uint64(n_slots)) >> np.uint64(32))


@jit
def _finish(call: Call, first: int, last: int, chains: Chains) -> None:
    """Means over the chains; rows without any value score 0."""
    for i in range(first, last):
        mean = call.out[i, 0] / chains.places.shape[0]
        call.out[i, 0] = mean if is_known(call.X[i]) else 0.0


@jit
def _end_window(chains: Chains) -> None:
    """Masses of the window are what the next one is scored by."""
    counts, recent = chains.counts, turn(chains.counts, chains.recent, chains.ranges)
    counts[_WHICH] = next_window(chains.cells, counts[_WHICH])
    wider = counts[_N_FEATURES] != recent.shape[1]
    if not moved(recent, chains.ranges) and not wider:
        return
    if counts[_N_FEATURES] == 0:
        _choose_chains(chains)
    for j in range(counts[_N_FEATURES], recent.shape[1]):
        for p in range(chains.weights.shape[1]):
            u = uniform(chains.random, 0)
            chains.weights[j, p] = -1.0 if u < 1.0 / 6.0 else 1.0 if u < 1.0 / 3.0 else 0.0
    counts[_N_FEATURES] = recent.shape[1]
    _scale(chains, recent)
    # What was counted in other bins is of no use: two windows ago.
    counts[_WHICH] = next_window(chains.cells, counts[_WHICH])
    values, parts = np.empty(chains.scaled.shape[1]), np.empty_like(chains.places[0])
    for x in recent:
        _project(chains, x, values)
        for c in range(chains.places.shape[0]):
            _lead(chains, c, values, counts[_WHICH], parts, True)
    counts[_WHICH] = next_window(chains.cells, counts[_WHICH])


@jit
def _choose_chains(chains: Chains) -> None:
    """A random projection for each level, cut twice as finely each time it comes again."""
    n_projections = chains.scaled.shape[1]
    for c in range(chains.places.shape[0]):
        for level in range(chains.places.shape[1]):
            p = below(chains.random, 0, n_projections)
            chains.places[c, level], chains.before[c, level] = p, -1
            chains.factors[c, level], chains.shifts[c, level] = 1.0, uniform(chains.random, 0)
            for earlier in range(level):
                if chains.places[c, earlier] == p:
                    chains.before[c, level] = earlier
                    chains.factors[c, level] = 2.0 * chains.factors[c, earlier]
                    chains.shifts[c, level] = chains.shifts[c, earlier]


@jit
def _scale(chains: Chains, recent: Array) -> None:
    """Weights for which the widest bins of a projection are half of its range."""
    scaled, n_rows = chains.scaled, recent.shape[0]
    for j in range(recent.shape[1]):
        width = width_of(chains.ranges[0, j], chains.ranges[1, j])
        for p in range(scaled.shape[1]):
            scaled[j, p] = chains.weights[j, p] / width
    values = np.empty((n_rows, scaled.shape[1]))
    for i in range(n_rows):
        _project(chains, recent[i], values[i])
    for p in range(scaled.shape[1]):
        low, high = usual_range(values[:, p], _LEFT_OUT)
        scaled[:, p] /= width_of(low, high) / 2.0


class xStream(Detector):  # noqa: N801 - the paper's name
    """xStream: how few rows of the last window share the bins of a row's random projections.

    A chain cuts random projections in bins, one more at each level, or the same one twice as
    finely. A level's mass is that of the rows with the same bins so far; times 2 ** level it is as
    if all cells were as big, and the least over the levels is what the chain says. The score
    is the mean over the chains of log2((1 + rows of the window) / (1 + that mass)), a rarity in
    bits. It is 0 until the first window is full; this one is short, of 8 rows, and each takes
    twice the rows of the last up to `window_size`. Time per event is
    O(n_chains * depth + n_projections * n_features), memory 8 bytes * n_chains * depth * n_slots.

    Parameters
    ----------
    n_projections
        Number of projections.
    n_chains
        Number of chains.
    depth
        Levels of a chain.
    n_slots
        Slots of the hash table that holds the masses of a level.
    window_size
        Rows in a window, at most 16383; short streams want short windows.
    seed
        Seed of projections and chains; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `n_projections`, `n_chains` and `n_slots` are whole
        numbers >= 1, `depth` is one from 1 to 64, and `window_size` one from 2 to 16383.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import xStream
    >>> X = np.random.default_rng(0).normal(size=(1000, 6))
    >>> model = xStream().fit_many(X)
    >>> model.score_one([0.1, 0.0, 5.0, 0.0, -0.1, 0.2]) > model.score_one(X[0])
    True

    Notes
    -----
    Departures: features are measured from the middle of their usual range, in units of its width,
    so that units do not matter and a missing value, which counts as 0, is an ordinary one. Ranges
    of features and projections leave out 1 % of a window at either end. They are
    taken anew, and the last window learned again, only where a feature has moved beyond twice its
    range or shrunk below a tenth of it; in the paper after each window. A new feature counts
    from the next window on. One hash table a level, in place of count-min's several. The weights of
    a projection are -1, 1 and, for two thirds of the features, 0. A row without any value
    scores 0 and is not learned. Codes of nominal values are taken as numbers. A weight other
    than 0 counts as 1.

    References
    ----------
    .. [1] Manzoor, Lamba, Akoglu (2018), xStream: outlier detection in feature-evolving data
       streams, KDD, 1963-1972. doi:10.1145/3219819.3220107. Sections 3 and 4.
    """

    _kernel = _xstream
    _state = (
        Field("counts_", (5,), np.int64),
        Field("weights_", ("F", "P")),
        Field("scaled_", ("F", "P")),
        Field("places_", ("K", "L"), np.int64),
        Field("before_", ("K", "L"), np.int64),
        Field("factors_", ("K", "L")),
        Field("shifts_", ("K", "L")),
        Field("cells_", ("Q", "N"), np.int64),
        Field("ranges_", (2, "F"), fill=np.nan),
        Field("recent_", ("W", "F"), fill=np.nan),
        Field("random_", (1,), np.int64),
    )

    counts_: Ints
    random_: Ints

    def __init__(
        self,
        *,
        n_projections: int = 100,
        n_chains: int = 100,
        depth: int = 15,
        n_slots: int = 512,
        window_size: int = 256,
        seed: int | None = 0,
    ) -> None:
        self.n_projections = n_projections
        self.n_chains = n_chains
        self.depth = depth
        self.n_slots = n_slots
        self.window_size = window_size
        self.seed = seed

    def _check(self) -> None:
        for name in ("n_projections", "n_chains", "n_slots"):
            if getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number >= 1")
        if not 1 <= self.depth <= 64:
            raise wrong("depth", self.depth, "a number of levels from 1 to 64")
        if not 2 <= self.window_size <= MASS:
            raise wrong("window_size", self.window_size, f"a number of rows from 2 to {MASS}")

    def _sizes(self) -> dict[str, int]:
        return {
            "P": int(self.n_projections),
            "K": int(self.n_chains),
            "L": int(self.depth),
            "Q": int(self.n_chains) * int(self.depth),
            "N": int(self.n_slots),
            "W": int(self.window_size),
        }

    def _start(self, schema: Schema) -> None:
        self.counts_[ROOM], self.counts_[_WHICH] = first_room(int(self.window_size)), FIRST
        self.random_[:] = seeded(self.seed, 1)
