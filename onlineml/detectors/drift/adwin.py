"""ADWIN: a window that grows while its values look alike, and is cut when they do not."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import adwin, entry, jit
from onlineml.kernels.alarms import tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, opened
from onlineml.schema import wrong

_N_SIZES = 28  # sizes of bucket: the window holds up to 1.3e9 values


@entry
def _adwin(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), i1(d, 2))


@jit
def _rows(call: Call, settings: Array, window: Array, flag: Ints) -> int:
    two_sided, restart = settings[5] > 0.0, settings[6] > 0.0
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            change = adwin.update(window, settings, call.X[i, 0])
            if change > 0 or (change != 0 and two_sided):
                flag[0] = DRIFT
                if restart:
                    adwin.restart(window)
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


class ADWIN(DriftDetector):
    """Adaptive window: an alarm where two parts of the window differ in their means.

    The window is kept as buckets of 1, 2, 4, ... values, at most `max_buckets` of each. Every
    `clock` values, each cut between two buckets is tried; where the means of the two parts differ
    by more than

        sqrt(2 m s^2 ln(2 ln(n) / delta)) + 2/3 m ln(2 ln(n) / delta),
        m = 1 / (n_0 - l + 1) + 1 / (n_1 - l + 1),

    with n = n_0 + n_1 values of variance s^2, and l the `min_window_length`, the oldest bucket is
    dropped, again and again until no cut is left. Time per event is O(log n) / `clock`, memory
    3 kB.

    Parameters
    ----------
    delta
        Confidence: the probability of a false alarm per test is at most about this.
    clock
        Values from one test to the next.
    max_buckets
        Buckets of each size that are kept before two are merged.
    min_window_length
        Least number of values on either side of a cut.
    grace_period
        No tests until the window holds more values than this.
    two_sided
        Whether a mean that falls raises an alarm too. The window is cut in either case.
    restart
        Whether an alarm empties the window, instead of leaving what lies after the cut. None: when
        `two_sided`.

    Raises
    ------
    ValueError
        At the first event, unless 0 < `delta` < 1, `clock` and `min_window_length` are whole
        numbers >= 1, `max_buckets` is one >= 2, and `grace_period` one >= 0. For events of several
        numbers.

    Examples
    --------
    >>> from onlineml.detectors import ADWIN
    >>> detector = ADWIN()
    >>> detector.fit_many([0, 0, 0, 1] * 250 + [0, 1, 1, 1] * 250)
    array([1055, 1087, 1119])
    >>> round(detector.mean, 1)
    0.7

    Notes
    -----
    A mean has risen when that of the window is higher after the cut than it was before the value
    came. With the defaults, alarms are those of MOA; with `two_sided`, those of river from 0.26
    on, where all buckets are tried. Departures: a window of more than 1.3e9 values drops its
    oldest ones. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Bifet, Gavalda (2007), Learning from time-changing data with adaptive windowing, SDM.
       Sections 3 and 4, and theorem 3.2.
    """

    _kernel = _adwin
    _state = (Field("window_", ("W",)), Field("flag_", (1,), np.int64))

    window_: Array

    def __init__(
        self,
        *,
        delta: float = 0.002,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
        two_sided: bool = False,
        restart: bool | None = None,
    ) -> None:
        self.delta = delta
        self.clock = clock
        self.max_buckets = max_buckets
        self.min_window_length = min_window_length
        self.grace_period = grace_period
        self.two_sided = two_sided
        self.restart = restart

    def _check(self) -> None:
        if not 0 < self.delta < 1:
            raise wrong("delta", self.delta, "a number between 0 and 1")
        if self.max_buckets < 2:
            raise wrong("max_buckets", self.max_buckets, "at least 2 buckets of each size")
        if self.grace_period < 0:
            raise wrong("grace_period", self.grace_period, "a number of values >= 0")
        for name in ("clock", "min_window_length"):
            if getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number of values >= 1")

    def _sizes(self) -> dict[str, int]:
        return {"W": adwin.row_length(_N_SIZES, int(self.max_buckets))}

    def _settings(self) -> tuple[float, ...]:
        restart = self.two_sided if self.restart is None else self.restart
        window = (
            self.delta,
            self.clock,
            self.max_buckets,
            self.min_window_length,
            max(self.grace_period, 1),
        )
        return (*map(float, window), float(self.two_sided), float(restart))

    @property
    def width(self) -> int:
        """Number of values in the window."""
        return int(self.window_[adwin.WIDTH]) if self.is_started else 0

    @property
    def mean(self) -> float:
        """Mean of the values in the window; 0 when it is empty."""
        return float(self.window_[adwin.TOTAL]) / max(self.width, 1) if self.is_started else 0.0
