"""xStream in plain Python: cells are tuples of bins, and no two share a slot."""

from __future__ import annotations

from collections import Counter
from math import floor, isnan, log2
from statistics import fmean

from onlineml.kernels.random import below, seeded, uniform
from tests.naive.usual_range import Range, differs, usual_range, width_of

Cell = tuple[tuple[int, int], ...]


class xStream:  # noqa: N801
    """Manzoor, Lamba, Akoglu 2018."""

    def __init__(
        self, n_projections: int, n_chains: int, depth: int, window: int, seed: int
    ) -> None:
        self.n_projections, self.n_chains, self.depth = n_projections, n_chains, depth
        self.window, self.room, self.n_before = window, min(8, window), 0
        self.random = seeded(seed, 1)
        self.rows: list[list[float]] = []
        self.ranges: list[Range] = []
        self.n_measured = 0
        self.now = Counter[tuple[int, Cell]]()

    def score(self, x: list[float]) -> float:
        if not self.ranges or all(isnan(value) for value in x):
            return 0.0
        rarities = []
        for c, cells in enumerate(self.cells(x)):
            least = min(2**level * (1 + self.before[c, cell]) for level, cell in enumerate(cells))
            rarities.append(log2((1 + self.n_before) / least))
        return fmean(rarities)

    def fit(self, x: list[float]) -> None:
        if all(isnan(value) for value in x):
            return
        self.rows.append(x)
        if self.ranges:
            self.count(x)
        if len(self.rows) == self.room:
            self.end_window([usual_range(column) for column in zip(*self.rows)])

    def count(self, x: list[float]) -> None:
        self.now.update((c, cell) for c, cells in enumerate(self.cells(x)) for cell in cells)

    def project(self, x: list[float]) -> list[float]:
        gaps = [
            0.0 if isnan(value) else (value - (low + high) / 2) / width_of(low, high)
            for value, (low, high) in zip(x, self.ranges)
        ]
        return [
            sum(weights[p] * gap for weights, gap in zip(self.weights, gaps))
            for p in range(self.n_projections)
        ]

    def cells(self, x: list[float]) -> list[list[Cell]]:
        """For each chain the cells from level to level: the last bin of each projection cut."""
        values = [value / width for value, width in zip(self.project(x), self.widths)]
        found = []
        for cuts in self.chains:
            bins: dict[int, int] = {}
            times = Counter[int]()
            path = []
            for p in cuts:
                bins[p] = floor(values[p] * 2.0 ** times[p] + self.shifts[id(cuts), p])
                times[p] += 1
                path.append((*sorted(bins.items()), (-1, len(path))))
            found.append(path)
        return found

    def end_window(self, ranges: list[Range]) -> None:
        longer = len(self.rows) != self.n_before
        if longer or any(map(differs, self.ranges, ranges)):
            self.n_measured += 1
            if not self.ranges:
                self.choose(len(ranges))
            self.ranges = ranges
            columns = zip(*(self.project(x) for x in self.rows))
            self.widths = [width_of(*usual_range(column)) / 2 for column in columns]
            self.now.clear()
            for x in self.rows:
                self.count(x)
        self.before, self.now = self.now, Counter()
        self.n_before, self.rows = len(self.rows), []
        self.room = min(2 * self.room, self.window)

    def choose(self, n_features: int) -> None:
        self.chains, self.shifts = list[list[int]](), dict[tuple[int, int], float]()
        for _ in range(self.n_chains):
            cuts = list[int]()
            for _ in range(self.depth):
                p, shift = below(self.random, 0, self.n_projections), uniform(self.random, 0)
                cuts.append(p)
                self.shifts.setdefault((id(cuts), p), shift)
            self.chains.append(cuts)
        self.weights = [[self.draw() for _ in range(self.n_projections)] for _ in range(n_features)]

    def draw(self) -> float:
        u = uniform(self.random, 0)
        return -1.0 if u < 1 / 6 else 1.0 if u < 1 / 3 else 0.0
