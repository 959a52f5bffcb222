"""Bagging with more weight and a watch over errors."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier, Estimator
from onlineml.kernels.arena import Field, Ints
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.members import (
    GENERATORS,
    MEMBER_FIELDS,
    WINDOWS,
    Ensemble,
    notice,
    pool,
    run_watched,
)
from onlineml.schema import wrong


class LeveragingBaggingClassifier(Ensemble, Classifier):
    """Leveraging bagging: members learn each row Poisson(6) times, the worst is replaced on change.

    An adaptive window watches the errors of each member; when any finds that errors have risen, the
    member with most errors in its window is replaced by a fresh one. Time per event and memory are
    those of `n_members` members, each with a window of 2 kB.

    Parameters
    ----------
    base
        Unfitted classifier that members are clones of; None for a `HoeffdingTreeClassifier` with
        binary divisions.
    n_members
        Number of members.
    poisson_mean
        Mean number of times that a member learns a row.
    delta
        Confidence of ADWIN: the probability of a false alarm per test is at most about this.
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
        `n_members` and `n_jobs` are whole numbers >= 1, 0 < `poisson_mean` <= 100, 0 < `delta` < 1
        and `max_bytes` > 0 or None. At any event whose features or classes leave no room within
        `max_bytes` for all members.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB, LeveragingBaggingClassifier
    >>> model = LeveragingBaggingClassifier(base=GaussianNB(), n_members=3, seed=1)
    >>> rows = [[1.0], [2.0], [8.0], [9.0]] * 400
    >>> model = model.fit_many(rows, ["low", "low", "high", "high"] * 400)
    >>> model = model.fit_many(rows, ["high", "high", "low", "low"] * 400)
    >>> model.predict_one([1.5]), model.n_replaced
    ('high', 2)

    Notes
    -----
    A member's error is that of its answer once it has learned the row, which the paper leaves open
    and MOA does. All members learn the row before one is replaced; all vote with probabilities.
    The output codes of section 3.2, which give each member its own binary problem, are not offered.

    References
    ----------
    .. [1] Bifet, Holmes, Pfahringer (2010), Leveraging bagging for evolving data streams, ECML
       PKDD. Section 3.1 and algorithm 1.
    """

    _state = (*MEMBER_FIELDS, GENERATORS, WINDOWS, Field("seen_", (1,), np.int64))

    seen_: Ints

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        poisson_mean: float = 6.0,
        delta: float = 0.002,
        seed: int | None = None,
        n_jobs: int = 1,
        max_bytes: int | None = None,
    ) -> None:
        self.base = base
        self.n_members = n_members
        self.poisson_mean = poisson_mean
        self.delta = delta
        self.seed = seed
        self.n_jobs = n_jobs
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        return HoeffdingTreeClassifier(binary_splits=True) if self.base is None else self.base

    def _check(self) -> None:
        super()._check()
        if not 0 < self.delta < 1:
            raise wrong("delta", self.delta, "a number between 0 and 1")
        if not 0 < self.poisson_mean <= 100:
            raise wrong("poisson_mean", self.poisson_mean, "a number in (0, 100]")

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        answers = run_watched(self, float(self.poisson_mean), X, y, weight, serve, fit)
        if serve:
            pool(answers, np.ones(answers.shape[:2]), self.seen_, y, out, serve, fit)
        else:
            notice(self.seen_, y)
