"""HDDM_W: McDiarmid's bound on the difference of two weighted averages."""

from __future__ import annotations

from math import inf, log

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import graded, stronger, tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.schema import Schema, wrong

# Rows of `samples_`: all values; up to the lowest point and after it; the same for the highest.
_ALL, _TO_LOW, _AFTER_LOW, _TO_HIGH, _AFTER_HIGH, _N_SAMPLES = range(6)
_MEAN, _SQUARES, _USED = range(3)  # weighted mean, sum of squared weights, whether it has values


@entry
def _hddm_w(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f2(d, 1), f1(d, 2), i1(d, 3))


@jit
def _rows(call: Call, settings: Array, samples: Array, cuts: Array, flag: Ints) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            flag[0] = _step(settings, samples, cuts, call.X[i, 0])
            if flag[0] == DRIFT:
                for k in range(_N_SAMPLES):
                    _clear(samples[k])
                cuts[0], cuts[1] = np.inf, -np.inf
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _step(settings: Array, samples: Array, cuts: Array, value: float) -> int:
    lambda_, log_drift, log_warning = settings[0], settings[1], settings[2]
    _add(samples[_ALL], lambda_, value)
    mean = samples[_ALL, _MEAN]
    bound = np.sqrt(samples[_ALL, _SQUARES] * log_drift / 2.0)
    if mean + bound < cuts[0]:
        cuts[0] = mean + bound
        samples[_TO_LOW] = samples[_ALL]
        _clear(samples[_AFTER_LOW])
    else:
        _add(samples[_AFTER_LOW], lambda_, value)
    flag = _compared(samples[_TO_LOW], samples[_AFTER_LOW], 1.0, log_warning, log_drift)
    if settings[3] > 0.0:
        if mean - bound > cuts[1]:
            cuts[1] = mean - bound
            samples[_TO_HIGH] = samples[_ALL]
            _clear(samples[_AFTER_HIGH])
        else:
            _add(samples[_AFTER_HIGH], lambda_, value)
        fall = _compared(samples[_TO_HIGH], samples[_AFTER_HIGH], -1.0, log_warning, log_drift)
        flag = stronger(flag, fall)
    return flag


@jit
def _add(sample: Array, lambda_: float, value: float) -> None:
    kept = 1.0 - lambda_
    sample[_MEAN] = lambda_ * value + kept * sample[_MEAN] if sample[_USED] > 0.0 else value
    sample[_SQUARES] = lambda_ * lambda_ + kept * kept * sample[_SQUARES]
    sample[_USED] = 1.0


@jit
def _clear(sample: Array) -> None:
    sample[_MEAN], sample[_SQUARES], sample[_USED] = 0.0, 1.0, 0.0


@jit
def _compared(
    before: Array, after: Array, sign: float, log_warning: float, log_drift: float
) -> int:
    if before[_USED] == 0.0 or after[_USED] == 0.0:
        return 0
    half = (before[_SQUARES] + after[_SQUARES]) / 2.0
    gap = sign * (after[_MEAN] - before[_MEAN])
    return graded(gap, np.sqrt(half * log_warning), np.sqrt(half * log_drift))


class HDDM_W(DriftDetector):  # noqa: N801 - the name that the field knows
    """Drift detection by McDiarmid's inequality, on exponentially weighted averages.

    As `HDDM_A`, but the averages before and after the cut weigh recent values more, and the bound
    is that of McDiarmid: sqrt((v_1 + v_2) / 2 ln(1 / confidence)), where v is the sum of an
    average's squared weights. Made for gradual drift. Time per event and memory are O(1).

    Parameters
    ----------
    drift_confidence
        Probability of a false alarm that is accepted.
    warning_confidence
        The same for warnings.
    lambda_
        Weight of the newest value in an average.
    two_sided
        Whether a mean that falls raises an alarm too.

    Raises
    ------
    ValueError
        At the first event, unless `drift_confidence`, `warning_confidence` and `lambda_` lie in
        (0, 1). For events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import HDDM_W
    >>> HDDM_W().fit_many([0, 0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 100)
    array([523])

    Notes
    -----
    Values lie between 0 and 1; others are accepted, but the bound then means nothing. Alarms
    are those of river. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Frias-Blanco et al. (2015), Online and non-parametric drift detection methods based on
       Hoeffding's bounds, IEEE TKDE 27(3). Algorithm 2.
    """

    _kernel = _hddm_w
    _state = (
        Field("samples_", (_N_SAMPLES, 3)),
        Field("cuts_", (2,)),
        Field("flag_", (1,), np.int64),
    )

    samples_: Array
    cuts_: Array

    def __init__(
        self,
        *,
        drift_confidence: float = 0.001,
        warning_confidence: float = 0.005,
        lambda_: float = 0.05,
        two_sided: bool = False,
    ) -> None:
        self.drift_confidence = drift_confidence
        self.warning_confidence = warning_confidence
        self.lambda_ = lambda_
        self.two_sided = two_sided

    def _check(self) -> None:
        for name in ("drift_confidence", "warning_confidence", "lambda_"):
            if not 0 < getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number between 0 and 1")

    def _start(self, schema: Schema) -> None:
        self.samples_[:, _SQUARES] = 1.0
        self.cuts_[:] = inf, -inf

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.lambda_),
            log(1.0 / self.drift_confidence),
            log(1.0 / self.warning_confidence),
            float(self.two_sided),
        )
