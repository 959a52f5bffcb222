"""Labels for uncertain rows of clusters that no label stands for yet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.active.budget import Budget
from onlineml.active.query_strategy import QueryStrategy
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Field, Ints, f2, i1, opened, scratch
from onlineml.kernels.label_budget import (
    FIRST,
    N_FEATURES,
    OWN,
    Purse,
    by_rank,
    known_classes,
    purse,
    settle,
)
from onlineml.kernels.standing import STANDING, stand, standardize
from onlineml.kernels.uncertainty import entropy
from onlineml.parameters import whole
from onlineml.schema import wrong

_SURE_BELOW, _KEPT = OWN, OWN + 1  # settings: the gate, what a row leaves of the weights
_ROWS, _LABELS = range(2)  # columns of the weights


class Clusters(NamedTuple):
    """Clusters of the uncertain rows, and room for a row."""

    centers: Array  # (M, F): of standardized rows
    weights: Array  # (M, 2): rows, and questions among them
    n_held: Ints
    standing: Array
    row: Array


@entry
def _cluster_sampling(d: int) -> int:
    centers = f2(d, FIRST)
    room = scratch(d)[0][: centers.shape[1]]
    clusters = Clusters(centers, f2(d, FIRST + 1), i1(d, FIRST + 2), f2(d, FIRST + 3), room)
    return _rows(opened(d), purse(d), clusters)


@jit
def _rows(call: Call, p: Purse, clusters: Clusters) -> int:
    first = int(p.settings[N_FEATURES])
    for i in range(call.first, call.last):
        x, known = call.X[i], known_classes(p, call.X[i])
        standardize(x, clusters.standing, clusters.row)
        doubt = entropy(x, first, known)
        doubt = doubt / np.log(known) if known > 1 else np.nan
        unsure = not doubt < p.settings[_SURE_BELOW]
        place, gap = _nearest(clusters, clusters.row, -1)
        score = doubt
        if unsure and not np.isnan(doubt):
            score = 1.0 + doubt / (1.0 + (clusters.weights[place, _LABELS] if place >= 0 else 0.0))
        ask = settle(call, i, p, by_rank(p, score, known), score, known)
        if call.fit and call.weight[i] > 0.0:
            if unsure or ask:
                _take_in(clusters, place, gap, call.weight[i], ask, p.settings[_KEPT])
            stand(x, call.weight[i], clusters.standing)
    return call.last


@jit
def _nearest(clusters: Clusters, row: Array, but: int) -> tuple[int, float]:
    """The cluster whose center is nearest, and the squared distance; -1 where there is none."""
    best, least = -1, np.inf
    for j in range(clusters.n_held[0]):
        gap = 0.0
        for f in range(row.shape[0]):
            gap += (row[f] - clusters.centers[j, f]) ** 2
        if gap < least and j != but:
            best, least = j, gap
    return best, least


@jit
def _take_in(clusters: Clusters, place: int, gap: float, w: float, ask: bool, kept: float) -> None:
    """Give the row a cluster of its own where that costs least, or else to the nearest one."""
    weights, n = clusters.weights, clusters.n_held[0]
    for j in range(n):
        weights[j, _ROWS] *= kept
        weights[j, _LABELS] *= kept
    if n < weights.shape[0]:
        clusters.n_held[0] += 1
        _put(clusters, n, w, ask)
        return
    lightest = 0
    for j in range(n):
        if weights[j, _ROWS] < weights[lightest, _ROWS]:
            lightest = j
    other, between = _nearest(clusters, clusters.centers[lightest], lightest)
    joined = _cost(weights[place, _ROWS], w, gap)
    if other < 0 or joined <= _cost(weights[lightest, _ROWS], weights[other, _ROWS], between):
        _join(clusters, place, clusters.row, w, 1.0 if ask else 0.0)
        return
    _join(
        clusters, other, clusters.centers[lightest], weights[lightest, _ROWS],
        weights[lightest, _LABELS],
    )  # fmt: skip
    _put(clusters, lightest, w, ask)


@jit
def _cost(a: float, b: float, gap: float) -> float:
    """What joining two clusters adds to the squared distances of rows from their centers."""
    return a * b / (a + b) * gap if a + b > 0.0 else 0.0


@jit
def _join(clusters: Clusters, place: int, center: Array, w: float, labels: float) -> None:
    weights = clusters.weights[place]
    weights[_ROWS] += w
    weights[_LABELS] += labels
    part = w / weights[_ROWS] if weights[_ROWS] > 0.0 else 0.0
    for f in range(center.shape[0]):
        clusters.centers[place, f] += part * (center[f] - clusters.centers[place, f])


@jit
def _put(clusters: Clusters, place: int, w: float, ask: bool) -> None:
    clusters.centers[place] = clusters.row
    clusters.weights[place, _ROWS], clusters.weights[place, _LABELS] = w, 1.0 if ask else 0.0


class ClusterSampling(QueryStrategy):
    """Asks about uncertain rows of clusters of which few labels are known.

    Rows on which the learner is not sure are clustered as they come, in standard deviations. The
    score is their entropy, in shares of that of a uniform answer, divided by 1 + the questions that
    their cluster has had, plus 1; of rows that the learner is sure about it is the entropy alone.
    Rows and questions of the past fade. Best are the activations before the output layer as
    features, or such as distances mean something among. Time per event is O(n_clusters n_features +
    n_classes + window_size), memory O(n_clusters n_features + window_size).

    Parameters
    ----------
    budget
        A `Budget`, or the share of rows whose labels are bought.
    n_clusters
        Clusters that are kept.
    sure_below
        Entropy, in shares of that of a uniform answer, below which the learner is sure.
    half_life
        Uncertain rows after which one counts half.
    seed
        Of the draw between equal scores.

    Raises
    ------
    ValueError
        At the first row, for a `budget` that is neither a usable `Budget` nor a share in (0, 1], an
        `n_clusters` that is not a whole number >= 2, a `sure_below` outside of [0, 1], and a
        `half_life` that is not > 0. At any, without class probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.active import ClusterSampling
    >>> random = np.random.default_rng(0)
    >>> kind = (random.random(4000) < 0.1).astype(float)  # one row in ten is of another kind
    >>> X = 5.0 * kind[:, None] + random.normal(size=(4000, 2))
    >>> P = random.dirichlet([1.0, 1.0], 4000)
    >>> asks = ClusterSampling(budget=0.05, n_clusters=8, seed=1).query_fit_many(X, P).asks
    >>> bool(abs(asks.mean() - 0.05) < 0.002), bool(kind[asks].mean() > 0.15)
    (True, True)

    Notes
    -----
    The questions of [1]_, whose learner is `ActiveAdapter`: entropy decides who is a candidate; a
    weighted k-means over old questions and new candidates says which clusters are without a label.
    Departures: rows come one by one, and each joins the nearest cluster unless joining the lightest
    with its neighbor adds less to the squared distances, so that there are no more of them; a
    cluster may be asked about again as its questions fade, where it never was; it is the next row
    that is asked about, not the nearest to the center; the pace is the budget's, not a number of
    clusters a batch.

    References
    ----------
    .. [1] Gui, Li, Ji (2024), Active test-time adaptation: theoretical analyses and an algorithm,
       ICLR. arXiv:2404.05094
    """

    _kernel = _cluster_sampling
    _state = (
        *QueryStrategy._state,
        Field("centers_", ("M", "F")),
        Field("weights_", ("M", 2)),
        Field("count_", (1,), np.int64),
        STANDING,
    )

    def __init__(
        self,
        *,
        budget: Budget | float = 0.1,
        n_clusters: int = 16,
        sure_below: float = 0.1,
        half_life: float = 150.0,
        seed: int | None = None,
    ) -> None:
        self.budget = budget
        self.n_clusters = n_clusters
        self.sure_below = sure_below
        self.half_life = half_life
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        whole("n_clusters", self.n_clusters, 2)
        if not 0 <= self.sure_below <= 1:
            raise wrong("sure_below", self.sure_below, "a number in [0, 1]")
        if not self.half_life > 0:
            raise wrong("half_life", self.half_life, "a number of rows > 0")

    def _sizes(self) -> dict[str, int]:
        return {**super()._sizes(), "M": self.n_clusters}

    def _own_settings(self) -> tuple[float, ...]:
        return float(self.sure_below), float(0.5 ** (1.0 / self.half_life))

    def _n_scratch(self) -> int:
        return self.schema_.n_features
