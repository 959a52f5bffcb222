"""Transitions for tests."""

from typing import Any

import numpy as np

from onlineml.rl import Transition


def transitions(
    seed: int, n: int, n_features: int = 5, *, action_size: int | None = None, n_actions: int = 3
) -> list[Transition]:
    """A walk through a few features whose reward depends on them; ends of both kinds."""
    rng = np.random.default_rng(seed)
    made, x = [], rng.normal(size=n_features)
    for _ in range(n):
        action: Any = rng.integers(n_actions)
        if action_size is not None:
            action = rng.normal(size=action_size)
        y = 0.8 * x + rng.normal(size=n_features) + np.arange(n_features)
        terminated = bool(rng.random() < 0.03)
        truncated = bool(not terminated and rng.random() < 0.03)
        reward = float(x[0] - y[1] + np.sum(action))
        made.append(Transition(x, action, reward, y, terminated, truncated))
        x = rng.normal(size=n_features) if terminated or truncated else y
    return made
