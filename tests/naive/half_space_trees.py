"""Half-space trees in plain Python: cells are strings of sides, masses are counted row by row."""

from __future__ import annotations

from math import isnan, log2
from typing import Any

from onlineml.kernels.random import below, seeded, uniform
from tests.naive.usual_range import differs, usual_range, width_of


class HalfSpaceTrees:
    """Tan, Ting, Liu 2011: rows in the cells of the last window, and of the present one."""

    def __init__(
        self, n_trees: int, height: int, window: int, limit: float, summed: bool, seed: int
    ) -> None:
        self.n_trees, self.height, self.window = n_trees, height, window
        self.share, self.summed = limit, summed
        self.room, self.n_before = min(8, window), 0
        self.random = seeded(seed, 1)
        self.rows: list[list[float]] = []
        self.ranges: list[tuple[float, float]] = []
        self.features: list[dict[int, int]] = []
        self.work: list[list[tuple[float, float]]] = []
        self.n_measured = 0

    def score(self, x: list[float]) -> float:
        if not self.ranges or all(isnan(value) for value in x):
            return 0.0
        total, n_counted = 0.0, self.n_before + len(self.rows)
        for t in range(self.n_trees):
            path, found = self.path(t, x), 0.0
            for level in range(self.height + 1):
                mass = self.mass(t, path[:level])
                found = mass * 2.0**level + (found if self.summed else 0.0)
                if mass <= self.share * n_counted:
                    break
            total += (found / n_counted / (self.height + 1 if self.summed else 1)) ** 0.5
        return 1 / (1 + (total / self.n_trees) ** 2)

    def mass(self, t: int, cell: str) -> int:
        return self.before[t].get(cell, 0) + self.now[t].get(cell, 0)

    def contributions(self, x: list[float]) -> list[float]:
        parts = [0.0] * len(x)
        for t in range(self.n_trees):
            path = self.path(t, x)
            for level in range(self.height):
                mass, part = (self.mass(t, path[:k]) for k in (level, level + 1))
                if mass <= self.share * (self.n_before + len(self.rows)):
                    break
                j = self.features[t][int("1" + path[:level], 2)]
                parts[j] += log2((mass + 1) / (2 * part + 1)) / self.n_trees
        return parts

    def fit(self, x: list[float]) -> None:
        if all(isnan(value) for value in x):
            return
        self.rows.append(x)
        if self.ranges:
            self.count(x)
        if len(self.rows) == self.room:
            self.end_window()

    def count(self, x: list[float]) -> None:
        for t in range(self.n_trees):
            path = self.path(t, x)
            for level in range(self.height + 1):
                self.now[t][path[:level]] = self.now[t].get(path[:level], 0) + 1

    def path(self, t: int, x: list[float]) -> str:
        path, ranges = "", [(0, 2**32)] * len(x)
        places = [self.place(value, *work) for value, work in zip(x, self.work[t])]
        for _ in range(self.height):
            j = self.features[t][int("1" + path, 2)]
            if isnan(x[j]):
                masses = [self.mass(t, path + side) for side in "01"]
                path += "1" if masses[1] > masses[0] else "0"
                continue
            low, high = ranges[j]
            middle = (low + high) // 2
            path += "1" if places[j] >= middle else "0"
            ranges[j] = (middle, high) if places[j] >= middle else (low, middle)
        return path

    @staticmethod
    def place(value: float, low: float, scale: float) -> int:
        """Which of 2 ** 32 steps of a work range; the usual range ends where a cut may be."""
        return 0 if isnan(value) else int(min(max((value - low) * scale, 0), 2**32 - 1))

    def end_window(self) -> None:
        found = [usual_range(list(column)) for column in zip(*self.rows)]
        longer = len(self.rows) != self.n_before
        if longer or any(map(differs, self.ranges, found)):
            self.n_measured += 1
            self.choose(found)
            self.before = [dict[str, int]() for _ in range(self.n_trees)]
            self.now = [dict[str, int]() for _ in range(self.n_trees)]
            for x in self.rows:
                self.count(x)
        self.before, self.now = self.now, [dict[str, int]() for _ in range(self.n_trees)]
        self.n_before, self.rows = len(self.rows), []
        self.room = min(2 * self.room, self.window)

    def choose(self, ranges: list[tuple[float, float]]) -> None:
        if not self.features:
            for _ in range(self.n_trees):
                drawn = [below(self.random, 0, len(ranges)) for _ in range(1 << self.height)]
                self.features.append(dict(enumerate(drawn)))
        self.ranges, self.work = ranges, []
        for _ in range(self.n_trees):
            work: list[Any] = []
            for low, high in ranges:
                width = width_of(low, high)
                center = uniform(self.random, 0)
                half = 2 * max(center, 1 - center)
                work.append((low + (center - half) * width, 2**32 / (2 * half * width)))
            self.work.append(work)
