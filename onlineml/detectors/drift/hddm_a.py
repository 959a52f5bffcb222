"""HDDM_A: Hoeffding's bound on the difference of two averages."""

from __future__ import annotations

from math import log

import numpy as np

from onlineml.base import DRIFT, WARNING, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import stronger, tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, opened
from onlineml.schema import wrong

# The averages of all values, of those up to the lowest point, and of those up to the highest.
_N, _MEAN, _N_LOW, _LOW, _N_HIGH, _HIGH, _LENGTH = range(7)


@entry
def _hddm_a(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), i1(d, 2))


@jit
def _rows(call: Call, settings: Array, averages: Array, flag: Ints) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            flag[0] = _step(settings, averages, call.X[i, 0])
            if flag[0] == DRIFT:
                averages[:] = 0.0
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _step(settings: Array, averages: Array, value: float) -> int:
    averages[_N] += 1.0
    n = averages[_N]
    averages[_MEAN] += (value - averages[_MEAN]) / n
    mean, log_drift = averages[_MEAN], settings[0]
    bound = np.sqrt(1.0 / (2.0 * n) * log_drift)
    n_low, n_high = averages[_N_LOW], averages[_N_HIGH]
    if n == 1.0 or averages[_LOW] + np.sqrt(1.0 / (2.0 * n_low) * log_drift) >= mean + bound:
        averages[_N_LOW], averages[_LOW] = n, mean
    if n == 1.0 or averages[_HIGH] - np.sqrt(1.0 / (2.0 * n_high) * log_drift) <= mean - bound:
        averages[_N_HIGH], averages[_HIGH] = n, mean
    flag = _compared(settings, n, averages[_N_LOW], mean - averages[_LOW])
    if settings[3] > 0.0:
        fall = averages[_HIGH] - mean
        flag = stronger(flag, _compared(settings, n, averages[_N_HIGH], fall))
    return flag


@jit
def _compared(settings: Array, n: float, n_part: float, gap: float) -> int:
    """The flag for a mean of `n` values that lies `gap` off that of its first `n_part` values."""
    if n == n_part:
        return 0
    share = (n - n_part) / n_part * (1.0 / n) / 2.0
    if gap >= np.sqrt(share * settings[1]):
        return DRIFT
    return WARNING if gap >= np.sqrt(share * settings[2]) else 0


class HDDM_A(DriftDetector):  # noqa: N801 - the name that the field knows
    """Drift detection by Hoeffding's inequality, on moving averages.

    The moment when mean + bound was lowest cuts the values since the last alarm in two. An alarm
    says that the mean of all exceeds that of the first part by more than sqrt((1/n_1 - 1/n) / 2
    ln(2 / confidence)). Made for sudden drift. Time per event and memory are O(1).

    Parameters
    ----------
    drift_confidence
        Probability of a false alarm that is accepted.
    warning_confidence
        The same for warnings.
    two_sided
        Whether a mean that falls raises an alarm too.

    Raises
    ------
    ValueError
        At the first event, unless `drift_confidence` and `warning_confidence` lie in (0, 1). For
        events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import HDDM_A
    >>> HDDM_A().fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 100)
    array([414])

    Notes
    -----
    Values lie between 0 and 1; others are accepted, but the bound then means nothing. Alarms
    are those of river. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Frias-Blanco et al. (2015), Online and non-parametric drift detection methods based on
       Hoeffding's bounds, IEEE TKDE 27(3). Algorithm 1.
    """

    _kernel = _hddm_a
    _state = (Field("averages_", (_LENGTH,)), Field("flag_", (1,), np.int64))

    def __init__(
        self,
        *,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        two_sided: bool = False,
    ) -> None:
        self.drift_confidence = drift_confidence
        self.warning_confidence = warning_confidence
        self.two_sided = two_sided

    def _check(self) -> None:
        for name in ("drift_confidence", "warning_confidence"):
            if not 0 < getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number between 0 and 1")

    def _settings(self) -> tuple[float, ...]:
        drift, warning = self.drift_confidence, self.warning_confidence
        return log(1.0 / drift), log(2.0 / drift), log(2.0 / warning), float(self.two_sided)
