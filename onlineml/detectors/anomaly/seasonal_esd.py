"""Extreme studentized deviates of what trend and season leave of a series."""

from __future__ import annotations

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, opened, scratch
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.seasons import (
    FOUND,
    Season,
    fields,
    insert,
    level_and_season,
    remove,
    season_at,
    take_in,
)
from onlineml.parameters import whole
from onlineml.schema import wrong

_PERIOD, _CYCLES, _SHARE, _FLOOR, _ROBUST = range(5)  # of the settings
_FEW = 10  # rests from which on one is tested
_NORMAL = 1.4826  # times the median distance from the median: the deviation of normal values


@entry
def _seasonal_esd(d: int) -> int:
    return _rows(opened(d), f1(d, 0), season_at(d, 1), i1(d, 6), f1(d, 7), f1(d, 8), scratch(d)[0])


@jit
def _rows(
    call: Call, settings: Array, m: Season, n_tested: Ints, tested: Array, critical: Array,
    room: Array,
) -> int:  # fmt: skip
    period, n_cycles = int(settings[_PERIOD]), int(settings[_CYCLES])
    for i in range(call.first, call.last):
        x = min(max(call.X[i, 0], -LARGEST), LARGEST) if call.X[i, 0] == call.X[i, 0] else np.nan
        if call.serve:
            trend, season = level_and_season(m, 0, n_cycles)
            rest = x - trend - season
            call.out[i, 0] = 0.0
            if n_tested[0] >= _FEW and not np.isnan(rest):
                call.out[i, 0] = _score(rest, tested[: n_tested[0]], settings, critical, room)
        if call.fit and call.weight[i] > 0.0:
            _learn(x, period, n_cycles, m, n_tested, tested)
    return call.last


@jit
def _learn(x: float, period: int, n_cycles: int, m: Season, n_tested: Ints, tested: Array) -> None:
    """Keep the rests of the window in order."""
    window = m.rests.shape[1]
    slot = m.counts[0, 0] % window
    leaving = m.rests[0, slot]
    if take_in(x, 0, period, n_cycles, m):
        rests = m.rests[0][~np.isnan(m.rests[0])]
        n_tested[0] = rests.shape[0]
        tested[: n_tested[0]] = np.sort(rests)
        return
    if not np.isnan(leaving):
        remove(tested, n_tested[0], leaving)
        n_tested[0] -= 1
    if not np.isnan(x):
        insert(tested, n_tested[0], m.rests[0, slot])
        n_tested[0] += 1


@jit
def _score(rest: float, tested: Array, settings: Array, critical: Array, room: Array) -> float:
    """The greatest ratio of a test statistic to its critical value, from where `rest` goes.

    The most extreme of the values goes first, and so on, up to the share that may be anomalous.
    """
    n = tested.shape[0] + 1
    v = room[:n]
    v[: n - 1] = tested
    insert(v, n - 1, rest)
    n_out = max(int(settings[_SHARE] * n), 1)
    sums = room[n : n + 4 * (n_out + 1)].reshape((4, n_out + 1))
    center = _sum_up(v, n_out, sums)
    low, high, best, gone = 0, n, 0.0, False
    for _ in range(n_out):
        middle, spread = _moments(v, low, high, center, sums, settings)
        below, above = middle - v[low], v[high - 1] - middle
        ratio = max(below, above) / max(spread, settings[_FLOOR]) / critical[high - low]
        gone = gone or (v[low] if below > above else v[high - 1]) == rest
        if gone:
            best = max(best, ratio)
        if below > above:
            low += 1
        else:
            high -= 1
    if gone:
        return float(best)
    middle, spread = _moments(v, low, high, center, sums, settings)
    return float(abs(rest - middle) / max(spread, settings[_FLOOR]) / critical[high - low])


@jit
def _sum_up(v: Array, n_out: int, sums: Array) -> float:
    """Sums and squares of what the middle of `v` is enlarged by, to either side; their center.

    From the inside out, so that no extreme value has to be taken off a sum. In place 0 are those
    of the middle, halved.
    """
    n = v.shape[0]
    middle = v[n_out : n - n_out]
    center = middle.mean()
    sums[0, 0] = sums[2, 0] = 0.5 * (middle - center).sum()
    sums[1, 0] = sums[3, 0] = 0.5 * ((middle - center) ** 2).sum()
    for k in range(n_out):
        below, above = v[n_out - 1 - k] - center, v[n - n_out + k] - center
        sums[0, k + 1], sums[1, k + 1] = sums[0, k] + below, sums[1, k] + below * below
        sums[2, k + 1], sums[3, k + 1] = sums[2, k] + above, sums[3, k] + above * above
    return float(center)


