"""Forest of Mondrian trees of means, in which all prunings of each tree vote by their errors."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Regressor
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, f1, f2, f3, f4, i1, i3, opened
from onlineml.kernels.mondrian import (
    LOG_UNIT,
    NONE,
    ODDS,
    PARENT,
    POWER,
    WEIGHT,
    Trees,
    admit,
    in_units,
    is_inside,
    log_one_more,
    n_together,
    next_node,
    ready,
    share_of_own,
)
from onlineml.learners.mondrian_forest import FOREST_FIELDS, MondrianForest

_STEP, _AGGREGATES = range(2)  # of the settings
_SEEN, _SQUARES, _UNIT = range(3)  # of a tree's errors: weight, sum of squares, unit of this row's
_HUGE = 1e200


@entry
def _aggregated_mondrian_forest_regressor(d: int) -> int:
    trees = Trees(i1(d, 1), i1(d, 2), i1(d, 3), i3(d, 4), f3(d, 5), f4(d, 6), f3(d, 7))
    return _rows(opened(d), f1(d, 0), trees, f2(d, 8))


@jit
def _rows(call: Call, settings: Array, trees: Trees, errors: Array) -> int:
    first, n_trees = call.first, trees.n_nodes.shape[0]
    while first < call.last:
        last = first + n_together(trees, call.last - first, call.fit)
        if last == first:
            return first
        for t in range(n_trees):
            for i in range(first, last):
                learns = call.fit and call.weight[i] > 0.0
                answer = _answer(settings, trees, t, call.X[i]) if call.serve or learns else 0.0
                if call.serve:
                    call.out[i, 0] = (call.out[i, 0] if t > 0 else 0.0) + answer / n_trees
                if learns:
                    _judge(trees, t, answer, call.y[i], call.weight[i], errors)
                    ready(trees, t)
                    _learn(
                        settings, trees, t, call.X[i], call.y[i], call.weight[i], errors[t, _UNIT]
                    )
        first = last
    return first


@jit
def _judge(trees: Trees, t: int, answer: float, y: float, w: float, errors: Array) -> None:
    """Note the error of a tree's answer; the unit of this row's errors is that of those before."""
    now = errors[t]
    now[_UNIT] = now[_SQUARES] / now[_SEEN] if now[_SQUARES] > 0.0 else 1.0
    if trees.numbers[t, 0, WEIGHT] > 0.0:
        now[_SEEN] += w
        now[_SQUARES] += w * _squared(y, answer)


@jit
def _answer(settings: Array, trees: Trees, t: int, x: Array) -> float:
    """What all prunings together say; each node's part of what is left."""
    numbers, left, node, total = trees.numbers[t], 1.0, 0, 0.0
    while node != NONE:
        part, below = left, next_node(trees, t, node, x)
        if below != NONE:
            share = share_of_own(numbers[node, ODDS], numbers[node, POWER])
            part = settings[_AGGREGATES] * left * share
            left -= part
        total += part * trees.forecasts[t, node, 0]
        node = below
    return total


@jit
def _learn(
    settings: Array, trees: Trees, t: int, x: Array, y: float, w: float, unit: float
) -> None:
    """Find the row its place, then see on the way back how well each mean did."""
    numbers, means, node, leaf, change = trees.numbers[t], trees.forecasts[t], 0, 0, 1.0
    while node != NONE:
        if not is_inside(trees.boxes[t, node], x):
            change *= admit(trees, t, node, x, True)
        leaf, node = node, next_node(trees, t, node, x)
    rate, node = settings[_STEP] * w / unit, trees.table[t, leaf, PARENT]
    is_new = numbers[leaf, WEIGHT] == 0.0 and node != NONE  # it forecasts what its parent does
    all_below = -rate * _squared(y, means[node if is_new else leaf, 0])
    _take(numbers, means, leaf, y, w)
    while node != NONE:
        odds, power = numbers[node, ODDS], numbers[node, POWER]
        own = -rate * _squared(y, means[node, 0])
        units = np.floor((all_below - own) / LOG_UNIT + 0.5)
        odds *= np.exp(all_below - own - units * LOG_UNIT)
        all_below = own - log_one_more(numbers[node, ODDS], power) + np.log(change)
        numbers[node, ODDS], numbers[node, POWER] = in_units(odds, power + units)
        all_below += log_one_more(numbers[node, ODDS], numbers[node, POWER])
        change = 1.0  # only the parent of the leaf can have been cut
        _take(numbers, means, node, y, w)
        node = trees.table[t, node, PARENT]


