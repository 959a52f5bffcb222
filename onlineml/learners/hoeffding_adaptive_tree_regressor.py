"""Model tree that watches the errors below each node and grows alternatives where they rise."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import adwin, entry, faded_moments, lean
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
from onlineml.kernels.arena import Array, Call, Field, f1, f2, i1, i2, opened
from onlineml.kernels.random import poisson
from onlineml.kernels.regression_tree import (
    N_SETTINGS,
    OTHERS,
    RANDOM,
    SLOPES,
    answer_at,
    clear_pool_row,
    examine,
    learn_at,
    line_at,
    note_row,
)
from onlineml.kernels.tree import (
    ALTERNATE,
    DIVIDED,
    FEATURE,
    HEADER,
    LINKS_WITH_ALTERNATES,
    NEXT,
    SERVED,
    STOPPED,
    TABLE,
    child_of,
    leaf_below,
    leaf_of,
)
from onlineml.learners.alternates import (
    alternates_settings,
    check_alternates,
    n_alternates_of,
)
from onlineml.learners.regression_trees import RegressionTree, regression_fields

_WINDOWS, _SCALE = OTHERS, OTHERS + 1  # slots after those of a regression tree
_WORST = 3.0  # deviations of the target of late that count as an error of 1
_LEAST, _CLIP = 1e-3, 5.0  # of these moments: share of a row, deviations at which it is cut


@entry
def _hoeffding_adaptive_tree_regressor(d: int) -> int:
    return _run_rows(d, opened(d), f1(d, 0))


@lean
def _run_rows(d: int, call: Call, rule: Array) -> int:
    """Serve and fit the rows of `call`; returns where it stopped for want of room, or the end."""
    header, scale = i1(d, HEADER), f2(d, _SCALE)
    for i in range(call.first, call.last):
        x, y, w = call.X[i], call.y[i], call.weight[i]
        if call.serve and header[SERVED] == 0:
            leaf = leaf_of(d, x)
            call.out[i, 0] = answer_at(d, rule, leaf, line_at(d, x, leaf))
        if call.fit and w > 0.0:
            if _reshape(d, x, rule) == STOPPED:  # the answer stands, whatever Python does
                header[SERVED] = call.serve > 0
                return i
            _learn(d, x, y, w, rule)
            note_row(d, x, y, w, rule)
            target = call.y[i : i + 1]
            faded_moments.learn(target, w, _LEAST, _CLIP, scale[0], scale[1], scale[2])
        header[SERVED] = 0
    return call.last


@lean
def _reshape(d: int, x: Array, rule: Array) -> int:
    """Whatever is due on the ways of `x`, before it is learned; a second try does the rest.

    Returns `STOPPED` for want of room.
    """
    table, settings, slots = i2(d, TABLE), rule[N_SETTINGS:], Slots(_WINDOWS, SLOPES)
    root = first_root(d)
    while root >= 0:
        node, head = root, int(table[root, NEXT])
        while table[node, FEATURE] >= 0:
            outcome = reconsider(d, node, settings, slots)
            if outcome == STOPPED:
                return STOPPED
            if outcome == REPLACED:
                continue
            if outcome == DIVIDED:
                clear_pool_row(d, table[node, ALTERNATE])
            head = listed(table, node, head)
            node = child_of(d, x, node)
        outcome = examine(d, rule, node)
        if outcome == STOPPED:
            return STOPPED
        if outcome == DIVIDED:
            note_division(d, node, slots)
        root = head
    return DIVIDED


@lean
def _learn(d: int, x: Array, y: float, w: float, rule: Array) -> None:
    """Let the leaves of tree and alternates that get `x` learn it, and judge their answers."""
    settings, slots = rule[N_SETTINGS:], Slots(_WINDOWS, SLOPES)
    worst = _WORST * np.sqrt(f2(d, _SCALE)[2, 0])
    root = first_root(d)
    while root >= 0:
        leaf = leaf_below(d, x, root)
        line = line_at(d, x, leaf)
        error = 0.0
        if worst > 0.0:
            error = min(abs(y - answer_at(d, rule, leaf, line)) / worst, 1.0)
        root = note_error(d, leaf, root, error, settings, slots)
        times = max(poisson(i1(d, RANDOM), 0, 1.0), 1) if settings[RESAMPLED] > 0.0 else 1
        learn_at(d, x, y, w * times, rule, leaf, line)


class HoeffdingAdaptiveTreeRegressor(RegressionTree):
    """Hoeffding adaptive tree for numbers: replaces branches whose errors rise.

    A `HoeffdingTreeRegressor` in which every node has an adaptive window over the absolute errors
    made below it. When their mean rises, an alternate subtree begins to grow beside the branch;
    once it is surely better it takes the branch's place, once it is surely worse it is given up.
    Time per event is that of the plain tree, times the alternates on the way, plus O(depth); memory
    is that of the plain tree and 1.3 kB a node, within `max_bytes`.

    Parameters
    ----------
    grace_period, delta, tie_threshold, leaves, learning_rate, fading, n_bins
        Of the tree, see `HoeffdingTreeRegressor`.
    binary_splits, min_branch_fraction, max_depth, max_features
        Of the tree, see `HoeffdingTreeRegressor`.
    drift_delta
        Confidence of the windows.
    judged_after
        Errors that a branch and its alternate must each have in their windows to be compared.
    bootstrap
        Whether a leaf learns each row Poisson(1) times, though at least once.
    seed
        Of the random numbers.
    max_bytes
        Bound of `nbytes`, by default 32 MiB; None for none.

    Raises
    ------
    ValueError
        At the first event, unless `grace_period` > 0, 0 < `delta` < 1, `tie_threshold` >= 0,
        `learning_rate` > 0, `fading` lies in [0, 1], `n_bins` is a whole number >= 2,
        0 <= `min_branch_fraction` < 0.5, `max_depth` is None or a whole number >= 0,
        `max_bytes` > 0 or None, 0 < `drift_delta` < 1, `judged_after` is a whole number >= 1, and
        `leaves` and `max_features` are known to `HoeffdingTreeRegressor`. At any event whose
        features leave no room within `max_bytes` for a single leaf.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import HoeffdingAdaptiveTreeRegressor
    >>> X = np.random.default_rng(1).random((8000, 2))
    >>> y = 8.0 * ((X[:, 0] > 0.5) ^ (np.arange(8000) >= 4000))  # half way, all is turned round
    >>> model = HoeffdingAdaptiveTreeRegressor(leaves="mean", seed=1).fit_many(X, y)
    >>> round(model.predict_one([0.9, 0.2]))
    0

    Notes
    -----
    What [1]_ does for classes, on the regression tree of this package. Its own choices:

    - Errors are measured by the deviation of the target, a mean over the last thousand rows or so
      that far values hardly move; three deviations and more count as 1.
    - A branch and its alternate are compared with the bound of section 4.2, where the variance of
      the branch's errors stands for that of errors that are 0 or 1.
    - The other departures are those of `HoeffdingAdaptiveTreeClassifier`.

    References
    ----------
    .. [1] Bifet, Gavalda (2009), Adaptive learning from evolving data streams, IDA, 249-260.
       Section 4. doi:10.1007/978-3-642-03915-7_22
    """

    _kernel = _hoeffding_adaptive_tree_regressor
    _state = (
        *regression_fields(LINKS_WITH_ALTERNATES),
        Field("windows_", ("N", adwin.row_length(N_SIZES))),
        Field("scale_", (3, 1)),
    )

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
        self.leaves = leaves
        self.learning_rate = learning_rate
        self.fading = fading
        self.n_bins = n_bins
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
        check_alternates(self)

    def _settings(self) -> tuple[float, ...]:
        return (*super()._settings(), *alternates_settings(self))

    @property
    def n_alternates(self) -> int:
        """Number of alternate subtrees that are growing."""
        return n_alternates_of(self)
