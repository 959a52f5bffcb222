"""Hoeffding tree that watches the errors below each node and grows alternatives where they rise."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import adwin, entry
from onlineml.kernels.adaptive_tree import N_SIZES, ROOT, run_rows
from onlineml.kernels.arena import Field, Ints, f1, opened
from onlineml.kernels.random import seeded
from onlineml.kernels.tree import (
    CHILD,
    FEATURE,
    N_CHILDREN,
    N_NODES,
    PARENT,
    WANTED,
    WANTED_CLASSES,
)
from onlineml.learners.hoeffding_tree_classifier import HoeffdingTreeClassifier
from onlineml.learners.members import window_rule
from onlineml.learners.tree_growth import (
    admit,
    check_budget,
    check_room,
    grow,
    grow_axis,
    plant,
    text_of,
)
from onlineml.schema import Schema, wrong

_WALKS = 64  # alternates of alternates that one row may reach
_JUDGES_DELTA = 0.05


@entry
def _hoeffding_adaptive_tree_classifier(d: int) -> int:
    return run_rows(d, opened(d), f1(d, 0))


class HoeffdingAdaptiveTreeClassifier(Classifier):
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
        Whether a leaf learns each row Poisson(1) times, as bagging would.
    seed
        Of the random numbers.
    max_bytes
        Bound of `nbytes`, by default 32 MiB; None for none.

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
    Departures from [1]_ as in MOA: only a rise of the errors counts, alternates are judged at each
    row with the bound of section 4.2 at confidence 0.05, a leaf's answer is that of
    `HoeffdingTreeClassifier`. An alternate begins when the next row comes by, as a leaf is divided.

    References
    ----------
    .. [1] Bifet, Gavalda (2009), Adaptive learning from evolving data streams, IDA, 249-260.
       Section 4. doi:10.1007/978-3-642-03915-7_22
    """

    _kernel = _hoeffding_adaptive_tree_classifier
    _state = (
        *HoeffdingTreeClassifier._state,
        Field("alternates_", ("N", 2), np.int64),
        Field("errors_", ("N", adwin.row_length(N_SIZES))),
        Field("rubbish_", (1,), np.int64),
        Field("walks_", (_WALKS,), np.int64),
        Field("resampling_", (1,), np.int64),
    )

    header_: Ints
    table_: Ints
    alternates_: Ints
    rubbish_: Ints
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

    def _plain(self) -> HoeffdingTreeClassifier:
        """The tree without its windows: it knows which parameters can be used, and how."""
        names = HoeffdingTreeClassifier._parameter_names()
        return HoeffdingTreeClassifier(**{name: getattr(self, name) for name in names})

    def _check(self) -> None:
        self._plain()._check()
        if not 0 < self.drift_delta < 1:
            raise wrong("drift_delta", self.drift_delta, "a number between 0 and 1")
        if not self.judged_after >= 1:
            raise wrong("judged_after", self.judged_after, "a number of errors >= 1")

    def _sizes(self) -> dict[str, int]:
        return {"N": 1, "L": 1}

    def _settings(self) -> tuple[float, ...]:
        plain = self._plain()
        plain.schema_ = self.schema_
        judges = (float(self.judged_after), float(np.log(2.0 / _JUDGES_DELTA)))
        windows = window_rule(float(self.drift_delta)).tolist()
        return (*plain._settings(), *judges, float(self.bootstrap), *windows)

    def _start(self, schema: Schema) -> None:
        plant(self)
        vars(self)["random_"][:], vars(self)["resampling_"][:] = (
            seeded(self.seed, 2)[k] for k in (0, 1)
        )
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
        if due:
            grow_axis(self, self._promise, "C", due)
        elif self.rubbish_[0] > self.header_[N_NODES] // 8:
            self.header_[WANTED] = 0
            self._tidy_up()
        else:
            grow(self, self._promise)

    def _promise(self, leaves: Any) -> Array:
        weight = self.class_weight_[leaves]
        promise: Array = weight.sum(axis=1) - weight.max(axis=1)
        return promise

    def _tidy_up(self) -> None:
        """Throw out nodes that nothing leads to any more."""
        order = self._reachable(alternates=True)
        place = np.full(len(self.table_), -1)
        place[order] = np.arange(len(order))
        for field in self._state:
            if field.axes[0] == "N":
                old = getattr(self, field.name)
                new = np.zeros_like(old)
                new[: len(order)] = old[order]
                setattr(self, field.name, new)
        rows = self.table_[: len(order)]
        for column in (CHILD, PARENT):
            known = rows[:, column] >= 0
            rows[known, column] = place[rows[known, column]]
        roots = self.alternates_[: len(order), ROOT]
        roots[roots > 0] = place[roots[roots > 0] - 1] + 1
        self.header_[N_NODES], self.rubbish_[0] = len(order), 0
        self._forget_caches()

    def _reachable(self, *, alternates: bool) -> list[int]:
        """Nodes from the root down, children of one node side by side."""
        order = [0]
        for node in order:  # grows as it is walked
            row = self.table_[node]
            if row[FEATURE] >= 0:
                order.extend(range(row[CHILD], row[CHILD] + row[N_CHILDREN]))
            if alternates and self.alternates_[node, ROOT] > 0:
                order.append(int(self.alternates_[node, ROOT]) - 1)
        return order

    @property
    def n_nodes(self) -> int:
        """Number of nodes, leaves included, alternates not; 0 before any data."""
        return len(self._reachable(alternates=False)) if self.is_started else 0

    @property
    def n_leaves(self) -> int:
        """Number of leaves, without those of alternates."""
        nodes = self._reachable(alternates=False) if self.is_started else []
        return sum(self.table_[node, FEATURE] < 0 for node in nodes)

    @property
    def n_alternates(self) -> int:
        """Number of alternate subtrees that are growing."""
        return int((self.alternates_[:, ROOT] > 0).sum()) if self.is_started else 0

    def to_text(self) -> str:
        """The tree as text, one line a node, without alternates."""
        return text_of(self, self._describe) if self.is_started else ""

    def _describe(self, leaf: int) -> str:
        weight = self.class_weight_[leaf, : len(self.classes_)]
        if not weight.sum() > 0:
            return "nothing seen"
        best = int(weight.argmax())
        return f"{self.classes_[best]!r} ({weight[best] / weight.sum():.3f} of {weight.sum():.0f})"
