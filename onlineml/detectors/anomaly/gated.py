"""A detector that does not learn what it finds strange, or not all of it."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field, Ints
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong
from onlineml.transforms import ConformalCalibrator

_NOTHING = np.empty((0, 1))


class GatedDetector(Detector):
    """A detector that learns only one in `one_in` of the events that it finds strange.

    Anomalies that come in numbers would otherwise soon look normal: they hide each other. Since
    some are learned all the same, a lasting change of the stream still becomes normal. An event is
    strange when its score is greater than a share `quantile` of the last `window_size` scores. Time
    per event is that of the detector, plus O(log(window_size)) and a call of Python; memory that of
    the detector, plus O(window_size * log(window_size)).

    Parameters
    ----------
    base
        The unfitted detector.
    quantile
        Share of the scores from which on events are strange.
    one_in
        Of so many strange events one is learned.
    window_size
        Scores that are remembered.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a detector of anomalies, 0 < `quantile` < 1, and
        `one_in` and `window_size` are whole numbers >= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import GatedDetector, KNNDetector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 2))
    >>> X[1000::12] = rng.normal(6.0, 0.1, size=(84, 2))  # many, and all alike
    >>> plain = KNNDetector(window_size=500).fit_many(X)
    >>> gated = GatedDetector(base=KNNDetector(window_size=500)).fit_many(X)
    >>> plain.score_one([6.0, 6.0]) < 0.1 < gated.score_one([6.0, 6.0])
    True

    Notes
    -----
    Until `window_size` / 10 scores are known, everything is learned. Events of weight 0 are not
    learned, and their scores not remembered.

    References
    ----------
    .. [1] Ahmad, Lavin, Purdy, Agha (2017), Unsupervised real-time anomaly detection for streaming
       data, Neurocomputing 262, section 3.2, on judging scores by those before.
       doi:10.1016/j.neucom.2017.04.070
    """

    _state = (Field("n_strange_", (1,), np.int64), Field("n_seen_", (1,), np.int64))

    n_strange_: Ints
    n_seen_: Ints
    base_: Detector
    ranks_: ConformalCalibrator

    def __init__(
        self, *, base: Detector, quantile: float = 0.9, one_in: int = 10, window_size: int = 1000
    ) -> None:
        self.base = base
        self.quantile = quantile
        self.one_in = one_in
        self.window_size = window_size

    @property
    def _explains(self) -> bool:  # type: ignore[override]  # of others it is their class's
        return isinstance(self.base, Detector) and self.base._explains

    @property
    def _greatest(self) -> float:  # type: ignore[override]  # of others it is their class's
        return self.base._greatest

    def _check(self) -> None:
        if not isinstance(self.base, Detector):
            raise wrong("base", self.base, "a detector of anomalies")
        if not 0 < self.quantile < 1:
            raise wrong("quantile", self.quantile, "a number between 0 and 1")
        whole("one_in", self.one_in, 1)
        ConformalCalibrator(window_size=self.window_size)._check()

    def _start(self, schema: Schema) -> None:
        self.base_ = self.base.clone()
        self.base_._begin(schema)
        self.ranks_ = ConformalCalibrator(window_size=self.window_size)
        self.ranks_._begin(Schema(1))

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        self.base_._admit(schema)

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if not fit:
            self.base_._run(X, y, weight, out, serve, False)
            return
        self.ranks_._ready()
        for i, w in enumerate(weight.tolist()):
            base = self.base_._ready()
            base._row[...] = X[i]
            base._call(base._scoring if serve == ANSWER_AND_SCORES else base._serving)
            if serve:
                out[i] = base._out[: out.shape[1]]
            if w <= 0.0 or not self._lets_in(base._answer[0]):
                continue
            if w != 1.0 or base._call(base._fitting) != 1:  # or it wants room
                row = slice(i, i + 1)
                base._run(X[row], y[row], weight[row], _NOTHING, 0, True)

    def _lets_in(self, score: float) -> bool:
        """Whether an event of that score is to be learned; notes the score."""
        ranks = self.ranks_
        ranks._row[0] = score
        ranks._call(ranks._serving)
        known = 10 * self.n_seen_[0] >= self.window_size
        ranks._call(ranks._fitting)
        self.n_seen_[0] += 1
        if not known or ranks._out[0] <= self.quantile:
            return True
        self.n_strange_[0] += 1
        return bool(self.n_strange_[0] % self.one_in == 0)
