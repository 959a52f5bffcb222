"""Small streams with everything in them that a row may bring."""

from typing import Any

import numpy as np

from onlineml.schema import Schema

SCHEMA = Schema(5, nominal={2: tuple("abcde")})


def mixed(seed: int, n: int = 250) -> tuple[Any, Any, Any, Any]:
    """Rows (column 2 nominal), labels (a third class late), targets, weights."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    labels[: n // 3] %= 2
    X = rng.normal(size=(n, 5)) + labels[:, None] * 0.7
    X[:, 2] = rng.integers(0, 3, n)
    X[n // 2 :, 2] = rng.integers(0, 5, n - n // 2)  # new values
    X[:, 4] = 3.0
    targets = X[:, 0] - 2.0 * X[:, 1] + X[:, 2] + rng.normal(size=n) / 4
    X[rng.random(X.shape) < 0.05] = np.nan
    return X, labels, targets, rng.choice([0.0, 0.5, 1.0, 2.0], n)
