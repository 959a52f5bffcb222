"""The local outlier factor of a row in a window, all distances anew each time."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
import numpy.typing as npt

from tests.naive.usual_range import Range, differs, usual_range

Array = npt.NDArray[np.float64]


class LocalOutlierFactor:
    def __init__(self, k: int, size: int) -> None:
        self.k, self.size = k, size
        self.past: list[Array] = []
        self.ranges: list[Range] = []
        self.n_looks = self.n_rows = self.last_look = 0

    def distance(self, a: Array, b: Array) -> float:
        total = 0.0
        for j, (low, high) in enumerate(self.ranges):
            if high > low:
                gap = (a[j] - b[j]) / (high - low)
                total += 1 / 6 if np.isnan(gap) else gap * gap
        return float(np.sqrt(total))

    def neighbors(self, x: Array) -> list[tuple[float, int]]:
        away = [(self.distance(x, p), i) for i, p in enumerate(self.past) if p is not x]
        return sorted(away)[: self.k]

    def density(self, near: list[tuple[float, int]]) -> float:
        reaches = [max(d, self.neighbors(self.past[i])[-1][0]) for d, i in near]
        return float(1 / max(np.mean(reaches), 1e-3))

    def score(self, x: Array) -> float:
        if not self.ranges or np.isnan(x).all():
            return 0.0
        near = self.neighbors(x)
        others = [self.density(self.neighbors(self.past[i])) for _, i in near]
        return float(np.mean(others) / self.density(near))

    def fit(self, x: Array) -> None:
        if np.isnan(x).all():
            return
        self.n_rows += 1
        self.past = [*self.past, x][-self.size :]
        growing = self.n_rows <= self.size
        due = max(32, 2 * self.last_look) if growing else self.last_look + self.size
        if self.n_rows < min(due, self.size if not self.ranges else due):
            return
        self.last_look = self.n_rows
        ranges = [usual_range(column) for column in zip(*self.past)]
        if growing or any(map(differs, self.ranges, ranges)):
            self.ranges = ranges
            self.n_looks += 1


class LocalOutlierProbability(LocalOutlierFactor):
    """The probability of the same window; `usual` is the faded mean square of past factors."""

    def __init__(self, k: int, m: int, extent: float, size: int) -> None:
        super().__init__(k, size)
        self.m, self.extent, self.n_factors, self.usual = m, extent, 0, 0.0

    def spread(self, x: Array) -> float:
        return max(float(np.sqrt(np.mean([d * d for d, _ in self.neighbors(x)]))), 1e-3)

    def plof(self, x: Array) -> float:
        away = [self.distance(x, p) for p in self.past]
        limit = sorted(away)[: self.m][-1]
        others = [self.spread(p) for p, d in zip(self.past, away) if d <= limit]
        return self.spread(x) / float(np.mean(others)) - 1

    def score(self, x: Array) -> float:
        if not self.ranges or np.isnan(x).all() or self.usual == 0:
            return 0.0
        return max(0.0, erf(self.plof(x) / (self.extent * sqrt(self.usual) * sqrt(2))))

    def fit(self, x: Array) -> None:
        if self.ranges and not np.isnan(x).all():
            square = self.plof(x) ** 2
            if self.n_factors > 20 and self.usual > 0:
                square = min(square, 100 * self.usual)
            self.n_factors += 1
            self.usual += max(1 / self.n_factors, 1 / self.size) * (square - self.usual)
        super().fit(x)
