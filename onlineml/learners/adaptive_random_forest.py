"""Adaptive random forest: trees on random features, each watched and replaced on its own."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from onlineml.base import Array, Classifier, Estimator
from onlineml.kernels import adwin, jit
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field, Ints
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.members import (
    GENERATORS,
    MEMBER_FIELDS,
    N_SIZES,
    NO_ANSWERS,
    Ensemble,
    draw,
    notice,
    pool,
)
from onlineml.schema import Schema, wrong

_CLOCK, _MAX_BUCKETS, _MIN_LENGTH, _GRACE = 32.0, 5.0, 5.0, 10.0  # MOA's, of both windows
_NOTHING, _WARNING, _DRIFT = range(3)


class AdaptiveRandomForestClassifier(Ensemble, Classifier):
    """Adaptive random forest (ARF): bagged trees on random features that follow concept drift.

    Every tree learns each row Poisson(`poisson_mean`) times, and each of its leaves looks at
    `max_features` features. Two adaptive windows watch a tree's errors: at the warning of the
    first a background tree begins to learn, at the alarm of the second it takes the tree's place.
    Trees vote with their probabilities times their accuracy. Time per event and memory are those
    of `n_members` to twice as many trees.

    Parameters
    ----------
    n_members
        Number of trees.
    max_features
        Features that a leaf looks at: a number, a share (a float), or "sqrt" for
        round(sqrt(n_features)) + 1.
    poisson_mean
        Mean number of times that a tree learns a row.
    delta_warning, delta_drift
        Confidences of the two windows.
    grace_period, delta, tie_threshold, leaves
        Of the trees, see `HoeffdingTreeClassifier`.
    weighted
        Whether votes are weighted by the accuracy of each tree since it began.
    seed
        Of the random numbers.
    n_jobs
        Threads that trees are spread over; the answers are the same, to the bit.
    max_bytes
        Bound of `nbytes`, shared out evenly among trees and background trees; None for none.

    Examples
    --------
    >>> from onlineml.datasets import load
    >>> from onlineml.evaluation import prequential
    >>> from onlineml.learners import AdaptiveRandomForestClassifier
    >>> forest = AdaptiveRandomForestClassifier(n_members=5, seed=1)
    >>> result = prequential(forest, load("sea", seed=1).take(4000), baselines=False)
    >>> result.runs[0].totals["accuracy"] > 0.85
    True

    Notes
    -----
    Departures: a tree's error is that of its answer before it learns the row; a leaf draws its
    features when it first learns; a window that raises a warning without an alarm is restarted,
    as is MOA's.

    References
    ----------
    .. [1] Gomes, Bifet, Read, Barddal, Enembreck, Pfahringer, Holmes, Abdessalem (2017), Adaptive
       random forests for evolving data stream classification, Machine Learning 106, 1469-1495.
       Algorithms 1 and 2.
    """

    _state = (
        *MEMBER_FIELDS,
        GENERATORS,
        Field("drift_windows_", ("M", adwin.row_length(N_SIZES))),
        Field("warning_windows_", ("M", adwin.row_length(N_SIZES))),
        Field("judged_", ("M", 2)),  # rows that a tree was judged by, and those it got right
        Field("warned_", ("M",), np.int64),  # whether the background tree learns
        Field("n_drifts_", ("M",), np.int64),
        Field("seen_", (1,), np.int64),
    )

    seen_: Ints
    generators_: Ints
    drift_windows_: Array
    warning_windows_: Array
    judged_: Array
    warned_: Ints
    n_drifts_: Ints
    background_: list[Estimator]

    def __init__(
        self,
        *,
        n_members: int = 10,
        max_features: float | str = 0.6,
        poisson_mean: float = 6.0,
        delta_warning: float = 0.01,
        delta_drift: float = 0.001,
        grace_period: float = 50,
        delta: float = 0.01,
        tie_threshold: float = 0.05,
        leaves: str = "nba",
        weighted: bool = True,
        seed: int | None = None,
        n_jobs: int = 1,
        max_bytes: int | None = 1 << 25,
    ) -> None:
        self.n_members = n_members
        self.max_features = max_features
        self.poisson_mean = poisson_mean
        self.delta_warning = delta_warning
        self.delta_drift = delta_drift
        self.grace_period = grace_period
        self.delta = delta
        self.tie_threshold = tie_threshold
        self.leaves = leaves
        self.weighted = weighted
        self.seed = seed
        self.n_jobs = n_jobs
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        return HoeffdingTreeClassifier(
            grace_period=self.grace_period,
            delta=self.delta,
            tie_threshold=self.tie_threshold,
            leaves=self.leaves,
            max_features=self.max_features,
            max_bytes=None,
        )

    def _check(self) -> None:
        super()._check()
        for name in ("delta_warning", "delta_drift"):
            if not 0 < getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number between 0 and 1")
        if not 0 < self.poisson_mean <= 100:
            raise wrong("poisson_mean", self.poisson_mean, "a number in (0, 100]")

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        self.background_ = [self._made(m, schema) for m in range(int(self.n_members))]

    def _share(self) -> int:
        return super()._share() // 2

    def _admit(self, schema: Schema) -> None:
        if self.is_started and schema is not self.schema_:
            for tree in self.background_:
                tree._admit(schema)
        super()._admit(schema)

    def _admit_targets(self, news: list[Hashable]) -> None:
        for tree in self.background_:
            tree._admit_targets(news)
        super()._admit_targets(news)

    @property
    def n_replaced(self) -> int:
        """How often a tree has been replaced, by its background tree or by a fresh one."""
        return int(self.n_drifts_.sum()) if self.is_started else 0

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        answers, share = self._room(len(X)), np.ones((int(self.n_members), len(X)))
        asked = ANSWER_AND_SCORES if serve else ANSWER

        def task(m: int) -> None:
            if fit:
                self._follow(m, X, y, weight, answers[m], share[m], asked)
                return
            self.members_[m]._run(X, y, weight, answers[m], asked, False)
            share[m] = _accuracy(self.judged_[m], self.weighted)

        self._each(task, len(X))
        if serve:
            pool(answers, share, self.seen_, y, out, serve, fit)
        else:
            notice(self.seen_, y)

    def _follow(
        self, m: int, X: Array, y: Array, weight: Array, answers: Array, share: Array, asked: int
    ) -> None:
        """One tree and its background tree over a chunk.

        The tree runs ahead to the end. Where its windows find a drift, what it did beyond is
        dropped with it, and its successor runs from there.
        """
        drawn = np.zeros(len(X))
        draw(self.generators_, m, float(self.poisson_mean), weight, drawn)
        self.members_[m]._run(X, y, drawn, answers, asked, True)
        row = begun = 0
        while True:
            row, event = _watch(
                self.drift_windows_[m], self.warning_windows_[m], self._rule(self.delta_drift),
                self._rule(self.delta_warning), self.judged_[m], bool(self.weighted), answers, y,
                weight, share, row,
            )  # fmt: skip
            if event == _NOTHING:
                break
            if event == _DRIFT:
                self._learn_behind(m, X[begun:row], y[begun:row], drawn[begun:row])
                self.members_[m] = self.background_[m]
                self.warned_[m] = 0
                self.n_drifts_[m] += 1
                if row < len(X):
                    rest = X[row:], y[row:], drawn[row:], answers[row:]
                    self.members_[m]._run(*rest, asked, True)
            else:
                self.warned_[m] = 1
            self.background_[m] = tree = self._made(m, self.schema_)
            tree._admit_targets(self.classes_)
            begun = row
        self._learn_behind(m, X[begun:], y[begun:], drawn[begun:])

    def _learn_behind(self, m: int, X: Array, y: Array, drawn: Array) -> None:
        """Let the background tree learn rows, if there was a warning."""
        if self.warned_[m] and len(X):
            self.background_[m]._run(X, y, drawn, NO_ANSWERS, 0, True)

    def _rule(self, delta: float) -> Array:
        return np.array([delta, _CLOCK, _MAX_BUCKETS, _MIN_LENGTH, _GRACE])


@jit
def _accuracy(judged: Array, weighted: bool) -> float:
    return judged[1] / judged[0] if weighted and judged[1] > 0.0 else 1.0


@jit
def _watch(
    drift: Array, warning: Array, drift_rule: Array, warning_rule: Array, judged: Array,
    weighted: bool, answers: Array, y: Array, weight: Array, share: Array, first: int,
) -> tuple[int, int]:  # fmt: skip
    """Judge a tree's answers from row `first` on; the row after the next event, and what it was."""
    for i in range(first, y.shape[0]):
        share[i] = _accuracy(judged, weighted)
        if weight[i] <= 0.0:
            continue
        error = 1.0 if answers[i, 0] != y[i] else 0.0
        judged[0] += 1.0
        judged[1] += 1.0 - error
        drifted = adwin.update(drift, drift_rule, error) > 0
        warned = adwin.update(warning, warning_rule, error) > 0
        if drifted:
            adwin.restart(drift)
            judged[:] = 0.0
        if drifted or warned:
            adwin.restart(warning)
            return i + 1, _DRIFT if drifted else _WARNING
    return y.shape[0], _NOTHING
