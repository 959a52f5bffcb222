"""Steps of gradient descent on the weights of a multilayer perceptron (`onlineml.kernels.mlp`).

`descend` leaves inputs alone that a row does not show, whatever their momentum.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.mlp import Net, Signals
from onlineml.kernels.views import matrix_in

#: Name of a rule -> its number in kernels, which is also how many moments of a weight it keeps.
RULES = {"sgd": 0, "momentum": 1, "adam": 2}
_MOMENTUM, _ADAM = 1, 2
_DECAY_1, _DECAY_2, _EPSILON = 0.9, 0.999, 1e-8  # the first is also that of the momentum
#: How far all steps that a gradient takes part in go together, in steps of `sgd`.
REACH = {"sgd": 1.0, "momentum": 1.0 / (1.0 - _DECAY_1), "adam": 0.0}
_LOG_DECAY_1, _LOG_DECAY_2 = math.log(_DECAY_1), math.log(_DECAY_2)
_FAINT, _FAINT_SQUARE = 1e-150, 1e-36  # moments below are 0: denormal numbers are slow
_ONE = np.ones(1)


class Step(NamedTuple):
    """How far a step goes, see `step_of`."""

    rule: int
    rate: float
    shrink: float
    root: float


@jit
def step_of(rule: int, rate: float, shrink: float, t: float) -> Step:
    """The step number `t` (from 1). Matrices, not intercepts, are multiplied by `shrink` first.

    With Adam it makes up for the moments' beginning at 0.
    """
    if rule == _ADAM:
        root = 1.0 / np.sqrt(1.0 - np.exp(t * _LOG_DECAY_2))
        return Step(rule, rate / (1.0 - np.exp(t * _LOG_DECAY_1)), shrink, root)
    return Step(rule, rate, shrink, 1.0)


@jit
def descend(
    net: Net, signals: Signals, places: Ints, values: Array, n: int, moments: Array, step: Step
) -> None:
    """Step the weights on the row that these signals are of.

    `moments` is `(number of moments, n_weights)`.
    """
    plain = Step(step.rule, step.rate, 1.0, step.root)
    start, first, n_layers = 0, 0, net.shape.shape[0] - 1
    for k in range(n_layers):
        n_in, n_out = net.shape[k], net.shape[k + 1]
        middle = start + n_in * n_out
        deltas = signals.deltas[first : first + n_out]
        before = signals.units[max(first - n_in, 0) : first]
        if k == 0:
            _descend_rows(net.weights, moments, start, n_in, places, values, n, deltas, step)
        elif k < n_layers - 1:
            _descend_rows(net.weights, moments, start, n_in, places, before, -1, deltas, step)
        else:
            _descend_rows(net.weights, moments, start, n_out, places, deltas, -1, before, step)
        _descend_rows(net.weights, moments, middle, 1, places, _ONE, -1, deltas, plain)
        start, first = middle + n_out, first + n_out


@jit
def descend_along(net: Net, gradient: Array, moments: Array, step: Step) -> None:
    """Step all weights against `gradient`, `(n_weights,)`."""
    plain, places = Step(step.rule, step.rate, 1.0, step.root), net.shape
    start = 0
    for k in range(net.shape.shape[0] - 1):
        middle = start + net.shape[k] * net.shape[k + 1]
        end = middle + net.shape[k + 1]
        slopes = gradient[start:middle]
        _descend_rows(net.weights, moments, start, 1, places, _ONE, -1, slopes, step)
        slopes = gradient[middle:end]
        _descend_rows(net.weights, moments, middle, 1, places, _ONE, -1, slopes, plain)
        start = end


@jit
def _descend_rows(
    weights: Array, moments: Array, start: int, n_rows: int, places: Ints, values: Array, n: int,
    deltas: Array, step: Step,
) -> None:  # fmt: skip
    """Step a matrix that begins at `start` against the products of `values` and `deltas`.

    The `n` values belong to the rows at `places`; where `n` is -1, to all rows in order.
    """
    m = deltas.shape[0]
    matrix = matrix_in(weights, start, n_rows, m)
    if step.rule == _ADAM:
        means = matrix_in(moments[0], start, n_rows, m)
        squares = matrix_in(moments[1], start, n_rows, m)
        for a in range(n_rows if n < 0 else n):
            i = a if n < 0 else places[a]
            _descend_adam(matrix[i], means[i], squares[i], values[a], deltas, step)
    elif step.rule == _MOMENTUM:
        means = matrix_in(moments[0], start, n_rows, m)
        for a in range(n_rows if n < 0 else n):
            i = a if n < 0 else places[a]
            for o in range(m):
                mean = _DECAY_1 * means[i, o] + values[a] * deltas[o]
                means[i, o] = mean if abs(mean) > _FAINT else 0.0
                matrix[i, o] = matrix[i, o] * step.shrink - step.rate * means[i, o]
    else:
        for a in range(n_rows if n < 0 else n):
            i = a if n < 0 else places[a]
            if values[a] != 0.0 or step.shrink != 1.0:
                way = step.rate * values[a]
                for o in range(m):
                    matrix[i, o] = matrix[i, o] * step.shrink - way * deltas[o]


@jit
def _descend_adam(
    row: Array, means: Array, squares: Array, value: float, deltas: Array, step: Step
) -> None:
    """The divisor is in single precision, with which the whole loop takes half the time."""
    one, root, epsilon = np.float32(1.0), np.float32(step.root), np.float32(_EPSILON)
    for o in range(deltas.shape[0]):
        gradient = value * deltas[o]
        mean = means[o] + (1.0 - _DECAY_1) * (gradient - means[o])
        square = squares[o] + (1.0 - _DECAY_2) * (gradient * gradient - squares[o])
        mean = mean if abs(mean) > _FAINT else 0.0
        square = square if square > _FAINT_SQUARE else 0.0
        means[o], squares[o] = mean, square
        part = np.float64(one / (np.sqrt(np.float32(square)) * root + epsilon))
        row[o] = row[o] * step.shrink - step.rate * mean * part
