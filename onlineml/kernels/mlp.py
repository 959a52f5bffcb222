"""Multilayer perceptrons whose weights lie in one array: forward, backward, and steps.

A network is a `Net`: the widths of its layers, inputs first, and all weights one behind the other:
for each layer a matrix, row by row, then `n_out` intercepts. The matrix is `(n_in, n_out)`; that of
the last layer, whose outputs tend to be few, is `(n_out, n_in)`, as long rows are faster. There is
at least one hidden layer. A row of data comes as entries (place of an input, value), see
`onlineml.kernels.linear`; a dense one has the places 0, 1, 2, ... What goes through the layers for
one row is kept in `Signals`:

    forward(...)         fills units and slopes; the last layer is linear, its units are `outputs`
                         (now write the derivatives of the loss by the outputs to `output_deltas`)
    backward(...)        fills the deltas of the other layers
    descend(...)         steps the weights on this row (`onlineml.kernels.mlp_steps`), or
    accumulate(...)      adds its gradient to a sum, for `descend_along` to step on later

Inner loops run along rows of the matrices: vector instructions then need not change the order of
any sum.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from onlineml.kernels import inlined, jit
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.linear import squared_norm
from onlineml.kernels.random import uniform
from onlineml.kernels.views import matrix_in

#: What a hidden unit makes of its sum.
ACTIVATIONS = {"relu": 0, "leaky_relu": 1, "tanh": 2}
_LEAKY, _TANH = 1, 2
_LEAK = 0.01


class Net(NamedTuple):
    """A network; `dropout` holds a rate for each hidden layer."""

    shape: Ints  # (n_layers + 1,)
    weights: Array  # (n_weights,)
    activation: int
    dropout: Array  # (n_layers - 1,)


class Signals(NamedTuple):
    """What goes through a network for one row: all layers' units side by side, but the inputs."""

    units: Array  # (n_units,) what they put out
    slopes: Array  # (n_units,) its derivatives by the sums that went in
    deltas: Array  # (n_units,) the derivatives of the loss by these sums


@jit
def n_weights(shape: Ints) -> int:
    """Length of the weights of a network of that shape."""
    n = 0
    for k in range(shape.shape[0] - 1):
        n += (shape[k] + 1) * shape[k + 1]
    return n


@jit
def signals_in(room: Array, shape: Ints) -> Signals:
    """Signals of a network of that shape, in the first `3 * n_units` cells of `room`."""
    n = 0
    for k in range(1, shape.shape[0]):
        n += shape[k]
    return Signals(room[:n], room[n : 2 * n], room[2 * n : 3 * n])


@jit
def outputs(net: Net, signals: Signals) -> Array:
    """Units of the last layer."""
    return signals.units[signals.units.shape[0] - net.shape[-1] :]


@jit
def output_deltas(net: Net, signals: Signals) -> Array:
    """Derivatives of the loss by the units of the last layer."""
    return signals.deltas[signals.deltas.shape[0] - net.shape[-1] :]


@jit
def soften(scores: Array, n: int, shares: Array) -> None:
    """Softmax of the first `n` scores; 0 for the others."""
    top, total = scores[0], 0.0
    for c in range(1, n):
        top = max(top, scores[c])
    for c in range(shares.shape[0]):
        shares[c] = np.exp(scores[c] - top) if c < n else 0.0
        total += shares[c]
    for c in range(n):
        shares[c] /= total


# ------------------------------------------------------------------------------- forward


@jit
def forward(
    net: Net, signals: Signals, places: Ints, values: Array, n: int, training: bool, random: Ints
) -> None:
    """Send a row of `n` entries through; in `training` units drop out, drawn by `random[0]`."""
    start, first, n_layers = 0, 0, net.shape.shape[0] - 1
    for k in range(n_layers):
        n_in, n_out = net.shape[k], net.shape[k + 1]
        units = signals.units[first : first + n_out]
        before = signals.units[max(first - n_in, 0) : first]
        sum_up(net, k, start, units, before, places, values, n)
        if k < n_layers - 1:
            slopes = signals.slopes[first : first + n_out]
            activate(net, k, units, slopes, training, random)
        start, first = start + (n_in + 1) * n_out, first + n_out


