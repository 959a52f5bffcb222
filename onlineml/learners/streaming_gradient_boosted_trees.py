"""Gradient boosting on a stream: each tree learns what the trees before it have left over."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.base import Array, Classifier, Estimator, Regressor
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER, Field, Ints
from onlineml.kernels.random import uniform
from onlineml.kernels.votes import answer_from_logs
from onlineml.learners.hoeffding_tree_regressor import HoeffdingTreeRegressor
from onlineml.learners.members import MEMBER_FIELDS, Ensemble
from onlineml.schema import Schema, wrong

_FOR_MEMBERS = 3 / 4  # of a budget; the rest is for draws of features, names and labels
_STEEPEST = 4.0  # bound of a target, as in LogitBoost: no row may throw a tree


@jit
def _choose(
    entropy: int, share: float, included: Ints, first_place: int, first_feature: int
) -> None:
    """Draw which features each member sees, one by one, so that it does not matter when."""
    state = np.zeros(1, np.int64)
    for m in range(first_place, included.shape[0]):
        for j in range(first_feature, included.shape[1]):
            state[0] = entropy + m * 1_000_003 + j
            included[m, j] = uniform(state, 0) < share


@jit
def _count(seen: Ints, y: Array, fit: bool, before: Ints, after: Ints) -> None:
    """How many classes have been seen before and after each row."""
    for i in range(y.shape[0]):
        before[i] = seen[0]
        if fit:
            seen[0] = max(seen[0], int(y[i]) + 1)
        after[i] = seen[0]


@jit
def _leftover(
    margins: Array, y: Array, weight: Array, seen: Ints, due: Array, steep: Array
) -> None:
    """Newton's step towards the label in each margin, and its weight: -gradient / curvature."""
    for i in range(y.shape[0]):
        top, total = 0.0, 0.0
        for c in range(1, seen[i]):
            top = max(top, margins[i, c])
        for c in range(seen[i]):
            total += np.exp(margins[i, c] - top)
        for c in range(1, margins.shape[1]):
            due[c - 1, i] = 0.0
            steep[c - 1, i] = 0.0
            if c < seen[i] and weight[i] > 0.0:
                p = np.exp(margins[i, c] - top) / total
                curvature = p * (1.0 - p)
                gap = (1.0 if y[i] == c else 0.0) - p
                steep[c - 1, i] = weight[i] * max(curvature, 1e-12)
                due[c - 1, i] = min(max(gap / max(curvature, 1e-12), -_STEEPEST), _STEEPEST)


@jit
def _add(margins: Array, c: int, rate: float, steps: Array) -> None:
    for i in range(margins.shape[0]):
        margins[i, c] += rate * steps[i, 0]


@jit
def _answers(margins: Array, seen: Ints, out: Array, serve: int) -> None:
    for i in range(margins.shape[0]):
        for c in range(seen[i]):
            out[i, 1 + c] = margins[i, c]
        answer_from_logs(out[i], seen[i], serve)


