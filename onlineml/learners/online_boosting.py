"""Boosting on a stream: what one member gets wrong, the next ones learn more."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier, Estimator
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.random import normal, poisson
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.members import GENERATORS, MEMBER_FIELDS, Ensemble, notice, pool

_MANY = 30.0  # from here on, Poisson numbers are drawn from a normal distribution


@jit
def _draw(generators: Ints, m: int, mean: Array, weight: Array, drawn: Array) -> None:
    """Times that member `m` takes each row, of mean `mean`, times its weight."""
    for i in range(weight.shape[0]):
        drawn[i] = 0.0
        if weight[i] > 0.0 and mean[i] <= _MANY:
            drawn[i] = weight[i] * poisson(generators, m, mean[i])
        elif weight[i] > 0.0:
            times = np.floor(mean[i] + np.sqrt(mean[i]) * normal(generators, m) + 0.5)
            drawn[i] = weight[i] * max(times, 0.0)


@jit
def _reweight(
    answers: Array, y: Array, weight: Array, before: float, m: int, right: Array, wrong: Array,
    mean: Array, share: Array,
) -> float:  # fmt: skip
    """The vote of member `m` in each row, and the mean that it leaves to the next member.

    `before` is the weight of all rows before these; returns that of all rows.
    """
    total = before
    for i in range(y.shape[0]):
        share[i] = _vote(right[m], wrong[m])
        if weight[i] > 0.0:
            total += weight[i]
            if answers[i, 0] == y[i]:
                right[m] += weight[i] * mean[i]
                mean[i] *= total / (2.0 * right[m])
            else:
                wrong[m] += weight[i] * mean[i]
                mean[i] *= total / (2.0 * wrong[m])
    return total


@jit
def _vote(right: float, wrong: float) -> float:
    return float(max(np.log((right + 0.5) / (wrong + 0.5)), 0.0))


class OnlineBoosting(Ensemble, Classifier):
    """Online AdaBoost: a row's weight grows with the members that get it wrong.

    Members take a row in order, each Poisson(lambda) times. Lambda begins at 1; a member that is
    right scales it to half of the weight in all rows that it was right on, one that is wrong
    likewise for the wrong ones. Members vote with log((1 - e) / e), e being their share of errors.
    Time per event and memory are those of `n_members` members.

    Parameters
    ----------
    base
        Unfitted classifier that members are clones of; None for a `HoeffdingTreeClassifier`.
    n_members
        Number of members.
    seed
        Of the random numbers; members that have a `seed` of their own get one drawn from it.
    max_bytes
        Bound of `nbytes`, shared out evenly among the members; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `base` is None or a classifier whose own parameters can be used,
        `n_members` is a whole number >= 1 and `max_bytes` > 0 or None. At any event whose features
        or classes leave no room within `max_bytes` for all members.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB, OnlineBoosting
    >>> model = OnlineBoosting(base=GaussianNB(), n_members=3, seed=1)
    >>> for x, y in [([1.0], "low"), ([2.0], "low"), ([8.0], "high"), ([9.0], "high")] * 5:
    ...     model = model.fit_one(x, y)
    >>> model.predict_one([7.5])
    'high'

    Notes
    -----
    A member learns a row once, with the weight of the row times its number. Departures: whether a
    member is right is judged before it learns the row, not after; e counts half an error and half
    a success to begin with; a member that is wrong more often than right has no vote, and where
    no member has one they all vote alike. Above 30, Poisson numbers are drawn from the normal
    distribution of that mean and variance.

    References
    ----------
    .. [1] Oza, Russell (2001), Online bagging and boosting, AISTATS. Section 3.
    """

    _keeps_members = True
    _state = (
        *MEMBER_FIELDS,
        GENERATORS,
        Field("seen_", (1,), np.int64),
        Field("weight_", (1,)),
        Field("right_", ("M",)),
        Field("wrong_", ("M",)),
    )

    seen_: Ints
    generators_: Ints
    weight_: Array
    right_: Array
    wrong_: Array

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        seed: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self.base = base
        self.n_members = n_members
        self.seed = seed
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        return HoeffdingTreeClassifier() if self.base is None else self.base

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        asked = ANSWER_AND_SCORES if serve else ANSWER
        answers, share = self._room(len(X)), np.empty((len(self.members_), len(X)))
        drawn, mean, total = np.zeros(len(X)), np.ones(len(X)), float(self.weight_[0])
        for m, member in enumerate(self.members_):
            if not fit:
                share[m] = _vote(self.right_[m], self.wrong_[m])
                member._run(X, y, drawn, answers[m], asked, False)
                continue
            _draw(self.generators_, m, mean, weight, drawn)
            member._run(X, y, drawn, answers[m], asked, True)
            before = float(self.weight_[0])
            total = _reweight(
                answers[m], y, weight, before, m, self.right_, self.wrong_, mean, share[m]
            )
        self.weight_[0] = total
        if serve:
            pool(answers, share, self.seen_, y, out, serve, fit)
        else:
            notice(self.seen_, y)
