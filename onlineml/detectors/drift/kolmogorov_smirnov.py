"""The Kolmogorov-Smirnov test of every feature, one window of rows against another."""

from __future__ import annotations

from math import log

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f3, i1, opened
from onlineml.kernels.two_windows import RECENT, REFERENCE, settle, sorted_column, take
from onlineml.schema import wrong


@entry
def _kolmogorov_smirnov(d: int) -> int:
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
    n, n_features, flag = windows.shape[1], windows.shape[2], 0
    old, new = np.empty(n), np.empty(n)
    for j in range(n_features):
        n_old = sorted_column(windows, REFERENCE, j, old)
        n_new = sorted_column(windows, RECENT, j, new)
        distances[j] = 0.0
        if n_old > 0 and n_new > 0:
            distances[j] = _distance(old[:n_old], new[:n_new])
            term = settings[0] + np.log(n_features)  # Bonferroni: alpha is divided
            if distances[j] > np.sqrt(0.5 * term * (1.0 / n_old + 1.0 / n_new)):
                flag = DRIFT
    return flag


@jit
def _distance(old: Array, new: Array) -> float:
    """Largest distance of two empirical distribution functions, given ordered values."""
    a, b, largest = 0, 0, 0.0
    while a < old.shape[0] and b < new.shape[0]:
        value = min(old[a], new[b])
        while a < old.shape[0] and old[a] == value:
            a += 1
        while b < new.shape[0] and new[b] == value:
            b += 1
        largest = max(largest, abs(a / old.shape[0] - b / new.shape[0]))
    return largest


class KolmogorovSmirnov(DriftDetector):
    """Kolmogorov-Smirnov test of every feature between two windows of rows.

    The first `window_size` rows are the reference. Every `window_size` rows after it are compared
    with it, feature by feature; an alarm says that for one of them the distance of the distribution
    functions exceeds sqrt(ln(2 F / alpha) / 2 (1/n + 1/m)), F features. These rows are then the
    new reference. The last distances are in `distances_`. Time per event is
    O(n_features log(window_size)), memory O(window_size * n_features).

    Parameters
    ----------
    alpha
        Significance level of a comparison of windows; Bonferroni's correction is applied.
    window_size
        Number of rows in either window.

    Raises
    ------
    ValueError
        At the first event, unless 0 < `alpha` < 1, and `window_size` is a whole number >= 2.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import KolmogorovSmirnov
    >>> X = np.random.default_rng(0).normal(size=(3000, 2))
    >>> X[1500:, 1] += 1.0
    >>> KolmogorovSmirnov().fit_many(X)
    array([1599, 1799])

    Notes
    -----
    Missing values are left out, feature by feature; a row without any value is skipped. Codes of
    nominal values are taken as numbers. A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Massey (1951), The Kolmogorov-Smirnov test for goodness of fit, JASA 46.
    .. [2] Rabanser, Guennemann, Lipton (2019), Failing loudly: an empirical study of methods for
       detecting dataset shift, NeurIPS. Section 3.
    """

    _kernel = _kolmogorov_smirnov
    _n_inputs = None
    _state = (
        Field("windows_", (2, "W", "F"), fill=np.nan),
        Field("distances_", ("F",)),
        Field("counts_", (2,), np.int64),
        Field("flag_", (1,), np.int64),
    )

    distances_: Array

    def __init__(self, *, alpha: float = 0.005, window_size: int = 200) -> None:
        self.alpha = alpha
        self.window_size = window_size

    def _check(self) -> None:
        if not 0 < self.alpha < 1:
            raise wrong("alpha", self.alpha, "a number between 0 and 1")
        if self.window_size < 2:
            raise wrong("window_size", self.window_size, "a number of rows >= 2")

    def _sizes(self) -> dict[str, int]:
        return {"W": int(self.window_size)}

    def _settings(self) -> tuple[float, ...]:
        return (log(2.0 / self.alpha),)
