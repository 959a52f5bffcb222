"""LODA in plain Python: each projection keeps its events, and their bins are counted anew."""

from __future__ import annotations

from math import isnan, isqrt, log, sqrt
from statistics import fmean, variance

import numpy as np

from onlineml.kernels.random import below, normal, seeded
from tests.naive.usual_range import Range, differs, usual_range, width_of


class Cut:
    """One projection; `events` are (projected value, mass)."""

    def __init__(self, places: list[int], weights: list[float]) -> None:
        self.places, self.weights = places, weights
        self.events: list[tuple[float, float]] = []

    def project(self, x: list[float]) -> float:
        return sum(w / width * x[j] for j, w, width in zip(self.places, self.weights, self.widths))

    def bin(self, value: float, n_bins: int) -> int:
        return int(min(max((value - self.low) / self.width * n_bins + 1, 0), n_bins + 1))

    def masses(self, n_bins: int) -> list[float]:
        found = [0.0] * (n_bins + 2)
        for value, mass in self.events:
            found[self.bin(value, n_bins)] += mass
        return found

    def start(self, rows: list[list[float]], ranges: list[Range]) -> None:
        self.widths = [width_of(*ranges[j]) for j in self.places]
        values = [self.project(x) for x in rows]
        low, high = usual_range(values)
        self.width = 1.5 * width_of(low, high)
        self.low = (low + high - self.width) / 2
        self.events = [(value, 1.0) for value in values if not isnan(value)]


class LODA:
    """Pevny 2016, with events that fade."""

    def __init__(self, n_cuts: int, n_bins: int, window: int, fading: float, seed: int) -> None:
        self.n_cuts, self.n_bins, self.window, self.fading = n_cuts, n_bins, window, fading
        self.random = seeded(seed, 1)
        self.room, self.n_before = min(8, window), 0
        self.rows: list[list[float]] = []
        self.ranges: list[Range] = []
        self.cuts: list[Cut] = []
        self.n_anew = 0

    def rarities(self, x: list[float]) -> list[tuple[Cut, float]]:
        found = []
        for cut in self.cuts:
            value = cut.project(x)
            if not isnan(value):
                masses = cut.masses(self.n_bins)
                mass = masses[cut.bin(value, self.n_bins)] + 0.1
                found.append((cut, log(sum(masses) + 0.1 * len(masses)) - log(mass)))
        return found

    def score(self, x: list[float]) -> float:
        rarities = [value for _, value in self.rarities(x)]
        return fmean(rarities) if rarities else 0.0

    def contributions(self, x: list[float]) -> list[float]:
        found = []
        for j in range(len(x)):
            own = [value for cut, value in self.rarities(x) if j in cut.places]
            others = [value for cut, value in self.rarities(x) if j not in cut.places]
            if len(own) < 2 or len(others) < 2:
                found.append(0.0)
                continue
            noise = variance(own) / len(own) + variance(others) / len(others)
            found.append((fmean(own) - fmean(others)) / sqrt(noise + 1e-12))
        return found

    def fit(self, x: list[float], weight: float = 1.0) -> None:
        if all(isnan(value) for value in x) or weight == 0:
            return
        for cut in self.cuts:
            value = cut.project(x)
            if not isnan(value):
                cut.events.append((value, weight))
        self.rows.append(x)
        for cut in self.cuts:
            cut.events = [(value, mass * self.fading) for value, mass in cut.events]
        if len(self.rows) == self.room:
            self.look(self.rows)
            self.rows = []

    def look(self, rows: list[list[float]]) -> None:
        ranges = [usual_range(column) for column in zip(*rows)]
        everything = len(rows) != self.n_before or any(map(differs, self.ranges, ranges))
        self.n_before, self.room = len(rows), min(2 * self.room, self.window)
        if not self.ranges:
            self.cuts = [self.cut(len(ranges)) for _ in range(self.n_cuts)]
        if everything:
            self.ranges = ranges
        for cut in self.cuts:
            masses = np.array(cut.masses(self.n_bins)) if cut.events else np.ones(2)
            outside = masses[0] + masses[-1]
            if everything or outside > 0.1 * masses.sum() or masses.max() > 0.9 * masses.sum():
                self.n_anew += 1
                cut.start(rows, self.ranges)

    def cut(self, n_features: int) -> Cut:
        places, weights = list[int](), list[float]()
        for _ in range(isqrt(n_features)):
            j = below(self.random, 0, n_features)
            while j in places:
                j = below(self.random, 0, n_features)
            places.append(j)
            weights.append(normal(self.random, 0))
        return Cut(places, weights)
