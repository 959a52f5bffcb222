"""LODA: histograms of random sparse projections."""

from __future__ import annotations

from math import isqrt
from typing import NamedTuple

import numpy as np

from onlineml.base import Array, Detector
from onlineml.estimator import _power_of_two
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import (
    ANSWER_AND_SCORES,
    Call,
    Field,
    Ints,
    f1,
    f2,
    i1,
    i2,
    keep_row,
    opened,
)
from onlineml.kernels.by_window import N_ROWS, ROOM, first_room, turn
from onlineml.kernels.contrast import add, contrast, room
from onlineml.kernels.kept_rows import close_up, newest_like
from onlineml.kernels.random import below, normal, seeded
from onlineml.kernels.usual_range import moved, usual_range, width_of
from onlineml.receipt import Receipt, refused
from onlineml.schema import Schema, wrong

_LEFT_OUT = 0.01  # share of a window's projections, at either end, outside of the histogram
_MARGIN = 0.25  # of that range, by which the histogram reaches beyond it
_OUTSIDE = 0.1  # share of a histogram's mass that may lie outside before it is made anew
_CROWDED = 0.9  # share of it that may lie in one bin
_PRIOR = 0.1  # events that every bin is credited with
_TOGETHER = 16  # probabilities multiplied before a logarithm is taken: 1e-18 each do not vanish
_LARGEST_GROWTH = 1e100
_N_FEATURES = 3  # of the counts, after those of rows: features projected


class Cuts(NamedTuple):
    """The projections, their histograms, and the window that is being filled.

    Projection `k` is the sum of `scaled[s, k] * x[places[s, k]]`. Its histogram has a bin more at
    either end, for what lies outside. Newer events weigh more: `growth` is the present weight.
    `settled` are the masses, and their totals, as they were when the window began; `binned` notes
    the bins of its rows, so that to forget one asks for no projection.
    """

    counts: Ints
    places: Ints
    weights: Array
    scaled: Array
    low: Array
    scale: Array
    masses: Array
    totals: Array
    growth: Array
    ranges: Array
    recent: Array
    recent_weights: Array
    random: Ints
    settled: Array
    settled_totals: Array
    binned: Ints


@entry
def _loda(d: int) -> int:
    cuts = Cuts(
        i1(d, 1), i2(d, 2), f2(d, 3), f2(d, 4), f1(d, 5), f1(d, 6), f2(d, 7), f1(d, 8), f1(d, 9),
        f2(d, 10), f2(d, 11), f1(d, 12), i1(d, 13), f2(d, 14),
        f1(d, 15), i2(d, 16),
    )  # fmt: skip
    call, settings = opened(d), f1(d, 0)
    if call.fit and call.first < call.last and call.weight[call.first] < 0.0:
        x, weight = call.X[call.first], -call.weight[call.first]
        return call.first + _take_back(settings[0], cuts, x, weight)
    return _rows(call, settings, cuts)


@jit
def _rows(call: Call, settings: Array, cuts: Cuts) -> int:
    counts, n_cuts = cuts.counts, cuts.low.shape[0]
    values, bins = np.empty(n_cuts), np.empty(n_cuts, np.int64)
    for i in range(call.first, call.last):
        x, fit = call.X[i], call.fit and row_tells(call, i)
        if counts[_N_FEATURES] > 0:
            _project(cuts, x, values)
            _find(cuts, values, bins)
        if call.serve:
            _serve(call, i, cuts, bins)
        if fit:
            if counts[_N_FEATURES] > 0:
                _count(cuts, bins, call.weight[i])
            _remember(cuts, x, call.weight[i], settings[0])
        keep_row(call, i)
    return call.last


