"""KSWIN: the Kolmogorov-Smirnov distance of recent values from older ones, kept up to date."""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, opened
from onlineml.schema import wrong

_OLD, _RECENT = 0, 1


@entry
def _kswin(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), f1(d, 2), i1(d, 3), i1(d, 4), i1(d, 5))


@jit
def _rows(
    call: Call, settings: Array, window: Array, ordered: Array, parts: Ints, count: Ints, flag: Ints
) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            flag[0] = _step(settings, window, ordered, parts, count, call.X[i, 0])
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _step(
    settings: Array, window: Array, ordered: Array, parts: Ints, count: Ints, value: float
) -> int:
    """`count` holds the number of values, and where in the ring the next one goes.

    `ordered` holds the values by size, and `parts` says of each whether it is old or recent; among
    equal values, old ones come first.
    """
    size, n_recent, at = window.shape[0], int(settings[0]), count[1]
    if count[0] == size:
        _remove(ordered, parts, size, window[at])
        count[0] -= 1
    if count[0] >= n_recent:  # the oldest of the recent values is now an old one
        leaving = window[(at - n_recent) % size]
        parts[_place(ordered, parts, count[0], leaving, _RECENT)] = _OLD
    _insert(ordered, parts, count[0], value)
    window[at] = value
    count[0] += 1
    count[1] = (at + 1) % size
    if count[0] < size:
        return 0
    rise, fall = _distances(ordered, parts, n_recent)
    if max(rise, fall if settings[2] > 0.0 else 0.0) <= settings[1]:
        return 0
    _keep_recent(window, ordered, parts, count, n_recent)
    return DRIFT


@jit
def _place(ordered: Array, parts: Ints, n: int, value: float, part: int) -> int:
    """Where the first element that is not less than (value, part) stands."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < value or (ordered[middle] == value and parts[middle] < part):
            low = middle + 1
        else:
            high = middle
    return low


@jit
def _remove(ordered: Array, parts: Ints, n: int, value: float) -> None:
    for k in range(_place(ordered, parts, n, value, _OLD), n - 1):
        ordered[k], parts[k] = ordered[k + 1], parts[k + 1]


@jit
def _insert(ordered: Array, parts: Ints, n: int, value: float) -> None:
    place = _place(ordered, parts, n, value, _RECENT + 1)
    for k in range(n, place, -1):
        ordered[k], parts[k] = ordered[k - 1], parts[k - 1]
    ordered[place], parts[place] = value, _RECENT


@jit
def _distances(ordered: Array, parts: Ints, n_recent: int) -> tuple[float, float]:
    """Largest excess of the old distribution function over the recent one, and the reverse."""
    size = ordered.shape[0]
    old, recent = 1.0 / (size - n_recent), 1.0 / n_recent
    gap, rise, fall = 0.0, 0.0, 0.0
    for k in range(size):
        gap += old if parts[k] == _OLD else -recent
        if k + 1 == size or ordered[k + 1] != ordered[k]:
            rise, fall = max(rise, gap), max(fall, -gap)
    return rise, fall


@jit
def _keep_recent(window: Array, ordered: Array, parts: Ints, count: Ints, n_recent: int) -> None:
    kept = 0
    for k in range(ordered.shape[0]):
        if parts[k] == _RECENT:
            ordered[kept], parts[kept] = ordered[k], _RECENT
            kept += 1
    count[0] = n_recent


class KSWIN(DriftDetector):
    """Kolmogorov-Smirnov windowing: recent values against the older ones of a sliding window.

    An alarm says that the largest distance of the two empirical distribution functions exceeds
    sqrt(ln(2 / alpha) / 2 (1/n + 1/m)); one-sided, that the recent values lie higher, with ln(1 /
    alpha). Then only the recent values are kept. The window is kept in order: time per event is
    O(window_size), of simple steps without sorting. Memory is O(window_size).

    Parameters
    ----------
    alpha
        Significance level of a test; there is one test a value.
    window_size
        Number of values in the window.
    stat_size
        Number of recent values among them.
    two_sided
        Whether any change raises an alarm, not just a rise.

    Raises
    ------
    ValueError
        At the first event, unless 0 < `alpha` < 1, and `stat_size` is a whole number >= 1 and
        below `window_size`. For events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import KSWIN
    >>> KSWIN(alpha=0.0001).fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 100)
    array([427])

    Notes
    -----
    Departures: the recent values are compared with all older ones, not with a random sample of
    `stat_size` of them, which gives the test more power and needs no random numbers; the
    asymptotic significance is used. river's version draws the sample and takes the exact
    p-value; its alarms therefore differ. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Raab, Heusinger, Schleif (2020), Reactive soft prototype computing for concept drift
       streams, Neurocomputing 416. Section 3.2.
    """

    _kernel = _kswin
    _state = (
        Field("window_", ("W",)),
        Field("ordered_", ("W",)),
        Field("parts_", ("W",), np.int64),
        Field("count_", (2,), np.int64),
        Field("flag_", (1,), np.int64),
    )

    def __init__(
        self,
        *,
        alpha: float = 0.005,
        window_size: int = 100,
        stat_size: int = 30,
        two_sided: bool = False,
    ) -> None:
        self.alpha = alpha
        self.window_size = window_size
        self.stat_size = stat_size
        self.two_sided = two_sided

    def _check(self) -> None:
        if not 0 < self.alpha < 1:
            raise wrong("alpha", self.alpha, "a number between 0 and 1")
        if not 1 <= self.stat_size < self.window_size:
            raise wrong("stat_size", self.stat_size, "1 or more, but less than window_size")

    def _sizes(self) -> dict[str, int]:
        return {"W": int(self.window_size)}

    def _settings(self) -> tuple[float, ...]:
        n, m = self.stat_size, self.window_size - self.stat_size
        term = log((2.0 if self.two_sided else 1.0) / self.alpha)
        limit = sqrt(term / 2.0 * (1.0 / n + 1.0 / m))
        return float(n), limit, float(self.two_sided)
