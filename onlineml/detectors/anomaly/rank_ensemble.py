"""Detectors of several kinds as one: their scores meet on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from onlineml.base import Array, Detector
from onlineml.detectors.anomaly.gated import GatedDetector
from onlineml.detectors.anomaly.half_space_trees import HalfSpaceTrees
from onlineml.detectors.anomaly.knn_detector import KNNDetector
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field, Ints
from onlineml.kernels.faded_moments import learn
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong
from onlineml.transforms import ConformalCalibrator

_COMBINERS = ("surprise", "mean", "max", "level", "median", "aom", "moa")
_SURPRISE, _, _MAX, _, _MEDIAN, _AOM, _MOA = range(len(_COMBINERS))
_USUAL = 0.5  # level
_CLIP = 10.0  # deviations that a logarithm is learned to be off at most
_ROUNDING = 1e-12  # of sums of weights
_NOTHING = np.empty((0, 1))


class Logs(NamedTuple):
    """Of the logarithms of each detector's scores: how many, mean and variance of late."""

    n: Array
    mean: Array
    variance: Array


class RankEnsemble(Detector):
    """Several detectors, whose scores are made comparable by what they were of late.

    The answer is the mean of the detectors' levels: how far the logarithm of a score lies from its
    mean of late, in deviations, through the logistic function. It is 0.5 for what is usual, and 1
    for what is far beyond to all detectors; 0 before any data. Or their scores become ranks among
    the last ones, as conformal p-values: then it is the mean of their surprises -log(p), or the
    ranks 1 - p are put together. Time per event is that of the detectors, plus O(n_detectors
    log(window_size)) for ranks; memory is theirs, plus O(n_detectors window_size log(window_size)).

    Parameters
    ----------
    detectors
        Unfitted detectors; None for half-space trees, and gated distances to the nearest of the
        last 128 and 256 rows: clustered anomalies and scattered ones.
    combine
        "level", for detectors whose scores are positive; "surprise" (mean of -log p: one detector
        that is sure is heard); or, of ranks, "mean", "median", "max", "aom" (average of maxima: the
        greatest of each group, averaged) or "moa" (maximum of averages: the other way round).
    window_size
        How many past scores a new one is compared with.
    weighted
        Whether detectors weigh by their agreement: the correlation of their level, or surprise,
        with the mean of the others', at least 0.05. All alike otherwise.
    fading_factor
        Share of the past that each event keeps in that correlation.
    n_groups
        Groups that "aom" and "moa" deal the detectors out to, in turn: with 2, the first, third,
        ... detector make one. Groups that stay empty, or whose detectors all have nothing to say,
        do not count.

    Raises
    ------
    ValueError
        At the first event, unless `detectors` are detectors of anomalies, one at least, or None,
        `combine` is among the above, `n_groups` and `window_size` are whole numbers >= 1, and
        0 < `fading_factor` < 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import DeviationFromMean, HalfSpaceTrees, RankEnsemble
    >>> X = np.random.default_rng(0).normal(size=(2000, 3))
    >>> model = RankEnsemble(detectors=(DeviationFromMean(), HalfSpaceTrees(seed=1)))
    >>> model = model.fit_many(X)
    >>> model.score_one([0.0, 0.0, 0.0]) < 0.4 < 0.9 < model.score_one([5.0, 5.0, -5.0])
    True

    Notes
    -----
    A detector that scores 0 has nothing to say yet, or not of this event: it is not heard; for
    "level", nor is one that scores less. The logistic function lets no single detector outvote the
    others, however far it goes. Levels need few scores to be of use, where ranks begin coarse, and
    keep how far beyond the others a score lies. The default detectors and "level" were chosen on
    the 17 ODDS sets and on streams with scattered and with clustered anomalies. The mean surprise
    is Fisher's statistic [1]_ over the number of detectors; it would be a test were they
    independent, which they are not: only the order of the answers has a meaning. That weights from
    agreement find the better detectors without labels is the finding of [2]_. "aom" is of [3]_,
    which draws groups by chance: here they are the same in every run, and detectors of a kind that
    are named one after another come to different ones. With weights, the median is that of the
    weights, and a group weighs as its detectors do on average.

    References
    ----------
    .. [1] Fisher (1932), Statistical methods for research workers, 4th edition, section 21.1.
    .. [2] Rayana, Akoglu (2016), Less is more: building selective anomaly ensembles, ACM TKDD
       10(4), section 3.2. doi:10.1145/2890508
    .. [3] Aggarwal, Sathe (2015), Theoretical foundations and algorithms for outlier ensembles, ACM
       SIGKDD Explorations 17(1), 24-47. doi:10.1145/2830544.2830549
    """

    _state = (
        Field("moments_", ("M", 5)),
        Field("log_n_", ("M",)),
        Field("log_mean_", ("M",)),
        Field("log_variance_", ("M",)),
        Field("n_learned_", (1,), np.int64),
    )

    moments_: Array
    log_n_: Array
    log_mean_: Array
    log_variance_: Array
    n_learned_: Ints
    members_: list[Detector]
    ranks_: ConformalCalibrator

    def __init__(
        self,
        *,
        detectors: Sequence[Detector] | None = None,
        combine: str = "level",
        window_size: int = 1000,
        weighted: bool = False,
        fading_factor: float = 0.999,
        n_groups: int = 2,
    ) -> None:
        self.detectors = detectors
        self.combine = combine
        self.window_size = window_size
        self.weighted = weighted
        self.fading_factor = fading_factor
        self.n_groups = n_groups

    def _members(self) -> list[Detector]:
        if self.detectors is not None:
            return list(self.detectors)
        near = KNNDetector(n_neighbors=5, window_size=128)
        around = KNNDetector(n_neighbors=15, window_size=256)
        return [HalfSpaceTrees(n_trees=50), GatedDetector(base=near), GatedDetector(base=around)]

    @property
    def _greatest(self) -> float:  # type: ignore[override]  # of others it is their class's
        return math.inf if self.combine == "surprise" else 1.0

    def _check(self) -> None:
        members = self._members()
        if not members or not all(isinstance(member, Detector) for member in members):
            raise wrong("detectors", self.detectors, "one detector of anomalies or more, or None")
        if self.combine not in _COMBINERS:
            raise wrong("combine", self.combine, f"one of {_COMBINERS}")
        if not 0 < self.fading_factor < 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1)")
        whole("n_groups", self.n_groups, 1)
        ConformalCalibrator(window_size=self.window_size)._check()

    def _sizes(self) -> dict[str, int]:
        return {"M": len(self._members())}

    def _start(self, schema: Schema) -> None:
        self.members_ = [member.clone() for member in self._members()]
        for member in self.members_:
            member._begin(schema)
        self.ranks_ = ConformalCalibrator(window_size=self.window_size)
        self.ranks_._begin(Schema(len(self.members_)))

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        for member in self.members_:
            member._admit(schema)

    @property
    def weights(self) -> Array:
        """Present weights of the detectors, summing to 1; empty before any data."""
        if not self.is_started:
            return np.empty(0)
        found = np.empty(len(self.members_))
        _weigh(self.moments_, bool(self.weighted), found)
        return found

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        scores = np.empty((len(X), len(self.members_)))
        for k, member in enumerate(self.members_):
            own = np.empty((len(X), member._n_outputs()))
            member._run(X, y, weight, own, ANSWER, fit)
            scores[:, k] = np.where(own[:, 0] == 0.0, np.nan, own[:, 0])
        combiner, step = _COMBINERS.index(self.combine), 1 - self.fading_factor
        rule = np.array([combiner, self.weighted, step, self.n_groups])
        answer = out if serve else _NOTHING
        if self.combine == "level":
            past = Logs(self.log_n_, self.log_mean_, self.log_variance_)
            _levels(scores, weight, past, 1 / self.window_size, fit)
            _combine(scores, scores, weight, self.moments_, rule, answer, fit)
            self._call_usual(scores, weight, answer, fit)
            return
        ranks = np.empty_like(scores)
        self.ranks_._run(scores, y, weight, ranks, ANSWER_AND_SCORES, fit)
        _combine(ranks, -np.log(1.0 - ranks), weight, self.moments_, rule, answer, fit)

    def _call_usual(self, levels: Array, weight: Array, answer: Array, fit: bool) -> None:
        """Events of which no detector says anything, but for those before any data."""
        learned = (weight > 0.0) & fit
        before = self.n_learned_[0] + np.cumsum(learned) - learned
        if len(answer):
            answer[np.isnan(levels).all(axis=1) & (before > 0), 0] = _USUAL
        self.n_learned_[0] += learned.sum()


