"""Adaptive random forests: trees on random features, each watched and replaced on its own."""

from __future__ import annotations

from onlineml.base import Estimator
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.hoeffding_tree_regressor import HoeffdingTreeRegressor
from onlineml.learners.watched_classifiers import WATCHED_CLASSIFIERS_FIELDS, WatchedClassifiers
from onlineml.learners.watched_regressors import WATCHED_REGRESSORS_FIELDS, WatchedRegressors


class AdaptiveRandomForestClassifier(WatchedClassifiers):
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

    Raises
    ------
    ValueError
        At the first event, unless `n_members` and `n_jobs` are whole numbers >= 1, `poisson_mean`
        lies in (0, 100], `delta_warning` and `delta_drift` in (0, 1), `grace_period` > 0,
        0 < `delta` < 1, `tie_threshold` >= 0, `max_bytes` > 0 or None, and `max_features` and
        `leaves` are among the above. At any event whose features or classes leave no room within
        `max_bytes` for all trees.

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
    Departures: trees divide by a nominal feature into one value and the rest, for where leaves look
    at some features only, a child for each of many values leaves little to learn from; a tree's
    error is that of its answer before it learns the row; a leaf draws its features when it first
    learns; a window that raises a warning without an alarm is restarted, as is MOA's.

    References
    ----------
    .. [1] Gomes, Bifet, Read, Barddal, Enembreck, Pfahringer, Holmes, Abdessalem (2017), Adaptive
       random forests for evolving data stream classification, Machine Learning 106, 1469-1495.
       Algorithms 1 and 2.
    """

    _state = WATCHED_CLASSIFIERS_FIELDS

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
            binary_splits=True,
            max_bytes=None,
        )


class AdaptiveRandomForestRegressor(WatchedRegressors):
    """Adaptive random forest (ARF) for regression: bagged model trees that follow concept drift.

    Every tree learns each row Poisson(`poisson_mean`) times, and each of its leaves may be divided
    by `max_features` features. Two adaptive windows watch a tree's absolute errors, in units of
    three standard deviations of the target of late: at the warning of the first a background tree
    begins to learn, at the alarm of the second it takes the tree's place. The answer is the mean of
    the trees. Time per event and memory are those of `n_members` to twice as many trees.

    Parameters
    ----------
    n_members
        Number of trees.
    max_features
        Features that a leaf may be divided by: a number, a share (a float), or "sqrt" for
        round(sqrt(n_features)) + 1.
    poisson_mean
        Mean number of times that a tree learns a row.
    delta_warning, delta_drift
        Confidences of the two windows.
    grace_period, delta, tie_threshold, leaves, learning_rate, n_bins
        Of the trees, see `HoeffdingTreeRegressor`.
    seed
        Of the random numbers.
    n_jobs
        Threads that trees are spread over; the answers are the same, to the bit.
    max_bytes
        Bound of `nbytes`, shared out evenly among trees and background trees; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `n_members` and `n_jobs` are whole numbers >= 1, `poisson_mean`
        lies in (0, 100], `delta_warning` and `delta_drift` in (0, 1), `grace_period` > 0,
        0 < `delta` < 1, `tie_threshold` >= 0, `learning_rate` > 0, `n_bins` is a whole
        number >= 2, `max_bytes` > 0 or None, and `max_features` and `leaves` are among the above.
        At any event whose features or classes leave no room within `max_bytes` for all trees.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import AdaptiveRandomForestRegressor
    >>> X = np.random.default_rng(1).random((2000, 3))
    >>> forest = AdaptiveRandomForestRegressor(n_members=5, seed=1)
    >>> answers = forest.predict_fit_many(X, 4 * X[:, 0])
    >>> bool(abs(answers - 4 * X[:, 0])[1000:].mean() < 0.1)
    True

    Notes
    -----
    Departures: a tree's error is that of its answer before it learns the row, cut at three standard
    deviations of the target; trees that have learned nothing do not count; the trees' own
    departures are those of `HoeffdingTreeRegressor`.

    References
    ----------
    .. [1] Gomes, Barddal, Boiko Ferreira, Bifet (2018), Adaptive random forests for data stream
       regression, ESANN, 267-272.
    """

    _state = WATCHED_REGRESSORS_FIELDS

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
        leaves: str = "adaptive",
        learning_rate: float = 0.01,
        n_bins: int = 32,
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
        self.learning_rate = learning_rate
        self.n_bins = n_bins
        self.seed = seed
        self.n_jobs = n_jobs
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        return HoeffdingTreeRegressor(
            grace_period=self.grace_period,
            delta=self.delta,
            tie_threshold=self.tie_threshold,
            leaves=self.leaves,
            learning_rate=self.learning_rate,
            n_bins=self.n_bins,
            max_features=self.max_features,
            max_bytes=None,
        )
