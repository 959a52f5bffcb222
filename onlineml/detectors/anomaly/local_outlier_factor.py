"""The local outlier factor over a window that slides."""

from __future__ import annotations

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Array, Call, Ints, f1, opened
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


@entry
def _local_outlier_factor(d: int) -> int:
    return _rows(opened(d), int(f1(d, 0)[0]), graph_at(d, 1))


@jit
def _rows(call: Call, k: int, graph: Graph) -> int:
    away = np.empty(graph.rows.shape[1])
    best, reaches = np.empty(k, np.int64), np.empty(k)
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            call.out[i, 0] = 0.0
            if is_ready(graph) and is_known(x):
                call.out[i, 0] = _factor(graph, x, k, away, best, reaches)
        if call.fit and row_tells(call, i):
            slide(graph, x, k, away)
    return call.last


@jit
def _factor(graph: Graph, x: Array, k: int, away: Array, best: Ints, reaches: Array) -> float:
    n = nearest(away[: measure(graph, x, away)], -1, best, reaches)
    own = others = 0.0
    for a in range(n):
        own += np.sqrt(max(reaches[a], _far(graph, best[a], k)))
        others += _density(graph, best[a], k)
    return float(others / n * max(own / n, LEAST))


@jit
def _far(graph: Graph, q: int, k: int) -> float:
    """Squared distance of row `q` to its last neighbor."""
    return float(graph.squares[q, min(k, graph.lengths[q]) - 1])


@jit
def _density(graph: Graph, q: int, k: int) -> float:
    """Local reachability density of row `q`."""
    n, total = min(k, graph.lengths[q]), 0.0
    for a in range(n):
        total += np.sqrt(max(graph.squares[q, a], _far(graph, graph.places[q, a], k)))
    return float(1.0 / max(total / n, LEAST))


class LocalOutlierFactor(Detector):
    """How much thinner the last rows lie around a row than around its nearest among them.

    The factor is exact for the rows of the window: 1 among rows that lie equally dense, more for
    strange ones. Each row's list of neighbors is mended as rows come and go. It is 0 until 32 rows
    were seen. Time per event is O(window_size * n_features), memory
    8 bytes * window_size * (n_features + 6 * n_neighbors).

    Parameters
    ----------
    n_neighbors
        So many rows are the neighborhood of one.
    window_size
        How many rows are remembered; those of weight 0 are not.

    Raises
    ------
    ValueError
        At the first event, unless `window_size` is a whole number >= 2, and `n_neighbors` one from
        1 to `window_size` - 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import LocalOutlierFactor
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack([rng.normal(0, 0.01, (300, 2)), rng.normal(5, 1, (300, 2))])
    >>> model = LocalOutlierFactor().fit_many(X)
    >>> model.score_one([5.0, 5.3]) < 1.5 < 5 < model.score_one([0.2, 0.2])
    True

    Notes
    -----
    Features are measured in their usual ranges, which leave out 1 % of the window at either end.
    These are taken at 32 rows, at twice as many and so on, then whenever the window has turned;
    if one is found to have doubled, or shrunk to a tenth, all lists are made anew, which takes
    O(window_size ** 2 * n_features). A value that is missing from either row counts as 1/6 of a
    squared range, as two values at random would; constant features do not count. Three times the
    neighbors are kept, so that a search is needed only when many have left. The mean
    reachability distance of equal rows is taken for a thousandth of a range, so that factors stay
    finite. Codes of nominal values are taken as numbers; a row without any value scores 0 and is
    not learned.

    References
    ----------
    .. [1] Breunig, Kriegel, Ng, Sander (2000), LOF: identifying density-based local outliers,
       SIGMOD, 93-104, definitions 3 to 7. doi:10.1145/342009.335388
    .. [2] Pokrajac, Lazarevic, Latecki (2007), Incremental local outlier detection for data
       streams, CIDM, 504-515. The algorithms of insertion and of deletion.
       doi:10.1109/CIDM.2007.368917
    """

    _kernel = _local_outlier_factor
    _state = STATE

    def __init__(self, *, n_neighbors: int = 10, window_size: int = 1024) -> None:
        self.n_neighbors = n_neighbors
        self.window_size = window_size

    def _check(self) -> None:
        whole("window_size", self.window_size, 2)
        whole("n_neighbors", self.n_neighbors, 1, self.window_size - 1)

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size, "M": SPARE * self.n_neighbors}

    def _settings(self) -> tuple[float, ...]:
        return (float(self.n_neighbors),)
