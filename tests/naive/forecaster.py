"""Forecasts row by row, each step's regressor and interval by the book."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Forecaster:
    def __init__(
        self, base: Any, horizon: int, n_lags: int, coverage: float, gammas: Any, window: int,
        span: int = 500,
    ) -> None:  # fmt: skip
        self.members = [base.clone() for _ in range(horizon)]
        self.n_lags, self.window, self.gammas, self.share = n_lags, window, gammas, 1 - coverage
        self.series: list[float] = []
        self.errors: list[list[float]] = [[] for _ in range(horizon)]
        self.aims = [[self.share] * len(gammas) for _ in range(horizon)]
        self.weights = [[1 / len(gammas)] * len(gammas) for _ in range(horizon)]
        a = self.share
        squared = ((1 - a) ** 2 * a**3 + a**2 * (1 - a) ** 3) / 3
        self.eta = math.sqrt((math.log(2 * len(gammas) * span) + 1) / (span * squared))
        self.sigma = 1 / (2 * span)
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
        return self.half_at(s, sum(w * a for w, a in zip(self.weights[s], self.aims[s])))

    def half_at(self, s: int, miss: float) -> float:
        errors = sorted(self.errors[s][-self.window :])
        rank = math.ceil((len(errors) + 1) * (1 - miss))
        if rank > len(errors):
            return math.inf
        return errors[rank - 1] if rank > 0 else 0.0

    def aim_anew(self, s: int, error: float) -> None:
        errors, share = self.errors[s][-self.window :], self.share
        highest = 1 - sum(e < error for e in errors) / (len(errors) + 1)
        gaps = [highest - aim for aim in self.aims[s]]
        losses = [share * gap if gap > 0 else (share - 1) * gap for gap in gaps]
        raw = [w * math.exp(-self.eta * loss) for w, loss in zip(self.weights[s], losses)]
        self.weights[s] = [(1 - self.sigma) * w / sum(raw) + self.sigma / len(raw) for w in raw]
        self.aims[s] = [
            aim + gamma * (share - (error > self.half_at(s, aim)))
            for aim, gamma in zip(self.aims[s], self.gammas)
        ]

    def fit(self, x: Any, y: float) -> None:
        for s, member in enumerate(self.members):
            row = self.inputs(x, len(self.series), s + 1)
            error = abs(y - member.predict_one(row))
            self.n_missed[s] += error > self.half(s)
            self.aim_anew(s, error)
            self.errors[s].append(error)
            member.fit_one(row, y)
        self.series.append(y)
