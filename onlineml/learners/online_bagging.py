"""Bagging on a stream: each member learns each row a random number of times."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier, Estimator, Regressor
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field, Ints
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.hoeffding_tree_regressor import HoeffdingTreeRegressor
from onlineml.learners.members import (
    GENERATORS,
    MEMBER_FIELDS,
    Ensemble,
    notice,
    pool,
    run_resampled,
)


@jit
def _average(answers: Array, drawn: Array, learned: Array, out: Array, serve: int) -> None:
    """Mean answer of the members that have learned a row, counting what each learns now."""
    for i in range(drawn.shape[1]):
        total, n = 0.0, 0
        for m in range(drawn.shape[0]):
            if serve and learned[m] > 0.0:
                total += answers[m, i, 0]
                n += 1
            learned[m] += drawn[m, i]
        if serve:
            out[i, 0] = total / n if n > 0 else 0.0


class OnlineBagging(Ensemble, Classifier):
    """Online bagging: each member learns each row Poisson(1) times, and all vote.

    The vote is the sum of the members' class probabilities. Time per event and memory are those of
    `n_members` members.

    Parameters
    ----------
    base
        Unfitted classifier that members are clones of; None for a `HoeffdingTreeClassifier`.
    n_members
        Number of members.
    seed
        Of the random numbers; members that have a `seed` of their own get one drawn from it.
    n_jobs
        Threads that members are spread over; the answers are the same, to the bit.
    max_bytes
        Bound of `nbytes`, shared out evenly among the members; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `base` is None or a classifier whose own parameters can be used,
        `n_members` and `n_jobs` are whole numbers >= 1 and `max_bytes` > 0 or None. At any event
        whose features or classes leave no room within `max_bytes` for all members.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB, OnlineBagging
    >>> model = OnlineBagging(base=GaussianNB(), n_members=3, seed=1)
    >>> for x, y in [([1.0], "low"), ([2.0], "low"), ([8.0], "high"), ([9.0], "high")] * 5:
    ...     model = model.fit_one(x, y)
    >>> model.predict_one([7.5])
    'high'

    Notes
    -----
    A member learns a row once, with the weight of the row times its number. Departs from [1]_ in
    that members vote with probabilities, as in MOA's `OzaBag`, not with labels.

    References
    ----------
    .. [1] Oza, Russell (2001), Online bagging and boosting, AISTATS. Section 2.
    """

    _keeps_members = True
    _state = (*MEMBER_FIELDS, GENERATORS, Field("seen_", (1,), np.int64))

    seen_: Ints

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        seed: int | None = None,
        n_jobs: int = 1,
        max_bytes: int | None = None,
    ) -> None:
        self.base = base
        self.n_members = n_members
        self.seed = seed
        self.n_jobs = n_jobs
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        return HoeffdingTreeClassifier() if self.base is None else self.base

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        asked = ANSWER_AND_SCORES if serve else 0
        answers, _ = run_resampled(self, 1.0, X, y, weight, asked, fit)
        if serve:
            pool(answers, np.ones(answers.shape[:2]), self.seen_, y, out, serve, fit)
        else:
            notice(self.seen_, y)


class OnlineBaggingRegressor(Ensemble, Regressor):
    """Online bagging of regressors: each member learns each row Poisson(1) times.

    The answer is the mean over the members that have learned a row. Time per event and memory are
    those of `n_members` members.

    Parameters
    ----------
    base
        Unfitted regressor that members are clones of; None for a `HoeffdingTreeRegressor`.
    n_members
        Number of members.
    seed
        Of the random numbers; members that have a `seed` of their own get one drawn from it.
    n_jobs
        Threads that members are spread over; the answers are the same, to the bit.
    max_bytes
        Bound of `nbytes`, shared out evenly among the members; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `base` is None or a regressor whose own parameters can be used,
        `n_members` and `n_jobs` are whole numbers >= 1 and `max_bytes` > 0 or None. At any event
        whose features leave no room within `max_bytes` for all members.

    Examples
    --------
    >>> from onlineml.learners import LinearRegression, OnlineBaggingRegressor
    >>> model = OnlineBaggingRegressor(base=LinearRegression(), n_members=3, seed=1)
    >>> model = model.fit_many([[1.0], [2.0], [3.0]] * 200, [2.0, 4.0, 6.0] * 200)
    >>> abs(model.predict_one([1.5]) - 3.0) < 0.2
    True

    References
    ----------
    .. [1] Oza, Russell (2001), Online bagging and boosting, AISTATS. Section 2.
    """

    _keeps_members = True
    _state = (*MEMBER_FIELDS, GENERATORS, Field("learned_", ("M",)))

    learned_: Array

    def __init__(
        self,
        *,
        base: Regressor | None = None,
        n_members: int = 10,
        seed: int | None = None,
        n_jobs: int = 1,
        max_bytes: int | None = None,
    ) -> None:
        self.base = base
        self.n_members = n_members
        self.seed = seed
        self.n_jobs = n_jobs
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        return HoeffdingTreeRegressor() if self.base is None else self.base

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        answers, drawn = run_resampled(self, 1.0, X, y, weight, serve, fit)
        if not fit:  # nothing was drawn
            drawn = np.zeros(answers.shape[:2])
        _average(answers, drawn, self.learned_, out, serve)
