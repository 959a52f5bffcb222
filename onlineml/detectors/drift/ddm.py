"""DDM: the error rate leaves the band around its lowest value."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import graded, stronger, tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.schema import wrong

_N, _RATE, _LEAST_RATE, _LEAST_SPREAD, _LENGTH = range(5)


@entry
def _ddm(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f2(d, 1), i1(d, 2))


@jit
def _rows(call: Call, settings: Array, sides: Array, flag: Ints) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            value = call.X[i, 0]
            flag[0] = _step(settings, sides[0], value)
            if sides.shape[0] > 1:
                flag[0] = stronger(flag[0], _step(settings, sides[1], 1.0 - value))
            if flag[0] == DRIFT:
                sides[:] = 0.0
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _step(settings: Array, side: Array, value: float) -> int:
    side[_N] += 1.0
    n = side[_N]
    side[_RATE] += (value - side[_RATE]) / n
    rate = side[_RATE]
    spread = np.sqrt(max(rate * (1.0 - rate), 0.0) / n)
    if n <= settings[0]:
        return 0
    if n == settings[0] + 1.0 or rate + spread <= side[_LEAST_RATE] + side[_LEAST_SPREAD]:
        side[_LEAST_RATE], side[_LEAST_SPREAD] = rate, spread
    least, unit = side[_LEAST_RATE], side[_LEAST_SPREAD]
    return graded(rate + spread, least + settings[1] * unit, least + settings[2] * unit)


class DDM(DriftDetector):
    """Drift detection method: an alarm where the error rate leaves the band around its minimum.

    With p the rate of errors since the last alarm and s = sqrt(p (1 - p) / n), the least p + s is
    remembered; p + s above p_min + 2 s_min is a warning, above p_min + 3 s_min an alarm. Time per
    event and memory are O(1).

    Parameters
    ----------
    warm_start
        No flags for this many values after the start, or an alarm.
    warning_threshold
        Width of the band, in s_min, for warnings.
    drift_threshold
        The same for alarms.
    two_sided
        Whether a rate that falls raises an alarm too: right answers are then watched like errors.

    Raises
    ------
    ValueError
        At the first event, unless `warm_start` is a whole number >= 0, and
        0 < `warning_threshold` <= `drift_threshold`. For events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import DDM
    >>> DDM().fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 100)
    array([435])

    Notes
    -----
    Values are errors, 0 or 1; shares between them are fine. Alarms are those of river; MOA's
    differ by one value of warm-up. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Gama, Medas, Castillo, Rodrigues (2004), Learning with drift detection, SBIA. Section 3.
    """

    _kernel = _ddm
    _state = (Field("sides_", ("Z", _LENGTH)), Field("flag_", (1,), np.int64))

    def __init__(
        self,
        *,
        warm_start: int = 30,
        warning_threshold: float = 2.0,
        drift_threshold: float = 3.0,
        two_sided: bool = False,
    ) -> None:
        self.warm_start = warm_start
        self.warning_threshold = warning_threshold
        self.drift_threshold = drift_threshold
        self.two_sided = two_sided

    def _check(self) -> None:
        if self.warm_start < 0:
            raise wrong("warm_start", self.warm_start, "a number of values >= 0")
        if not 0 < self.warning_threshold <= self.drift_threshold:
            raise wrong(
                "warning_threshold", self.warning_threshold, "a number > 0, up to drift_threshold"
            )

    def _sizes(self) -> dict[str, int]:
        return {"Z": 2 if self.two_sided else 1}

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.warm_start),
            float(self.warning_threshold),
            float(self.drift_threshold),
        )