@inlined
def sum_up(
    net: Net, k: int, start: int, units: Array, before: Array, places: Ints, values: Array, n: int
) -> None:
    """What goes into the units of layer `k`, whose weights begin at `start`, before activation."""
    n_in, n_out = net.shape[k], net.shape[k + 1]
    for o in range(n_out):
        units[o] = net.weights[start + n_in * n_out + o]
    if k == 0:
        _add_entries(units, matrix_in(net.weights, start, n_in, n_out), places, values, n)
    elif k < net.shape.shape[0] - 2:
        _add_rows(units, matrix_in(net.weights, start, n_in, n_out), before)
    else:
        _add_products(units, matrix_in(net.weights, start, n_out, n_in), before)


@jit
def _add_rows(units: Array, matrix: Array, values: Array) -> None:
    """Add the rows of `matrix` times `values`; four at once, to load and store units less often."""
    n, m = matrix.shape
    for i in range(0, n - 3, 4):
        p, q, r, s = values[i], values[i + 1], values[i + 2], values[i + 3]
        for o in range(m):
            half = units[o] + p * matrix[i, o] + q * matrix[i + 1, o]
            units[o] = half + r * matrix[i + 2, o] + s * matrix[i + 3, o]
    for i in range(n - n % 4, n):
        p = values[i]
        for o in range(m):
            units[o] += p * matrix[i, o]


@jit
def _add_entries(units: Array, matrix: Array, places: Ints, values: Array, n: int) -> None:
    """`_add_rows` for the rows at `places`."""
    m = matrix.shape[1]
    for a in range(0, n - 3, 4):
        i, j, k, h = places[a], places[a + 1], places[a + 2], places[a + 3]
        p, q, r, s = values[a], values[a + 1], values[a + 2], values[a + 3]
        for o in range(m):
            half = units[o] + p * matrix[i, o] + q * matrix[j, o]
            units[o] = half + r * matrix[k, o] + s * matrix[h, o]
    for a in range(n - n % 4, n):
        i, p = places[a], values[a]
        for o in range(m):
            units[o] += p * matrix[i, o]


@jit
def _add_products(target: Array, matrix: Array, values: Array) -> None:
    """Add the product of `matrix` and `values`; four sums at once, as each is a chain."""
    n, m = matrix.shape
    for i in range(0, n - 3, 4):
        p, q, r, s = target[i], target[i + 1], target[i + 2], target[i + 3]
        for o in range(m):
            value = values[o]
            p += matrix[i, o] * value
            q += matrix[i + 1, o] * value
            r += matrix[i + 2, o] * value
            s += matrix[i + 3, o] * value
        target[i], target[i + 1], target[i + 2], target[i + 3] = p, q, r, s
    for i in range(n - n % 4, n):
        p = target[i]
        for o in range(m):
            p += matrix[i, o] * values[o]
        target[i] = p


@inlined
def activate(net: Net, k: int, units: Array, slopes: Array, training: bool, random: Ints) -> None:
    """From the sums of hidden layer `k` to what its units put out; in `training` some drop out."""
    if net.activation == _TANH:
        for o in range(units.shape[0]):
            units[o] = np.tanh(units[o])
            slopes[o] = 1.0 - units[o] * units[o]
    else:
        leak = _LEAK if net.activation == _LEAKY else 0.0
        for o in range(units.shape[0]):
            slopes[o] = 1.0 if units[o] > 0.0 else leak
            units[o] *= slopes[o]
    if training and net.dropout[k] > 0.0:
        _drop(net.dropout[k], units, slopes, random)


@jit
def _drop(share: float, units: Array, slopes: Array, random: Ints) -> None:
    for o in range(units.shape[0]):
        keep = 0.0 if uniform(random, 0) < share else 1.0 / (1.0 - share)
        units[o] *= keep
        slopes[o] *= keep


# ------------------------------------------------------------------------------- backward


@jit
def backward(net: Net, signals: Signals) -> None:
    """From the deltas of the last layer to those of all others."""
    start, end = net.weights.shape[0], signals.deltas.shape[0]
    for k in range(net.shape.shape[0] - 2, 0, -1):
        n_in, n_out = net.shape[k], net.shape[k + 1]
        start, first = start - (n_in + 1) * n_out, end - n_out
        lead_back(net, signals, k, start, first)
        end = first