@jit
def _project(cuts: Cuts, x: Array, values: Array) -> None:
    """All projections of a row; NaN where one misses a value."""
    values[:] = 0.0
    places, scaled, (n, n_cuts) = cuts.places, cuts.scaled, cuts.places.shape
    for s in range(n % 3):
        for k in range(n_cuts):
            values[k] += scaled[s, k] * x[np.uint64(places[s, k])]
    for s in range(n % 3, n, 3):  # at once: a sum is written and read again for every third feature
        for k in range(n_cuts):
            value = values[k] + scaled[s, k] * x[np.uint64(places[s, k])]
            value += scaled[s + 1, k] * x[np.uint64(places[s + 1, k])]
            values[k] = value + scaled[s + 2, k] * x[np.uint64(places[s + 2, k])]


@jit
def _find(cuts: Cuts, values: Array, bins: Ints) -> None:
    """The bins that projections fall into; -1 for a missing one."""
    last = cuts.masses.shape[1] - 1.0
    for k in range(values.shape[0]):
        bins[k] = _bin(values[k], cuts.low[k], cuts.scale[k], last)


@jit
def _bin(value: float, low: float, scale: float, last: float) -> int:
    """In a form that becomes vector instructions."""
    place = (value - low) * scale + 1.0
    place = place if place > 0.0 else 0.0
    place = place if place < last else last
    return np.int64(place if value == value else -1.0)  # type: ignore[return-value]


@jit
def _serve(call: Call, i: int, cuts: Cuts, bins: Ints) -> None:
    """Mean negative log-probability of the projections that are there."""
    out = call.out[i]
    for k in range(out.shape[0] if call.serve == ANSWER_AND_SCORES else 1):
        out[k] = 0.0
    if cuts.counts[_N_FEATURES] == 0:
        return
    total, n, product = 0.0, 0, 1.0
    for k in range(bins.shape[0]):
        if bins[k] >= 0:
            product *= _probability(cuts, k, bins[k])
            n += 1
            if n % _TOGETHER == 0:
                total -= np.log(product)
                product = 1.0
    if n > 0:
        out[0] = (total - np.log(product)) / n
        if call.serve == ANSWER_AND_SCORES:
            _tell_apart(cuts, bins, out)


@jit
def _probability(cuts: Cuts, k: int, which: int) -> float:
    prior = _PRIOR * cuts.growth[0]
    return float((cuts.masses[k, which] + prior) / (cuts.totals[k] + prior * cuts.masses.shape[1]))


@jit
def _tell_apart(cuts: Cuts, bins: Ints, out: Array) -> None:
    """T statistic of the projections with a feature against those without."""
    sums = room(cuts.counts[_N_FEATURES])
    for k in range(bins.shape[0]):
        if bins[k] >= 0:
            rarity = -np.log(_probability(cuts, k, bins[k]))
            add(sums, -1, rarity)
            for s in range(cuts.places.shape[0]):
                add(sums, cuts.places[s, k], rarity)
    contrast(sums, out[1:])


@jit
def _count(cuts: Cuts, bins: Ints, weight: float) -> None:
    """Count a row, and note its bins."""
    mass = weight * cuts.growth[0]
    for k in range(bins.shape[0]):
        if bins[k] >= 0:
            cuts.masses[k, np.uint64(bins[k])] += mass
            cuts.totals[k] += mass
    _pack(bins, cuts.binned[cuts.counts[N_ROWS]])


@jit
def _pack(bins: Ints, binned: Ints) -> None:
    """As many bins as there is room for become one number, the first is highest."""
    n_words, bits = binned.shape[0], _bits(bins.shape[0], binned.shape[0])
    for word in range(n_words):
        packed = 0
        for k in range(word, bins.shape[0], n_words):
            packed = (packed << bits) | (bins[k] + 1)
        binned[word] = packed


