"""RS-Hash: how often rows fell into the same cells of random grids in random subspaces."""

from __future__ import annotations

from math import inf, log2
from typing import NamedTuple

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import (
    ANSWER_AND_SCORES,
    Call,
    Field,
    Ints,
    f1,
    f2,
    f3,
    i1,
    i2,
    opened,
)
from onlineml.kernels.by_window import N_ROWS, ROOM, clear, first_room, is_whole, keep, turn
from onlineml.kernels.contrast import add, contrast, room
from onlineml.kernels.random import below, seeded, uniform
from onlineml.kernels.usual_range import moved, width_of
from onlineml.schema import Schema, wrong

_N_FEATURES = 3  # of the counts, after those of rows: features looked at
_GROWTH, _SAMPLE = range(2)  # of the settings
_LARGEST_GROWTH = 1e100
_TOGETHER = 8  # grids whose odds are multiplied before a logarithm is taken
_FARTHEST = 2.0**40  # number of a cell along a feature; beyond, all is one cell


class Grids(NamedTuple):
    """The grids, the masses of their cells, and the window that is being filled.

    Grid `k` looks at features `places[k]` (-1: no more): a value's cell is the whole part of
    `(x - low) * steps + shifts`. Cells are hashed into `masses[k]`, once for each row of that
    table. Newer events weigh more: `growth` is the present weight.
    """

    counts: Ints
    places: Ints
    steps: Array
    shifts: Array
    masses: Array
    totals: Array
    growth: Array
    ranges: Array
    recent: Array
    random: Ints


@entry
def _rs_hash(d: int) -> int:
    grids = Grids(
        i1(d, 1), i2(d, 2), f2(d, 3), f2(d, 4), f3(d, 5), f1(d, 6), f1(d, 7), f2(d, 8), f2(d, 9),
        i1(d, 10),
    )  # fmt: skip
    return _rows(opened(d), f1(d, 0), grids)


@jit
def _rows(call: Call, settings: Array, grids: Grids) -> int:
    first = call.first
    while first < call.last:
        last = call.last
        if call.fit:
            last = keep(call, first, last, grids.counts, grids.recent)
        if call.serve:
            clear(call, first, last)
        if grids.counts[_N_FEATURES] > 0:
            growth, n_grids = grids.growth[0], grids.totals.shape[0]
            for k in range(0, n_grids, _TOGETHER):
                until = min(k + _TOGETHER, n_grids)
                growth = _pass(call, first, last, settings[_GROWTH], grids, k, until)
            grids.growth[0] = growth
            if call.serve:
                _finish(call, first, last, grids)
        if grids.counts[N_ROWS] == grids.counts[ROOM]:
            _end_window(settings, grids)
        first = last
    return call.last


@jit
def _pass(
    call: Call, first: int, last: int, factor: float, grids: Grids, k: int, until: int
) -> float:
    """Take rows through some grids, in order; returns the growth after them."""
    growth = grids.growth[0]
    for i in range(first, last):
        x, fit, odds = call.X[i], call.fit and row_tells(call, i), 1.0
        mass = call.weight[i] * growth
        for grid in range(k, until):
            cell = _cell(grids, grid, x)
            if cell != 0 and call.serve:
                odds *= _odds(grids, grid, cell, growth)
            if cell != 0 and fit:
                _count(grids, grid, cell, mass)
        if call.serve:
            call.out[i, 0] += np.log2(odds)
        if fit:
            growth = _grown(grids, k, until, growth * factor)
    return float(growth)


@jit
def _cell(grids: Grids, k: int, x: Array) -> np.uint64:
    """Hash of the cell that a row falls into; 0 where it misses a value."""
    places, steps, shifts, low = grids.places[k], grids.steps[k], grids.shifts[k], grids.ranges[0]
    found = np.uint64(k + 1) * np.uint64(0x9E3779B97F4A7C15)
    for s in range(places.shape[0]):
        j = places[s]
        if j < 0:
            break
        place = np.floor((x[j] - low[j]) * steps[s] + shifts[s])
        if np.isnan(place):
            return np.uint64(0)
        place = min(max(place, -_FARTHEST), _FARTHEST)
        found = (found ^ np.uint64(np.int64(place))) * np.uint64(0xBF58476D1CE4E5B9)
        found ^= found >> np.uint64(32)
    return np.uint64(found | np.uint64(1))


@jit
def _slot(cell: np.uint64, row: int, n_slots: int) -> int:
    """Where the mass of a cell is kept in a row of the table."""
    z = (cell + np.uint64(row)) * np.uint64(0x94D049BB133111EB)
    return int(((z >> np.uint64(32)) * np.uint64(n_slots)) >> np.uint64(32))


