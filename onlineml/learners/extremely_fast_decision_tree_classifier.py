"""Decision tree that divides a leaf as soon as that is better than not to, and thinks again."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, f4, i1, i2, opened
from onlineml.kernels.classification_tree import (
    BASE,
    BAYES_RIGHT,
    BINARY,
    BLIND,
    CLASS_WEIGHT,
    COUNTS,
    GINI,
    GRACE,
    MAJORITY_RIGHT,
    MAX_DEPTH,
    MIN_BRANCH,
    N_SETTINGS,
    N_VALUES,
    NOMINAL,
    OTHERS,
    SEEN,
    SIMPLE,
    STATS,
    TIE,
    UNKNOWN,
    answer_at,
    best_of,
    bound_at,
    hand_down,
    is_mixed,
    learn_at,
)
from onlineml.kernels.observers import best_split_by, observe, summarize
from onlineml.kernels.tree import (
    DIVIDED,
    FEATURE,
    HEADER,
    KEPT,
    NUMBERS,
    PARENT,
    SERVED,
    SLOT,
    STOPPED,
    TABLE,
    UNEXAMINED,
    WANTED_CLASSES,
    WEIGHT,
    Split,
    child_of,
    divide,
    fell,
    leaf_of,
    may_divide,
    room_for,
)
from onlineml.learners.classification_trees import ClassificationTree, classification_fields
from onlineml.learners.tree_growth import check_examination
from onlineml.schema import wrong

_REVISED = OTHERS  # slot after those of a classification tree: how often divisions were revised
_PERIOD = N_SETTINGS  # weight between two evaluations of an inner node


@entry
def _extremely_fast_decision_tree_classifier(d: int) -> int:
    return _run_rows(d, opened(d), f1(d, 0))


@lean
def _run_rows(d: int, call: Call, rule: Array) -> int:
    """Serve and fit the rows of `call`; returns where it stopped for want of room, or the end."""
    header, seen, n_classes = i1(d, HEADER), i1(d, SEEN), f2(d, CLASS_WEIGHT).shape[1]
    for i in range(call.first, call.last):
        x, said = call.X[i], UNKNOWN
        if call.serve and header[SERVED] == 0:
            said = answer_at(d, x, rule, leaf_of(d, x), call.out[i], call.serve)
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            outcome = KEPT
            if c >= n_classes:
                header[WANTED_CLASSES], outcome = c + 1, STOPPED
            elif w > 0.0:
                outcome = _reshape(d, x, rule)
            if outcome == STOPPED:  # the answer stands, whatever Python does to the tree
                header[SERVED] = call.serve > 0
                return i
            if w > 0.0:
                _learn(d, x, c, w, rule, UNKNOWN if outcome == DIVIDED else said)
            seen[0] = max(seen[0], c + 1)
        header[SERVED] = 0
    return call.last


@lean
def _reshape(d: int, x: Array, rule: Array) -> int:
    """Examine the nodes on the way of `x`, from the root down; a second try does the rest.

    Returns `STOPPED` for want of room, `DIVIDED` if anything was changed, `KEPT` otherwise.
    """
    table, result, node = i2(d, TABLE), KEPT, 0
    while table[node, FEATURE] >= 0:
        outcome = _reconsider(d, rule, node)
        if outcome == STOPPED:
            return STOPPED
        result = max(result, outcome)
        if table[node, FEATURE] >= 0:
            node = child_of(d, x, node)
    return max(result, _examine(d, rule, node))


@lean
def _examine(d: int, rule: Array, leaf: int) -> int:
    """Divide `leaf` if that is surely better than not to: KEPT, DIVIDED, or STOPPED for room."""
    own = f2(d, NUMBERS)[leaf]
    if own[UNEXAMINED] < rule[GRACE]:
        return KEPT
    outcome, split = KEPT, Split(0.0, -1, 0, 0.0, 0, 0.0)
    if is_mixed(d, leaf) and may_divide(d, leaf, rule[MAX_DEPTH]):
        split = best_of(d, rule, leaf)
        bound = bound_at(d, rule, leaf)
        if split.feature >= 0 and (split.merit > bound or bound < rule[TIE]):
            outcome = room_for(d, leaf, split.n_children, split.n_children)
    if outcome != STOPPED:
        own[UNEXAMINED] = 0.0
    if outcome == DIVIDED:
        hand_down(d, split, i2(d, TABLE)[leaf, SLOT], divide(d, leaf, split))
    return outcome


@lean
def _reconsider(d: int, rule: Array, node: int) -> int:
    """Divide an inner node otherwise, or no longer, if that is surely better."""
    own, table = f2(d, NUMBERS)[node], i2(d, TABLE)
    if own[UNEXAMINED] < rule[_PERIOD] or table[node, SLOT] < 0:
        return KEPT
    split, j = best_of(d, rule, node), table[node, FEATURE]
    gain = split.merit - _merit_by(d, rule, node, j)
    bound = bound_at(d, rule, node)
    sure = gain > bound or (bound < rule[TIE] and gain > 0.5 * rule[TIE])
    outcome = KEPT
    if sure and split.feature < 0:
        outcome = DIVIDED
    elif sure and split.feature != j:
        outcome = room_for(d, node, split.n_children, split.n_children)
    if outcome != STOPPED:
        own[UNEXAMINED] = 0.0
    if outcome == DIVIDED:
        fell(d, node)
        i1(d, _REVISED)[0] += 1
        if split.feature < 0:
            _become_leaf(d, node)
        else:
            hand_down(d, split, table[node, SLOT], divide(d, node, split))
    return outcome


@lean
def _merit_by(d: int, rule: Array, node: int, j: int) -> float:
    """Merit of the best division of `node` by feature `j`."""
    slot = i2(d, TABLE)[node, SLOT]
    return best_split_by(
        j, i1(d, SEEN)[0], i1(d, NOMINAL), f4(d, STATS)[slot], f4(d, COUNTS)[slot],
        rule[GINI] > 0.0, rule[BINARY] > 0.0, rule[MIN_BRANCH],
    ).merit  # fmt: skip


@lean
def _become_leaf(d: int, node: int) -> None:
    """Let an inner node answer again by what it has observed."""
    own, weight, slot = f2(d, NUMBERS)[node], f2(d, CLASS_WEIGHT)[node], i2(d, TABLE)[node, SLOT]
    own[MAJORITY_RIGHT], own[BAYES_RIGHT] = 0.0, 0.0
    base, simple = f2(d, BASE)[slot], i2(d, SIMPLE)[slot]
    for c in range(weight.shape[0]):
        base[c], simple[c] = summarize(
            weight[c], i1(d, NOMINAL), i2(d, BLIND)[slot], f4(d, STATS)[slot, c]
        )


@lean
def _learn(d: int, x: Array, c: int, w: float, rule: Array, said: int) -> None:
    """Let every node on the way of `x` observe it, and the leaf learn it."""
    table, leaf = i2(d, TABLE), leaf_of(d, x)
    learn_at(d, x, c, w, rule, leaf, said)
    node = table[leaf, PARENT]
    while node >= 0:
        own, slot = f2(d, NUMBERS)[node], table[node, SLOT]
        f2(d, CLASS_WEIGHT)[node, c] += w
        own[WEIGHT] += w
        own[UNEXAMINED] += w
        if slot >= 0:
            observe(
                x, w, i1(d, NOMINAL), i1(d, N_VALUES), i2(d, BLIND)[slot], f4(d, STATS)[slot, c],
                f4(d, COUNTS)[slot, c],
            )  # fmt: skip
        node = table[node, PARENT]


class ExtremelyFastDecisionTreeClassifier(ClassificationTree):
    """Extremely fast decision tree (EFDT): divides leaves early, and inner nodes anew.

    Also known as Hoeffding anytime tree. A leaf is divided as soon as its best division is surely
    better than none, not only when it is surely better than the second best. Inner nodes go on
    observing: where another feature turns out to be surely better than the one that divides a node,
    the node is divided by it and what was below begins anew. Time per event is O(depth *
    (n_features + what a leaf costs)); memory is O(n_nodes * n_classes * n_features), within
    `max_bytes`.

    Parameters
    ----------
    grace_period
        Weight that a leaf sees between examinations.
    reevaluation_period
        Weight that an inner node sees between examinations.
    delta
        Allowed probability that a change is not for the better.
    tie_threshold
        Bound, in units of the criterion, below which a leaf is divided by whatever is best, and an
        inner node is divided otherwise if half the threshold is gained.
    criterion, leaves, binary_splits, min_branch_fraction, max_depth
        Of the tree, see `HoeffdingTreeClassifier`.
    max_bytes
        Bound of `nbytes`, by default 32 MiB; None for none. When it is reached, the least promising
        nodes lose their observations: leaves then answer with the majority class and are not
        divided, inner nodes stay as they are.

    Raises
    ------
    ValueError
        At the first event, unless `grace_period` > 0, `reevaluation_period` > 0, 0 < `delta` < 1,
        `tie_threshold` >= 0, 0 <= `min_branch_fraction` < 0.5, `max_depth` is None or a whole
        number >= 0, `max_bytes` > 0 or None, and `criterion` and `leaves` are known to
        `HoeffdingTreeClassifier`. At any event whose features or classes leave no room within
        `max_bytes` for a single leaf.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import ExtremelyFastDecisionTreeClassifier
    >>> X = np.random.default_rng(1).random((2000, 2))
    >>> model = ExtremelyFastDecisionTreeClassifier().fit_many(X, X[:, 0] > 0.5)
    >>> model.predict_one([0.9, 0.2]), model.n_leaves
    (True, 3)

    Notes
    -----
    Departures from [1]_:

    - For numeric features, a node that would be divided by the same feature at another threshold
      stays as it is.
    - Ties, as in MOA.
    - Nodes are examined when the next row reaches them, before that row is learned.
    - What a leaf answers, and how missing values are treated, is as in `HoeffdingTreeClassifier`.

    References
    ----------
    .. [1] Manapragada, Webb, Salehi (2018), Extremely fast decision tree, KDD, 1953-1962.
       Algorithms 1-3. doi:10.1145/3219819.3220005
    """

    _kernel = _extremely_fast_decision_tree_classifier
    _state = (*classification_fields(), Field("revised_", (1,), np.int64))

    revised_: Ints

    def __init__(
        self,
        *,
        grace_period: float = 200,
        reevaluation_period: float = 200,
        delta: float = 1e-7,
        tie_threshold: float = 0.05,
        criterion: str = "info_gain",
        leaves: str = "nba",
        binary_splits: bool = False,
        min_branch_fraction: float = 0.01,
        max_depth: int | None = None,
        max_bytes: int | None = 1 << 25,
    ) -> None:
        self.grace_period = grace_period
        self.reevaluation_period = reevaluation_period
        self.delta = delta
        self.tie_threshold = tie_threshold
        self.criterion = criterion
        self.leaves = leaves
        self.binary_splits = binary_splits
        self.min_branch_fraction = min_branch_fraction
        self.max_depth = max_depth
        self.max_bytes = max_bytes

    def _check(self) -> None:
        super()._check()
        check_examination(self)
        if not self.reevaluation_period > 0:
            raise wrong("reevaluation_period", self.reevaluation_period, "a weight > 0")

    def _settings(self) -> tuple[float, ...]:
        return (*super()._settings(), float(self.reevaluation_period))

    @property
    def n_revised(self) -> int:
        """How often a node was divided otherwise, or no longer."""
        return int(self.revised_[0]) if self.is_started else 0
