"""Labels for rows over which a committee of learners disagrees."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np

from onlineml.active.budget import Budget, by_given_score
from onlineml.active.query_strategy import QueryStrategy
from onlineml.base import Array, Classifier
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.random import poisson, seeded
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong

_DECIMALS = 9  # of a score: below is rounding, which must not rank rows that all agree on


class CommitteeSampling(QueryStrategy):
    """Asks where the members of a committee disagree most, at a steady pace.

    The committee belongs to the strategy: each answer is learned by every member as often as a
    Poisson variable of mean 1 says, so that they differ where labels are few. No other learner is
    listened to; answers must be given by `answer_one`. Time per event is that of an answer of
    every member; memory is theirs and O(max_pending n_features + window_size).

    Parameters
    ----------
    base
        The unfitted classifier that members are copies of.
    budget
        A `Budget`, or the share of rows whose labels are bought.
    n_members
        Members of the committee.
    disagreement
        "vote": entropy of their votes. "divergence": mean Kullback-Leibler divergence of their
        probabilities from the mean of them, which linear members have far out too.
    max_pending
        Most rows that wait for their labels; older ones are given up.
    seed
        Of the draws, and of members that have one.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1], a
        `base` that is no classifier, an `n_members` that is not a whole number >= 2, a
        `max_pending` not one >= 1, and an unknown `disagreement`.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import CommitteeSampling
    >>> from onlineml.learners import SoftmaxRegression
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> strategy = CommitteeSampling(base=SoftmaxRegression(), budget=0.05, seed=1)
    >>> asked = []
    >>> for i, x in enumerate(X):
    ...     if strategy.query_fit_one(x, id=i).ask:
    ...         strategy = strategy.answer_one(i, "right" if x[0] > 0 else "left")
    ...         asked.append(i)
    >>> bool(abs(len(asked) - 100) < 5), bool(np.abs(X[asked[50:], 0]).mean() < 0.4)
    (True, True)

    Notes
    -----
    Votes as in [1]_, divergence as in [2]_, equation 3; members by online bagging [3]_. Scores are
    ranked among the last ones of the stream. While members know fewer than two classes rows are
    asked about at random.

    References
    ----------
    .. [1] Dagan, Engelson (1995), Committee-based sampling for training probabilistic classifiers,
       ICML, 150-157.
    .. [2] McCallum, Nigam (1998), Employing EM and pool-based active learning for text
       classification, ICML, 350-358.
    .. [3] Oza, Russell (2001), Online bagging and boosting, AISTATS. Figure 1.
    """

    _kernel = by_given_score
    _state = (*QueryStrategy._state, Field("draws_", (1,), np.int64))
    _needs_proba = False
    _learns_answers = True

    members_: list[Classifier]
    draws_: Ints

    def __init__(
        self,
        *,
        base: Classifier,
        budget: Budget | float = 0.1,
        n_members: int = 5,
        disagreement: Literal["vote", "divergence"] = "vote",
        max_pending: int = 1000,
        seed: int | None = None,
    ) -> None:
        self.base = base
        self.budget = budget
        self.n_members = n_members
        self.disagreement = disagreement
        self.max_pending = max_pending
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        if not isinstance(self.base, Classifier):
            raise wrong("base", self.base, "a classifier")
        whole("n_members", self.n_members, 2)
        whole("max_pending", self.max_pending, 1)
        if self.disagreement not in ("vote", "divergence"):
            raise wrong("disagreement", self.disagreement, "'vote' or 'divergence'")

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        states = seeded(self.seed, 1 + self.n_members)
        self.draws_[:] = states[0]
        self.members_ = [self.base.clone() for _ in range(self.n_members)]
        seeds = [name for name in self.base.get_params() if name.split("__")[-1] == "seed"]
        for member, state in zip(self.members_, states[1:].tolist(), strict=True):
            member.set_params(**dict.fromkeys(seeds, state % 2**32))
            member._begin(schema)

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        for member in self.members_:
            member._admit(schema)

    def _n_columns(self) -> int:
        return 1

    def _take(self, x: Any, proba: Any) -> bool:
        return False  # members have to be asked first

    def _through(self, rows: Array, shares: Array, weights: Array | None, fit: bool) -> Array:
        scores = self._scores(rows)[:, None]
        return self._pass(scores, None, weights, ANSWER_AND_SCORES, fit)

    def _scores(self, rows: Array) -> Array:
        """Disagreement over each row; NaN where members know fewer than two classes."""
        said = np.array([member.predict_proba_many(rows) for member in self.members_])
        if said.shape[2] < 2:
            return np.full(len(rows), np.nan)
        if self.disagreement == "vote":
            said = (said.argmax(2)[:, :, None] == np.arange(said.shape[2])).astype(np.float64)
        mean = said.mean(0)
        # the mean divergence is the entropy of the mean less the mean entropy; votes have none
        found: Array = np.round(_entropies(mean) - _entropies(said).mean(0), _DECIMALS)
        return np.maximum(found, 0.0)

    def _learn_answer(self, row: Array, y: Hashable) -> None:
        x = row[: self.schema_.n_features]
        for member in self.members_:
            member.fit_one(x, y, weight=float(poisson(self.draws_, 0, 1.0)))


def _entropies(shares: Array) -> Array:
    """Over the last axis, in nats."""
    logs = np.log(np.where(shares > 0.0, shares, 1.0))
    found: Array = -(shares * logs).sum(-1)
    return found