@jit
def _levels(scores: Array, weight: Array, past: Logs, least: float, fit: bool) -> None:
    """Put levels in the place of scores, each by those before it."""
    for i in range(scores.shape[0]):
        logs = np.log(scores[i])
        for k in range(logs.shape[0]):
            if not scores[i, k] > 0.0:
                logs[k] = np.nan
            scores[i, k] = _level(logs[k], past.n[k], past.mean[k], past.variance[k])
        if fit and weight[i] > 0.0:
            learn(logs, weight[i], least, _CLIP, past.n, past.mean, past.variance)


@jit
def _level(log: float, n: float, mean: float, variance: float) -> float:
    """From 0 to 1, with 0.5 for a usual score; NaN where there is nothing to compare with."""
    if np.isnan(log) or n <= 0.0:
        return np.nan
    return (
        float(1.0 / (1.0 + np.exp(-(log - mean) / np.sqrt(variance)))) if variance > 0.0 else _USUAL
    )


@jit
def _combine(
    ranks: Array, voices: Array, weight: Array, moments: Array, rule: Array, out: Array, fit: bool
) -> None:
    """`voices` are what is averaged, and what agreement is found in: levels or surprises."""
    weights = np.empty(ranks.shape[1])
    for i in range(ranks.shape[0]):
        if out.shape[0] > 0:
            _weigh(moments, rule[1] > 0.0, weights)
            out[i, 0] = _answer(ranks[i], voices[i], weights, rule)
        if fit and weight[i] > 0.0:
            _learn(moments, voices[i], rule[2])


