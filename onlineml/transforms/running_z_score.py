"""Each feature as its distance from the mean of its last values, in deviations."""

from __future__ import annotations

import math

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Ints, f2, f3, i1, opened
from onlineml.kernels.sliding_moments import WINDOWS, slide, sums_with
from onlineml.parameters import whole


@entry
def _running_z_score(d: int) -> int:
    return _rows(opened(d), f2(d, 1), f3(d, 2), f2(d, 3), i1(d, 4))


@jit
def _rows(call: Call, values: Array, suffixes: Array, newer: Array, at: Ints) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        for j in range(x.shape[0]):
            if call.serve:
                n, mean, squares = sums_with(suffixes[j], newer[j], at[j], x[j])
                deviation = math.sqrt(squares / n)
                z = (x[j] - mean) / deviation if deviation > 0.0 else 0.0
                call.out[i, j] = x[j] if np.isnan(x[j]) else z
            if call.fit and call.weight[i] > 0.0 and not np.isnan(x[j]):
                slide(values[j], suffixes[j], newer[j], at, j, x[j])
    return call.last


class RunningZScore(Transformer):
    """Each feature as its distance from the mean of its last `window_size` values, in deviations.

    The new value is one of the window. Nothing is ever subtracted from a sum, so that the result
    is exact whatever has passed through the window. A missing value stays missing and is not
    learned. Time per event is O(n_features), and O(n_features window_size) once a window; memory
    is O(n_features window_size).

    Parameters
    ----------
    window_size
        How many values the window holds.

    Raises
    ------
    ValueError
        At the first row, for a `window_size` that is not a whole number >= 2.

    Examples
    --------
    >>> from onlineml.transforms import RunningZScore
    >>> model = RunningZScore(window_size=3).fit_many([[1e9], [1.0], [3.0]])
    >>> model.transform_one([8.0]).round(3)
    array([1.359])

    Notes
    -----
    Population variance; 0 where all values are equal. A weight other than 0 counts as 1. Codes
    of nominal values are taken as numbers.

    References
    ----------
    .. [1] Tangwongsan, Hirzel, Schneider (2017), Low-latency sliding-window aggregation in
       worst-case constant time, DEBS, section 2. doi:10.1145/3093742.3093925
    """

    _kernel = _running_z_score
    _state = WINDOWS

    def __init__(self, *, window_size: int = 100) -> None:
        self.window_size = window_size

    def _check(self) -> None:
        whole("window_size", self.window_size, 2)

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size, "W+1": self.window_size + 1}

    def _n_outputs(self) -> int:
        return self._size("F")
