"""A neural-linear bandit in plain Python: a network, and a precision matrix for each arm."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.kernels.random import below, bits, seeded
from tests.naive.mlp import Model, Network

PRIOR = 6.0


class NeuralLinear(Model):
    """Posteriors of the arms by inverses; rewards less their mean, in deviations above 1."""

    def __init__(
        self, n_actions: int, net: Network, ridge: float, discount: float, memory_size: int = 0,
        n_replays: int = 0, seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(set(), net)
        self.rewards, self.ridge, self.discount, self.t = [], ridge, discount, 0
        self.n_actions, self.memory_size, self.n_replays = n_actions, memory_size, n_replays
        self.random, self.kept, self.due = seeded(seed, 2), [], 0
        self.begin()
        for _ in range(n_actions):
            net.add_output()

    def begin(self) -> None:
        n = self.net.hidden[-1] + 1
        self.precision = [self.ridge * np.eye(n) for _ in range(self.n_actions)]
        self.moment = np.zeros((self.n_actions, n))
        self.count, self.squares = np.zeros((2, self.n_actions))

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

    def standardized(self, reward: float) -> float:
        if not self.rewards:
            return 0.0
        return (reward - float(np.mean(self.rewards))) / max(float(np.std(self.rewards)), 1.0)

    def regress(self, x: Any, arm: int, y: float, t: int) -> None:
        self.net.forward(self.row(x))
        z, n = np.append(self.net.top, 1.0), len(self.moment[0])
        for precision in self.precision:
            precision *= self.discount
            precision[t % n, t % n] += n * (1 - self.discount) * self.ridge
        for sums in (self.moment, self.count, self.squares):
            sums *= self.discount
        self.precision[arm] += np.outer(z, z)
        self.moment[arm] += y * z
        self.count[arm] += 1
        self.squares[arm] += y**2

    def step(self, x: Any, arm: int, y: float) -> None:
        row = self.row(x)
        outputs = self.net.forward(row)
        error = outputs[arm] - y
        slopes = [error if a == arm else 0.0 for a in range(len(outputs))]
        self.net.learn(row, slopes, 1.0, error**2 / 2)

    def fit_one(self, x: Any, arm: int, reward: float) -> None:
        self.net.meet(self.row(x))
        y = self.standardized(reward)
        self.regress(x, arm, y, self.t)
        bits(self.random, 0)
        self.step(x, arm, y)
        self.rewards.append(reward)
        self.notice(x, 1.0)
        self.t += 1
        if self.memory_size:
            self.again((x, arm, reward))

    def again(self, row: tuple[Any, int, float]) -> None:
        n = len(self.kept)
        if n < self.memory_size:
            self.kept.append(row)
        else:
            self.kept[(self.t - 1) % n] = row
        n = len(self.kept)
        for _ in range(self.n_replays):
            x, arm, reward = self.kept[int(below(self.random, 0, n))]
            self.step(x, arm, self.standardized(reward))
        if self.t >= self.due:
            self.due = self.t + max(20, n // 10)
            self.begin()
            for t in range(self.t - n, self.t):
                x, arm, reward = self.kept[t % n] if n == self.memory_size else self.kept[t]
                self.regress(x, arm, self.standardized(reward), t)
