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
    """`out = matrix @ vector` for a symmetric matrix: by rows, which vectorizes, and four at once.

    To add to `out` takes as long as to read two rows.
    """
    n = vector.shape[0] - vector.shape[0] % 4
    for q in range(out.shape[0]):
        out[q] = 0.0
    for p in range(0, n, 4):
        a, b, c, d = vector[p], vector[p + 1], vector[p + 2], vector[p + 3]
        if a != 0.0 or b != 0.0 or c != 0.0 or d != 0.0:
            for q in range(out.shape[0]):
                one = a * matrix[p, q] + b * matrix[p + 1, q]
                out[q] += one + (c * matrix[p + 2, q] + d * matrix[p + 3, q])
    for p in range(n, vector.shape[0]):
        if vector[p] != 0.0:
            add(out, vector[p], matrix[p])


@lean
def enter(row: Array, features: Array) -> None:
    """The features: what is missing is 0, and a constant."""
    n = row.shape[0]
    for j in range(n):
        features[j] = 0.0 if np.isnan(row[j]) else min(max(row[j], -_LARGEST), _LARGEST)
    features[n] = 1.0
