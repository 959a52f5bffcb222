"""The local outlier factor over a window that slides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.base import Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, i2, opened
from onlineml.kernels.by_window import is_known
from onlineml.kernels.usual_range import moved
from onlineml.schema import wrong

_FIRST = 32  # rows at which ranges are first taken; again at twice as many, and so on
_SPARE = 3  # neighbors kept for each that is due: those that leave need no search
_MISSING = 1.0 / 6.0  # mean squared gap of two values that are uniform in [0, 1]
_LEAST = 1e-3  # mean reach of rows that are all equal: a thousandth of a usual range
_LARGEST = 1e100  # values are cut here, lest squares overflow
_NEXT, _N_HELD, _SINCE, _READY = range(4)  # of the counts


class _Graph(NamedTuple):
    """The last rows, each with its nearest: places and squared distances, nearest first.

    All rows nearer to row `q` than `bounds[q]` are in its list, which has `lengths[q]`.
    """

    counts: Ints
    rows: Array  # (F, W)
    ranges: Array  # (2, F)
    places: Ints  # (W, M)
    squares: Array  # (W, M)
    lengths: Ints  # (W,)
    bounds: Array  # (W,)


@entry
def _local_outlier_factor(d: int) -> int:
    graph = _Graph(
        i1(d, 1), f2(d, 2), f2(d, 3), i2(d, 4), f2(d, 5), i1(d, 6), f1(d, 7)
    )  # fmt: skip
    return _rows(opened(d), int(f1(d, 0)[0]), graph)


@jit
def _rows(call: Call, k: int, graph: _Graph) -> int:
    away = np.empty(graph.rows.shape[1])
    best, reaches = np.empty(k, np.int64), np.empty(k)
    for i in range(call.first, call.last):
        x = call.X[i]
        if call.serve:
            call.out[i, 0] = 0.0
            if graph.counts[_READY] and is_known(x):
                call.out[i, 0] = _factor(graph, x, k, away, best, reaches)
        if call.fit and row_tells(call, i):
            _slide(graph, x, k, away)
    return call.last


# ------------------------------------------------------------------------------- the score


@jit
def _factor(graph: _Graph, x: Array, k: int, away: Array, best: Ints, reaches: Array) -> float:
    _measure(graph, x, away)
    n = _nearest(away[: graph.counts[_N_HELD]], -1, best, reaches)
    own = others = 0.0
    for a in range(n):
        own += np.sqrt(max(reaches[a], _far(graph, best[a], k)))
        others += _density(graph, best[a], k)
    return float(others / n * max(own / n, _LEAST))


@jit
def _far(graph: _Graph, q: int, k: int) -> float:
    """Squared distance of row `q` to its last neighbor."""
    return float(graph.squares[q, min(k, graph.lengths[q]) - 1])


@jit
def _density(graph: _Graph, q: int, k: int) -> float:
    """Local reachability density of row `q`."""
    n, total = min(k, graph.lengths[q]), 0.0
    for a in range(n):
        total += np.sqrt(max(graph.squares[q, a], _far(graph, graph.places[q, a], k)))
    return float(1.0 / max(total / n, _LEAST))


@jit
def _measure(graph: _Graph, x: Array, away: Array) -> None:
    """Squared distances of `x` to all rows; the same from either side, to the bit."""
    n = graph.counts[_N_HELD]
    away[:n] = 0.0
    for j in range(x.shape[0]):
        width = graph.ranges[1, j] - graph.ranges[0, j]
        if width > 0.0:
            _add(graph.rows[j], _tame(x[j]), n, 1.0 / width, away)


@jit
def _add(column: Array, value: float, n: int, scale: float, away: Array) -> None:
    for q in range(n):
        gap = (column[q] - value) * scale
        square = gap * gap
        away[q] += square if square == square else _MISSING


@jit
def _tame(value: float) -> float:
    return float(min(max(value, -_LARGEST), _LARGEST)) if value == value else np.nan


@jit
def _nearest(away: Array, self: int, best: Ints, squares: Array) -> int:
    """The nearest rows but `self`, nearest first; how many."""
    found = 0
    worst = np.inf
    for q in range(away.shape[0]):
        if q != self and (away[q] < worst or found < best.shape[0]):
            found = min(found + 1, best.shape[0])
            at = found - 1
            while at > 0 and squares[at - 1] > away[q]:
                best[at], squares[at] = best[at - 1], squares[at - 1]
                at -= 1
            best[at], squares[at] = q, away[q]
            if found == best.shape[0]:
                worst = squares[found - 1]
    return found


# ------------------------------------------------------------------------------- the window


@jit
def _slide(graph: _Graph, x: Array, k: int, away: Array) -> None:
    """Put `x` in the place of the oldest row, and mend the lists."""
    counts, size = graph.counts, graph.rows.shape[1]
    i, full = counts[_NEXT], counts[_N_HELD] == size
    if counts[_READY] and full:
        _leave(graph, i, away)
    for j in range(x.shape[0]):
        graph.rows[j, i] = _tame(x[j])
    counts[_NEXT] = (i + 1) % size
    counts[_N_HELD] = min(counts[_N_HELD] + 1, size)
    counts[_SINCE] += 1
    if _look(graph, full):
        counts[_READY] = 1
        for q in range(counts[_N_HELD]):
            _search(graph, q, away)
    elif counts[_READY]:
        _join(graph, i, k, away)


@jit
def _look(graph: _Graph, full: bool) -> bool:
    """Take the ranges, where it is due; whether they have changed."""
    n, size, since = graph.counts[_N_HELD], graph.rows.shape[1], graph.counts[_SINCE]
    if (full and since < size) or (not full and (n < min(_FIRST, size) or 2 * since < n)):
        return False
    graph.counts[_SINCE] = 0
    if not full:  # there are twice as many rows as last time: they know better
        graph.ranges[:] = np.nan
    return bool(moved(graph.rows[:, :n].T, graph.ranges))


@jit
def _leave(graph: _Graph, i: int, away: Array) -> None:
    """Take row `i` from all lists."""
    _measure(graph, graph.rows[:, i].copy(), away)
    for q in range(graph.rows.shape[1]):
        if away[q] <= graph.bounds[q]:
            _drop(graph, q, i)


@jit
def _join(graph: _Graph, i: int, k: int, away: Array) -> None:
    """Enter row `i` in the lists, and search for those that have become too short."""
    _search(graph, i, away)
    n = graph.counts[_N_HELD]
    for q in range(n):
        if q != i and away[q] < graph.bounds[q]:
            _insert(graph, q, i, away[q])
    for q in range(n):
        if graph.lengths[q] < min(k, n - 1):
            _search(graph, q, away)


@jit
def _search(graph: _Graph, q: int, away: Array) -> None:
    """Make the list of row `q` anew."""
    n = graph.counts[_N_HELD]
    _measure(graph, graph.rows[:, q].copy(), away)
    room = graph.places.shape[1]
    found = _nearest(away[:n], q, graph.places[q], graph.squares[q])
    graph.lengths[q] = found
    graph.bounds[q] = graph.squares[q, room - 1] if found == room else np.inf


@jit
def _insert(graph: _Graph, q: int, i: int, square: float) -> None:
    places, squares, room = graph.places[q], graph.squares[q], graph.places.shape[1]
    at = graph.lengths[q]
    if at == room:
        at -= 1
    else:
        graph.lengths[q] += 1
    while at > 0 and squares[at - 1] > square:
        places[at], squares[at] = places[at - 1], squares[at - 1]
        at -= 1
    places[at], squares[at] = i, square
    if graph.lengths[q] == room:
        graph.bounds[q] = min(graph.bounds[q], squares[room - 1])


@jit
def _drop(graph: _Graph, q: int, i: int) -> None:
    """Take row `i` from the list of row `q`, if it is there."""
    places, squares, at = graph.places[q], graph.squares[q], 0
    while at < graph.lengths[q] and places[at] != i:
        at += 1
    if at < graph.lengths[q]:
        graph.lengths[q] -= 1
        for a in range(at, graph.lengths[q]):
            places[a], squares[a] = places[a + 1], squares[a + 1]


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
       streams, CIDM, 504-515. doi:10.1109/CIDM.2007.368917
    """

    _kernel = _local_outlier_factor
    _state = (
        Field("counts_", (4,), np.int64),
        Field("rows_", ("F", "W"), fill=np.nan),
        Field("ranges_", (2, "F"), fill=np.nan),
        Field("places_", ("W", "M"), np.int64),
        Field("squares_", ("W", "M")),
        Field("lengths_", ("W",), np.int64),
        Field("bounds_", ("W",), fill=np.inf),
    )

    def __init__(self, *, n_neighbors: int = 10, window_size: int = 1024) -> None:
        self.n_neighbors = n_neighbors
        self.window_size = window_size

    def _check(self) -> None:
        if not (isinstance(self.window_size, int) and self.window_size >= 2):
            raise wrong("window_size", self.window_size, "a whole number >= 2")
        if not (isinstance(self.n_neighbors, int) and 1 <= self.n_neighbors < self.window_size):
            due = f"a whole number from 1 to {self.window_size - 1}"
            raise wrong("n_neighbors", self.n_neighbors, due)

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size, "M": _SPARE * self.n_neighbors}

    def _settings(self) -> tuple[float, ...]:
        return (float(self.n_neighbors),)
