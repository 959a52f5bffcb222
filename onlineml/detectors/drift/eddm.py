"""EDDM: errors come closer together."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, WARNING, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import stronger, tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.schema import wrong

_N, _LAST, _N_ERRORS, _MEAN, _M2, _LARGEST, _FLAG, _LENGTH = range(8)


@entry
def _eddm(d: int) -> int:
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
    warm_start, alpha, beta = settings[0], settings[1], settings[2]
    side[_N] += 1.0
    if value != 1.0:
        return int(side[_FLAG])
    side[_N_ERRORS] += 1.0
    n = side[_N_ERRORS]
    gap = side[_N] - side[_LAST] - side[_MEAN]
    side[_MEAN] += gap / n
    side[_M2] += gap * (side[_N] - side[_LAST] - side[_MEAN])
    side[_LAST] = side[_N]
    if side[_N] <= warm_start:
        return 0
    spread = np.sqrt(side[_M2] / (n - 1.0)) if n > 1.0 else 0.0
    distance = side[_MEAN] + 2.0 * spread
    if distance > side[_LARGEST]:
        side[_LARGEST] = distance
        side[_FLAG] = 0.0
    elif n > warm_start:
        level = distance / side[_LARGEST]
        side[_FLAG] = DRIFT if level < beta else WARNING if level < alpha else 0
    return int(side[_FLAG])


class EDDM(DriftDetector):
    """Early drift detection: an alarm where the distance between errors has shrunk.

    With p the mean number of values from one error to the next and s its standard deviation, the
    largest p + 2 s is remembered; a ratio of the present one to it below `alpha` is a warning,
    below `beta` an alarm. Made for slow drift. Time per event and memory are O(1).

    Parameters
    ----------
    warm_start
        No flags for this many errors after the start, or an alarm.
    alpha
        Ratio for warnings.
    beta
        Ratio for alarms.
    two_sided
        Whether a rate that falls raises an alarm too: right answers are then watched like errors.

    Raises
    ------
    ValueError
        At the first event, unless `warm_start` is a whole number >= 0, and
        0 < `beta` <= `alpha` <= 1. For events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import EDDM
    >>> EDDM().fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 60)
    array([595])

    Notes
    -----
    Values are errors: 1 is an error, anything else is none. Alarms are those of river; a warning
    holds until the next error decides anew, also when the distance reaches a new maximum
    (river then keeps it). A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Baena-Garcia et al. (2006), Early drift detection method, IWKDDS. Section 3.2.
    """

    _kernel = _eddm
    _state = (Field("sides_", ("Z", _LENGTH)), Field("flag_", (1,), np.int64))

    def __init__(
        self,
        *,
        warm_start: int = 30,
        alpha: float = 0.95,
        beta: float = 0.9,
        two_sided: bool = False,
    ) -> None:
        self.warm_start = warm_start
        self.alpha = alpha
        self.beta = beta
        self.two_sided = two_sided

    def _check(self) -> None:
        if self.warm_start < 0:
            raise wrong("warm_start", self.warm_start, "a number of errors >= 0")
        if not 0 < self.beta <= self.alpha <= 1:
            raise wrong("beta", self.beta, f"a number > 0, up to alpha = {self.alpha} <= 1")

    def _sizes(self) -> dict[str, int]:
        return {"Z": 2 if self.two_sided else 1}

    def _settings(self) -> tuple[float, ...]:
        return float(self.warm_start), float(self.alpha), float(self.beta)
