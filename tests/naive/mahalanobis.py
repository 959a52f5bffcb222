"""Mahalanobis distances in plain numpy: explicit matrices, inverted anew for every row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tests.naive.faded import share as faded_share

Array = npt.NDArray[np.float64]


class Mahalanobis:
    def __init__(self, n_features: int, fading: float, rank: int | None, clip: float) -> None:
        self.least, self.rank, self.clip = 1 - fading, rank, clip
        self.n_rows = self.since = 0
        self.n, self.mean = np.zeros((n_features, n_features)), np.zeros(n_features)
        self.std = np.zeros(n_features)
        self.covariance = np.zeros((n_features, n_features))
        self.shrunk_matrix = np.zeros((n_features, n_features))
        self.second = [np.zeros(n_features) for _ in range(rank or 0)]
        self.axes = [np.zeros(n_features) for _ in range(rank or 0)]
        self.spreads = [0.0] * (rank or 0)
        self.rest = 0.0

    def shrinkage(self) -> float:
        size = len(self.mean)
        return float(size / (size + min(self.n_rows, 1 / self.least if self.least else np.inf)))

    def standardized(self, x: Array) -> tuple[Array, Any]:
        known = (self.std > 0) & ~np.isnan(x)
        z = np.zeros(len(x))
        z[known] = (x - self.mean)[known] / self.std[known]
        return z, np.flatnonzero(known)

    def precision(self, known: Any) -> Array:
        if self.rank is None:
            return np.linalg.inv(self.shrunk_matrix[np.ix_(known, known)])
        shrunk = self.shrinkage()
        active = [i for i in range(self.rank) if self.spreads[i] > 0]
        across = np.eye(len(self.mean)) - sum(
            (np.outer(self.axes[i], self.axes[i]) for i in active), np.zeros((1, 1))
        )
        matrix = across / ((1 - shrunk) * self.rest + shrunk)
        for i in active:
            variance = (1 - shrunk) * self.spreads[i] + shrunk
            matrix = matrix + np.outer(self.axes[i], self.axes[i]) / variance
        return matrix[np.ix_(known, known)]

    def contributions(self, x: Array) -> tuple[float, Array]:
        z, known = self.standardized(x)
        parts = np.zeros(len(x))
        if not len(known):
            return 0.0, parts
        parts[known] = z[known] * (self.precision(known) @ z[known])
        distance = float(np.sqrt(max(parts.sum(), 0.0)))
        return distance, parts / distance if distance > 0 else parts

    def score(self, x: Array) -> float:
        return self.contributions(x)[0]

    def fit(self, x: Array, w: float = 1.0) -> None:
        present = ~np.isnan(x)
        if w == 0 or not present.any():
            return
        z, known = self.standardized(x)
        distance, cut = self.score(x), self.clip * np.sqrt(len(known))
        share = cut / distance if distance > cut else 1.0
        self.n_rows += 1
        self.since += 1
        gap = np.where(present, x - self.mean, 0.0) * np.where(self.std > 0, share, 1.0)
        self.n += w * np.outer(present, present)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = faded_share(w / self.n, w, self.least)
        step[~np.outer(present, present)] = 0.0
        self.mean = self.mean + step.diagonal() * gap
        self.covariance = (1 - step) * (self.covariance + step * np.outer(gap, gap))
        if self.rank is not None:
            step = float(faded_share(1 / self.n_rows, w, self.least))
            self.draw(share * z, step, len(known))
        if self.since > min(self.n_rows, self.rank or len(x)) // 8:
            self.since = 0
            self.measure(z)

    def draw(self, z: Array, step: float, n_known: int) -> None:
        active = [i for i in range(len(self.axes)) if self.spreads[i] > 0]
        n_beside = n_known - len(active)
        beside = z @ z - sum((self.axes[i] @ z) ** 2 for i in active)
        beside = max(beside, 0.0) / n_beside if n_beside > 0 else 0.0
        self.rest += step * (beside - self.rest)
        for i, axis in enumerate(self.axes):
            self.second[i] = (1 - step) * self.second[i] + step * (axis @ z) * z

    def measure(self, z: Array) -> None:
        variance = self.covariance.diagonal()
        self.std = np.where(variance > 1e-24, np.sqrt(variance), 0.0)
        if self.rank is None:
            scale = np.where(self.std > 0, self.std, np.inf)
            correlation = self.covariance / np.outer(scale, scale)
            self.shrunk_matrix = (1 - self.shrinkage()) * correlation
            np.fill_diagonal(self.shrunk_matrix, 1.0)
            return
        made: list[Array] = []
        for i in range(self.rank):
            for row in (self.second[i], z):
                across = row - sum(((row @ axis) * axis for axis in made), np.zeros(len(z)))
                across = across - sum(((across @ axis) * axis for axis in made), np.zeros(len(z)))
                length = float(np.linalg.norm(across))
                if row is self.second[i]:
                    self.spreads[i] = length if length > 1e-12 else 0.0
                if length > 1e-12:
                    break
            made.append(across / length if length > 1e-12 else np.zeros(len(z)))
        self.axes = made
