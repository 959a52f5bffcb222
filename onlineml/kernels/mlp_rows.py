"""What online networks do with a row: standardize it, meet new inputs, take a step.

Inputs are the features in standard deviations from their mean so far, or one input a value of a
nominal feature. A missing value counts as the mean: it puts nothing in. An input gets its weights
when the first row shows it, so that they do not depend on how rows were grouped into chunks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints, f1, f2, i1, i2, scratch
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.mlp import (
    Net,
    Signals,
    backward,
    forward,
    signals_in,
    squared_gradient,
)
from onlineml.kernels.mlp_steps import descend, step_of
from onlineml.kernels.optimizers import decay
from onlineml.kernels.random import uniform

FURTHEST = 10.0  # standard deviations: values further out count as this
_LEAST = 1e-300  # instead of a weight of 0
_SAME = 1e-10  # a standard deviation below this share of the mean is rounding
# Cells of the settings; from the last on, the dropout rates of the hidden layers.
_ACTIVATION, _RULE, _RATE, _REACH, _L2, _DROPOUT = range(6)
# What is known of a feature, rows of `standing_`: the last is 1 / standard deviation.
WEIGHT, MEAN, M2, SCALE = range(4)
# Generators: of dropout (see `forward`), of first weights.
_FIRST = 1

STATE = (
    Field("nominal_", ("F",), np.int64),
    Field("known_", ("F", "V"), np.int64),  # whether an input has weights
    Field("standing_", (4, "F")),
    Field("random_", (2,), np.int64),
    Field("n_steps_", (1,)),
    Field("shape_", ("S",), np.int64),
    Field("weights_", ("P",)),
    Field("moments_", ("M", "P")),
)


class Learner(NamedTuple):
    """A network that learns, with room for one row."""

    settings: Array
    net: Net
    moments: Array
    signals: Signals
    places: Ints
    values: Array
    nominal: Ints
    known: Ints
    standing: Array
    random: Ints
    n_steps: Array


@jit
def learner(d: int, k: int) -> Learner:
    """The network of the estimator at `d`, the first array of whose `STATE` is in slot `k`."""
    floats, places = scratch(d)
    settings, nominal, shape = f1(d, 0), i1(d, k), i1(d, k + 5)
    net = Net(shape, f1(d, k + 6), int(settings[_ACTIVATION]), settings[_DROPOUT:])
    signals = signals_in(floats[nominal.shape[0] :], shape)
    return Learner(
        settings, net, f2(d, k + 7), signals, places, floats, nominal, i2(d, k + 1), f2(d, k + 2),
        i1(d, k + 3), f1(d, k + 4),
    )  # fmt: skip


# ------------------------------------------------------------------------------- rows


@jit
def entries(x: Array, m: Learner) -> int:
    """Write what the network sees of `x` to `places` and `values`; how many entries there are."""
    n, room, standing = 0, m.known.shape[1], m.standing
    for j in range(x.shape[0]):
        if not abs(x[j]) <= LARGEST:  # NaN too
            continue
        if m.nominal[j] == 0:
            value = (x[j] - standing[MEAN, j]) * standing[SCALE, j]
            m.places[n], m.values[n] = j * room, min(max(value, -FURTHEST), FURTHEST)
            n += 1
        elif 0.0 <= x[j] < room:
            m.places[n], m.values[n] = j * room + int(x[j]), 1.0
            n += 1
    return n


@jit
def standardized(value: float, standing: Array) -> float:
    """`value` in standard deviations from the mean."""
    return float(min(max((value - standing[MEAN]) * standing[SCALE], -FURTHEST), FURTHEST))


@jit
def learn_number(value: float, w: float, standing: Array) -> None:
    """Add `value`, of weight `w`, to what is known of a number, `standing` (4,)."""
    known = standing[WEIGHT], standing[MEAN], standing[M2], standing[SCALE]
    standing[WEIGHT], standing[MEAN], standing[M2], standing[SCALE] = _with(value, w, *known)


@jit
def meet(x: Array, w: float, m: Learner) -> None:
    """Add the numeric features of `x` to what is known of them."""
    s = m.standing
    for j in range(x.shape[0]):  # without a branch, as the numbers of four features fit in a vector
        there = m.nominal[j] == 0 and abs(x[j]) <= LARGEST
        value, part = x[j] if there else s[MEAN, j], w if there else 0.0
        known = s[WEIGHT, j], s[MEAN, j], s[M2, j], s[SCALE, j]
        s[WEIGHT, j], s[MEAN, j], s[M2, j], s[SCALE, j] = _with(value, part, *known)


@jit
def _with(
    value: float, w: float, weight: float, mean: float, m2: float, scale: float
) -> tuple[float, float, float, float]:
    """Weight, mean, sum of squared deviations and 1 / standard deviation, with one more value.

    A value far out, once there is a deviation, counts as less far: one wild row would make all
    others look the same.
    """
    reach = FURTHEST / scale if scale > 0.0 else np.inf
    weight += w
    gap = min(max(value - mean, -reach), reach)
    step = w / max(weight, _LEAST) * gap
    m2 += w * gap * (gap - step)
    mean += step
    floor = weight * (_SAME * mean) * (_SAME * mean)
    return weight, mean, m2, float(np.sqrt(weight / m2)) if m2 > floor else 0.0


# ------------------------------------------------------------------------------- steps


@jit
def forward_to_learn(m: Learner, n: int, is_through: bool) -> None:
    """Send the row through as for training; nothing to do where it is through, unchanged."""
    fresh = draw_weights(m, n)
    if fresh or not is_through or m.settings[_DROPOUT] > 0.0:
        forward(m.net, m.signals, m.places, m.values, n, True, m.random)


@jit
def draw_weights(m: Learner, n: int) -> bool:
    """Draw first weights for places that no row has shown before."""
    fresh, width, room = False, m.net.shape[1], m.known.shape[1]
    for a in range(n):
        place = m.places[a]
        j = place if room == 1 else place // room  # a division takes its time
        if not m.known[j, place - j * room]:
            m.known[j, place - j * room], fresh, start = 1, True, place * width
            _fill(m.net.weights[start : start + width], n, m.random)
    return fresh


@jit
def _fill(weights: Array, n_in: int, random: Ints) -> None:
    """He's uniform weights for sums of `n_in` terms."""
    bound = np.sqrt(6.0 / n_in)
    for o in range(weights.shape[0]):
        weights[o] = bound * (2.0 * uniform(random, _FIRST) - 1.0)


