"""Labels at even distances."""

from __future__ import annotations

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, opened
from onlineml.kernels.label_budget import (
    SPENT,
    TIME,
    Purse,
    is_forced,
    is_spent,
    known_classes,
    planned,
    purse,
    settle,
)


@entry
def _periodic_sampling(d: int) -> int:
    return _rows(opened(d), purse(d))


@jit
def _rows(call: Call, p: Purse) -> int:
    for i in range(call.first, call.last):
        known = known_classes(p, call.X[i])
        due = planned(p, p.ledger[TIME] + 1.0) - p.ledger[SPENT] >= 1.0 - 1e-9
        chance = 1.0 if is_forced(p, known) or (due and not is_spent(p)) else 0.0
        settle(call, i, p, chance, 0.0, known)
    return call.last


class PeriodicSampling(QueryStrategy):
    """Asks whenever the plan of the budget has come to the next label; draws nothing.

    The score is 0. Time per event is O(1), memory O(window_size) of the budget.

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    seed
        Has no effect; strategies can be exchanged for one another.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import Budget, PeriodicSampling
    >>> strategy = PeriodicSampling(budget=Budget(rate=0.25, n_min=0))
    >>> strategy.query_fit_many(np.zeros((12, 2))).asks.nonzero()[0]
    array([ 3,  7, 11])
    """

    _kernel = _periodic_sampling
    _needs_proba = False

    def __init__(self, *, budget: Budget | float = 0.1, seed: int | None = None) -> None:
        self.budget = budget
        self.seed = seed
