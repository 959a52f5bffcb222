"""Decision tree that divides a leaf once the Hoeffding bound says which feature is best."""

from __future__ import annotations

from onlineml.kernels import entry
from onlineml.kernels.arena import f1, opened
from onlineml.kernels.classification_tree import run_rows
from onlineml.kernels.tree import AHEAD
from onlineml.learners.classification_trees import ClassificationTree, classification_fields
from onlineml.learners.tree_growth import check_examination


@entry
def _hoeffding_tree_classifier(d: int) -> int:
    return run_rows(d, opened(d), f1(d, 0))


class HoeffdingTreeClassifier(ClassificationTree):
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
    max_features
        Features that a leaf looks at, drawn at random when it first learns: a number, a share (a
        float), "sqrt" for round(sqrt(n_features)) + 1, or None for all.
    seed
        Of that draw.
    max_bytes
        Bound of `nbytes`, by default 32 MiB; None for none. When it is reached, the least promising
        leaves lose their observations (they then answer with the majority class and are not
        divided); when there is no room for nodes either, the tree stays as it is.

    Raises
    ------
    ValueError
        At the first event, unless `grace_period` > 0, 0 < `delta` < 1, `tie_threshold` >= 0,
        0 <= `min_branch_fraction` < 0.5, `max_depth` is None or a whole number >= 0,
        `max_bytes` > 0 or None, and `criterion`, `leaves` and `max_features` are among the above.
        At any event whose features or classes leave no room within `max_bytes` for a single leaf.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import HoeffdingTreeClassifier
    >>> X = np.random.default_rng(1).random((2000, 2))
    >>> model = HoeffdingTreeClassifier().fit_many(X, X[:, 0] > 0.5)
    >>> model.predict_one([0.9, 0.2]), model.n_leaves
    (True, 3)

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
    _state = classification_fields()

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
        self.seed = seed
        self.max_bytes = max_bytes

    def _check(self) -> None:
        super()._check()
        check_examination(self)

    def _n_scratch(self) -> int:
        return max(super()._n_scratch(), AHEAD)
