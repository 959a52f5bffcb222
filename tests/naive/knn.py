"""Nearest neighbors among the last rows, by sorting all of them."""

import math
from typing import Any

import numpy as np


class Neighbors:
    def __init__(self, nominal: Any, k: int, size: int, by_distance: bool, scaled: bool) -> None:
        self.nominal, self.k, self.size = nominal, k, size
        self.by_distance, self.scaled = by_distance, scaled
        self.seen: list[Any] = []
        self.rows: list[tuple[Any, Any, float]] = []

    def fit_one(self, x: Any, y: Any, weight: float) -> None:
        if y not in self.seen:
            self.seen.append(y)
        if weight > 0:
            self.rows = [*self.rows, (np.array(x), y, weight)][-self.size :]

    def votes(self, x: Any) -> list[tuple[Any, float]]:
        """Labels of the neighbors and what they count."""
        newest_first = [(self.distance(x, row), y, w) for row, y, w in reversed(self.rows)]
        chosen = sorted(newest_first, key=lambda row: row[0])[: self.k]
        return [(y, w / max(d, 1e-100) if self.by_distance else w) for d, y, w in chosen]

    def distance(self, x: Any, row: Any) -> float:
        total = 0.0
        for j, value in enumerate(x):
            column = np.array([past[j] for past, _, _ in self.rows])
            if math.isnan(value):
                continue
            if j in self.nominal:
                total += 0.0 if row[j] == value else 2.0
                continue
            column = column[~np.isnan(column)]
            variance = column.var() if len(column) else 0.0
            if self.scaled and variance == 0:
                continue
            square = 2 * variance if math.isnan(row[j]) else (row[j] - value) ** 2
            total += square / variance if self.scaled else square
        return math.sqrt(total)

    def predict_proba_one(self, x: Any) -> list[float]:
        shares = [sum(w for label, w in self.votes(x) if label == y) for y in self.seen]
        total = sum(shares)
        return [share / total if total else 1 / len(shares) for share in shares]

    def predict_one(self, x: Any) -> float:
        votes = self.votes(x)
        total = sum(w for _, w in votes)
        return sum(y * w for y, w in votes) / total if total else 0.0