@jit
def fill_hidden(shape: Ints, weights: Array, random: Ints) -> None:
    """Fill the layers between the first and the last."""
    start = (shape[0] + 1) * shape[1]
    for k in range(1, shape.shape[0] - 2):
        end = start + shape[k] * shape[k + 1]
        _fill(weights[start:end], shape[k], random)
        start = end + shape[k + 1]


@jit
def step_back(m: Learner, n: int, weight: float, loss: float) -> None:
    """Step the weights, once the outputs' deltas are there, derivatives of `loss`.

    Where steps are as long as the gradient (not with Adam), the row's gradient is cut down so that
    all of them together do not go beyond Polyak's step: the loss, if it were linear, would be 0
    half way.
    """
    backward(m.net, m.signals)
    step_along(m, n, weight, loss)


@jit
def step_along(m: Learner, n: int, weight: float, loss: float) -> None:
    """`step_back`, once all deltas are there."""
    reach = m.settings[_REACH]
    if reach > 0.0:
        decline = 0.5 * reach * squared_gradient(m.net, m.signals, m.values, n)
        if decline > loss:
            for u in range(m.signals.deltas.shape[0]):
                m.signals.deltas[u] *= loss / decline
    m.n_steps[0] += 1.0
    rate = m.settings[_RATE]
    shrink = decay(rate, m.settings[_L2], weight)
    step = step_of(int(m.settings[_RULE]), rate, shrink, m.n_steps[0])
    descend(m.net, m.signals, m.places, m.values, n, m.moments, step)
