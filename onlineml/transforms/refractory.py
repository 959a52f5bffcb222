"""Scores that are held back where one as high has just been."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f2, i1, opened
from onlineml.parameters import whole


@entry
def _refractory(d: int) -> int:
    return _rows(opened(d), f2(d, 1), i1(d, 2))


@jit
def _rows(call: Call, recent: Array, n: Ints) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            for j in range(x.shape[0]):
                fresh = np.isnan(x[j]) or _is_greater(x[j], recent[:, j])
                call.out[i, j] = x[j] if fresh else min(x[j], 0.0)
        if call.fit and call.weight[i] > 0.0:
            for j in range(x.shape[0]):
                recent[n[0] % recent.shape[0], j] = x[j]
            n[0] += 1
    return call.last


@jit
def _is_greater(value: float, others: Array) -> bool:
    """Whether it is greater than all others that are not missing."""
    for other in others:  # noqa: SIM110 - no generators in kernels
        if other >= value:
            return False
    return True


class Refractory(Transformer):
    """Each feature as it is where it exceeds its last `rest` values, and held back elsewhere.

    For scores of a detector: what lasts raises one alarm, not hundreds. A score is let through if
    it is greater than all of the last `rest`, let through or not; otherwise it becomes 0, or stays
    what it is if that is less. Missing values stay missing. Time per event is at most
    O(n_features rest); memory is O(n_features rest).

    Parameters
    ----------
    rest
        For how many events a score holds back those that are not greater.

    Raises
    ------
    ValueError
        At the first row, for a `rest` that is not a whole number >= 1.

    Examples
    --------
    >>> from onlineml.transforms import Refractory
    >>> scores = [[1.0], [5.0], [4.0], [6.0], [2.0], [3.0], [1.0], [4.0]]
    >>> Refractory(rest=3).transform_fit_many(scores).ravel().tolist()
    [1.0, 5.0, 0.0, 6.0, 0.0, 0.0, 0.0, 4.0]

    Around a detector:

    >>> from onlineml.detectors import CalibratedDetector, NoveltyDetector
    >>> monitor = CalibratedDetector(base=NoveltyDetector(), calibrator=Refractory(rest=50))

    Notes
    -----
    Detectors that took part in [1]_ rest in ways of their own; here the rule is apart, for all. The
    default was chosen together with those of `NoveltyDetector`, see there. A weight of 0 leaves
    nothing behind; others count as 1. Codes of nominal values are taken as numbers.

    References
    ----------
    .. [1] Ahmad, Lavin, Purdy, Agha (2017), Unsupervised real-time anomaly detection for streaming
       data, Neurocomputing 262, section 4. doi:10.1016/j.neucom.2017.04.070
    """

    _kernel = _refractory
    _state = (Field("recent_", ("R", "F"), fill=np.nan), Field("n_", (1,), np.int64))

    def __init__(self, *, rest: int = 100) -> None:
        self.rest = rest

    def _check(self) -> None:
        whole("rest", self.rest, 1)

    def _sizes(self) -> dict[str, int]:
        return {"R": self.rest}

    def _n_outputs(self) -> int:
        return self._size("F")
