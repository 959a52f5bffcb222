"""Steps on a network that bound what they do to its answer, beside those of `mlp_steps`.

The loss's gradient is taken as an error e times the gradient z of an answer. The step is against

    obgd           a e z,      a = rate / max(M, 1), M = rate * 2 max(|e|, 1) |z|_1
    intentional    a e z / D,  a = rate / sum(z^2 / D), D: running root mean squares of z

so that the answer moves by at most e ("obgd", where its gradient does not change by more than
2 max(|e|, 1) a weight) or by the share `rate` of e ("intentional", to first order).
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import inlined, lean
from onlineml.kernels.arena import Array
from onlineml.kernels.mlp_norm import send_back
from onlineml.kernels.mlp_rows import _L2, _RATE, _RULE, Learner, step_along
from onlineml.kernels.mlp_steps import _ONE, Step, descend
from onlineml.kernels.optimizers import decay
from onlineml.kernels.views import matrix_in

#: Name of a rule -> its number in kernels, beside those of `mlp_steps.RULES`; moments of a weight.
BOUNDED, MOMENTS = {"obgd": 3, "intentional": 4}, {"obgd": 0, "intentional": 1}
_OBGD = 3
_KAPPA = 2.0
_DECAY, _EPSILON = 0.999, 1e-8  # of the moments
_ERROR_DECAY, _FURTHEST = 0.9998, 20.0  # of the errors: those further out count as this many roots
_LOG_DECAY, _LOG_ERROR_DECAY = np.log(_DECAY), np.log(_ERROR_DECAY)
_FAINT_SQUARE = 1e-36  # moments below are 0: denormal numbers are slow


@inlined
def is_bounded(m: Learner) -> bool:
    """Whether the network takes such steps: outputs' deltas are then those of z."""
    return bool(m.settings[_RULE] >= _OBGD)


@inlined
def step_from(m: Learner, n: int, weight: float, loss: float, error: float, errors: Array) -> None:
    """Step the weights, once the outputs' deltas are there, by whatever rule the network has.

    `errors` is `(1,)`, their running mean square.
    """
    send_back(m)
    if is_bounded(m):
        _step(m, n, weight, error, errors)
    else:
        step_along(m, n, weight, loss)


@lean
def _step(m: Learner, n: int, weight: float, error: float, errors: Array) -> None:
    m.n_steps[0] += 1.0
    rate = m.settings[_RATE]
    shrink = decay(rate, m.settings[_L2], weight)
    if m.settings[_RULE] == _OBGD:
        bound = _KAPPA * max(abs(error), 1.0) * _length(m, n)
        way = min(weight * rate / max(rate * bound, 1.0), 1.0 / bound) if bound > 0.0 else 0.0
        step = Step(0, way * error, shrink, 1.0)
        descend(m.net, m.signals, m.places, m.values, n, m.moments, step)
    else:
        t = m.n_steps[0]
        errors[0] += (1.0 - _ERROR_DECAY) * (error * error - errors[0])
        most = _FURTHEST * np.sqrt(errors[0] / (1.0 - np.exp(t * _LOG_ERROR_DECAY)))
        root = 1.0 / np.sqrt(1.0 - np.exp(t * _LOG_DECAY))
        gain = _walk(m, n, False, Step(0, 0.0, 1.0, root))
        way = min(weight * rate, 1.0) / gain if gain > 0.0 else 0.0
        _walk(m, n, True, Step(0, way * min(max(error, -most), most), shrink, root))


@lean
def _length(m: Learner, n: int) -> float:
    """Sum of the absolute values of the gradient of the row that the signals are of."""
    total, first, shape = 0.0, 0, m.net.shape
    for k in range(shape.shape[0] - 1):
        n_in, n_out = shape[k], shape[k + 1]
        before = m.values[:n] if k == 0 else m.signals.units[first - n_in : first]
        total += (1.0 + _sum(before)) * _sum(m.signals.deltas[first : first + n_out])
        first += n_out
    return total


@lean
def _sum(values: Array) -> float:
    total = 0.0
    for i in range(values.shape[0]):
        total += abs(values[i])
    return total


@lean
def _walk(m: Learner, n: int, moving: bool, step: Step) -> float:
    """Step all weights if `moving`; else let moments learn and return the sum of z^2 / D."""
    plain = Step(step.rule, step.rate, 1.0, step.root)
    start, first, n_layers, gain, shape = 0, 0, m.net.shape.shape[0] - 1, 0.0, m.net.shape
    for k in range(n_layers):
        n_in, n_out = shape[k], shape[k + 1]
        middle = start + n_in * n_out
        deltas = m.signals.deltas[first : first + n_out]
        before = m.signals.units[max(first - n_in, 0) : first]
        if k == 0:
            gain += _rows(m, start, n_in, m.values, n, deltas, moving, step)
        elif k < n_layers - 1:
            gain += _rows(m, start, n_in, before, -1, deltas, moving, step)
        else:
            gain += _rows(m, start, n_out, deltas, -1, before, moving, step)
        gain += _rows(m, middle, 1, _ONE, -1, deltas, moving, plain)
        start, first = middle + n_out, first + n_out
    return gain


@lean
def _rows(
    m: Learner, start: int, n_rows: int, values: Array, n: int, deltas: Array, moving: bool,
    step: Step,
) -> float:  # fmt: skip
    """`_walk` for a matrix; see `onlineml.kernels.mlp_steps.descend` for the arguments."""
    gain, width = 0.0, deltas.shape[0]
    weights = matrix_in(m.net.weights, start, n_rows, width)
    squares = matrix_in(m.moments[0], start, n_rows, width)
    for a in range(n_rows if n < 0 else n):
        i = a if n < 0 else m.places[a]
        if moving:
            _move(weights[i], squares[i], values[a], deltas, step)
        else:
            gain += _measure(squares[i], values[a], deltas, step.root)
    return gain


@lean
def _measure(squares: Array, value: float, deltas: Array, root: float) -> float:
    gain = 0.0
    for o in range(deltas.shape[0]):
        z = value * deltas[o]
        square = squares[o] + (1.0 - _DECAY) * (z * z - squares[o])
        squares[o] = square if square > _FAINT_SQUARE else 0.0
        gain += z * z / (np.sqrt(squares[o]) * root + _EPSILON)
    return gain


@lean
def _move(row: Array, squares: Array, value: float, deltas: Array, step: Step) -> None:
    way = step.rate * value
    for o in range(deltas.shape[0]):
        part = way * deltas[o] / (np.sqrt(squares[o]) * step.root + _EPSILON)
        row[o] = row[o] * step.shrink - part
