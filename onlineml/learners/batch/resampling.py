"""Changing the mix of classes in a batch: drawn samples, synthetic rows, rows kept from before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onlineml.base import Array
from onlineml.kernels import jit
from onlineml.kernels.arena import Ints
from onlineml.kernels.random import below, uniform


@jit
def draw_without_replacement(rng: Ints, k: int, n: int, positions: Ints) -> Ints:
    """`n` of the `positions`, all subsets alike, in their order."""
    chosen = np.empty(n, np.int64)
    left, at = n, 0
    for i in range(len(positions)):
        if left > 0 and below(rng, k, len(positions) - i) < left:
            chosen[at] = positions[i]
            at += 1
            left -= 1
    return chosen


@jit
def distance(a: Array, b: Array, nominal: Ints) -> float:
    """Squared distance over the features that both rows have; differing nominal values: 1."""
    total = 0.0
    for j in range(a.shape[0]):
        if np.isnan(a[j]) or np.isnan(b[j]):
            continue
        gap = a[j] - b[j]
        if nominal[j] and gap != 0.0:
            gap = 1.0
        total += gap * gap
    return total


@jit
def synthetic_rows(
    rng: Ints, k: int, X: Array, nominal: Ints, n_rows: int, n_neighbors: int
) -> Array:
    """SMOTE: `n_rows` on the lines from rows of `X` to one of their nearest neighbors in `X`.

    A missing value stays missing; a nominal value is that of either end.
    """
    n = X.shape[0]
    out = np.empty((n_rows, X.shape[1]))
    gaps = np.empty(n)
    n_near = min(n_neighbors, n - 1)
    for i in range(n_rows):
        a = below(rng, k, n)
        b = a
        if n_near > 0:
            for m in range(n):
                gaps[m] = np.inf if m == a else distance(X[a], X[m], nominal)
            b = np.argsort(gaps)[below(rng, k, n_near)]
        share = uniform(rng, k)
        for j in range(X.shape[1]):
            if nominal[j] or np.isnan(X[b, j]):
                out[i, j] = X[b, j] if share > 0.5 and not np.isnan(X[b, j]) else X[a, j]
            else:
                out[i, j] = X[a, j] + share * (X[b, j] - X[a, j])
    return out


@jit
def keep_rows(
    X: Array, y: Array, weight: Array, past: Array, past_weight: Array, n_past: Ints
) -> None:
    """Put rows into the ring of their class: `past[c]` holds the newest; `n_past` counts all."""
    size = past.shape[1]
    for i in range(y.shape[0]):
        c = int(y[i])
        past[c, n_past[c] % size] = X[i]
        past_weight[c, n_past[c] % size] = weight[i]
        n_past[c] += 1


def rows_of(y: Array, n_classes: int) -> list[npt.NDArray[np.int64]]:
    """Positions of each class's rows."""
    return [np.flatnonzero(y == c) for c in range(n_classes)]


def newest(size: int, n_past: int, n: int) -> npt.NDArray[np.int64]:
    """Places of the `n` rows that came last into a ring of `size`, oldest first."""
    n = min(n, n_past, size)
    return np.arange(n_past - n, n_past) % size
