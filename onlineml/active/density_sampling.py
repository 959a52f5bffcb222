"""Labels for rows that are hard to tell and have company."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened, scratch
from onlineml.kernels.label_budget import (
    FIRST,
    N_FEATURES,
    Purse,
    by_rank,
    known_classes,
    purse,
    settle,
)
from onlineml.kernels.standing import STANDING, stand, standardize
from onlineml.kernels.uncertainty import narrowness
from onlineml.parameters import whole


class Past(NamedTuple):
    """The last rows, standardized, and how far each was from its nearest neighbor."""

    rows: Array  # (M, F)
    nearest: Array  # (M,): squared distance to the nearest row that shared the window with it
    n_seen: Ints
    standing: Array
    input: Array
    distances: Array


@entry
def _density_sampling(d: int) -> int:
    rows, room = f2(d, FIRST), scratch(d)[0]
    m, n = rows.shape[0], rows.shape[1]
    past = Past(
        rows, f1(d, FIRST + 1), i1(d, FIRST + 2), f2(d, FIRST + 3), room[:n], room[n : n + m]
    )
    return _rows(opened(d), purse(d), past)


@jit
def _rows(call: Call, p: Purse, past: Past) -> int:
    first = int(p.settings[N_FEATURES])
    for i in range(call.first, call.last):
        x, known = call.X[i], known_classes(p, call.X[i])
        standardize(x, past.standing, past.input)
        score = narrowness(x, first, known) + min(_company(past), 1)
        settle(call, i, p, by_rank(p, score, known), score, known)
        if call.fit and call.weight[i] > 0.0:
            _remember(past)
            stand(x, call.weight[i], past.standing)
    return call.last


@jit
def _company(past: Past) -> int:
    """Rows of the window that have none nearer than this one; notes all distances."""
    found = 0
    for m in range(min(past.n_seen[0], past.rows.shape[0])):
        distance = 0.0
        for j in range(past.input.shape[0]):
            gap = past.rows[m, j] - past.input[j]
            distance += gap * gap
        past.distances[m] = distance
        found += distance < past.nearest[m]
    return found


@jit
def _remember(past: Past) -> None:
    """Take the row into the window, in the place of the oldest if it is full."""
    room, nearest = past.rows.shape[0], np.inf
    place = past.n_seen[0] % room
    for m in range(min(past.n_seen[0], room)):
        past.nearest[m] = min(past.nearest[m], past.distances[m])
        if m != place:
            nearest = min(nearest, past.distances[m])
    past.rows[place], past.nearest[place] = past.input, nearest
    past.n_seen[0] += 1


class DensitySampling(QueryStrategy):
    """Asks where the two most probable classes are near each other, first where rows have company.

    A row has company if it is the nearest neighbor, so far, of some row of the window: labels are
    not wasted on outliers. The score is 1 - (p1 - p2), and 1 more with company. Time per event is
    O(n_neighbors n_features + window_size), memory O(n_neighbors n_features).

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    n_neighbors
        Last rows among which a row has company or none.
    seed
        Of the draw between equal scores.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1],
        and an `n_neighbors` that is not a whole number >= 1. At any, without class probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import DensitySampling
    >>> X = np.random.default_rng(0).normal(size=(4000, 10))
    >>> X[::50] *= 20.0
    >>> asks = DensitySampling(budget=0.1, seed=1).query_fit_many(X, np.full((4000, 2), 0.5)).asks
    >>> bool(abs(asks.mean() - 0.1) < 0.002), bool(asks[::50].mean() < asks.mean() / 4)
    (True, True)

    Notes
    -----
    The local density factor of [1]_, section 3, counts those neighbors; a row is dense there from
    one on, as here. Departures: distances are of standardized features; rank among the last scores
    and this package's budget take the place of the moving bound of randomized uncertainty.

    References
    ----------
    .. [1] Ienco, Zliobaite, Pfahringer (2014), High density-focused uncertainty sampling for active
       learning over evolving stream data, BigMine, PMLR 36, 133-148. Algorithm 1.
    """

    _kernel = _density_sampling
    _state = (
        *QueryStrategy._state,
        Field("rows_", ("M", "F")),
        Field("nearest_", ("M",)),
        Field("count_", (1,), np.int64),
        STANDING,
    )

    def __init__(
        self, *, budget: Budget | float = 0.1, n_neighbors: int = 100, seed: int | None = None
    ) -> None:
        self.budget = budget
        self.n_neighbors = n_neighbors
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        whole("n_neighbors", self.n_neighbors, 1)

    def _sizes(self) -> dict[str, int]:
        return {**super()._sizes(), "M": self.n_neighbors}

    def _n_scratch(self) -> int:
        return self.schema_.n_features + self.n_neighbors
