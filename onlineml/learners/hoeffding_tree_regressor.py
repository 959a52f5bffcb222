"""Regression tree that divides a leaf once the Hoeffding bound says which feature is best."""

from __future__ import annotations

from onlineml.kernels import entry
from onlineml.kernels.arena import f1, opened
from onlineml.kernels.regression_tree import run_rows
from onlineml.learners.regression_trees import RegressionTree, regression_fields


@entry
def _hoeffding_tree_regressor(d: int) -> int:
    return run_rows(d, opened(d), f1(d, 0))


class HoeffdingTreeRegressor(RegressionTree):
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
    max_features
        Features that a leaf may be divided by, drawn at random when it first learns: a number, a
        share (a float), "sqrt" for round(sqrt(n_features)) + 1, or None for all. Linear models see
        all features.
    seed
        Of that draw.
    max_bytes
        Bound of `nbytes`, by default 32 MiB; None for none. When it is reached, the leaves with the
        smallest squared deviation lose their observations (they answer and learn, but are not
        divided); when there is no room for nodes either, the tree stays as it is.

    Raises
    ------
    ValueError
        At the first event, unless `grace_period` > 0, 0 < `delta` < 1, `tie_threshold` >= 0,
        `learning_rate` > 0, `fading` lies in [0, 1], `n_bins` is a whole number >= 2,
        0 <= `min_branch_fraction` < 0.5, `max_depth` is None or a whole number >= 0,
        `max_bytes` > 0 or None, and `leaves` and `max_features` are among the above. At any event
        whose features leave no room within `max_bytes` for a single leaf.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import HoeffdingTreeRegressor
    >>> X = np.random.default_rng(1).random((2000, 2))
    >>> model = HoeffdingTreeRegressor(leaves="mean").fit_many(X, (X[:, 0] > 0.5) * 8.0)
    >>> round(model.predict_one([0.9, 0.2])), model.n_leaves
    (8, 3)

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
    _state = regression_fields()

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
        self.seed = seed
        self.max_bytes = max_bytes
