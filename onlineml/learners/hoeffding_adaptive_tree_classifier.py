"""Hoeffding tree that watches the errors below each node and grows alternatives where they rise."""

from __future__ import annotations

from onlineml.kernels import adwin, entry, lean
from onlineml.kernels.alternates import (
    N_SIZES,
    REPLACED,
    RESAMPLED,
    Slots,
    first_root,
    listed,
    note_division,
    note_error,
    reconsider,
)
from onlineml.kernels.arena import ANSWER, Array, Call, Field, f1, f2, i1, i2, opened, scratch
from onlineml.kernels.classification_tree import (
    CLASS_WEIGHT,
    N_SETTINGS,
    OTHERS,
    RANDOM,
    SEEN,
    UNKNOWN,
    answer_at,
    clear_pool_row,
    draw_features,
    examine,
    learn_at,
)
from onlineml.kernels.random import poisson
from onlineml.kernels.tree import (
    ALTERNATE,
    DIVIDED,
    FEATURE,
    HEADER,
    KEPT,
    LINKS_WITH_ALTERNATES,
    NEXT,
    SERVED,
    STOPPED,
    TABLE,
    WANTED_CLASSES,
    child_of,
    leaf_below,
    leaf_of,
)
from onlineml.learners.alternates import (
    alternates_settings,
    check_alternates,
    n_alternates_of,
)
from onlineml.learners.classification_trees import ClassificationTree, classification_fields
from onlineml.learners.tree_growth import check_examination

_WINDOWS = OTHERS  # slot after those of a classification tree


@entry
def _hoeffding_adaptive_tree_classifier(d: int) -> int:
    return _run_rows(d, opened(d), f1(d, 0))


@lean
def _run_rows(d: int, call: Call, rule: Array) -> int:
    """Serve and fit the rows of `call`; returns where it stopped for want of room, or the end."""
    header, seen, n_classes = i1(d, HEADER), i1(d, SEEN), f2(d, CLASS_WEIGHT).shape[1]
    for i in range(call.first, call.last):
        x, said, answer = call.X[i], UNKNOWN, UNKNOWN
        if call.serve and header[SERVED] == 0:
            said = answer_at(d, x, rule, leaf_of(d, x), call.out[i], call.serve)
            answer = int(call.out[i, 0])
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
                if outcome == DIVIDED:
                    answer = UNKNOWN
                _learn(d, x, c, w, rule, said, answer)
            seen[0] = max(seen[0], c + 1)
        header[SERVED] = 0
    return call.last


@lean
def _reshape(d: int, x: Array, rule: Array) -> int:
    """Whatever is due on the ways of `x`, before it is learned; a second try does the rest.

    Returns `STOPPED` for want of room, `DIVIDED` if answers may have changed, `KEPT` otherwise.
    """
    table, settings, slots = i2(d, TABLE), rule[N_SETTINGS:], Slots(_WINDOWS, CLASS_WEIGHT)
    result, root = KEPT, first_root(d)
    while root >= 0:
        node, head = root, int(table[root, NEXT])
        while table[node, FEATURE] >= 0:
            outcome = reconsider(d, node, settings, slots)
            if outcome == STOPPED:
                return STOPPED
            if outcome == DIVIDED:
                clear_pool_row(d, table[node, ALTERNATE])
            if outcome == REPLACED:
                result = DIVIDED
                continue
            head = listed(table, node, head)
            node = child_of(d, x, node)
        outcome = examine(d, rule, node)
        if outcome == STOPPED:
            return STOPPED
        if outcome == DIVIDED:
            note_division(d, node, slots)
            result = DIVIDED
        root = head
    return result


@lean
def _learn(d: int, x: Array, c: int, w: float, rule: Array, said: int, answer: int) -> None:
    """Let the leaves of the tree and of alternates that get `x` learn it, and judge their answers.

    `said` and `answer` are those of the tree, `UNKNOWN` if it was not asked.
    """
    settings, slots, spare = rule[N_SETTINGS:], Slots(_WINDOWS, CLASS_WEIGHT), scratch(d)[0]
    root = first_root(d)
    while root >= 0:
        leaf = leaf_below(d, x, root)
        if root > 0 or answer == UNKNOWN:
            said = answer_at(d, x, rule, leaf, spare, ANSWER)
            answer = int(spare[0])
        error = 0.0 if answer == c else 1.0
        root = note_error(d, leaf, root, error, settings, slots)
        times = max(poisson(i1(d, RANDOM), 0, 1.0), 1) if settings[RESAMPLED] > 0.0 else 1
        draw_features(d, rule, leaf)
        learn_at(d, x, c, w * times, rule, leaf, said)


