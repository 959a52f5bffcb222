"""Labels at random: the baseline."""

from __future__ import annotations

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, opened
from onlineml.kernels.label_budget import (
    Purse,
    is_forced,
    known_classes,
    purse,
    settle,
    share_now,
)


@entry
def _random_sampling(d: int) -> int:
    return _rows(opened(d), purse(d))


@jit
def _rows(call: Call, p: Purse) -> int:
    for i in range(call.first, call.last):
        known = known_classes(p, call.X[i])
        chance = 1.0 if is_forced(p, known) else share_now(p)
        settle(call, i, p, chance, 0.0, known)
    return call.last


class RandomSampling(QueryStrategy):
    """Asks at random, at the pace of the budget: what every strategy has to beat.

    The score is 0. Time per event is O(1), memory O(window_size) of the budget.

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    seed
        Of the draws.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import Budget, RandomSampling
    >>> strategy = RandomSampling(budget=Budget(rate=0.05, horizon=1000), seed=1)
    >>> int(strategy.query_fit_many(np.zeros((1000, 2))).asks.sum())
    50
    """

    _kernel = _random_sampling
    _needs_proba = False

    def __init__(self, *, budget: Budget | float = 0.1, seed: int | None = None) -> None:
        self.budget = budget
        self.seed = seed
