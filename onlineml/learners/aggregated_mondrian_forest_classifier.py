"""Forest of Mondrian trees in which all prunings of each tree vote, by how well they did."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f3, f4, i1, i3, opened
from onlineml.kernels.mondrian import (
    NONE,
    ODDS,
    PARENT,
    POWER,
    SERVED,
    TOGETHER,
    WANTED_CLASSES,
    WEIGHT,
    Trees,
    admit,
    in_units,
    is_inside,
    n_together,
    next_node,
    ready,
    share_of_own,
)
from onlineml.kernels.votes import answer_from_votes
from onlineml.learners.mondrian_forest import FOREST_FIELDS, MondrianForest
from onlineml.schema import wrong

_STEP, _AGGREGATES, _DIRICHLET, _SPLITS_PURE = range(4)  # of the settings
_LEAST = 1e-200  # of a chance to the power of step and weight


@entry
def _aggregated_mondrian_forest_classifier(d: int) -> int:
    trees = Trees(i1(d, 1), i1(d, 2), i1(d, 3), i3(d, 4), f3(d, 5), f4(d, 6), f3(d, 7))
    return _rows(opened(d), f1(d, 0), trees, i1(d, 8))


@jit
def _rows(call: Call, settings: Array, trees: Trees, seen: Ints) -> int:
    first = call.first
    while first < call.last:
        n_rows = n_together(trees, _n_known(call, trees, first), call.fit)
        served = int(trees.asked[SERVED])
        if n_rows == 0:  # serve the row first: to make room may cost cuts
            if call.serve and not served:
                _block(call, settings, trees, seen, first, first + 1, served, False)
            trees.asked[SERVED] = call.serve > 0
            return first
        trees.asked[SERVED] = 0
        _block(call, settings, trees, seen, first, first + n_rows, served, call.fit)
        first += n_rows
    return first


@jit
def _n_known(call: Call, trees: Trees, first: int) -> int:
    """Some rows from `first` on whose classes have room; 0, and a request, if its own has none."""
    last = min(call.last, first + TOGETHER)
    if not call.fit:
        return last - first
    i, room = first, trees.forecasts.shape[2]
    while i < last and call.y[i] < room:
        i += 1
    if i == first:
        trees.asked[WANTED_CLASSES] = int(call.y[i]) + 1
    return i - first


@jit
def _block(
    call: Call, settings: Array, trees: Trees, seen: Ints, first: int, last: int, served: int,
    fit: bool,
) -> None:  # fmt: skip
    """Some rows, tree by tree; the first `served` of them have been served before."""
    unserved = first + served if call.serve else last
    for i in range(unserved, last):
        for c in range(call.out.shape[1]):
            call.out[i, c] = 0.0
    for t in range(trees.n_nodes.shape[0]):
        n_classes = int(seen[0])
        for i in range(first, last):
            if i >= unserved and n_classes > 0:
                _vote(settings, trees, t, call.X[i], n_classes, call.out[i])
            if fit:
                n_classes = max(n_classes, int(call.y[i]) + 1)
                _learn(settings, trees, t, call.X[i], int(call.y[i]), call.weight[i], n_classes)
    for i in range(first, last):
        if i >= unserved:
            answer_from_votes(call.out[i], seen[0], call.serve)
        if fit:
            seen[0] = max(seen[0], int(call.y[i]) + 1)


@jit
def _prior(settings: Array, n_classes: int) -> float:
    """What a node's forecast adds to the weight of each class."""
    return float(settings[_DIRICHLET] if settings[_DIRICHLET] > 0.0 else 1.0 / n_classes)


@jit
def _vote(settings: Array, trees: Trees, t: int, x: Array, n_classes: int, out: Array) -> None:
    """Add the probabilities that all prunings together give; each node's part of what is left."""
    numbers, prior, left, node = trees.numbers[t], _prior(settings, n_classes), 1.0, 0
    while node != NONE:
        part, below = left, next_node(trees, t, node, x)
        if below != NONE:
            share = share_of_own(numbers[node, ODDS], numbers[node, POWER])
            part = settings[_AGGREGATES] * left * share
            left -= part
        if part > 0.0:
            counts = trees.forecasts[t, node]
            unit = part / (numbers[node, WEIGHT] + prior * n_classes)
            for c in range(n_classes):
                out[1 + c] += unit * (counts[c] + prior)
        node = below


@jit
def _learn(
    settings: Array, trees: Trees, t: int, x: Array, c: int, w: float, n_classes: int
) -> None:
    """Find the row its place, then see on the way back how well each forecast did."""
    if w == 0.0:
        return
    ready(trees, t)
    numbers, counts, node, leaf, change = trees.numbers[t], trees.forecasts[t], 0, 0, 1.0
    while node != NONE:
        if not is_inside(trees.boxes[t, node], x):
            is_mixed = counts[node, c] != numbers[node, WEIGHT]
            change *= admit(trees, t, node, x, is_mixed or settings[_SPLITS_PURE] > 0.0)
        leaf, node = node, next_node(trees, t, node, x)
    rate, prior, all_below, node = settings[_STEP] * w, _prior(settings, n_classes), 0.0, leaf
    while node != NONE:
        chance = (counts[node, c] + prior) / (numbers[node, WEIGHT] + prior * n_classes)
        if rate != 1.0:
            chance = max(chance**rate, _LEAST)
        if node == leaf:
            all_below = chance
        else:
            odds, power = numbers[node, ODDS], numbers[node, POWER]
            numbers[node, ODDS], numbers[node, POWER] = in_units(odds * (all_below / chance), power)
            share = share_of_own(odds, power)
            all_below = change * (share * chance + (1.0 - share) * all_below)
            change = 1.0  # only the parent of the leaf can have been cut
        numbers[node, WEIGHT] += w
        counts[node, c] += w
        node = trees.table[t, node, PARENT]


