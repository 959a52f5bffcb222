"""Trend, season and rest of a series as it comes, by medians: what is far off does not move them.

The trend is the median of the values of about one season before; the season, for each of its
phases, the median of what the trend has left of the last values there. The period is given, or
looked for once a window in the autocorrelation of its values; when it changes, the values of the
window are gone through again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints, f2, i2
from onlineml.kernels.usual_range import usual_range

_N, _FOUND, _SINCE, _KEPT = range(4)  # of the counts
FOUND = _FOUND
_AT_LEAST = 20  # values that a trend is the median of, and it spans whole seasons
_NO_SEASON = 100  # values that it spans where there is no season
_CLEAR = 0.3  # autocorrelation that tells of a season
_GONE = 0.1  # autocorrelation at which a season is over
_FAR = 0.05  # share of the values at either end that are cut, to look for a season


class Season(NamedTuple):
    """Of each series: counts, and of the last values themselves, without trend, and the rests.

    Counts are: values so far, the present period (1: none), the time of the first value that counts
    and how many `ordered` has, the values of the trend's span in order.
    """

    counts: Ints
    recent: Array
    detrended: Array
    rests: Array
    ordered: Array


def fields(axis: str | int) -> tuple[Field, ...]:
    """The state of `axis` many series with windows of `W` values."""
    return (
        Field("counts_", (axis, 4), np.int64),
        Field("recent_", (axis, "W"), fill=np.nan),
        Field("detrended_", (axis, "W"), fill=np.nan),
        Field("rests_", (axis, "W"), fill=np.nan),
        Field("ordered_", (axis, "W")),
    )


@jit
def season_at(d: int, k: int) -> Season:
    """The series whose fields are the state arrays from `k` on."""
    return Season(i2(d, k), f2(d, k + 1), f2(d, k + 2), f2(d, k + 3), f2(d, k + 4))


@jit
def level_and_season(m: Season, j: int, n_cycles: int) -> tuple[float, float]:
    """Trend and seasonal part of the next value of series `j`; the trend is NaN where unknown."""
    counts, n_kept = m.counts[j], m.counts[j, _KEPT]
    if n_kept == 0:
        return np.nan, 0.0
    trend = 0.5 * m.ordered[j, (n_kept - 1) // 2] + 0.5 * m.ordered[j, n_kept // 2]
    period = counts[_FOUND]
    if period <= 1:
        return trend, 0.0
    window, n_found = m.recent.shape[1], 0
    found = np.empty(n_cycles)
    for k in range(1, n_cycles + 1):
        at = counts[_N] - k * period
        if at < counts[_SINCE] or k * period > window:
            break
        value = m.detrended[j, at % window]
        if not np.isnan(value):
            insert(found, n_found, value)
            n_found += 1
    if n_found == 0:
        return trend, 0.0
    return trend, 0.5 * found[(n_found - 1) // 2] + 0.5 * found[n_found // 2]


@jit
def insert(ordered: Array, n: int, value: float) -> None:
    """Put `value` where it belongs among the first `n`, which are in order."""
    while n > 0 and ordered[n - 1] > value:
        ordered[n] = ordered[n - 1]
        n -= 1
    ordered[n] = value


@jit
def remove(ordered: Array, n: int, value: float) -> None:
    """Take `value`, which is one of the first `n`, out of them."""
    for k in range(np.searchsorted(ordered[:n], value), n - 1):
        ordered[k] = ordered[k + 1]


@jit
def take_in(x: float, j: int, period: int, n_cycles: int, m: Season) -> bool:
    """Learn the next value of series `j`, NaN where missing; whether the period is another now.

    `period` is the one that is given, or 0.
    """
    counts, window = m.counts[j], m.recent.shape[1]
    _append(x, j, n_cycles, m)
    if (counts[_N] - 1) % window != window - 1:
        return False
    found = period if period > 0 else _period_of(m.recent[j], counts[_FOUND])
    if found == max(counts[_FOUND], 1):
        return False
    again = m.recent[j].copy()  # in the order of time: the window has just come round
    counts[_FOUND], counts[_N] = found, counts[_N] - window
    counts[_SINCE], counts[_KEPT] = counts[_N], 0
    for value in again:
        _append(value, j, n_cycles, m)
    return True


@jit
def _append(x: float, j: int, n_cycles: int, m: Season) -> None:
    counts, window = m.counts[j], m.recent.shape[1]
    trend, season = level_and_season(m, j, n_cycles)
    if np.isnan(trend):
        trend = x
    slot, span = counts[_N] % window, _span(counts[_FOUND], window)
    if counts[_N] - span >= counts[_SINCE]:
        leaving = m.recent[j, (counts[_N] - span) % window]
        if not np.isnan(leaving):
            remove(m.ordered[j], counts[_KEPT], leaving)
            counts[_KEPT] -= 1
    m.recent[j, slot], m.detrended[j, slot], m.rests[j, slot] = x, x - trend, x - trend - season
    if not np.isnan(x):
        insert(m.ordered[j], counts[_KEPT], x)
        counts[_KEPT] += 1
    counts[_N] += 1


@jit
def _span(period: int, window: int) -> int:
    """Values that the trend is the median of."""
    if period <= 1:
        return min(_NO_SEASON, window)
    return min(period * ((_AT_LEAST + period - 1) // period), window // period * period)


@jit
def _period_of(recent: Array, present: int) -> int:
    """The present period as long as it shows in the values; else the clearest one, or 1."""
    low, high = usual_range(recent, _FAR)
    if np.isnan(low):
        return 1
    values = np.minimum(np.maximum(recent, low), high)
    middle = np.nanmean(values)
    for k in range(values.shape[0]):
        values[k] = 0.0 if np.isnan(values[k]) else values[k] - middle
    total = (values * values).sum()
    if present > 1 and autocorrelation(values, present, total) > _GONE:
        return present
    return clearest_lag(values, total)


@jit
def autocorrelation(values: Array, lag: int, total: float) -> float:
    """Autocorrelation of `values`, of mean 0 and squares that sum to `total`."""
    if total <= 0.0:
        return 0.0
    product = 0.0
    for k in range(lag, values.shape[0]):
        product += values[k] * values[k - lag]
    return float(product / total * values.shape[0] / (values.shape[0] - lag))


@jit
def clearest_lag(values: Array, total: float) -> int:
    """The lag of the first peak that is nearly as high as the highest; 1 if none is clear."""
    longest = values.shape[0] // 3
    found = np.zeros(longest + 2)
    for lag in range(1, longest + 2):
        found[lag] = autocorrelation(values, lag, total)
    highest = _CLEAR
    for lag in range(2, longest + 1):
        if found[lag] > found[lag - 1] and found[lag] >= found[lag + 1]:
            highest = max(highest, found[lag])
    for lag in range(2, longest + 1):
        peak = found[lag] > found[lag - 1] and found[lag] >= found[lag + 1]
        if peak and found[lag] > _CLEAR and found[lag] >= 0.95 * highest:
            return lag
    return 1
