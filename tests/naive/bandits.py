"""Bandits written out plainly, all rewards kept."""

import math
from typing import Any

import numpy as np
from scipy.stats import norm


class Log:
    """Rewards of each arm with their weights."""

    def __init__(self, n_actions: int, discount: float = 1.0, window_size: int | None = None):
        self.n, self.discount, self.window_size = n_actions, discount, window_size
        self.rows: list[tuple[int, float]] = []

    def add(self, arm: int, reward: float) -> None:
        self.rows.append((arm, reward))

    def weighted(self) -> tuple[Any, Any, Any]:
        """Weights, sums, sums of squares of the arms."""
        rows = self.rows[-self.window_size :] if self.window_size else self.rows
        sums = np.zeros((3, self.n))
        for age, (arm, reward) in enumerate(reversed(rows)):
            sums[:, arm] += self.discount**age * np.array([1.0, reward, reward**2])
        return sums[0], sums[1], sums[2]


def ucb(log: Log, confidence: float) -> int:
    n, total, _ = log.weighted()
    index = [
        total[a] / n[a] + confidence * math.sqrt(math.log(max(n.sum(), 1)) / n[a])
        if n[a]
        else np.inf
        for a in range(log.n)
    ]
    return int(np.argmax(index))


def bayes_ucb(log: Log) -> int:
    n, total, square = log.weighted()
    known = n > 0
    freedom = n.sum() - known.sum()
    within = sum(max(square[a] - total[a] ** 2 / n[a], 0.0) for a in range(log.n) if known[a])
    sigma = math.sqrt(within / freedom) if freedom >= 1 else 1.0
    z = norm.isf(1 / max(n.sum(), 2))
    index = [
        total[a] / n[a] + z * sigma / math.sqrt(n[a]) if known[a] else np.inf for a in range(log.n)
    ]
    return int(np.argmax(index))


def exp3(
    rows: list[tuple[int, float, float | None]], n_actions: int, gamma: float, share: float
) -> Any:
    """Probabilities after rows of arm, reward, and the probability with which it was drawn."""
    w = np.ones(n_actions)
    for arm, reward, logged in rows:
        p = (1 - gamma) * w / w.sum() + gamma / n_actions
        mean = w.sum() / n_actions
        w[arm] *= math.exp(gamma * reward / ((logged or p[arm]) * n_actions))
        w += math.e * share * mean
        w /= w.max()
    return (1 - gamma) * w / w.sum() + gamma / n_actions


def lin_ucb(
    rows: list[tuple[Any, int, float]], x: Any, n_actions: int, confidence: float, ridge: float
) -> int:
    """The arm by ridge regressions of all rows."""
    index = []
    x = np.append(x, 1.0)
    for a in range(n_actions):
        own = [(np.append(z, 1.0), r) for z, arm, r in rows if arm == a]
        precision = ridge * np.eye(len(x)) + sum(np.outer(z, z) for z, _ in own)
        moment = sum((r * z for z, r in own), np.zeros(len(x)))
        inverse = np.linalg.inv(precision)
        index.append(x @ inverse @ moment + confidence * math.sqrt(x @ inverse @ x))
    return int(np.argmax(index))
