"""Streaming peaks over threshold, by sorting and by a general optimizer."""

from collections import deque
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar


def fit(peaks: Any) -> tuple[float, float]:
    """Shape >= 0 and scale of the generalized Pareto distribution, the top fifth censored."""
    n_cut = int(0.2 * len(peaks))
    whole = np.sort(peaks)[: len(peaks) - n_cut]
    scale = float((whole.sum() + n_cut * whole[-1]) / len(whole))

    def shape_at(theta: float) -> float:
        return float(
            (np.log1p(theta * whole).sum() + n_cut * np.log1p(theta * whole[-1])) / len(whole)
        )

    def loss(log_theta: float) -> float:
        theta = np.exp(log_theta)
        shape = shape_at(theta)
        density = -np.log(shape / theta) - (1 + 1 / shape) * np.log1p(theta * whole)
        tail = -np.log1p(theta * whole[-1]) / shape
        likelihood = density.sum() + n_cut * tail - 0.5 * (shape / 0.2) ** 2
        return float(-likelihood / len(whole))

    places = np.log(1e-3 / scale) + np.log(2) * np.arange(24)
    losses = [loss(place) for place in places]
    if min(losses) >= np.log(scale) + 1:
        return 0.0, scale
    at = places[int(np.argmin(losses))]
    best = minimize_scalar(loss, bounds=(at - np.log(2), at + np.log(2)), options={"xatol": 1e-10})
    theta = float(np.exp(best.x))
    return shape_at(theta), shape_at(theta) / theta


class DSPOT:
    """One series."""

    def __init__(self, window: int, level: float, n_peaks: int, q: float, depth: int):
        self.values: Any = deque(maxlen=window)
        self.peaks: Any = deque(maxlen=n_peaks)
        self.recent: Any = deque(maxlen=depth)
        self.level, self.q, self.strange, self.n = level, q, 0, 0

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
        shape, scale = self.tail
        y = (x - begin) / scale
        return float(
            1 - self.share(begin) * (np.exp(-y) if shape == 0 else (1 + shape * y) ** (-1 / shape))
        )

    def learn(self, x: float) -> None:
        local, begin, most = self.local(), self.begin(), np.inf
        x -= local
        if np.isfinite(begin) and len(self.peaks) >= 10:
            shape, scale = self.tail
            odds = max(self.share(begin) / self.q, 1.0)
            far = np.log(odds) if shape == 0 else (odds**shape - 1) / shape
            most = begin + scale * far
        self.recent.append(min(x, most) + local)
        self.strange += x > most
        if x > most and self.strange % 10:
            return
        if begin < x <= most:
            self.peaks.append(x - begin)
            if self.n % min(1 + self.n // 16, 16) == 0:
                self.tail = fit(np.array(self.peaks))
            self.n += 1
        self.values.append(x)
