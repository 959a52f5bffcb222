"""Labels for rows on which the learner's probabilities are spread widest."""

from __future__ import annotations

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, opened
from onlineml.kernels.label_budget import N_FEATURES, Purse, by_rank, known_classes, purse, settle
from onlineml.kernels.uncertainty import entropy


@entry
def _entropy_sampling(d: int) -> int:
    return _rows(opened(d), purse(d))


@jit
def _rows(call: Call, p: Purse) -> int:
    first = int(p.settings[N_FEATURES])
    for i in range(call.first, call.last):
        known = known_classes(p, call.X[i])
        score = entropy(call.X[i], first, known)
        settle(call, i, p, by_rank(p, score, known), score, known)
    return call.last


class EntropySampling(QueryStrategy):
    """Asks where the entropy of the probabilities is greatest, at a steady pace.

    The score is the entropy in nats; rows whose score is among the greatest of the last ones are
    asked about, as many as the budget allows. Time per event and memory are O(n_classes +
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
    >>> from onlineml.active import EntropySampling
    >>> P = np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0], 20_000)
    >>> answers = EntropySampling(budget=0.1, seed=1).query_fit_many(P, P)
    >>> bool(abs(answers.asks.mean() - 0.1) < 0.002), bool(answers.scores[answers.asks].mean() > 1)
    (True, True)

    Notes
    -----
    The measure is that of [1]_; river's `EntropySampler` asks with the normalized entropy, cubed,
    as the probability, at a rate that nobody sets and that is 0 for a model that knows nothing.

    References
    ----------
    .. [1] Shannon (1948), A mathematical theory of communication. Section 6.
    """

    _kernel = _entropy_sampling

    def __init__(self, *, budget: Budget | float = 0.1, seed: int | None = None) -> None:
        self.budget = budget
        self.seed = seed