@jit
def _odds(grids: Grids, k: int, cell: np.uint64, growth: float) -> float:
    """How many times more rows there were than rows in the cell, this one being one of them."""
    masses = grids.masses[k]
    least = masses[0, _slot(cell, 0, masses.shape[1])]
    for row in range(1, masses.shape[0]):
        least = min(least, masses[row, _slot(cell, row, masses.shape[1])])
    return float((growth + grids.totals[k]) / (growth + least))


@jit
def _count(grids: Grids, k: int, cell: np.uint64, mass: float) -> None:
    masses = grids.masses[k]
    grids.totals[k] += mass
    for row in range(masses.shape[0]):
        masses[row, _slot(cell, row, masses.shape[1])] += mass


@jit
def _grown(grids: Grids, k: int, until: int, growth: float) -> float:
    """The growth; where it has become too large, it and all masses are divided by it."""
    if growth < _LARGEST_GROWTH:
        return growth
    grids.totals[k:until] /= growth
    grids.masses[k:until] /= growth
    return 1.0


@jit
def _finish(call: Call, first: int, last: int, grids: Grids) -> None:
    """Means over the grids that have all their values, and what features contribute."""
    for i in range(first, last):
        x, n = call.X[i], grids.totals.shape[0]
        if not is_whole(x):
            n = 0
            for k in range(grids.totals.shape[0]):
                n += _cell(grids, k, x) != 0
        call.out[i, 0] /= max(n, 1)
        if call.serve == ANSWER_AND_SCORES:
            _tell_apart(grids, x, call.out[i])


@jit
def _tell_apart(grids: Grids, x: Array, out: Array) -> None:
    sums = room(grids.counts[_N_FEATURES])
    for k in range(grids.totals.shape[0]):
        cell = _cell(grids, k, x)
        if cell != 0:
            rarity = np.log2(_odds(grids, k, cell, grids.growth[0]))
            add(sums, -1, rarity)
            for j in grids.places[k]:
                if j >= 0:
                    add(sums, j, rarity)
    contrast(sums, out[1:])


@jit
def _end_window(settings: Array, grids: Grids) -> None:
    """See whether the data lie where they did; if not, begin anew with the window's rows."""
    counts, recent = grids.counts, turn(grids.counts, grids.recent, grids.ranges)
    wider = counts[_N_FEATURES] != recent.shape[1]
    if not moved(recent, grids.ranges) and not wider:
        return
    counts[_N_FEATURES] = recent.shape[1]
    grids.masses[:] = 0.0
    grids.totals[:] = 0.0
    grids.growth[0] = 1.0
    for k in range(grids.totals.shape[0]):
        _choose(settings, grids, k)
    for i in range(recent.shape[0]):
        for k in range(grids.totals.shape[0]):
            cell = _cell(grids, k, recent[i])
            if cell != 0:
                _count(grids, k, cell, grids.growth[0])
        growth = grids.growth[0] * settings[_GROWTH]
        grids.growth[0] = _grown(grids, 0, grids.totals.shape[0], growth)


@jit
def _choose(settings: Array, grids: Grids, k: int) -> None:
    """A random width of cells, random features, no one twice, and where cells begin."""
    n_features, log_sample = grids.counts[_N_FEATURES], np.log(settings[_SAMPLE])
    edge = 1.0 / np.sqrt(settings[_SAMPLE])
    width = edge + (1.0 - 2.0 * edge) * uniform(grids.random, 0)
    most = log_sample / np.log(max(2.0, 1.0 / width))
    least = int(1.0 + 0.5 * most)
    n = min(least + below(grids.random, 0, max(int(most) - least, 0) + 1), n_features)
    places = grids.places[k]
    places[:] = -1
    for s in range(min(n, places.shape[0])):
        j = below(grids.random, 0, n_features)
        while _holds(places, s, j):
            j = below(grids.random, 0, n_features)
        places[s] = j
        grids.steps[k, s] = 1.0 / (width * width_of(grids.ranges[0, j], grids.ranges[1, j]))
        grids.shifts[k, s] = uniform(grids.random, 0)


@jit
def _holds(places: Ints, n: int, j: int) -> bool:
    for s in range(n):  # noqa: SIM110 - no generators in kernels
        if places[s] == j:
            return True
    return False


