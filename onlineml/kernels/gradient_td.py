"""Gradient temporal-difference learning with regularized corrections, along traces.

A second network h, of the same shape, foretells the error of the first, v. With error d, traces of
both gradients, z and y, and a trace of h itself, c:

    z <- f z + grad v(s)        y <- f y + grad h(s)        c <- f c + h(s)
    w <- w + a (d z - h(s) grad v(s) + c (grad v(s) - discount grad v(s')))
    u <- u + a ratio (d y - h(s) grad h(s) - beta u)

for the weights w of v and u of h. All three gradients are a column times a row in every layer (and
written down for convolutions), so one pass over weights and traces of either network does it all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.kernels.bare import bare
from onlineml.kernels.normed_net import (
    Signals,
    differentiate,
    find_slopes,
    forward,
    n_maps,
    n_of_layer,
)
from onlineml.kernels.singles import Singles, made
from onlineml.kernels.trace_rules import (
    BETA,
    EFFECTIVE,
    FORETOLD,
    NORM,
    RATIO,
    STEP,
    N,
    Net,
)

Five = tuple[np.float32, np.float32, np.float32, np.float32, np.float32]


@bare
def learn_with_corrections(
    net: Net, second: Signals, there: Signals, x: Singles, next_x: Singles, output: int,
    fade: float, discount: float, error: float,
) -> None:  # fmt: skip
    """One event; `there` are signals and deltas of the next observation, unread without discount.

    The second network and its traces are what the rule keeps: `net.moments`.
    """
    half, statistics, step = net.moments.shape[0] // 2, net.statistics, net.rule[STEP]
    other = Net(
        net.shape, net.moments[:half], net.moments[half:], net.moments[:0], second, statistics,
        net.rule, net.one,
    )  # fmt: skip
    forward(net.shape, other.weights, x, second)
    differentiate(net.shape, other.weights, second, output)
    foretold = float(second.outputs[output])
    trace = fade * statistics[FORETOLD] + foretold
    norm = _step(
        net, there, x, next_x, fade, 1.0, step * error, step * (trace - foretold),
        -step * discount * trace,
    )  # fmt: skip
    step_2 = step * net.rule[RATIO]
    _step(
        other, second, x, x, fade, 1.0 - step_2 * net.rule[BETA], step_2 * error,
        -step_2 * foretold, 0.0,
    )  # fmt: skip
    statistics[N] += 1.0
    statistics[FORETOLD], statistics[EFFECTIVE], statistics[NORM] = trace, step, norm


@bare
def _step(
    net: Net, there: Signals, x: Singles, next_x: Singles, fade: float, keep: float, along: float,
    here: float, back: float,
) -> float:  # fmt: skip
    """Weights: `keep` of them, `along` traces, `here` the gradient, `back` the next one.

    Traces take the gradient in before; returned is the sum of their absolute values.
    """
    shape, signals, start, first, norm = net.shape, net.signals, 0, 0, 0.0
    n_layers = shape.widths.shape[0] - 1
    numbers = (
        np.float32(fade), np.float32(keep), np.float32(along), np.float32(here), np.float32(back)
    )  # fmt: skip
    units, units_2 = x, next_x
    for k in range(n_layers):
        n_out, end = shape.widths[k + 1], start + n_of_layer(shape, k)
        deltas = signals.deltas[first : first + n_out]
        deltas_2 = there.deltas[first : first + n_out]
        if k < n_maps(shape):
            find_slopes(shape, signals, k, first, start, units)
            find_slopes(shape, there, k, first, start, units_2)
            slopes, slopes_2 = signals.slopes[start:end], there.slopes[start:end]
            norm += _block(net, start, net.one, slopes, net.one, slopes_2, numbers)
        else:
            if k < n_layers - 1:
                norm += _block(net, start, units, deltas, units_2, deltas_2, numbers)
            else:
                norm += _block(net, start, deltas, units, deltas_2, units_2, numbers)
            norm += _block(net, end - n_out, net.one, deltas, net.one, deltas_2, numbers)
        units, units_2 = signals.units[first : first + n_out], there.units[first : first + n_out]
        start, first = end, first + n_out
    return norm


@bare
def _block(
    net: Net, start: int, column: Singles, row: Singles, column_2: Singles, row_2: Singles,
    numbers: Five,
) -> float:  # fmt: skip
    """The same for a block whose two gradients are `column` times `row`."""
    n, norm = row.shape[0], 0.0
    fade, keep, along, here, back = numbers
    for i in range(column.shape[0]):
        p, q, k = column[i], column_2[i], start + i * n
        norm += _along_and_back(
            net.traces[k:], net.weights[k:], row, row_2, fade, keep, along, p, here * p, back * q, n
        )
    return norm


def _body(a: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
    z, weight, row, row_2 = a
    fade, keep, along, p, here, back = x
    z = fade * z + p * row
    return [z, keep * weight + along * z + (here * row + back * row_2)], [abs(z)]


_along_and_back = made(4, 6, 1, _body)
