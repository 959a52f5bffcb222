"""Labels for rows whose greatest probability is below a bound."""

from __future__ import annotations

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, opened
from onlineml.kernels.label_budget import (
    N_FEATURES,
    OWN,
    RATE,
    Purse,
    by_threshold,
    known_classes,
    purse,
    settle,
)
from onlineml.kernels.uncertainty import doubt
from onlineml.schema import wrong


@entry
def _fixed_uncertainty(d: int) -> int:
    return _rows(opened(d), purse(d))


@jit
def _rows(call: Call, p: Purse) -> int:
    first, bound, rate = int(p.settings[N_FEATURES]), p.settings[OWN], p.settings[RATE]
    for i in range(call.first, call.last):
        known = known_classes(p, call.X[i])
        score = doubt(call.X[i], first, known)
        least = 1.0 - bound
        if bound < 0.0:  # none is given
            least = (1.0 - rate) * (1.0 - 1.0 / max(known, 1))
        settle(call, i, p, by_threshold(p, score >= least, known), score, known)
    return call.last


class FixedUncertainty(QueryStrategy):
    """Asks about any row whose greatest probability is at most `threshold`, while labels last.

    The score is one less the greatest probability. What the threshold lets through comes first;
    the plan of the budget stops it when it is too much, and is caught up with at random when
    it is too little. Time per event is O(n_classes), memory O(window_size).

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    threshold
        Greatest probability that is asked about; None for 1/K + rate (1 - 1/K), K known classes.
    seed
        Of the draws.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1],
        and a `threshold` outside of [0, 1]. At any, without class probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import FixedUncertainty
    >>> P = np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0], 20_000)
    >>> answers = FixedUncertainty(budget=0.1, threshold=0.45, seed=1).query_fit_many(P, P)
    >>> bool(abs(answers.asks.mean() - 0.1) < 0.002), bool(P[answers.asks].max(1).mean() < 0.45)
    (True, True)

    Notes
    -----
    Section IV-B of [1]_, with this package's plan in the place of the estimated spending: there,
    a threshold that no row falls below never asks.

    References
    ----------
    .. [1] Zliobaite, Bifet, Pfahringer, Holmes (2014), Active learning with drifting streaming
       data, IEEE TNNLS 25(1), 27-39. The section on the fixed uncertainty strategy.
       doi:10.1109/TNNLS.2012.2236570
    """

    _kernel = _fixed_uncertainty

    def __init__(
        self,
        *,
        budget: Budget | float = 0.1,
        threshold: float | None = None,
        seed: int | None = None,
    ) -> None:
        self.budget = budget
        self.threshold = threshold
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        if not (self.threshold is None or 0 <= self.threshold <= 1):
            raise wrong("threshold", self.threshold, "a probability, or None")

    def _own_settings(self) -> tuple[float, ...]:
        return (-1.0 if self.threshold is None else float(self.threshold),)
