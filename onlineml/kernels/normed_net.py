"""Networks in single precision with normalized layers: forward and backward for one row.

Every hidden layer is linear, then layer normalization without weights of its own, then a leaky
rectifier (0.01); the last layer is linear. The first layers may be convolutions, whose whole map is
normalized as one. All weights lie one behind the other: for a hidden layer a matrix
`(n_in + 1, n_out)`, row by row, the intercepts its last row (`n_in` that of a window, for
convolutions); for the last layer a matrix `(n_out, n_in)`, then `n_out` intercepts. The gradient of
a row has the same places. It is not written down, but for convolutions: in every other block it is
a column times a row, see `onlineml.kernels.trace_rules`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Ints
from onlineml.kernels.bare import bare
from onlineml.kernels.convolution import (
    N_OUT,
    N_PLACES,
    convolve,
    convolve_back,
    gradient,
    n_in_window,
)
from onlineml.kernels.singles import LANES, Singles, add_rows, dot, total

LEAK = np.float32(0.01)
_EPSILON = np.float32(1e-5)  # of layer normalization
_ONE = np.float32(1.0)


class Shape(NamedTuple):
    """What a network looks like."""

    widths: Ints  # (n_layers + 1,) numbers that go in, units of each layer, numbers that come out
    maps: Ints  # (n_convolutions * N_PLACES,) what describes the convolutions, the first layers


class Signals(NamedTuple):
    """What goes through a network for one row; all layers' units side by side, but the inputs."""

    units: Singles  # (n_units,) what they put out
    hats: Singles  # (n_units,) normalized sums that went into hidden units
    deltas: Singles  # (n_units,) derivatives by the sums that went in
    inverse: Singles  # (n_layers,) 1 / standard deviation of a layer's sums
    outputs: Singles  # (n_out,) what the last layer puts out: the end of `units`
    slopes: (
        Singles  # derivatives by the weights of convolutions, the first of all; room to make them
    )


