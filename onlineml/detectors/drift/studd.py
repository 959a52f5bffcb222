"""STUDD: a student that can no longer foretell its teacher's answers."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import adwin, entry, jit
from onlineml.kernels.alarms import tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.parameters import whole
from onlineml.schema import wrong

_N_SIZES = 20  # sizes of bucket in the window of mistakes
_N, _MEAN, _M2 = range(3)  # rows of `moments_`
_MOST = 5.0  # standard deviations that a feature may lie off its mean


@entry
def _studd(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f2(d, 1), f2(d, 2), f1(d, 3), i1(d, 4), i1(d, 5))


@jit
def _rows(
    call: Call, settings: Array, weights: Array, moments: Array, window: Array, count: Ints,
    flag: Ints,
) -> int:  # fmt: skip
    n_features, n_classes = moments.shape[1], weights.shape[0]
    z, scores = np.ones(n_features), np.empty(n_classes)
    for i in range(call.first, call.last):
        flag[0] = 0
        answer = call.X[i, 0]
        if tells(call, i) and 0.0 <= answer < n_classes and answer == np.floor(answer):
            _standardize(call.X[i], moments, z)
            mistaken = _imitate(settings[5], weights, z, scores, int(answer))
            count[0] += 1
            if count[0] > settings[6] and adwin.update(window, settings, mistaken) > 0:
                flag[0] = DRIFT
                weights[:], moments[:], window[:], count[0] = 0.0, 0.0, 0.0, 0
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _standardize(x: Array, moments: Array, z: Array) -> None:
    """Features by mean and variance so far, then counted in; `z[0]` stays 1."""
    for j in range(1, x.shape[0]):
        z[j] = 0.0
        if np.isnan(x[j]):
            continue
        n, gap = moments[_N, j], x[j] - moments[_MEAN, j]
        if moments[_M2, j] > 0.0:
            z[j] = min(max(gap / np.sqrt(moments[_M2, j] / n), -_MOST), _MOST)
        moments[_N, j] += 1.0
        moments[_MEAN, j] += gap / (n + 1.0)
        moments[_M2, j] += gap * (x[j] - moments[_MEAN, j])


@jit
def _imitate(rate: float, weights: Array, z: Array, scores: Array, answer: int) -> float:
    """Foretell the answer, then learn it, by softmax regression; 1 for a mistake."""
    best, norm, total = 0, 0.0, 0.0
    for c in range(weights.shape[0]):
        scores[c] = 0.0
        for j in range(z.shape[0]):
            scores[c] += weights[c, j] * z[j]
        best = c if scores[c] > scores[best] else best
    for j in range(z.shape[0]):
        norm += z[j] * z[j]
    highest = scores[best]
    for c in range(weights.shape[0]):
        scores[c] = np.exp(scores[c] - highest)
        total += scores[c]
    for c in range(weights.shape[0]):
        step = rate / norm * ((1.0 if c == answer else 0.0) - scores[c] / total)
        for j in range(z.shape[0]):
            weights[c, j] += step * z[j]
    return 0.0 if best == answer else 1.0


class STUDD(DriftDetector):
    """Student-teacher drift detection without labels.

    A row is the teacher's answer (the code of the class that a model predicts), and then the
    features that it was given. A student, softmax regression on standardized features, learns to
    foretell the answer; `ADWIN` watches its mistakes, and a rise is an alarm: the features have
    left the region where teacher and student agree. Both then start again. Time per event and
    memory are O(max_classes * n_features).

    Parameters
    ----------
    delta
        Confidence of the watching `ADWIN`.
    min_instances
        Rows that the student learns from before its mistakes count.
    learning_rate
        Step of the student, for rows of length 1.
    max_classes
        Rows whose answer is not a code below this are skipped.

    Raises
    ------
    ValueError
        At the first event, unless 0 < `delta` < 1, `min_instances` is a whole number >= 0,
        0 < `learning_rate` <= 2, and `max_classes` is a whole number >= 2.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import STUDD
    >>> X = np.random.default_rng(0).normal(size=(6000, 2))
    >>> X[4000:, 0] += 3.0
    >>> answer = (X[:, 0] ** 2 > 3.0) ^ (X[:, 1] > 0.0)
    >>> STUDD().fit_many(np.column_stack([answer, X]))
    array([4019])

    Notes
    -----
    Departures: the student is this one, not a model of the user's choice, so that it is
    compiled and saved with the detector. Labels are never needed; a change of the labels
    alone cannot be seen. Missing features count as the mean. Codes of nominal features are
    taken as numbers. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Cerqueira, Gomes, Bifet, Torgo (2022), STUDD: a student-teacher method for unsupervised
       concept drift detection, Machine Learning 112. Section 3.
    """

    _kernel = _studd
    _n_inputs = None
    _state = (
        Field("weights_", ("K", "F")),
        Field("moments_", (3, "F")),
        Field("window_", ("W",)),
        Field("count_", (1,), np.int64),
        Field("flag_", (1,), np.int64),
    )

    def __init__(
        self,
        *,
        delta: float = 0.002,
        min_instances: int = 500,
        learning_rate: float = 0.5,
        max_classes: int = 16,
    ) -> None:
        self.delta = delta
        self.min_instances = min_instances
        self.learning_rate = learning_rate
        self.max_classes = max_classes

    def _check(self) -> None:
        if not 0 < self.delta < 1:
            raise wrong("delta", self.delta, "a number between 0 and 1")
        whole("min_instances", self.min_instances, 0, unit="rows")
        if not 0 < self.learning_rate <= 2:
            raise wrong("learning_rate", self.learning_rate, "a number > 0, up to 2")
        if self.max_classes < 2:
            raise wrong("max_classes", self.max_classes, "at least 2 classes")

    def _sizes(self) -> dict[str, int]:
        return {"K": int(self.max_classes), "W": adwin.row_length(_N_SIZES)}

    def _settings(self) -> tuple[float, ...]:
        """Five settings of the window of mistakes, then those of the student."""
        window = (float(self.delta), 32.0, 5.0, 5.0, 10.0)
        return (*window, float(self.learning_rate), float(self.min_instances))
