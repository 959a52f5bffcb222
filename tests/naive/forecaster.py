"""Forecasts row by row, each step's regressor and interval by the book."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Forecaster:
    def __init__(
        self, base: Any, horizon: int, n_lags: int, coverage: float, gamma: float, window: int
    ) -> None:
        self.members = [base.clone() for _ in range(horizon)]
        self.n_lags, self.window, self.gamma, self.share = n_lags, window, gamma, 1 - coverage
        self.series: list[float] = []
        self.errors: list[list[float]] = [[] for _ in range(horizon)]
        self.misses = [self.share] * horizon
        self.n_missed = [0] * horizon

    def inputs(self, x: Any, now: int, steps: int) -> Any:
        """Targets up to `steps` before that of place `now`, the last one first; then the row."""
        places = [now - steps - k for k in range(self.n_lags)]
        return np.array([self.series[i] if i >= 0 else np.nan for i in places] + list(x))

    def forecast(self, rows: Any) -> list[float]:
        now = len(self.series)
        return [
            self.members[s].predict_one(self.inputs(x, now + s, s + 1)) for s, x in enumerate(rows)
        ]

    def half(self, s: int) -> float:
        errors = sorted(self.errors[s][-self.window :])
        rank = math.ceil((len(errors) + 1) * (1 - self.misses[s]))
        if rank > len(errors):
            return math.inf
        return errors[rank - 1] if rank > 0 else 0.0

    def fit(self, x: Any, y: float) -> None:
        for s, member in enumerate(self.members):
            row = self.inputs(x, len(self.series), s + 1)
            error = abs(y - member.predict_one(row))
            missed = error > self.half(s)
            self.n_missed[s] += missed
            self.misses[s] += self.gamma * (self.share - missed)
            self.errors[s].append(error)
            member.fit_one(row, y)
        self.series.append(y)
