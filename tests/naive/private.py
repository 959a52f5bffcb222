"""Private gradient descent with the whole matrices: clipped gradients, and the noise of sums."""

import numpy as np

from onlineml.base import Array


def clipped(X: Array, y: Array, weight: Array, clip: float, rate: float, classes: int) -> Array:
    """Weights (classes, 1 + features) after each row, without noise; all classes from the start."""
    w, course = np.zeros((classes, 1 + X.shape[1])), []
    for x, label, share in zip(np.column_stack([np.ones(len(X)), X]), y, weight):
        scores = w @ x
        p = np.exp(scores - scores.max())
        slope = p / p.sum() - np.eye(classes)[label]
        gradient = min(share, 2.0 / (rate * x @ x)) * np.outer(slope, x)
        w = w - rate * gradient * min(1.0, clip / np.linalg.norm(gradient))
        course.append(w)
    return np.array(course)


def banded_root(n: int, bands: int) -> Array:
    """The first bands of the square root of the matrix that sums a prefix."""
    columns = np.array([1.0])
    for j in range(1, n):
        columns = np.append(columns, columns[-1] * (2 * j - 1) / (2 * j))
    found = np.zeros((n, n))
    for j in range(min(bands, n)):
        found += np.diag(np.full(n - j, columns[j]), -j)
    return found


def tree(n: int) -> tuple[Array, Array]:
    """Which rows each node sums, and how the sums of prefixes are best put together, from below."""
    nodes: list[tuple[int, int]] = []
    estimates: dict[tuple[int, int], dict[int, float]] = {}
    variances: dict[tuple[int, int], float] = {}
    size = 1
    while size <= n:
        for first in range(0, n - size + 1, size):
            node, k = (first, first + size), len(nodes)
            nodes.append(node)
            own: dict[int, float] = {k: 1.0}
            variances[node] = 1.0
            if size > 1:
                half = first + size // 2
                parts = (first, half), (half, first + size)
                below = variances[parts[0]] + variances[parts[1]]
                share = below / (1.0 + below)
                own = {k: share}
                for part in parts:
                    for i, value in estimates[part].items():
                        own[i] = (1.0 - share) * value
                variances[node] = share
            estimates[node] = own
        size *= 2
    strategy = np.array([[first <= i < end for i in range(n)] for first, end in nodes], float)
    sums = np.zeros((n, len(nodes)))
    for t in range(1, n + 1):
        at = 0
        for bit in reversed(range(n.bit_length())):
            if t >> bit & 1:
                for i, value in estimates[(at, at + (1 << bit))].items():
                    sums[t - 1, i] = value
                at += 1 << bit
    return strategy, sums


def clipped_line(X: Array, y: Array, weight: Array, clip: float, rate: float) -> Array:
    """Weights (1 + features,) of a line after each row, without noise; squared loss."""
    w, course = np.zeros(1 + X.shape[1]), []
    for x, target, share in zip(np.column_stack([np.ones(len(X)), X]), y, weight):
        error = w @ x - np.clip(target, -1.0, 1.0)
        gradient = min(share, 1.0 / (rate * x @ x)) * error * x  # no step beyond the target
        w = w - rate * gradient * min(1.0, clip / max(float(np.linalg.norm(gradient)), 1e-300))
        course.append(w)
    return np.array(course)
