"""A window of the last rows that keeps, for each, a list of those nearest to it.

Features are measured in their usual ranges, taken at 32 rows, at twice as many and so on, then
whenever the window has turned; where one has changed, all lists are made anew. Else they are mended
as rows come and go: a search is needed only where many have left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints, f1, f2, i1, i2
from onlineml.kernels.usual_range import moved

SPARE = 3  # neighbors kept for each that is due: those that leave need no search
LEAST = 1e-3  # a distance between equal rows: a thousandth of a usual range
_FIRST = 32  # rows at which ranges are first taken; again at twice as many, and so on
_MISSING = 1.0 / 6.0  # mean squared gap of two values that are uniform in [0, 1]
_LARGEST = 1e100  # values are cut here, lest squares overflow
_NEXT, _N_HELD, _SINCE, _READY = range(4)  # of the counts

STATE = (
    Field("counts_", (4,), np.int64),
    Field("rows_", ("F", "W"), fill=np.nan),
    Field("ranges_", (2, "F"), fill=np.nan),
    Field("places_", ("W", "M"), np.int64),
    Field("squares_", ("W", "M")),
    Field("lengths_", ("W",), np.int64),
    Field("bounds_", ("W",), fill=np.inf),
)


class Graph(NamedTuple):
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


@jit
def graph_at(d: int, k: int) -> Graph:
    """The window whose fields are the state arrays from `k` on."""
    return Graph(
        i1(d, k), f2(d, k + 1), f2(d, k + 2), i2(d, k + 3), f2(d, k + 4), i1(d, k + 5), f1(d, k + 6)
    )


@jit
def is_ready(graph: Graph) -> bool:
    """Whether there are lists: rows are few before."""
    return bool(graph.counts[_READY])


@jit
def measure(graph: Graph, x: Array, away: Array) -> int:
    """Squared distances of `x` to all rows, the same from either side; how many there are."""
    n = graph.counts[_N_HELD]
    away[:n] = 0.0
    for j in range(x.shape[0]):
        width = graph.ranges[1, j] - graph.ranges[0, j]
        if width > 0.0:
            _add(graph.rows[j], _tame(x[j]), n, 1.0 / width, away)
    return int(n)


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
def nearest(away: Array, self: int, best: Ints, squares: Array) -> int:
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


@jit
def slide(graph: Graph, x: Array, k: int, away: Array) -> None:
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
def _look(graph: Graph, full: bool) -> bool:
    """Take the ranges, where it is due; whether they have changed."""
    n, size, since = graph.counts[_N_HELD], graph.rows.shape[1], graph.counts[_SINCE]
    if (full and since < size) or (not full and (n < min(_FIRST, size) or 2 * since < n)):
        return False
    graph.counts[_SINCE] = 0
    if not full:  # there are twice as many rows as last time: they know better
        graph.ranges[:] = np.nan
    return bool(moved(graph.rows[:, :n].T, graph.ranges))


@jit
def _leave(graph: Graph, i: int, away: Array) -> None:
    """Take row `i` from all lists."""
    measure(graph, graph.rows[:, i].copy(), away)
    for q in range(graph.rows.shape[1]):
        if away[q] <= graph.bounds[q]:
            _drop(graph, q, i)


@jit
def _join(graph: Graph, i: int, k: int, away: Array) -> None:
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
def _search(graph: Graph, q: int, away: Array) -> None:
    """Make the list of row `q` anew."""
    n = graph.counts[_N_HELD]
    measure(graph, graph.rows[:, q].copy(), away)
    room = graph.places.shape[1]
    found = nearest(away[:n], q, graph.places[q], graph.squares[q])
    graph.lengths[q] = found
    graph.bounds[q] = graph.squares[q, room - 1] if found == room else np.inf


@jit
def _insert(graph: Graph, q: int, i: int, square: float) -> None:
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
def _drop(graph: Graph, q: int, i: int) -> None:
    """Take row `i` from the list of row `q`, if it is there."""
    places, squares, at = graph.places[q], graph.squares[q], 0
    while at < graph.lengths[q] and places[at] != i:
        at += 1
    if at < graph.lengths[q]:
        graph.lengths[q] -= 1
        for a in range(at, graph.lengths[q]):
            places[a], squares[a] = places[a + 1], squares[a + 1]
