"""Volume sampling of gradients as it was published, with the matrix of all features and classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, f1, f2, f4, opened, scratch
from onlineml.kernels.label_budget import (
    FIRST,
    HORIZON,
    N_FEATURES,
    OWN,
    SPENT,
    TIME,
    TOTAL,
    Purse,
    explored,
    is_forced,
    is_spent,
    known_classes,
    purse,
    settle,
    share_now,
)
from onlineml.kernels.standing import STANDING, stand, standardize
from onlineml.kernels.uncertainty import top_two
from onlineml.schema import wrong

_PRIOR = OWN


class Gradients(NamedTuple):
    """Second moments of all gradients, what is known of their directions, and room for one."""

    moments: Array  # (C, F, C, F): mean of g g' over all rows
    known: Array  # (C, F, C, F): prior * I less the inverse covariance of the chosen
    n_rows: Array
    standing: Array
    input: Array
    doubt: Array
    along: Array  # the inverse times the gradient, (C * F)


@entry
def _dense_vessal(d: int) -> int:
    moments, room = f4(d, FIRST), scratch(d)[0]
    k, n = moments.shape[0], moments.shape[1]
    gradients = Gradients(
        moments, f4(d, FIRST + 1), f1(d, FIRST + 2), f2(d, FIRST + 3),
        room[:n], room[n : n + k], room[n + k : n + k + n * k],
    )  # fmt: skip
    return _rows(opened(d), purse(d), gradients)


@jit
def _rows(call: Call, p: Purse, g: Gradients) -> int:
    first, prior = int(p.settings[N_FEATURES]), p.settings[_PRIOR]
    for i in range(call.first, call.last):
        x, known = call.X[i], known_classes(p, call.X[i])
        standardize(x, g.standing, g.input)
        _embed(x, first, known, g)
        score = _leverage(prior, g)
        weight = call.weight[i] if call.fit else 0.0
        chance = _chance(p, score, _trace(prior, score, g), known)
        ask = settle(call, i, p, chance, score if known > 1 else np.nan, known)
        if weight > 0.0:
            _learn(ask and known > 1, score, weight, g)
            stand(x, weight, g.standing)
    return call.last


@jit
def _embed(x: Array, first: int, known: int, g: Gradients) -> None:
    """Write the doubt of a row: one-hot of the prediction, less the probabilities."""
    best, _, _, total = top_two(x, first, known)
    g.doubt[:] = 0.0
    for c in range(min(known, x.shape[0] - first, g.doubt.shape[0])):
        share = x[first + c] / total if x[first + c] > 0.0 else 0.0
        g.doubt[c] = (1.0 if c == best else 0.0) - share


@jit
def _leverage(prior: float, g: Gradients) -> float:
    """The form g' C g of the gradient g = doubt (x) input, and C g along the way."""
    found, n = 0.0, g.input.shape[0]
    for a in range(g.doubt.shape[0]):
        for j in range(n):
            value = prior * g.doubt[a] * g.input[j]
            for b in range(g.doubt.shape[0]):
                if g.doubt[b] != 0.0:
                    for k in range(n):
                        value -= g.known[a, j, b, k] * g.doubt[b] * g.input[k]
            g.along[a * n + j] = value
            found += value * g.doubt[a] * g.input[j]
    return max(found, 0.0)


@jit
def _trace(prior: float, score: float, g: Gradients) -> float:
    """Trace of A C, A being the mean of g g' over all rows with this one."""
    found = 0.0
    for a in range(g.doubt.shape[0]):
        for j in range(g.input.shape[0]):
            found += prior * g.moments[a, j, a, j]
            for b in range(g.doubt.shape[0]):
                for k in range(g.input.shape[0]):
                    found -= g.moments[a, j, b, k] * g.known[a, j, b, k]
    n = g.n_rows[0]
    return float((n * found + score) / (n + 1.0))


@jit
def _chance(p: Purse, score: float, trace: float, known: int) -> float:
    """Labels left a row left, times the leverage in units of its mean."""
    if is_forced(p, known):
        return 1.0
    s, ledger = p.settings, p.ledger
    share = share_now(p)
    if s[HORIZON] < np.inf:
        left = max(s[HORIZON] - ledger[TIME], 1.0)
        share = 0.0 if is_spent(p) else max(s[TOTAL] - ledger[SPENT], 0.0) / left
    if known < 2 or not trace > 0.0:
        return min(share, 1.0)
    return explored(p, min(share, 1.0), min(share * score / trace, 1.0))


@jit
def _learn(ask: bool, score: float, weight: float, g: Gradients) -> None:
    """Take the row into the moments and, if it was asked about, out of what is unknown."""
    n = g.input.shape[0]
    g.n_rows[0] += weight
    part = weight / g.n_rows[0]
    for a in range(g.doubt.shape[0]):
        for j in range(n):
            own, along = g.doubt[a] * g.input[j], g.along[a * n + j]
            for b in range(g.doubt.shape[0]):
                for k in range(n):
                    other = g.doubt[b] * g.input[k]
                    g.moments[a, j, b, k] += part * (own * other - g.moments[a, j, b, k])
                    if ask:
                        g.known[a, j, b, k] += along * g.along[b * n + k] / (1.0 + score)


class DenseVeSSAL(QueryStrategy):
    """Volume sampling as published: the whole inverse covariance of the gradients asked about.

    For comparisons; `VeSSAL` gives leverages of the same kind for a fraction of the cost and
    spends at a steady pace. The gradient of a row is the outer product of its doubt, one-hot of the
    prediction less the probabilities, and its standardized features. Time per event and memory are
    O((n_features n_classes)^2).

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought. With a horizon, the labels that
        are left are spread over the rows that are left, whatever was spent when.
    prior
        Variance of a direction that no row was asked about for; 100 in the released code.
    seed
        Of the draws.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1],
        and a `prior` that is not > 0. At any, without class probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import Budget, DenseVeSSAL
    >>> X = np.random.default_rng(0).normal(size=(2000, 3))
    >>> P = np.random.default_rng(1).dirichlet([1.0, 1.0], 2000)
    >>> strategy = DenseVeSSAL(budget=Budget(total=200, horizon=2000), seed=1)
    >>> asks = strategy.query_fit_many(X, P).asks
    >>> int(asks[:400].sum()) > 40, int(asks.sum()) > 190
    (True, True)

    Notes
    -----
    Algorithm 1 of [1]_ with gradients in order of classes (the released code has them in order of
    probability) and rank one. The trace of the product of both matrices is a sum over their cells,
    where the released code multiplies them. Departures: features stand for the activations before
    the output layer, and are standardized; first questions are those of the budget; what min(1, .)
    cuts off is not made up for at the end.

    References
    ----------
    .. [1] Saran, Yousefi, Krishnamurthy, Langford, Ash (2023), Streaming active learning with deep
       neural networks, ICML. Algorithm 1. arXiv:2303.02535
    """

    _kernel = _dense_vessal
    _state = (
        *QueryStrategy._state,
        Field("moments_", ("C", "F", "C", "F")),
        Field("known_", ("C", "F", "C", "F")),
        Field("n_rows_", (1,)),
        STANDING,
    )

    def __init__(
        self, *, budget: Budget | float = 0.1, prior: float = 100.0, seed: int | None = None
    ) -> None:
        self.budget = budget
        self.prior = prior
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        if not self.prior > 0:
            raise wrong("prior", self.prior, "a number > 0")

    def _own_settings(self) -> tuple[float, ...]:
        return (float(self.prior),)

    def _n_scratch(self) -> int:
        n, k = self.schema_.n_features, self._size("C")
        return n + k + n * k
