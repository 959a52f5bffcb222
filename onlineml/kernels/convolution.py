"""Convolutions in single precision for one row: forward, backward, and the gradient of weights.

A map is rows of cells, row by row, the channels of each cell side by side. A layer slides a square
window over it, by `stride` cells at a time and nowhere over its edge. Its weights are those of a
dense layer from a window to the channels of one cell: a matrix `(kernel * kernel * n_in + 1,
n_out)`, row by row, the intercepts its last row. What one row of a window covers lies side by side
in the map, so that a layer is a few products of a matrix with a short row at each place.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Ints
from onlineml.kernels.bare import bare
from onlineml.kernels.singles import Singles, add_rows, add_scaled, dot

#: Places in what describes a layer.
ROWS, COLUMNS, N_IN, N_OUT, KERNEL, STRIDE, N_PLACES = range(7)
_ONE = np.float32(1.0)


@jit
def n_in_window(layer: Ints) -> int:
    """Numbers that a window covers."""
    return int(layer[KERNEL] * layer[KERNEL] * layer[N_IN])


@jit
def _n_across(layer: Ints) -> int:
    """Places of the window in a row of cells."""
    return int((layer[COLUMNS] - layer[KERNEL]) // layer[STRIDE] + 1)


@bare
def _corner(layer: Ints, place: int) -> int:
    """Where in the map the window begins that is at a place."""
    across = _n_across(layer)
    row, column = place // across * layer[STRIDE], place % across * layer[STRIDE]
    return int((row * layer[COLUMNS] + column) * layer[N_IN])


@bare
def convolve(layer: Ints, weights: Singles, x: Singles, sums: Singles) -> None:
    """Write what every window over the map `x` sums up to, place by place."""
    n_out, width, below = layer[N_OUT], layer[KERNEL] * layer[N_IN], layer[COLUMNS] * layer[N_IN]
    intercepts = weights[n_in_window(layer) * n_out :]
    for p in range(sums.shape[0] // n_out):
        here, corner = sums[p * n_out : (p + 1) * n_out], _corner(layer, p)
        for o in range(n_out):
            here[o] = intercepts[o]
        for i in range(layer[KERNEL]):
            add_rows(weights[i * width * n_out :], x[corner + i * below :], width, here)


@bare
def convolve_back(layer: Ints, weights: Singles, deltas: Singles, into: Singles) -> None:
    """Write derivatives by the map to `into`, from those by the sums."""
    n_out, width, below = layer[N_OUT], layer[KERNEL] * layer[N_IN], layer[COLUMNS] * layer[N_IN]
    for j in range(into.shape[0]):
        into[j] = np.float32(0.0)
    for p in range(deltas.shape[0] // n_out):
        here, corner = deltas[p * n_out : (p + 1) * n_out], _corner(layer, p)
        for i in range(layer[KERNEL]):
            start = corner + i * below
            for j in range(width):
                into[start + j] += dot(weights[(i * width + j) * n_out :], here, n_out)


@bare
def gradient(layer: Ints, x: Singles, deltas: Singles, scalars: Singles, slopes: Singles) -> None:
    """Write derivatives by the weights to `slopes`; `scalars` has room for a number a place."""
    n_out, width, below = layer[N_OUT], layer[KERNEL] * layer[N_IN], layer[COLUMNS] * layer[N_IN]
    n_places = deltas.shape[0] // n_out
    for j in range(slopes.shape[0]):
        slopes[j] = np.float32(0.0)
    for i in range(layer[KERNEL]):
        for j in range(width):
            _collect(layer, x[i * below + j :], scalars[:n_places])
            k = (i * width + j) * n_out
            add_rows(deltas, scalars, n_places, slopes[k : k + n_out])
    intercepts = slopes[n_in_window(layer) * n_out :]
    for p in range(n_places):
        add_scaled(intercepts, deltas[p * n_out :], _ONE, n_out)


@bare
def _collect(layer: Ints, x: Singles, scalars: Singles) -> None:
    """The number that lies first in `x`, as the window that it is in goes from place to place."""
    across, right = _n_across(layer), layer[STRIDE] * layer[N_IN]
    down = right * layer[COLUMNS]
    for row in range(scalars.shape[0] // across):
        start, p = row * down, row * across
        for column in range(across):
            scalars[p + column] = x[start + column * right]
