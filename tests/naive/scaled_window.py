"""The last rows, each feature measured in its faded, cut deviation; all distances anew."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class ScaledWindow:
    def __init__(self, n_features: int, size: int, scaled: bool = True) -> None:
        self.size, self.scaled = size, scaled
        self.past = np.empty((0, n_features))
        self.n, self.mean, self.variance = (np.zeros(n_features) for _ in "123")

    def squares(self, x: Array) -> Array:
        """Squared distances to the rows of the window, the oldest first."""
        squares = np.zeros(len(self.past))
        for j in np.flatnonzero(~np.isnan(x)):
            spread = self.variance[j] if self.scaled else 1.0
            if spread > 0:
                gap = (self.past[:, j] - x[j]) ** 2 / spread
                missing = 2.0 if self.scaled else 2.0 * self.variance[j]
                squares += np.where(np.isnan(gap), missing, gap)
        return squares

    def fit(self, x: Array) -> None:
        self.past = np.vstack([self.past, x])[-self.size :]
        for j in np.flatnonzero(~np.isnan(x)):
            self.n[j] += 1
            step, gap = max(1 / self.n[j], 1 / self.size), x[j] - self.mean[j]
            if self.n[j] > 20 and self.variance[j] > 1e-24:
                most = 10 * self.variance[j] ** 0.5
                gap = np.clip(gap, -most, most)
            self.mean[j] += step * gap
            self.variance[j] = (1 - step) * (self.variance[j] + step * gap**2)


class ExactStorm:
    """Angiulli, Fassetti 2007, with a radius taken from the window."""

    def __init__(self, n_features: int, sample: int, size: int, quantile: float) -> None:
        self.window = ScaledWindow(n_features, size)
        self.half, self.size, self.quantile = sample // 2, size, quantile
        self.reaches: list[float] = []  # squared distances to the nearest of the rows around
        self.radius = -1.0
        self.since, self.due = 0, 0

    def score(self, x: Array) -> float:
        squares = self.window.squares(x)
        if self.radius < 0:
            return 0.0
        nearest = squares.min()
        part = 1 - self.radius / nearest if nearest > self.radius else 0.0
        return float((np.sum(squares > self.radius) + part) / (len(squares) + 1))

    def fit(self, x: Array) -> None:
        if np.isnan(x).all():
            return
        squares = self.window.squares(x)
        reach, n = np.inf, len(squares)
        for i in range(max(n - self.half, 0), n):
            reach = min(reach, squares[i])
            self.reaches[i] = min(self.reaches[i], squares[i])
        self.reaches = [*self.reaches, reach][-self.size :]
        self.window.fit(x)
        self.since += 1
        if self.since >= self.due:
            self.since, self.due = 0, max(len(self.reaches) // 8, 1)
            known = sorted(reach for reach in self.reaches if reach < np.inf)
            if known:
                self.radius = known[min(int(self.quantile * len(known)), len(known) - 1)]