@jit
def n_maps(shape: Shape) -> int:
    """How many of the layers are convolutions."""
    return int(shape.maps.shape[0] // N_PLACES)


@jit
def map_of(shape: Shape, k: int) -> Ints:
    """What describes layer `k`, a convolution."""
    return shape.maps[k * N_PLACES : (k + 1) * N_PLACES]


@jit
def n_of_layer(shape: Shape, k: int) -> int:
    """Number of the weights of layer `k`."""
    if k < n_maps(shape):
        layer = map_of(shape, k)
        return int((n_in_window(layer) + 1) * layer[N_OUT])
    return int((shape.widths[k] + 1) * shape.widths[k + 1])


@jit
def n_weights(shape: Shape) -> int:
    """Length of the weights of a network of that shape."""
    n = 0
    for k in range(shape.widths.shape[0] - 1):
        n += n_of_layer(shape, k)
    return n


@jit
def n_slopes(shape: Shape) -> int:
    """Number of the weights of convolutions."""
    n = 0
    for k in range(n_maps(shape)):
        n += n_of_layer(shape, k)
    return n


@jit
def _n_room(shape: Shape) -> int:
    """Numbers that derivatives by the weights of convolutions, and making them, take."""
    return n_slopes(shape) + (int(shape.widths[1]) if n_maps(shape) > 0 else 0)


@jit
def spaced(n: int) -> int:
    """The least multiple of `LANES` that holds `n`: what follows begins on a line of the cache."""
    return int(n + -n % LANES)


@jit
def n_signals(shape: Shape) -> int:
    """Length of the room for the signals of a network of that shape."""
    widths, n = shape.widths, 0
    for k in range(1, widths.shape[0]):
        n += int(widths[k])
    return int(3 * spaced(n) + spaced(widths.shape[0]) + spaced(_n_room(shape)))


@bare
def signals_in(room: Singles, start: int, shape: Shape) -> Signals:
    """Signals of a network of that shape, in `room` from `start` on."""
    widths, n = shape.widths, 0
    for k in range(1, widths.shape[0]):
        n += widths[k]
    width = spaced(n)
    hats, deltas, end = start + width, start + 2 * width, start + 3 * width
    slopes = end + spaced(widths.shape[0])
    return Signals(
        room[start : start + n],
        room[hats : hats + n],
        room[deltas : deltas + n],
        room[end : end + widths.shape[0]],
        room[start + n - widths[-1] : start + n],
        room[slopes : slopes + _n_room(shape)],
    )


@bare
def forward(shape: Shape, weights: Singles, x: Singles, signals: Signals) -> None:
    """Send `x` through: all units are written to `signals`."""
    widths, start, first = shape.widths, 0, 0
    n_layers, before = widths.shape[0] - 1, x
    for k in range(n_layers - 1):
        n_out, end = widths[k + 1], start + n_of_layer(shape, k)
        hats, units = signals.hats[first : first + n_out], signals.units[first : first + n_out]
        if k < n_maps(shape):
            convolve(map_of(shape, k), weights[start:end], before, hats)
        else:
            _sum_up(weights[start:end], before, widths[k], hats)
        signals.inverse[k] = _normalize(hats)
        for o in range(n_out):
            hat = hats[o]
            units[o] = hat if hat > 0 else LEAK * hat
        before, start, first = units, end, first + n_out
    n_in, n_out = widths[n_layers - 1], widths[n_layers]
    for o in range(n_out):
        row = weights[start + o * n_in : start + o * n_in + n_in]
        signals.outputs[o] = weights[start + n_out * n_in + o] + dot(row, before, n_in)


@bare
def _sum_up(weights: Singles, before: Singles, n_in: int, sums: Singles) -> None:
    """The sums of a hidden layer that is no convolution."""
    n_out = sums.shape[0]
    end = n_in * n_out
    intercepts = weights[end : end + n_out]
    for o in range(n_out):
        sums[o] = intercepts[o]
    add_rows(weights[:end], before, n_in, sums)


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
def differentiate(shape: Shape, weights: Singles, signals: Signals, output: int) -> None:
    """Fill the deltas with derivatives of one output."""
    n_out = shape.widths[-1]
    first = signals.deltas.shape[0] - n_out
    for j in range(n_out):
        signals.deltas[first + j] = np.float32(1.0 if j == output else 0.0)
    backward(shape, weights, signals)


@bare
def backward(shape: Shape, weights: Singles, signals: Signals) -> None:
    """From the deltas of the last layer, which lie in `signals`, to those of all others."""
    n_layers, end = shape.widths.shape[0] - 1, signals.deltas.shape[0]
    weights_end = n_weights(shape)
    for k in range(n_layers - 1, 0, -1):
        n_in, n_out = shape.widths[k], shape.widths[k + 1]
        start, first = weights_end - n_of_layer(shape, k), end - n_out - n_in
        behind, deltas = signals.deltas[end - n_out : end], signals.deltas[first : first + n_in]
        layer = weights[start:weights_end]
        if k < n_maps(shape):
            convolve_back(map_of(shape, k), layer, behind, deltas)
        elif k == n_layers - 1:
            for i in range(n_in):
                deltas[i] = np.float32(0.0)
            add_rows(layer, behind, n_out, deltas)
        else:
            for i in range(n_in):
                deltas[i] = dot(layer[i * n_out : i * n_out + n_out], behind, n_out)
        _through_norm(deltas, signals.hats[first : first + n_in], signals.inverse[k - 1])
        end, weights_end = end - n_out, start


@bare
def find_slopes(shape: Shape, signals: Signals, k: int, first: int, start: int, x: Singles) -> None:
    """Write the gradient of convolution `k`, whose deltas and weights begin there; `x` went in."""
    slopes = signals.slopes[start : start + n_of_layer(shape, k)]
    deltas = signals.deltas[first : first + shape.widths[k + 1]]
    gradient(map_of(shape, k), x, deltas, signals.slopes[n_slopes(shape) :], slopes)


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
