"""What is known of all rows, by whole arrays."""

import numpy as np

from onlineml.base import Array


def note(extremes: Array, X: Array, y: Array, weight: Array) -> None:
    """Take rows into the largest target, the least and the largest weight, the rows with gaps."""
    counts = weight > 0.0
    if not counts.any():
        return
    extremes[0] = max(extremes[0], np.abs(y[counts]).max())
    extremes[1] = min(extremes[1], weight[counts].min())
    extremes[2] = max(extremes[2], weight[counts].max())
    extremes[3] += np.count_nonzero(counts & ~(np.abs(X) <= 1e50).all(1))
