"""Distance from the median of the last values, over their median distance from it."""

from __future__ import annotations

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, i2, opened
from onlineml.kernels.ranks import N, kth, links_by, list_sizes, slide
from onlineml.parameters import whole
from onlineml.schema import wrong


@entry
def _median_absolute_deviation(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), i2(d, 2), i2(d, 3), i1(d, 4), i2(d, 5), i1(d, 6))


@jit
def _rows(
    call: Call, settings: Array, values: Array, links: Ints, leaps: Ints, places: Ints, path: Ints,
    random: Ints,
) -> int:  # fmt: skip
    for i in range(call.first, call.last):
        x = call.X[i, 0]
        if call.serve:
            call.out[i, 0] = _score(x, settings, values, links, leaps, places[N])
        if call.fit and call.weight[i] > 0.0 and not np.isnan(x):
            slide(values, links, leaps, places, path, random, 0, x)
    return call.last


@jit
def _score(x: float, settings: Array, values: Array, links: Ints, leaps: Ints, n: int) -> float:
    if n == 0 or np.isnan(x):
        return 0.0
    middle = _median(values, links, leaps, n)
    low, high = (n - 1) // 2, n // 2
    spread = _kth_distance(values, links, leaps, n, middle, low)
    if high > low:
        spread = 0.5 * (spread + _kth_distance(values, links, leaps, n, middle, high))
    return float(abs(x - middle) / max(settings[0] * spread, settings[1]))


@jit
def _median(values: Array, links: Ints, leaps: Ints, n: int) -> float:
    below = kth(values, links, leaps, (n - 1) // 2)
    return below if n % 2 else float(0.5 * (below + kth(values, links, leaps, n // 2)))


@jit
def _kth_distance(values: Array, links: Ints, leaps: Ints, n: int, middle: float, k: int) -> float:
    """The distance from `middle` that `k` others do not exceed.

    The k + 1 nearest values stand side by side in the order; halving finds where they begin.
    """
    first, last = 0, n - k - 1
    while first < last:
        at = (first + last) // 2
        if middle - kth(values, links, leaps, at) > kth(values, links, leaps, at + k + 1) - middle:
            first = at + 1
        else:
            last = at
    lowest, highest = kth(values, links, leaps, first), kth(values, links, leaps, first + k)
    return float(max(middle - lowest, highest - middle))


class MedianAbsoluteDeviation(Detector):
    """Distance from the median of the last values, in robust standard deviations.

    The score is `|x - median| / (1.4826 * median |value - median|)`, both medians exact, over the
    last `window_size` values: up to half of them may be anomalies. For series of numbers. A missing
    value scores 0 and is not learned. Time per event is O(log(window_size)^2), memory
    O(window_size log(window_size)).

    Parameters
    ----------
    window_size
        How many past values are looked at.
    min_spread
        Floor of the robust standard deviation, in the units of the values.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 1, and `min_spread` > 0. For
        events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import MedianAbsoluteDeviation
    >>> model = MedianAbsoluteDeviation().fit_many([3.0, 5.0, 4.0, 900.0, 4.5])
    >>> round(model.score_one(6.5), 3)
    2.698

    Notes
    -----
    1.4826 makes the spread the standard deviation where values are normal. A weight other than 0
    counts as 1.

    References
    ----------
    .. [1] Leys, Ley, Klein, Bernard, Licata (2013), Detecting outliers: do not use standard
       deviation around the mean, use absolute deviation around the median, Journal of Experimental
       Social Psychology 49(4), 764-766. doi:10.1016/j.jesp.2013.03.013
    """

    _kernel = _median_absolute_deviation
    _n_inputs = 1
    _state = (Field("values_", ("W",)), *links_by())

    def __init__(self, *, window_size: int = 500, min_spread: float = 1e-12) -> None:
        self.window_size = window_size
        self.min_spread = min_spread

    def _check(self) -> None:
        whole("window_size", self.window_size, 1)
        if not self.min_spread > 0:
            raise wrong("min_spread", self.min_spread, "a number > 0")

    def _sizes(self) -> dict[str, int]:
        n = self.window_size
        return list_sizes(n)

    def _settings(self) -> tuple[float, ...]:
        return 1.4826, float(self.min_spread)
