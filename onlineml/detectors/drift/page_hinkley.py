"""The Page-Hinkley test: a sum of deviations leaves its minimum."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, opened
from onlineml.parameters import whole
from onlineml.schema import wrong

_N, _MEAN, _RISE, _LEAST, _FALL, _LARGEST, _LENGTH = range(7)


@entry
def _page_hinkley(d: int) -> int:
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
    delta, threshold, alpha = settings[1], settings[2], settings[3]
    sums[_N] += 1.0
    sums[_MEAN] += (value - sums[_MEAN]) / sums[_N]
    gap = value - sums[_MEAN]
    sums[_RISE] = alpha * sums[_RISE] + gap - delta
    sums[_FALL] = alpha * sums[_FALL] + gap + delta
    first = sums[_N] == 1.0
    sums[_LEAST] = sums[_RISE] if first else min(sums[_LEAST], sums[_RISE])
    sums[_LARGEST] = sums[_FALL] if first else max(sums[_LARGEST], sums[_FALL])
    if sums[_N] < settings[0]:
        return 0
    if sums[_RISE] - sums[_LEAST] > threshold:
        return DRIFT
    return DRIFT if settings[4] > 0.0 and sums[_LARGEST] - sums[_FALL] > threshold else 0


class PageHinkley(DriftDetector):
    """The Page-Hinkley test for a rise of the mean.

    Sums up U = alpha U + (value - mean - delta), with the mean of all values since the last alarm,
    and raises an alarm where U exceeds its least value by more than the threshold. Time per event
    and memory are O(1).

    Parameters
    ----------
    min_instances
        Number of values before the first alarm.
    delta
        Change of the mean that is tolerated, in units of the values.
    threshold
        Sum of deviations that is tolerated, in units of the values.
    alpha
        Factor by which older deviations fade.
    two_sided
        Whether a mean that falls raises an alarm too.

    Raises
    ------
    ValueError
        At the first event, unless `min_instances` is a whole number >= 0, `threshold` > 0, and
        0 < `alpha` <= 1. For events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import PageHinkley
    >>> PageHinkley(threshold=10.0).fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 100)
    array([419])

    Notes
    -----
    Alarms are those of river with mode "up", or "both" when `two_sided`. MOA's detector of this
    name follows another rule. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Page (1954), Continuous inspection schemes, Biometrika 41. Section 3.
    .. [2] Gama, Sebastiao, Rodrigues (2013), On evaluating stream learning algorithms, Machine
       Learning 90. Section 5.1.
    """

    _kernel = _page_hinkley
    _state = (Field("sums_", (_LENGTH,)), Field("flag_", (1,), np.int64))

    def __init__(
        self,
        *,
        min_instances: int = 30,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 1 - 0.0001,
        two_sided: bool = False,
    ) -> None:
        self.min_instances = min_instances
        self.delta = delta
        self.threshold = threshold
        self.alpha = alpha
        self.two_sided = two_sided

    def _check(self) -> None:
        whole("min_instances", self.min_instances, 0, unit="values")
        if not self.threshold > 0:
            raise wrong("threshold", self.threshold, "a number > 0")
        if not 0 < self.alpha <= 1:
            raise wrong("alpha", self.alpha, "a number > 0, up to 1")

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.min_instances),
            float(self.delta),
            float(self.threshold),
            float(self.alpha),
            float(self.two_sided),
        )
