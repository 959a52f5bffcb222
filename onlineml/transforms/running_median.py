"""Each feature as the median of its last values."""

from __future__ import annotations

import numpy as np

from onlineml.base import Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f2, i1, i2, i3, opened
from onlineml.kernels.ranks import N, kth, links_by, list_sizes, slide
from onlineml.parameters import whole


@entry
def _running_median(d: int) -> int:
    return _rows(opened(d), f2(d, 1), i3(d, 2), i3(d, 3), i2(d, 4), i2(d, 5), i1(d, 6))


@jit
def _rows(
    call: Call, values: Array, links: Ints, leaps: Ints, places: Ints, path: Ints, random: Ints
) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        for j in range(x.shape[0]):
            if call.serve:
                call.out[i, j] = _median_with(x[j], values[j], links[j], leaps[j], places[j, N])
        for j in range(x.shape[0]):
            if call.fit and call.weight[i] > 0.0 and not np.isnan(x[j]):
                slide(values[j], links[j], leaps[j], places[j], path, random, j, x[j])
    return call.last


@jit
def _median_with(x: float, values: Array, links: Ints, leaps: Ints, n: int) -> float:
    """The median of the `n` values and `x`."""
    if np.isnan(x):
        return x
    middle = _kth_with(x, values, links, leaps, n, n // 2)
    if n % 2:
        middle = 0.5 * middle + 0.5 * _kth_with(x, values, links, leaps, n, n // 2 + 1)
    return middle


@jit
def _kth_with(x: float, values: Array, links: Ints, leaps: Ints, n: int, k: int) -> float:
    """What would stand at place `k` of the order if `x` were there too."""
    above = min(x, kth(values, links, leaps, k)) if k < n else x
    return float(max(above, kth(values, links, leaps, k - 1)) if k > 0 else above)


class RunningMedian(Transformer):
    """Each feature as the median of its last `window_size` values: lone spikes are gone.

    The new value is one of the window. The median is exact: less than half of the window, whatever
    it holds, cannot move it beyond the others. A missing value stays missing and is not learned.
    Time per event is O(n_features log(window_size)), memory O(n_features window_size
    log(window_size)).

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
    >>> from onlineml.transforms import RunningMedian
    >>> model = RunningMedian(window_size=3).fit_many([[1.0], [1e9], [3.0]])
    >>> model.transform_one([8.0])
    array([8.])
    >>> model.transform_one([2.0])
    array([3.])

    Notes
    -----
    Of an even number of values, the mean of the two in the middle. A weight other than 0 counts as
    1. Codes of nominal values are taken as numbers.

    References
    ----------
    .. [1] Pugh (1990), A skip list cookbook, University of Maryland CS-TR-2286.1, section 3.4.
    """

    _kernel = _running_median
    _state = (
        Field("values_", ("F", "W")),  # the past of the window: one less than it holds
        *links_by("F"),
    )

    def __init__(self, *, window_size: int = 100) -> None:
        self.window_size = window_size

    def _check(self) -> None:
        whole("window_size", self.window_size, 2)

    def _sizes(self) -> dict[str, int]:
        return list_sizes(self.window_size - 1)

    def _n_outputs(self) -> int:
        return self._size("F")