class RSHash(Detector):
    """RS-Hash: how rare the cells are, in random grids on random features, that a row falls into.

    Each grid looks at a few features with cells of one width. The score is the mean over the
    grids of log2((1 + mass of all cells) / (1 + mass of the row's cell)): the rarity of its cells
    in bits. Masses fade, and cells are kept in hash tables of fixed size. The score is 0
    until the first window is full; its rows say where the data lie, so that no limits need be
    known. It is short, of 8 rows, and each takes twice the rows of the last up to `window_size`.
    Time per event is O(n_grids * (log(sample_size) + n_hashes)), memory
    8 bytes * n_grids * n_hashes * n_slots.

    Parameters
    ----------
    n_grids
        Number of grids.
    n_hashes
        Tables a grid; the least of the masses in them is believed. The paper takes 4, of 10 000
        slots each; as masses fade, few slots are taken, and one table does as well.
    n_slots
        Slots of a table.
    sample_size
        Rows that cells should be wide enough for, from which width and number of features are
        drawn: `s` in the paper, where it is 1000. As many as are remembered, 1 / (1 -
        fading_factor), do better: with more, cells are too small for so few rows.
    window_size
        Rows that ranges are taken from, and from one look at the ranges to the next.
    fading_factor
        What masses are multiplied with at each event: the last 1 / (1 - fading_factor) events
        count. 1 never forgets.
    seed
        Seed of the grids; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `n_grids`, `n_hashes` and `n_slots` are whole numbers >= 1,
        `sample_size` and `window_size` are whole numbers >= 2, and 0 < `fading_factor` <= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import RSHash
    >>> X = np.random.default_rng(0).normal(size=(1000, 6))
    >>> model = RSHash().fit_many(X)
    >>> model.score_one([0.1, 0.0, 5.0, 0.0, -0.1, 0.2]) > model.score_one(X[0])
    True
    >>> model.explain_one([0.1, 0.0, 5.0, 0.0, -0.1, 0.2]).argmax()
    np.int64(2)

    Notes
    -----
    A grid that misses a value is left out of mean and masses; a row without any value scores 0.
    What a feature contributes is the t statistic of the grids that look at it against those that
    do not, as in LODA. Departures: ranges leave out 1 % of the window's rows at either end; cells
    are numbered on beyond them. All grids are drawn anew, and learn the last window again, where a
    feature has moved beyond twice its range or shrunk below a tenth of it. The paper's score is
    log2(1 + mass of the cell), the lower the stranger. Codes of nominal values are taken as
    numbers.

    References
    ----------
    .. [1] Sathe, Aggarwal (2016), Subspace outlier detection in linear time with randomized
       hashing, ICDM, 459-468. doi:10.1109/ICDM.2016.0057. Sections III and IV (streams).
    """

    _kernel = _rs_hash
    _explains = True
    _state = (
        Field("counts_", (4,), np.int64),
        Field("places_", ("K", "S"), np.int64),
        Field("steps_", ("K", "S")),
        Field("shifts_", ("K", "S")),
        Field("masses_", ("K", "H", "N")),
        Field("totals_", ("K",)),
        Field("growth_", (1,), fill=1.0),
        Field("ranges_", (2, "F"), fill=np.nan),
        Field("recent_", ("W", "F"), fill=np.nan),
        Field("random_", (1,), np.int64),
    )

    counts_: Ints
    masses_: Array
    random_: Ints

    def __init__(
        self,
        *,
        n_grids: int = 100,
        n_hashes: int = 1,
        n_slots: int = 10_000,
        sample_size: int = 200,
        window_size: int = 250,
        fading_factor: float = 0.995,
        seed: int | None = 0,
    ) -> None:
        self.n_grids = n_grids
        self.n_hashes = n_hashes
        self.n_slots = n_slots
        self.sample_size = sample_size
        self.window_size = window_size
        self.fading_factor = fading_factor
        self.seed = seed

    @property
    def _greatest(self) -> float:  # type: ignore[override]  # of others it is their class's
        return log2(1.0 + 1.0 / (1.0 - self.fading_factor)) if self.fading_factor < 1.0 else inf

    def _check(self) -> None:
        for name in ("n_grids", "n_hashes", "n_slots"):
            if getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number >= 1")
        for name in ("sample_size", "window_size"):
            if getattr(self, name) < 2:
                raise wrong(name, getattr(self, name), "a number of rows >= 2")
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return {
            "K": int(self.n_grids),
            "S": int(log2(self.sample_size)),
            "H": int(self.n_hashes),
            "N": int(self.n_slots),
            "W": int(self.window_size),
        }

    def _start(self, schema: Schema) -> None:
        self.counts_[ROOM] = first_room(int(self.window_size))
        self.random_[:] = seeded(self.seed, 1)

    def _settings(self) -> tuple[float, ...]:
        return 1.0 / self.fading_factor, float(self.sample_size)
