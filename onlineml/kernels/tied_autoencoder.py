"""Autoencoders of one hidden layer whose decoder is the transpose of the encoder.

    hidden = tanh(z W + b),    z' = hidden W^T + c,    rest = z - z'

with `weights` (n, h), `inner` b (h,), `outer` c (n,). A missing value is 0 in `z`, and its rest is
0: it neither counts nor is learned.

References
----------
.. [1] Vincent, Larochelle, Bengio, Manzagol (2008), Extracting and composing robust features with
   denoising autoencoders, ICML, section 2. doi:10.1145/1390156.1390294
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.random import uniform


class Tied(NamedTuple):
    """The network."""

    weights: Array
    inner: Array
    outer: Array


@jit
def encode(net: Tied, z: Array, hidden: Array) -> None:
    """What the hidden units make of `z`."""
    for u in range(hidden.shape[0]):
        hidden[u] = net.inner[u]
    for j in range(z.shape[0]):
        for u in range(hidden.shape[0]):
            hidden[u] += z[j] * net.weights[j, u]
    for u in range(hidden.shape[0]):
        hidden[u] = math.tanh(hidden[u])


@jit
def decode(net: Tied, known: Array, z: Array, hidden: Array, rest: Array) -> None:
    """What the hidden units leave of `z`; 0 where `known` misses a value."""
    for j in range(z.shape[0]):
        found = net.outer[j]
        for u in range(hidden.shape[0]):
            found += hidden[u] * net.weights[j, u]
        rest[j] = 0.0 if np.isnan(known[j]) else z[j] - found


@jit
def error_of(known: Array, rest: Array) -> float:
    """Root mean square of what is left of the known values; NaN without any."""
    total, n = 0.0, 0
    for j in range(rest.shape[0]):
        if not np.isnan(known[j]):
            total += rest[j] * rest[j]
            n += 1
    return np.sqrt(total / n) if n > 0 else np.nan


@jit
def step(net: Tied, z: Array, hidden: Array, rest: Array, rate: float) -> None:
    """A step down the gradient of half the squared rest.

    Its length is that of the normalized least mean squares: steps cannot overshoot.
    """
    total = 1.0
    for j in range(z.shape[0]):
        total += z[j] * z[j]
    for u in range(hidden.shape[0]):
        total += hidden[u] * hidden[u]
    rate /= total
    for u in range(hidden.shape[0]):
        slope = 0.0
        for j in range(z.shape[0]):
            slope += rest[j] * net.weights[j, u]
        slope *= rate * (1.0 - hidden[u] * hidden[u])
        net.inner[u] += slope
        for j in range(z.shape[0]):
            net.weights[j, u] += slope * z[j] + rate * rest[j] * hidden[u]
    for j in range(z.shape[0]):
        net.outer[j] += rate * rest[j]


@jit
def draw(net: Tied, random: Ints, k: int) -> None:
    """First weights: uniform, of variance 1 / n; generator `k`."""
    n = net.weights.shape[0]
    bound = np.sqrt(3.0 / max(n, 1))
    for j in range(n):
        for u in range(net.weights.shape[1]):
            net.weights[j, u] = bound * (2.0 * uniform(random, k) - 1.0)
    net.inner[:] = 0.0
    net.outer[:] = 0.0
