"""Random histogram trees as nested objects that hold their rows."""

from __future__ import annotations

from math import ceil, isnan, log, log2, nan
from statistics import fmean
from typing import Any

import numpy as np

Row = list[float]


def weight(column: tuple[float, ...]) -> float:
    """log(kurtosis + 1) of the values that are there; 0 where they are equal."""
    values = [value for value in column if not isnan(value)]
    if len(values) < 2 or max(values) == min(values):
        return 0.0
    mean = fmean(values)
    variance = fmean((value - mean) ** 2 for value in values)
    return log(fmean((value - mean) ** 4 for value in values) / variance**2 + 1)


class Node:
    def __init__(self, forest: StreamRHF, draws: Any, number: int, rows: list[Row]) -> None:
        self.forest, self.draws, self.number, self.rows = forest, draws, number, rows
        self.feature, self.cut, self.children = -1, nan, list[Node]()
        self.build()

    def build(self) -> None:
        self.children = []
        self.feature = self.choose()
        if self.feature < 0:
            return
        values = [row[self.feature] for row in self.rows]
        known = [value for value in values if not isnan(value)]
        self.cut = min(known) + float(self.draws[self.number, 1]) * (max(known) - min(known))
        parts = [[row for row in self.rows if row[self.feature] <= self.cut]]
        parts.append([row for row in self.rows if row[self.feature] > self.cut])
        missing = [row for row in self.rows if isnan(row[self.feature])]
        parts[len(parts[1]) > len(parts[0])].extend(missing)
        self.children = [
            Node(self.forest, self.draws, 2 * self.number + k, part) for k, part in enumerate(parts)
        ]

    def choose(self) -> int:
        if self.number >= 1 << self.forest.height:
            return -1
        self.due = ceil(1.1 * len(self.rows))
        weights = [weight(column) for column in zip(*self.rows)]
        at = self.draws[self.number, 0] * sum(weights)
        for j, own in enumerate(weights):
            if own > at:
                return j
            at -= own
        return -1

    def child(self, x: Row) -> Node:
        if isnan(x[self.feature]):
            return self.children[len(self.children[1].rows) > len(self.children[0].rows)]
        return self.children[x[self.feature] > self.cut]

    def leaf(self, x: Row) -> Node:
        return self.child(x).leaf(x) if self.children else self

    def insert(self, x: Row) -> None:
        self.rows.append(x)
        if self.number >= 1 << self.forest.height:
            return
        if len(self.rows) >= self.due and self.choose() != self.feature:
            self.forest.n_rebuilt += 1
            self.build()
        elif self.children:
            self.child(x).insert(x)


class StreamRHF:
    """Nesic et al. 2022."""

    def __init__(self, n_trees: int, height: int, window: int, seed: int) -> None:
        self.height, self.window, self.room = height, window, min(8, window)
        self.draws = np.random.default_rng(seed).random((n_trees, 2 << height, 2))
        self.rows: list[Row] = []
        self.trees: list[Node] = []
        self.n_rebuilt = 0

    def score(self, x: Row) -> float:
        if not self.trees or all(map(isnan, x)):
            return 0.0
        leaves = [tree.leaf(x) for tree in self.trees]
        n = 1 + len(self.trees[0].rows)
        return fmean(log2(n / (1 + len(leaf.rows))) for leaf in leaves)

    def fit(self, x: Row) -> None:
        if all(map(isnan, x)):
            return
        self.rows.append(x)
        for tree in self.trees:
            tree.insert(x)
        if len(self.rows) == self.room:
            self.room = min(2 * self.room, self.window)
            self.trees = [Node(self, draws, 1, list(self.rows)) for draws in self.draws]
            self.rows = []
