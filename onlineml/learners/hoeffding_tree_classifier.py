"""Decision tree that divides a leaf once the Hoeffding bound says which feature is best."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry
from onlineml.kernels.arena import Field, Ints, f1, opened
from onlineml.kernels.classification_tree import ADAPTIVE, BAYES, COLUMNS, MAJORITY, run_rows
from onlineml.kernels.observers import BLOCKS
from onlineml.kernels.random import seeded
from onlineml.kernels.tree import N_NODES, WANTED_CLASSES
from onlineml.learners.some_features import check_max_features, n_looked_at
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

_MODES = {"majority": MAJORITY, "nb": BAYES, "nba": ADAPTIVE}
_CRITERIA = ("info_gain", "gini")


@entry
def _hoeffding_tree_classifier(d: int) -> int:
    return run_rows(d, opened(d), f1(d, 0))


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
    max_features
        Features that a leaf looks at, drawn at random when it first learns: a number, a share (a
        float), "sqrt" for round(sqrt(n_features)) + 1, or None for all.
    seed
        Of that draw.
    max_bytes
        Bound of `nbytes`, by default 32 MiB; None for none. When it is reached, the least promising
        leaves lose their observations (they then answer with the majority class and are not
        divided); when there is no room for nodes either, the tree stays as it is.

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
    _state = (
        *tree_fields(COLUMNS),
        Field("seen_", (1,), np.int64),
        Field("nominal_", ("F",), np.int64),
        Field("n_values_", ("F",), np.int64),
        Field("class_weight_", ("N", "C")),
        Field("base_", ("L", "C")),
        Field("simple_", ("L", "C"), np.int64),
        Field("stats_", ("L", "C", BLOCKS, "F")),
        Field("counts_", ("L", "C", "F", "V")),
        Field("blind_", ("L", "F"), np.int64),
        Field("drawn_", ("L",), np.int64),
        Field("random_", (1,), np.int64),
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
        check_growth(self)
        if self.criterion not in _CRITERIA:
            raise wrong("criterion", self.criterion, f"one of {_CRITERIA}")
        if self.leaves not in _MODES:
            raise wrong("leaves", self.leaves, f"one of {tuple(_MODES)}")
        check_max_features(self.max_features, may_be_none=True)

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
            float(n_looked_at(self.max_features or 0, self.schema_.n_features)),
        )

    def _start(self, schema: Schema) -> None:
        plant(self)
        if self.max_features is not None:
            vars(self)["random_"][:] = seeded(self.seed, 1)
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
