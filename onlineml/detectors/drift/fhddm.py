"""FHDDM: Hoeffding's bound on the share of right answers in a sliding window."""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import stronger, tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.schema import wrong

# Of each window: values inside, their sum, highest and lowest mean so far.
_HELD, _TOTAL, _HIGH, _LOW, _LENGTH = range(5)


@entry
def _fhddm(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), f2(d, 2), i1(d, 3), i1(d, 4))


@jit
def _rows(
    call: Call, settings: Array, recent: Array, windows: Array, count: Ints, flag: Ints
) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            flag[0] = _step(settings, recent, windows, count, 1.0 - call.X[i, 0])
            if flag[0] == DRIFT:
                windows[:] = 0.0
                count[0] = 0
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _step(settings: Array, recent: Array, windows: Array, count: Ints, right: float) -> int:
    """The short window is looked at only where the long one is full, as in the source."""
    size, at, flag = recent.shape[0], count[0] % recent.shape[0], 0
    short, full = int(settings[1]), count[0] + 1 >= size
    if short > 0:
        leaving = recent[(at - short) % size] if count[0] >= short else 0.0
        flag = _slide(windows[1], short, right, leaving, full, settings[3], settings[4])
    leaving = recent[at] if count[0] >= size else 0.0
    flag = stronger(flag, _slide(windows[0], size, right, leaving, full, settings[2], settings[4]))
    recent[at] = right
    count[0] += 1
    return flag


@jit
def _slide(
    window: Array, size: int, right: float, leaving: float, full: bool, bound: float, fall: float
) -> int:
    window[_TOTAL] += right - leaving
    if not full:
        return 0
    mean = window[_TOTAL] / size
    first = window[_HELD] == 0.0
    window[_HELD] = 1.0
    window[_HIGH] = mean if first else max(window[_HIGH], mean)
    window[_LOW] = mean if first else min(window[_LOW], mean)
    if window[_HIGH] - mean > bound or (fall > 0.0 and mean - window[_LOW] > bound):
        return DRIFT
    return 0


class FHDDM(DriftDetector):
    """Fast Hoeffding drift detection: an alarm where a window's accuracy is far below its best.

    The share of right answers among the last n values may not lie more than
    sqrt(ln(1 / confidence_level) / (2 n)) below its maximum since the last alarm. With
    `short_window_size` this is asked of a shorter window too (stacking FHDDM). Time per event is
    O(1), memory O(n).

    Parameters
    ----------
    sliding_window_size
        Number n of values.
    confidence_level
        Probability of a false alarm that is accepted.
    short_window_size
        Number of values in the shorter window; None for no such window.
    two_sided
        Whether an accuracy far above its minimum raises an alarm too.

    Raises
    ------
    ValueError
        At the first event, unless `sliding_window_size` is a whole number >= 1,
        `short_window_size` one from 1 to that or None, and 0 < `confidence_level` < 1. For events
        of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import FHDDM
    >>> FHDDM().fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 100)
    array([453])

    Notes
    -----
    Values are errors, 0 or 1. Alarms are those of river on right answers, 1 - value: river's
    version looks for a falling mean. It has no warnings. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Pesaranghader, Viktor (2016), Fast Hoeffding drift detection method for evolving data
       streams, ECML PKDD. Section 3.
    .. [2] Pesaranghader, Viktor, Paquet (2018), Reservoir of diverse adaptive learners and
       stacking fast Hoeffding drift detection methods, Machine Learning 107. Section 4.
    """

    _kernel = _fhddm
    _state = (
        Field("recent_", ("W",)),
        Field("windows_", (2, _LENGTH)),
        Field("count_", (1,), np.int64),
        Field("flag_", (1,), np.int64),
    )

    def __init__(
        self,
        *,
        sliding_window_size: int = 100,
        confidence_level: float = 1e-6,
        short_window_size: int | None = None,
        two_sided: bool = False,
    ) -> None:
        self.sliding_window_size = sliding_window_size
        self.confidence_level = confidence_level
        self.short_window_size = short_window_size
        self.two_sided = two_sided

    def _check(self) -> None:
        size, short = self.sliding_window_size, self.short_window_size
        if size < 1:
            raise wrong("sliding_window_size", size, "a number of values >= 1")
        if short is not None and not 1 <= short <= size:
            raise wrong("short_window_size", short, f"1 to {size} values, or None")
        if not 0 < self.confidence_level < 1:
            raise wrong("confidence_level", self.confidence_level, "a number between 0 and 1")

    def _sizes(self) -> dict[str, int]:
        return {"W": int(self.sliding_window_size)}

    def _settings(self) -> tuple[float, ...]:
        size, short = self.sliding_window_size, self.short_window_size or 0
        term = log(1.0 / self.confidence_level)
        bounds = [sqrt(term / (2.0 * n)) if n else 0.0 for n in (size, short)]
        return float(size), float(short), *bounds, float(self.two_sided)
