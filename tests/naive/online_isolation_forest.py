"""Online isolation trees as nested objects, learning and forgetting by recursion."""

from __future__ import annotations

from math import isnan, log2, nan
from statistics import fmean

from onlineml.kernels.random import below, seeded, uniform
from tests.naive.usual_range import Range, differs, usual_range, width_of

Row = list[float]


class Node:
    """A bin: mass, and either a box or a cut with two children."""

    def __init__(self, n_features: int) -> None:
        self.mass = 0
        self.box = [(nan, nan)] * n_features
        self.children: list[Node] = []
        self.feature, self.cut = 0, nan

    def widen(self, box: list[Range]) -> None:
        sides = [[v for v in (*own, *other) if not isnan(v)] for own, other in zip(self.box, box)]
        self.box = [(min(values), max(values)) if values else (nan, nan) for values in sides]

    def child(self, x: Row) -> Node:
        value = x[self.feature]
        if isnan(value):
            return self.children[int(self.children[1].mass > self.children[0].mass)]
        return self.children[int(value > self.cut)]

    def leaves(self) -> list[Node]:
        if not self.children:
            return [self]
        return [leaf for child in self.children for leaf in child.leaves()]


class OnlineIsolationForest:
    """Leveni, Weigert Cassales, Pfahringer, Bifet, Boracchi 2024."""

    def __init__(self, n_trees: int, window: int, leaf: int, factor: float, seed: int) -> None:
        self.n_trees, self.window, self.leaf, self.factor = n_trees, window, leaf, factor
        self.depth = int(log2(window / leaf))
        self.random = seeded(seed, n_trees)
        self.size = min(256, window)
        self.room, self.n_before = min(32, self.size), 0
        self.held: list[Row] = []
        self.recent: list[Row] = []
        self.ranges: list[Range] = []
        self.roots: list[Node] = []
        self.n_anew = self.n_merged = 0

    def score(self, x: Row) -> float:
        if not self.roots or len(self.held) < 2 * self.leaf or all(map(isnan, x)):
            return 0.0
        whole = self.suggested(len(self.held))
        return 2 ** -(fmean(self.reached(root, x, 0) for root in self.roots) / whole)

    def suggested(self, mass: int) -> float:
        return log2(mass / self.leaf) if mass > self.leaf else 0.0

    def reached(self, node: Node, x: Row, depth: int) -> float:
        if node.children:
            return self.reached(node.child(x), x, depth + 1)
        return depth + self.suggested(node.mass)

    def fit(self, x: Row) -> None:
        if all(map(isnan, x)):
            return
        for t, root in enumerate(self.roots):
            self.learn(t, root, self.clipped(x), 0)
        self.held.append(x)
        if len(self.held) > self.window:
            oldest = self.held.pop(0)
            for root in self.roots:
                self.unlearn(root, oldest, 0)
        self.recent.append(x)
        if len(self.recent) == self.room:
            self.look([usual_range(column) for column in zip(*self.recent)])

    def clipped(self, x: Row) -> Row:
        found = []
        for value, (low, high) in zip(x, self.ranges):
            width = width_of(low, high)
            clipped = min(max(value, low - width), high + width)
            found.append(value if isnan(value) else clipped)
        return found

    def learn(self, t: int, node: Node, x: Row, depth: int) -> None:
        node.mass += 1
        if node.children:
            self.learn(t, node.child(x), x, depth + 1)
            return
        node.widen(list(zip(x, x)))
        if node.mass >= self.leaf * self.factor**depth and depth < self.depth:
            self.split(t, node)

    def split(self, t: int, node: Node) -> None:
        wide = [j for j, (low, high) in enumerate(node.box) if high > low]
        if not wide:
            return
        node.feature = wide[below(self.random, t, len(wide))]
        points = [
            [
                low + uniform(self.random, t) * (high - low) if high > low else low
                for low, high in node.box
            ]
            for _ in range(node.mass)
        ]
        values = [point[node.feature] for point in points]
        node.cut = min(values) + uniform(self.random, t) * (max(values) - min(values))
        node.children = [Node(len(node.box)), Node(len(node.box))]
        for point in points:
            child = node.child(point)
            child.mass += 1
            child.widen(list(zip(point, point)))

    def unlearn(self, node: Node, x: Row, depth: int) -> None:
        node.mass = max(node.mass - 1, 0)
        if not node.children:
            return
        if node.mass >= self.leaf * self.factor**depth:
            self.unlearn(node.child(x), x, depth + 1)
            return
        self.n_merged += 1
        leaves, node.box = node.leaves(), [(nan, nan)] * len(x)
        node.children = []
        for leaf in leaves:
            node.widen(leaf.box)

    def look(self, ranges: list[Range]) -> None:
        longer = len(self.recent) != self.n_before
        self.n_before, self.recent = len(self.recent), []
        self.room = min(2 * self.room, self.size)
        if not longer and not any(map(differs, self.ranges, ranges)):
            return
        self.n_anew += 1
        self.ranges = ranges
        self.roots = [Node(len(ranges)) for _ in range(self.n_trees)]
        for x in self.held:
            for t, root in enumerate(self.roots):
                self.learn(t, root, self.clipped(x), 0)
