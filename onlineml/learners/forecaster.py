"""A series several steps ahead, by any regressors, with intervals that keep their coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Regressor
from onlineml.estimator import Diagnostics
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER, Field, Ints
from onlineml.kernels.random import seeded
from onlineml.kernels.ranks import N, kth, levels_for, slide
from onlineml.schema import Schema, wrong

_ROWS, _MISSED = range(2)  # of `tallies_`


class Forecaster(Regressor):
    """A series up to `horizon` steps ahead, a regressor for each step, with prediction intervals.

    Rows come in the order of time: the target is the series, features are what is known of a time
    ahead of it, such as the hour or a price. A regressor for `s` steps ahead foretells a target
    from its row and from the `n_lags` targets up to `s` rows before it. `predict_one` is about the
    next row, `forecast_many` about the next ones. Intervals are as wide as past errors tell, and
    become wider when they were missed more often than they should: their coverage holds in the
    long run whatever the series does. Time per event is that of `horizon` regressors, and
    O(horizon log(window_size)).

    Parameters
    ----------
    base
        The regressor, cloned for each step.
    horizon
        How many steps ahead can be foretold.
    n_lags
        Past targets that a target is foretold from.
    coverage
        Share of the targets that should lie within their intervals.
    step_size
        How fast intervals react to a miss (gamma of [1]_).
    window_size
        Past errors of each step that intervals are taken from.

    Attributes
    ----------
    members_
        The regressors, by step.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import Forecaster, RidgeRegressor
    >>> t = np.arange(2_000)
    >>> y = np.sin(t / 7) + 0.1 * np.random.default_rng(0).normal(size=2_000)
    >>> X = np.zeros((2_000, 1))  # nothing is known ahead
    >>> model = Forecaster(base=RidgeRegressor(), horizon=5).fit_many(X, y)
    >>> ahead = model.forecast_many(X[:5])
    >>> bool(np.abs(ahead - np.sin(np.arange(2_000, 2_005) / 7)).max() < 0.2)
    True
    >>> low, high = model.predict_interval_one([0.0])
    >>> bool(0.2 < high - low < 0.6)
    True

    Notes
    -----
    Adaptive conformal inference [1]_, for each step: with a_t the rate of misses that is aimed at,
    the interval is the answer plus and minus the quantile 1 - a_t of the last absolute errors, and
    a_{t+1} = a_t + step_size (1 - coverage - [missed]). It is infinite where a_t falls below what
    the errors at hand can tell. After T rows the share of misses is off by no more than about
    1 / (step_size T). Targets enter the regressors in their own units: put a scaler before
    those that need one. Rows of weight 0 do not enter the series.

    References
    ----------
    .. [1] Gibbs, Candes (2021), Adaptive conformal inference under distribution shift, NeurIPS,
       equation 2 and proposition 4.1.
    """

    _state = (
        Field("past_", ("P",), fill=np.nan),  # targets, the last one last
        Field("misses_", ("H",)),  # the rate of misses that is aimed at
        Field("tallies_", ("H", 2)),
        Field("values_", ("H", "W")),
        Field("links_", ("H", "L", "V1"), np.int64, -1),
        Field("leaps_", ("H", "L", "V1"), np.int64, 1),
        Field("places_", ("H", 2), np.int64),
        Field("random_", ("H",), np.int64),
    )

    past_: Array
    misses_: Array
    tallies_: Array
    values_: Array
    links_: Ints
    leaps_: Ints
    places_: Ints
    random_: Ints
    members_: list[Regressor]

    def __init__(
        self,
        *,
        base: Regressor,
        horizon: int = 1,
        n_lags: int = 10,
        coverage: float = 0.9,
        step_size: float = 0.01,
        window_size: int = 500,
    ) -> None:
        self.base = base
        self.horizon = horizon
        self.n_lags = n_lags
        self.coverage = coverage
        self.step_size = step_size
        self.window_size = window_size

    def _check(self) -> None:
        if not isinstance(self.base, Regressor):
            raise wrong("base", self.base, "a regressor")
        for name in ("horizon", "n_lags", "window_size"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise wrong(name, value, "a whole number >= 1")
        for name in ("coverage", "step_size"):
            if not 0 < getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number in (0, 1)")

    def _sizes(self) -> dict[str, int]:
        n = self.window_size
        past = self.horizon + self.n_lags - 1
        return {"H": self.horizon, "P": past, "W": n, "V1": n + 1, "L": levels_for(n)}

    def _start(self, schema: Schema) -> None:
        self.misses_[:] = 1.0 - self.coverage
        self.random_ = seeded(0, self.horizon)  # of the skip lists: no answer depends on it
        self.members_ = [self.base.clone() for _ in range(self.horizon)]
        for member in self.members_:
            member._begin(self._seen(schema))

    def _admit(self, schema: Schema) -> None:
        new = not self.is_started or schema is not self.schema_
        super()._admit(schema)
        for member in self.members_ if new else ():
            member._admit(self._seen(schema))

    def _seen(self, schema: Schema) -> Schema:
        """What the regressors see: the lags, then the row."""
        n = self.n_lags
        own = schema.names or [f"column {j}" for j in range(schema.n_features)]
        names = (*(f"{k} before" for k in range(n)), *own)
        nominal = {n + column: values for column, values in schema.nominal.items()}
        return Schema(n + schema.n_features, names, nominal)

    # ---------------------------------------------------------------- rows

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if not fit:
            out[:, 0] = self._ahead(X, np.zeros(len(X), np.int64))
            return
        told = weight > 0.0
        series = np.concatenate([self.past_, y[told]])
        now = len(self.past_) + np.cumsum(told) - told  # where each row's target comes
        path = np.empty((2, self.links_.shape[1]), np.int64)
        for s, member in enumerate(self.members_):
            lags = (now - 1 - s)[:, None] - np.arange(self.n_lags)
            answers = np.empty((len(X), member._n_outputs()))
            member._run(np.hstack([series[lags], X]), y, weight, answers, ANSWER, True)
            errors = np.abs(y - answers[:, 0])[told]
            _adapt(
                errors, 1.0 - self.coverage, self.step_size, self.misses_, self.tallies_,
                self.values_, self.links_, self.leaps_, self.places_, path, self.random_, s,
            )  # fmt: skip
            if serve and s == 0:
                out[:, 0] = answers[:, 0]
        self.past_[:] = series[len(series) - len(self.past_) :]

    def _ahead(self, X: Array, steps: npt.NDArray[np.int64]) -> Array:
        """What the regressors of some steps say of rows, from the targets that are known."""
        lags = np.tile(self.past_[::-1][: self.n_lags], (len(X), 1))
        inputs, found = np.hstack([lags, X]), np.empty(len(X))
        for s in np.unique(steps).tolist():
            member, rows = self.members_[s], np.flatnonzero(steps == s)
            answers, some = np.empty((len(rows), member._n_outputs())), np.ones(len(rows))
            member._run(inputs[rows], np.zeros(len(rows)), some, answers, ANSWER, False)
            found[rows] = answers[:, 0]
        return found

    # ---------------------------------------------------------------- ahead

    def forecast_many(self, X: Any) -> Array:
        """The next targets, `(n_steps,)`: those of rows `X`, in order, at most `horizon`.

        Raises `ValueError` for more rows, and before any data has come.
        """
        rows = self._next_rows(X)
        return self._ahead(rows, np.arange(len(rows)))

    def forecast_interval_many(self, X: Any) -> Array:
        """Intervals of the next targets, `(n_steps, 2)`: low and high ends, maybe infinite.

        Raises `ValueError` as `forecast_many` does.
        """
        rows = self._next_rows(X)
        steps = np.arange(len(rows))
        halves = np.array([self._half_width(s) for s in steps.tolist()])
        return self._ahead(rows, steps)[:, None] + np.outer(halves, (-1.0, 1.0))

    def predict_interval_one(self, x: Any) -> tuple[float, float]:
        """The interval of the target of row `x`, the next one: low and high, maybe infinite."""
        if not self.is_started:
            return -np.inf, np.inf
        middle, half = self.predict_one(x), self._half_width(0)
        return middle - half, middle + half

    def _next_rows(self, X: Any) -> Array:
        if not self.is_started:
            raise wrong("X", "rows", "data to start with (fit, or start)")
        rows = self._rows(X, fit=False)[1]
        if len(rows) > self.horizon:
            raise wrong("X", f"{len(rows)} rows", f"at most horizon, {self.horizon}")
        return rows

    def _half_width(self, s: int) -> float:
        found = _quantile(
            self.misses_[s], self.values_[s], self.links_[s], self.leaps_[s], self.places_[s]
        )
        return float(found)

    def diagnostics(self) -> Diagnostics:
        """The share of targets that lay within their intervals, by step."""
        if not self.is_started or not self.tallies_[0, _ROWS]:
            return {}
        shares = 1.0 - self.tallies_[:, _MISSED] / self.tallies_[:, _ROWS]
        return {"coverage": {f"step {s + 1}": share for s, share in enumerate(shares.tolist())}}


@jit
def _adapt(
    errors: Array, share: float, step_size: float, misses: Array, tallies: Array, values: Array,
    links: Ints, leaps: Ints, places: Ints, path: Ints, random: Ints, s: int,
) -> None:  # fmt: skip
    """Count misses of one step, aim anew after each, and remember the errors."""
    for error in errors:
        half = _quantile(misses[s], values[s], links[s], leaps[s], places[s])
        missed = 1.0 if error > half else 0.0
        tallies[s, _ROWS] += 1.0
        tallies[s, _MISSED] += missed
        misses[s] += step_size * (share - missed)
        slide(values[s], links[s], leaps[s], places[s], path, random, s, error)


@jit
def _quantile(miss: float, values: Array, links: Ints, leaps: Ints, places: Ints) -> float:
    """The error that a new one exceeds with probability `miss`."""
    n = places[N]
    rank = int(np.ceil((n + 1) * (1.0 - miss)))
    if rank > n:
        return float(np.inf)
    return kth(values, links, leaps, rank - 1) if rank > 0 else 0.0
