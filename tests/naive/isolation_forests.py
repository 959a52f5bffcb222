"""Isolation trees as nested objects, and the forests of them over windows of rows."""

from __future__ import annotations

from math import ceil, inf, isnan, log, log2
from statistics import fmean
from typing import Any

import numpy as np

from onlineml.kernels.random import below, seeded, uniform

Row = list[float]


def usual_depth(n: int) -> float:
    if n < 3:
        return float(n == 2)
    return 2 * (log(n - 1) + float(np.euler_gamma)) - 2 * (n - 1) / n


class Node:
    def __init__(self, rows: list[Row], level: int) -> None:
        self.rows, self.level = rows, level
        self.children: list[Node] = []
        self.feature, self.cut = 0, inf

    def cut_in_two(self, random: Any) -> list[Node]:
        n_features = len(self.rows[0])
        start = below(random, 0, n_features)
        for j in [*range(start, n_features), *range(start)]:
            values = [row[j] for row in self.rows if not isnan(row[j])]
            if not values or min(values) == max(values):
                continue
            self.feature = j
            self.cut = min(values) + uniform(random, 0) * (max(values) - min(values))
            parts = [[row for row in self.rows if row[j] <= self.cut]]
            parts.append([row for row in self.rows if row[j] > self.cut])
            missing = [row for row in self.rows if isnan(row[j])]
            parts[len(parts[1]) > len(parts[0])].extend(missing)
            self.children = [Node(part, self.level + 1) for part in parts]
            break
        return self.children

    def depth(self, x: Row) -> float:
        if not self.children:
            return self.level + usual_depth(len(self.rows))
        left, right = self.children
        if isnan(x[self.feature]):
            return (right if len(right.rows) > len(left.rows) else left).depth(x)
        return self.children[x[self.feature] > self.cut].depth(x)


class Tree:
    """Nodes are cut level by level, from left to right."""

    def __init__(self, rows: list[Row], height: int, random: Any) -> None:
        self.root = Node(rows, 0)
        self.n_nodes, self.largest = 0, 0
        level = [self.root]
        while level:
            self.n_nodes += len(level)
            below_it = []
            for node in level:
                if len(node.rows) > 1 and node.level < height:
                    below_it += node.cut_in_two(random)
                if not node.children:
                    self.largest = max(self.largest, len(node.rows))
            level = below_it


def score(trees: list[Tree], n_rows: int, x: Row) -> float:
    if not trees or all(map(isnan, x)):
        return 0.0
    return float(2 ** -(fmean(tree.root.depth(x) for tree in trees) / usual_depth(n_rows)))


class IForestASD:
    """Ding and Fei 2013, a tree at a time."""

    def __init__(self, n_trees: int, window: int, sample: int, threshold: float, seed: int) -> None:
        self.n_trees, self.window, self.sample = n_trees, window, sample
        self.threshold, self.height = threshold, ceil(log2(sample))
        self.random = seeded(seed, 1)
        self.held: list[Row] = []
        self.trees: list[Tree] = []
        self.n_grown = self.n_full = self.n_strange = self.n_drifts = 0

    def score(self, x: Row) -> float:
        return score(self.trees, self.n_grown, x)

    def fit(self, x: Row) -> None:
        if all(map(isnan, x)):
            return
        strange = self.score(x) > 0.5
        self.held = [x, *self.held][: self.window]
        if self.n_grown < self.sample:
            if len(self.held) == min(max(2 * self.n_grown, 32), self.sample):
                self.n_grown = len(self.held)
                self.trees = [self.tree(self.window) for _ in range(self.n_trees)]
            return
        self.n_full += 1
        self.n_strange += strange
        if self.n_full % self.sample == 0:
            drifted, self.n_strange = self.n_strange > self.threshold * self.sample, 0
            if drifted:
                self.n_drifts += 1
                self.trees = [self.tree(self.sample) for _ in range(self.n_trees)]
                return
        n_before = (self.n_full - 1 - self.n_drifts) * self.n_trees // self.window
        for t in range(n_before, (self.n_full - self.n_drifts) * self.n_trees // self.window):
            self.trees[t % self.n_trees] = self.tree(self.window)

    def tree(self, n: int) -> Tree:
        last = self.held[:n]
        for k in range(self.n_grown):
            other = k + below(self.random, 0, len(last) - k)
            last[k], last[other] = last[other], last[k]
        return Tree(last[: self.n_grown], self.height, self.random)


class AdaptiveIsolationForest:
    """Liu, Cassales, Liu, Pfahringer, Bifet 2025."""

    def __init__(
        self, n_trees: int, window: int, n_candidates: int, n_replaced: int, share: float, seed: int
    ) -> None:
        self.n_trees, self.window, self.n_candidates = n_trees, window, n_candidates
        self.n_replaced, self.share, self.height = n_replaced, share, ceil(log2(window))
        self.random = seeded(seed, 1)
        self.room, self.n_before = min(8, window), 0
        self.rows: list[Row] = []
        self.trees: list[Tree] = []
        self.born: list[int] = []
        self.n_windows = self.n_oldest = 0

    def score(self, x: Row) -> float:
        return score(self.trees, self.n_before, x)

    def fit(self, x: Row) -> None:
        if all(map(isnan, x)):
            return
        self.rows.append(x)
        if len(self.rows) < self.room:
            return
        rows, longer = self.rows, len(self.rows) != self.n_before
        self.n_windows, self.n_before, self.rows = self.n_windows + 1, len(rows), []
        self.room = min(2 * self.room, self.window)
        n = self.n_trees if longer else self.n_candidates
        new = [Tree(rows, self.height, self.random) for _ in range(n)]
        if longer:
            self.trees, self.born = new, [self.n_windows] * n
            return
        for _ in range(self.n_replaced):
            qualities = self.qualities(self.trees + new)
            own, others = qualities[: self.n_trees], qualities[self.n_trees :]
            best, gone = others.index(max(others)), own.index(min(own))
            if not max(others) > min(own):
                gone = self.born.index(min(self.born))
                self.n_oldest += 1
            self.trees[gone], self.born[gone] = new.pop(best), self.n_windows

    def qualities(self, trees: list[Tree]) -> list[float]:
        sizes, leaves = [tree.n_nodes for tree in trees], [tree.largest for tree in trees]
        size_range, leaf_range = max(sizes) - min(sizes) or 1, max(leaves) - min(leaves) or 1
        return [
            self.share * (max(sizes) - size) / size_range
            + (1 - self.share) * (leaf - min(leaves)) / leaf_range
            for size, leaf in zip(sizes, leaves)
        ]
