"""What all regression trees share: parameters, settings of the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.base import Array, Regressor
from onlineml.kernels.arena import Field, Ints
from onlineml.kernels.random import seeded
from onlineml.kernels.regression_tree import ADAPTIVE, COLUMNS, CONSTANT, LINEAR, Y_M2, Y_MEAN
from onlineml.kernels.target_observers import BLOCKS
from onlineml.kernels.tree import LINKS, WEIGHT
from onlineml.learners.some_features import check_max_features, n_looked_at
from onlineml.learners.tree_growth import check_examination, check_growth, tree_fields
from onlineml.learners.trees import Tree
from onlineml.schema import Schema, wrong

_MODES = {"mean": CONSTANT, "linear": LINEAR, "adaptive": ADAPTIVE}


def regression_fields(links: int = LINKS) -> tuple[Field, ...]:
    """The state that every regression tree has."""
    return (
        *tree_fields(COLUMNS, links),
        Field("nominal_", ("F",), np.int64),
        Field("features_", (4, "F")),
        Field("target_", (4, 1)),
        Field("slopes_", ("N", "F")),
        Field("filled_", ("L", "F"), np.int64),
        Field("bins_", ("L", "F", BLOCKS, "B")),
        Field("values_", ("L", "F", 3, "V")),
        Field("blind_", ("L", "F"), np.int64),
        Field("drawn_", ("L",), np.int64),
        Field("random_", (1,), np.int64),
    )


class RegressionTree(Tree, Regressor):
    """A regressor with the state of `regression_fields`."""

    grace_period: float
    delta: float
    tie_threshold: float
    leaves: str
    learning_rate: float
    fading: float
    n_bins: int
    binary_splits: bool
    min_branch_fraction: float
    max_depth: int | None
    max_features: float | str | None
    bootstrap: bool = False
    seed: int | None
    random_: Ints

    def _check(self) -> None:
        check_growth(self)
        check_examination(self)
        if self.leaves not in _MODES:
            raise wrong("leaves", self.leaves, f"one of {tuple(_MODES)}")
        if not self.learning_rate > 0:
            raise wrong("learning_rate", self.learning_rate, "a number > 0")
        if not 0 <= self.fading <= 1:
            raise wrong("fading", self.fading, "a factor in [0, 1]")
        if not self.n_bins >= 2:
            raise wrong("n_bins", self.n_bins, "an integer >= 2")
        check_max_features(self.max_features, may_be_none=True)

    def _sizes(self) -> dict[str, int]:
        return {"N": 1, "L": 1, "B": self.n_bins}

    def _settings(self) -> tuple[float, ...]:
        return (
            float(self.grace_period),
            float(-np.log(self.delta)),
            float(self.tie_threshold),
            float(self.min_branch_fraction),
            float(self.binary_splits),
            float(_MODES[self.leaves]),
            np.inf if self.max_depth is None else float(self.max_depth),
            float(self.learning_rate),
            float(self.fading),
            float(n_looked_at(self.max_features or 0, self.schema_.n_features)),
        )

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        if self.max_features is not None or self.bootstrap:
            self.random_[:] = seeded(self.seed, 1)

    def _promise(self, nodes: Any) -> Array:
        promise: Array = self.numbers_[nodes, Y_M2]
        return promise

    def _describe(self, leaf: int) -> str:
        mean, weight = self.numbers_[leaf, [Y_MEAN, WEIGHT]]
        return f"{mean:.6g} (mean of {weight:.0f})"