@jit
def _count_noted(masses: Array, totals: Array, binned: Ints, mass: float) -> None:
    """Count a row whose bins were noted."""
    n_words, n_cuts = binned.shape[0], totals.shape[0]
    bits = _bits(n_cuts, n_words)
    mask = (1 << bits) - 1
    for word in range(n_words):
        packed = binned[word]
        for k in range(word + (n_cuts - 1 - word) // n_words * n_words, -1, -n_words):
            which = packed & mask
            if which > 0:
                masses[np.uint64(k), np.uint64(which - 1)] += mass
                totals[np.uint64(k)] += mass
            packed >>= bits


@jit
def _bits(n_cuts: int, n_words: int) -> int:
    """Binary digits that one bin is given."""
    return min(64 // -(-n_cuts // n_words), 32)


@jit
def _remember(cuts: Cuts, x: Array, weight: float, growth: float) -> None:
    """Keep the row; at the end of a window, see whether the data lie where they did."""
    counts = cuts.counts
    cuts.recent_weights[counts[N_ROWS]] = weight
    for j in range(x.shape[0]):
        cuts.recent[counts[N_ROWS], j] = x[j]
    counts[N_ROWS] += 1
    if counts[_N_FEATURES] > 0:
        cuts.growth[0] *= growth
    if cuts.growth[0] > _LARGEST_GROWTH:
        cuts.masses[:] /= cuts.growth[0]
        cuts.settled[:] /= cuts.growth[0]
        cuts.totals[:] /= cuts.growth[0]
        cuts.settled_totals[:] /= cuts.growth[0]
        cuts.growth[0] = 1.0
    if counts[N_ROWS] == counts[ROOM]:
        recent = turn(counts, cuts.recent, cuts.ranges)
        wider = counts[_N_FEATURES] != recent.shape[1]
        everything = moved(recent, cuts.ranges) or wider
        if wider:
            counts[_N_FEATURES] = recent.shape[1]
            _choose(cuts)
        for k in range(cuts.low.shape[0]):
            if everything or _is_unfit(cuts, k):
                _make_anew(cuts, recent, k)
        cuts.settled[:], cuts.settled_totals[:] = cuts.masses, cuts.totals


@jit
def _choose(cuts: Cuts) -> None:
    """Random features for each projection, no one twice, with normal weights."""
    n_features = cuts.counts[_N_FEATURES]
    for k in range(cuts.low.shape[0]):
        for s in range(cuts.places.shape[0]):
            j, free = 0, False
            while not free:
                j, free = below(cuts.random, 0, n_features), True
                for other in range(s):
                    free = free and cuts.places[other, k] != j
            cuts.places[s, k] = j
            cuts.weights[s, k] = normal(cuts.random, 0)


@jit
def _is_unfit(cuts: Cuts, k: int) -> bool:
    """Whether much of a histogram's mass lies outside of its range, or all in one place."""
    masses, total = cuts.masses[k], cuts.totals[k]
    outside = masses[0] + masses[masses.shape[0] - 1]
    return bool(outside > _OUTSIDE * total or masses.max() > _CROWDED * total)


@jit
def _make_anew(cuts: Cuts, recent: Array, k: int) -> None:
    """A histogram of the window's rows, whose range fits their projections."""
    for s in range(cuts.places.shape[0]):
        j = cuts.places[s, k]
        cuts.scaled[s, k] = cuts.weights[s, k] / width_of(cuts.ranges[0, j], cuts.ranges[1, j])
    found = np.zeros(recent.shape[0])
    for i in range(found.shape[0]):
        for s in range(cuts.places.shape[0]):
            found[i] += cuts.scaled[s, k] * recent[i, cuts.places[s, k]]
    low, high = usual_range(found, _LEFT_OUT)
    width, last = (1.0 + 2.0 * _MARGIN) * width_of(low, high), cuts.masses.shape[1] - 1.0
    cuts.low[k], cuts.scale[k] = (low + high - width) / 2.0, (last - 1.0) / width
    cuts.masses[k, :] = cuts.totals[k] = 0.0
    for value in found:
        which = _bin(value, cuts.low[k], cuts.scale[k], last)
        if which >= 0:
            cuts.masses[k, which] += cuts.growth[0]
            cuts.totals[k] += cuts.growth[0]


@jit
def _take_back(growth: float, cuts: Cuts, x: Array, weight: float) -> int:
    """Take a row of the present window out of the histograms: 1; 0 where it is not there."""
    counts, n = cuts.counts, cuts.counts[N_ROWS]
    i = newest_like(cuts.recent, n, x)
    while i >= 0 and cuts.recent_weights[i] != weight:
        i = newest_like(cuts.recent, i, x)
    if i < 0:
        return 0
    if counts[_N_FEATURES] > 0:  # else the row has only been kept
        _take_out(growth, cuts, i, n)
        cuts.growth[0] /= growth
    close_up(cuts.recent, i, n)
    for k in range(i, n - 1):
        cuts.recent_weights[k], cuts.binned[k] = cuts.recent_weights[k + 1], cuts.binned[k + 1]
    counts[N_ROWS] -= 1
    return 1


@jit
def _take_out(growth: float, cuts: Cuts, i: int, n: int) -> None:
    """Take row `i` of `n` out. Those after it came one event earlier then: masses shrink by a step.

    Theirs are added up; or, where these are fewer rows, those of the window less its first ones.
    """
    is_old = i + 1 < n - 1 - i
    first, last, sign = (0, i + 1, -1.0) if is_old else (i, n, 1.0)
    masses, totals = np.zeros_like(cuts.masses), np.zeros_like(cuts.totals)
    if is_old:
        _subtract(masses.reshape(-1), cuts.masses.reshape(-1), cuts.settled.reshape(-1))
        _subtract(totals, cuts.totals, cuts.settled_totals)
    mass = cuts.growth[0] * growth ** (last - n)
    for k in range(last - 1, first - 1, -1):
        mass /= growth
        if k == i:
            _count_noted(cuts.masses, cuts.totals, cuts.binned[k], -cuts.recent_weights[k] * mass)
        if k != i or is_old:
            _count_noted(masses, totals, cuts.binned[k], sign * cuts.recent_weights[k] * mass)
    step = 1.0 - 1.0 / growth
    _shrink(cuts.masses.reshape(-1), masses.reshape(-1), step)
    _shrink(cuts.totals, totals, step)


@jit
def _subtract(to: Array, whole: Array, part: Array) -> None:
    for k in range(to.shape[0]):  # as a loop it becomes vector instructions
        to[k] = whole[k] - part[k]


@jit
def _shrink(masses: Array, part: Array, step: float) -> None:
    """Take this share of a part of the masses from them; no more than there is."""
    for k in range(masses.shape[0]):
        masses[k] = max(masses[k] - step * max(part[k], 0.0), 0.0)


class LODA(Detector):
    """LODA: how improbable a row is by the histograms of random projections of it.

    Each projection is a sum of a few features, in units of their usual ranges, with random weights.
    The score is the mean of its negative log-probabilities in their histograms. These forget
    by a factor an event, and follow the data: every `window_size` events, those
    that no longer fit are made anew from the rows of that window. The score is 0 until the first
    window is full; it is short, of 8 rows, and each takes twice the rows of the last up to
    `window_size`. Time per event is O(n_cuts * sqrt(n_features)), memory
    8 bytes * (2 * n_cuts * n_bins + window_size * (n_features + n_cuts / 16)), or / 8 where
    `n_bins` >= 14.

    Parameters
    ----------
    n_cuts
        Number of projections.
    n_bins
        Bins of a histogram between its ends; one more at either end takes what lies beyond.
    window_size
        Rows that ranges are taken from, and from one look at the ranges to the next.
    fading_factor
        What the mass of a histogram is multiplied with at each event: the last
        1 / (1 - fading_factor) events count. 1 never forgets.
    seed
        Seed of the projections; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless `n_cuts` is a whole number >= 1, `n_bins` and `window_size` are
        whole numbers >= 2, and 0 < `fading_factor` <= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import LODA
    >>> X = np.random.default_rng(0).normal(size=(1000, 6))
    >>> model = LODA().fit_many(X)
    >>> model.score_one([0.1, 0.0, 5.0, 0.0, -0.1, 0.2]) > model.score_one(X[0])
    True
    >>> model.explain_one([0.1, 0.0, 5.0, 0.0, -0.1, 0.2]).argmax()
    np.int64(2)

    Notes
    -----
    A projection that misses a value is left out; without any, the score is 0. What a feature
    contributes is the t statistic of the projections with it against those without it, as in
    the paper; 0 where either are fewer than two. Departures: features are divided by
    their usual ranges, so that units do not matter. Ranges leave out 1 % of the rows at either
    end and those of histograms reach a quarter beyond, so that one huge row
    changes nothing; the number of bins is fixed. Every bin is credited with a tenth of an event. A
    histogram is made anew when a tenth of its mass lies outside or nine tenths in one bin; all
    are, when a feature has moved beyond twice its range or shrunk below a tenth of it. Codes of
    nominal values are taken as numbers.

    A row that is to be forgotten (`unlearn_one`) leaves the histograms as if it had never come, as
    long as the window that it lies in is not full. Older rows are refused: ranges and bins
    have been looked over with them.

    References
    ----------
    .. [1] Pevny (2016), Loda: lightweight on-line detector of anomalies, Machine Learning 102,
       275-304. doi:10.1007/s10994-015-5521-0. Sections 3.1 to 3.3.
    """

    _kernel = _loda
    _takes_back = True
    _explains = True
    _state = (
        Field("counts_", (4,), np.int64),
        Field("places_", ("S", "K"), np.int64),
        Field("weights_", ("S", "K")),
        Field("scaled_", ("S", "K")),
        Field("low_", ("K",)),
        Field("scale_", ("K",)),
        Field("masses_", ("K", "B")),
        Field("totals_", ("K",)),
        Field("growth_", (1,), fill=1.0),
        Field("ranges_", (2, "F"), fill=np.nan),
        Field("recent_", ("W", "F"), fill=np.nan),
        Field("recent_weights_", ("W",)),
        Field("random_", (1,), np.int64),
        Field("settled_", ("K", "B")),
        Field("settled_totals_", ("K",)),
        Field("binned_", ("W", "Q"), np.int64),
    )

    counts_: Ints
    masses_: Array
    random_: Ints

    def __init__(
        self,
        *,
        n_cuts: int = 100,
        n_bins: int = 10,
        window_size: int = 250,
        fading_factor: float = 0.999,
        seed: int | None = 0,
    ) -> None:
        self.n_cuts = n_cuts
        self.n_bins = n_bins
        self.window_size = window_size
        self.fading_factor = fading_factor
        self.seed = seed

    def _check(self) -> None:
        if self.n_cuts < 1:
            raise wrong("n_cuts", self.n_cuts, "a number of projections >= 1")
        if self.n_bins < 2:
            raise wrong("n_bins", self.n_bins, "a number of bins >= 2")
        if self.window_size < 2:
            raise wrong("window_size", self.window_size, "a number of rows >= 2")
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return {
            "S": 1,
            "K": int(self.n_cuts),
            "B": int(self.n_bins) + 2,
            "W": int(self.window_size),
            "Q": -(-self.n_cuts // (64 // _power_of_two((self.n_bins + 2).bit_length()))),
        }

    def _start(self, schema: Schema) -> None:
        self.counts_[ROOM] = first_room(int(self.window_size))
        self.random_[:] = seeded(self.seed, 1)
        self._enlarge("S", isqrt(schema.n_features))

    def _settings(self) -> tuple[float, ...]:
        return (1.0 / self.fading_factor,)

    def _take_back(self, target: float, weight: float) -> Receipt:
        receipt = super()._take_back(target, weight)
        if receipt.forgotten:
            return receipt
        return refused("the present window does not hold it, and bins are where older rows lay")
