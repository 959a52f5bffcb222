"""Each feature as its trend, its season and what is left of it."""

from __future__ import annotations

import numpy as np

from onlineml.base import Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Ints, f1, opened
from onlineml.kernels.seasons import FOUND, Season, fields, level_and_season, season_at, take_in
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong


@entry
def _seasonal_decomposer(d: int) -> int:
    return _rows(opened(d), f1(d, 0), season_at(d, 1))


@jit
def _rows(call: Call, settings: Array, m: Season) -> int:
    period, n_cycles = int(settings[0]), int(settings[1])
    for i in range(call.first, call.last):
        for j in range(call.X.shape[1]):
            x = call.X[i, j]
            if call.serve:
                trend, season = level_and_season(m, j, n_cycles)
                if np.isnan(trend):
                    trend = x
                call.out[i, 3 * j], call.out[i, 3 * j + 1] = trend, season
                call.out[i, 3 * j + 2] = x - trend - season
            if call.fit and call.weight[i] > 0.0:
                take_in(x, j, period, n_cycles, m)
    return call.last


class SeasonalDecomposer(Transformer):
    """Each feature as three: trend, season and rest, which sum to it.

    For series at even times. The trend is the median of the values of about one season before; the
    season is, for each of its phases, the median of what the trend has left of the last values
    there; the rest is what neither foretells. They are known before the value itself, and spikes
    move none of them. The period is given, or found by itself, once a window, from the
    autocorrelation; until then there is a trend alone. A missing value has trend and season, and no
    rest. Time per event is O(n_features (period + n_cycles)), and O(n_features window_size ** 2 /
    6) once a window while a season is looked for; memory is O(n_features window_size).

    Parameters
    ----------
    period
        Events in a season, 1 for none; None to find it, among those up to a third of the window.
    window_size
        Events in a window; the first passes without a season.
    n_cycles
        Seasons that a phase is the median of, as far as the window holds them.

    Raises
    ------
    ValueError
        At the first row, for a `window_size` that is not a whole number >= 6, a `period` that
        is neither None nor a whole number from 1 to half the window, and an `n_cycles` that is
        not one >= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.transforms import SeasonalDecomposer
    >>> t = np.arange(3000)
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 3000)
    >>> values = t / 100 + np.sin(2 * np.pi * t / 24) + noise
    >>> model = SeasonalDecomposer()
    >>> trend, season, rest = model.transform_fit_many(values[:, None])[1500:].T
    >>> model.periods.tolist()
    [24]
    >>> bool(np.abs(trend - t[1500:] / 100).max() < 0.5), bool(0.9 < season.max() < 1.4)
    (True, True)
    >>> bool(rest.std() < 0.2)
    True

    Notes
    -----
    Departs from [1]_: past values alone, so that nothing is revised; medians instead of local
    regressions with robustness weights. An event of weight 0 does not take a place in the season;
    other weights count as 1. Codes of nominal values are taken as numbers.

    References
    ----------
    .. [1] Cleveland, Cleveland, McRae, Terpenning (1990), STL: a seasonal-trend decomposition
       procedure based on loess, Journal of Official Statistics 6(1), 3-73. Section 2.
    """

    _kernel = _seasonal_decomposer
    _state = fields("F")

    counts_: Ints

    def __init__(
        self, *, period: int | None = None, window_size: int = 1000, n_cycles: int = 15
    ) -> None:
        self.period = period
        self.window_size = window_size
        self.n_cycles = n_cycles

    def _check(self) -> None:
        whole("window_size", self.window_size, 6)
        most = self.window_size // 2
        if not (self.period is None or 1 <= self.period <= most):
            due = f"a whole number from 1 to {most} (half the window), or None"
            raise wrong("period", self.period, due)
        whole("n_cycles", self.n_cycles, 1)

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size}

    def _settings(self) -> tuple[float, ...]:
        return float(self.period or 0), float(self.n_cycles)

    def _n_outputs(self) -> int:
        return 3 * self._size("F")

    @property
    def periods(self) -> Ints:
        """The present period of each feature; 1 where there is no season."""
        if not self.is_started:
            return np.zeros(0, np.int64)
        found: Ints = np.maximum(self.counts_[:, FOUND], 1)
        return found

    def output_schema(self) -> Schema:
        """Columns `name[trend]`, `name[season]`, `name[rest]` for each feature."""
        width = self.schema_.n_features
        names = self.schema_.names or tuple(f"x{j}" for j in range(width))
        parts = ("trend", "season", "rest")
        return Schema(3 * width, tuple(f"{name}[{part}]" for name in names for part in parts))
