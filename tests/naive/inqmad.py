"""The density matrix of random features in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.naive.faded import share
from tests.naive.mem_stream import Faded


class DensityMatrix:
    def __init__(self, frequencies: Any, rank: int, gamma: float, fading: float) -> None:
        self.frequencies, self.gamma, self.least = frequencies, gamma, 1 - fading
        self.moments = [Faded(1 - fading, 10.0) for _ in frequencies]
        self.size, self.n, self.since = 2 * frequencies.shape[1], 0, 0
        self.drawn = [np.zeros(self.size) for _ in range(rank)]
        self.axes = [np.zeros(self.size) for _ in range(rank)]
        self.spreads = [0.0] * rank

    def state(self, x: Any) -> Any:
        """Cosines and sines; None where nothing is known."""
        varied = [j for j, m in enumerate(self.moments) if m.variance > 1e-24]
        known = [j for j in varied if not np.isnan(x[j])]
        if not known:
            return None
        z = [(x[j] - self.moments[j].mean) / self.moments[j].variance ** 0.5 for j in known]
        width = np.sqrt(2 * self.gamma / len(varied))
        angles = width * (np.clip(z, -10, 10) @ self.frequencies[known])
        return np.concatenate([np.cos(angles), np.sin(angles)]) / np.sqrt(self.size / 2)

    def score(self, x: Any) -> float:
        phi = self.state(x)
        if phi is None or self.n == 0:
            return 0.0
        active = [i for i, s in enumerate(self.spreads) if s > 0]
        matrix = sum(
            (self.spreads[i] * np.outer(self.axes[i], self.axes[i]) for i in active),
            np.zeros((self.size, self.size)),
        )
        if len(active) < self.size:
            across = np.eye(self.size)
            for i in active:
                across -= np.outer(self.axes[i], self.axes[i])
            left = max(1 - sum(self.spreads[i] for i in active), 0.0)
            matrix += left / (self.size - len(active)) * across
        return max(-float(np.log(max(phi @ matrix @ phi, 1e-12))), 0.0)

    def fit(self, x: Any, w: float) -> None:
        if w == 0 or np.isnan(x).all():
            return
        phi = self.state(x)
        if phi is not None:
            self.n += 1
            self.since += 1
            step = share(1 / self.n, w, self.least)
            for i, axis in enumerate(self.axes):
                self.drawn[i] = (1 - step) * self.drawn[i] + step * (axis @ phi) * phi
            if self.since >= min(1 + self.n // 8, len(self.axes)):
                self.since = 0
                self.straighten(phi)
        for value, moments in zip(x, self.moments):
            if not np.isnan(value):
                moments.add(value)

    def straighten(self, phi: Any) -> None:
        made: list[Any] = []
        for i, drawn in enumerate(self.drawn):
            for row in (drawn, phi):
                across = row.copy()
                for _ in range(2):
                    for axis in made:
                        across -= (across @ axis) * axis
                length = float(np.linalg.norm(across))
                length = length if length > 1e-12 else 0.0
                if row is drawn:
                    self.spreads[i] = length
                if length > 0:
                    break
            made.append(across / length if length > 0 else np.zeros(self.size))
        self.axes = made
