"""The local outlier probability over a window that slides."""

from __future__ import annotations

import math

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, opened
from onlineml.kernels.by_window import is_known
from onlineml.kernels.neighbor_lists import (
    LEAST,
    SPARE,
    STATE,
    Graph,
    graph_at,
    is_ready,
    measure,
    nearest,
    slide,
)
from onlineml.parameters import whole
from onlineml.schema import wrong

_FEW, _CLIP = 20.0, 10.0  # after so many, a factor counts as at most so many times the usual one
_N, _SQUARE = range(2)  # of the usual factor: how many rows, and the mean square


@entry
def _local_outlier_probability(d: int) -> int:
    return _rows(opened(d), f1(d, 0), graph_at(d, 1), f1(d, 1 + len(STATE)))


@jit
def _rows(call: Call, settings: Array, graph: Graph, usual: Array) -> int:
    k, m, room = int(settings[0]), int(settings[2]), graph.rows.shape[1]
    away, best, squares = np.empty(room), np.empty(k, np.int64), np.empty(k)
    for i in range(call.first, call.last):
        x, fit = call.X[i], call.fit and row_tells(call, i)
        factor = 0.0
        if (call.serve or fit) and is_ready(graph) and is_known(x):
            factor = _factor(graph, x, (k, m), away, best, squares)
        if call.serve:
            call.out[i, 0] = 0.0
            if factor > 0.0 and usual[_SQUARE] > 0.0:
                scale = settings[1] * np.sqrt(2.0 * usual[_SQUARE])
                call.out[i, 0] = math.erf(factor / scale)
        if fit:
            if is_ready(graph):
                _learn(factor, 1.0 / room, usual)
            slide(graph, x, k, away)
    return call.last


@jit
def _factor(
    graph: Graph, x: Array, sizes: tuple[int, int], away: Array, best: Ints, squares: Array
) -> float:
    """How much greater the spread of neighbors is than around there: 0 for usual rows."""
    k, n_held = sizes[0], measure(graph, x, away)
    n, m = nearest(away[:n_held], -1, best, squares), min(sizes[1], n_held)
    limit, others, found = np.partition(away[:n_held], m - 1)[m - 1], 0.0, 0
    for q in range(n_held):
        if away[q] <= limit:  # rows as far as the last one count alike
            others += _spread(graph.squares[q, : min(k, graph.lengths[q])])
            found += 1
    return float(_spread(squares[:n]) / (others / found) - 1.0)


@jit
def _spread(squares: Array) -> float:
    """Standard distance of the neighbors."""
    return float(max(np.sqrt(squares.mean()), LEAST))


@jit
def _learn(factor: float, least: float, usual: Array) -> None:
    square = factor * factor
    if usual[_N] > _FEW and usual[_SQUARE] > 0.0:
        square = min(square, _CLIP * _CLIP * usual[_SQUARE])
    usual[_N] += 1.0
    usual[_SQUARE] += max(1.0 / usual[_N], least) * (square - usual[_SQUARE])


class LocalOutlierProbability(Detector):
    """Probability that a row lies thinner among the last ones than the rows around it do.

    The spread of a row's `n_neighbors` nearest is compared with the spreads of the `n_compared`
    rows around it, in units of what this comparison usually gives. Unlike `LocalOutlierFactor`, the
    answer is between 0 and 1, and means the same in any stream. It is 0 until 32 rows were seen.
    Time per event is O(window_size * n_features + n_compared * n_neighbors), memory
    8 bytes * window_size * (n_features + 6 * n_neighbors).

    Parameters
    ----------
    n_neighbors
        So many rows are the neighborhood of one.
    n_compared
        With how many of the nearest rows a row is compared. The more, the less are strange rows
        that come in small groups compared with each other only; the fewer, the better parts of
        different density are told apart. As many as there are, where these are fewer; None for its
        neighbors alone, as in [1]_.
    extent
        Of so many usual deviations a row must be off to be surely strange.
    window_size
        How many rows are remembered; those of weight 0 are not.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 2, `n_neighbors` one from 1
        to `window_size` - 1, `n_compared` one >= 1 or None, and `extent` > 0.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import LocalOutlierProbability
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> model = LocalOutlierProbability().fit_many(X)
    >>> model.score_one([0.0, 0.1]) < 0.3 < 0.9 < model.score_one([5.0, -5.0])
    True

    Notes
    -----
    Departures: a row is compared with more rows than its neighbors. With these alone, 10 in a
    window of 1024, the mean ROC AUC of the 17 ODDS sets, by which the defaults were chosen, is .65,
    here .80. The usual factor nPLOF is not that of all rows as they stand, but the root of the
    mean square that the last `window_size` rows, fading, had when they came; one counts as at
    most ten times the usual. Units, missing values and equal rows are treated as in
    `LocalOutlierFactor`.

    References
    ----------
    .. [1] Kriegel, Kröger, Schubert, Zimek (2009), LoOP: local outlier probabilities, CIKM,
       1649-1652, section 2. doi:10.1145/1645953.1646195
    """

    _kernel = _local_outlier_probability
    _greatest = 1.0
    _state = (*STATE, Field("usual_", (2,)))

    def __init__(
        self,
        *,
        n_neighbors: int = 20,
        n_compared: int | None = 128,
        extent: float = 3.0,
        window_size: int = 256,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.n_compared = n_compared
        self.extent = extent
        self.window_size = window_size

    def _check(self) -> None:
        whole("window_size", self.window_size, 2)
        whole("n_neighbors", self.n_neighbors, 1, self.window_size - 1)
        if self.n_compared is not None and self.n_compared < 1:
            raise wrong("n_compared", self.n_compared, "a whole number >= 1, or None")
        if not self.extent > 0:
            raise wrong("extent", self.extent, "a number > 0")

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size, "M": SPARE * self.n_neighbors}

    def _settings(self) -> tuple[float, ...]:
        n_compared = self.n_neighbors if self.n_compared is None else self.n_compared
        return float(self.n_neighbors), float(self.extent), float(n_compared)
