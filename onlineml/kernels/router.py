"""A network that routes rows: it sees them as they are, and learns to give each expert a logit.

Inputs are the features, nominal ones by their codes, missing ones 0. First weights are Glorot's
uniform ones, those of an input drawn when the first row shows it: they then do not depend on how
rows were grouped into chunks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints, f1, f2, i1
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.mlp import (
    Net,
    Signals,
    accumulate,
    backward,
    output_deltas,
    outputs,
    signals_in,
)
from onlineml.kernels.mlp_steps import RULES, descend, descend_along, step_of
from onlineml.kernels.random import uniform

STATE = (
    Field("known_", ("F",), np.int64),  # whether an input has weights
    Field("random_", (2,), np.int64),  # generators of dropout, of first weights
    Field("n_steps_", (1,)),
    Field("in_batch_", (1,), np.int64),  # rows whose gradients are summed
    Field("shape_", ("S",), np.int64),
    Field("weights_", ("P",)),
    Field("moments_", ("M", "P")),
    Field("gradient_", ("G",)),
)
RULE = RULES["adam"]
_FIRST = 1
_FAR = 40.0  # a logistic function is 0 or 1 from here on


class Router(NamedTuple):
    """A router, with room for one row."""

    rate: float
    net: Net
    moments: Array
    gradient: Array  # (n_weights,), or nothing where steps are by row
    signals: Signals
    places: Ints
    values: Array
    known: Ints
    random: Ints
    n_steps: Array
    in_batch: Ints


@jit
def router(d: int, k: int, rate: float, dropout: Array, floats: Array, places: Ints) -> Router:
    """The router of the estimator at `d`, the first array of whose `STATE` is in slot `k`."""
    known, shape = i1(d, k), i1(d, k + 4)
    net = Net(shape, f1(d, k + 5), 0, dropout)
    return Router(
        rate, net, f2(d, k + 6), f1(d, k + 7), signals_in(floats[known.shape[0] :], shape), places,
        floats, known, i1(d, k + 1), f1(d, k + 2), i1(d, k + 3),
    )  # fmt: skip


@jit
def read(r: Router, x: Array, densely: bool) -> int:
    """Write the entries of `x`, zeros too only if `densely`; how many there are."""
    n = 0
    for j in range(x.shape[0]):
        there = abs(x[j]) <= LARGEST  # NaN is not
        if densely or (there and x[j] != 0.0):
            r.places[n], r.values[n] = j, x[j] if there else 0.0
            n += 1
    return n


@jit
def meet(r: Router, x: Array) -> bool:
    """Draw the weights of inputs that no row has shown before; whether there were any."""
    n, fresh = 0, False
    for j in range(x.shape[0]):
        there = abs(x[j]) <= LARGEST
        n += there
        fresh = fresh or (there and r.known[j] == 0)
    if fresh:
        width = r.net.shape[1]
        for j in range(x.shape[0]):
            if abs(x[j]) <= LARGEST and r.known[j] == 0:
                r.known[j] = 1
                fill(r.net.weights[j * width : (j + 1) * width], n + width, r.random)
    return fresh


@jit
def fill(weights: Array, n: int, random: Ints) -> None:
    """Glorot's uniform weights of a layer with `n` inputs and outputs together."""
    bound = np.sqrt(6.0 / n)
    for o in range(weights.shape[0]):
        weights[o] = bound * (2.0 * uniform(random, _FIRST) - 1.0)


@jit
def fill_layers(shape: Ints, weights: Array, random: Ints, n_layers: int) -> None:
    """Fill the layers from the second to that of number `n_layers`."""
    start = (shape[0] + 1) * shape[1]
    for k in range(1, n_layers):
        end = start + shape[k] * shape[k + 1]
        fill(weights[start:end], shape[k] + shape[k + 1], random)
        start = end + shape[k + 1]


@jit
def fill_output(r: Router, o: int) -> None:
    """Draw the weights of output `o`, as if it were the last one."""
    shape = r.net.shape
    n_in, n_out = shape[-2], shape[-1]
    start = r.net.weights.shape[0] - (n_in + 1) * n_out + o * n_in
    fill(r.net.weights[start : start + n_in], n_in + o + 1, r.random)


@jit
def cross_entropy(r: Router, n_outputs: int, part: float) -> None:
    """Turn output deltas from targets, 0 or 1, into derivatives of `part` times the sum of losses.

    Outputs from `n_outputs` on do not count.
    """
    logits, deltas = outputs(r.net, r.signals), output_deltas(r.net, r.signals)
    for o in range(deltas.shape[0]):
        deltas[o] = part * (_logistic(logits[o]) - deltas[o]) if o < n_outputs else 0.0


@jit
def _logistic(value: float) -> float:
    if value > _FAR:
        return 1.0
    return 1.0 / (1.0 + np.exp(-value)) if value > -_FAR else 0.0


@jit
def learn_later(r: Router, n: int, batch_size: int) -> None:
    """Add the row's gradient to those of its batch; with the last one of the batch, step."""
    backward(r.net, r.signals)
    accumulate(r.net, r.signals, r.places, r.values, n, r.gradient)
    r.in_batch[0] += 1
    if r.in_batch[0] == batch_size:
        r.in_batch[0] = 0
        r.n_steps[0] += 1.0
        step = step_of(RULE, r.rate, 1.0, r.n_steps[0])
        descend_along(r.net, r.gradient, r.moments, step)
        for k in range(r.gradient.shape[0]):
            r.gradient[k] = 0.0


@jit
def learn_now(r: Router, n: int) -> None:
    """Step on the row alone; it was read densely, as all weights move by their momentum."""
    backward(r.net, r.signals)
    r.n_steps[0] += 1.0
    step = step_of(RULE, r.rate, 1.0, r.n_steps[0])
    descend(r.net, r.signals, r.places, r.values, n, r.moments, step)
