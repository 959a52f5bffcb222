"""Decision tree that divides a leaf once the Hoeffding bound says which feature is best."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f4, i1, i2, opened
from onlineml.kernels.observers import (
    BLOCKS,
    COUNT,
    best_split,
    forget,
    log_score,
    observe,
    share_at_most,
    summarize,
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
    PARENT,
    SERVED,
    SLOT,
    STOPPED,
    TABLE,
    UNEXAMINED,
    WANTED_CLASSES,
    WEIGHT,
    Split,
    divide,
    examined,
    leaf_of,
    may_divide,
    room_for,
)
from onlineml.kernels.votes import answer_from_logs, answer_from_votes
from onlineml.learners.tree_growth import (
    admit,
    check_budget,
    check_growth,
    check_room,
    depth_of,
    grow,
    grow_axis,
    leaves_of,
    plant,
    text_of,
    tree_fields,
)
from onlineml.schema import Schema, wrong

# Cells of the settings.
GRACE, LOG_INVERSE_DELTA, TIE, MIN_BRANCH, GINI, BINARY, LEAVES, MAX_DEPTH = range(8)
# How a leaf answers.
MAJORITY, BAYES, ADAPTIVE = range(3)
_MODES = {"majority": MAJORITY, "nb": BAYES, "nba": ADAPTIVE}
_CRITERIA = ("info_gain", "gini")
# Columns of a node's numbers: what the two ways to answer would have got right.
MAJORITY_RIGHT, BAYES_RIGHT = OWN, OWN + 1

_UNKNOWN = -2  # what naive Bayes says has not been computed


# Slots after those of every tree: (1,), (F,), (F,), (N, C), (L, C), (L, C), (L, C, BLOCKS, F),
# (L, C, F, V).
SEEN, NOMINAL, N_VALUES, CLASS_WEIGHT, BASE, SIMPLE, STATS, COUNTS = range(5, 13)


@entry
def _hoeffding_tree_classifier(d: int) -> int:
    return _rows(d, opened(d), f1(d, 0))


@jit
def _rows(d: int, call: Call, rule: Array) -> int:
    header, seen, n_classes = i1(d, HEADER), i1(d, SEEN), f2(d, CLASS_WEIGHT).shape[1]
    for i in range(call.first, call.last):
        x = call.X[i]
        leaf, said = leaf_of(d, x), _UNKNOWN
        if call.serve and header[SERVED] == 0:
            said = _answer(d, x, rule, leaf, call.out[i], call.serve)
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            outcome = KEPT
            if c >= n_classes:
                header[WANTED_CLASSES], outcome = c + 1, STOPPED
            elif w > 0.0:
                outcome = _examine(d, rule, leaf)
            if outcome == STOPPED:  # the answer stands, whatever Python does to the tree
                header[SERVED] = call.serve > 0
                return i
            if outcome == DIVIDED:
                leaf, said = leaf_of(d, x), _UNKNOWN
            if w > 0.0:
                _learn(d, x, c, w, rule, leaf, said)
            seen[0] = max(seen[0], c + 1)
        header[SERVED] = 0
    return call.last


@jit
def _answer(d: int, x: Array, rule: Array, leaf: int, out: Array, serve: int) -> int:
    """Write the answer; returns what naive Bayes says, if that was asked."""
    n, slot, own = i1(d, SEEN)[0], i2(d, TABLE)[leaf, SLOT], f2(d, NUMBERS)[leaf]
    bayes = rule[LEAVES] == BAYES
    if rule[LEAVES] == ADAPTIVE:
        bayes = own[BAYES_RIGHT] >= own[MAJORITY_RIGHT]
    if bayes and slot >= 0 and own[WEIGHT] > 0.0:
        for c in range(n):
            out[1 + c] = _log_score(d, x, c, leaf, slot)
        answer_from_logs(out, n, serve)
        return int(out[0])
    table, numbers = i2(d, TABLE), f2(d, NUMBERS)
    while numbers[leaf, WEIGHT] <= 0.0 and table[leaf, PARENT] >= 0:  # the parent has seen rows
        leaf = table[leaf, PARENT]
    for c in range(n):
        out[1 + c] = f2(d, CLASS_WEIGHT)[leaf, c]
    answer_from_votes(out, n, serve)
    return _UNKNOWN


@jit
def _log_score(d: int, x: Array, c: int, leaf: int, slot: int) -> float:
    return log_score(
        x, f2(d, CLASS_WEIGHT)[leaf, c], f2(d, BASE)[slot, c], i2(d, SIMPLE)[slot, c],
        i1(d, NOMINAL), i1(d, N_VALUES), f4(d, STATS)[slot, c], f4(d, COUNTS)[slot, c],
    )  # fmt: skip


@jit
def _learn(d: int, x: Array, c: int, w: float, rule: Array, leaf: int, said: int) -> None:
    slot, own, weight = i2(d, TABLE)[leaf, SLOT], f2(d, NUMBERS)[leaf], f2(d, CLASS_WEIGHT)[leaf]
    if rule[LEAVES] == ADAPTIVE and slot >= 0 and own[WEIGHT] > 0.0:
        if said == _UNKNOWN:
            said = _bayes_answer(d, x, leaf, slot)
        own[BAYES_RIGHT] += w * (said == c)
        own[MAJORITY_RIGHT] += w * (_heaviest(weight) == c)
    weight[c] += w
    own[WEIGHT] += w
    own[UNEXAMINED] += w
    if slot >= 0:
        stats, nominal = f4(d, STATS)[slot, c], i1(d, NOMINAL)
        observe(x, w, nominal, i1(d, N_VALUES), stats, f4(d, COUNTS)[slot, c])
        if rule[LEAVES] != MAJORITY:
            summary = summarize(weight[c], nominal, stats)
            f2(d, BASE)[slot, c], i2(d, SIMPLE)[slot, c] = summary


@jit
def _bayes_answer(d: int, x: Array, leaf: int, slot: int) -> int:
    best, top = -1, -np.inf
    for c in range(i1(d, SEEN)[0]):
        score = _log_score(d, x, c, leaf, slot)
        if score > top or best < 0:
            best, top = c, score
    return best


@jit
def _heaviest(weight: Array) -> int:
    best = 0
    for c in range(1, weight.shape[0]):
        if weight[c] > weight[best]:
            best = c
    return best


@jit
def _examine(d: int, rule: Array, leaf: int) -> int:
    """Divide `leaf` if one feature is surely the best: KEPT, DIVIDED, or STOPPED for room."""
    own, outcome, slot = f2(d, NUMBERS)[leaf], KEPT, i2(d, TABLE)[leaf, SLOT]
    if own[UNEXAMINED] < rule[GRACE]:
        return outcome
    split, weight = Split(0.0, -1, AT_MOST, 0.0, 0, 0.0), f2(d, CLASS_WEIGHT)[leaf]
    n_present = _n_present(weight)
    if n_present > 1 and may_divide(d, leaf, rule[MAX_DEPTH]):
        split = best_split(
            weight, i1(d, SEEN)[0], i1(d, NOMINAL), f4(d, STATS)[slot], f4(d, COUNTS)[slot],
            rule[GINI] > 0.0, rule[BINARY] > 0.0, rule[MIN_BRANCH],
        )  # fmt: skip
        span = 1.0 if rule[GINI] > 0.0 else np.log2(n_present)
        bound = span * np.sqrt(0.5 * rule[LOG_INVERSE_DELTA] / own[WEIGHT])
        sure = split.merit - split.second > bound or bound < rule[TIE]
        if split.feature >= 0 and sure:
            outcome = room_for(d, leaf, split.n_children)
    if outcome != STOPPED:
        examined(d, leaf)
    if outcome == DIVIDED:
        _hand_down(d, split, slot, divide(d, leaf, split))
    return outcome


@jit
def _n_present(weight: Array) -> int:
    n = 0
    for c in range(weight.shape[0]):
        n += weight[c] > 0.0
    return n


@jit
def _hand_down(d: int, split: Split, slot: int, first: int) -> None:
    """Give new leaves the class weights that the parent's pool row `slot` foretells them."""
    weight, numbers, stats, counts = (
        f2(d, CLASS_WEIGHT),
        f2(d, NUMBERS),
        f4(d, STATS),
        f4(d, COUNTS),
    )
    for child in range(first, first + split.n_children):
        for c in range(weight.shape[1]):
            w = _weight_of_child(split, child - first, stats[slot, c], counts[slot, c])
            weight[child, c] = w
            numbers[child, WEIGHT] += w
    for child in range(first, first + split.n_children):
        fresh = i2(d, TABLE)[child, SLOT]
        if fresh >= 0:
            for c in range(weight.shape[1]):
                f2(d, BASE)[fresh, c], i2(d, SIMPLE)[fresh, c] = 0.0, 0
                forget(stats[fresh, c], counts[fresh, c])


