"""Labels for rows whose two most probable classes are hard to tell apart."""

from __future__ import annotations

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, opened
from onlineml.kernels.label_budget import N_FEATURES, Purse, by_rank, known_classes, purse, settle
from onlineml.kernels.uncertainty import narrowness


@entry
def _margin_sampling(d: int) -> int:
    return _rows(opened(d), purse(d))


@jit
def _rows(call: Call, p: Purse) -> int:
    first = int(p.settings[N_FEATURES])
    for i in range(call.first, call.last):
        known = known_classes(p, call.X[i])
        score = narrowness(call.X[i], first, known)
        settle(call, i, p, by_rank(p, score, known), score, known)
    return call.last


class MarginSampling(QueryStrategy):
    """Asks where the two most probable classes are nearest each other, at a steady pace.

    The score is 1 - (p1 - p2); rows whose score is among the greatest of the last ones are asked
    about, as many as the budget allows. Time per event and memory are O(n_classes +
    window_size).

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    seed
        Of the draw between equal scores.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1]. At
        any, without class probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import MarginSampling
    >>> sure = np.random.default_rng(0).uniform(0.5, 1.0, 20_000)
    >>> P = np.column_stack([sure, 1 - sure])
    >>> answers = MarginSampling(budget=0.1, seed=1).query_fit_many(P, P)
    >>> bool(abs(answers.asks.mean() - 0.1) < 0.002), bool(sure[answers.asks].mean() < 0.54)
    (True, True)

    Notes
    -----
    [1]_ takes the least margin of a pool; here a margin is ranked among the last ones of the
    stream. While fewer than two classes are known rows are asked about at random.

    References
    ----------
    .. [1] Scheffer, Decomain, Wrobel (2001), Active hidden Markov models for information
       extraction, IDA. Section 4. doi:10.1007/3-540-44816-0_31
    """

    _kernel = _margin_sampling

    def __init__(self, *, budget: Budget | float = 0.1, seed: int | None = None) -> None:
        self.budget = budget
        self.seed = seed
