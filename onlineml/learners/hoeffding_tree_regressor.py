"""Regression tree that divides a leaf once the Hoeffding bound says which feature is best."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.base import Array, Regressor
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f4, i1, i2, opened
from onlineml.kernels.target_observers import (
    BLOCKS,
    COUNT,
    M2,
    MEAN,
    add,
    best_reduction,
    merged,
    observe,
    part_at_most,
    parted,
)
from onlineml.kernels.tree import (
    AT_MOST,
    DIVIDED,
    EQUAL,
    HEADER,
    KEPT,
    N_NODES,
    NUMBERS,
    OWN,
    SERVED,
    SLOT,
    STOPPED,
    TABLE,
    UNEXAMINED,
    WEIGHT,
    Split,
    divide,
    examined,
    leaf_of,
    may_divide,
    room_for,
)
from onlineml.learners.tree_growth import (
    admit,
    check_budget,
    check_growth,
    depth_of,
    grow,
    leaves_of,
    plant,
    text_of,
    tree_fields,
)
from onlineml.schema import Schema, wrong

# Cells of the settings.
GRACE, LOG_INVERSE_DELTA, TIE, MIN_BRANCH, BINARY, LEAVES, MAX_DEPTH, RATE, FADING = range(9)
# How a leaf answers.
CONSTANT, LINEAR, ADAPTIVE = range(3)
_MODES = {"mean": CONSTANT, "linear": LINEAR, "adaptive": ADAPTIVE}
# Columns of a node's numbers: moments of the target, faded squared errors, the line's intercept.
Y_MEAN, Y_M2, MEAN_ERROR, LINEAR_ERROR, INTERCEPT = range(OWN, OWN + 5)
# Slots after those of every tree: (F,), (4, F), (4, 1), (N, F), (L, F), (L, F, BLOCKS, B),
# (L, F, 3, V).
NOMINAL, FEATURES, TARGET, SLOPES, FILLED, BINS, VALUES = range(5, 12)
_FARTHEST = 10.0  # standard deviations at which standardized values are cut
INVERSE_STD = 3  # block of FEATURES and TARGET, after their moments


@entry
def _hoeffding_tree_regressor(d: int) -> int:
    return _rows(d, opened(d), f1(d, 0))


@jit
def _rows(d: int, call: Call, rule: Array) -> int:
    header = i1(d, HEADER)
    for i in range(call.first, call.last):
        x = call.X[i]
        leaf = leaf_of(d, x)
        line = _line(d, x, leaf)
        if call.serve and header[SERVED] == 0:
            call.out[i, 0] = _answer(d, rule, leaf, line)
        y, w = call.y[i], call.weight[i]
        if call.fit and w > 0.0:
            outcome = _examine(d, rule, leaf)
            if outcome == STOPPED:  # the answer stands, whatever Python does to the tree
                header[SERVED] = call.serve > 0
                return i
            if outcome == DIVIDED:
                leaf = leaf_of(d, x)
                line = _line(d, x, leaf)
            _learn(d, x, y, w, rule, leaf, line)
        header[SERVED] = 0
    return call.last


@jit
def _line(d: int, x: Array, leaf: int) -> float:
    """Answer of the leaf's linear model, in standard deviations of the target from its mean."""
    features, slopes = f2(d, FEATURES), f2(d, SLOPES)[leaf]
    total = f2(d, NUMBERS)[leaf, INTERCEPT]
    for j in range(x.shape[0]):
        total += slopes[j] * _standard(features, j, x[j])
    return float(total)


@jit
def _standard(features: Array, j: int, value: float) -> float:
    """A value in standard deviations from the mean; 0 where it is missing (or nominal)."""
    z = (value - features[MEAN, j]) * features[INVERSE_STD, j]
    return float(min(max(z, -_FARTHEST), _FARTHEST)) if z == z else 0.0


@jit
def _answer(d: int, rule: Array, leaf: int, line: float) -> float:
    own, target = f2(d, NUMBERS)[leaf], f2(d, TARGET)
    linear = rule[LEAVES] == LINEAR
    if rule[LEAVES] == ADAPTIVE:
        linear = own[LINEAR_ERROR] < own[MEAN_ERROR]
    if linear and target[INVERSE_STD, 0] > 0.0:
        return float(target[MEAN, 0] + line / target[INVERSE_STD, 0])
    return float(own[Y_MEAN])


