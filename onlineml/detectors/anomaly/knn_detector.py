"""How far the nearest of the last rows are."""

from __future__ import annotations

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import ANSWER_AND_SCORES, Array, Call, Ints, f1, opened
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.neighbors import Window, distances, nearest
from onlineml.kernels.scaled_window import STATE, Scaled, scaled_at, take_in
from onlineml.parameters import whole


@entry
def _knn_detector(d: int) -> int:
    return _rows(opened(d), f1(d, 0), scaled_at(d, 1))


@jit
def _rows(call: Call, settings: Array, window: Scaled) -> int:
    squares = np.empty(window.kept.rows.shape[1])
    best, scaled = np.empty(int(settings[0]), np.int64), settings[1] > 0.0
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            distances(window.measured, x, scaled, squares)
            found = best[: nearest(window.measured, squares, best)]
            call.out[i, 0] = 0.0
            for k in found:
                call.out[i, 0] += np.sqrt(squares[k]) / found.shape[0]
            if call.serve == ANSWER_AND_SCORES:
                _tell_apart(window.measured, x, scaled, squares, found, call.out[i])
        if call.fit and call.weight[i] > 0.0:
            take_in(window, x)
    return call.last


@jit
def _tell_apart(
    window: Window, x: Array, scaled: bool, squares: Array, found: Ints, out: Array
) -> None:
    """Divide the distance to each neighbor among the features, by their parts of its square."""
    for j in range(x.shape[0]):
        out[1 + j] = 0.0
        precision = 1.0
        if scaled and not window.nominal[j]:
            precision = 1.0 / window.m2[j] if window.m2[j] > 0.0 else 0.0
        for k in found:
            if squares[k] > 0.0 and abs(x[j]) <= LARGEST:
                gap = x[j] - window.rows[j, k]
                part = gap * gap * precision
                if window.nominal[j]:
                    part = 2.0 if gap != 0.0 else 0.0
                elif np.isnan(gap):
                    part = 2.0 if scaled else 2.0 * window.m2[j]
                    part = part if not scaled or precision > 0.0 else 0.0
                out[1 + j] += part / np.sqrt(squares[k]) / found.shape[0]


class KNNDetector(Detector):
    """Mean distance to the `n_neighbors` nearest of the last `window_size` rows.

    The search is exact. Time per score and memory are O(window_size * n_features); to fit takes
    O(n_features). What features contribute are their parts of the squared distances; they sum to
    the score.

    Parameters
    ----------
    n_neighbors
        To how many of the nearest rows distances are averaged.
    window_size
        How many rows are remembered; those of weight 0 are not.
    scaled
        Whether numeric features are measured in units of their standard deviation of late, in which
        values further off than ten of it count as ten; constant ones then do not count.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 1, and `n_neighbors` one from
        1 to `window_size`.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import KNNDetector
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> model = KNNDetector().fit_many(X)
    >>> model.score_one([0.0, 0.0]) < 0.5 < 3 < model.score_one([4.0, -4.0])
    True

    Notes
    -----
    The score is that of [1]_, in a window. Anomalies that come in clusters hide each other once
    more than `n_neighbors` of them are in the window: there a short window does better, or
    histograms (`LODA`) and trees (`HalfSpaceTrees`). Missing values, in the window and in the new
    row, are treated as in `KNNClassifier`.

    References
    ----------
    .. [1] Angiulli, Pizzuti (2002), Fast outlier detection in high dimensional spaces, PKDD,
       section 2. doi:10.1007/3-540-45681-3_2
    """

    _kernel = _knn_detector
    _keeps = "measures in deviations that fade, of values cut where they are far"
    _explains = True
    _state = STATE

    def __init__(
        self, *, n_neighbors: int = 10, window_size: int = 1024, scaled: bool = True
    ) -> None:
        self.n_neighbors = n_neighbors
        self.window_size = window_size
        self.scaled = scaled

    def _check(self) -> None:
        whole("window_size", self.window_size, 1)
        whole("n_neighbors", self.n_neighbors, 1, self.window_size)

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size}

    def _settings(self) -> tuple[float, ...]:
        return float(self.n_neighbors), float(self.scaled)