@inlined
def lead_back(net: Net, signals: Signals, k: int, start: int, first: int) -> None:
    """Through layer `k`, with weights from `start` and units from `first`, to the deltas before."""
    n_in, n_out = net.shape[k], net.shape[k + 1]
    behind, deltas = signals.deltas[first : first + n_out], signals.deltas[first - n_in : first]
    for i in range(n_in):
        deltas[i] = 0.0
    if k == net.shape.shape[0] - 2:
        _add_rows(deltas, matrix_in(net.weights, start, n_out, n_in), behind)
    else:
        _add_products(deltas, matrix_in(net.weights, start, n_in, n_out), behind)
    for i in range(n_in):
        deltas[i] *= signals.slopes[first - n_in + i]


@jit
def squared_gradient(net: Net, signals: Signals, values: Array, n: int) -> float:
    """Squared length of the gradient of the row that these signals are of."""
    total, first = 0.0, 0
    for k in range(net.shape.shape[0] - 1):
        n_in, n_out = net.shape[k], net.shape[k + 1]
        before = values[:n] if k == 0 else signals.units[first - n_in : first]
        deltas = signals.deltas[first : first + n_out]
        total += (1.0 + squared_norm(before, before.shape[0])) * squared_norm(deltas, n_out)
        first += n_out
    return total


@jit
def accumulate(
    net: Net, signals: Signals, places: Ints, values: Array, n: int, gradient: Array
) -> None:
    """Add the gradient of the row that these signals are of to `gradient`, `(n_weights,)`."""
    start, first, n_layers = 0, 0, net.shape.shape[0] - 1
    for k in range(n_layers):
        n_in, n_out = net.shape[k], net.shape[k + 1]
        middle = start + n_in * n_out
        deltas = signals.deltas[first : first + n_out]
        before = signals.units[max(first - n_in, 0) : first]
        if k == 0:
            _add_outer(matrix_in(gradient, start, n_in, n_out), places, values, n, deltas)
        elif k < n_layers - 1:
            _add_outer(matrix_in(gradient, start, n_in, n_out), places, before, -1, deltas)
        else:
            _add_outer(matrix_in(gradient, start, n_out, n_in), places, deltas, -1, before)
        for o in range(n_out):
            gradient[middle + o] += deltas[o]
        start, first = middle + n_out, first + n_out


@jit
def _add_outer(matrix: Array, places: Ints, values: Array, n: int, row: Array) -> None:
    """Add the products of `values` and `row`: to the rows at `places`, or to all if `n` is -1."""
    for a in range(matrix.shape[0] if n < 0 else n):
        value = values[a]
        if value != 0.0:
            i = a if n < 0 else places[a]
            for o in range(row.shape[0]):
                matrix[i, o] += value * row[o]


# ------------------------------------------------------------------------------- layout


def relaid(flat: Array, old: Ints, new: Ints, room: tuple[int, int] = (1, 1)) -> Array:
    """Weights, or moments, of a network of the shape `old` in the layout of the shape `new`.

    `flat` is `(..., n_weights)`. The units of each layer are the first of the new one, whose
    further weights are 0; only, inputs are groups of `room[0]` that become groups of `room[1]`.
    """
    lead, n_layers = flat.shape[:-1], len(old) - 1
    result = np.zeros((*lead, int(n_weights(new))))
    here = there = 0
    for k in range(n_layers):
        sizes = [(int(shape[k]), int(shape[k + 1])) for shape in (old, new)]
        groups = room if k == 0 else (1, 1)
        axes = [(n_in // g, g, n_out) for (n_in, n_out), g in zip(sizes, groups)]
        if k == n_layers - 1:
            axes = [(n_out, 1, n_in) for n_in, n_out in sizes]
        ends = here + math.prod(sizes[0]), there + math.prod(sizes[1])
        source = flat[..., here : ends[0]].reshape(*lead, *axes[0])
        target = result[..., there : ends[1]].reshape(*lead, *axes[1])
        target[..., : axes[0][0], : axes[0][1], : axes[0][2]] = source
        n_out = sizes[0][1]
        result[..., ends[1] : ends[1] + n_out] = flat[..., ends[0] : ends[0] + n_out]
        here, there = ends[0] + n_out, ends[1] + sizes[1][1]
    return result
