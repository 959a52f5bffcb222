"""The one-class machine in plain numpy; random features are taken from the detector."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.naive.faded import meet

Array = npt.NDArray[np.float64]


class OneClassSVM:
    def __init__(self, directions: Array, phases: Array, nu: float, rate: float, fading: float):
        self.directions, self.phases = directions, phases
        self.nu, self.rate, self.least = nu, rate, 1 - fading
        n_features = len(directions)
        self.n, self.mean, self.variance = (np.zeros(n_features) for _ in "123")
        self.w, self.rho = np.zeros(len(phases)), 0.0

    def mapped(self, x: Array) -> Array:
        known = (self.variance > 1e-24) & ~np.isnan(x)
        z = np.zeros(len(x))
        z[known] = ((x - self.mean)[known] / np.sqrt(self.variance[known])).clip(-100, 100)
        angles = np.sqrt(2 / len(x)) * z @ self.directions + self.phases
        cosines: Array = np.sqrt(2 / len(self.phases)) * np.cos(angles)
        return cosines

    def score(self, x: Array) -> float:
        return 0.0 if np.isnan(x).all() else float(self.rho - self.w @ self.mapped(x))

    def fit(self, x: Array, weight: float) -> None:
        if np.isnan(x).all() or weight == 0:
            return
        rate = min(self.rate * weight, max(self.rate, 0.05))
        phi, inside = self.mapped(x), self.score(x) >= 0
        self.w = (self.w + rate * inside * phi) / (1 + rate * self.nu)
        self.rho += rate * (self.nu - inside)
        meet(self.n, self.mean, self.variance, x, weight, self.least)
