"""Transforms that keep every row and compute from all of them, each time anew."""

from typing import Any

import numpy as np


class Past:
    """The rows so far with their weights; `nominal` columns hold codes."""

    def __init__(self, nominal: Any) -> None:
        self.nominal, self.rows, self.weights = nominal, [], []
        self.shown: dict[int, float] = {}

    def fit_one(self, x: Any, weight: float) -> None:
        for j in self.nominal:
            if not np.isnan(x[j]):
                self.shown[j] = max(self.shown.get(j, 0.0), x[j])
        if weight > 0:
            self.rows.append(x)
            self.weights.append(weight)

    def column(self, j: int) -> tuple[Any, Any]:
        values = np.array([row[j] for row in self.rows])
        known = ~np.isnan(values)
        return values[known], np.array(self.weights)[known]

    def passed(self, j: int, value: float) -> float:
        """A code that no row has shown counts as missing."""
        return value if value <= self.shown.get(j, -1.0) else np.nan

    def standardized(self, x: Any) -> list[float]:
        return [self._standardized(j, value) for j, value in enumerate(x)]

    def _standardized(self, j: int, value: float) -> float:
        if j in self.nominal or np.isnan(value):
            return self.passed(j, value)
        values, weights = self.column(j)
        if len(values) == 0 or np.ptp(values) == 0:
            return 0.0
        mean = np.average(values, weights=weights)
        return float((value - mean) / np.sqrt(np.average((values - mean) ** 2, weights=weights)))

    def between(self, x: Any, clip: bool) -> list[float]:
        return [self._between(j, value, clip) for j, value in enumerate(x)]

    def _between(self, j: int, value: float, clip: bool) -> float:
        if j in self.nominal or np.isnan(value):
            return self.passed(j, value)
        values, _ = self.column(j)
        if len(values) == 0 or np.ptp(values) == 0:
            return 0.0
        share = (value - values.min()) / (values.max() - values.min())
        return float(np.clip(share, 0, 1)) if clip else share

    def imputed(self, x: Any) -> list[float]:
        return [self._imputed(j, value) for j, value in enumerate(x)]

    def _imputed(self, j: int, value: float) -> float:
        value = self.passed(j, value) if j in self.nominal else value
        values, weights = self.column(j)
        if not np.isnan(value) or len(values) == 0:
            return value
        if j not in self.nominal:
            return float(np.average(values, weights=weights))
        counts = {v: weights[values == v].sum() for v in values}
        most = [v for v, count in counts.items() if count == max(counts.values())]
        return min(most)

    def encoded(self, x: Any, columns: Any, width: int) -> list[float]:
        new: list[float] = []
        for j, value in enumerate(x):
            value = self.passed(j, value) if j in self.nominal else value
            if j not in columns:
                new.append(value)
                continue
            known = list(dict.fromkeys(self.column(j)[0].tolist()))[: width - 1]
            slot = known.index(value) if value in known else width - 1
            new += [float(k == slot and not np.isnan(value)) for k in range(width)]
        return new
