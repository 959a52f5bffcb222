"""A detector whose scores are put on a scale that means something."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.base import Array, Detector, Transformer
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES
from onlineml.schema import Schema, wrong
from onlineml.transforms import ConformalCalibrator


class CalibratedDetector(Detector):
    """The scores of a detector, calibrated by what it said of past events.

    With the default calibrator a score is one minus a conformal p-value: an alarm above 0.99 is
    false for about one normal event in a hundred, whatever the detector's own scale. Each event is
    scored, the score learned by the calibrator, then the event by the detector. Time per event and
    memory are those of both.

    Parameters
    ----------
    base
        The unfitted detector.
    calibrator
        A transformer of one number; None for `ConformalCalibrator`.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a detector of anomalies, and `calibrator` a
        transformer that gives one number for one, or None.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import CalibratedDetector, DeviationFromMean
    >>> X = np.random.default_rng(0).normal(size=(5000, 3))
    >>> scores = CalibratedDetector(base=DeviationFromMean()).score_fit_many(X)
    >>> bool(0.005 < (scores[1000:] > 0.99).mean() < 0.02)
    True

    Notes
    -----
    The p-value is exact for scores that are exchangeable; those of a detector that keeps learning
    are nearly so where the stream does not drift.

    References
    ----------
    .. [1] Laxhammar, Falkman (2014), Online learning and sequential anomaly detection in
       trajectories, IEEE TPAMI 36(6), 1158-1173, algorithm 1. doi:10.1109/TPAMI.2013.172
    """

    base_: Detector
    calibrator_: Transformer
    _greatest = 1.0

    def __init__(self, *, base: Detector, calibrator: Transformer | None = None) -> None:
        self.base = base
        self.calibrator = calibrator

    def _check(self) -> None:
        check_pair(self)

    def _start(self, schema: Schema) -> None:
        calibrator = ConformalCalibrator() if self.calibrator is None else self.calibrator
        start_pair(self, calibrator, schema)

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        self.base_._admit(schema)

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        scores = np.empty((len(X), self.base_._n_outputs()))
        self.base_._run(X, y, weight, scores, ANSWER, fit)
        calibrated = np.empty((len(X), 1)) if serve else out
        first = np.ascontiguousarray(scores[:, :1])
        asked = ANSWER_AND_SCORES if serve else 0
        self.calibrator_._run(first, y, weight, calibrated, asked, fit)
        if serve:
            out[:, :1] = calibrated


def check_pair(model: Any) -> None:
    """Raise `ValueError` for a `base` that is no detector, or a `calibrator` that is none."""
    if not isinstance(model.base, Detector):
        raise wrong("base", model.base, "a detector of anomalies")
    if not isinstance(model.calibrator, Transformer | None):
        raise wrong("calibrator", model.calibrator, "a transformer of one number, or None")


def start_pair(model: Any, calibrator: Transformer, schema: Schema) -> None:
    """Make the `base_` of a detector, and the `calibrator_` of its scores."""
    model.base_, model.calibrator_ = model.base.clone(), calibrator.clone()
    model.base_._begin(schema)
    model.calibrator_._begin(Schema(1))
    if model.calibrator_._n_outputs() != 1:
        model.reset()
        raise wrong("calibrator", calibrator, "a transformer that gives one number")
