"""STEPD: a test of equal proportions, recent errors against all older ones."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import graded, tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, opened
from onlineml.schema import wrong

_N, _OLD, _RECENT, _LENGTH = range(4)  # values since the last alarm, and two sums of errors


@entry
def _stepd(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), f1(d, 2), i1(d, 3))


@jit
def _rows(call: Call, settings: Array, window: Array, sums: Array, flag: Ints) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            flag[0] = _step(settings, window, sums, call.X[i, 0])
            if flag[0] == DRIFT:
                sums[:] = 0.0
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _step(settings: Array, window: Array, sums: Array, value: float) -> int:
    size = window.shape[0]
    at = int(sums[_N]) % size
    if sums[_N] >= size:
        sums[_OLD] += window[at]
        sums[_RECENT] -= window[at]
    window[at] = value
    sums[_RECENT] += value
    sums[_N] += 1.0
    n_old = sums[_N] - size
    if n_old < size:
        return 0
    spread = 1.0 / n_old + 1.0 / size
    rate = (sums[_OLD] + sums[_RECENT]) / sums[_N]
    gap = sums[_RECENT] / size - sums[_OLD] / n_old
    if settings[2] > 0.0:
        gap = abs(gap)
    unit = np.sqrt(max(rate * (1.0 - rate), 0.0) * spread)
    return graded(gap - 0.5 * spread, settings[1] * unit, settings[0] * unit)


class STEPD(DriftDetector):
    """Statistical test of equal proportions: recent accuracy against that of all older values.

    With a recent window of size w and n older values since the last alarm, T = (`|difference of
    the error rates|` - 0.5 (1/n + 1/w)) / sqrt(p (1 - p) (1/n + 1/w)), p the rate over both, is
    compared with the normal distribution. Time per event is O(1), memory O(w).

    Parameters
    ----------
    window_size
        Number w of recent values; the test begins when as many older ones are there.
    alpha_drift
        Significance level of an alarm, of the two-sided test.
    alpha_warning
        The same for warnings.
    two_sided
        Whether a rate that falls raises an alarm too.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 1, and
        0 < `alpha_drift` <= `alpha_warning` < 1. For events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import STEPD
    >>> STEPD().fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 10)
    array([415])

    Notes
    -----
    Values are errors, 0 or 1. MOA's version is two-sided, and also raises an alarm where all values
    are equal and T is therefore undefined; this one then says nothing. A weight other than 0
    counts as 1.

    References
    ----------
    .. [1] Nishida, Yamauchi (2007), Detecting concept drift using statistical testing, Discovery
       Science. Section 3.
    """

    _kernel = _stepd
    _state = (
        Field("window_", ("W",)),
        Field("sums_", (_LENGTH,)),
        Field("flag_", (1,), np.int64),
    )

    def __init__(
        self,
        *,
        window_size: int = 30,
        alpha_drift: float = 0.003,
        alpha_warning: float = 0.05,
        two_sided: bool = False,
    ) -> None:
        self.window_size = window_size
        self.alpha_drift = alpha_drift
        self.alpha_warning = alpha_warning
        self.two_sided = two_sided

    def _check(self) -> None:
        if self.window_size < 1:
            raise wrong("window_size", self.window_size, "a number of values >= 1")
        if not 0 < self.alpha_drift <= self.alpha_warning < 1:
            raise wrong("alpha_drift", self.alpha_drift, "a number > 0, up to alpha_warning")

    def _sizes(self) -> dict[str, int]:
        return {"W": int(self.window_size)}

    def _settings(self) -> tuple[float, ...]:
        limits = [
            NormalDist().inv_cdf(1.0 - alpha / 2.0)
            for alpha in (self.alpha_drift, self.alpha_warning)
        ]
        return *limits, float(self.two_sided)
