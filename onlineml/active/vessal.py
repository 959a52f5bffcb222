"""Labels in proportion to what they would add to the volume of gradients seen."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f2, i1, opened, scratch
from onlineml.kernels.label_budget import (
    FIRST,
    N_FEATURES,
    N_SCORES,
    OWN,
    Purse,
    by_rank,
    explored,
    is_forced,
    known_classes,
    purse,
    settle,
    share_now,
)
from onlineml.kernels.standing import STANDING, stand, standardize
from onlineml.kernels.uncertainty import top_two
from onlineml.parameters import whole
from onlineml.schema import wrong

_PRIOR, _BY_RANK = OWN, OWN + 1


class Chosen(NamedTuple):
    """The rows that were asked about last, and room for one more."""

    inputs: Array  # (M, F): standardized
    doubts: Array  # (M, C): one-hot of the prediction, less the probabilities
    factor: Array  # (M, M): Cholesky factor of I + prior * Gram matrix
    n_held: Ints
    standing: Array
    input: Array
    doubt: Array
    solved: Array


@entry
def _vessal(d: int) -> int:
    inputs, doubts, standing = f2(d, FIRST), f2(d, FIRST + 1), f2(d, FIRST + 4)
    n, k, m = inputs.shape[1], doubts.shape[1], inputs.shape[0]
    room = scratch(d)[0]
    chosen = Chosen(
        inputs, doubts, f2(d, FIRST + 2), i1(d, FIRST + 3), standing,
        room[:n], room[n : n + k], room[n + k : n + k + 2 * m],
    )  # fmt: skip
    return _rows(opened(d), purse(d), chosen)


@jit
def _rows(call: Call, p: Purse, chosen: Chosen) -> int:
    s = p.settings
    for i in range(call.first, call.last):
        x, known = call.X[i], known_classes(p, call.X[i])
        standardize(x, chosen.standing, chosen.input)
        score = np.nan
        if known > 1:
            length = _embed(x, int(s[N_FEATURES]), known, chosen)
            score = _leverage(length, s[_PRIOR], chosen)
        ranked = s[_BY_RANK] > 0.0
        chance = by_rank(p, score, known) if ranked else _by_volume(p, score, known)
        ask = settle(call, i, p, chance, score, known)
        if call.fit and call.weight[i] > 0.0:
            if ask and known > 1:
                _choose(length, s[_PRIOR], chosen)
            stand(x, call.weight[i], chosen.standing)
    return call.last


@jit
def _embed(x: Array, first: int, known: int, chosen: Chosen) -> float:
    """Write the doubt of a row; the squared length of doubt (x) input, with a constant input."""
    best, _, _, total = top_two(x, first, known)
    squares, length = 0.0, 1.0
    chosen.doubt[:] = 0.0
    for c in range(min(known, x.shape[0] - first)):
        share = x[first + c] / total if x[first + c] > 0.0 else 0.0
        own = (1.0 if c == best else 0.0) - share
        squares += own * own
        if c < chosen.doubt.shape[0]:
            chosen.doubt[c] = own
    for j in range(chosen.input.shape[0]):
        length += chosen.input[j] * chosen.input[j]
    return squares * length


@jit
def _leverage(length: float, prior: float, chosen: Chosen) -> float:
    """The form g' C g, for C = (I / prior + sum of chosen g g')^-1, by the chosen's Gram matrix."""
    solved, left = chosen.solved, prior * length
    for j in range(chosen.n_held[0]):
        doubts, inputs = 0.0, 1.0
        for c in range(chosen.doubt.shape[0]):
            doubts += chosen.doubts[j, c] * chosen.doubt[c]
        if doubts != 0.0:
            for f in range(chosen.input.shape[0]):
                inputs += chosen.inputs[j, f] * chosen.input[f]
        value = prior * doubts * inputs
        for k in range(j):
            value -= chosen.factor[j, k] * solved[k]
        solved[j] = value / chosen.factor[j, j]
        left -= solved[j] * solved[j]
    return max(left, 0.0)


@jit
def _by_volume(p: Purse, score: float, known: int) -> float:
    """Chance in proportion to the score, so that the last ones would have used the share."""
    if is_forced(p, known):
        return 1.0
    share = share_now(p)
    n = int(min(p.ledger[N_SCORES], p.window.shape[0]))
    if share == 0.0 or n == 0 or np.isnan(score):
        return share
    factor, sure = 0.0, -1
    while True:  # raise the factor until no more of them are certain
        now, total = 0, 0.0
        for k in range(n):
            if sure >= 0 and factor * p.window[k] >= 1.0:
                now += 1
            else:
                total += p.window[k]
        if now == sure or total <= 0.0 or share * n <= now:
            break
        sure, factor = now, (share * n - now) / total
    return explored(p, share, min(factor * score, 1.0))


