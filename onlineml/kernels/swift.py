"""Linear prediction by true online traces whose step sizes are learned and bounded: SwiftTD."""

from __future__ import annotations

import math
from typing import NamedTuple

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, f1, scratch
from onlineml.kernels.vectors import dot

#: Places of the settings; those of an agent follow.
GAMMA, FADE, META, BOUND, LOG_DECAY, LOG_LEAST, LOG_MOST, BOOTSTRAP = range(8)
#: Arrays of the state, in their order.
FIELDS = (
    "weights", "change", "log_rate", "trace", "rate_trace", "slope_trace", "slope", "old_slope",
)  # fmt: skip


class Swift(NamedTuple):
    """Settings, and a number a feature of each kind; the last feature is constant."""

    settings: Array
    weights: Array
    change: Array  # of the weights, by the last transition
    log_rate: Array  # beta
    trace: Array  # z, with the step sizes in it
    rate_trace: Array  # p: the slope of the predictions by beta
    slope_trace: Array  # z bar
    slope: Array  # h: the slope of the weights by beta
    old_slope: Array  # the same, a transition before
    features: Array  # scratch
    step: Array  # z delta: what the observation adds to its own trace
    next_slope: Array


@jit
def opened_swift(d: int, first: int) -> Swift:
    """Settings, then the arrays from place `first` on, as `FIELDS` names them."""
    n, (floats, _) = f1(d, first).shape[0], scratch(d)
    return Swift(
        f1(d, 0), f1(d, first), f1(d, first + 1), f1(d, first + 2), f1(d, first + 3),
        f1(d, first + 4), f1(d, first + 5), f1(d, first + 6), f1(d, first + 7),
        floats[:n], floats[n : 2 * n], floats[2 * n : 3 * n],
    )  # fmt: skip


@jit
def learn(swift: Swift, due: float, ends: bool) -> None:
    """Move the prediction from the features towards what was due."""
    error = due - dot(swift.weights, swift.features)
    # what the last transition has changed of this prediction: true online traces make up for it
    shift = dot(swift.change, swift.features)
    _extend(swift)
    _step(swift, error, shift, 0.0 if ends else swift.settings[FADE])
    if ends:
        swift.change[:] = 0.0


@jit
def _extend(swift: Swift) -> None:
    """Add the observation to the traces, by no more than the bound; shorten steps beyond it."""
    phi, bound, rate = swift.features, swift.settings[BOUND], 0.0
    for j in range(phi.shape[0]):
        rate += math.exp(swift.log_rate[j]) * phi[j] ** 2
    share, reach = min(1.0, bound / rate), dot(swift.trace, phi)
    for j in range(phi.shape[0]):
        step = share * math.exp(swift.log_rate[j]) * phi[j]
        swift.step[j] = step
        swift.trace[j] += step * (1.0 - reach)
        swift.rate_trace[j] += swift.old_slope[j] * phi[j]
        gain = 1.0 - reach - swift.slope_trace[j] * phi[j]
        swift.slope_trace[j] += step * gain
        slope, pulled = swift.slope[j], swift.trace[j] - step
        swift.next_slope[j] = slope - phi[j] * (swift.old_slope[j] * pulled + slope * step)
        if rate > bound and phi[j] != 0.0:
            swift.slope_trace[j] = swift.slope[j] = swift.next_slope[j] = 0.0
            shorter = swift.log_rate[j] + swift.settings[LOG_DECAY] * phi[j] ** 2
            swift.log_rate[j] = max(shorter, swift.settings[LOG_LEAST])


@jit
def _step(swift: Swift, error: float, shift: float, fade: float) -> None:
    """Weights, step sizes and slopes after an error; then the traces fade."""
    settings, full = swift.settings, error + shift
    for j in range(swift.weights.shape[0]):
        swift.change[j] = full * swift.trace[j] - swift.step[j] * shift
        swift.weights[j] += swift.change[j]
        gain = settings[META] * error * swift.rate_trace[j] / math.exp(swift.log_rate[j])
        longer = min(swift.log_rate[j] + gain, settings[LOG_MOST])
        swift.log_rate[j] = max(longer, settings[LOG_LEAST])
        swift.old_slope[j] = swift.slope[j]
        swift.slope[j] = swift.next_slope[j] + full * swift.slope_trace[j] - swift.step[j] * shift
        swift.trace[j] *= fade
        swift.rate_trace[j] *= fade
        swift.slope_trace[j] *= fade
