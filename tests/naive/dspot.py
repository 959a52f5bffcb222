"""Streaming peaks over threshold, by sorting and by a general optimizer."""

from collections import deque
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar


def likelihood_fit(peaks: Any) -> tuple[float, float]:
    """Shape and scale of the generalized Pareto distribution, shape >= 0, by likelihood."""

    def loss(log_theta: float) -> float:
        theta = np.exp(log_theta)
        shape = np.log1p(theta * peaks).mean()
        return float(np.log(shape / theta) + shape)

    scaled = np.arange(np.log(1e-3), np.log(2e4), np.log(2)) - np.log(peaks.mean())
    losses = [loss(place) for place in scaled]
    if min(losses) >= np.log(peaks.mean()):
        return 0.0, float(peaks.mean())
    at = scaled[int(np.argmin(losses))]
    best = minimize_scalar(loss, bounds=(at - np.log(2), at + np.log(2)), options={"xatol": 1e-10})
    theta = np.exp(best.x)
    shape = float(np.log1p(theta * peaks).mean())
    return shape, shape / float(theta)


def moments_fit(peaks: Any) -> tuple[float, float]:
    """The same by mean and variance."""
    mean, variance = float(peaks.mean()), float(peaks.var())
    shape = max(0.5 * (1 - mean**2 / variance), 0.0) if variance > 0 else 0.0
    return shape, mean * (1 - shape)


class DSPOT:
    """One series."""

    def __init__(self, window: int, level: float, n_peaks: int, q: float, depth: int, fit: Any):
        self.values: Any = deque(maxlen=window)
        self.peaks: Any = deque(maxlen=n_peaks)
        self.recent: Any = deque(maxlen=depth)
        self.level, self.q, self.fit = level, q, fit

    def begin(self) -> float:
        n = len(self.values)
        known = n * (1 - self.level) >= 1
        return float(sorted(self.values)[int(self.level * n)]) if known else np.inf

    def share(self, x: float) -> float:
        return float((1 + sum(v >= x for v in self.values)) / (1 + len(self.values)))

    def local(self) -> float:
        return float(np.mean(self.recent)) if self.recent else 0.0

    def score(self, x: float) -> float:
        """One minus the probability of a value not below `x`."""
        x, begin = x - self.local(), self.begin()
        if x <= begin or len(self.peaks) < 10:
            return 1 - self.share(x)
        shape, scale = self.fit(np.array(self.peaks))
        y = (x - begin) / scale
        return float(
            1 - self.share(begin) * (np.exp(-y) if shape == 0 else (1 + shape * y) ** (-1 / shape))
        )

    def learn(self, x: float) -> None:
        local, begin = self.local(), self.begin()
        x -= local
        if np.isfinite(begin) and len(self.peaks) >= 10:
            shape, scale = self.fit(np.array(self.peaks))
            odds = max(self.share(begin) / self.q, 1.0)
            far = np.log(odds) if shape == 0 else (odds**shape - 1) / shape
            x = min(x, begin + scale * far)
        if x > begin:
            self.peaks.append(x - begin)
        self.values.append(x)
        self.recent.append(x + local)
