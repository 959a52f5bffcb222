"""MMD: the maximum mean discrepancy of two windows of rows, tested by permutation."""

from __future__ import annotations

import numpy as np

from onlineml.base import DRIFT, DriftDetector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f3, i1, opened
from onlineml.kernels.random import below, seeded
from onlineml.kernels.two_windows import settle, sort, take
from onlineml.schema import Schema, wrong


@entry
def _mmd(d: int) -> int:
    return _rows(opened(d), f1(d, 0), f3(d, 1), f1(d, 2), i1(d, 3), i1(d, 4), i1(d, 5))


@jit
def _rows(
    call: Call, settings: Array, windows: Array, distance: Array, counts: Ints, random: Ints,
    flag: Ints,
) -> int:  # fmt: skip
    for i in range(call.first, call.last):
        flag[0] = 0
        if row_tells(call, i) and take(windows, counts, call.X[i]):
            flag[0] = _compare(settings, windows, distance, random)
            settle(windows, counts, flag[0] == DRIFT)
        if call.serve:
            call.out[i, 0] = flag[0]
    return call.last


@jit
def _compare(settings: Array, windows: Array, distance: Array, random: Ints) -> int:
    """The sum over all pairs is the same for each permutation: only that across parts matters."""
    n = windows.shape[1]
    kernel, order = np.empty((2 * n, 2 * n)), np.arange(2 * n)
    total = _fill(kernel, windows, settings[2])
    across, n_extreme = _across(kernel, order), 0
    distance[0] = (total - 2.0 * across) / (n * (n - 1.0)) - 2.0 * across / (n * n)
    n_permutations = int(settings[1])
    for _ in range(n_permutations):
        for k in range(2 * n - 1, 0, -1):
            other = below(random, 0, k + 1)
            order[k], order[other] = order[other], order[k]
        if _across(kernel, order) <= across:
            n_extreme += 1
    return DRIFT if n_extreme + 1 <= settings[0] * (n_permutations + 1) else 0


@jit
def _across(kernel: Array, order: Ints) -> float:
    n, total = order.shape[0] // 2, 0.0
    for a in order[:n]:
        for b in order[n:]:
            total += kernel[a, b]
    return total


@jit
def _fill(kernel: Array, windows: Array, sigma: float) -> float:
    """Kernel values of all pairs of rows; returns their sum, without the diagonal."""
    n, k = windows.shape[1], 0
    gaps = np.empty(n * (2 * n - 1))
    for a in range(2 * n):
        for b in range(a):
            gaps[k] = _squared_gap(windows[a // n, a % n], windows[b // n, b % n])
            kernel[a, b] = gaps[k]
            k += 1
    if sigma == 0.0:
        sort(gaps, k)
        scale = gaps[k // 2] if gaps[k // 2] > 0.0 else 1.0
    else:
        scale = 2.0 * sigma * sigma
    total = 0.0
    for a in range(2 * n):
        kernel[a, a] = 1.0
        for b in range(a):
            kernel[a, b] = kernel[b, a] = np.exp(-kernel[a, b] / scale)
            total += 2.0 * kernel[a, b]
    return total


@jit
def _squared_gap(a: Array, b: Array) -> float:
    """Squared distance over the features that both rows have, scaled up to all of them."""
    total, n = 0.0, 0
    for j in range(a.shape[0]):
        if not (np.isnan(a[j]) or np.isnan(b[j])):
            total += (a[j] - b[j]) ** 2
            n += 1
    return total * a.shape[0] / n if n > 0 else 0.0


class MMD(DriftDetector):
    """Maximum mean discrepancy between two windows of rows, with a permutation test.

    The first `window_size` rows are the reference. Every `window_size` rows after it are compared
    with it by the unbiased estimate of the squared discrepancy with a Gaussian kernel; an alarm
    says that it is among the largest of those with rows dealt out to the two windows at random.
    These rows are then the new reference. The last estimate is in `distance_`. Time per event is
    O(window_size * (n_features + n_permutations)), memory O(window_size * n_features), and
    32 bytes times the square of `window_size` during a comparison.

    Parameters
    ----------
    alpha
        Significance level of a comparison of windows.
    window_size
        Number of rows in either window.
    n_permutations
        Number of random deals; 1 / (n_permutations + 1) is the least level that they can show.
    sigma
        Width of the kernel exp(-distance^2 / (2 sigma^2)); None: so that the median of the squared
        distances of all pairs of rows is 2 sigma^2.
    seed
        Seed of the deals; None for a fresh one each time.

    Raises
    ------
    ValueError
        At the first event, unless 0 < `alpha` < 1, `window_size` is a whole number >= 2,
        `n_permutations` one >= 1 / `alpha` - 1, and `sigma` > 0 or None.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import MMD
    >>> X = np.random.default_rng(0).normal(size=(1000, 2))
    >>> X[500:] += 1.0
    >>> MMD().fit_many(X)
    array([599])

    Notes
    -----
    Features should have like scales. Distances leave out features that either row lacks, and are
    scaled up; a row without any value is skipped. Codes of nominal values are taken as numbers. A
    weight other than 0 counts as 1.

    References
    ----------
    .. [1] Gretton, Borgwardt, Rasch, Schoelkopf, Smola (2012), A kernel two-sample test, JMLR 13.
       Lemma 6 and section 8.
    """

    _kernel = _mmd
    _n_inputs = None
    _state = (
        Field("windows_", (2, "W", "F"), fill=np.nan),
        Field("distance_", (1,)),
        Field("counts_", (2,), np.int64),
        Field("random_", (1,), np.int64),
        Field("flag_", (1,), np.int64),
    )

    distance_: Array
    random_: Ints

    def __init__(
        self,
        *,
        alpha: float = 0.005,
        window_size: int = 100,
        n_permutations: int = 199,
        sigma: float | None = None,
        seed: int | None = 0,
    ) -> None:
        self.alpha = alpha
        self.window_size = window_size
        self.n_permutations = n_permutations
        self.sigma = sigma
        self.seed = seed

    def _check(self) -> None:
        if not 0 < self.alpha < 1:
            raise wrong("alpha", self.alpha, "a number between 0 and 1")
        if self.window_size < 2:
            raise wrong("window_size", self.window_size, "a number of rows >= 2")
        if self.alpha * (self.n_permutations + 1) < 1:
            raise wrong("n_permutations", self.n_permutations, f"at least {1 / self.alpha - 1:.0f}")
        if self.sigma is not None and not self.sigma > 0:
            raise wrong("sigma", self.sigma, "a number > 0, or None")

    def _sizes(self) -> dict[str, int]:
        return {"W": int(self.window_size)}

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, 1)

    def _settings(self) -> tuple[float, ...]:
        return float(self.alpha) + 1e-12, float(self.n_permutations), float(self.sigma or 0.0)
