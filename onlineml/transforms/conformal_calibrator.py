"""Scores of any scale become ranks among the last ones."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Transformer
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f2, i1, i2, i3, opened
from onlineml.kernels.ranks import N, links_by, list_sizes, n_below, slide
from onlineml.parameters import whole


@entry
def _conformal_calibrator(d: int) -> int:
    return _rows(opened(d), f2(d, 1), i3(d, 2), i3(d, 3), i2(d, 4), i2(d, 5), i1(d, 6))


@jit
def _rows(
    call: Call, values: Array, links: Ints, leaps: Ints, places: Ints, path: Ints, random: Ints
) -> int:
    for i in range(call.first, call.last):
        x = call.X[i]
        for j in range(x.shape[0]):
            if call.serve:
                call.out[i, j] = _rank(x[j], values[j], links[j], leaps[j], places[j])
        for j in range(x.shape[0]):
            if call.fit and call.weight[i] > 0.0 and not np.isnan(x[j]):
                slide(values[j], links[j], leaps[j], places[j], path, random, j, x[j])
    return call.last


@jit
def _rank(x: float, values: Array, links: Ints, leaps: Ints, places: Ints) -> float:
    if np.isnan(x):
        return float(np.nan)
    return float(n_below(values, links, leaps, x, False) / (places[N] + 1.0))


class ConformalCalibrator(Transformer):
    """Each feature as its rank among its last `window_size` values, between 0 and 1.

    For scores of a detector this is one minus the conformal p-value: as long as scores do not
    change in distribution, it exceeds 1 - a for at most a share `a` of the events, whatever that
    distribution is. 0 before any value; a missing value stays missing. Time per event is
    O(n_features log(window_size)), memory O(n_features window_size log(window_size)).

    Parameters
    ----------
    window_size
        How many past values a new one is ranked among. The greatest result is
        window_size / (window_size + 1).

    Raises
    ------
    ValueError
        At the first row, for a `window_size` that is not a whole number >= 1.

    Examples
    --------
    >>> from onlineml.transforms import ConformalCalibrator
    >>> calibrator = ConformalCalibrator(window_size=9).fit_many([[float(i)] for i in range(9)])
    >>> calibrator.transform_many([[-1.0], [4.5], [100.0]]).ravel()
    array([0. , 0.5, 0.9])

    Notes
    -----
    With n past values, the p-value is (1 + number of those not less than the new one) / (n + 1)
    [1]_, without the random breaking of ties: equal values are taken for the less strange. A weight
    other than 0 counts as 1. Codes of nominal values are taken as numbers.

    References
    ----------
    .. [1] Laxhammar, Falkman (2014), Online learning and sequential anomaly detection in
       trajectories, IEEE TPAMI 36(6), 1158-1173, algorithm 1. doi:10.1109/TPAMI.2013.172
    """

    _kernel = _conformal_calibrator
    _state = (Field("values_", ("F", "W")), *links_by("F"))

    def __init__(self, *, window_size: int = 1000) -> None:
        self.window_size = window_size

    def _check(self) -> None:
        whole("window_size", self.window_size, 1)

    def _sizes(self) -> dict[str, int]:
        return list_sizes(self.window_size)

    def _n_outputs(self) -> int:
        return self._size("F")
