"""OPTWIN: a window cut where a change of a given size would just be seen."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from onlineml.base import DRIFT, WARNING, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.schema import Schema, wrong

_CUT, _F, _T, _T_WARNING, _N_COLUMNS = range(5)  # columns of the table, by window length
_HELD, _NEXT, _OLD = range(3)  # values held, place of the next one, how many are old


@entry
def _optwin(d: int) -> int:
    return _rows(
        opened(d), f1(d, 0), f2(d, 1), f1(d, 2), f2(d, 3), i1(d, 4), i1(d, 5)
    )  # fmt: skip


@jit
def _rows(
    call: Call, settings: Array, table: Array, window: Array, sums: Array, counts: Ints, flag: Ints
) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            _take(window, sums, counts, call.X[i, 0])
            if counts[_HELD] >= settings[0]:
                _move_cut(window, sums, counts, int(table[counts[_HELD], _CUT]))
                flag[0] = _test(settings, table[counts[_HELD]], sums, counts)
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _take(window: Array, sums: Array, counts: Ints, value: float) -> None:
    """Add a recent value; a full window loses its oldest one."""
    at = counts[_NEXT]
    if counts[_HELD] == window.shape[0]:
        _count(sums[0], window[at], -1.0)
        counts[_OLD] -= 1
        counts[_HELD] -= 1
    window[at] = value
    _count(sums[1], value, 1.0)
    counts[_HELD] += 1
    counts[_NEXT] = (at + 1) % window.shape[0]


@jit
def _count(part: Array, value: float, sign: float) -> None:
    part[0] += sign * value
    part[1] += sign * value * value


@jit
def _move_cut(window: Array, sums: Array, counts: Ints, cut: int) -> None:
    size = window.shape[0]
    first = counts[_NEXT] - counts[_HELD]
    while counts[_OLD] < cut:
        value = window[(first + counts[_OLD]) % size]
        _count(sums[0], value, 1.0)
        _count(sums[1], value, -1.0)
        counts[_OLD] += 1
    while counts[_OLD] > cut:
        counts[_OLD] -= 1
        value = window[(first + counts[_OLD]) % size]
        _count(sums[0], value, -1.0)
        _count(sums[1], value, 1.0)


@jit
def _moments(part: Array, n: float) -> tuple[float, float]:
    mean = part[0] / n
    return mean, np.sqrt(max(part[1] / n - mean * mean, 0.0))


@jit
def _test(settings: Array, limits: Array, sums: Array, counts: Ints) -> int:
    n_old, n_new = float(counts[_OLD]), float(counts[_HELD] - counts[_OLD])
    old, old_spread = _moments(sums[0], n_old)
    new, new_spread = _moments(sums[1], n_new)
    old_spread, new_spread = old_spread + settings[1], new_spread + settings[1]
    rise = abs(new - old) if settings[2] > 0.0 else new - old
    t = rise / np.sqrt(new_spread / n_new + old_spread / n_old)
    ratio = new_spread / old_spread
    if t > limits[_T] or ratio * ratio > limits[_F]:
        counts[_HELD] = counts[_OLD] = 0
        sums[:] = 0.0
        return DRIFT if rise > 0.0 else 0
    return WARNING if t > limits[_T_WARNING] else 0


@cache
def _table(rigor: float, drift: float, warning: float, least: int, most: int) -> Array:
    """Where to cut a window of each length, and the limits of the tests there.

    The cut leaves the fewest recent values with which a rise of the mean by `rigor` standard
    deviations is seen; where there is no such cut, it lies in the middle.
    """
    from scipy.special import fdtri, stdtrit

    confidence = drift**0.25
    table = np.zeros((most + 1, _N_COLUMNS))
    n = np.arange(least, most + 1, dtype=np.float64)

    def limits(cut: Array) -> tuple[Array, Array]:
        """Limit of the F test, and degrees of freedom of the t test."""
        f = fdtri(cut - 1, n - cut - 1, confidence)
        old, new = 1 / cut, 1 / f**2 / (n - cut)
        return f, (old + new) ** 2 / (old**2 / (cut - 1) + new**2 / (n - cut - 1))

    def is_seen(cut: Array) -> Any:
        f, freedom = limits(cut)
        return stdtrit(freedom, confidence) * np.sqrt(1 / cut + f / (n - cut)) <= rigor

    middle = np.floor(n / 2 + 1)
    low, high = middle, n - 2  # cuts where a rise is seen, and where it is not
    possible = is_seen(middle)
    while (high - low > 1).any():
        between = np.floor((low + high) / 2)
        seen = is_seen(between)
        low, high = np.where(seen, between, low), np.where(seen, high, between)
    cut = np.where(possible, low, middle)
    f, freedom = limits(cut)
    table[least:, _CUT], table[least:, _F] = cut, f
    table[least:, _T] = stdtrit(freedom, confidence)
    table[least:, _T_WARNING] = stdtrit(freedom, warning)
    return table


class OPTWIN(DriftDetector):
    """Optimal window: t and F tests between two parts of a window, cut at the best place.

    A window of n values is cut so that the recent part is as short as it may be for a rise of the
    mean by `rigor` standard deviations to be significant: `rigor` >= t sqrt(1/n_old + f/n_new),
    with t and f the quantiles of the t test and the F test at `drift_confidence` to the power of
    1/4. A larger t statistic, or a larger ratio of variances, empties the window, and is an alarm
    where the mean has risen. Time per event is O(1), memory 40 bytes times `max_window_length`.

    Parameters
    ----------
    rigor
        Change of the mean that must be seen, in standard deviations of the old values.
    drift_confidence
        Confidence of an alarm.
    warning_confidence
        Confidence of the t test for warnings.
    max_window_length
        The oldest values leave beyond this length.
    min_window_length
        No tests below this length.
    minimum_noise
        Added to both standard deviations: a constant stream then has no infinite statistic.
    two_sided
        Whether a mean that falls raises an alarm too. The window is emptied in either case.

    Raises
    ------
    ValueError
        At the first event, unless `drift_confidence` and `warning_confidence` lie in (0, 1),
        `rigor` and `minimum_noise` are > 0, and 6 <= `min_window_length` <= `max_window_length`.
        For events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import OPTWIN
    >>> OPTWIN().fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 100)
    array([457])

    Notes
    -----
    The statistics are those of the authors' code, as CapyMOA has it, which differ from the paper:
    the difference of means is divided by sqrt(s_old/n_old + s_new/n_new), standard deviations
    where variances are due, so that t is small for errors and false alarms are few; the F test has
    its degrees of freedom the other way round, and Welch's formula takes 1/f^2 as the ratio
    of variances. The cut is found by bisection over whole numbers; the sums of the two parts stay
    exact when the window is full, which theirs do not: some alarms differ. A weight other than 0
    counts as 1.

    References
    ----------
    .. [1] Tosi, Theobald (2024), OPTWIN: drift identification with optimal sub-windows, ICDE
       Workshops. Sections 3.2 and 3.3, algorithm 1.
    """

    _kernel = _optwin
    _state = (
        Field("table_", ("T", _N_COLUMNS)),
        Field("window_", ("W",)),
        Field("sums_", (2, 2)),
        Field("counts_", (3,), np.int64),
        Field("flag_", (1,), np.int64),
    )

    table_: Array

    def __init__(
        self,
        *,
        rigor: float = 0.5,
        drift_confidence: float = 0.999,
        warning_confidence: float = 0.9,
        max_window_length: int = 1000,
        min_window_length: int = 30,
        minimum_noise: float = 1e-6,
        two_sided: bool = False,
    ) -> None:
        self.rigor = rigor
        self.drift_confidence = drift_confidence
        self.warning_confidence = warning_confidence
        self.max_window_length = max_window_length
        self.min_window_length = min_window_length
        self.minimum_noise = minimum_noise
        self.two_sided = two_sided

    def _check(self) -> None:
        for name in ("drift_confidence", "warning_confidence"):
            if not 0 < getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number between 0 and 1")
        for name in ("rigor", "minimum_noise"):
            if not getattr(self, name) > 0:
                raise wrong(name, getattr(self, name), "a number > 0")
        if not 6 <= self.min_window_length <= self.max_window_length:
            raise wrong("min_window_length", self.min_window_length, "6 to max_window_length")

    def _sizes(self) -> dict[str, int]:
        return {"W": int(self.max_window_length), "T": int(self.max_window_length) + 1}

    def _start(self, schema: Schema) -> None:
        self.table_[:] = _table(
            float(self.rigor),
            float(self.drift_confidence),
            float(self.warning_confidence),
            int(self.min_window_length),
            int(self.max_window_length),
        )

    def _settings(self) -> tuple[float, ...]:
        return float(self.min_window_length), float(self.minimum_noise), float(self.two_sided)
