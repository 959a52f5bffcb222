"""Experts that come when the majority errs, and go when they err too often."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier, Estimator
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER, Field, Ints
from onlineml.kernels.votes import answer_from_votes
from onlineml.learners.gaussian_nb import GaussianNB
from onlineml.learners.members import MEMBER_FIELDS, NO_ANSWERS, Ensemble, notice
from onlineml.schema import Schema, wrong


@jit
def _tally(
    answers: Array, shares: Array, seen: Ints, y: Array, out: Array, serve: int, fit: bool
) -> None:
    """Each expert votes for its answer, with its share; a share of 0 is an empty place."""
    for i in range(y.shape[0]):
        for c in range(1, out.shape[1]):
            out[i, c] = 0.0
        for m in range(shares.shape[0]):
            if shares[m] > 0.0 and answers[m, i, 0] >= 0.0:
                out[i, 1 + int(answers[m, i, 0])] += shares[m]
        answer_from_votes(out[i], seen[0], serve)
        if fit:
            seen[0] = max(seen[0], int(y[i]) + 1)


@jit
def _judge(
    answers: Array, y: float, beta: float, theta: float, shares: Array, votes: Array
) -> bool:
    """Punish the experts that are wrong, expel the hopeless; whether the majority was right."""
    best, top = -1, 0.0
    for m in range(shares.shape[0]):
        if shares[m] > 0.0:
            c = int(answers[m, 0])
            if answers[m, 0] != y:
                shares[m] *= beta
            if c >= 0:
                votes[c] += shares[m]
    for c in range(votes.shape[0]):
        if votes[c] > top:
            best, top = c, votes[c]
    heaviest = shares.max()
    for m in range(shares.shape[0]):
        shares[m] /= heaviest
        if shares[m] < theta:
            shares[m] = 0.0
    return best == y


class DynamicWeightedMajority(Ensemble, Classifier):
    """A weighted vote of experts, in number as many as the stream calls for.

    Every `period` rows, experts that are wrong lose weight, those below `theta` of the heaviest
    go, and where the vote was wrong a fresh expert comes. All experts learn all rows. Time per
    event is that of the present experts; memory is that of `n_members` of them.

    Parameters
    ----------
    base
        Unfitted classifier that experts are clones of; None for a `GaussianNB`.
    n_members
        Experts at most: when there are as many, a fresh one takes the place of the lightest.
    period
        Rows from one judgment to the next.
    beta
        What the weight of an expert that is wrong is multiplied by.
    theta
        An expert goes when its weight is below this share of the heaviest.
    seed
        Experts that have a `seed` of their own get one drawn from this.
    max_bytes
        Bound of `nbytes`, shared out evenly among `n_members` experts; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `base` is None or a classifier whose own parameters can be used,
        `n_members` and `period` are whole numbers >= 1, `beta` and `theta` lie in (0, 1), and
        `max_bytes` > 0 or None. At any event whose features or classes leave no room within
        `max_bytes` for `n_members` experts.

    Examples
    --------
    >>> from onlineml.learners import DynamicWeightedMajority
    >>> model = DynamicWeightedMajority(period=10)
    >>> rows = [[1.0], [2.0], [8.0], [9.0]] * 100
    >>> model = model.fit_many(rows, ["low", "low", "high", "high"] * 100)
    >>> model = model.fit_many(rows, ["high", "high", "low", "low"] * 100)
    >>> model.predict_one([1.5]), model.n_experts
    ('high', 1)

    Notes
    -----
    Departs from [1]_ in the limit on the number of experts. Rows of weight 0 do not count towards
    the period.

    References
    ----------
    .. [1] Kolter, Maloof (2007), Dynamic weighted majority: an ensemble method for drifting
       concepts, JMLR 8, 2755-2790. Figure 1.
    """

    _state = (
        *MEMBER_FIELDS,
        Field("seen_", (1,), np.int64),
        Field("n_rows_", (1,), np.int64),
        Field("shares_", ("M",)),
    )

    seen_: Ints
    n_rows_: Ints
    shares_: Array

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 25,
        period: int = 50,
        beta: float = 0.5,
        theta: float = 0.01,
        seed: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self.base = base
        self.n_members = n_members
        self.period = period
        self.beta = beta
        self.theta = theta
        self.seed = seed
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        return GaussianNB() if self.base is None else self.base

    def _check(self) -> None:
        super()._check()
        if not self.period >= 1:
            raise wrong("period", self.period, "a number of rows >= 1")
        for name in ("beta", "theta"):
            if not 0 < getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number between 0 and 1")

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        self.shares_[0] = 1.0

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        ends = self._judgments(weight) if fit else []
        start = 0
        for end in dict.fromkeys([*ends, len(X)]):
            rows = X[start:end], y[start:end], weight[start:end]
            answers = self._run_experts(*rows, out[start:end], serve, fit)
            if end in ends:
                self._judge(answers[:, -1], *(part[-1:] for part in rows))
            start = end

    def _judgments(self, weight: Array) -> list[int]:
        """Ends of the parts after whose last row experts are judged; counts the rows."""
        counts = int(self.n_rows_[0]) + np.cumsum(weight > 0.0)
        self.n_rows_[0] = counts[-1] if len(counts) else self.n_rows_[0]
        last = np.flatnonzero((weight > 0.0) & (counts % int(self.period) == 0))
        ends: list[int] = (last + 1).tolist()
        return ends

    def _run_experts(
        self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool
    ) -> Array:
        """Run those that are present; nothing happens between experts within these rows."""
        answers = self._room(len(X))
        for m in np.flatnonzero(self.shares_).tolist():
            self.members_[m]._run(X, y, weight, answers[m], ANSWER, fit)
        if serve:
            _tally(answers, self.shares_, self.seen_, y, out, serve, fit)
        else:
            notice(self.seen_, y)
        return answers

    def _judge(self, answers: Array, x: Array, y: Array, weight: Array) -> None:
        """Experts come and go by their answers to the last row; a fresh one learns it."""
        present = self.shares_ > 0.0
        votes = np.zeros(len(self.classes_))
        right = _judge(answers, y[0], float(self.beta), float(self.theta), self.shares_, votes)
        for m in np.flatnonzero(present & (self.shares_ == 0.0)).tolist():
            self._replace(m)
        if not right:
            place = int(self.shares_.argmin())  # an empty one, or that of the lightest
            if self.shares_[place] > 0.0:
                self._replace(place)
            self.shares_[place] = 1.0
            self.members_[place]._run(x, y, weight, NO_ANSWERS, 0, True)

    @property
    def n_experts(self) -> int:
        """Experts that are present."""
        return int((self.shares_ > 0.0).sum()) if self.is_started else 0
