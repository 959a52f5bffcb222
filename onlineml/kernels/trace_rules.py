"""Eligibility traces of a network's gradient, and the rules that step along them.

`learn(net, x, ...)` is one event: the trace of every weight decays and takes in the gradient of the
present row, then all weights step along it, as far as the rule allows. The gradient is a column
times a row in every layer (`onlineml.kernels.normed_net`), so a first pass over the traces adds it
and sums what the rule wants to know, and a second one steps: two passes are all that memory sees.
A convolution, whose gradient is a sum of such products, has one written down: 1 times a long row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from onlineml.kernels.arena import Array
from onlineml.kernels.bare import bare
from onlineml.kernels.normed_net import Shape, Signals, find_slopes, n_maps, n_of_layer, n_slopes
from onlineml.kernels.singles import Singles, add_scaled, made

#: Name of a rule -> its number in kernels.
RULES = {"sgd": 0, "adam": 1, "obgd": 2, "adaptive_obgd": 3, "intentional": 4, "qrc": 5}
#: Name of a rule -> how many numbers it keeps of a weight, beside the trace.
N_MOMENTS = {"sgd": 0, "adam": 2, "obgd": 1, "adaptive_obgd": 2, "intentional": 2, "qrc": 2}
_SGD, _ADAM, _OBGD, _ADAPTIVE, _INTENTIONAL, QRC = range(6)  # QRC: see `gradient_td`
#: Places of a rule's numbers: its own number, the step, then as the rules say.
RULE, STEP, KAPPA, DECAY, CLIP, ERROR_DECAY, REFRESH, SCALED, N_NUMBERS = range(9)
BETA = FADE = KAPPA  # Adam's first decay, QRC's regularization; how traces fade, if it matters
RATIO = DECAY  # of the steps of QRC's two networks
#: Places of a network's statistics.
N, SIGMA, ERROR_2, ERROR_1, EFFECTIVE, BOUNDED, NORM, N_STATISTICS = range(8)
FORETOLD = SIGMA  # the trace of errors that QRC has foretold
_FLOOR = np.float32(1e-8)
_STALE = np.float32(1e6)  # an inverse root beyond this was of a weight without gradients
_YOUNG = 64.0  # events in which all inverse roots are kept fresh
_ONE = np.float32(1.0)
_SHARE = 1e-3  # of the newest event in the share of bounded steps


class Net(NamedTuple):
    """A network that learns."""

    shape: Shape
    weights: Singles
    traces: Singles
    moments: Singles  # what the rule keeps of the weights: one block of numbers, then another
    signals: Signals
    statistics: Array
    rule: Array
    one: Singles  # (1,) what intercepts are multiplied by


@bare
def learn(net: Net, x: Singles, fade: float, error: float) -> None:
    """Traces fade, take in the gradient that `signals` tell of, and weights step by `error`."""
    rule = int(net.rule[RULE])
    net.statistics[N] += 1.0
    if rule == _INTENTIONAL:
        _intend(net, x, fade, error)
    else:
        if rule == _ADAM and net.rule[CLIP] > 0.0:
            error = min(max(error, -net.rule[CLIP]), net.rule[CLIP])
        first, _ = _accumulate(net, x, fade, error)
        _step(net, rule, first, error)


@bare
def _step(net: Net, rule: int, norm: float, error: float) -> None:
    """Step as far as the bound allows; `norm` is of the traces, scaled where the rule scales."""
    statistics, step, n_all = net.statistics, net.rule[STEP], net.weights.shape[0]
    half, n = net.moments.shape[0] // 2, statistics[N]
    if rule == _ADAM:
        correction = np.float32(1.0 / (1.0 - net.rule[DECAY] ** n))
        step /= 1.0 - net.rule[BETA] ** n
        moments, squares = net.moments[:half], net.moments[half:]
        _step_by_adam(net.weights, moments, squares, np.float32(step), correction, _FLOOR, n_all)
    else:
        bounded = 0.0
        if rule != _SGD:
            reach = step * net.rule[KAPPA] * max(abs(error), 1.0) * norm
            bounded = 1.0 if reach > 1.0 else 0.0
            step /= max(reach, 1.0)
        factor = np.float32(step * error)
        if rule == _OBGD:
            _add_exactly(net.weights, net.moments, net.traces, factor, n_all)
        else:
            along = net.moments if rule == _ADAPTIVE else net.traces
            add_scaled(net.weights, along, factor, n_all)
        statistics[BOUNDED] += _SHARE * (bounded - statistics[BOUNDED])
    statistics[EFFECTIVE], statistics[NORM] = step, norm


@bare
def _intend(net: Net, x: Singles, fade: float, error: float) -> None:
    """Step so far that the intended share of the error goes, on average over the traces."""
    statistics, rule = net.statistics, net.rule
    gain, trace = _accumulate(net, x, fade, error)
    n, decay = statistics[N], rule[ERROR_DECAY]
    statistics[SIGMA] += (1.0 - rule[FADE]) * (gain - statistics[SIGMA])
    product = statistics[SIGMA] / (1.0 - rule[FADE] ** n) * trace
    statistics[ERROR_2] += (1.0 - decay) * (error * error - statistics[ERROR_2])
    limit = rule[CLIP] * np.sqrt(statistics[ERROR_2] / (1.0 - decay**n))
    clipped = min(max(error, -limit), limit)
    if rule[SCALED] > 0.0:
        statistics[ERROR_1] += (1.0 - decay) * (abs(clipped) - statistics[ERROR_1])
        mean = statistics[ERROR_1] / (1.0 - decay**n)
        clipped = clipped / mean if mean > 0.0 else 0.0
    step = rule[STEP] / np.sqrt(product) if product > 0.0 else 0.0
    inverse = net.moments[net.moments.shape[0] // 2 :]
    factor = np.float32(step * clipped)
    _add_product(net.weights, net.traces, inverse, factor, net.weights.shape[0])
    bounded = 1.0 if abs(error) > limit else 0.0
    statistics[BOUNDED] += _SHARE * (bounded - statistics[BOUNDED])
    statistics[EFFECTIVE], statistics[NORM] = step, np.sqrt(trace)


# --------------------------------------------------------------- first pass: gradient into traces


@bare
def _accumulate(net: Net, x: Singles, fade: float, error: float) -> tuple[float, float]:
    """The first pass over all blocks; the two sums that the rule asks for."""
    shape, signals, start, first = net.shape, net.signals, 0, 0
    n_layers, before = shape.widths.shape[0] - 1, x
    a, b = 0.0, 0.0
    for k in range(n_layers):
        n_out, end = shape.widths[k + 1], start + n_of_layer(shape, k)
        deltas = signals.deltas[first : first + n_out]
        column, row = (before, deltas) if k < n_layers - 1 else (deltas, before)
        if k < n_maps(shape):
            find_slopes(shape, signals, k, first, start, before)
            column, row = net.one, signals.slopes[start:end]
        p, q = _block(net, start, column, row, fade, error)
        r, s = 0.0, 0.0
        if k >= n_maps(shape):
            r, s = _block(net, end - n_out, net.one, deltas, fade, error)
        a, b = a + p + r, b + q + s
        before = signals.units[first : first + n_out]
        start, first = end, first + n_out
    return a, b


@bare
def _block(
    net: Net, start: int, column: Singles, row: Singles, fade: float, error: float
) -> tuple[float, float]:
    """The first pass over a block whose gradient is `column` times `row`."""
    n_rows = column.shape[0]
    n, rule = row.shape[0], int(net.rule[RULE])
    end, half = start + n_rows * n, net.moments.shape[0] // 2
    traces = net.traces[start:end]
    if rule in (_SGD, _OBGD):
        return _take_in(traces, n_rows, column, row, np.float32(fade)), 0.0
    first, second = net.moments[start:end], net.moments[half + start : half + end]
    if rule == _INTENTIONAL:
        # a convolution's first weight says nothing of the others: all roots are renewed, in time
        every = 1 if start < n_slopes(net.shape) else int(net.rule[REFRESH])
        return _intentional_rows(net, traces, first, second, column, row, fade, every)
    keep, new = np.float32(net.rule[DECAY]), np.float32(1.0 - net.rule[DECAY])
    n_learned = net.statistics[N]
    correction = np.float32(1.0 / (1.0 - net.rule[DECAY] ** n_learned))
    fading, d, total = np.float32(fade), np.float32(error), 0.0
    keep_1, new_1 = np.float32(net.rule[BETA]), np.float32(1.0 - net.rule[BETA])
    for i in range(n_rows):
        z, u, nu = traces[i * n :], first[i * n :], second[i * n :]
        if rule == _ADAM:
            total += _take_in_adam(z, u, nu, row, fading, column[i], d, keep_1, new_1, keep, new, n)
        else:
            total += _take_in_scaled(
                z, u, nu, row, fading, column[i], d, keep, new, correction, _FLOOR, n
            )
    return total, 0.0


@bare
def _take_in(
    traces: Singles, n_rows: int, column: Singles, row: Singles, fade: np.float32
) -> float:
    """Traces take in the gradient; the sum of their absolute values."""
    n, total = row.shape[0], 0.0
    for i in range(n_rows):
        total += _take_in_row(traces[i * n :], row, fade, column[i], n)
    return total


@bare
def _intentional_rows(
    net: Net, traces: Singles, squares: Singles, inverse: Singles, column: Singles, row: Singles,
    fade: float, every: int,
) -> tuple[float, float]:  # fmt: skip
    """The same with squared gradients and their inverse roots; sums over gradients and traces.

    A root and a division for every weight would take most of the time, so a row's inverse roots
    are renewed once in `every` events.
    """
    n, t, gains, lengths = row.shape[0], net.statistics[N], 0.0, 0.0
    turn, fading = int(t), np.float32(fade)
    keep, new = np.float32(net.rule[DECAY]), np.float32(1.0 - net.rule[DECAY])
    correction = np.float32(1.0 / (1.0 - net.rule[DECAY] ** t))
    for i in range(column.shape[0]):
        z, nu, r, p = traces[i * n :], squares[i * n :], inverse[i * n :], column[i]
        if t <= _YOUNG or (i + turn) % every == 0 or r[0] > _STALE:
            gain, length = _take_in_and_renew(
                z, nu, r, row, fading, p, keep, new, correction, _FLOOR, _ONE, n
            )
        else:
            gain, length = _take_in_squared(z, nu, r, row, fading, p, keep, new, n)
        gains, lengths = gains + gain, lengths + length
    return gains, lengths


# Bodies of the loops over one row; the arrays that they change come first.


def _body(a: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
    z = x[0] * a[0] + x[1] * a[1]
    return [z], [abs(z)]


def _adam_body(a: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
    z, moment, square, row = a
    fade, p, error, keep_1, new_1, keep_2, new_2 = x
    z = fade * z + p * row
    step = error * z
    moment, square = keep_1 * moment + new_1 * step, keep_2 * square + new_2 * (step * step)
    return [z, moment, square], [abs(z)]


def _scaled_body(a: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
    z, _, square, row = a
    fade, p, error, keep, new, correction, floor = x
    z = fade * z + p * row
    step = error * z
    square = keep * square + new * (step * step)
    scaled = z / (square * correction + floor).sqrt()
    return [z, scaled, square], [abs(scaled)]


def _squared_body(a: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
    z, square, inverse, row = a
    fade, p, keep, new = x
    gradient = p * row
    squared, z = gradient * gradient, fade * z + gradient
    return [z, keep * square + new * squared], [squared * inverse, z * z * inverse]


def _renewing_body(a: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
    z, square, _, row = a
    fade, p, keep, new, correction, floor, one = x
    gradient = p * row
    squared, z = gradient * gradient, fade * z + gradient
    square = keep * square + new * squared
    inverse = one / ((square * correction).sqrt() + floor)
    return [z, square, inverse], [squared * inverse, z * z * inverse]


def _adam_step(a: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
    weight, moment, square = a
    step, correction, floor = x
    return [weight + step * moment / ((square * correction).sqrt() + floor)], []


def _exact_body(a: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
    weight, lost, trace = a  # what rounding took off the weight waits for the next step
    lost = lost + x[0] * trace
    new = weight + lost
    return [new, lost - (new - weight)], []


_take_in_row = made(2, 2, 1, _body)
_take_in_adam = made(4, 7, 1, _adam_body)
_take_in_scaled = made(4, 7, 1, _scaled_body)
_take_in_squared = made(4, 4, 2, _squared_body)
_take_in_and_renew = made(4, 7, 2, _renewing_body)
_step_by_adam = made(3, 3, 0, _adam_step)
_add_exactly = made(3, 1, 0, _exact_body)
_add_product = made(3, 1, 0, lambda a, x: ([a[0] + x[0] * a[1] * a[2]], []))
