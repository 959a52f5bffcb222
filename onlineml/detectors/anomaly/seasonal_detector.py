"""What a series does against its level and its season: the detector for metrics of a system."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, i1, opened
from onlineml.kernels.seasons import autocorrelation, clearest_lag
from onlineml.parameters import whole
from onlineml.schema import wrong

# Of the settings, and of the counts.
_LEVEL_RATE, _SEASON_RATE, _SCALE_RATE, _PERIOD, _CLIP, _FLOOR = range(6)
_N, _FOUND, _PHASE = range(3)  # values so far, the present period (1: none), where in it we are
_LEVEL, _SCALE = 0, 1  # of the moments
_FEW = 10.0  # values from which on the scale is known well enough to cut by
_GONE = 0.1  # autocorrelation at which a season is over


class Model(NamedTuple):
    """Level and scale, a value for each phase of the season, and the last values."""

    counts: Ints
    moments: Array
    season: Array
    visits: Array
    recent: Array


@entry
def _seasonal_detector(d: int) -> int:
    return _rows(opened(d), f1(d, 0), Model(i1(d, 1), f1(d, 2), f1(d, 3), f1(d, 4), f1(d, 5)))


@jit
def _rows(call: Call, settings: Array, model: Model) -> int:
    for i in range(call.first, call.last):
        x = call.X[i, 0]
        error = x - model.moments[_LEVEL] - model.season[model.counts[_PHASE]]
        if call.serve:
            known = model.counts[_N] > 1 and not np.isnan(x)
            scale = max(model.moments[_SCALE], settings[_FLOOR])
            call.out[i, 0] = abs(error) / scale if known else 0.0
        if call.fit and call.weight[i] > 0.0:
            _learn(x, error, settings, model)
    return call.last


@jit
def _learn(x: float, error: float, settings: Array, model: Model) -> None:
    counts, moments = model.counts, model.moments
    phase, n = counts[_PHASE], counts[_N]
    counts[_PHASE] = (phase + 1) % counts[_FOUND]
    if np.isnan(x):
        model.recent[n % model.recent.shape[0]] = moments[_LEVEL] + model.season[phase]
    else:
        model.recent[n % model.recent.shape[0]] = x
        most = settings[_CLIP] * moments[_SCALE]
        if n > _FEW and moments[_SCALE] > settings[_FLOOR]:
            error = min(max(error, -most), most)
        _follow(error, n, phase, settings, model)
    counts[_N] += 1
    if counts[_N] % model.recent.shape[0] == 0:
        _look_for_season(settings, model)


@jit
def _follow(error: float, n: int, phase: int, settings: Array, model: Model) -> None:
    """Move level, season and scale; the first values count alike, as in a mean."""
    moments = model.moments
    rest = error
    if model.counts[_FOUND] > 1:
        model.visits[phase] += 1.0
        rate = max(1.0 / (model.visits[phase] + 1.0), settings[_SEASON_RATE])
        model.season[phase] += rate * error
        rest = (1.0 - rate) * error
    moments[_LEVEL] += max(1.0 / (n + 1.0), settings[_LEVEL_RATE]) * rest
    rate = max(1.0 / max(n, 1), settings[_SCALE_RATE])
    # the mean distance of a normal variable is this share of its deviation
    moments[_SCALE] += rate * (abs(error) / 0.7978845608028654 - moments[_SCALE])


@jit
def _look_for_season(settings: Array, model: Model) -> None:
    """Once in a window: keep the season that shows in it, or take up the clearest one."""
    counts, size = model.counts, model.recent.shape[0]
    if settings[_PERIOD] > 0.0:
        found = int(settings[_PERIOD])
    else:
        values = model.recent - model.recent.mean()
        total = (values * values).sum()
        if counts[_FOUND] > 1 and autocorrelation(values, counts[_FOUND], total) > _GONE:
            return
        found = clearest_lag(values, total)
    if found == counts[_FOUND]:
        return
    counts[_FOUND], counts[_PHASE] = found, counts[_N] % found
    model.season[:] = 0.0
    model.visits[:] = 0.0
    if found > 1:  # the window's values are the first visits
        for k in range(size):
            phase = (counts[_N] - size + k) % found
            model.visits[phase] += 1.0
            gap = model.recent[k] - model.recent.mean() - model.season[phase]
            model.season[phase] += gap / model.visits[phase]
        model.moments[_LEVEL] = model.recent.mean()
        distance = 0.0
        for k in range(size):
            phase = (counts[_N] - size + k) % found
            distance += abs(model.recent[k] - model.moments[_LEVEL] - model.season[phase])
        model.moments[_SCALE] = distance / size / 0.7978845608028654


class SeasonalDetector(Detector):
    """How far a value of a series is from what level and season foretell, in deviations.

    Level and season are smoothed exponentially, as is the scale of the errors; a value that is far
    off is learned as being `clip` deviations off, so anomalies leave little trace. The period is
    found by itself, once a window, from the autocorrelation. For series of numbers at even times. A
    missing value scores 0 and is foretold in its place. Time per event is O(1), and
    O(window_size ** 2 / 6) once a window while a season is looked for; memory is O(window_size).

    Parameters
    ----------
    period
        Events in a season; None to find it, among those up to a third of the window.
    window_size
        Events in a window. The first one passes without a season, given or found.
    level_rate, season_rate, scale_rate
        Shares that an event has in the level, in the season's value at its phase, and in the scale;
        the first events count alike.
    clip
        Most deviations that a value is learned to be off.
    min_scale
        Floor of the deviation, in the units of the values.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 6, `period` is one from 1 to
        half the window or None, `level_rate`, `season_rate` and `scale_rate` lie in (0, 1], and
        `clip` and `min_scale` are > 0. For events of several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import SeasonalDetector
    >>> t = np.arange(3000)
    >>> values = np.sin(2 * np.pi * t / 24) + np.random.default_rng(0).normal(0, 0.1, 3000)
    >>> model = SeasonalDetector().fit_many(values)
    >>> model.period_found
    24
    >>> at_zero = float(np.sin(2 * np.pi * 3000 / 24))
    >>> model.score_one(at_zero) < 2 < 6 < model.score_one(at_zero + 1)
    True

    Notes
    -----
    Additive exponential smoothing without a trend [1]_, with errors cut as in [2]_ and the level
    moved by what the season leaves of an error. Weights other than 0 count as 1; an event of weight
    0 does not take a place in the season.

    References
    ----------
    .. [1] Winters (1960), Forecasting sales by exponentially weighted moving averages, Management
       Science 6(3), 324-342.
    .. [2] Gelper, Fried, Croux (2010), Robust forecasting with exponential and Holt-Winters
       smoothing, Journal of Forecasting 29(3), section 3. doi:10.1002/for.1125
    """

    _kernel = _seasonal_detector
    _n_inputs = 1
    _state = (
        Field("counts_", (3,), np.int64),
        Field("moments_", (2,)),
        Field("season_", ("W",)),
        Field("visits_", ("W",)),
        Field("recent_", ("W",)),
    )

    counts_: Ints

    def __init__(
        self,
        *,
        period: int | None = None,
        window_size: int = 1000,
        level_rate: float = 0.02,
        season_rate: float = 0.1,
        scale_rate: float = 0.002,
        clip: float = 3.0,
        min_scale: float = 1e-12,
    ) -> None:
        self.period = period
        self.window_size = window_size
        self.level_rate = level_rate
        self.season_rate = season_rate
        self.scale_rate = scale_rate
        self.clip = clip
        self.min_scale = min_scale

    def _check(self) -> None:
        whole("window_size", self.window_size, 6)
        most = self.window_size // 2
        if not (self.period is None or 1 <= self.period <= most):
            due = f"a whole number from 1 to {most} (half the window), or None"
            raise wrong("period", self.period, due)
        for name in ("level_rate", "season_rate", "scale_rate"):
            if not 0 < getattr(self, name) <= 1:
                raise wrong(name, getattr(self, name), "a share in (0, 1]")
        for name in ("clip", "min_scale"):
            if not getattr(self, name) > 0:
                raise wrong(name, getattr(self, name), "a number > 0")

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size}

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.level_rate),
            float(self.season_rate),
            float(self.scale_rate),
            float(self.period or 0),
            float(self.clip),
            float(self.min_scale),
        )

    def _start(self, schema: object) -> None:
        self.counts_[_FOUND] = 1

    @property
    def period_found(self) -> int:
        """The present period; 1 where there is no season."""
        return int(self.counts_[_FOUND]) if self.is_started else 1
