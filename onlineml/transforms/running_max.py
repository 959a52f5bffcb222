"""Each feature as the greatest of its last values."""

from __future__ import annotations

import numpy as np

from onlineml.base import Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f2, i2, opened
from onlineml.parameters import whole

_N, _HEAD, _KEPT = range(3)  # of the places: values so far, where the ring begins, how many it has


@entry
def _running_max(d: int) -> int:
    return _rows(opened(d), f2(d, 1), i2(d, 2), i2(d, 3))


@jit
def _rows(call: Call, values: Array, births: Ints, places: Ints) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        for j in range(x.shape[0]):
            if call.serve:
                greatest = values[j, places[j, _HEAD]] if places[j, _KEPT] > 0 else x[j]
                call.out[i, j] = x[j] if np.isnan(x[j]) else max(x[j], greatest)
            if call.fit and call.weight[i] > 0.0 and not np.isnan(x[j]):
                _slide(x[j], values[j], births[j], places[j])
    return call.last


@jit
def _slide(x: float, values: Array, births: Ints, places: Ints) -> None:
    """Take in `x`: what came before and is not greater will never be the greatest again."""
    size, head, kept = values.shape[0], places[_HEAD], places[_KEPT]
    while kept > 0 and values[(head + kept - 1) % size] <= x:
        kept -= 1
    if kept > 0 and births[head] <= places[_N] - size:  # as old as the window is long
        head, kept = (head + 1) % size, kept - 1
    last = (head + kept) % size
    values[last], births[last] = x, places[_N]
    places[_N], places[_HEAD], places[_KEPT] = places[_N] + 1, head, kept + 1


class RunningMax(Transformer):
    """Each feature as the greatest of its last `window_size` values: alarms last for a while.

    The new value is one of the window. A missing value stays missing and is not learned. Time per
    event is O(n_features), amortized; memory is O(n_features window_size).

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
    >>> from onlineml.transforms import RunningMax
    >>> RunningMax(window_size=3).transform_fit_many([[5.0], [1.0], [2.0], [0.0]]).ravel()
    array([5., 5., 5., 2.])

    Notes
    -----
    A queue of those values that no later one reaches, the greatest first. A weight other than 0
    counts as 1. Codes of nominal values are taken as numbers.

    References
    ----------
    .. [1] Lemire (2006), Streaming maximum-minimum filter using no more than three comparisons per
       element, Nordic Journal of Computing 13(4), 328-339, algorithm 1. arXiv:cs/0610046
    """

    _kernel = _running_max
    _state = (
        Field("values_", ("F", "W")),  # the past of the window: one less than it holds
        Field("births_", ("F", "W"), np.int64),
        Field("places_", ("F", 3), np.int64),
    )

    def __init__(self, *, window_size: int = 100) -> None:
        self.window_size = window_size

    def _check(self) -> None:
        whole("window_size", self.window_size, 2)

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size - 1}

    def _n_outputs(self) -> int:
        return self._size("F")
