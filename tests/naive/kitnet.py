"""KitNet in plain numpy: groups by Kruskal alone, gradients as outer products."""

from __future__ import annotations

from itertools import combinations
from math import ceil, isnan

import numpy as np
import numpy.typing as npt

from onlineml.kernels.random import seeded, uniform
from tests.naive.faded import meet
from tests.naive.usual_range import Range, differs, usual_range, width_of

Array = npt.NDArray[np.float64]


class Autoencoder:
    """One hidden layer, tied weights; NaN in a row counts as 0 and has no error."""

    def __init__(self, n: int, h: int, random: npt.NDArray[np.int64]) -> None:
        bound = (3 / n) ** 0.5
        draws = [bound * (2 * uniform(random, 0) - 1) for _ in range(n * h)]
        self.w = np.array(draws).reshape(n, h)
        self.b, self.c = np.zeros(h), np.zeros(n)

    def parts(self, x: Array) -> tuple[Array, Array, Array]:
        z = np.nan_to_num(x)
        hidden = np.tanh(z @ self.w + self.b)
        return z, hidden, np.where(np.isnan(x), 0.0, z - self.w @ hidden - self.c)

    def error(self, x: Array) -> float:
        n = (~np.isnan(x)).sum()
        return float(np.sqrt((self.parts(x)[2] ** 2).sum() / n)) if n else np.nan

    def step(self, x: Array, rate: float) -> None:
        z, hidden, rest = self.parts(x)
        rate /= 1 + z @ z + hidden @ hidden
        slope = (rest @ self.w) * (1 - hidden**2)
        self.w = self.w + rate * (np.outer(z, slope) + np.outer(rest, hidden))
        self.b, self.c = self.b + rate * slope, self.c + rate * rest


def kruskal(n: int, edges: list[tuple[float, int, int]], most: int) -> tuple[list[set[int]], list]:
    """Join the nearest first, as long as no group gets too large: groups, and edges that joined."""
    groups, used = [{j} for j in range(n)], []
    for edge in sorted(edges):
        a, b = (next(g for g in groups if j in g) for j in edge[1:])
        if a is not b and len(a) + len(b) <= most:
            groups = [g for g in groups if g not in (a, b)] + [a | b]
            used.append(edge)
    return groups, used


class KitNet:
    def __init__(
        self, group: int, ratio: float, rate: float, window: int, fading: float, seed: int
    ) -> None:
        self.group, self.ratio, self.rate, self.window = group, ratio, rate, window
        self.least, self.random = 1 - fading, seeded(seed, 1)
        self.room, self.n_before = min(8, window), 0
        self.rows: list[Array] = []
        self.ranges: list[Range] = []
        self.groups: list[list[int]] = []
        self.n_anew = 0

    def scaled(self, x: Array, most: float) -> Array:
        found = np.full(len(x), np.nan)
        for j, (low, high) in enumerate(self.ranges):
            if not isnan(low):
                found[j] = np.clip(2 * (x[j] - (low + high) / 2) / width_of(low, high), -most, most)
        return found

    def errors(self, z: Array) -> Array:
        return np.array([net.error(z[g]) for net, g in zip(self.nets, self.groups)])

    def standard(self, errors: Array, most: float) -> Array:
        safe = np.where(self.variance > 1e-24, self.variance, np.inf)
        return ((errors - self.mean) / np.sqrt(safe)).clip(-most, most)

    def contributions(self, x: Array) -> Array:
        found = np.zeros(len(x))
        if not self.groups:
            return found
        z = self.scaled(x, 50.0)
        standard = self.standard(self.errors(z), 50.0)
        n, rest = (~np.isnan(standard)).sum(), self.top.parts(standard)[2]
        left = self.top.error(standard)
        for g, net, far, more in zip(self.groups, self.nets, standard, rest):
            squares = net.parts(z[g])[2] ** 2
            if not isnan(far) and squares.sum() > 0:
                part = far / n + (more**2 / (n * left) if left > 0 else 0.0)
                found[g] = part * squares / squares.sum()
        return found

    def score(self, x: Array) -> float:
        return float(self.contributions(x).sum())

    def fit(self, x: Array, weight: float = 1.0) -> None:
        if np.isnan(x).all() or weight == 0:
            return
        self.learn(x, weight)
        self.rows.append(x)
        if len(self.rows) < self.room:
            return
        if self.room != self.n_before:
            self.ranges = [(np.nan, np.nan)] * len(x)
        self.n_before, self.room = self.room, min(2 * self.room, self.window)
        rows, self.rows = np.array(self.rows), []
        ranges = [usual_range(column.tolist()) for column in rows.T]
        if any(differs(old, new) for old, new in zip(self.ranges, ranges)):
            self.ranges = ranges
            self.make_anew(rows)

    def learn(self, x: Array, weight: float) -> None:
        if not self.groups:
            return
        rate, z = min(self.rate * weight, 1.0), self.scaled(x, 2.0)
        errors = self.errors(z)
        for net, g in zip(self.nets, self.groups):
            net.step(z[g], rate)
        self.top.step(self.standard(errors, 2.0), rate)
        meet(self.n, self.mean, self.variance, errors, weight, self.least)

    def make_anew(self, rows: Array) -> None:
        self.n_anew += 1
        known = [j for j, (low, _) in enumerate(self.ranges) if not isnan(low)]
        z = np.nan_to_num(np.array([self.scaled(x, 2.0) for x in rows]))[:, known]
        z = z - z.mean(0)
        lengths = np.sqrt((z**2).sum(0))
        z = z / np.where(lengths > 0, lengths, 1.0)
        between = 1 - np.abs(z.T @ z)
        pairs = [(between[a, b], a, b) for a, b in combinations(range(len(known)), 2)]
        _, tree = kruskal(len(known), pairs, len(known))
        groups, _ = kruskal(len(known), tree, self.group)
        self.groups = [[known[j] for j in sorted(g)] for g in sorted(groups, key=min)]
        sizes = [len(g) for g in self.groups]
        made = [
            Autoencoder(n, ceil(self.ratio * n), self.random) for n in [*sizes, len(self.groups)]
        ]
        self.nets, self.top = made[:-1], made[-1]
        self.n, self.mean, self.variance = (np.zeros(len(self.groups)) for _ in "123")
        for _ in range(3):
            for x in rows:
                self.learn(x, 1.0)
