"""Decision tree that divides a leaf once the Hoeffding bound says which feature is best."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f4, i1, i2, opened
from onlineml.kernels.observers import (
    BLOCKS,
    COUNT,
    best_split,
    log_score,
    observe,
    share_at_most,
    summarize,
)
from onlineml.kernels.tree import (
    AT_MOST,
    CHECKED,
    DIVIDED,
    EQUAL,
    KEPT,
    N_NODES,
    OWN,
    SERVED,
    SLOT,
    STOPPED,
    WANTED_CLASSES,
    WEIGHT,
    Nodes,
    Split,
    divide,
    examined,
    is_due,
    leaf_of,
    may_divide,
    room_for,
)
from onlineml.kernels.votes import answer_from_logs, answer_from_votes
from onlineml.learners.tree_growth import (
    check_budget,
    depth_of,
    fit_in,
    grow,
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


class Tree(NamedTuple):
    """Views of one tree: bones, class weights of nodes, and the observations of active leaves."""

    nodes: Nodes
    seen: Ints
    nominal: Ints
    n_values: Ints
    class_weight: Array  # (N, C)
    base: Array  # (L, C)
    simple: Ints  # (L, C)
    stats: Array  # (L, C, BLOCKS, F)
    counts: Array  # (L, C, F, V)


@entry
def _hoeffding_tree_classifier(d: int) -> int:
    nodes = Nodes(i1(d, 1), i2(d, 2), f2(d, 3), i1(d, 4))
    tree = Tree(
        nodes, i1(d, 5), i1(d, 6), i1(d, 7), f2(d, 8), f2(d, 9), i2(d, 10), f4(d, 11), f4(d, 12)
    )
    return _rows(opened(d), f1(d, 0), tree)


@jit
def _rows(call: Call, rule: Array, tree: Tree) -> int:
    header = tree.nodes.header
    for i in range(call.first, call.last):
        x = call.X[i]
        leaf, said = leaf_of(tree.nodes, x, 0), _UNKNOWN
        if call.serve and header[SERVED] == 0:
            said = _answer(x, rule, tree, leaf, call.out[i], call.serve)
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            outcome = KEPT
            if c >= tree.class_weight.shape[1]:
                header[WANTED_CLASSES], outcome = c + 1, STOPPED
            elif w > 0.0 and is_due(tree.nodes, leaf, rule[GRACE]):
                outcome = _examine(rule, tree, leaf)
            if outcome == STOPPED:  # the answer stands, whatever Python does to the tree
                header[SERVED] = call.serve > 0
                return i
            if outcome == DIVIDED:
                leaf, said = leaf_of(tree.nodes, x, leaf), _UNKNOWN
            if w > 0.0:
                _learn(x, c, w, rule, tree, leaf, said)
            tree.seen[0] = max(tree.seen[0], c + 1)
        header[SERVED] = 0
    return call.last


@jit
def _answer(x: Array, rule: Array, tree: Tree, leaf: int, out: Array, serve: int) -> int:
    """Write the answer; returns what naive Bayes says, if that was asked."""
    n, slot, own = tree.seen[0], tree.nodes.table[leaf, SLOT], tree.nodes.numbers[leaf]
    bayes = rule[LEAVES] == BAYES
    if rule[LEAVES] == ADAPTIVE:
        bayes = own[BAYES_RIGHT] >= own[MAJORITY_RIGHT]
    if bayes and slot >= 0 and own[WEIGHT] > 0.0:
        for c in range(n):
            out[1 + c] = _log_score(x, c, tree, leaf, slot)
        answer_from_logs(out, n, serve)
        return int(out[0])
    for c in range(n):
        out[1 + c] = tree.class_weight[leaf, c]
    answer_from_votes(out, n, serve)
    return _UNKNOWN


@jit
def _log_score(x: Array, c: int, tree: Tree, leaf: int, slot: int) -> float:
    return log_score(
        x, tree.class_weight[leaf, c], tree.base[slot, c], tree.simple[slot, c], tree.nominal,
        tree.n_values, tree.stats[slot, c], tree.counts[slot, c],
    )  # fmt: skip


@jit
def _learn(x: Array, c: int, w: float, rule: Array, tree: Tree, leaf: int, said: int) -> None:
    slot, weight = tree.nodes.table[leaf, SLOT], tree.class_weight[leaf]
    if slot >= 0:
        if rule[LEAVES] == ADAPTIVE and tree.nodes.numbers[leaf, WEIGHT] > 0.0:
            if said == _UNKNOWN:
                said = _bayes_answer(x, tree, leaf, slot)
            tree.nodes.numbers[leaf, BAYES_RIGHT] += w * (said == c)
            tree.nodes.numbers[leaf, MAJORITY_RIGHT] += w * (_heaviest(weight) == c)
    weight[c] += w
    tree.nodes.numbers[leaf, WEIGHT] += w
    if slot >= 0:
        stats = tree.stats[slot, c]
        observe(x, w, tree.nominal, tree.n_values, stats, tree.counts[slot, c])
        if rule[LEAVES] != MAJORITY:
            tree.base[slot, c], tree.simple[slot, c] = summarize(weight[c], tree.nominal, stats)


@jit
def _bayes_answer(x: Array, tree: Tree, leaf: int, slot: int) -> int:
    best, top = -1, -np.inf
    for c in range(tree.seen[0]):
        score = _log_score(x, c, tree, leaf, slot)
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
def _examine(rule: Array, tree: Tree, leaf: int) -> int:
    """Divide `leaf` if one feature is surely the best: KEPT, DIVIDED, or STOPPED for room."""
    nodes, outcome, slot = tree.nodes, KEPT, tree.nodes.table[leaf, SLOT]
    split = Split(0.0, -1, AT_MOST, 0.0, 0, 0.0)
    n_present = _n_present(tree.class_weight[leaf])
    if n_present > 1 and may_divide(nodes, leaf, rule[MAX_DEPTH]):
        split = best_split(
            tree.class_weight[leaf], tree.seen[0], tree.nominal, tree.stats[slot],
            tree.counts[slot], rule[GINI] > 0.0, rule[BINARY] > 0.0, rule[MIN_BRANCH],
        )  # fmt: skip
        span = 1.0 if rule[GINI] > 0.0 else np.log2(n_present)
        bound = span * np.sqrt(0.5 * rule[LOG_INVERSE_DELTA] / nodes.numbers[leaf, WEIGHT])
        sure = split.merit - split.second > bound or bound < rule[TIE]
        if split.feature >= 0 and sure:
            outcome = room_for(nodes, leaf, split.n_children)
    if outcome != STOPPED:
        examined(nodes, leaf)
    if outcome == DIVIDED:
        _hand_down(tree, split, slot, divide(nodes, leaf, split))
    return outcome


@jit
def _n_present(weight: Array) -> int:
    n = 0
    for c in range(weight.shape[0]):
        n += weight[c] > 0.0
    return n


@jit
def _hand_down(tree: Tree, split: Split, slot: int, first: int) -> None:
    """Give new leaves the class weights that the parent's pool row `slot` foretells them."""
    for child in range(first, first + split.n_children):
        for c in range(tree.class_weight.shape[1]):
            w = _weight_of_child(split, child - first, tree.stats[slot, c], tree.counts[slot, c])
            tree.class_weight[child, c] = w
            tree.nodes.numbers[child, WEIGHT] += w
        tree.nodes.numbers[child, CHECKED] = tree.nodes.numbers[child, WEIGHT]
    for child in range(first, first + split.n_children):
        fresh = tree.nodes.table[child, SLOT]
        if fresh >= 0:
            tree.base[fresh] = 0.0
            tree.simple[fresh] = 0
            tree.stats[fresh] = 0.0
            tree.counts[fresh] = 0.0