@jit
def _squared(y: float, forecast: float) -> float:
    """Squared error, bounded so that no sum overflows."""
    return float(min((y - forecast) ** 2, _HUGE))


@jit
def _take(numbers: Array, means: Array, node: int, y: float, w: float) -> None:
    numbers[node, WEIGHT] += w
    means[node, 0] += (y - means[node, 0]) * w / numbers[node, WEIGHT]


class AggregatedMondrianForestRegressor(MondrianForest, Regressor):
    """Aggregated Mondrian forest of means: all prunings of its random trees vote by their errors.

    A Mondrian tree is cut at random, the sooner the wider the rows lie, without a look at the
    targets; each row may bring a cut anywhere on its way. Every node forecasts the mean target of
    the rows that it has seen. A tree answers with the mean of all its prunings, each weighted by
    exp(-`step` * its squared errors so far / the tree's mean squared error): exactly, in one
    walk. The forest answers with the mean of the trees. Time per event is O(n_trees * depth *
    n_features), where depth grows about as the logarithm of the rows; memory is
    8 bytes * (9 + 2 * n_features) a node, within `max_bytes`.

    Parameters
    ----------
    n_trees
        Number of trees.
    step
        Of the weights: how much a squared error counts. The larger, the more the pruning that has
        done best so far answers alone.
    use_aggregation
        Whether all prunings vote; otherwise a tree answers with its leaf alone: the mean of very
        few rows.
    seed
        Of the cuts; None for fresh ones each time.
    max_bytes
        Bound of `nbytes`, by default 32 MiB; None for none. A tree that is full undoes the latest
        half of its cuts and grows on: it is then the tree that it was, with all that it has seen
        since, had its time ended earlier.

    Raises
    ------
    ValueError
        At the first event, unless `n_trees` is a whole number >= 1, `step` > 0, and
        `max_bytes` > 0 or None. At any event whose features leave no room within `max_bytes` for
        the least trees.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import AggregatedMondrianForestRegressor
    >>> X = np.random.default_rng(1).random((2000, 2))
    >>> model = AggregatedMondrianForestRegressor(seed=1).fit_many(X, (X[:, 0] > 0.5) * 8.0)
    >>> round(model.predict_one([0.9, 0.2])), round(model.predict_one([0.1, 0.2]))
    (8, 0)

    Notes
    -----
    Features should be of similar width: put a `StandardScaler` before it where they are not, or a
    `OneHotEncoder` for nominal values, whose codes are else taken as numbers.

    Departures: errors count in units of the mean squared error that the tree has made so far, so
    that the answer does not depend on the unit of the target; with a known bound B of the
    target [1]_ has a step of 1 / (8 B^2). A node that has seen nothing forecasts what the node
    above it does, not 0. Serving does not cut the row off first, as it must not change the tree.
    Weights are kept as odds of each node's own forecast against all prunings below it. A missing
    value has no extent, so its feature does not cut the row off; at a cut of that feature the row
    goes where most weight is. A row of weight `w` counts as `w` rows. Pruning to keep to
    `max_bytes` is not of the paper.

    New features are given room at the start of the chunk that brings them: the one case in which,
    at the limit of `max_bytes`, chunks may differ from the row loop.

    References
    ----------
    .. [1] Mourtada, Gaiffas, Scornet (2021), AMF: Aggregated Mondrian forests for online learning,
       Journal of the Royal Statistical Society B 83(3), 505-533. Sections 2-4.
    """

    _kernel = _aggregated_mondrian_forest_regressor
    _state = (*FOREST_FIELDS, Field("means_", ("T", "N", 1)), Field("errors_", ("T", 3)))

    def __init__(
        self,
        *,
        n_trees: int = 10,
        step: float = 4.0,
        use_aggregation: bool = True,
        seed: int | None = None,
        max_bytes: int | None = 1 << 25,
    ) -> None:
        self.n_trees = n_trees
        self.step = step
        self.use_aggregation = use_aggregation
        self.seed = seed
        self.max_bytes = max_bytes

    def _settings(self) -> tuple[float, ...]:
        return float(self.step), float(self.use_aggregation)
