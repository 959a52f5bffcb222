"""Products and sums of vectors, and rows as the features of a linear model.

Plain loops: on a few dozen numbers they are faster than a call of a library.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import lean
from onlineml.kernels.arena import Array

_LARGEST = 1e8  # of a feature: what is beyond counts as this


@lean
def dot(a: Array, b: Array) -> float:
    """Sum of products."""
    total = 0.0
    for p in range(a.shape[0]):
        total += a[p] * b[p]
    return total


@lean
def add(out: Array, factor: float, vector: Array) -> None:
    """`out += factor * vector`, without a temporary."""
    for p in range(out.shape[0]):
        out[p] += factor * vector[p]


@lean
def multiply(matrix: Array, vector: Array, out: Array) -> None:
    """`out = matrix @ vector` for a symmetric matrix: by rows, which vectorizes."""
    for p in range(out.shape[0]):
        out[p] = 0.0
    for p in range(vector.shape[0]):
        if vector[p] != 0.0:
            add(out, vector[p], matrix[p])


@lean
def enter(row: Array, features: Array) -> None:
    """The features: what is missing is 0, and a constant."""
    n = row.shape[0]
    for j in range(n):
        features[j] = 0.0 if np.isnan(row[j]) else min(max(row[j], -_LARGEST), _LARGEST)
    features[n] = 1.0