@jit
def _learn(d: int, x: Array, y: float, w: float, rule: Array, leaf: int, line: float) -> None:
    own, slot = f2(d, NUMBERS)[leaf], i2(d, TABLE)[leaf, SLOT]
    if rule[LEAVES] != CONSTANT:
        _learn_line(d, x, y, w, rule, leaf, line)
    own[WEIGHT], own[Y_MEAN], own[Y_M2] = merged(own[WEIGHT], own[Y_MEAN], own[Y_M2], w, y, 0.0)
    own[UNEXAMINED] += w
    if slot < 0:
        return
    nominal, filled = i1(d, NOMINAL), i2(d, FILLED)[slot]
    bins, values = f4(d, BINS)[slot], f4(d, VALUES)[slot]
    for j in range(x.shape[0]):
        if nominal[j]:
            if 0 <= x[j] < values.shape[2]:
                add(values[j], int(x[j]), w, y)
        elif x[j] == x[j]:
            filled[j] = observe(bins[j], filled[j], x[j], w, y)


@jit
def _learn_line(d: int, x: Array, y: float, w: float, rule: Array, leaf: int, line: float) -> None:
    """One normalized gradient step on standardized values, then the news on their moments."""
    own, slopes = f2(d, NUMBERS)[leaf], f2(d, SLOPES)[leaf]
    features, target, nominal = f2(d, FEATURES), f2(d, TARGET), i1(d, NOMINAL)
    if target[INVERSE_STD, 0] > 0.0:
        scale, due = target[INVERSE_STD, 0], (y - target[MEAN, 0]) * target[INVERSE_STD, 0]
        gap = (y - own[Y_MEAN]) * scale if own[WEIGHT] > 0.0 else due
        own[MEAN_ERROR] = rule[FADING] * own[MEAN_ERROR] + w * gap * gap
        own[LINEAR_ERROR] = rule[FADING] * own[LINEAR_ERROR] + w * (due - line) * (due - line)
        length = 1.0
        for j in range(x.shape[0]):
            z = _standard(features, j, x[j])
            length += z * z
        step = min(w * rule[RATE], 1.0 / length) * (due - line)
        own[INTERCEPT] += step
        for j in range(x.shape[0]):
            slopes[j] += step * _standard(features, j, x[j])
    _add_scaled(target, 0, w, y)
    for j in range(x.shape[0]):
        if not nominal[j] and x[j] == x[j]:
            _add_scaled(features, j, w, x[j])


@jit
def _add_scaled(moments: Array, k: int, w: float, value: float) -> None:
    add(moments, k, w, value)
    if moments[M2, k] > 0.0:
        moments[INVERSE_STD, k] = np.sqrt(moments[COUNT, k] / moments[M2, k])


@jit
def _examine(d: int, rule: Array, leaf: int) -> int:
    """Divide `leaf` if one feature is surely the best: KEPT, DIVIDED, or STOPPED for room."""
    own, outcome, slot = f2(d, NUMBERS)[leaf], KEPT, i2(d, TABLE)[leaf, SLOT]
    if own[UNEXAMINED] < rule[GRACE]:
        return outcome
    split = Split(0.0, -1, AT_MOST, 0.0, 0, 0.0)
    if may_divide(d, leaf, rule[MAX_DEPTH]):
        split = best_reduction(
            i1(d, NOMINAL), i2(d, FILLED)[slot], f4(d, BINS)[slot], f4(d, VALUES)[slot],
            rule[BINARY] > 0.0, rule[MIN_BRANCH],
        )  # fmt: skip
        bound = np.sqrt(0.5 * rule[LOG_INVERSE_DELTA] / own[WEIGHT])
        sure = split.second < split.merit * (1.0 - bound) or bound < rule[TIE]
        if split.feature >= 0 and sure:
            outcome = room_for(d, leaf, split.n_children)
    if outcome != STOPPED:
        examined(d, leaf)
    if outcome == DIVIDED:
        _hand_down(d, split, leaf, slot, divide(d, leaf, split))
    return outcome


