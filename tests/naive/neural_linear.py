"""A neural-linear bandit in plain Python: a network, and a precision matrix for each arm."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.naive.mlp import Model, Network, Running

PRIOR = 6.0


class NeuralLinear(Model):
    """Posteriors of the arms by inverses; rewards are in standard deviations from their mean."""

    def __init__(self, n_actions: int, net: Network, ridge: float, discount: float) -> None:
        super().__init__(set(), net)
        self.target, self.ridge, self.discount, self.t = Running(), ridge, discount, 0
        n = net.hidden[-1] + 1
        self.precision = [ridge * np.eye(n) for _ in range(n_actions)]
        self.moment = np.zeros((n_actions, n))
        self.count, self.squares = np.zeros((2, n_actions))
        for _ in range(n_actions):
            net.add_output()

    def posterior(self, x: Any) -> list[tuple[float, float, float, float]]:
        """Of each arm mean, squared width, and a and b of the variance of the noise."""
        self.net.forward(self.row(x))
        z, found = np.append(self.net.top, 1.0), []
        for a, precision in enumerate(self.precision):
            inverse = np.linalg.inv(precision)
            weights = inverse @ self.moment[a]
            left = self.squares[a] - weights @ precision @ weights
            found.append(
                (z @ weights, z @ inverse @ z, PRIOR + self.count[a] / 2, PRIOR + left / 2)
            )
        return found

    def fit_one(self, x: Any, arm: int, reward: float) -> None:
        row = self.row(x)
        self.net.meet(row)
        outputs = self.net.forward(row)
        z, y, n = (
            np.append(self.net.top, 1.0),
            self.target.standardized(reward),
            len(self.moment[0]),
        )
        back = self.t % n
        for precision in self.precision:
            precision *= self.discount
            precision[back, back] += n * (1 - self.discount) * self.ridge
        for sums in (self.moment, self.count, self.squares):
            sums *= self.discount
        self.precision[arm] += np.outer(z, z)
        self.moment[arm] += y * z
        self.count[arm] += 1
        self.squares[arm] += y**2
        error = outputs[arm] - y
        slopes = [error if a == arm else 0.0 for a in range(len(outputs))]
        self.net.learn(row, slopes, 1.0, error**2 / 2)
        self.target.add(reward, 1.0)
        self.notice(x, 1.0)
        self.t += 1