@jit
def _choose(length: float, prior: float, chosen: Chosen) -> None:
    """Take the row into the chosen, in the place of the oldest if there is no room."""
    count, room = chosen.n_held, chosen.inputs.shape[0]
    if count[0] == room:
        _drop_oldest(chosen)
    left = _leverage(length, prior, chosen)
    m = count[0]
    for k in range(m):
        chosen.factor[m, k] = chosen.solved[k]
    chosen.factor[m, m] = np.sqrt(1.0 + left)
    chosen.inputs[m], chosen.doubts[m] = chosen.input, chosen.doubt
    count[0] += 1


@jit
def _drop_oldest(chosen: Chosen) -> None:
    """Shift all rows by one; the factor of the rest is that of its own block and a column more."""
    factor, n = chosen.factor, chosen.n_held[0] - 1
    column = chosen.solved[chosen.inputs.shape[0] :]
    for i in range(n):
        column[i] = factor[i + 1, 0]
        chosen.inputs[i], chosen.doubts[i] = chosen.inputs[i + 1], chosen.doubts[i + 1]
        for j in range(i + 1):
            factor[i, j] = factor[i + 1, j + 1]
    for k in range(n):
        root = np.sqrt(factor[k, k] ** 2 + column[k] ** 2)
        cosine, sine = root / factor[k, k], column[k] / factor[k, k]
        factor[k, k] = root
        for i in range(k + 1, n):
            factor[i, k] = (factor[i, k] + sine * column[i]) / cosine
            column[i] = cosine * column[i] - sine * factor[i, k]
    chosen.n_held[0] = n


class VeSSAL(QueryStrategy):
    """Asks in proportion to a row's leverage: what its gradient would add to those asked for.

    The gradient of a row is the outer product of its doubt, one-hot of the prediction less the
    probabilities, and its input, the standardized features and a constant; best are the
    activations before the output layer. Its leverage among the rows asked about last is the score.
    It is computed from their inner products: time per event is
    O(n_chosen (n_features + n_classes + n_chosen)), memory the same, whatever the product of
    features and classes.

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    n_chosen
        Rows asked about that new ones are compared with.
    prior
        Variance of a direction that no row was asked about for.
    rule
        "volume": the chance of a question is proportional to the leverage, so that those of the
        last rows would have used the share of the budget. "rank": the greatest are asked about.
    seed
        Of the draws.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1], an
        `n_chosen` that is not a whole number >= 1, a `prior` that is not > 0, and an unknown
        `rule`. At any, without class probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import VeSSAL
    >>> X = np.random.default_rng(0).normal(size=(4000, 3))
    >>> X[::10] *= 3.0
    >>> P = np.full((4000, 2), 0.5)
    >>> asks = VeSSAL(budget=0.1, seed=1).query_fit_many(X, P).asks
    >>> bool(abs(asks.mean() - 0.1) < 0.002), bool(asks[::10].mean() > 0.3)
    (True, True)

    Notes
    -----
    Volume sampling as in [1]_, section 3, gradients in order of classes as published (the released
    code has them in order of probability). Departures: the last `n_chosen` rows stand for all
    that were asked about, as inputs and learner change; a factor that solves
    mean(min(1, factor * leverage)) = share over the last rows takes the place of share / trace,
    which loses what min(1, .) cuts off and spends early; the pace is the budget's. The published
    form costs O((n_features n_classes)^2) an event or more; this one gives the same leverages.

    References
    ----------
    .. [1] Saran, Yousefi, Krishnamurthy, Langford, Ash (2023), Streaming active learning with deep
       neural networks, ICML. Algorithm 1. arXiv:2303.02535
    """

    _kernel = _vessal
    _state = (
        *QueryStrategy._state,
        Field("inputs_", ("M", "F")),
        Field("doubts_", ("M", "C")),
        Field("factor_", ("M", "M")),
        Field("count_", (1,), np.int64),
        STANDING,
    )

    def __init__(
        self,
        *,
        budget: Budget | float = 0.1,
        n_chosen: int = 64,
        prior: float = 1.0,
        rule: Literal["volume", "rank"] = "volume",
        seed: int | None = None,
    ) -> None:
        self.budget = budget
        self.n_chosen = n_chosen
        self.prior = prior
        self.rule = rule
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        whole("n_chosen", self.n_chosen, 1)
        if not self.prior > 0:
            raise wrong("prior", self.prior, "a number > 0")
        if self.rule not in ("volume", "rank"):
            raise wrong("rule", self.rule, "'volume' or 'rank'")

    def _sizes(self) -> dict[str, int]:
        return {**super()._sizes(), "M": self.n_chosen}

    def _own_settings(self) -> tuple[float, ...]:
        return float(self.prior), float(self.rule == "rank")

    def _n_scratch(self) -> int:
        return self.schema_.n_features + self._size("C") + 2 * self.n_chosen
