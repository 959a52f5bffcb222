"""A window of the last rows whose features are measured in their deviations of late.

A far value is learned as being `_CLIP` deviations off: it hardly moves the unit that all others
are measured in.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, f1
from onlineml.kernels.faded_moments import learn
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.neighbors import STATE as WINDOW
from onlineml.kernels.neighbors import Window, remember, window_at

_CLIP = 10.0  # standard deviations
_AXES = len(WINDOW)

STATE = (
    *WINDOW,
    Field("faded_n_", ("F",)),
    Field("faded_mean_", ("F",)),
    Field("faded_variance_", ("F",)),
    Field("ones_", ("F",), fill=1.0),
)


class Scaled(NamedTuple):
    """The window as it is kept, and as distances are measured in it: with the faded moments."""

    kept: Window
    measured: Window
    n: Array
    mean: Array
    variance: Array


@jit
def scaled_at(d: int, k: int) -> Scaled:
    """The window whose fields are the state arrays from `k` on."""
    kept = window_at(d, k)
    n, mean, variance = f1(d, k + _AXES), f1(d, k + _AXES + 1), f1(d, k + _AXES + 2)
    measured = Window(
        kept.nominal, kept.cursor, kept.rows, kept.targets, kept.weights, f1(d, k + _AXES + 3),
        mean, variance,
    )  # fmt: skip
    return Scaled(kept, measured, n, mean, variance)


@jit
def take_in(window: Scaled, x: Array) -> None:
    """Put a row in the place of the oldest, and learn its values."""
    remember(window.kept, x, 0.0, 1.0)
    least = 1.0 / window.kept.rows.shape[1]
    learn(_tame(x), 1.0, least, _CLIP, window.n, window.mean, window.variance)


@jit
def _tame(x: Array) -> Array:
    """Values beyond what is squared without overflow count as missing, as in the window."""
    row = x.copy()
    for j in range(x.shape[0]):
        if not abs(x[j]) <= LARGEST:
            row[j] = np.nan
    return row
