"""CUSUM: a sum of deviations that never goes below 0."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, opened
from onlineml.parameters import whole
from onlineml.schema import wrong

_N, _MEAN, _RISE, _FALL, _LENGTH = range(5)


@entry
def _cusum(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f1(d, 1), i1(d, 2))


@jit
def _rows(call: Call, settings: Array, sums: Array, flag: Ints) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            flag[0] = _step(settings, sums, call.X[i, 0])
            if flag[0] == DRIFT:
                sums[:] = 0.0
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _step(settings: Array, sums: Array, value: float) -> int:
    delta, threshold = settings[1], settings[2]
    sums[_N] += 1.0
    sums[_MEAN] += (value - sums[_MEAN]) / sums[_N]
    gap = value - sums[_MEAN]
    sums[_RISE] = max(0.0, sums[_RISE] + gap - delta)
    sums[_FALL] = max(0.0, sums[_FALL] - gap - delta)
    highest = max(sums[_RISE], sums[_FALL]) if settings[3] > 0.0 else sums[_RISE]
    return DRIFT if sums[_N] >= settings[0] and highest > threshold else 0


class CUSUM(DriftDetector):
    """The cumulative sum test for a rise of the mean.

    Sums up S = max(0, S + value - mean - delta), with the mean of all values since the last alarm,
    and raises an alarm where S exceeds `lambda_`. Time per event and memory are O(1).

    Parameters
    ----------
    min_instances
        Number of values before the first alarm.
    delta
        Change of the mean that is tolerated, in units of the values.
    lambda_
        Sum of deviations that is tolerated, in units of the values.
    two_sided
        Whether a mean that falls raises an alarm too.

    Raises
    ------
    ValueError
        At the first event, unless `min_instances` is a whole number >= 0, and `lambda_` > 0. For
        events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import CUSUM
    >>> CUSUM(lambda_=10.0).fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 100)
    array([419])

    Notes
    -----
    The rule and its defaults are MOA's. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Page (1954), Continuous inspection schemes, Biometrika 41. Section 2.
    """

    _kernel = _cusum
    _state = (Field("sums_", (_LENGTH,)), Field("flag_", (1,), np.int64))

    def __init__(
        self,
        *,
        min_instances: int = 30,
        delta: float = 0.005,
        lambda_: float = 50.0,
        two_sided: bool = False,
    ) -> None:
        self.min_instances = min_instances
        self.delta = delta
        self.lambda_ = lambda_
        self.two_sided = two_sided

    def _check(self) -> None:
        whole("min_instances", self.min_instances, 0, unit="values")
        if not self.lambda_ > 0:
            raise wrong("lambda_", self.lambda_, "a number > 0")

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.min_instances),
            float(self.delta),
            float(self.lambda_),
            float(self.two_sided),
        )
