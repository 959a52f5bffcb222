"""Labels by what they may be expected to do for the accuracy around a row."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal, NamedTuple

import numpy as np

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f2, i1, opened, scratch
from onlineml.kernels.label_budget import (
    FIRST,
    N_SCORES,
    OWN,
    RATE,
    SPENT,
    TIME,
    Purse,
    by_rank,
    explored,
    is_forced,
    is_spent,
    purse,
    settle,
)
from onlineml.kernels.standing import STANDING, stand, standardize
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_WIDTH, _PRIOR, _TOLERANCE = OWN, OWN + 1, OWN + 2


class Around(NamedTuple):
    """Rows with labels, the last rows of the stream, and room to compare with them."""

    labeled: Array  # (M, F): standardized
    codes: Ints  # (M,): of their labels
    recent: Array  # (N, F)
    counts: Ints  # rows with labels, rows of the stream, classes
    standing: Array
    input: Array
    sorted: Array  # (W + 1,)
    odds: Array


@entry
def _pal(d: int) -> int:
    p, recent, room = purse(d), f2(d, FIRST + 2), scratch(d)[0]
    n, w = recent.shape[1], p.window.shape[0] + 1
    around = Around(
        f2(d, FIRST), i1(d, FIRST + 1), recent, i1(d, FIRST + 3), f2(d, FIRST + 4),
        room[:n], room[n : n + w], room[n + w :],
    )  # fmt: skip
    return _rows(opened(d), p, around)


@jit
def _rows(call: Call, p: Purse, around: Around) -> int:
    for i in range(call.first, call.last):
        x, known = call.X[i], around.counts[2]
        standardize(x, around.standing, around.input)
        score = np.nan
        if known > 1:
            _estimate(p.settings, known, around)
            score = _gain(around.odds[:known]) * _density(p.settings, around)
        if p.settings[_TOLERANCE] > 0.0:
            chance = _by_balance(p, score, known, around.sorted)
        else:
            chance = by_rank(p, score, known)
        settle(call, i, p, chance, score, known)
        if call.fit and call.weight[i] > 0.0:
            around.recent[around.counts[1] % around.recent.shape[0]] = around.input
            around.counts[1] += 1
            stand(x, call.weight[i], around.standing)
    return call.last


@jit
def _likeness(row: Array, input: Array, width: float) -> float:
    """Normal kernel of the distance between rows, per feature."""
    found, n = 0.0, input.shape[0]
    for j in range(n):
        gap = row[j] - input[j]
        found += gap * gap
    return float(np.exp(-found / (2.0 * width * width * max(n, 1))))


@jit
def _estimate(s: Array, known: int, around: Around) -> None:
    """Labels of each class around the row, weighted by likeness, and the prior."""
    around.odds[:known] = s[_PRIOR]
    for m in range(min(around.counts[0], around.labeled.shape[0])):
        around.odds[around.codes[m]] += _likeness(around.labeled[m], around.input, s[_WIDTH])


@jit
def _density(s: Array, around: Around) -> float:
    """Mean likeness to the last rows of the stream."""
    found, n = 0.0, min(around.counts[1], around.recent.shape[0])
    for m in range(n):
        found += _likeness(around.recent[m], around.input, s[_WIDTH])
    return float(found / n) if n > 0 else 1.0


@jit
def _gain(odds: Array) -> float:
    """Expected rise of the accuracy here per label, the better of one and two labels."""
    total, best = 0.0, 0
    for c in range(odds.shape[0]):
        total += odds[c]
        best = c if odds[c] > odds[best] else best
    now, one, two = odds[best] / total, 0.0, 0.0
    for a in range(odds.shape[0]):
        one += odds[a] * max(odds[best], odds[a] + 1.0)
        two += odds[a] * (odds[a] + 1.0) * max(odds[best], odds[a] + 2.0)
        for b in range(a):
            after = max(odds[best], max(odds[a], odds[b]) + 1.0)
            two += 2.0 * odds[a] * odds[b] * after
    one = one / (total * (total + 1.0)) - now
    two = two / (total * (total + 1.0) * (total + 2.0)) - now
    return float(max(one, two / 2.0, 0.0))


@jit
def _by_balance(p: Purse, score: float, known: int, values: Array) -> float:
    """The balanced incremental quantile filter: a quantile of the last scores, with a correction.

    The correction is the range of the scores for every `tolerance` labels that are owed.
    """
    if is_forced(p, known):
        return 1.0
    rate = p.settings[RATE]
    if is_spent(p) or np.isnan(score):
        return 0.0 if is_spent(p) else rate
    n = int(min(p.ledger[N_SCORES], p.window.shape[0] - 1)) + 1
    for k in range(n - 1):
        values[k] = p.window[int(p.ledger[N_SCORES] - 1 - k) % p.window.shape[0]]
    values[n - 1] = score
    values[:n].sort()
    place = (1.0 - rate) * (n - 1)
    low = int(place)
    high = min(low + 1, n - 1)
    bound = values[low] + (place - low) * (values[high] - values[low])
    owed = rate * (p.ledger[TIME] + 1.0) - p.ledger[SPENT]
    bound -= (values[n - 1] - values[0]) * owed / p.settings[_TOLERANCE]
    return explored(p, rate, 1.0 if score >= bound else 0.0)


class PAL(QueryStrategy):
    """Asks where a label may be expected to raise the accuracy most: probabilistic active learning.

    It keeps the rows whose labels came. Around a new row they are counted by class, weighted by a
    normal kernel; if the accuracy here is a Dirichlet variable with these counts, its expected rise
    by one or two more labels can be told. The score is that, times the density of rows. No learner
    is listened to; answers must be given by `answer_one`. Time per event is
    O((n_labeled + n_neighbors) n_features + n_classes^2 + window_size), memory
    O((n_labeled + n_neighbors + max_pending) n_features + window_size).

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    rule
        "rank": the greatest of the last scores are asked about, at the pace of the budget.
        "balanced": the balanced incremental quantile filter.
    tolerance
        Labels; the "balanced" rule moves its bound by the range of the scores for so many owed.
    width
        Of the kernel, in standard deviations a feature.
    prior
        Labels of each class that are counted beforehand.
    n_labeled
        Last rows with labels that are kept.
    n_neighbors
        Last rows of the stream among which the density is measured.
    max_pending
        Most rows that wait for their labels; older ones are given up.
    seed
        Of the draw between equal scores.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1], an
        unknown `rule`, a `tolerance`, `width` or `prior` that is not > 0, and an `n_labeled`,
        `n_neighbors` or `max_pending` that is not a whole number >= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import PAL
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> strategy = PAL(budget=0.05, seed=1)
    >>> asked = []
    >>> for i, x in enumerate(X):
    ...     if strategy.query_fit_one(x, id=i).ask:
    ...         strategy = strategy.answer_one(i, "right" if x[0] > 0 else "left")
    ...         asked.append(i)
    >>> bool(abs(len(asked) - 100) < 5), bool(np.abs(X[asked[50:]]).mean() < 0.8)
    (True, True)

    Notes
    -----
    The gain is that of [1]_, equations 5 to 8, for accuracy and up to two labels; weights of
    density and the filter are those of [2]_, sections 3 and 4. Departures: features are
    standardized by all rows; the first questions are those of the budget, and with "balanced" its
    total is kept, but not its pace.

    References
    ----------
    .. [1] Kottke, Krempl, Lang, Teschner, Spiliopoulou (2016), Multi-class probabilistic active
       learning, ECAI. doi:10.3233/978-1-61499-672-9-586
    .. [2] Kottke, Krempl, Spiliopoulou (2015), Probabilistic active learning in datastreams, IDA.
       doi:10.1007/978-3-319-24465-5_13
    """

    _kernel = _pal
    _state = (
        *QueryStrategy._state,
        Field("labeled_", ("M", "F")),
        Field("codes_", ("M",), np.int64),
        Field("recent_", ("N", "F")),
        Field("counts_", (3,), np.int64),
        STANDING,
    )
    _needs_proba = False
    _learns_answers = True

    labeled_: Array
    codes_: Ints
    counts_: Ints
    standing_: Array
    labels_: list[Hashable]

    def __init__(
        self,
        *,
        budget: Budget | float = 0.1,
        rule: Literal["rank", "balanced"] = "rank",
        tolerance: float = 50.0,
        width: float = 0.3,
        prior: float = 0.001,
        n_labeled: int = 500,
        n_neighbors: int = 100,
        max_pending: int = 1000,
        seed: int | None = None,
    ) -> None:
        self.budget = budget
        self.rule = rule
        self.tolerance = tolerance
        self.width = width
        self.prior = prior
        self.n_labeled = n_labeled
        self.n_neighbors = n_neighbors
        self.max_pending = max_pending
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        if self.rule not in ("rank", "balanced"):
            raise wrong("rule", self.rule, "'rank' or 'balanced'")
        for name in ("tolerance", "width", "prior"):
            if not getattr(self, name) > 0:
                raise wrong(name, getattr(self, name), "a number > 0")
        for name in ("n_labeled", "n_neighbors", "max_pending"):
            whole(name, getattr(self, name), 1)

    def _sizes(self) -> dict[str, int]:
        return {**super()._sizes(), "M": self.n_labeled, "N": self.n_neighbors}

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        self.labels_ = []

    def _own_settings(self) -> tuple[float, ...]:
        balanced = self.rule == "balanced"
        return float(self.width), float(self.prior), float(self.tolerance) if balanced else 0.0

    def _n_scratch(self) -> int:
        return self.schema_.n_features + self._size("W") + 1 + len(self.labels_)

    def _learn_answer(self, row: Array, y: Any) -> None:
        if y not in self.labels_:
            self.labels_.append(y)
            self._forget_caches()  # the kernel needs more room
        place = self.counts_[0] % len(self.labeled_)
        standardize(row, self.standing_, self.labeled_[place])
        self.codes_[place] = self.labels_.index(y)
        self.counts_[0] += 1
        self.counts_[2] = len(self.labels_)
