"""ECDD: a weighted average of recent errors leaves the band around the mean of all."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import graded, stronger, tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.parameters import whole
from onlineml.schema import wrong

_N, _TOTAL, _AVERAGE, _FADED, _LENGTH = range(5)


@entry
def _ewma_chart(d: int) -> int:
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
    lambda_ = settings[1]
    side[_N] += 1.0
    side[_TOTAL] += value
    side[_AVERAGE] += lambda_ * (value - side[_AVERAGE])
    n, rate = side[_N], side[_TOTAL] / side[_N]
    side[_FADED] = 1.0 - (1.0 - side[_FADED]) * (1.0 - lambda_) ** 2  # 1 - (1 - lambda)^2n
    if n + 1.0 < settings[0]:
        return 0
    variance = max(rate * (1.0 - rate), 0.0) * lambda_ * side[_FADED] / (2.0 - lambda_)
    band = _limit(rate) * np.sqrt(variance)
    return graded(side[_AVERAGE], rate + 0.5 * band, rate + band)


@jit
def _limit(rate: float) -> float:
    """Control limit for one false alarm in 400 values at lambda = 0.2, table 1 of the paper."""
    square = rate * rate
    odd = 848.18 * square - 330.13
    return 3.97 + rate * (-6.56 + square * (48.73 + square * odd))


class EWMAChart(DriftDetector):
    """Exponentially weighted moving average chart for errors (ECDD).

    The average z = z + lambda (value - z) of recent errors may not exceed the rate p of all errors
    since the last alarm by more than L standard deviations of z, sqrt(p (1 - p) lambda / (2 -
    lambda) (1 - (1 - lambda)^2n)); L is a polynomial of p made so that false alarms are 400 values
    apart. Half of it is a warning. Time per event and memory are O(1).

    Parameters
    ----------
    min_instances
        Number of values before the first flag.
    lambda_
        Weight of the newest value in the average. The polynomial was made for 0.2.
    two_sided
        Whether a rate that falls raises an alarm too: right answers are then watched like errors.

    Raises
    ------
    ValueError
        At the first event, unless `min_instances` is a whole number >= 0, and 0 < `lambda_` < 1.
        For events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import EWMAChart
    >>> EWMAChart().fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 10)
    array([406])

    Notes
    -----
    Values are errors, 0 or 1. The rule and its defaults are MOA's. One false alarm in 400 values
    is what the chart promises: it is made for a classifier that is cheap to train again. A weight
    other than 0 counts as 1.

    References
    ----------
    .. [1] Ross, Adams, Tasoulis, Hand (2012), Exponentially weighted moving average charts for
       detecting concept drift, Pattern Recognition Letters 33. Section 3 and table 1.
    """

    _kernel = _ewma_chart
    _state = (Field("sides_", ("Z", _LENGTH)), Field("flag_", (1,), np.int64))

    def __init__(
        self, *, min_instances: int = 30, lambda_: float = 0.2, two_sided: bool = False
    ) -> None:
        self.min_instances = min_instances
        self.lambda_ = lambda_
        self.two_sided = two_sided

    def _check(self) -> None:
        whole("min_instances", self.min_instances, 0, unit="values")
        if not 0 < self.lambda_ < 1:
            raise wrong("lambda_", self.lambda_, "a number between 0 and 1")

    def _sizes(self) -> dict[str, int]:
        return {"Z": 2 if self.two_sided else 1}

    def _settings(self) -> tuple[float, ...]:
        return float(self.min_instances), float(self.lambda_)
