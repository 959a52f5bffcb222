"""Naive Bayes in plain Python: dictionaries, one formula after the other."""

import math
from collections import defaultdict
from typing import Any

import numpy as np


class GaussianNB:
    def __init__(self, nominal: set[int], floor: float = 1e-12) -> None:
        self.nominal, self.floor = nominal, floor
        self.weight: dict[Any, float] = {}
        self.values: dict[tuple[Any, int], list[tuple[float, float]]] = defaultdict(list)

    def fit_one(self, x: Any, y: Any, weight: float = 1.0) -> None:
        self.weight[y] = self.weight.get(y, 0.0) + weight
        for j, value in enumerate(x):
            if not math.isnan(value) and weight > 0:
                self.values[y, j].append((value, weight))

    def predict_proba_one(self, x: Any) -> list[float]:
        scores = [self._score(x, y) for y in self.weight]
        shares = [math.exp(score - max(scores)) for score in scores]
        return [share / sum(shares) for share in shares]

    def _score(self, x: Any, y: Any) -> float:
        total = math.log(self.weight[y])
        for j, value in enumerate(x):
            known = self._known(j)
            if math.isnan(value) or (j in self.nominal and value > max(known, default=-1)):
                continue
            seen = self.values[y, j]
            if not seen:
                total += -690.0
            elif j in self.nominal:
                n = sum(w for _, w in seen)
                n_values = max(known) + 1
                total += math.log((sum(w for v, w in seen if v == value) + 1) / (n + n_values))
            else:
                total += self._log_gaussian(value, seen)
        return total

    def _known(self, j: int) -> set[float]:
        return {v for (_, column), seen in self.values.items() if column == j for v, _ in seen}

    def _log_gaussian(self, value: float, seen: list[tuple[float, float]]) -> float:
        values, weights = np.array(seen).T
        n = weights.sum()
        mean = (weights * values).sum() / n
        variance = (weights * (values - mean) ** 2).sum() / (n - 1) if n > 1 else 0.0
        if variance > self.floor:
            return float(
                -((value - mean) ** 2) / (2 * variance) - 0.5 * math.log(2 * math.pi * variance)
            )
        return 0.0 if (value - mean) ** 2 <= self.floor else -690.0
