"""What all classification trees share: parameters, settings of the kernel, room for classes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels.arena import Field, Ints
from onlineml.kernels.classification_tree import ADAPTIVE, BAYES, COLUMNS, MAJORITY
from onlineml.kernels.observers import BLOCKS
from onlineml.kernels.random import seeded
from onlineml.kernels.tree import LINKS, WANTED_CLASSES
from onlineml.learners.some_features import check_max_features, n_looked_at
from onlineml.learners.tree_growth import check_growth, check_room, grow_axis, tree_fields
from onlineml.learners.trees import Tree
from onlineml.schema import Schema, wrong

_MODES = {"majority": MAJORITY, "nb": BAYES, "nba": ADAPTIVE}
_CRITERIA = ("info_gain", "gini")


def classification_fields(links: int = LINKS) -> tuple[Field, ...]:
    """The state that every classification tree has."""
    return (
        *tree_fields(COLUMNS, links),
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


class ClassificationTree(Tree, Classifier):
    """A classifier with the state of `classification_fields`."""

    criterion: str
    leaves: str
    binary_splits: bool
    min_branch_fraction: float
    max_depth: int | None
    max_features: float | str | None = None
    bootstrap: bool = False
    seed: int | None
    random_: Ints
    class_weight_: Array

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
            *self._when_to_divide(),
            float(self.min_branch_fraction),
            float(self.criterion == "gini"),
            float(self.binary_splits),
            float(_MODES[self.leaves]),
            np.inf if self.max_depth is None else float(self.max_depth),
            float(n_looked_at(self.max_features or 0, self.schema_.n_features)),
        )

    def _when_to_divide(self) -> tuple[float, float, float]:
        """Grace period, log(1 / delta), tie threshold."""
        tree: Any = self
        return float(tree.grace_period), float(-np.log(tree.delta)), float(tree.tie_threshold)

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        if self.max_features is not None or self.bootstrap:
            self.random_[:] = seeded(self.seed, 1)

    def _admit_targets(self, news: list[Hashable]) -> None:
        check_room(self, {"C": len(news)})
        super()._admit_targets(news)

    def _make_room(self, n_classes: int) -> None:
        """Nothing yet: the kernel asks for room when it comes to the row."""

    def _grow(self) -> None:
        due, self.header_[WANTED_CLASSES] = int(self.header_[WANTED_CLASSES]), 0
        if due == 0:
            super()._grow()
            return
        grow_axis(self, self._promise, "C", due)

    def _promise(self, nodes: Any) -> Array:
        weight = self.class_weight_[nodes]
        promise: Array = weight.sum(axis=1) - weight.max(axis=1)
        return promise

    def _describe(self, leaf: int) -> str:
        weight = self.class_weight_[leaf, : len(self.classes_)]
        if not weight.sum() > 0:
            return "nothing seen"
        best = int(weight.argmax())
        return f"{self.classes_[best]!r} ({weight[best] / weight.sum():.3f} of {weight.sum():.0f})"
