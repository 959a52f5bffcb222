"""Boosting on a stream with weights that never exceed one."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier, Estimator
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field, Ints
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.members import MEMBER_FIELDS, Ensemble, notice, pool
from onlineml.schema import wrong


@jit
def _reweight(
    answers: Array, y: Array, weight: Array, gamma: float, margin: Array, due: Array
) -> None:
    """Add what a member answers to the margins; `due` is the weight for the next member."""
    theta = gamma / (2.0 + gamma)
    for i in range(y.shape[0]):
        margin[i] += (1.0 if answers[i, 0] == y[i] else -1.0) - theta
        due[i] = weight[i] * min((1.0 - gamma) ** (margin[i] / 2.0), 1.0)


class OnlineSmoothBoost(Ensemble, Classifier):
    """Online smooth boosting: a row counts less once the members before have it right.

    Members take a row in order. Each adds 1 - theta to its margin z where it is right and takes
    1 + theta off where it is wrong, theta = gamma / (2 + gamma); the next member learns the row
    with weight min(1, (1 - gamma)^(z / 2)). No weight grows without bound, which makes the
    ensemble robust to label noise. All members vote alike, with their probabilities. Time per
    event and memory are those of `n_members` members.

    Parameters
    ----------
    base
        Unfitted classifier that members are clones of; None for a `HoeffdingTreeClassifier`.
    n_members
        Number of members.
    gamma
        Advantage over guessing that members are trusted to have, between 0 and 1.
    seed
        Members that have a `seed` of their own get one drawn from this.
    max_bytes
        Bound of `nbytes`, shared out evenly among the members; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `base` is None or a classifier whose own parameters can be used,
        `n_members` is a whole number >= 1, 0 < `gamma` < 1 and `max_bytes` > 0 or None. At any
        event whose features or classes leave no room within `max_bytes` for all members.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB, OnlineSmoothBoost
    >>> model = OnlineSmoothBoost(base=GaussianNB(), n_members=3)
    >>> for x, y in [([1.0], "low"), ([2.0], "low"), ([8.0], "high"), ([9.0], "high")] * 5:
    ...     model = model.fit_one(x, y)
    >>> model.predict_one([7.5])
    'high'

    Notes
    -----
    The "OSBoost" of [1]_, with right and wrong for the signs of two classes, so that any number of
    classes will do. Whether a member is right is judged before it learns the row.

    References
    ----------
    .. [1] Chen, Lin, Lu (2012), An online boosting algorithm with theoretical justifications,
       ICML. Algorithm 1.
    """

    _keeps_members = True
    _state = (*MEMBER_FIELDS, Field("seen_", (1,), np.int64))

    seen_: Ints

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        gamma: float = 0.1,
        seed: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self.base = base
        self.n_members = n_members
        self.gamma = gamma
        self.seed = seed
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        return HoeffdingTreeClassifier() if self.base is None else self.base

    def _check(self) -> None:
        super()._check()
        if not 0 < self.gamma < 1:
            raise wrong("gamma", self.gamma, "a number between 0 and 1")

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        asked = ANSWER_AND_SCORES if serve else ANSWER
        answers, margin, due = self._room(len(X)), np.zeros(len(X)), weight.copy()
        for m, member in enumerate(self.members_):
            member._run(X, y, due, answers[m], asked, fit)
            if fit:
                _reweight(answers[m], y, weight, float(self.gamma), margin, due)
        if serve:
            pool(answers, np.ones(answers.shape[:2]), self.seen_, y, out, serve, fit)
        else:
            notice(self.seen_, y)
