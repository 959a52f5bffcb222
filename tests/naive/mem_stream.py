"""MemStream in plain Python, around the naive network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from onlineml.kernels.random import normal
from tests.naive.mlp import Network


class Faded:
    """Mean and variance that forget, of values cut to `clip` deviations."""

    def __init__(self, least: float, clip: float) -> None:
        self.least, self.clip, self.n, self.mean, self.variance = least, clip, 0, 0.0, 0.0

    def add(self, value: float) -> None:
        self.n += 1
        step, gap = max(1 / self.n, self.least), value - self.mean
        if self.n > 20 and self.variance > 1e-24:
            most = self.clip * math.sqrt(self.variance)
            gap = min(max(gap, -most), most)
        self.mean += step * gap
        self.variance = (1 - step) * (self.variance + step * gap**2)


class MemStream:
    def __init__(
        self, n: int, net: Network, size: int, k: int, discount: float, beta: float, one_in: int,
        noise: float, n_passes: int, fading: float,
    ) -> None:  # fmt: skip
        self.net, self.size, self.k, self.discount, self.beta = net, size, k, discount, beta
        self.one_in, self.noise, self.n_passes = one_in, noise, n_passes
        self.features = [Faded(1 - fading, 10.0) for _ in range(n)]
        self.scores = Faded(1 / size, 3.0)
        self.rows: list[Any] = [None] * size
        self.codes: list[Any] = [None] * size
        self.scale: Any = [(0.0, 0.0)] * n
        self.next, self.new, self.room, self.strange, self.trained = 0, 0, 16, 0, False
        for _ in range(n):
            net.add_output()

    def entries(self, x: Any) -> dict[int, float]:
        return {
            j: min(max((v - mean) / std, -10.0), 10.0)
            for j, (v, (mean, std)) in enumerate(zip(x, self.scale))
            if std > 0 and not math.isnan(v)
        }

    def code(self, x: Any) -> Any:
        row = self.entries(x)
        if not row:
            return None
        self.net.forward(row)
        return np.array([self.net.act(s) for s in self.net.sums[len(self.net.hidden) // 2]])

    def score(self, x: Any) -> float:
        code = self.code(x)
        if code is None or not self.trained:
            return 0.0
        return self.distance(code, [c for c in self.codes if c is not None])

    def distance(self, code: Any, others: Any) -> float:
        nearest = sorted(np.abs(c - code).sum() for c in others)[: self.k]
        return float(np.average(nearest, weights=self.discount ** np.arange(len(nearest))))

    def fit(self, x: Any) -> None:
        if np.isnan(x).all():
            return
        score = self.score(x)
        usual = self.scores.mean + self.beta * math.sqrt(self.scores.variance)
        strange = score > 0 and score > usual
        if score > 0:
            self.scores.add(score)
        self.strange += strange
        if not strange or self.strange % self.one_in == 0:
            self.remember(x)
        for value, faded in zip(x, self.features):
            if not math.isnan(value):
                faded.add(value)

    def remember(self, x: Any) -> None:
        self.rows[self.next], self.codes[self.next] = x, self.code(x)
        self.next = (self.next + 1) % self.size
        self.new += 1
        if self.new < min(self.room, self.size):
            return
        self.new, self.room, self.trained = 0, min(2 * self.room, 2 * self.size), True
        self.scale = [
            (f.mean, math.sqrt(f.variance) if f.variance > 1e-24 else 0.0) for f in self.features
        ]
        kept = [row for row in self.rows if row is not None]
        for _ in range(self.n_passes):
            for row in kept:
                self.train(row)
        for i, row in enumerate(kept):
            self.codes[i] = self.code(row)
        self.scores = Faded(1 / self.size, 3.0)
        for i in range(len(kept)):
            score = self.distance(self.codes[i], self.codes[:i] + self.codes[i + 1 : len(kept)])
            if score > 0:
                self.scores.add(score)

    def train(self, x: Any) -> None:
        clean = self.entries(x)
        if not clean:
            return
        noisy = {j: z + self.noise * normal(self.net.random, 0) for j, z in clean.items()}
        self.net.meet(noisy)
        found, slopes = self.net.forward(noisy), [0.0] * len(x)
        for j, z in clean.items():
            slopes[j] = found[j] - z
        self.net.learn(noisy, slopes, 1.0, sum(s * s for s in slopes) / 2)
