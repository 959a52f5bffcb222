"""RandomTree: classes by a random decision tree over nominal and numeric features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.generators.generator import (
    Generator,
    integers,
    model_draws,
    numbered,
    share,
)
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, below, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema, wrong

_MOST_NODES = 1_000_000


@jit
def _write(
    state: Ints, feature: Ints, threshold: Array, child: Ints, n_nominal: int, n_values: int,
    X: Array, y: Ints,
) -> None:  # fmt: skip
    for i in range(len(X)):
        for j in range(X.shape[1]):
            X[i, j] = float(below(state, 0, n_values)) if j < n_nominal else uniform(state, 0)
        node = 0
        while feature[node] >= 0:
            j = feature[node]
            value = X[i, j]
            branch = int(value) if j < n_nominal else int(value >= threshold[node])
            node = child[node] + branch
        y[i] = child[node]


class _Growth:
    """The nodes of a random tree; `child` is the first child of a split and the class of a leaf."""

    def __init__(self, stream: RandomTree) -> None:
        self.stream = stream
        self.draws = _endless_draws(stream.model_seed)
        self.feature, self.threshold, self.child = [-1], [0.0], [0]
        n = stream.n_nominal + stream.n_numeric
        self._node(0, 0, tuple(range(n)), ((0.0, 1.0),) * n)

    def _node(
        self, node: int, depth: int, free: tuple[int, ...], ranges: tuple[tuple[float, float], ...]
    ) -> None:
        stream, draws = self.stream, self.draws
        early = depth >= stream.first_leaf_depth and next(draws) < stream.leaf_fraction
        if early or depth >= stream.max_depth or not free:
            self.child[node] = int(next(draws) * stream.n_classes)
            return
        j = free[int(next(draws) * len(free))]
        nominal = j < stream.n_nominal
        n_branches = stream.n_values if nominal else 2
        first = len(self.feature)
        if first + n_branches > _MOST_NODES:
            raise wrong("max_depth", stream.max_depth, f"a tree of at most {_MOST_NODES:,} nodes")
        low, high = ranges[j]
        cut = low + (high - low) * next(draws)
        self.feature[node], self.threshold[node], self.child[node] = j, cut, first
        self.feature += [-1] * n_branches
        self.threshold += [0.0] * n_branches
        self.child += [0] * n_branches
        parts = ((0.0, 1.0),) * n_branches if nominal else ((low, cut), (cut, high))
        left = tuple(k for k in free if k != j) if nominal else free
        for branch, part in enumerate(parts):
            self._node(first + branch, depth + 1, left, (*ranges[:j], part, *ranges[j + 1 :]))

    def arrays(self) -> tuple[Ints, Array, Ints]:
        return (
            np.array(self.feature, np.int64),
            np.array(self.threshold),
            np.array(self.child, np.int64),
        )


def _endless_draws(model_seed: int) -> Iterator[float]:
    """Uniform numbers, always the same ones for a seed, however many are taken."""
    done, n = 0, 1024
    while True:
        yield from model_draws(model_seed, n)[done:].tolist()
        done, n = n, 2 * n


class RandomTree(Generator):
    """Nominal and uniform numeric features; the class is that of a leaf of a random tree.

    On a path, a nominal feature is used once, and a numeric one is cut within its remaining
    range. Time is O(n_features + max_depth) a row, memory that of a chunk and
    of the tree.

    Parameters
    ----------
    n_classes
        Number of classes; leaves get theirs at random.
    n_nominal, n_numeric
        Number of features of each kind; the nominal ones come first.
    n_values
        Values of a nominal feature.
    max_depth
        Depth at which every node is a leaf.
    first_leaf_depth
        Depth from which a node may be a leaf.
    leaf_fraction
        Probability, from there on, that a node is a leaf.
    model_seed
        Seed of the tree.
    seed
        Seed of the rows.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For a tree of more than a million nodes, an `n_classes` or `n_values` that is not a whole
        number >= 2, an `n_nominal` or `n_numeric` not one >= 0, or no features at all, a
        `max_depth` none from 1 to 64, a `first_leaf_depth` below 0, a `leaf_fraction` outside of
        [0, 1], and a `model_seed`, `seed` or `n_rows` that is not a whole number >= 0.

    Examples
    --------
    >>> x, y = next(iter(RandomTree(n_nominal=1, n_numeric=1)))
    >>> list(x)
    ['nominal1', 'numeric1']

    References
    ----------
    .. [1] Domingos, Hulten (2000), Mining high-speed data streams, KDD, section 4.1.
       doi:10.1145/347090.347107
    """

    name = "random_tree"

    def __init__(
        self,
        *,
        n_classes: int = 2,
        n_nominal: int = 5,
        n_numeric: int = 5,
        n_values: int = 5,
        max_depth: int = 5,
        first_leaf_depth: int = 3,
        leaf_fraction: float = 0.15,
        model_seed: int = 1,
        seed: int = 1,
        n_rows: int | None = None,
    ) -> None:
        self.n_classes = whole("n_classes", n_classes, 2)
        self.n_nominal = whole("n_nominal", n_nominal, 0)
        self.n_numeric = whole("n_numeric", n_numeric, 0 if n_nominal else 1)
        self.n_values = whole("n_values", n_values, 2)
        self.max_depth = whole("max_depth", max_depth, 1, 64)
        self.first_leaf_depth = whole("first_leaf_depth", first_leaf_depth, 0)
        self.leaf_fraction = share("leaf_fraction", leaf_fraction)
        self.model_seed = whole("model_seed", model_seed, 0)
        names = numbered("nominal", self.n_nominal) + numbered("numeric", self.n_numeric)
        nominal = {j: numbered("value", self.n_values) for j in range(self.n_nominal)}
        schema = Schema(len(names), names, nominal, integers(self.n_classes))
        super().__init__(schema=schema, seed=seed, n_rows=n_rows)
        self._tree = _Growth(self).arrays()

    def _start(self) -> Ints:
        return self._rng()

    def _write(self, state: Ints, X: Array, y: npt.NDArray[Any]) -> None:
        _write(state, *self._tree, self.n_nominal, self.n_values, X, y)
