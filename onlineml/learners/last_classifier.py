"""Decision tree that divides a leaf when its errors rise, not at fixed intervals."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import adwin, entry, lean
from onlineml.kernels.arena import ANSWER, Array, Call, Field, f1, f2, i1, i2, opened, scratch
from onlineml.kernels.classification_tree import (
    CLASS_WEIGHT,
    GINI,
    N_SETTINGS,
    OTHERS,
    SEEN,
    UNKNOWN,
    answer_at,
    examine,
    learn_at,
)
from onlineml.kernels.observers import impurity
from onlineml.kernels.tree import (
    CHILD,
    DIVIDED,
    HEADER,
    KEPT,
    N_CHILDREN,
    SERVED,
    SLOT,
    STOPPED,
    TABLE,
    WANTED_CLASSES,
    leaf_of,
)
from onlineml.learners.classification_trees import ClassificationTree, classification_fields
from onlineml.learners.members import window_rule
from onlineml.schema import wrong

# Slots after those of a classification tree: a window (L, ...) over what is watched, and whether
# the leaf is due to be divided, (L,).
_WINDOWS, _DUE = OTHERS, OTHERS + 1
_WATCHES_ERRORS, _WINDOW = N_SETTINGS, N_SETTINGS + 1  # settings after those of every tree
_WATCHED = ("errors", "impurity")
_N_SIZES = 12  # sizes of bucket in a window: up to 20,000 errors


@entry
def _last_classifier(d: int) -> int:
    return _run_rows(d, opened(d), f1(d, 0))


@lean
def _run_rows(d: int, call: Call, rule: Array) -> int:
    """Serve and fit the rows of `call`; returns where it stopped for want of room, or the end."""
    header, seen, n_classes = i1(d, HEADER), i1(d, SEEN), f2(d, CLASS_WEIGHT).shape[1]
    for i in range(call.first, call.last):
        x = call.X[i]
        leaf, said, answer = leaf_of(d, x), UNKNOWN, UNKNOWN
        if call.serve and header[SERVED] == 0:
            said = answer_at(d, x, rule, leaf, call.out[i], call.serve)
            answer = int(call.out[i, 0])
        if call.fit:
            c, w = int(call.y[i]), call.weight[i]
            outcome = KEPT
            if c >= n_classes:
                header[WANTED_CLASSES], outcome = c + 1, STOPPED
            elif w > 0.0:
                outcome = _divide_if_due(d, rule, leaf)
            if outcome == STOPPED:  # the answer stands, whatever Python does to the tree
                header[SERVED] = call.serve > 0
                return i
            if outcome == DIVIDED:
                leaf, said, answer = leaf_of(d, x), UNKNOWN, UNKNOWN
            if w > 0.0:
                _learn(d, x, c, w, rule, leaf, said, answer)
            seen[0] = max(seen[0], c + 1)
        header[SERVED] = 0
    return call.last


@lean
def _divide_if_due(d: int, rule: Array, leaf: int) -> int:
    """Divide `leaf` if what is watched rose: KEPT, DIVIDED, or STOPPED for room."""
    table, due, slot = i2(d, TABLE), i1(d, _DUE), i2(d, TABLE)[leaf, SLOT]
    if slot < 0 or due[slot] == 0:
        return KEPT
    outcome = examine(d, rule, leaf)
    if outcome == STOPPED:
        return outcome
    due[slot] = 0
    for child in range(table[leaf, CHILD], table[leaf, CHILD] + table[leaf, N_CHILDREN]):
        fresh = table[child, SLOT]
        if fresh >= 0:
            due[fresh] = 0
            adwin.restart(f2(d, _WINDOWS)[fresh])
    return outcome


@lean
def _learn(
    d: int, x: Array, c: int, w: float, rule: Array, leaf: int, said: int, answer: int
) -> None:
    """Learn a row in `leaf`, and tell its window whether the answer was wrong, or its impurity.

    `said` and `answer` are those of the leaf, `UNKNOWN` if it was not asked.
    """
    watches_errors, slot = rule[_WATCHES_ERRORS] > 0.0, i2(d, TABLE)[leaf, SLOT]
    if watches_errors and answer == UNKNOWN:
        spare = scratch(d)[0]
        said = answer_at(d, x, rule, leaf, spare, ANSWER)
        answer = int(spare[0])
    learn_at(d, x, c, w, rule, leaf, said)
    if slot < 0:
        return
    value = 0.0 if answer == c else 1.0
    if not watches_errors:
        value = impurity(f2(d, CLASS_WEIGHT)[leaf], rule[GINI] > 0.0)
    if adwin.update(f2(d, _WINDOWS)[slot], rule[_WINDOW:], value) > 0:
        i1(d, _DUE)[slot] = 1


class LASTClassifier(ClassificationTree):
    """Local adaptive streaming tree (LAST): a leaf is divided when its own errors rise.

    Every leaf has an adaptive window over the errors of its answers, or over the impurity of its
    classes. When the mean rises, the leaf is divided by the best feature, if that gains anything:
    there is no grace period, no bound and no tie threshold to choose. Time per event is
    O(depth + n_classes * n_features); memory is that of a Hoeffding tree and 1.3 kB a leaf, within
    `max_bytes`.

    Parameters
    ----------
    drift_delta
        Confidence of the windows: the larger, the sooner leaves are divided.
    watched
        "errors" of a leaf's answers, or the "impurity" of its classes by the criterion.
    criterion, leaves, binary_splits, min_branch_fraction, max_depth
        Of the tree, see `HoeffdingTreeClassifier`.
    max_bytes
        Bound of `nbytes`, by default 32 MiB; None for none. When it is reached, the least promising
        leaves lose their observations and windows (they then answer with the majority class and are
        not divided); when there is no room for nodes either, the tree stays as it is.

    Raises
    ------
    ValueError
        At the first event, unless 0 < `drift_delta` < 1, 0 <= `min_branch_fraction` < 0.5,
        `max_depth` is None or a whole number >= 0, `max_bytes` > 0 or None, `watched` is "errors"
        or "impurity", and `criterion` and `leaves` are known to `HoeffdingTreeClassifier`. At any
        event whose features or classes leave no room within `max_bytes` for a single leaf.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import LASTClassifier
    >>> X = np.random.default_rng(1).random((3000, 2))
    >>> y = (X[:, 0] > 0.5) ^ ((X[:, 1] > 0.5) & (np.arange(3000) >= 1000))
    >>> model = LASTClassifier().fit_many(X, y)  # a single leaf was good enough until row 1000
    >>> model.n_leaves > 1
    True

    Notes
    -----
    Departures: a leaf whose window was cut is divided when the next row reaches it, before that row
    is learned; the detector is ADWIN, which [1]_ leaves to the user. As in MOA, only a rise counts,
    and a leaf that no division improves is kept until there is another.

    References
    ----------
    .. [1] Nowak Assis, Barddal, Enembreck (2024), Just change on change: adaptive splitting time
       for decision trees in data stream classification, SAC, 369-377.
    """

    _kernel = _last_classifier
    _state = (
        *classification_fields(),
        Field("windows_", ("L", adwin.row_length(_N_SIZES))),
        Field("due_", ("L",), np.int64),
    )

    def __init__(
        self,
        *,
        drift_delta: float = 0.002,
        watched: str = "errors",
        criterion: str = "info_gain",
        leaves: str = "nba",
        binary_splits: bool = False,
        min_branch_fraction: float = 0.01,
        max_depth: int | None = None,
        max_bytes: int | None = 1 << 25,
    ) -> None:
        self.drift_delta = drift_delta
        self.watched = watched
        self.criterion = criterion
        self.leaves = leaves
        self.binary_splits = binary_splits
        self.min_branch_fraction = min_branch_fraction
        self.max_depth = max_depth
        self.max_bytes = max_bytes

    def _check(self) -> None:
        super()._check()
        if not 0 < self.drift_delta < 1:
            raise wrong("drift_delta", self.drift_delta, "a number between 0 and 1")
        if self.watched not in _WATCHED:
            raise wrong("watched", self.watched, f"one of {_WATCHED}")

    def _when_to_divide(self) -> tuple[float, float, float]:
        return 0.0, 0.0, np.inf  # whenever due, by whatever is best

    def _settings(self) -> tuple[float, ...]:
        watches = float(self.watched == "errors")
        return (*super()._settings(), watches, *window_rule(float(self.drift_delta)).tolist())