class StreamingGradientBoostedTrees(Ensemble, Classifier):
    """Gradient boosting of regression trees, for the logistic loss of two or more classes.

    Members take a row in order. Each learns the Newton step that is left over by the ones before
    it, -gradient / curvature of the loss, with the curvature as weight, and sees only its own
    draw of the features. There are `n_members` trees for each class but the first, whose margin
    is 0. Time per event and memory are those of `n_members * (n_classes - 1)` trees.

    Parameters
    ----------
    base
        Unfitted regressor that members are clones of; None for a `HoeffdingTreeRegressor` that
        answers with means, of at most 0.5 MB, examined each 6.25 of weight (25 rows of curvature
        1 / 4).
    n_members
        Number of boosting steps.
    learning_rate
        Part of a member's answer that is added to the margin.
    feature_share
        Probability that a member sees a feature, in (0, 1].
    seed
        Of the draw of features.
    max_bytes
        Bound of `nbytes`, shared out evenly among the members; None for none. When a class
        comes, trees that are larger than their new part begin anew.

    Raises
    ------
    ValueError
        At the first event, unless `base` is None or a regressor whose own parameters can be used,
        `n_members` is a whole number >= 1, `learning_rate` > 0, 0 < `feature_share` <= 1 and
        `max_bytes` > 0 or None. At any event whose features or classes leave no room within
        `max_bytes` for the trees at their least.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import StreamingGradientBoostedTrees
    >>> X = np.random.default_rng(1).random((4000, 2))
    >>> model = StreamingGradientBoostedTrees(n_members=20, learning_rate=0.1, seed=1)
    >>> model = model.fit_many(X, (X[:, 0] > 0.5) != (X[:, 1] > 0.5))
    >>> model.predict_one([0.9, 0.9]), model.predict_one([0.9, 0.1])
    (False, True)

    Notes
    -----
    Departures from [1]_: the classes share one softmax, instead of one committee against the rest
    each; features are drawn independently, so that new ones can be drawn later; Newton steps are
    cut at 4 [2]_; the margin that a member adds is that of its answer before it learns the row.
    Skipping and repeating rows is not offered. The first class keeps its margin of 0, so the
    classes are not treated quite alike.

    References
    ----------
    .. [1] Gunasekara, Pfahringer, Gomes, Bifet (2024), Gradient boosted trees for evolving data
       streams, Machine Learning 113. Section 3.
    .. [2] Friedman, Hastie, Tibshirani (2000), Additive logistic regression, Annals of Statistics
       28(2). Algorithm 3 and section 11.
    """

    _state = (
        *MEMBER_FIELDS,
        Field("seen_", (1,), np.int64),
        Field("included_", ("M", "F"), np.int64),
    )

    seen_: Ints
    included_: Ints

    def __init__(
        self,
        *,
        base: Estimator | None = None,
        n_members: int = 100,
        learning_rate: float = 0.0125,
        feature_share: float = 0.75,
        seed: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self.base = base
        self.n_members = n_members
        self.learning_rate = learning_rate
        self.feature_share = feature_share
        self.seed = seed
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        if self.base is not None:
            return self.base
        return HoeffdingTreeRegressor(
            leaves="mean", grace_period=6.25, delta=0.05, n_bins=16, max_bytes=500_000
        )

    def _role(self) -> type[Estimator]:
        return Regressor

    def _check(self) -> None:
        super()._check()
        if not self.learning_rate > 0:
            raise wrong("learning_rate", self.learning_rate, "a number > 0")
        if not 0 < self.feature_share <= 1:
            raise wrong("feature_share", self.feature_share, "a share in (0, 1]")

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        _choose(self.entropy_[0], float(self.feature_share), self.included_, 0, 0)

    def _admit(self, schema: Schema) -> None:
        before = self.schema_.n_features if self.is_started else schema.n_features
        super()._admit(schema)
        if schema.n_features > before:
            _choose(self.entropy_[0], float(self.feature_share), self.included_, 0, before)

    def _admit_targets(self, news: Any) -> None:
        super()._admit_targets(news)
        before, due = len(self.members_), self._n_due(len(news))
        if due > before:
            self._enlarge("M", due)
            _choose(self.entropy_[0], float(self.feature_share), self.included_, before, 0)
            made = [self._made(m, self.schema_) for m in range(before, due)]
            self.members_ = self.members_ + made

    def _n_due(self, n_classes: int) -> int:
        """Members that so many classes call for."""
        return int(self.n_members) * max(n_classes - 1, 1)

    def _part(self, n_classes: int) -> int:
        """A member's part of `max_bytes`."""
        assert self.max_bytes is not None
        return int(self.max_bytes * _FOR_MEMBERS) // self._n_due(n_classes)

    def _share(self) -> int:
        return self._part(len(getattr(self, "classes_", ())))

    def _check_budget(self, schema: Schema, news: Any) -> None:
        if self.max_bytes is None:
            return
        n_classes = len(news if news is not None else getattr(self, "classes_", ()))
        n_members, part = self._n_due(n_classes), self._part(n_classes)
        trial = self._base().clone()
        trial._begin(schema)
        least = trial.nbytes
        own = 8 * n_members * (1 + schema.n_features)
        if least > part or own > self.max_bytes * (1 - _FOR_MEMBERS) / 2:
            due = f"more bytes, for {n_members} trees of at least {least}"
            raise wrong("max_bytes", self.max_bytes, due)

    def _tighten(self) -> None:
        """Hold the trees to their parts of the budget, which shrink as classes come."""
        part = self._share()
        for m, member in enumerate(self.members_):
            if "max_bytes" in member.get_params(deep=False):
                own = self._base().get_params(deep=False)["max_bytes"]
                member.set_params(max_bytes=part if own is None else min(part, own))
            if member.nbytes > part:
                self.members_[m] = self._made(m, self.schema_)

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if fit and self.max_bytes is not None and "_tight" not in vars(self):
            self._tighten()
            vars(self)["_tight"] = True
        n, n_classes = len(X), len(self.classes_)
        before, after = np.empty(n, np.int64), np.empty(n, np.int64)
        _count(self.seen_, y, fit, before, after)
        margins = np.zeros((n, n_classes))
        due, steep = np.zeros((2, max(n_classes - 1, 0), n))
        steps = np.empty((n, 1))
        for k in range(int(self.n_members)):
            if fit:
                _leftover(margins, y, weight, after, due, steep)
            for c in range(1, n_classes):
                m = (c - 1) * int(self.n_members) + k
                rows = np.where(self.included_[m], X, np.nan)
                self.members_[m]._run(rows, due[c - 1], steep[c - 1], steps, ANSWER, fit)
                _add(margins, c, float(self.learning_rate), steps)
        if serve:
            _answers(margins, before, out, serve)
