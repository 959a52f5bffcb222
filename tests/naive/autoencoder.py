"""The autoencoder in plain Python, around the naive network."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tests.naive.faded import meet, share, strangeness
from tests.naive.mlp import Network

Array = npt.NDArray[np.float64]


class Autoencoder:
    def __init__(self, n: int, net: Network, fading: float) -> None:
        self.net, self.least = net, 1 - fading
        self.n, self.mean, self.variance, self.left = (np.zeros(n) for _ in "1234")
        for _ in range(n):
            net.add_output()

    def standard(self, x: Array, most: float) -> dict[int, float]:
        return {
            j: float(np.clip((x[j] - self.mean[j]) / math.sqrt(self.variance[j]), -most, most))
            for j in range(len(x))
            if self.variance[j] > 1e-24 and not math.isnan(x[j])
        }

    def contributions(self, x: Array) -> Array:
        found, parts = self.net.forward(self.standard(x, 10.0)), np.zeros(len(x))
        for j, z in self.standard(x, 100.0).items():
            if self.left[j] > 0:
                parts[j] = (z - found[j]) ** 2 / max(self.left[j], 1e-3)
        shares: Array = strangeness(parts)
        return shares

    def score(self, x: Array) -> float:
        return float(self.contributions(x).sum())

    def fit(self, x: Array, w: float) -> None:
        if np.isnan(x).all() or w == 0:
            return
        row = self.standard(x, 3.0)
        self.net.meet(row)
        found, slopes, loss = self.net.forward(row), [0.0] * len(x), 0.0
        for j, z in row.items():
            rest = found[j] - z
            slopes[j], loss = w * rest, loss + w * rest**2 / 2
            step = share(w / (self.n[j] + w), w, self.least)
            self.left[j] += step * (min(rest**2, 9.0) - self.left[j])
        self.net.learn(row, slopes, w, loss)
        meet(self.n, self.mean, self.variance, x, w, self.least)
