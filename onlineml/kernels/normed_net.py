"""Perceptrons in single precision with normalized layers: forward and backward for one row.

Every hidden layer is linear, then layer normalization without weights of its own, then a leaky
rectifier (0.01); the last layer is linear. All weights lie one behind the other: for a hidden layer
a matrix `(n_in + 1, n_out)`, row by row, the intercepts its last row; for the last layer a matrix
`(n_out, n_in)`, then `n_out` intercepts. The gradient of a row has the same places and is never
written down: in every block it is a column times a row, see `onlineml.kernels.trace_rules`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Ints
from onlineml.kernels.bare import bare
from onlineml.kernels.singles import LANES, Singles, add_rows, dot, total

LEAK = np.float32(0.01)
_EPSILON = np.float32(1e-5)  # of layer normalization
_ONE = np.float32(1.0)


class Signals(NamedTuple):
    """What goes through a network for one row; all layers' units side by side, but the inputs."""

    units: Singles  # (n_units,) what they put out
    hats: Singles  # (n_units,) normalized sums that went into hidden units
    deltas: Singles  # (n_units,) derivatives by the sums that went in
    inverse: Singles  # (n_layers,) 1 / standard deviation of a layer's sums
    outputs: Singles  # (n_out,) what the last layer puts out: the end of `units`


@jit
def n_weights(shape: Ints) -> int:
    """Length of the weights of a network of that shape."""
    n = 0
    for k in range(shape.shape[0] - 1):
        n += int((shape[k] + 1) * shape[k + 1])
    return n


@jit
def spaced(n: int) -> int:
    """The least multiple of `LANES` that holds `n`: what follows begins on a line of the cache."""
    return int(n + -n % LANES)


@jit
def n_signals(shape: Ints) -> int:
    """Length of the room for the signals of a network of that shape."""
    n = 0
    for k in range(1, shape.shape[0]):
        n += int(shape[k])
    return int(3 * spaced(n) + spaced(shape.shape[0]))


@bare
def signals_in(room: Singles, start: int, shape: Ints) -> Signals:
    """Signals of a network of that shape, in `room` from `start` on."""
    n = 0
    for k in range(1, shape.shape[0]):
        n += shape[k]
    width = spaced(n)
    hats, deltas, end = start + width, start + 2 * width, start + 3 * width
    return Signals(
        room[start : start + n],
        room[hats : hats + n],
        room[deltas : deltas + n],
        room[end : end + shape.shape[0]],
        room[start + n - shape[-1] : start + n],
    )


@bare
def forward(shape: Ints, weights: Singles, x: Singles, signals: Signals) -> None:
    """Send `x` through: all units are written to `signals`."""
    start, first, n_layers = 0, 0, shape.shape[0] - 1
    before = x
    for k in range(n_layers - 1):
        n_in, n_out = shape[k], shape[k + 1]
        hats, units = signals.hats[first : first + n_out], signals.units[first : first + n_out]
        end = start + n_in * n_out
        intercepts = weights[end : end + n_out]
        for o in range(n_out):
            hats[o] = intercepts[o]
        add_rows(weights[start:end], before, n_in, hats)
        signals.inverse[k] = _normalize(hats)
        for o in range(n_out):
            hat = hats[o]
            units[o] = hat if hat > 0 else LEAK * hat
        before, start, first = units, end + n_out, first + n_out
    n_in, n_out = shape[n_layers - 1], shape[n_layers]
    for o in range(n_out):
        row = weights[start + o * n_in : start + o * n_in + n_in]
        signals.outputs[o] = weights[start + n_out * n_in + o] + dot(row, before, n_in)


@bare
def _normalize(sums: Singles) -> np.float32:
    """Bring `sums` to mean 0 and variance 1; what they were multiplied by."""
    n = sums.shape[0]
    mean = total(sums, n) / np.float32(n)
    for o in range(n):
        sums[o] -= mean
    inverse = np.float32(_ONE / np.sqrt(dot(sums, sums, n) / np.float32(n) + _EPSILON))
    for o in range(n):
        sums[o] *= inverse
    return inverse


@bare
def differentiate(shape: Ints, weights: Singles, signals: Signals, output: int) -> None:
    """Fill the deltas with derivatives of one output."""
    first = signals.deltas.shape[0] - shape[-1]
    for j in range(shape[-1]):
        signals.deltas[first + j] = np.float32(1.0 if j == output else 0.0)
    backward(shape, weights, signals)


@bare
def backward(shape: Ints, weights: Singles, signals: Signals) -> None:
    """From the deltas of the last layer, which lie in `signals`, to those of all others."""
    n_layers, end = shape.shape[0] - 1, signals.deltas.shape[0]
    weights_end = n_weights(shape)
    for k in range(n_layers - 1, 0, -1):
        n_in, n_out = shape[k], shape[k + 1]
        start = weights_end - (n_in + 1) * n_out
        behind = signals.deltas[end - n_out : end]
        first = end - n_out - n_in
        deltas = signals.deltas[first : first + n_in]
        if k == n_layers - 1:
            for i in range(n_in):
                deltas[i] = np.float32(0.0)
            add_rows(weights[start : start + n_in * n_out], behind, n_out, deltas)
        else:
            for i in range(n_in):
                row = weights[start + i * n_out : start + i * n_out + n_out]
                deltas[i] = dot(row, behind, n_out)
        _through_norm(deltas, signals.hats[first : first + n_in], signals.inverse[k - 1])
        end, weights_end = end - n_out, start


@bare
def _through_norm(deltas: Singles, hats: Singles, inverse: np.float32) -> None:
    """From derivatives by a layer's units to those by the sums that went in."""
    n = deltas.shape[0]
    for o in range(n):
        deltas[o] = deltas[o] if hats[o] > 0 else LEAK * deltas[o]
    mean = total(deltas, n) / np.float32(n)
    along = dot(deltas, hats, n) / np.float32(n)
    for o in range(n):
        deltas[o] = inverse * (deltas[o] - mean - hats[o] * along)