@jit
def _weight_of_child(split: Split, k: int, stats: Array, counts: Array) -> float:
    j = split.feature
    if split.kind == AT_MOST:
        inside = share_at_most(split.threshold, j, stats)
    elif split.kind == EQUAL:
        inside = counts[j, int(split.threshold)]
    else:
        return float(counts[j, k])
    return float(inside if k == 0 else max(stats[COUNT, j] - inside, 0.0))


class HoeffdingTreeClassifier(Classifier):
    """Very fast decision tree: grows from the root, one division at a time, sure ones only.

    A leaf is examined each `grace_period` of weight. It is divided when the best feature beats the
    second best by more than the Hoeffding bound, or when the bound is too small to matter. Time per
    event is O(depth + n_classes * n_features); memory is O(n_leaves * n_classes * n_features),
    times the number of values where features are nominal, within `max_bytes`.

    Parameters
    ----------
    grace_period
        Weight that a leaf sees between examinations.
    delta
        Allowed probability that a division is not by the best feature.
    tie_threshold
        Bound, in units of the criterion, below which features count as equally good.
    criterion
        "info_gain" (bits) or "gini" (impurity).
    leaves
        How a leaf answers: "majority" class, "nb" (naive Bayes), or "nba", whichever of the two
        has been right more often in that leaf.
    binary_splits
        Divide by a nominal feature into one value and the rest only; otherwise also into one child
        a value.
    min_branch_fraction
        At least two children must each get more than this share of the weight.
    max_depth
        Divisions on the way to a leaf, at most; None for any number.
    max_bytes
        Bound of `nbytes`; None for none. When it is reached, the least promising leaves lose
        their observations (they then answer with the majority class and are not divided); when
        there is no room for nodes either, the tree stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import HoeffdingTreeClassifier
    >>> X = np.random.default_rng(1).random((2000, 2))
    >>> model = HoeffdingTreeClassifier().fit_many(X, X[:, 0] > 0.5)
    >>> model.predict_one([0.9, 0.2]), model.n_leaves
    (True, 2)

    Notes
    -----
    Follows MOA's `HoeffdingTree`: Gaussian observers with ten candidate thresholds between the
    extremes, a density of zero (here exp(-690)) where a class never showed a feature. Departures:

    - A leaf is examined when the next row reaches it, before that row is learned.
    - When not to divide is best, the leaf is kept as it is; MOA deactivates it for good.
    - The range of the information gain counts the classes present in the leaf.
    - Missing values, and nominal values without a child, follow the child that has seen most
      weight, counted up to the last examination of each leaf.
    - Leaves that lost their observations do not get new ones.

    New features or nominal values are given room at the start of the chunk that brings them: the
    one case in which, at the limit of `max_bytes`, chunks may differ from the row loop.

    References
    ----------
    .. [1] Domingos, Hulten (2000), Mining high-speed data streams, KDD. Section 2.
    .. [2] Gama, Rocha, Medas (2003), Accurate decision trees for mining high-speed data streams,
       KDD. Sections 3.1-3.2.
    .. [3] Holmes, Kirkby, Pfahringer (2005), Stress-testing Hoeffding trees, PKDD.
    """

    _kernel = _hoeffding_tree_classifier
    _state = (
        *tree_fields(OWN + 2),
        Field("seen_", (1,), np.int64),
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("class_weight_", ("N", "C")),
        Field("base_", ("L", "C")),
        Field("simple_", ("L", "C"), np.int64),
        Field("stats_", ("L", "C", BLOCKS, "F")),
        Field("counts_", ("L", "C", "F", "V")),
    )

    header_: Ints
    class_weight_: Array

    def __init__(
        self,
        *,
        grace_period: float = 200,
        delta: float = 1e-7,
        tie_threshold: float = 0.05,
        criterion: str = "info_gain",
        leaves: str = "nba",
        binary_splits: bool = False,
        min_branch_fraction: float = 0.01,
        max_depth: int | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self.grace_period = grace_period
        self.delta = delta
        self.tie_threshold = tie_threshold
        self.criterion = criterion
        self.leaves = leaves
        self.binary_splits = binary_splits
        self.min_branch_fraction = min_branch_fraction
        self.max_depth = max_depth
        self.max_bytes = max_bytes

    def _check(self) -> None:
        check_growth(self)
        if self.criterion not in _CRITERIA:
            raise wrong("criterion", self.criterion, f"one of {_CRITERIA}")
        if self.leaves not in _MODES:
            raise wrong("leaves", self.leaves, f"one of {tuple(_MODES)}")

    def _sizes(self) -> dict[str, int]:
        return {"N": 1, "L": 1}

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.grace_period),
            float(-np.log(self.delta)),
            float(self.tie_threshold),
            float(self.min_branch_fraction),
            float(self.criterion == "gini"),
            float(self.binary_splits),
            float(_MODES[self.leaves]),
            np.inf if self.max_depth is None else float(self.max_depth),
        )

    def _start(self, schema: Schema) -> None:
        plant(self)
        check_budget(self, schema)

    def _admit(self, schema: Schema) -> None:
        admit(self, self._promise, schema)
        super()._admit(schema)

    def _admit_targets(self, news: list[Hashable]) -> None:
        check_room(self, {"C": len(news)})
        super()._admit_targets(news)

    def _make_room(self, n_classes: int) -> None:
        """Nothing yet: the kernel asks for room when it comes to the row."""

    def _grow(self) -> None:
        due, self.header_[WANTED_CLASSES] = int(self.header_[WANTED_CLASSES]), 0
        if due == 0:
            grow(self, self._promise)
            return
        grow_axis(self, self._promise, "C", due)

    def _promise(self, leaves: Any) -> Array:
        weight = self.class_weight_[leaves]
        promise: Array = weight.sum(axis=1) - weight.max(axis=1)
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
        weight = self.class_weight_[leaf, : len(self.classes_)]
        if not weight.sum() > 0:
            return "nothing seen"
        best = int(weight.argmax())
        return f"{self.classes_[best]!r} ({weight[best] / weight.sum():.3f} of {weight.sum():.0f})"
