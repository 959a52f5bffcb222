"""Streaming peaks over threshold, by sorting and by a general optimizer."""

from collections import deque
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar


def fit(peaks: Any) -> tuple[float, float, float]:
    """The tail without those of the top fifth that it takes for none of its values."""
    heights = np.sort(peaks)
    n, n_whole = len(peaks), len(peaks) - int(0.2 * len(peaks))
    for _ in range(4):
        tail = fit_lower(heights[:n_whole], n - n_whole)
        p = np.array([share_of(y, tail) for y in heights[n_whole:n]])
        p /= share_of(heights[n_whole - 1], tail)
        beyond = [i for i in range(len(p)) if p[i] * len(p) <= 0.1 * (len(p) - i)]
        if not beyond:
            break
        n = n_whole + beyond[0]
    return tail


def share_of(y: float, tail: tuple[float, float, float]) -> float:
    """Share of the peaks that are as high as `y`."""
    shape, scale, bend = tail
    y = y / scale
    light = np.exp(-y - bend * y * y)
    return float(light if shape == 0 else (1 + shape * y) ** (-1 / shape))


def fit_lower(whole: Any, n_cut: int) -> tuple[float, float, float]:
    """Shape, scale and bend of a tail, `n_cut` peaks censored.

    Its hazard falls (generalized Pareto), stays, or rises along a line of slope 2 bend / scale^2.
    """
    n, last = len(whole), whole[-1]
    scale = float((whole.sum() + n_cut * last) / n)
    squares = float((whole**2).sum() + n_cut * last**2)

    def shape_at(theta: float) -> float:
        return float((np.log1p(theta * whole).sum() + n_cut * np.log1p(theta * last)) / n)

    def heavier(log_theta: float) -> float:
        theta = np.exp(log_theta) / scale
        shape = shape_at(theta)
        density = -np.log(shape / theta) - (1 + 1 / shape) * np.log1p(theta * whole)
        tail = -np.log1p(theta * last) / shape
        likelihood = density.sum() + n_cut * tail - 0.5 * (shape / 0.2) ** 2
        return float(-likelihood / n)

    def rate_at(form: float) -> float:  # of a hazard rate * (1 + 2 * form * y / scale)
        return float(n / (n * scale + form * squares / scale))

    def lighter(log_form: float) -> float:
        form = float(np.exp(log_form))
        density = np.log(rate_at(form) * (1 + 2 * form * whole / scale)).sum()
        left = rate_at(form) * (n * scale + form * squares / scale)
        return float(-(density - left - 0.5 * (form / 0.2) ** 2) / n)

    (a, loss_a), (b, loss_b) = best(heavier), best(lighter)
    if min(loss_a, loss_b) >= np.log(scale) + 1:
        return 0.0, scale, 0.0
    if loss_a < loss_b:
        shape = shape_at(a / scale)
        return shape, shape * scale / a, 0.0
    return 0.0, 1 / rate_at(b), b / rate_at(b) / scale


def best(loss: Any) -> tuple[float, float]:
    places = np.log(1e-3) + np.log(2) * np.arange(24)
    losses = [loss(place) for place in places]
    at = places[int(np.argmin(losses))]
    found = minimize_scalar(loss, bounds=(at - np.log(2), at + np.log(2)), options={"xatol": 1e-10})
    return float(np.exp(found.x)), min(losses)


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
        return 1 - self.share(begin) * share_of(x - begin, self.tail)

    def learn(self, x: float) -> None:
        local, begin, most = self.local(), self.begin(), np.inf
        x -= local
        if np.isfinite(begin) and len(self.peaks) >= 10:
            shape, scale, bend = self.tail
            odds = max(self.share(begin) / self.q, 1.0)
            light = max(np.roots([bend, 1.0, -np.log(odds)])) if bend else np.log(odds)
            far = light if shape == 0 else (odds**shape - 1) / shape
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
