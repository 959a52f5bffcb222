"""Mondrian trees as nested objects: boxes, forecasts, weights of prunings by their definition."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import exp, inf, isnan, log, nan
from typing import Any

from onlineml.kernels.random import seeded, uniform

Row = list[float]


class Node:
    """A part of the space: the rows that it has seen, and what its forecasts of them have cost."""

    def __init__(self, born: float) -> None:
        self.born, self.loss, self.weight = born, 0.0, 0.0
        self.rows: list[tuple[Row, Any, float]] = []
        self.feature, self.cut = -1, nan
        self.children: list[Node] = []

    def range_of(self, j: int) -> tuple[float, float]:
        values = [x[j] for x, _, _ in self.rows if not isnan(x[j])]
        return (min(values), max(values)) if values else (nan, nan)

    def child_for(self, x: Row) -> Node:
        if isnan(x[self.feature]):
            low, high = self.children
            return high if high.weight > low.weight else low
        return self.children[int(x[self.feature] > self.cut)]

    def nodes(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.nodes()


def prunings(node: Node) -> list[tuple[float, list[Node]]]:
    """All ways to prune the tree below `node`: probability before any data, and the leaves."""
    if not node.children:
        return [(1.0, [node])]
    found = [(0.5, [node])]
    for (p, left), (q, right) in product(*(prunings(child) for child in node.children)):
        found.append((0.5 * p * q, left + right))
    return found


class Forest:
    """What both forests share; `max_nodes` a tree, then the latest half of the cuts is undone."""

    def __init__(
        self, *, n_trees: int, seed: int, step: float = 1.0, use_aggregation: bool = True,
        max_nodes: float = inf,
    ) -> None:  # fmt: skip
        self.step, self.use_aggregation, self.max_nodes = step, use_aggregation, max_nodes
        self.roots = [Node(0.0) for _ in range(n_trees)]
        self.random = seeded(seed, n_trees)

    def forecast(self, path: list[Node]) -> Any:
        """What the last node of `path` says."""
        raise NotImplementedError

    def loss(self, t: int, forecast: Any, y: Any) -> float:
        raise NotImplementedError

    def may_cut(self, node: Node, y: Any) -> bool:
        return True

    def judge(self, t: int, path: list[Node], y: Any, w: float) -> None:
        """Note how good the answer was that the tree would have given."""

    def path(self, t: int, x: Row) -> list[Node]:
        path = [self.roots[t]]
        while path[-1].children:
            path.append(path[-1].child_for(x))
        return path

    def log_weight(self, node: Node) -> float:
        """Logarithm of the mean weight of the prunings below a node."""
        own = -self.step * node.loss
        if not node.children:
            return own
        below = sum(self.log_weight(child) for child in node.children)
        top = max(own, below)
        return top + log(0.5 * exp(own - top) + 0.5 * exp(below - top))

    def shares(self, path: list[Node]) -> list[float]:
        """How much each node of a path from the root to a leaf counts; they sum to 1."""
        if not self.use_aggregation:
            return [0.0] * (len(path) - 1) + [1.0]
        shares, left = [], 1.0
        for node in path[:-1]:
            own = log(0.5) - self.step * node.loss - self.log_weight(node)
            shares.append(left * exp(own))
            left *= 1.0 - exp(own)
        return [*shares, left]

    def learn_in(self, t: int, x: Row, y: Any, w: float) -> None:
        self.judge(t, self.path(t, x), y, w)
        if self.max_nodes < sum(1 for _ in self.roots[t].nodes()) + 2:
            self.prune(t, int(self.max_nodes) // 2)
        path = [self.roots[t]]
        self.grow(t, path[-1], x, y)
        while path[-1].children:
            path.append(path[-1].child_for(x))
            self.grow(t, path[-1], x, y)
        losses = [self.loss(t, self.forecast(path[: k + 1]), y) for k in range(len(path))]
        for node, loss in zip(path, losses, strict=True):
            node.loss += w * loss
            node.rows.append((x, y, w))
            node.weight += w

    def grow(self, t: int, node: Node, x: Row, y: Any) -> None:
        gaps = []
        for j, value in enumerate(x):
            low, high = node.range_of(j)
            gaps.append(low - value if value < low else value - high if value > high else 0.0)
        if sum(gaps) == 0.0 or not self.may_cut(node, y):
            return
        time = node.born - log(1.0 - uniform(self.random, t)) / sum(gaps)
        if time >= (node.children[0].born if node.children else inf):
            return
        at = uniform(self.random, t) * sum(gaps)
        j = next(j for j in range(len(x)) if sum(gaps[: j + 1]) > at)
        low, high = node.range_of(j)
        at -= sum(gaps[:j])
        was, new = Node(time), Node(time)
        was.rows, was.loss, was.weight = list(node.rows), node.loss, node.weight
        was.feature, was.cut, was.children = node.feature, node.cut, node.children
        node.feature, node.cut = j, (x[j] if x[j] < low else high) + at
        node.children = [new, was] if x[j] < low else [was, new]

    def prune(self, t: int, most: int) -> None:
        inner = [node for node in self.roots[t].nodes() if node.children]
        inner.sort(key=lambda node: node.children[0].born)
        for node in inner[(most - 1) // 2 :]:
            node.children = []


class Classifier(Forest):
    """Nodes forecast by the weights of the classes seen so far, each more by a prior."""

    def __init__(
        self, *, dirichlet: float | None = None, split_pure: bool = True, **params: Any
    ) -> None:
        super().__init__(**params)
        self.dirichlet, self.split_pure, self.n_classes = dirichlet, split_pure, 0

    def forecast(self, path: list[Node]) -> list[float]:
        prior = self.dirichlet or 1.0 / self.n_classes
        votes = [prior] * self.n_classes
        for _, y, w in path[-1].rows:
            votes[y] += w
        return [vote / sum(votes) for vote in votes]

    def loss(self, t: int, forecast: list[float], y: int) -> float:
        return -log(forecast[y])

    def may_cut(self, node: Node, y: int) -> bool:
        return self.split_pure or any(label != y for _, label, _ in node.rows)

    def fit(self, x: Row, y: int, w: float) -> None:
        self.n_classes = max(self.n_classes, y + 1)
        if w > 0.0:
            for t in range(len(self.roots)):
                self.learn_in(t, x, y, w)

    def predict(self, x: Row) -> list[float]:
        total = [0.0] * self.n_classes
        for t in range(len(self.roots) if self.n_classes else 0):
            path = self.path(t, x)
            for k, share in enumerate(self.shares(path)):
                for c, chance in enumerate(self.forecast(path[: k + 1])):
                    total[c] += share * chance / len(self.roots)
        return total


class Regressor(Forest):
    """Nodes forecast means; errors count in units of the mean squared error of their tree."""

    def __init__(self, *, step: float = 4.0, **params: Any) -> None:
        super().__init__(step=step, **params)
        self.squares = [[0.0, 0.0] for _ in self.roots]

    def forecast(self, path: list[Node]) -> float | None:
        for node in reversed(path):
            if node.rows:
                return sum(w * y for _, y, w in node.rows) / node.weight
        return None

    def loss(self, t: int, forecast: float | None, y: float) -> float:
        return 0.0 if forecast is None else (y - forecast) ** 2 / self.unit

    def answer(self, path: list[Node]) -> float:
        means = [self.forecast(path[: k + 1]) or 0.0 for k in range(len(path))]
        return sum(share * mean for share, mean in zip(self.shares(path), means, strict=True))

    def judge(self, t: int, path: list[Node], y: float, w: float) -> None:
        weight, total = self.squares[t]
        self.unit = total / weight if total > 0.0 else 1.0
        if path[0].rows:
            self.squares[t][1] += w * (y - self.answer(path)) ** 2
            self.squares[t][0] += w

    def fit(self, x: Row, y: float, w: float) -> None:
        for t in range(len(self.roots) if w > 0.0 else 0):
            self.learn_in(t, x, y, w)

    def predict(self, x: Row) -> float:
        return sum(self.answer(self.path(t, x)) for t in range(len(self.roots))) / len(self.roots)
