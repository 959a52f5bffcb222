"""How far a value, and the course of the last few hundred, are from all that came before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.parameters import whole
from onlineml.schema import wrong

_BLOCK, _LENGTH, _CLIP, _FLOOR = range(4)  # of the settings
_N, _IN_BLOCK, _N_BLOCKS = range(3)  # of the counts: values, those of the last block, blocks
_VALUE, _COURSE = 0, 1  # what distances are of
_SEEN, _MEAN, _VARIANCE, _GREATEST = range(4)  # of the moments of distances
_FEW = 20.0  # distances from which on one can be judged
_LARGEST = 1e140  # differences beyond are not squared without overflow


class Past(NamedTuple):
    """The last values as they came and in order, means of the last blocks, distances so far."""

    counts: Ints
    recent: Array
    ordered: Array
    blocks: Array
    total: Array
    moments: Array


@entry
def _novelty_detector(d: int) -> int:
    past = Past(i1(d, 1), f1(d, 2), f1(d, 3), f1(d, 4), f1(d, 5), f2(d, 6))
    return _rows(opened(d), f1(d, 0), past)


@jit
def _rows(call: Call, settings: Array, past: Past) -> int:
    for i in range(call.first, call.last):
        x = call.X[i, 0]
        gap, course = np.nan, np.nan
        if not np.isnan(x):
            gap = _gap(x, past)
            tame = _tame(x, gap, past.moments[_VALUE])
            course = _course(tame, settings, past)
        near = abs(gap)
        if call.serve:
            of_value = _strangeness(near, past.moments[_VALUE], settings[_FLOOR])
            of_course = _strangeness(course, past.moments[_COURSE], settings[_FLOOR])
            call.out[i, 0] = of_value
            if of_course != 0.0 and (of_value == 0.0 or of_course > of_value):
                call.out[i, 0] = of_course
        if call.fit and call.weight[i] > 0.0 and not np.isnan(x):
            least = 1.0 / past.recent.shape[0]
            _learn(near, past.moments[_VALUE], least, settings[_CLIP])
            _learn(course, past.moments[_COURSE], least * settings[_BLOCK], settings[_CLIP])
            _remember(x, tame, settings, past)
    return call.last


@jit
def _strangeness(distance: float, moments: Array, floor: float) -> float:
    """How far beyond the usual ones a distance is, in their deviations; 0 if there are too few."""
    if np.isnan(distance) or moments[_SEEN] < _FEW:
        return 0.0
    return float((distance - moments[_MEAN]) / max(np.sqrt(moments[_VARIANCE]), floor))


@jit
def _gap(x: float, past: Past) -> float:
    """From the nearest of the last values to `x`; NaN where there is none."""
    n = min(past.counts[_N], past.recent.shape[0])
    if n == 0:
        return np.nan
    at = np.searchsorted(past.ordered[:n], x)
    above = past.ordered[at] - x if at < n else np.inf
    below = x - past.ordered[at - 1] if at > 0 else np.inf
    return float(-min(above, _LARGEST) if above < below else min(below, _LARGEST))


@jit
def _tame(x: float, gap: float, moments: Array) -> float:
    """The value as its block takes it: no further from the nearest than any was before."""
    most = moments[_GREATEST]
    if moments[_SEEN] < _FEW or not abs(gap) > most > 0.0:
        return x
    return float(x - gap + (most if gap > 0.0 else -most))


@jit
def _course(tame: float, settings: Array, past: Past) -> float:
    """Where a value ends a block: distance of the last blocks to the nearest earlier ones.

    Those that share a block with them do not count. NaN where none are left, and within a block.
    """
    if past.counts[_IN_BLOCK] + 1 < settings[_BLOCK]:
        return np.nan
    newest, length = (past.total[0] + tame) / settings[_BLOCK], int(settings[_LENGTH])
    n, room = past.counts[_N_BLOCKS], past.blocks.shape[0]
    least = np.inf
    for end in range(max(n - room, 0) + length - 1, n - length + 1):
        gap = min(abs(newest - past.blocks[end % room]), _LARGEST)
        square, back = gap * gap, 1
        while back < length and square < least:
            gap = past.blocks[(n - back) % room] - past.blocks[(end - back) % room]
            gap = min(abs(gap), _LARGEST)
            square += gap * gap
            back += 1
        least = min(least, square)
    return np.sqrt(least / length) if least < np.inf else np.nan


@jit
def _learn(distance: float, moments: Array, least: float, clip: float) -> None:
    """Mean and variance; a distance far beyond the greatest so far is learned as less."""
    if np.isnan(distance):
        return
    if moments[_SEEN] >= _FEW and moments[_GREATEST] > 0.0:
        distance = min(distance, clip * moments[_GREATEST])
    moments[_GREATEST] = max((1.0 - least) * moments[_GREATEST], distance)
    moments[_SEEN] += 1.0
    step = max(1.0 / moments[_SEEN], least)
    gap = distance - moments[_MEAN]
    moments[_MEAN] += step * gap
    moments[_VARIANCE] = (1.0 - step) * (moments[_VARIANCE] + step * gap * gap)


@jit
def _remember(x: float, tame: float, settings: Array, past: Past) -> None:
    """Put the value in the place of the oldest, and add it to its block."""
    counts, size = past.counts, past.recent.shape[0]
    place, n = counts[_N] % size, min(counts[_N], size)
    if counts[_N] >= size:
        n -= 1
        for k in range(np.searchsorted(past.ordered, past.recent[place]), n):
            past.ordered[k] = past.ordered[k + 1]
    at = np.searchsorted(past.ordered[:n], x)
    for k in range(n, at, -1):
        past.ordered[k] = past.ordered[k - 1]
    past.ordered[at], past.recent[place] = x, x
    counts[_N] += 1
    past.total[0] += tame
    counts[_IN_BLOCK] += 1
    if counts[_IN_BLOCK] == settings[_BLOCK]:
        past.blocks[counts[_N_BLOCKS] % past.blocks.shape[0]] = past.total[0] / settings[_BLOCK]
        past.total[0], counts[_IN_BLOCK] = 0.0, 0
        counts[_N_BLOCKS] += 1


class NoveltyDetector(Detector):
    """How far a value, and the course of the last few hundred, are from all that came before.

    Two distances are looked at: of the value to the nearest of the last `window_size`; and, once a
    block, of the means of the last blocks to the nearest such course in the window. The score is
    the greater of the two, in deviations from what these distances usually are: a level or a
    rhythm that was never there. It is negative where all is as before, and 0 as long as there are
    fewer than 20 distances. For series of numbers, of machines and services above all. A missing
    value scores 0 and is passed over. Time per event is O(log(window_size)) and a move of
    O(window_size) numbers, and O(length * window_size / block) once a block; memory is
    O(window_size).

    Parameters
    ----------
    window_size
        How many past values are remembered; what has left the window is new again.
    block
        Values in a block.
    length
        Blocks in a course.
    clip
        How many times the greatest distance so far one is learned to be at most, so that a single
        far value does not make all others small.
    min_std
        Floor of the deviation of distances, in the units of the values.

    Raises
    ------
    ValueError
        At the first event, unless `block` and `length` are whole numbers >= 1, `window_size` is
        one >= 2 `block` * `length`, `clip` >= 1, and `min_std` > 0. For events of several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import NoveltyDetector
    >>> t = np.arange(3000)
    >>> load = 50 + 40 * (t % 288 < 96) + np.random.default_rng(0).normal(0, 1, 3000)
    >>> model = NoveltyDetector().fit_many(load)
    >>> model.score_one(51.0) < 1 < 20 < model.score_one(70.0)  # between its two levels
    True

    A day without the rise has no new value, but a new course:

    >>> bool(model.score_fit_many(np.full(288, 50.0)).max() > 4)
    True

    Notes
    -----
    The distance to the nearest neighbor as in [1]_, of one value and of a stretch of the series
    [2]_ by its piecewise means [3]_. A value further from the nearest than any before counts in its
    block as being just as far, lest a single one make the next courses new. New levels come in
    runs: to be told once, `CalibratedDetector(base=NoveltyDetector(), calibrator=Refractory())`.
    With it, all defaults were chosen on every second series (the first, third and so on of the
    sorted names) of the part of the Numenta Anomaly Benchmark without `realAdExchange`,
    `realKnownCause` and `realTweets`: figures on that half are no test. Weights other than 0 count
    as 1.

    References
    ----------
    .. [1] Ramaswamy, Rastogi, Shim (2000), Efficient algorithms for mining outliers from large data
       sets, SIGMOD, section 2. doi:10.1145/342009.335437
    .. [2] Keogh, Lin, Fu (2005), HOT SAX: efficiently finding the most unusual time series
       subsequence, ICDM, section 2 (discords). doi:10.1109/ICDM.2005.79
    .. [3] Keogh, Chakrabarti, Pazzani, Mehrotra (2001), Dimensionality reduction for fast
       similarity search in large time series databases, KAIS 3(3), section 3.
       doi:10.1007/PL00011669
    """

    _kernel = _novelty_detector
    _n_inputs = 1
    _state = (
        Field("counts_", (3,), np.int64),
        Field("recent_", ("W",)),
        Field("ordered_", ("W",)),
        Field("blocks_", ("B",)),
        Field("total_", (1,)),
        Field("moments_", (2, 4)),
    )

    def __init__(
        self,
        *,
        window_size: int = 5000,
        block: int = 16,
        length: int = 16,
        clip: float = 30.0,
        min_std: float = 1e-12,
    ) -> None:
        self.window_size = window_size
        self.block = block
        self.length = length
        self.clip = clip
        self.min_std = min_std

    def _check(self) -> None:
        for name in ("block", "length"):
            whole(name, getattr(self, name), 1)
        least = 2 * self.block * self.length
        if self.window_size < least:
            due = f"a whole number >= {least} (two courses of {self.length} blocks)"
            raise wrong("window_size", self.window_size, due)
        if not self.clip >= 1:
            raise wrong("clip", self.clip, "a number >= 1")
        if not self.min_std > 0:
            raise wrong("min_std", self.min_std, "a number > 0")

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size, "B": self.window_size // self.block}

    def _settings(self) -> tuple[float, ...]:
        return float(self.block), float(self.length), float(self.clip), float(self.min_std)
