"""RDDM: DDM that forgets old values of a long concept."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, WARNING, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import stronger, tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.schema import Schema, wrong

# One side: DDM's numbers, then the ring of recent values, and the warning in force.
_N, _RATE, _LEAST_RATE, _LEAST_SPREAD, _HELD, _NEXT, _WARNED, _SINCE, _REBUILD, _LENGTH = range(10)


@entry
def _rddm(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f2(d, 1), f2(d, 2), i1(d, 3))


@jit
def _rows(call: Call, settings: Array, sides: Array, recent: Array, flag: Ints) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if tells(call, i):
            for k in range(sides.shape[0]):
                value = call.X[i, 0] if k == 0 else 1.0 - call.X[i, 0]
                flag[0] = stronger(flag[0], _step(settings, sides[k], recent[k], value))
            if flag[0] == DRIFT:
                for k in range(sides.shape[0]):
                    _begin_anew(settings, sides[k], recent[k])
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _step(settings: Array, side: Array, recent: Array, value: float) -> int:
    if side[_REBUILD] > 0.0:
        _rebuild(settings, side, recent)
    _remember(side, recent, value)
    spread = _count(side, value)
    if side[_N] < settings[0]:
        return 0
    rate, least, unit = side[_RATE], side[_LEAST_RATE], side[_LEAST_SPREAD]
    if unit < 0.0 or rate + spread < least + unit:
        side[_LEAST_RATE], side[_LEAST_SPREAD] = rate, spread
        least, unit = rate, spread
    if rate + spread > least + settings[2] * unit:
        return DRIFT
    if rate + spread > least + settings[1] * unit:
        side[_SINCE] += 1.0
        if side[_SINCE] > settings[5]:
            side[_WARNED] = -1.0  # a warning this long is a drift of unknown place
            return DRIFT
        if side[_SINCE] == 1.0:
            side[_WARNED] = 1.0
        return WARNING
    side[_WARNED] = side[_SINCE] = 0.0
    if side[_N] >= settings[3]:
        side[_REBUILD] = 1.0
    return 0


@jit
def _count(side: Array, value: float) -> float:
    """Add `value` to the error rate; returns the rate's standard deviation."""
    side[_N] += 1.0
    side[_RATE] += (value - side[_RATE]) / side[_N]
    return float(np.sqrt(max(side[_RATE] * (1.0 - side[_RATE]), 0.0) / side[_N]))


@jit
def _remember(side: Array, recent: Array, value: float) -> None:
    """Put `value` into the ring; `_WARNED` counts the values that came with the warning."""
    recent[int(side[_NEXT])] = value
    side[_NEXT] = (side[_NEXT] + 1.0) % recent.shape[0]
    side[_HELD] = min(side[_HELD] + 1.0, float(recent.shape[0]))
    if side[_WARNED] > 0.0:
        side[_WARNED] += 1.0


@jit
def _begin_anew(settings: Array, side: Array, recent: Array) -> None:
    """After an alarm the new concept is what came since the warning, or the last value."""
    side[_HELD] = side[_WARNED] if side[_WARNED] > 0.0 else 1.0
    side[_LEAST_SPREAD] = -1.0
    _rebuild(settings, side, recent)


@jit
def _rebuild(settings: Array, side: Array, recent: Array) -> None:
    """Count the values in the ring as if no others had come."""
    side[_N] = side[_RATE] = side[_WARNED] = side[_SINCE] = side[_REBUILD] = 0.0
    fresh = side[_LEAST_SPREAD] < 0.0
    at, room = int(side[_NEXT] - side[_HELD]), recent.shape[0]
    for k in range(int(side[_HELD])):
        spread = _count(side, recent[(at + k) % room])
        least = side[_LEAST_RATE] + side[_LEAST_SPREAD]
        if not fresh or side[_N] < settings[0]:
            continue
        if side[_LEAST_SPREAD] < 0.0 or side[_RATE] + spread < least:
            side[_LEAST_RATE], side[_LEAST_SPREAD] = side[_RATE], spread


class RDDM(DriftDetector):
    """Reactive drift detection: DDM that drops the oldest values of long, stable concepts.

    As `DDM`, and three things more. When a concept has lasted `max_concept_size` values without a
    warning, the error rate is counted anew over the last `min_stable_size` values, so that it
    moves again. A warning of more than `warning_limit` values is an alarm. After an alarm, the
    new concept begins where its warning began. Time per event is O(1) on average; memory is
    8 bytes times `min_stable_size`.

    Parameters
    ----------
    min_instances
        No flags for this many values after the start, or an alarm.
    warning_level
        Width of the band, in s_min, for warnings.
    drift_level
        The same for alarms.
    max_concept_size
        Values after which a stable concept is shortened.
    min_stable_size
        Values that it is shortened to.
    warning_limit
        Longest warning, in values.
    two_sided
        Whether a rate that falls raises an alarm too: right answers are then watched like errors.

    Raises
    ------
    ValueError
        At the first event, unless `min_instances` and `warning_limit` are whole numbers >= 1,
        0 < `warning_level` <= `drift_level`, and 1 <= `min_stable_size` <= `max_concept_size`. For
        events of several numbers.

    Examples
    --------
    >>> from onlineml.detectors import RDDM
    >>> RDDM().fit_many([0, 0, 0, 1] * 100 + [0, 1, 1, 1] * 100)
    array([422])

    Notes
    -----
    Values are errors, 0 or 1. Defaults are those of the paper and of MOA. A weight other than 0
    counts as 1.

    References
    ----------
    .. [1] Barros, Cabral, Goncalves, Santos (2017), RDDM: reactive drift detection method, Expert
       Systems with Applications 90. Algorithm 1.
    """

    _kernel = _rddm
    _state = (
        Field("sides_", ("Z", _LENGTH)),
        Field("recent_", ("Z", "W")),
        Field("flag_", (1,), np.int64),
    )

    sides_: Array

    def __init__(
        self,
        *,
        min_instances: int = 129,
        warning_level: float = 1.773,
        drift_level: float = 2.258,
        max_concept_size: int = 40_000,
        min_stable_size: int = 7_000,
        warning_limit: int = 1_400,
        two_sided: bool = False,
    ) -> None:
        self.min_instances = min_instances
        self.warning_level = warning_level
        self.drift_level = drift_level
        self.max_concept_size = max_concept_size
        self.min_stable_size = min_stable_size
        self.warning_limit = warning_limit
        self.two_sided = two_sided

    def _check(self) -> None:
        if not 0 < self.warning_level <= self.drift_level:
            raise wrong("warning_level", self.warning_level, "a number > 0, up to drift_level")
        if not 1 <= self.min_stable_size <= self.max_concept_size:
            raise wrong("min_stable_size", self.min_stable_size, "1 to max_concept_size values")
        for name in ("min_instances", "warning_limit"):
            if getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number of values >= 1")

    def _sizes(self) -> dict[str, int]:
        return {"Z": 2 if self.two_sided else 1, "W": int(self.min_stable_size)}

    def _start(self, schema: Schema) -> None:
        self.sides_[:, _LEAST_SPREAD] = -1.0

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.min_instances),
            float(self.warning_level),
            float(self.drift_level),
            float(self.max_concept_size),
            float(self.min_stable_size),
            float(self.warning_limit),
        )
