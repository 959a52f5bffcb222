"""Streaming random patches: learners on random features, each watched and replaced on its own."""

from __future__ import annotations

from onlineml.base import Array, Classifier, Estimator, Regressor
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.hoeffding_tree_regressor import HoeffdingTreeRegressor
from onlineml.learners.patched_members import LOOKS, PatchedEnsemble
from onlineml.learners.some_features import check_max_features, n_looked_at
from onlineml.learners.watched_classifiers import WATCHED_CLASSIFIERS_FIELDS, WatchedClassifiers
from onlineml.learners.watched_regressors import WATCHED_REGRESSORS_FIELDS, WatchedRegressors
from onlineml.schema import wrong

_TRAINING = ("patches", "subspaces", "resampling")


class RandomPatches(PatchedEnsemble):
    """Members that each look at features of their own."""

    max_features: float | str
    training: str

    def _check(self) -> None:
        super()._check()
        if self.training not in _TRAINING:
            raise wrong("training", self.training, f"one of {_TRAINING}")
        check_max_features(self.max_features)

    def _n_looked_at(self, place: int, n_features: int) -> int:
        if self.training == "resampling":
            return n_features
        return n_looked_at(self.max_features, n_features)

    def _times(self, m: int, weight: Array) -> Array:
        return weight if self.training == "subspaces" else super()._times(m, weight)


class StreamingRandomPatchesClassifier(RandomPatches, WatchedClassifiers):
    """Streaming random patches (SRP): members on random features and resampled rows.

    Every member looks at its own random `max_features` features, and learns each row
    Poisson(`poisson_mean`) times. Two adaptive windows watch a member's errors: at the warning of
    the first a background member, on other features, begins to learn, at the alarm of the second it
    takes the member's place. Members vote with their probabilities times their accuracy. Time per
    event and memory are those of `n_members` to twice as many members.

    Parameters
    ----------
    base
        What members are clones of; None for a Hoeffding tree that examines a leaf each 50 events,
        with `delta` 0.01 and binary divisions.
    n_members
        Number of members.
    max_features
        Features that a member looks at: a number, a share (a float), or "sqrt" for
        round(sqrt(n_features)) + 1.
    training
        "patches": random features and resampled rows; "subspaces": random features, all rows once;
        "resampling": all features, resampled rows.
    poisson_mean
        Mean number of times that a member learns a row.
    delta_warning, delta_drift
        Confidences of the two windows.
    weighted
        Whether votes are weighted by the accuracy of each member since it began.
    seed
        Of the random numbers.
    n_jobs
        Threads that members are spread over; the answers are the same, to the bit.
    max_bytes
        Bound of `nbytes`, shared out evenly among members and background members; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `base` is None or a classifier whose own parameters can be used,
        `n_members` and `n_jobs` are whole numbers >= 1, `poisson_mean` lies in (0, 100],
        `delta_warning` and `delta_drift` in (0, 1), `max_bytes` > 0 or None, and `max_features`
        and `training` are among the above. At any event whose features or classes leave no room
        within `max_bytes` for all members.

    Examples
    --------
    >>> from onlineml.datasets import load
    >>> from onlineml.evaluation import prequential
    >>> from onlineml.learners import StreamingRandomPatchesClassifier
    >>> patches = StreamingRandomPatchesClassifier(n_members=5, seed=1)
    >>> result = prequential(patches, load("sea", seed=1).take(4000), baselines=False)
    >>> result.runs[0].totals["accuracy"] > 0.8
    True

    Notes
    -----
    Departures: a member's error is that of its answer before it learns the row; a feature that
    appears in mid-stream is open to members that begin after it.

    References
    ----------
    .. [1] Gomes, Read, Bifet (2019), Streaming random patches for evolving data stream
       classification, ICDM, 240-249. Section III. doi:10.1109/ICDM.2019.00034
    """

    _state = (*WATCHED_CLASSIFIERS_FIELDS, LOOKS)

    def __init__(
        self,
        *,
        base: Classifier | None = None,
        n_members: int = 10,
        max_features: float | str = 0.6,
        training: str = "patches",
        poisson_mean: float = 6.0,
        delta_warning: float = 1e-4,
        delta_drift: float = 1e-5,
        weighted: bool = True,
        seed: int | None = None,
        n_jobs: int = 1,
        max_bytes: int | None = 1 << 25,
    ) -> None:
        self.base = base
        self.n_members = n_members
        self.max_features = max_features
        self.training = training
        self.poisson_mean = poisson_mean
        self.delta_warning = delta_warning
        self.delta_drift = delta_drift
        self.weighted = weighted
        self.seed = seed
        self.n_jobs = n_jobs
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        if self.base is None:
            return HoeffdingTreeClassifier(
                grace_period=50, delta=0.01, binary_splits=True, max_bytes=None
            )
        return self.base