@jit
def _moments(
    v: Array, low: int, high: int, center: float, sums: Array, settings: Array
) -> tuple[float, float]:
    """Middle and spread of `v[low:high]`."""
    if settings[_ROBUST] > 0.0:
        middle = _median(v, low, high)
        return middle, _NORMAL * _median_distance(v, low, high, middle)
    n, n_out = high - low, sums.shape[1] - 1
    below, above = n_out - low, n_out - (v.shape[0] - high)
    mean = (sums[0, below] + sums[2, above]) / n
    squares = sums[1, below] + sums[3, above] - n * mean * mean
    return center + mean, np.sqrt(max(squares, 0.0) / (n - 1))


@jit
def _median(v: Array, low: int, high: int) -> float:
    return float(0.5 * v[(low + high - 1) // 2] + 0.5 * v[(low + high) // 2])


@jit
def _median_distance(v: Array, low: int, high: int, middle: float) -> float:
    """Median distance of `v[low:high]` from `middle`."""
    n = high - low
    near = _kth_distance(v, low, high, middle, (n - 1) // 2)
    return near if n % 2 else 0.5 * (near + _kth_distance(v, low, high, middle, n // 2))


@jit
def _kth_distance(v: Array, low: int, high: int, middle: float, k: int) -> float:
    """The distance from `middle` that `k` others do not exceed: they stand side by side."""
    first, last = low, high - k - 1
    while first < last:
        at = (first + last) // 2
        if middle - v[at] > v[at + k + 1] - middle:
            first = at + 1
        else:
            last = at
    return float(max(middle - v[first], v[first + k] - middle))


class _ESD(Detector):
    """What the two share; `_robust` tells them apart."""

    _kernel = _seasonal_esd
    _n_inputs = 1
    _state = (*fields(1), Field("n_tested_", (1,), np.int64), Field("tested_", ("W",)))
    _robust = False

    counts_: Ints

    def __init__(
        self,
        *,
        period: int | None = None,
        window_size: int = 1000,
        n_cycles: int = 15,
        max_anomalies: float = 0.1,
        alpha: float = 0.05,
        min_scale: float = 1e-12,
    ) -> None:
        self.period = period
        self.window_size = window_size
        self.n_cycles = n_cycles
        self.max_anomalies = max_anomalies
        self.alpha = alpha
        self.min_scale = min_scale

    def _check(self) -> None:
        whole("window_size", self.window_size, 20)
        most = self.window_size // 2
        if not (self.period is None or 1 <= self.period <= most):
            due = f"a whole number from 1 to {most} (half the window), or None"
            raise wrong("period", self.period, due)
        whole("n_cycles", self.n_cycles, 1)
        if not 0 < self.max_anomalies < 0.4:
            raise wrong("max_anomalies", self.max_anomalies, "a share between 0 and 0.4")
        if not 0 < self.alpha < 1:
            raise wrong("alpha", self.alpha, "a number between 0 and 1")
        if not self.min_scale > 0:
            raise wrong("min_scale", self.min_scale, "a number > 0")

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size}

    def _settings(self) -> tuple[float, ...]:
        share, floor = float(self.max_anomalies), float(self.min_scale)
        return float(self.period or 0), float(self.n_cycles), share, floor, float(self._robust)

    def _parts(self) -> tuple[Array]:
        return (_critical_values(self.window_size + 1, self.alpha),)

    def _n_scratch(self) -> int:
        n = self.window_size + 1
        return n + 4 * (int(self.max_anomalies * n) + 2)

    @property
    def period_found(self) -> int:
        """The present period; 1 where there is no season."""
        return max(int(self.counts_[0, FOUND]), 1) if self.is_started else 1


def _critical_values(n: int, alpha: float) -> Array:
    """What the greatest of `m` deviates exceeds with probability `alpha`, for `m` up to `n`."""
    from scipy.special import stdtrit

    m = np.arange(3.0, n + 1)
    t = stdtrit(m - 2, 1 - alpha / (2 * m))
    return np.concatenate([np.full(3, np.inf), (m - 1) * t / np.sqrt((m - 2 + t * t) * m)])


class SeasonalESD(_ESD):
    """How far the generalized ESD test finds a value of a series from what it should be.

    Trend and season, medians of the past, are taken off (see `SeasonalDecomposer`). The rests of
    the window, with the new one, are tested: the most extreme goes first, its distance from their
    mean, in their standard deviations, is compared with what chance would bring, and so on up to a
    share `max_anomalies`. The score is the greatest ratio to the critical value from where the new
    one goes: above 1 where the test finds it anomalous. Anomalies thus do not hide each other. For
    series of numbers at even times. A missing value scores 0. Time per event is O(window_size), of
    a few sums; memory too.

    Parameters
    ----------
    period
        Events in a season, 1 for none; None to find it, among those up to a third of the window.
    window_size
        Events in a window; the first passes without a season.
    n_cycles
        Seasons that a phase is the median of, as far as the window holds them.
    max_anomalies
        Share of the window that may be anomalous, below 0.4.
    alpha
        Probability that some value of a normal window is found anomalous.
    min_scale
        Floor of the deviation, in the units of the values.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 20, `period` one from 1 to
        half the window or None, `n_cycles` one >= 1, 0 < `max_anomalies` < 0.4, 0 < `alpha` < 1,
        and `min_scale` > 0. For events of several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import SeasonalESD
    >>> t = np.arange(3000)
    >>> values = np.sin(2 * np.pi * t / 24) + np.random.default_rng(0).normal(0, 0.1, 3000)
    >>> model = SeasonalESD().fit_many(values)
    >>> model.period_found
    24
    >>> at_zero = float(np.sin(2 * np.pi * 3000 / 24))
    >>> model.score_one(at_zero) < 0.5 < 1 < model.score_one(at_zero + 1)
    True

    Notes
    -----
    Departures from [1]_: trend and season are those of the past, by medians; every value is tested
    when it comes; a statistic comes out, not a verdict; spikes to either side. Before there are
    ten rests the score is 0. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Hochenbaum, Vallis, Kejariwal (2017), Automatic anomaly detection in the cloud via
       statistical learning, algorithm 1. arXiv:1704.07706
    .. [2] Rosner (1983), Percentage points for a generalized ESD many-outlier procedure,
       Technometrics 25(2), 165-172. The section on the generalized ESD procedure.
       doi:10.1080/00401706.1983.10487848
    """


class SeasonalHybridESD(_ESD):
    """The generalized ESD test with median and median distance, for series with many anomalies.

    As `SeasonalESD`, but the distance is from the median, in robust standard deviations (1.4826
    times the median distance from it), which up to half of the window being anomalous cannot
    stretch. Time per event is O(window_size + max_anomalies window_size log(window_size)); memory
    is O(window_size).

    Parameters
    ----------
    period
        Events in a season, 1 for none; None to find it, among those up to a third of the window.
    window_size
        Events in a window; the first passes without a season.
    n_cycles
        Seasons that a phase is the median of, as far as the window holds them.
    max_anomalies
        Share of the window that may be anomalous, below 0.4.
    alpha
        Probability that some value of a normal window is found anomalous, about.
    min_scale
        Floor of the deviation, in the units of the values.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 20, `period` one from 1 to
        half the window or None, `n_cycles` one >= 1, 0 < `max_anomalies` < 0.4, 0 < `alpha` < 1,
        and `min_scale` > 0. For events of several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import SeasonalHybridESD
    >>> values = np.random.default_rng(0).normal(size=2000)
    >>> values[500::12] += 9.0  # one in twelve
    >>> model = SeasonalHybridESD(period=1).fit_many(values)
    >>> model.score_one(0.0) < 0.5 < 1 < model.score_one(9.0)
    True

    Notes
    -----
    As for `SeasonalESD`. Critical values are those of mean and deviation [1]_.

    References
    ----------
    .. [1] Hochenbaum, Vallis, Kejariwal (2017), Automatic anomaly detection in the cloud via
       statistical learning, section 3.4. arXiv:1704.07706
    """

    _robust = True