@jit
def _weight_of_child(split: Split, k: int, stats: Array, counts: Array) -> float:
    j = split.feature
    if split.kind == AT_MOST:
        inside = share_at_most(split.threshold, j, stats)
    elif split.kind == EQUAL:
        inside = counts[j, int(split.threshold)]
    else:
        return counts[j, k]
    return inside if k == 0 else max(stats[COUNT, j] - inside, 0.0)


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
        if not self.grace_period > 0:
            raise wrong("grace_period", self.grace_period, "a weight > 0")
        if not 0 < self.delta < 1:
            raise wrong("delta", self.delta, "a probability between 0 and 1")
        if not self.tie_threshold >= 0:
            raise wrong("tie_threshold", self.tie_threshold, "a number >= 0")
        if self.criterion not in _CRITERIA:
            raise wrong("criterion", self.criterion, f"one of {_CRITERIA}")
        if self.leaves not in _MODES:
            raise wrong("leaves", self.leaves, f"one of {tuple(_MODES)}")
        if not 0 <= self.min_branch_fraction < 0.5:
            raise wrong("min_branch_fraction", self.min_branch_fraction, "a share in [0, 0.5)")
        if self.max_depth is not None and not self.max_depth >= 0:
            raise wrong("max_depth", self.max_depth, "an integer >= 0, or None")
        if self.max_bytes is not None and not self.max_bytes > 0:
            raise wrong("max_bytes", self.max_bytes, "a number of bytes, or None")

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
        if self.is_started and schema is not self.schema_:
            n_values = max(schema.n_values, self._size("V"))
            sizes = {"F": schema.n_features, "V": 2 * n_values if n_values > self._size("V") else n_values}
            fit_in(self, self._promise, sizes, schema)
        super()._admit(schema)

    def _make_room(self, n_classes: int) -> None:
        """Nothing yet: the kernel asks for room when it comes to the row."""

    def _grow(self) -> None:
        due, self.header_[WANTED_CLASSES] = int(self.header_[WANTED_CLASSES]), 0
        if due == 0:
            grow(self, self._promise)
            return
        fit_in(self, self._promise, {"C": max(due, 2 * self._size("C"))})
        self._enlarge("C", max(due, 2 * self._size("C")))

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