class StreamingRandomPatchesRegressor(RandomPatches, WatchedRegressors):
    """Streaming random patches (SRP) for numbers: the mean of members on random features, rows.

    Every member looks at its own random `max_features` features, and learns each row
    Poisson(`poisson_mean`) times. Two adaptive windows watch a member's absolute errors, in units
    of three standard deviations of the target of late: at the warning of the first a background
    member, on other features, begins to learn, at the alarm of the second it takes the member's
    place. The answer is the mean of the members. Time per event and memory are those of `n_members`
    to twice as many members.

    Parameters
    ----------
    base
        What members are clones of; None for a Hoeffding tree that examines a leaf each 50 events,
        with `delta` 0.01.
    n_members
        Number of members.
    max_features
        Features that a member looks at: a number, a share (a float), or "sqrt" for
        round(sqrt(n_features)) + 1.
    training
        "patches": random features and resampled rows; "subspaces": random features, all rows once;
        "resampling": all features, resampled rows.
    poisson_mean
        Mean number of times that a member learns a row.
    delta_warning, delta_drift
        Confidences of the two windows.
    seed
        Of the random numbers.
    n_jobs
        Threads that members are spread over; the answers are the same, to the bit.
    max_bytes
        Bound of `nbytes`, shared out evenly among members and background members; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `base` is None or a regressor whose own parameters can be used,
        `n_members` and `n_jobs` are whole numbers >= 1, `poisson_mean` lies in (0, 100],
        `delta_warning` and `delta_drift` in (0, 1), `max_bytes` > 0 or None, and `max_features`
        and `training` are among the above. At any event whose features leave no room within
        `max_bytes` for all members.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import StreamingRandomPatchesRegressor
    >>> X = np.random.default_rng(1).random((2000, 3))
    >>> patches = StreamingRandomPatchesRegressor(n_members=10, seed=1)
    >>> answers = patches.predict_fit_many(X, 4 * X[:, 0])
    >>> bool(abs(answers - 4 * X[:, 0])[1000:].mean() < 0.6)
    True

    Notes
    -----
    Departures: a member's error is that of its answer before it learns the row, cut at three
    standard deviations of the target; members that have learned nothing do not count; a feature
    that appears in mid-stream is open to members that begin after it.

    References
    ----------
    .. [1] Gomes, Montiel, Mastelini, Pfahringer, Bifet (2020), On ensemble techniques for data
       stream regression, IJCNN. doi:10.1109/IJCNN48605.2020.9206756
    """

    _state = (*WATCHED_REGRESSORS_FIELDS, LOOKS)

    def __init__(
        self,
        *,
        base: Regressor | None = None,
        n_members: int = 10,
        max_features: float | str = 0.6,
        training: str = "patches",
        poisson_mean: float = 6.0,
        delta_warning: float = 1e-4,
        delta_drift: float = 1e-5,
        seed: int | None = None,
        n_jobs: int = 1,
        max_bytes: int | None = 1 << 25,
    ) -> None:
        self.base = base
        self.n_members = n_members
        self.max_features = max_features
        self.training = training
        self.poisson_mean = poisson_mean
        self.delta_warning = delta_warning
        self.delta_drift = delta_drift
        self.seed = seed
        self.n_jobs = n_jobs
        self.max_bytes = max_bytes

    def _base(self) -> Estimator:
        if self.base is None:
            return HoeffdingTreeRegressor(grace_period=50, delta=0.01, n_bins=32, max_bytes=None)
        return self.base
