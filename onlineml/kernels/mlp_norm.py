"""Layer normalization for the networks of `onlineml.kernels.mlp`: forward and backward with it.

The sums that go into a hidden layer's units are brought to mean 0 and variance 1, without weights
of its own, before the activation. A learner whose last setting is 1 does so; behind a row's values
and signals its room then goes on with `n_units` cells for the normalized sums and one a layer for
what they were multiplied by.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import inlined, lean
from onlineml.kernels.arena import Array
from onlineml.kernels.mlp import activate, backward, forward, lead_back, sum_up
from onlineml.kernels.mlp_rows import Learner, draw_weights

_EPSILON = 1e-5


@inlined
def is_normed(m: Learner) -> bool:
    """Whether the network normalizes its layers."""
    return bool(m.settings[m.settings.shape[0] - 1] > 0.0)


@inlined
def send(m: Learner, n: int, training: bool) -> None:
    """Send the row of `n` entries through, see `onlineml.kernels.mlp.forward`."""
    if is_normed(m):
        _forward(m, n, training)
    else:
        forward(m.net, m.signals, m.places, m.values, n, training, m.random)


@inlined
def send_to_learn(m: Learner, n: int, is_through: bool) -> None:
    """Send the row through as for training; nothing to do where it is through, unchanged."""
    fresh = draw_weights(m, n)
    if fresh or not is_through or m.net.dropout[0] > 0.0:
        send(m, n, True)


@inlined
def send_back(m: Learner) -> None:
    """From the deltas of the last layer to those of all others."""
    if is_normed(m):
        _backward(m)
    else:
        backward(m.net, m.signals)


@lean
def _forward(m: Learner, n: int, training: bool) -> None:
    net, hats = m.net, m.values[_behind(m) :]
    n_units = m.signals.units.shape[0]
    start, first, n_layers = 0, 0, net.shape.shape[0] - 1
    for k in range(n_layers):
        n_in, n_out = net.shape[k], net.shape[k + 1]
        units = m.signals.units[first : first + n_out]
        before = m.signals.units[max(first - n_in, 0) : first]
        sum_up(net, k, start, units, before, m.places, m.values, n)
        if k < n_layers - 1:
            hats[n_units + k] = _normalize(units, hats[first : first + n_out])
            activate(net, k, units, m.signals.slopes[first : first + n_out], training, m.random)
        start, first = start + (n_in + 1) * n_out, first + n_out


@lean
def _behind(m: Learner) -> int:
    """Where the room for normalized sums, and for what they were multiplied by, begins."""
    return int(m.nominal.shape[0] + 3 * m.signals.units.shape[0])


@lean
def _normalize(sums: Array, hats: Array) -> float:
    """Bring `sums` to mean 0 and variance 1, noted in `hats`; what they were multiplied by."""
    n, mean, square = sums.shape[0], 0.0, 0.0
    for o in range(n):
        mean += sums[o]
    mean /= n
    for o in range(n):
        sums[o] -= mean
        square += sums[o] * sums[o]
    inverse = 1.0 / np.sqrt(square / n + _EPSILON)
    for o in range(n):
        sums[o] *= inverse
        hats[o] = sums[o]
    return float(inverse)


@lean
def _backward(m: Learner) -> None:
    net, signals, hats = m.net, m.signals, m.values[_behind(m) :]
    start, end = net.weights.shape[0], signals.deltas.shape[0]
    for k in range(net.shape.shape[0] - 2, 0, -1):
        n_in, n_out = net.shape[k], net.shape[k + 1]
        start, first = start - (n_in + 1) * n_out, end - n_out
        lead_back(net, signals, k, start, first)
        before = slice(first - n_in, first)
        _through_norm(signals.deltas[before], hats[before], hats[signals.units.shape[0] + k - 1])
        end = first


@lean
def _through_norm(deltas: Array, hats: Array, inverse: float) -> None:
    """From derivatives by normalized sums to those by the sums themselves."""
    n, mean, along = deltas.shape[0], 0.0, 0.0
    for o in range(n):
        mean += deltas[o]
        along += deltas[o] * hats[o]
    mean /= n
    along /= n
    for o in range(n):
        deltas[o] = inverse * (deltas[o] - mean - hats[o] * along)
