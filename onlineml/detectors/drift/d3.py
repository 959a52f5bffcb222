"""D3: a discriminative classifier that can tell new rows from old ones."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened
from onlineml.schema import wrong

_STEPS = 8  # of Newton's method; it converges quadratically


@entry
def _d3(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f2(d, 1), f1(d, 2), i1(d, 3), i1(d, 4))


@jit
def _rows(call: Call, settings: Array, window: Array, auc: Array, count: Ints, flag: Ints) -> int:
    for i in range(call.first, call.last):
        flag[0] = 0
        if row_tells(call, i):
            for j in range(window.shape[1]):
                window[count[0], j] = call.X[i, j]
            count[0] += 1
            if count[0] == window.shape[0]:
                n_old = int(settings[1])
                auc[0] = _discriminated(window, n_old)
                flag[0] = DRIFT if auc[0] >= settings[0] else 0
                gone = n_old if flag[0] == DRIFT else window.shape[0] - n_old
                count[0] -= gone
                for k in range(count[0]):
                    for j in range(window.shape[1]):
                        window[k, j] = window[k + gone, j]
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _discriminated(window: Array, n_old: int) -> float:
    """Area under the ROC curve, each half of the rows judged by what the other half taught."""
    n, size = window.shape[0], window.shape[1] + 1
    Z, scores = np.ones((n, size)), np.zeros(n)
    for j in range(size - 1):
        _standardize(window, j, Z)
    for fold in range(2):
        beta = _logistic(Z, n_old, fold)
        for i in range(n):
            if i % 2 != fold:
                for j in range(size):
                    scores[i] += beta[j] * Z[i, j]
    above = 0.0
    for a in range(n_old, n):
        for b in range(n_old):
            if scores[a] > scores[b]:
                above += 1.0
            elif scores[a] == scores[b]:
                above += 0.5
    return float(above / ((n - n_old) * n_old))


@jit
def _standardize(window: Array, j: int, Z: Array) -> None:
    """Write a column with mean 0 and variance 1 to `Z`; missing values become 0."""
    n, mean, m2 = 0, 0.0, 0.0
    for i in range(window.shape[0]):
        if not np.isnan(window[i, j]):
            n += 1
            gap = window[i, j] - mean
            mean += gap / n
            m2 += gap * (window[i, j] - mean)
    unit = np.sqrt(m2 / n) if m2 > 0.0 else 1.0
    for i in range(window.shape[0]):
        Z[i, j] = 0.0 if np.isnan(window[i, j]) else (window[i, j] - mean) / unit


@jit
def _logistic(Z: Array, n_old: int, fold: int) -> Array:
    """Logistic regression with ridge penalty 1/2 |beta|^2 on the rows of one fold, by Newton."""
    size = Z.shape[1]
    beta, slope, curvature = np.zeros(size), np.empty(size), np.empty((size, size))
    for _ in range(_STEPS):
        for j in range(size):
            slope[j] = -beta[j]
            for k in range(size):
                curvature[j, k] = 1.0 if j == k else 0.0
        for i in range(fold, Z.shape[0], 2):
            score = 0.0
            for j in range(size):
                score += beta[j] * Z[i, j]
            p = 1.0 / (1.0 + np.exp(-score))
            for j in range(size):
                slope[j] += ((1.0 if i >= n_old else 0.0) - p) * Z[i, j]
                for k in range(j + 1):
                    curvature[j, k] += p * (1.0 - p) * Z[i, j] * Z[i, k]
        _solve(curvature, slope)
        for j in range(size):
            beta[j] += slope[j]
    return beta


@jit
def _solve(A: Array, b: Array) -> None:
    """Replace `b` by the solution of A x = b; `A` is positive definite, its lower half is read."""
    n = b.shape[0]
    for j in range(n):
        for k in range(j):
            A[j, j] -= A[j, k] * A[j, k]
        A[j, j] = np.sqrt(A[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                A[i, j] -= A[i, k] * A[j, k]
            A[i, j] /= A[j, j]
    for i in range(n):
        for k in range(i):
            b[i] -= A[i, k] * b[k]
        b[i] /= A[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            b[i] -= A[k, i] * b[k]
        b[i] /= A[i, i]


class D3(DriftDetector):
    """Discriminative drift detector: a classifier tries to tell the newest rows from older ones.

    When `window_size` (1 + `rho`) rows are there, a logistic regression learns to tell the newest
    `window_size` `rho` from the others. An alarm says that its area under the ROC curve, on rows
    that it has not seen, reaches the threshold; then only the newest rows are kept, otherwise as
    many of the oldest ones leave. Time per event is O(n_features^2 (1 + 1 / `rho`)), memory
    O(window_size * n_features).

    Parameters
    ----------
    window_size
        Number of older rows.
    rho
        Number of newest rows, as a share of `window_size`.
    threshold
        Area under the curve that raises an alarm; 0.5 is chance.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 4, `rho` lies in [2 /
        `window_size`, 1], and 0.5 < `threshold` <= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import D3
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> X[1000:] += 1.0
    >>> D3().fit_many(X)
    array([1099])

    Notes
    -----
    Departures: features are standardized in the window, so that the penalty suits them; the two
    folds are the even and the odd rows, not random ones; the source has windows of 100 rows and
    `rho` 0.1, where chance alone reaches 0.7 about once in 50 tests. Missing values count as
    the mean; a row without any value is skipped. Codes of nominal values are taken as numbers.
    A weight other than 0 counts as 1.

    References
    ----------
    .. [1] Gozuacik, Buyukcakir, Bonab, Can (2019), Unsupervised concept drift detection with a
       discriminative classifier, CIKM. Algorithm 1.
    """

    _kernel = _d3
    _n_inputs = None
    _state = (
        Field("window_", ("W", "F"), fill=np.nan),
        Field("auc_", (1,)),
        Field("count_", (1,), np.int64),
        Field("flag_", (1,), np.int64),
    )

    auc_: Array

    def __init__(self, *, window_size: int = 200, rho: float = 0.5, threshold: float = 0.7) -> None:
        self.window_size = window_size
        self.rho = rho
        self.threshold = threshold

    def _check(self) -> None:
        if self.window_size < 4:
            raise wrong("window_size", self.window_size, "a number of rows >= 4")
        if not 2 / self.window_size <= self.rho <= 1:
            raise wrong("rho", self.rho, "a share up to 1, of 2 rows or more")
        if not 0.5 < self.threshold <= 1:
            raise wrong("threshold", self.threshold, "a number above 0.5, up to 1")

    def _sizes(self) -> dict[str, int]:
        return {"W": int(self.window_size) + int(self.window_size * self.rho)}

    def _settings(self) -> tuple[float, ...]:
        return float(self.threshold), float(self.window_size)
