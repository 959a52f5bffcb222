"""Streaming random patches: learners on random features, each watched and replaced on its own."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier, Estimator, Regressor
from onlineml.kernels.arena import Field, Ints
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.hoeffding_tree_regressor import HoeffdingTreeRegressor
from onlineml.learners.some_features import check_max_features, n_looked_at
from onlineml.learners.watched_classifiers import WATCHED_CLASSIFIERS_FIELDS, WatchedClassifiers
from onlineml.learners.watched_members import WatchedEnsemble
from onlineml.learners.watched_regressors import WATCHED_REGRESSORS_FIELDS, WatchedRegressors
from onlineml.schema import Schema, wrong

_TRAINING = ("patches", "subspaces", "resampling")
_NOW, _NEXT = 0, 1  # whose features: the member's, or the background member's


#: Which features members look at, and background members.
LOOKS = Field("looks_", (2, "M", "F"), np.int64)


class RandomPatches(WatchedEnsemble):
    """Members that each look at features of their own."""

    max_features: float | str
    training: str
    looks_: Ints

    def _check(self) -> None:
        super()._check()
        if self.training not in _TRAINING:
            raise wrong("training", self.training, f"one of {_TRAINING}")
        check_max_features(self.max_features)

    def _n_looked_at(self, n_features: int) -> int:
        if self.training == "resampling":
            return n_features
        return n_looked_at(self.max_features, n_features)

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        # members were made first, background members over them: now their own features
        for m in range(int(self.n_members)):
            self._draw_features(m, schema.n_features, number=0, whose=_NOW)

    def _made(self, place: int, schema: Schema) -> Estimator:
        """A fresh member on fresh features, which are noted as the background member's."""
        number = int(self.n_made_[place])
        self._draw_features(place, schema.n_features, number=number, whose=_NEXT)
        return super()._made(place, self._part_of(schema, place, background=True))

    def _draw_features(self, place: int, n_features: int, *, number: int, whose: int) -> None:
        """Features of the member that is the `number`-th of its place."""
        origin = int(self.entropy_.view(np.uint64)[0]), place, number, 1
        rng = np.random.default_rng(np.random.SeedSequence(origin))
        chosen = rng.permutation(n_features)[: self._n_looked_at(n_features)]
        self.looks_[whose, place] = 0
        self.looks_[whose, place, chosen] = 1

    def _part_of(self, schema: Schema, m: int, *, background: bool = False) -> Schema:
        columns = np.flatnonzero(self.looks_[int(background), m]).tolist()
        names = None if schema.names is None else tuple(schema.names[j] for j in columns)
        nominal = {k: schema.nominal[j] for k, j in enumerate(columns) if j in schema.nominal}
        return Schema(len(columns), names, nominal, schema.classes)

    def _look(self, X: Array, m: int, *, background: bool = False) -> Array:
        if self.training == "resampling" and self.looks_[int(background), m].all():
            return X
        return np.ascontiguousarray(X[:, self.looks_[int(background), m] == 1])

    def _promote(self, m: int) -> None:
        super()._promote(m)
        self.looks_[_NOW, m] = self.looks_[_NEXT, m]

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
    weighted
        Whether votes are weighted by the accuracy of each member since it began.
    seed
        Of the random numbers.
    n_jobs
        Threads that members are spread over; the answers are the same, to the bit.
    max_bytes
        Bound of `nbytes`, shared out evenly among members and background members; None for none.

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
            return HoeffdingTreeClassifier(grace_period=50, delta=0.01, max_bytes=None)
        return self.base


class StreamingRandomPatchesRegressor(RandomPatches, WatchedRegressors):
    """Streaming random patches (SRP) for regression.

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
