"""Random cut trees as nested objects, with boxes computed anew from the points whenever needed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import isnan, nan
from statistics import fmean
from typing import Any

from onlineml.kernels.random import seeded, uniform
from tests.naive.usual_range import Range, differs, usual_range, width_of

Row = list[float]


def same(a: Row, b: Row) -> bool:
    return all(p == q or (isnan(p) and isnan(q)) for p, q in zip(a, b))


class Leaf:
    """Equal points."""

    def __init__(self, x: Row) -> None:
        self.x, self.n = x, 1

    def points(self) -> Iterator[Row]:
        yield self.x


class Inner:
    """A cut, lower side first."""

    def __init__(self, feature: int, cut: float, children: list[Any]) -> None:
        self.feature, self.cut, self.children = feature, cut, children

    @property
    def n(self) -> int:
        return sum(child.n for child in self.children)

    def points(self) -> Iterator[Row]:
        for child in self.children:
            yield from child.points()

    def side(self, x: Row) -> int:
        if isnan(x[self.feature]) or isnan(self.cut):
            return int(self.children[1].n > self.children[0].n)
        return int(x[self.feature] > self.cut)


def gaps(node: Any, x: Row, weights: Row) -> tuple[float, list[tuple[float, float]]]:
    """Extent of the box of a node, and for each feature where `x` lies outside: from, to."""
    extent, found = 0.0, []
    for j, value in enumerate(x):
        column = [point[j] for point in node.points() if not isnan(point[j])]
        low, high = (min(column), max(column)) if column else (nan, nan)
        extent += weights[j] * (high - low) if high > low else 0.0
        found.append((value, low) if value < low else (high, value) if value > high else (0.0, 0.0))
    return extent, found


def place(node: Any, x: Row, weights: Row, random: Any) -> tuple[list[Any], int, float]:
    """The nodes from the root to the one that `x` is cut off from; feature and cut."""
    path = [node]
    while True:
        extent, found = gaps(node, x, weights)
        beyond = sum(w * (upper - lower) for w, (lower, upper) in zip(weights, found))
        at = uniform(random, 0) * (extent + beyond)
        if at < beyond or isinstance(node, Leaf):
            for j, (lower, upper) in enumerate(found):
                length = weights[j] * (upper - lower)
                if length > at:
                    return path, j, lower + at / weights[j]
                at -= length
            return path, 0, nan
        node = node.children[node.side(x)]
        path.append(node)


def twin(node: Any, x: Row) -> list[Any] | None:
    """The nodes from the root to a leaf equal to `x`."""
    if isinstance(node, Leaf):
        return [node] if same(node.x, x) else None
    for child in node.children:
        path = twin(child, x)
        if path:
            return [node, *path]
    return None


def displacement(path: list[Any], is_twin: bool) -> float:
    beside = [(above.n - below.n) / (below.n + 1) for above, below in pairwise(path)]
    return max([*beside, 0.0 if is_twin else path[-1].n])


class Tree:
    def __init__(self, generator: Any) -> None:
        self.random = generator
        self.root: Any = None

    def score(self, x: Row, weights: Row) -> float:
        path = twin(self.root, x)
        if path:
            return displacement(path, True)
        return displacement(place(self.root, x, weights, self.random.copy())[0], False)

    def insert(self, x: Row, weights: Row) -> None:
        if self.root is None:
            self.root = Leaf(x)
            return
        path = twin(self.root, x)
        if path:
            path[-1].n += 1
            return
        path, feature, cut = place(self.root, x, weights, self.random)
        on_left = x[feature] <= cut
        self.hang(
            path, Inner(feature, cut, [Leaf(x), path[-1]] if on_left else [path[-1], Leaf(x)])
        )

    def hang(self, path: list[Any], node: Any) -> None:
        if len(path) == 1:
            self.root = node
        else:
            path[-2].children[path[-2].children.index(path[-1])] = node

    def remove(self, x: Row) -> None:
        path = twin(self.root, x) or []
        path[-1].n -= 1
        if path[-1].n == 0:
            sibling = [child for child in path[-2].children if child is not path[-1]]
            self.hang(path[:-1], sibling[0])


class RobustRandomCutForest:
    """Guha, Mishra, Roy, Schrijvers 2016."""

    def __init__(self, n_trees: int, size: int, seed: int) -> None:
        self.size, self.room, self.n_before = size, min(32, size), 0
        generators = seeded(seed, n_trees)
        self.generators = [generators[t : t + 1].copy() for t in range(n_trees)]
        self.rows: list[Row] = []
        self.window: list[Row] = []
        self.ranges: list[Range] = []
        self.trees: list[Tree] = []
        self.n_planted = 0

    def score(self, x: Row) -> float:
        if not self.trees or all(isnan(value) for value in x):
            return 0.0
        return fmean(tree.score(x, self.weights) for tree in self.trees)

    def fit(self, x: Row) -> None:
        if all(isnan(value) for value in x):
            return
        self.rows.append(x)
        for tree in self.trees:
            tree.insert(x, self.weights)
        if len(self.rows) > self.size:
            oldest = self.rows.pop(0)
            for tree in self.trees:
                tree.remove(oldest)
        self.window.append(x)
        if len(self.window) == self.room:
            self.look([usual_range(column) for column in zip(*self.window)])

    def look(self, ranges: list[Range]) -> None:
        longer = len(self.window) != self.n_before
        self.n_before, self.window = len(self.window), []
        self.room = min(2 * self.room, self.size)
        if not longer and not any(map(differs, self.ranges, ranges)):
            return
        self.n_planted += 1
        self.ranges = ranges
        self.weights = [1 / width_of(*pair) for pair in ranges]
        self.trees = [Tree(generator) for generator in self.generators]
        for x in self.rows:
            for tree in self.trees:
                tree.insert(x, self.weights)
