"""RS-Hash in plain Python: cells are tuples, and no two share a slot."""

from __future__ import annotations

from math import floor, isnan, log, log2, sqrt
from statistics import fmean

from onlineml.kernels.random import below, seeded, uniform
from tests.naive.usual_range import Range, differs, usual_range, width_of

Cell = tuple[int, ...]


class Grid:
    """Random features, a width of cells in units of their ranges, and where cells begin."""

    def __init__(self, random: object, n_features: int, sample: int) -> None:
        edge = 1 / sqrt(sample)
        self.width = edge + (1 - 2 * edge) * uniform(random, 0)
        most = log(sample) / log(max(2, 1 / self.width))
        least = int(1 + 0.5 * most)
        n = min(least + below(random, 0, max(int(most) - least, 0) + 1), n_features)
        self.places, self.shifts = list[int](), list[float]()
        for _ in range(n):
            j = below(random, 0, n_features)
            while j in self.places:
                j = below(random, 0, n_features)
            self.places.append(j)
            self.shifts.append(uniform(random, 0))
        self.masses: dict[Cell, float] = {}

    def cell(self, x: list[float], ranges: list[Range]) -> Cell | None:
        if any(isnan(x[j]) for j in self.places):
            return None
        return tuple(
            floor((x[j] - ranges[j][0]) / (self.width * width_of(*ranges[j])) + shift)
            for j, shift in zip(self.places, self.shifts)
        )


class RSHash:
    """Sathe and Aggarwal 2016."""

    def __init__(self, n_grids: int, sample: int, window: int, fading: float, seed: int) -> None:
        self.n_grids, self.sample, self.window, self.fading = n_grids, sample, window, fading
        self.random = seeded(seed, 1)
        self.room, self.n_before = min(8, window), 0
        self.rows: list[list[float]] = []
        self.ranges: list[Range] = []
        self.grids: list[Grid] = []
        self.n_anew = 0

    def score(self, x: list[float]) -> float:
        rarities = []
        for grid in self.grids:
            cell = grid.cell(x, self.ranges)
            if cell is not None:
                total, mass = sum(grid.masses.values()), grid.masses.get(cell, 0.0)
                rarities.append(log2((1 + total) / (1 + mass)))
        return fmean(rarities) if rarities else 0.0

    def fit(self, x: list[float], weight: float = 1.0) -> None:
        if all(isnan(value) for value in x) or weight == 0:
            return
        self.rows.append(x)
        self.count(x, weight)
        if len(self.rows) == self.room:
            ranges = [usual_range(column) for column in zip(*self.rows)]
            longer = len(self.rows) != self.n_before
            self.n_before, self.room = len(self.rows), min(2 * self.room, self.window)
            if longer or any(map(differs, self.ranges, ranges)):
                self.n_anew += 1
                self.ranges = ranges
                self.grids = [Grid(self.random, len(x), self.sample) for _ in range(self.n_grids)]
                for row in self.rows:
                    self.count(row, 1.0)
            self.rows = []

    def count(self, x: list[float], weight: float) -> None:
        for grid in self.grids:
            cell = grid.cell(x, self.ranges)
            if cell is not None:
                grid.masses[cell] = grid.masses.get(cell, 0.0) + weight
            grid.masses = {cell: mass * self.fading for cell, mass in grid.masses.items()}