class HoeffdingAdaptiveTreeClassifier(ClassificationTree):
    """Hoeffding adaptive tree (HAT): replaces branches whose errors rise.

    Every node has an adaptive window over the errors made below it. When their mean rises, an
    alternate subtree begins to grow beside the branch; once it is surely better it takes the
    branch's place, once it is surely worse it is given up. Time per event is O(depth), times
    the alternates on the way, plus what a leaf costs; memory is that of a Hoeffding tree and 1.3 kB
    a node, within `max_bytes`.

    Parameters
    ----------
    grace_period, delta, tie_threshold, criterion, leaves
        Of the tree, see `HoeffdingTreeClassifier`.
    binary_splits, min_branch_fraction, max_depth, max_features
        Of the tree, see `HoeffdingTreeClassifier`.
    drift_delta
        Confidence of the windows.
    judged_after
        Errors that a branch and its alternate must each have in their windows to be compared.
    bootstrap
        Whether a leaf learns each row Poisson(1) times, though at least once: trees differ more,
        and grow faster.
    seed
        Of the random numbers.
    max_bytes
        Bound of `nbytes`, by default 32 MiB; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `grace_period` > 0, 0 < `delta` < 1, `tie_threshold` >= 0,
        0 <= `min_branch_fraction` < 0.5, `max_depth` is None or a whole number >= 0,
        `max_bytes` > 0 or None, 0 < `drift_delta` < 1, `judged_after` is a whole number >= 1, and
        `criterion`, `leaves` and `max_features` are known to `HoeffdingTreeClassifier`. At any
        event whose features or classes leave no room within `max_bytes` for a single leaf.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import HoeffdingAdaptiveTreeClassifier
    >>> X = np.random.default_rng(1).random((8000, 2))
    >>> y = (X[:, 0] > 0.5) ^ (np.arange(8000) >= 4000)  # half way, all is turned round
    >>> model = HoeffdingAdaptiveTreeClassifier(seed=1).fit_many(X, y)
    >>> model.predict_one([0.9, 0.2])
    False

    Notes
    -----
    Departures from [1]_, the first three as in MOA:

    - Only a rise of the errors counts.
    - Alternates are judged at each row, with the bound of section 4.2 at confidence 0.05.
    - Resampling, of which [1]_ knows nothing, never leaves a row out.
    - An alternate begins, or takes its place, when the next row comes by, before that row is
      learned; so is a leaf divided. Its window then goes on.
    - A leaf's answer is that of `HoeffdingTreeClassifier`.

    References
    ----------
    .. [1] Bifet, Gavalda (2009), Adaptive learning from evolving data streams, IDA, 249-260.
       Section 4. doi:10.1007/978-3-642-03915-7_22
    """

    _kernel = _hoeffding_adaptive_tree_classifier
    _state = (
        *classification_fields(LINKS_WITH_ALTERNATES),
        Field("windows_", ("N", adwin.row_length(N_SIZES))),
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
        max_features: float | str | None = None,
        drift_delta: float = 0.002,
        judged_after: int = 300,
        bootstrap: bool = True,
        seed: int | None = None,
        max_bytes: int | None = 1 << 25,
    ) -> None:
        self.grace_period = grace_period
        self.delta = delta
        self.tie_threshold = tie_threshold
        self.criterion = criterion
        self.leaves = leaves
        self.binary_splits = binary_splits
        self.min_branch_fraction = min_branch_fraction
        self.max_depth = max_depth
        self.max_features = max_features
        self.drift_delta = drift_delta
        self.judged_after = judged_after
        self.bootstrap = bootstrap
        self.seed = seed
        self.max_bytes = max_bytes

    def _check(self) -> None:
        super()._check()
        check_examination(self)
        check_alternates(self)

    def _settings(self) -> tuple[float, ...]:
        return (*super()._settings(), *alternates_settings(self))

    @property
    def n_alternates(self) -> int:
        """Number of alternate subtrees that are growing."""
        return n_alternates_of(self)
