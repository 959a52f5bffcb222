"""Labels for rows whose greatest probability is below a bound that moves."""

from __future__ import annotations

import numpy as np

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, f1, opened
from onlineml.kernels.label_budget import (
    FIRST,
    N_FEATURES,
    OWN,
    Purse,
    by_threshold,
    is_forced,
    known_classes,
    purse,
    settle,
    share_now,
)
from onlineml.kernels.random import normal
from onlineml.kernels.uncertainty import doubt
from onlineml.schema import Schema, wrong

_STEP, _NOISE, _SPLIT = OWN, OWN + 1, OWN + 2


@entry
def _variable_uncertainty(d: int) -> int:
    return _rows(opened(d), purse(d), f1(d, FIRST))


@jit
def _rows(call: Call, p: Purse, bound: Array) -> int:
    s = p.settings
    for i in range(call.first, call.last):
        known, before = known_classes(p, call.X[i]), p.random[0]
        score = doubt(call.X[i], int(s[N_FEATURES]), known)
        factor = 1.0
        if s[_NOISE] > 0.0:
            factor = max(1.0 + s[_NOISE] * normal(p.random, 0), 0.0)
        wanted = 1.0 - score < bound[0] * factor  # not for NaN
        share = share_now(p)
        chance = by_threshold(p, wanted, known)
        if not is_forced(p, known):
            chance = s[_SPLIT] * share + (1.0 - s[_SPLIT]) * chance
        settle(call, i, p, chance, score, known)
        if not call.fit or call.weight[i] == 0.0:
            p.random[0] = before
        elif share > 0.0 and not np.isnan(score):
            bound[0] *= 1.0 - s[_STEP] if wanted else 1.0 + s[_STEP]
            bound[0] = min(max(bound[0], 1e-9), 1.0 + s[_STEP])
    return call.last


class VariableUncertainty(QueryStrategy):
    """Asks about rows whose greatest probability is below a bound that falls with each of them.

    Rows below the bound lower it by `step`, others raise it by as much, so that there are always
    some to ask about, however sure the learner grows. The score is one less the greatest
    probability. Time per event is O(n_classes), memory O(window_size).

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    step
        Relative change of the bound with a row.
    noise
        Standard deviation of a normal factor of mean 1 that the bound is multiplied by for each
        row, so that drift far from the boundary is found too; 1 is randomized variable uncertainty.
    split
        Share of the questions that are drawn at random instead; 0.2 is the strategy "Split".
    seed
        Of the draws.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1], a
        `step` outside of (0, 1), a `noise` below 0, and a `split` outside of [0, 1]. At any,
        without class probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import VariableUncertainty
    >>> P = np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0], 20_000)
    >>> answers = VariableUncertainty(budget=0.1, seed=1).query_fit_many(P, P)
    >>> bool(abs(answers.asks.mean() - 0.1) < 0.002), bool(P[answers.asks].max(1).mean() < 0.6)
    (True, True)

    Notes
    -----
    Algorithms 2 (variable), 3 (randomized) and 4 (split) of [1]_, with this package's plan in the
    place of the estimated spending. The bound moves only while the plan allows questions, as
    there; it is kept within (0, 1 + step].

    References
    ----------
    .. [1] Zliobaite, Bifet, Pfahringer, Holmes (2014), Active learning with drifting streaming
       data, IEEE TNNLS 25(1), 27-39. The section on the variable uncertainty strategy.
       doi:10.1109/TNNLS.2012.2236570
    """

    _kernel = _variable_uncertainty
    _state = (*QueryStrategy._state, Field("bound_", (1,)))

    bound_: Array

    def __init__(
        self,
        *,
        budget: Budget | float = 0.1,
        step: float = 0.01,
        noise: float = 0.0,
        split: float = 0.0,
        seed: int | None = None,
    ) -> None:
        self.budget = budget
        self.step = step
        self.noise = noise
        self.split = split
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        if not 0 < self.step < 1:
            raise wrong("step", self.step, "a number in (0, 1)")
        if not self.noise >= 0:
            raise wrong("noise", self.noise, "a number >= 0")
        if not 0 <= self.split <= 1:
            raise wrong("split", self.split, "a share in [0, 1]")

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        self.bound_[0] = 1.0

    def _own_settings(self) -> tuple[float, ...]:
        return float(self.step), float(self.noise), float(self.split)
