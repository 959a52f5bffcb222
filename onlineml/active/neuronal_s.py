"""Labels where two classes promise nearly the same loss, foretold by nets of the strategy's own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.base import Array, Regressor
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import ANSWER_AND_SCORES, Call, Field, Ints, opened
from onlineml.kernels.label_budget import (
    HORIZON,
    OWN,
    TIME,
    Purse,
    by_rank,
    explored,
    is_forced,
    is_spent,
    purse,
    settle,
    share_now,
)
from onlineml.kernels.random import below, seeded
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_GAMMA = OWN  # 0: by rank
_SURE, _ENDLESS = 0.1, 1e4  # delta of the bound, and rows of a stream of unknown length


@entry
def _neuronal_s(d: int) -> int:
    return _rows(opened(d), purse(d))


@jit
def _rows(call: Call, p: Purse) -> int:
    for i in range(call.first, call.last):
        score, n_classes = call.X[i, 0], call.X[i, 1]
        if p.settings[_GAMMA] > 0.0:
            chance = _by_bound(p, 1.0 - score, n_classes)
        else:
            chance = by_rank(p, score, 0)
        settle(call, i, p, chance, score, 0)
    return call.last


@jit
def _by_bound(p: Purse, gap: float, n_classes: float) -> float:
    """Certain where the gap is within the confidence of both losses, while there are labels."""
    if is_forced(p, 0):
        return 1.0
    if is_spent(p) or np.isnan(gap):
        return 0.0 if is_spent(p) else share_now(p)
    t, last = p.ledger[TIME] + 1.0, p.settings[HORIZON]
    last = last if last < np.inf else max(_ENDLESS, t)
    beta = np.sqrt(n_classes / t) + np.sqrt(2.0 * np.log(3.0 * last / _SURE) / t)
    wanted = gap < 2.0 * p.settings[_GAMMA] * beta
    return explored(p, share_now(p), 1.0 if wanted else 0.0)


@jit
def _draw(random: Ints, n: int, places: Ints) -> None:
    for k in range(places.shape[0]):
        places[k] = below(random, 0, n)


class NeurOnAlS(QueryStrategy):
    """Asks where the two classes of least foretold loss are nearest each other.

    For each class a net foretells the loss of predicting it, 0 or 1, from the row. With
    `exploration` a second net foretells the error of the first from the row, its output and its
    distance from the best of the others. The nets belong to the strategy and learn the answers, by
    replay; no other learner is listened to. Answers must be given by `answer_one`. The score is 1
    less the gap. Time per event is that of an answer of every net; memory is theirs and
    O((n_labeled + max_pending) n_features).

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    rule
        "rank": the greatest of the last scores are asked about, at the pace of the budget.
        "bound": as published, whatever gap is below 2 gamma beta; that spends the labels early.
    gamma
        Width of the bound, for rule "bound".
    exploration
        Have the second net.
    hidden
        Widths of the hidden layers of every net.
    learning_rate
        Length of a step (Adam).
    n_replays
        Steps at an answer, half of them with the new row, the others with rows of the past.
    n_labeled
        Last rows with labels that are kept for replay.
    max_pending
        Most rows that wait for their labels; older ones are given up.
    seed
        Of the nets and draws.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1], an
        unknown `rule`, a `gamma` that is not > 0, an `n_replays`, `n_labeled` or `max_pending` that
        is not a whole number >= 1, and what `MLPRegressor` refuses of `hidden` and `learning_rate`.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import NeurOnAlS
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> strategy = NeurOnAlS(budget=0.1, hidden=(16,), seed=1)
    >>> asked = []
    >>> for i, x in enumerate(X):
    ...     if strategy.query_fit_one(x, id=i).ask:
    ...         strategy = strategy.answer_one(i, "right" if x[0] > 0 else "left")
    ...         asked.append(i)
    >>> bool(abs(len(asked) - 100) < 5), bool(np.abs(X[asked[50:], 0]).mean() < 0.5)
    (True, True)

    Notes
    -----
    Algorithm 1 of [1]_. Departures: a net for each class instead of one output for each; the
    second net reads the row, not the gradients of the first, which for a linear output layer are
    copies of its hidden layer; steps are by replay, not over the whole history; rows that are not
    asked about teach nothing (there: their own prediction); the bound has S = 1.

    References
    ----------
    .. [1] Ban, Zhang, Tong, Banerjee, He (2024), Neural active learning beyond bandits, ICLR.
       arXiv:2404.12522
    """

    _kernel = _neuronal_s
    _state = (
        *QueryStrategy._state,
        Field("draws_", (1,), np.int64),
        Field("rows_", ("M", "F"), fill=np.nan),
        Field("codes_", ("M",), np.int64),
        Field("count_", (1,), np.int64),
    )
    _needs_proba = False
    _learns_answers = True

    labels_: list[Hashable]
    losses_: list[Regressor]
    errors_: list[Regressor]
    draws_: Ints
    rows_: Array
    codes_: Ints
    count_: Ints

    def __init__(
        self,
        *,
        budget: Budget | float = 0.1,
        rule: Literal["rank", "bound"] = "rank",
        gamma: float = 1.0,
        exploration: bool = False,
        hidden: Sequence[int] = (64,),
        learning_rate: float = 0.001,
        n_replays: int = 128,
        n_labeled: int = 1000,
        max_pending: int = 1000,
        seed: int | None = None,
    ) -> None:
        self.budget = budget
        self.rule = rule
        self.gamma = gamma
        self.exploration = exploration
        self.hidden = hidden
        self.learning_rate = learning_rate
        self.n_replays = n_replays
        self.n_labeled = n_labeled
        self.max_pending = max_pending
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        if self.rule not in ("rank", "bound"):
            raise wrong("rule", self.rule, "'rank' or 'bound'")
        if not self.gamma > 0:
            raise wrong("gamma", self.gamma, "a number > 0")
        for name in ("n_replays", "n_labeled", "max_pending"):
            whole(name, getattr(self, name), 1)
        self._net(0)._check()

    def _net(self, number: int) -> Regressor:
        from onlineml.learners import MLPRegressor

        return MLPRegressor(
            hidden=self.hidden,
            learning_rate=self.learning_rate,
            seed=None if self.seed is None else self.seed + number,
        )

    def _sizes(self) -> dict[str, int]:
        return {**super()._sizes(), "M": self.n_labeled}

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        self.draws_[:] = seeded(self.seed, 2)[1]
        self.labels_, self.losses_, self.errors_ = [], [], []

    def _admit(self, schema: Schema) -> None:
        known = self.schema_.n_features if self.is_started else schema.n_features
        super()._admit(schema)
        if schema.n_features > known:  # the nets begin anew; what was replayed teaches them
            n = len(self.losses_)
            self.losses_, self.errors_ = [], []
            self._add_nets(n)

    def _own_settings(self) -> tuple[float, ...]:
        return (float(self.gamma) if self.rule == "bound" else 0.0,)

    def _n_columns(self) -> int:
        return 2

    def _take(self, x: Any, proba: Any) -> bool:
        return False  # the nets have to be asked first

    def _through(self, rows: Array, shares: Array, weights: Array | None, fit: bool) -> Array:
        known = len(self.labels_)
        scores = np.full(len(rows), np.nan)
        if known > 1 and len(rows):
            least = np.partition(self.foretell(rows), 1, axis=1)
            scores = 1.0 - (least[:, 1] - least[:, 0])
        joined = np.column_stack([scores, np.full(len(rows), float(known))])
        return self._pass(joined, None, weights, ANSWER_AND_SCORES, fit)

    def foretell(self, rows: Array) -> Array:
        """Losses of predicting each of `labels_`, shape `(n_rows, n_labels)`."""
        if not (self.is_started and self.losses_):
            return np.empty((len(rows), 0))
        found = np.column_stack([net.predict_many(rows) for net in self.losses_])
        if self.exploration and found.shape[1] > 1:
            reads = [self._reads(rows, found, c) for c in range(found.shape[1])]
            found = found + np.column_stack(
                [net.predict_many(read) for net, read in zip(self.errors_, reads, strict=True)]
            )
        return found

    @staticmethod
    def _reads(rows: Array, losses: Array, c: int) -> Array:
        """What the second net of a class reads."""
        others = np.delete(losses, c, axis=1).min(1)
        return np.column_stack([rows, losses[:, c], losses[:, c] - others])

    def _add_nets(self, n: int) -> None:
        for _ in range(n):
            number = 2 * len(self.losses_)
            self.losses_.append(self._net(number))
            if self.exploration:
                self.errors_.append(self._net(number + 1))

    def _learn_answer(self, row: Array, y: Hashable) -> None:
        if y not in self.labels_:
            self.labels_.append(y)
            self._add_nets(1)
        place = self.count_[0] % len(self.rows_)
        self.rows_[place] = row[: self.schema_.n_features]
        self.codes_[place] = self.labels_.index(y)
        self.count_[0] += 1
        drawn = np.empty(self.n_replays, np.int64)
        _draw(self.draws_, min(self.count_[0], len(self.rows_)), drawn)
        drawn[::2] = place
        rows, codes = self.rows_[drawn], self.codes_[drawn]
        if self.exploration and len(self.labels_) > 1:
            before = np.column_stack([net.predict_many(rows) for net in self.losses_])
            for c, net in enumerate(self.errors_):
                net.fit_many(self._reads(rows, before, c), (codes != c) - before[:, c])
        for c, net in enumerate(self.losses_):
            net.fit_many(rows, (codes != c).astype(np.float64))