@jit
def _answer(ranks: Array, voices: Array, weights: Array, rule: Array) -> float:
    """What the detectors that say something say together."""
    combiner = int(rule[0])
    if combiner == _MEDIAN:
        return _median(ranks, weights)
    if combiner in (_AOM, _MOA):
        return _of_groups(ranks, weights, int(rule[3]), combiner == _AOM)
    total, heard, greatest = 0.0, 0.0, 0.0
    for k in range(ranks.shape[0]):
        if not np.isnan(ranks[k]):
            total += weights[k] * (voices[k] if combiner == _SURPRISE else ranks[k])
            heard += weights[k]
            greatest = max(greatest, ranks[k])
    if combiner == _MAX or heard == 0.0:
        return greatest
    return total / heard


@jit
def _median(ranks: Array, weights: Array) -> float:
    """The middle between the least and the greatest rank with half of the weight on each side."""
    low, high = np.inf, 0.0
    for k in range(ranks.shape[0]):
        below, above, heard = 0.0, 0.0, 0.0
        for j in range(ranks.shape[0]):
            below += weights[j] if ranks[j] < ranks[k] else 0.0
            above += weights[j] if ranks[j] > ranks[k] else 0.0
            heard += weights[j] if not np.isnan(ranks[j]) else 0.0
        if not np.isnan(ranks[k]) and max(below, above) <= 0.5 * heard + _ROUNDING:
            low, high = min(low, ranks[k]), max(high, ranks[k])
    return 0.5 * (low + high) if low < np.inf else 0.0


@jit
def _of_groups(ranks: Array, weights: Array, n_groups: int, averages: bool) -> float:
    """Average of the greatest rank of each group, or the greatest of their averages."""
    total, heard, greatest = 0.0, 0.0, 0.0
    for group in range(min(n_groups, ranks.shape[0])):
        own, weight, n, most = 0.0, 0.0, 0, 0.0
        for k in range(group, ranks.shape[0], n_groups):
            if not np.isnan(ranks[k]):
                own += weights[k] * ranks[k]
                weight += weights[k]
                n += 1
                most = max(most, ranks[k])
        if n > 0:
            total += weight / n * most
            heard += weight / n
            greatest = max(greatest, own / weight)
    return total / heard if averages and heard > 0.0 else greatest


@jit
def _learn(moments: Array, voices: Array, step: float) -> None:
    """`moments`: of a detector and the mean of the others: means, variances, covariance."""
    total, n = 0.0, 0
    for k in range(voices.shape[0]):
        if not np.isnan(voices[k]):
            total += voices[k]
            n += 1
    for k in range(voices.shape[0]):
        if np.isnan(voices[k]) or n < 2:
            continue
        others = (total - voices[k]) / (n - 1)
        gap, gap_of_others = voices[k] - moments[k, 0], others - moments[k, 1]
        moments[k, 0] += step * gap
        moments[k, 1] += step * gap_of_others
        moments[k, 2] = (1.0 - step) * (moments[k, 2] + step * gap * gap)
        moments[k, 3] = (1.0 - step) * (moments[k, 3] + step * gap_of_others * gap_of_others)
        moments[k, 4] = (1.0 - step) * (moments[k, 4] + step * gap * gap_of_others)


@jit
def _weigh(moments: Array, weighted: bool, weights: Array) -> None:
    total = 0.0
    for k in range(moments.shape[0]):
        weights[k] = 1.0
        spread = np.sqrt(moments[k, 2] * moments[k, 3])
        if weighted and spread > 0.0:
            weights[k] = max(moments[k, 4] / spread, 0.05)
        total += weights[k]
    for k in range(moments.shape[0]):
        weights[k] /= total
