"""The Hellinger distance of every feature, one window of rows from another."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f3, i1, opened
from onlineml.kernels.two_windows import settle, shares, take
from onlineml.schema import wrong


@entry
def _hellinger(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f3(d, 1), f1(d, 2), i1(d, 3), i1(d, 4))


@jit
def _rows(
    call: Call, settings: Array, windows: Array, distances: Array, counts: Ints, flag: Ints
) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if row_tells(call, i) and take(windows, counts, call.X[i]):
            flag[0] = _compare(settings, windows, distances)
            settle(windows, counts, flag[0] == DRIFT)
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _compare(settings: Array, windows: Array, distances: Array) -> int:
    n, n_bins, flag = windows.shape[1], int(settings[1]), 0
    old, new = np.empty(n), np.empty(n)
    reference, recent = np.empty(n_bins), np.empty(n_bins)
    for j in range(windows.shape[2]):
        distances[j] = 0.0
        if shares(windows, j, old, new, reference, recent):
            distances[j] = _distance(reference, recent)
        if distances[j] > settings[0]:
            flag = DRIFT
    return flag


@jit
def _distance(reference: Array, recent: Array) -> float:
    total = 0.0
    for k in range(reference.shape[0]):
        total += (np.sqrt(reference[k]) - np.sqrt(recent[k])) ** 2
    return float(np.sqrt(0.5 * total))


class Hellinger(DriftDetector):
    """Hellinger distance of every feature between two windows of rows.

    The root of half the sum over bins of (sqrt(p) - sqrt(q))^2, with p and q the shares of the
    reference and of the recent rows in a bin; between 0 and 1.

    The first `window_size` rows are the reference. Every `window_size` rows after it are compared
    with it, feature by feature; an alarm says that for one of them the distance exceeds the
    threshold. These rows are then the new reference. The last distances are in `distances_`. Time
    per event is O(n_features log(window_size)), memory O(window_size * n_features).

    Parameters
    ----------
    window_size
        Number of rows in either window.
    n_bins
        Number of bins; their edges are quantiles of the reference.
    threshold
        Distance that raises an alarm.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` and `n_bins` are whole numbers >= 2, and
        `threshold` > 0.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import Hellinger
    >>> X = np.random.default_rng(0).normal(size=(3000, 2))
    >>> X[1500:, 1] += 1.0
    >>> Hellinger().fit_many(X)
    array([1999])

    Notes
    -----
    Missing values are left out, feature by feature; a row without any value is skipped. Codes of
    nominal values are taken as numbers. A weight other than 0 counts as 1.
    Without any change the distance is about sqrt((n_bins - 1) / (4 window_size)). The source
    learns its threshold from past distances and has bins of equal width; this one is fixed.

    References
    ----------
    .. [1] Ditzler, Polikar (2011), Hellinger distance based drift detection for nonstationary
       environments, CIDUE. Section III.
    """

    _kernel = _hellinger
    _n_inputs = None
    _state = (
        Field("windows_", (2, "W", "F"), fill=np.nan),
        Field("distances_", ("F",)),
        Field("counts_", (2,), np.int64),
        Field("flag_", (1,), np.int64),
    )

    distances_: Array

    def __init__(
        self, *, window_size: int = 500, n_bins: int = 10, threshold: float = 0.15
    ) -> None:
        self.window_size = window_size
        self.n_bins = n_bins
        self.threshold = threshold

    def _check(self) -> None:
        if self.window_size < 2:
            raise wrong("window_size", self.window_size, "a number of rows >= 2")
        if self.n_bins < 2:
            raise wrong("n_bins", self.n_bins, "at least 2 bins")
        if not self.threshold > 0:
            raise wrong("threshold", self.threshold, "a number > 0")

    def _sizes(self) -> dict[str, int]:
        return {"W": int(self.window_size)}

    def _settings(self) -> tuple[float, ...]:
        return float(self.threshold), float(self.n_bins)
