"""Codes of nominal values: those that a model has not been shown yet count as missing."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import lean
from onlineml.kernels.arena import Array, Ints


@lean
def passed_on(value: float, n_values: int) -> float:
    """`value`, or NaN where it is a code that has not been seen: a chunk knows codes ahead."""
    return value if 0.0 <= value < n_values else np.nan


@lean
def note_values(x: Array, nominal: Ints, n_values: Ints) -> None:
    """Remember which codes row `x` shows."""
    for j in range(x.shape[0]):
        if nominal[j] and x[j] >= n_values[j]:
            n_values[j] = int(x[j]) + 1
