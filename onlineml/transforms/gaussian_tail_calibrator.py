"""Scores become tail probabilities of the normal distribution of the last ones."""

from __future__ import annotations

import math

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, i1, opened
from onlineml.kernels.normal_tail import upper_tail
from onlineml.kernels.sliding_moments import slide, window_sums
from onlineml.parameters import whole


@entry
def _gaussian_tail_calibrator(d: int) -> int:
    return _rows(opened(d), int(f1(d, 0)[0]), f2(d, 1), f3(d, 2), f2(d, 3), i1(d, 4))


@jit
def _rows(call: Call, n_recent: int, values: Array, suffixes: Array, newer: Array, at: Ints) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        for j in range(x.shape[0]):
            if call.serve:
                n, mean, squares = window_sums(suffixes[j], newer[j], at[j])
                recent = _recent(x[j], n_recent, n, values[j], at[j])
                call.out[i, j] = _likelihood(recent, n, mean, squares)
            if call.fit and call.weight[i] > 0.0 and not np.isnan(x[j]):
                slide(values[j], suffixes[j], newer[j], at, j, x[j])
    return call.last


@jit
def _recent(x: float, n_recent: int, n: float, values: Array, at: int) -> float:
    """Mean of `x` and the values just before it, as far as there are such."""
    total, count = x, min(n_recent, int(n) + 1)
    for age in range(1, count):
        total += values[(at - age) % values.shape[0]]
    return total / count


@jit
def _likelihood(x: float, n: float, mean: float, squares: float) -> float:
    if np.isnan(x):
        return float(np.nan)
    deviation = math.sqrt(squares / max(n, 1.0))
    if n < 2.0 or deviation <= 0.0:
        return 0.5
    return 1.0 - upper_tail((x - mean) / deviation)


class GaussianTailCalibrator(Transformer):
    """Each feature as one minus the upper tail of the normal distribution of its last values.

    For scores of a detector this is the anomaly likelihood: near 1 where they are much higher than
    of late. 0.5 before there are two different values; a missing value stays missing. Time per
    event is O(n_features n_recent), and O(n_features window_size) once a window; memory is
    O(n_features window_size).

    Parameters
    ----------
    window_size
        How many past values mean and deviation are those of. They stay exact whatever has passed
        through the window.
    n_recent
        Values, the new one included, whose mean is judged: more than 1 for detectors whose single
        scores are noisy.

    Raises
    ------
    ValueError
        At the first row, for a `window_size` that is not a whole number >= 2, and an `n_recent`
        that is none from 1 to `window_size`.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.transforms import GaussianTailCalibrator
    >>> scores = np.random.default_rng(0).normal(5.0, 1.0, (1000, 1))
    >>> calibrator = GaussianTailCalibrator().fit_many(scores)
    >>> calibrator.transform_many([[3.0], [5.0], [8.0]]).ravel().round(2).tolist()
    [0.02, 0.52, 1.0]

    Notes
    -----
    Population variance. A weight other than 0 counts as 1. Codes of nominal values are taken as
    numbers.

    References
    ----------
    .. [1] Ahmad, Lavin, Purdy, Agha (2017), Unsupervised real-time anomaly detection for streaming
       data, Neurocomputing 262, section 3.2. doi:10.1016/j.neucom.2017.04.070
    """

    _kernel = _gaussian_tail_calibrator
    _state = (
        Field("values_", ("F", "W")),
        Field("suffixes_", ("F", "W+1", 3)),
        Field("newer_", ("F", 3)),
        Field("at_", ("F",), np.int64),
    )

    def __init__(self, *, window_size: int = 1000, n_recent: int = 1) -> None:
        self.window_size = window_size
        self.n_recent = n_recent

    def _check(self) -> None:
        whole("window_size", self.window_size, 2)
        whole("n_recent", self.n_recent, 1, self.window_size)

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size, "W+1": self.window_size + 1}

    def _settings(self) -> tuple[float, ...]:
        return (float(self.n_recent),)

    def _n_outputs(self) -> int:
        return self._size("F")
