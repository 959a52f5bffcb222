"""A series several steps ahead, by any regressors, with intervals that keep their coverage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Regressor
from onlineml.estimator import Diagnostics
from onlineml.kernels.adaptive_conformal import (
    MISSED,
    ROWS,
    Errors,
    adapt,
    aim,
    half_width,
    hedge_rates,
)
from onlineml.kernels.arena import ANSWER, Field, Ints
from onlineml.kernels.random import seeded
from onlineml.kernels.ranks import levels_for
from onlineml.learners.privacy import with_own_noise
from onlineml.parameters import whole
from onlineml.schema import Schema, as_floats, wrong


class Forecaster(Regressor):
    """A series up to `horizon` steps ahead, a regressor for each step, with prediction intervals.

    Rows come in the order of time: the target is the series, features are what is known of a time
    ahead of it, such as the hour or a price. A regressor for `s` steps ahead foretells a target
    from its row and from the `n_lags` targets up to `s` rows before it. `predict_one` is about the
    next row, `forecast_many` about the next ones. Intervals are as wide as past errors tell, and
    become wider when they were missed more often than they should: their coverage holds in the long
    run whatever the series does. Time per event is that of `horizon` regressors, and O(horizon
    log(window_size)); memory is that of the regressors, and O(horizon window_size
    log(window_size)).

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
        How fast intervals react to a miss (gamma of [1]_). Several are tuned among as the stream
        goes [2]_: the source proposes (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128).
    tuning_span
        Rows of a stretch over which one of several step sizes should do.
    window_size
        Past errors of each step that intervals are taken from.

    Attributes
    ----------
    members_
        The regressors, by step.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a regressor, `horizon`, `n_lags`, `tuning_span` and
        `window_size` are whole numbers >= 1, and `coverage` and `step_size` (or each of several)
        lie in (0, 1). By `forecast_many` and `forecast_interval_many` before any data, and for
        more than `horizon` rows.

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
    1 / (step_size T).

    With several step sizes (DtACI [2]_), each has an a_t of its own, and their mean is aimed at,
    weighed by how near they came to the highest that would not have missed. Of the source's two
    ways to answer this is the one without a draw; trust moves at the pace that its section 3.2
    chooses for stretches of `tuning_span` rows, kept fixed.

    Targets enter the regressors in their own units: put a scaler before those that need one. Rows
    of weight 0 do not enter the series.

    References
    ----------
    .. [1] Gibbs, Candes (2021), Adaptive conformal inference under distribution shift, NeurIPS,
       equation 2 and proposition 4.1. arXiv:2106.00170
    .. [2] Gibbs, Candes (2024), Conformal inference for online prediction with arbitrary
       distribution shifts, JMLR 25(162), algorithm 2. arXiv:2208.08401
    """

    _state = (
        Field("past_", ("P",), fill=np.nan),  # targets, the last one last
        Field("misses_", ("H", "K")),  # the rates of misses that are aimed at, by step size
        Field("trust_", ("H", "K")),  # in each; sums to 1
        Field("tallies_", ("H", 2)),
        Field("values_", ("H", "W")),
        Field("links_", ("H", "L", "V1"), np.int64, -1),
        Field("leaps_", ("H", "L", "V1"), np.int64, 1),
        Field("places_", ("H", 2), np.int64),
        Field("random_", ("H",), np.int64),
    )

    past_: Array
    misses_: Array
    trust_: Array
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
        step_size: float | Sequence[float] = 0.01,
        tuning_span: int = 500,
        window_size: int = 500,
    ) -> None:
        self.base = base
        self.horizon = horizon
        self.n_lags = n_lags
        self.coverage = coverage
        self.step_size = step_size
        self.tuning_span = tuning_span
        self.window_size = window_size

    def _check(self) -> None:
        if not isinstance(self.base, Regressor):
            raise wrong("base", self.base, "a regressor")
        for name in ("horizon", "n_lags", "tuning_span", "window_size"):
            whole(name, getattr(self, name), 1)
        if not 0 < self.coverage < 1:
            raise wrong("coverage", self.coverage, "a number in (0, 1)")
        rates = self._rates()
        if not (rates.ndim == 1 and len(rates) and ((rates > 0) & (rates < 1)).all()):
            raise wrong("step_size", self.step_size, "a number in (0, 1), or several")

    def _rates(self) -> Array:
        return np.atleast_1d(as_floats(self.step_size, "step_size"))

    def _sizes(self) -> dict[str, int]:
        n = self.window_size
        past = self.horizon + self.n_lags - 1
        sizes = {"K": len(self._rates()), "H": self.horizon, "P": past}
        return sizes | {"W": n, "V1": n + 1, "L": levels_for(n)}

    def _start(self, schema: Schema) -> None:
        self.misses_[:] = 1.0 - self.coverage
        self.trust_[:] = 1.0 / self.trust_.shape[1]
        self.random_ = seeded(0, self.horizon)  # of the skip lists: no answer depends on it
        self.members_ = [self.base.clone() for _ in range(self.horizon)]
        for k, member in enumerate(self.members_):
            with_own_noise(member, self.base, k)
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
        late = tuple((n + column, n + known) for column, known in schema.late)
        return Schema(n + schema.n_features, names, nominal, late=late)

    # ---------------------------------------------------------------- rows

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if not fit:
            out[:, 0] = self._ahead(X, np.zeros(len(X), np.int64))
            return
        told = weight > 0.0
        series = np.concatenate([self.past_, y[told]])
        now = len(self.past_) + np.cumsum(told) - told  # where each row's target comes
        share, rates = 1.0 - self.coverage, self._rates()
        pace = hedge_rates(share, len(rates), self.tuning_span)
        path = np.empty((2, self.links_.shape[1]), np.int64)
        for s, member in enumerate(self.members_):
            lags = (now - 1 - s)[:, None] - np.arange(self.n_lags)
            answers = np.empty((len(X), member._n_outputs()))
            member._run(np.hstack([series[lags], X]), y, weight, answers, ANSWER, True)
            errors = np.abs(y - answers[:, 0])[told]
            adapt(
                errors, share, rates, *pace, self.misses_[s], self.trust_[s], self.tallies_[s],
                self._errors(s), path, self.random_, s,
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
        return float(half_width(aim(self.misses_[s], self.trust_[s]), self._errors(s)))

    def _errors(self, s: int) -> Errors:
        return Errors(self.values_[s], self.links_[s], self.leaps_[s], self.places_[s])

    def diagnostics(self) -> Diagnostics:
        """The share of targets that lay within their intervals, and the step size, by step."""
        if not self.is_started or not self.tallies_[0, ROWS]:
            return {}
        shares = 1.0 - self.tallies_[:, MISSED] / self.tallies_[:, ROWS]
        numbers = {"coverage": shares, "step_size": self.trust_ @ self._rates()}
        return {
            name: {f"step {s + 1}": number for s, number in enumerate(found.tolist())}
            for name, found in numbers.items()
            if name == "coverage" or len(self._rates()) > 1
        }
