"""Detectors of several kinds as one: their scores meet as ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onlineml.base import Array, Detector
from onlineml.detectors.anomaly.gated import GatedDetector
from onlineml.detectors.anomaly.half_space_trees import HalfSpaceTrees
from onlineml.detectors.anomaly.knn_detector import KNNDetector
from onlineml.detectors.anomaly.loda import LODA
from onlineml.detectors.anomaly.rs_hash import RSHash
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field
from onlineml.schema import Schema, wrong
from onlineml.transforms import ConformalCalibrator

_COMBINERS = ("surprise", "mean", "max")
_NOTHING = np.empty((0, 1))


class RankEnsemble(Detector):
    """Several detectors, whose scores are made comparable by their ranks among the last ones.

    Each detector's score becomes a conformal p-value; the answer is the weighted mean of their
    surprises -log(p), of their ranks 1 - p, or the greatest of these. Detectors that agree with the
    others weigh more. Time per event is that of the detectors, plus
    O(n_detectors log(window_size)).

    Parameters
    ----------
    detectors
        Unfitted detectors; None for half-space trees, LODA, RS-Hash and the gated distance to the
        nearest of the last 256 rows: clustered anomalies and scattered ones.
    combine
        "surprise" (mean of -log p: one detector that is sure is heard), "mean" (of ranks), or "max"
        (of ranks).
    window_size
        How many past scores a new one is ranked among.
    weighted
        Whether detectors weigh by their agreement: the correlation of their surprise with the mean
        of the others', at least 0.05. All alike otherwise.
    fading_factor
        Share of the past that each event keeps in that correlation.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import DeviationFromMean, HalfSpaceTrees, RankEnsemble
    >>> X = np.random.default_rng(0).normal(size=(2000, 3))
    >>> model = RankEnsemble(detectors=(DeviationFromMean(), HalfSpaceTrees(seed=1)))
    >>> model = model.fit_many(X)
    >>> model.score_one([0.0, 0.0, 0.0]) < 1 < 3 < model.score_one([5.0, 5.0, -5.0])
    True

    Notes
    -----
    A detector that scores 0 has nothing to say yet, or not of this event: it is neither ranked nor
    heard. The mean surprise is Fisher's statistic [1]_ over the number of detectors; it would be a
    test were they independent, which they are not: only the order of the answers has a meaning.
    That weights from agreement find the better detectors without labels is the finding of [2]_.

    References
    ----------
    .. [1] Fisher (1932), Statistical methods for research workers, 4th edition, section 21.1.
    .. [2] Rayana, Akoglu (2016), Less is more: building selective anomaly ensembles, ACM TKDD
       10(4), section 3.2. doi:10.1145/2890508
    """

    _state = (Field("moments_", ("M", 5)),)

    moments_: Array
    members_: list[Detector]
    ranks_: ConformalCalibrator

    def __init__(
        self,
        *,
        detectors: Sequence[Detector] | None = None,
        combine: str = "surprise",
        window_size: int = 1000,
        weighted: bool = True,
        fading_factor: float = 0.999,
    ) -> None:
        self.detectors = detectors
        self.combine = combine
        self.window_size = window_size
        self.weighted = weighted
        self.fading_factor = fading_factor

    def _members(self) -> list[Detector]:
        if self.detectors is not None:
            return list(self.detectors)
        near = GatedDetector(base=KNNDetector(window_size=256))
        return [HalfSpaceTrees(seed=1), LODA(seed=1), RSHash(seed=1), near]

    def _check(self) -> None:
        members = self._members()
        if not members or not all(isinstance(member, Detector) for member in members):
            raise wrong("detectors", self.detectors, "one detector of anomalies or more, or None")
        if self.combine not in _COMBINERS:
            raise wrong("combine", self.combine, f"one of {_COMBINERS}")
        if not 0 < self.fading_factor < 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1)")
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
        ranks = np.empty_like(scores)
        self.ranks_._run(scores, y, weight, ranks, ANSWER_AND_SCORES, fit)
        rule = np.array([_COMBINERS.index(self.combine), self.weighted, 1 - self.fading_factor])
        _combine(ranks, weight, self.moments_, rule, out if serve else _NOTHING, fit)


@jit
def _combine(
    ranks: Array, weight: Array, moments: Array, rule: Array, out: Array, fit: bool
) -> None:
    surprise, weights = np.empty(ranks.shape[1]), np.empty(ranks.shape[1])
    for i in range(ranks.shape[0]):
        for k in range(ranks.shape[1]):
            surprise[k] = -np.log(1.0 - ranks[i, k])
        if out.shape[0] > 0:
            _weigh(moments, rule[1] > 0.0, weights)
            out[i, 0] = _answer(ranks[i], surprise, weights, rule[0])
        if fit and weight[i] > 0.0:
            _learn(moments, surprise, rule[2])


@jit
def _answer(ranks: Array, surprise: Array, weights: Array, combiner: float) -> float:
    """What the detectors that say something say together."""
    total, heard, greatest = 0.0, 0.0, 0.0
    for k in range(ranks.shape[0]):
        if not np.isnan(ranks[k]):
            total += weights[k] * (surprise[k] if combiner == 0.0 else ranks[k])
            heard += weights[k]
            greatest = max(greatest, ranks[k])
    if combiner == 2.0 or heard == 0.0:
        return greatest
    return total / heard


@jit
def _learn(moments: Array, surprise: Array, step: float) -> None:
    """`moments`: of a detector and the mean of the others: means, variances, covariance."""
    total, n = 0.0, 0
    for k in range(surprise.shape[0]):
        if not np.isnan(surprise[k]):
            total += surprise[k]
            n += 1
    for k in range(surprise.shape[0]):
        if np.isnan(surprise[k]) or n < 2:
            continue
        others = (total - surprise[k]) / (n - 1)
        gap, gap_of_others = surprise[k] - moments[k, 0], others - moments[k, 1]
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