@jit
def _hand_down(d: int, split: Split, leaf: int, slot: int, first: int) -> None:
    """Give new leaves the moments that the parent's pool row foretells them, and its line."""
    numbers, slopes, table = f2(d, NUMBERS), f2(d, SLOPES), i2(d, TABLE)
    filled, bins, values = i2(d, FILLED), f4(d, BINS), f4(d, VALUES)
    j = split.feature
    for child in range(first, first + split.n_children):
        n, mean, m2 = _part(split, child - first, bins[slot, j], filled[slot, j], values[slot, j])
        if n <= 0.0:
            mean = numbers[leaf, Y_MEAN]
        own = numbers[child]
        own[WEIGHT], own[Y_MEAN], own[Y_M2] = n, mean, m2
        own[INTERCEPT] = numbers[leaf, INTERCEPT]
        for k in range(slopes.shape[1]):
            slopes[child, k] = slopes[leaf, k]
    for child in range(first, first + split.n_children):
        fresh = table[child, SLOT]
        if fresh >= 0:
            _forget(filled[fresh], values[fresh])


@jit
def _part(
    split: Split, k: int, bins: Array, filled: int, values: Array
) -> tuple[float, float, float]:
    if split.kind == AT_MOST:
        n, mean, m2 = part_at_most(split.threshold, bins, filled)
        total, whole, whole_m2 = part_at_most(np.inf, bins, filled)
    else:
        v = int(split.threshold) if split.kind == EQUAL else k
        n, mean, m2 = values[COUNT, v], values[MEAN, v], values[M2, v]
        if split.kind != EQUAL:
            return n, mean, m2
        total, whole, whole_m2 = 0.0, 0.0, 0.0
        for u in range(values.shape[1]):
            total, whole, whole_m2 = merged(
                total, whole, whole_m2, values[COUNT, u], values[MEAN, u], values[M2, u]
            )
    if k == 0:
        return n, mean, m2
    return parted(total, whole, whole_m2, n, mean, m2)


@jit
def _forget(filled: Ints, values: Array) -> None:
    for j in range(filled.shape[0]):
        filled[j] = 0
        for block in range(values.shape[1]):
            for v in range(values.shape[2]):
                values[j, block, v] = 0.0