class AggregatedMondrianForestClassifier(MondrianForest, Classifier):
    """Aggregated Mondrian forest: trees cut at random, all prunings of which vote by their losses.

    A Mondrian tree is cut at random, the sooner the wider the rows lie, without a look at the
    labels; each row may bring a cut anywhere on its way. Every node forecasts from the classes
    of the rows that it has seen. A tree answers with the mean of all its prunings, each
    weighted by exp(-`step` * its log loss so far): exactly, in one walk. The forest answers
    with the mean of the trees. Time per event is O(n_trees * depth * (n_classes + n_features)),
    where depth grows about as the logarithm of the rows; memory is
    8 bytes * (8 + n_classes + 2 * n_features) a node, within `max_bytes`.

    Parameters
    ----------
    n_trees
        Number of trees.
    step
        Of the weights: how much a loss counts.
    use_aggregation
        Whether all prunings vote; otherwise a tree answers with its leaf alone.
    dirichlet
        Added to the weight of each class in a node's forecast; None for 1 / n_classes, which for
        two classes is the Krichevsky-Trofimov estimator.
    split_pure
        Whether a node that has seen one class only may be cut by a row of the same class. If not,
        trees are smaller and pure leaves spread fast, which suits labels that stay the same for a
        while; but a row of another class that comes to lie within one cannot be told from it.
    seed
        Of the cuts; None for fresh ones each time.
    max_bytes
        Bound of `nbytes`, by default 32 MiB; None for none. A tree that is full undoes the latest
        half of its cuts and grows on: it is then the tree that it was, with all that it has seen
        since, had its time ended earlier.

    Raises
    ------
    ValueError
        At the first event, unless `n_trees` is a whole number >= 1, `step` > 0, `dirichlet` > 0 or
        None, and `max_bytes` > 0 or None. At any event whose features or classes leave no room
        within `max_bytes` for the least trees.

    Examples
    --------
    >>> from onlineml.datasets import load
    >>> from onlineml.learners import AggregatedMondrianForestClassifier
    >>> (rows,) = load("bananas").take(2000).chunks(2000)
    >>> model = AggregatedMondrianForestClassifier(seed=1)
    >>> right = model.predict_fit_many(rows.X, rows.y) == rows.y
    >>> bool(right.mean() > 0.83)
    True

    Notes
    -----
    Features should be of similar width: put a `StandardScaler` before it, or a `OneHotEncoder`
    for nominal values, whose codes are else taken as numbers.

    Departures: serving does not cut the row off first, as it must not change the tree. Weights
    are kept as odds of each node's own forecast against all prunings below it, in units of powers
    of 1e200: that needs no logarithms, and loses nothing. A missing value has no extent, so its
    feature does not cut the row off; at a cut of that feature the row goes where most weight is. A
    row of weight `w` counts as `w` rows. Pruning to keep to `max_bytes` is not of the paper.

    New features are given room at the start of the chunk that brings them: the one case in which,
    at the limit of `max_bytes`, chunks may differ from the row loop.

    References
    ----------
    .. [1] Mourtada, Gaiffas, Scornet (2021), AMF: Aggregated Mondrian forests for online learning,
       Journal of the Royal Statistical Society B 83(3), 505-533. Sections 2-4.
    .. [2] Willems, Shtarkov, Tjalkens (1995), The context-tree weighting method: basic properties,
       IEEE Transactions on Information Theory 41(3). The definition of the weighted probability.
    """

    _kernel = _aggregated_mondrian_forest_classifier
    _state = (*FOREST_FIELDS, Field("counts_", ("T", "N", "C")), Field("seen_", (1,), np.int64))

    def __init__(
        self,
        *,
        n_trees: int = 10,
        step: float = 1.0,
        use_aggregation: bool = True,
        dirichlet: float | None = None,
        split_pure: bool = True,
        seed: int | None = None,
        max_bytes: int | None = 1 << 25,
    ) -> None:
        self.n_trees = n_trees
        self.step = step
        self.use_aggregation = use_aggregation
        self.dirichlet = dirichlet
        self.split_pure = split_pure
        self.seed = seed
        self.max_bytes = max_bytes

    def _check(self) -> None:
        super()._check()
        if self.dirichlet is not None and not self.dirichlet > 0:
            raise wrong("dirichlet", self.dirichlet, "a number > 0, or None")

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.step),
            float(self.use_aggregation),
            0.0 if self.dirichlet is None else float(self.dirichlet),
            float(self.split_pure),
        )

    def _admit_targets(self, news: list[Hashable]) -> None:
        self._check_room({"C": len(news)}, self.schema_)
        super()._admit_targets(news)

    def _make_room(self, n_classes: int) -> None:
        """Nothing yet: the kernel asks for room when it comes to the row."""
