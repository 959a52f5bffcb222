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

    def __init__(self, n_features: int, k: int, size: int, quantile: float) -> None:
        self.window = ScaledWindow(n_features, size)
        self.k, self.size, self.quantile = k, size, quantile
        self.reaches: list[float] = []
        self.radius = -1.0
        self.next = min(32, size)
        self.n = 0

    def score(self, x: Array) -> float:
        squares = self.window.squares(x)
        if self.radius < 0:
            return 0.0
        return float(np.mean(squares > self.radius))

    def fit(self, x: Array) -> None:
        if np.isnan(x).all():
            return
        squares = np.sort(self.window.squares(x))
        self.reaches.append(squares[self.k - 1] if len(squares) >= self.k else np.inf)
        self.reaches = self.reaches[-self.size :]
        self.window.fit(x)
        self.n += 1
        if self.n == self.next:
            self.next += max(min(self.size // 8, len(self.reaches)), 1)
            known = sorted(reach for reach in self.reaches if reach < np.inf)
            if known:
                self.radius = known[min(int(self.quantile * len(known)), len(known) - 1)]