class HoeffdingTreeRegressor(Regressor):
    """Model tree that grows with a stream: sure divisions only, a linear model in each leaf.

    A leaf is examined each `grace_period` of weight. It is divided by the feature that most reduces
    the standard deviation of the target, when the second best reduces it less by more than the
    Hoeffding bound on their ratio, or when that bound is too small to matter. Time per event is
    O(depth + n_features * n_bins) to fit and O(depth + n_features) to predict; memory is
    O(n_leaves * n_features * n_bins), within `max_bytes`.

    Parameters
    ----------
    grace_period
        Weight that a leaf sees between examinations.
    delta
        Allowed probability that a division is not by the best feature.
    tie_threshold
        Bound on the ratio of the two best reductions below which they count as equal.
    leaves
        How a leaf answers: "mean" of its targets, "linear" model, or "adaptive": the one of the
        two with the smaller squared error of late.
    learning_rate
        Step of the linear models, on standardized values.
    fading
        Factor by which past squared errors lose weight each row, for "adaptive".
    n_bins
        Bins of the histogram of each numeric feature in each leaf.
    binary_splits
        Divide by a nominal feature into one value and the rest only; otherwise also into one child
        a value.
    min_branch_fraction
        At least two children must each get more than this share of the weight.
    max_depth
        Divisions on the way to a leaf, at most; None for any number.
    max_bytes
        Bound of `nbytes`; None for none. When it is reached, the leaves with the smallest squared
        deviation lose their observations (they answer and learn, but are not divided); when there
        is no room for nodes either, the tree stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import HoeffdingTreeRegressor
    >>> X = np.random.default_rng(1).random((2000, 2))
    >>> model = HoeffdingTreeRegressor(leaves="mean").fit_many(X, (X[:, 0] > 0.5) * 8.0)
    >>> round(model.predict_one([0.9, 0.2])), model.n_leaves
    (8, 2)

    Notes
    -----
    Departures from FIMT-DD [1]_:

    - Numeric features are kept in histograms of bounded size [2]_ instead of search trees that grow
      with the stream; thresholds lie midway between bins.
    - There is no detection of change, so no subtree is ever replaced.
    - The step of a linear model is held below 1 / (1 + squared length of the row).
    - Linear models see no nominal features; missing values count as the mean. Values are cut at
      ten standard deviations.
    - A leaf is examined when the next row reaches it, before that row is learned.
    - Missing values, and nominal values without a child, follow the child that has seen most
      weight, counted up to the last examination of each leaf.

    New features or nominal values are given room at the start of the chunk that brings them: the
    one case in which, at the limit of `max_bytes`, chunks may differ from the row loop.

    References
    ----------
    .. [1] Ikonomovska, Gama, Dzeroski (2011), Learning model trees from evolving data streams, Data
       Mining and Knowledge Discovery 23. Sections 4.1-4.4.
    .. [2] Ben-Haim, Tom-Tov (2010), A streaming parallel decision tree algorithm, JMLR 11.
       Algorithm 1.
    """

    _kernel = _hoeffding_tree_regressor
    _state = (
        *tree_fields(OWN + 5),
        Field("nominal_", ("F",), np.int64),
        Field("features_", (4, "F")),
        Field("target_", (4, 1)),
        Field("slopes_", ("N", "F")),
        Field("filled_", ("L", "F"), np.int64),
        Field("bins_", ("L", "F", BLOCKS, "B")),
        Field("values_", ("L", "F", 3, "V")),
    )

    header_: Ints
    numbers_: Array

    def __init__(
        self,
        *,
        grace_period: float = 200,
        delta: float = 1e-7,
        tie_threshold: float = 0.05,
        leaves: str = "adaptive",
        learning_rate: float = 0.01,
        fading: float = 0.99,
        n_bins: int = 64,
        binary_splits: bool = False,
        min_branch_fraction: float = 0.01,
        max_depth: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self.grace_period = grace_period
        self.delta = delta
        self.tie_threshold = tie_threshold
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.fading = fading
        self.n_bins = n_bins
        self.binary_splits = binary_splits
        self.min_branch_fraction = min_branch_fraction
        self.max_depth = max_depth
        self.max_bytes = max_bytes

    def _check(self) -> None:
        check_growth(self)
        if self.leaves not in _MODES:
            raise wrong("leaves", self.leaves, f"one of {tuple(_MODES)}")
        if not self.learning_rate > 0:
            raise wrong("learning_rate", self.learning_rate, "a number > 0")
        if not 0 <= self.fading <= 1:
            raise wrong("fading", self.fading, "a factor in [0, 1]")
        if not self.n_bins >= 2:
            raise wrong("n_bins", self.n_bins, "an integer >= 2")

    def _sizes(self) -> dict[str, int]:
        return {"N": 1, "L": 1, "B": self.n_bins}

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.grace_period),
            float(-np.log(self.delta)),
            float(self.tie_threshold),
            float(self.min_branch_fraction),
            float(self.binary_splits),
            float(_MODES[self.leaves]),
            np.inf if self.max_depth is None else float(self.max_depth),
            float(self.learning_rate),
            float(self.fading),
        )

    def _start(self, schema: Schema) -> None:
        plant(self)
        check_budget(self, schema)

    def _admit(self, schema: Schema) -> None:
        admit(self, self._promise, schema)
        super()._admit(schema)

    def _grow(self) -> None:
        grow(self, self._promise)

    def _promise(self, leaves: Any) -> Array:
        promise: Array = self.numbers_[leaves, Y_M2]
        return promise

    @property
    def n_nodes(self) -> int:
        """Number of nodes, leaves included; 0 before any data."""
        return int(self.header_[N_NODES]) if self.is_started else 0

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return len(leaves_of(self)) if self.is_started else 0

    @property
    def depth(self) -> int:
        """Divisions on the longest way from the root to a leaf."""
        return depth_of(self) if self.is_started else 0

    def to_text(self) -> str:
        """The tree as text, one line a node."""
        return text_of(self, self._describe) if self.is_started else ""

    def _describe(self, leaf: int) -> str:
        mean, weight = self.numbers_[leaf, [Y_MEAN, WEIGHT]]
        return f"{mean:.6g} (mean of {weight:.0f})"
