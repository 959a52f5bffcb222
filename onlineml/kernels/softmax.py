"""Softmax regression: one row at a time, with or without a reference class."""

from __future__ import annotations

import numpy as np

from onlineml.kernels import entry, lean
from onlineml.kernels.arena import (
    Array,
    Call,
    Field,
    Ints,
    f1,
    f2,
    f3,
    f4,
    i1,
    keep_row,
    opened,
    scratch,
)
from onlineml.kernels.linear import spread, squared_norm, weighed
from onlineml.kernels.optimizers import SGD, correction, decay, descend, descend_at
from onlineml.kernels.votes import answer_from_logs

STATE = (
    Field("seen_", (1,), np.int64),
    Field("nominal_", ("F",), np.int64),
    Field("n_steps_", (1,)),
    Field("weights_", ("C", "F", "V")),
    Field("moments_", ("C", "M", "F", "V")),
    Field("intercept_", ("C", 1)),
    Field("intercept_moments_", ("C", "M", 1)),
)


@entry
def softmax_regression(d: int) -> int:
    """Settings: rule, learning rate, l2, whether with intercept, its l2, classes of reference."""
    weights, moments = f3(d, 4), f4(d, 5)
    n_classes, n_moments, room = weights.shape[0], moments.shape[1], weights.shape[2]
    n = weights.shape[1] * room
    return _rows(
        opened(d), *scratch(d), f1(d, 0), i1(d, 1), i1(d, 2), f1(d, 3), room,
        weights.reshape((n_classes, n)), moments.reshape((n_classes, n_moments, n)),
        f2(d, 6), f3(d, 7),
    )  # fmt: skip


@lean
def _rows(
    call: Call, floats: Array, places: Ints, settings: Array, seen: Ints, nominal: Ints,
    n_steps: Array, room: int, weights: Array, moments: Array, intercept: Array,
    intercept_moments: Array,
) -> int:  # fmt: skip
    values, scores = floats[: nominal.shape[0]], floats[nominal.shape[0] :]
    first = int(settings[5])
    scores[:first] = 0.0  # that of the reference class
    for i in range(call.first, call.last):
        n = spread(call.X[i], nominal, room, places, values)
        score_classes(first, seen[0], weights, intercept, places, values, n, scores)
        if call.serve:
            for c in range(seen[0]):
                call.out[i, 1 + c] = scores[c]
            answer_from_logs(call.out[i], seen[0], call.serve)
        if call.fit:
            label = int(call.y[i])
            for c in range(seen[0], label + 1):  # classes that are new with this row
                scores[c] = 0.0
            seen[0] = max(seen[0], label + 1)
            if call.weight[i] > 0.0:
                n_steps[0] += 1.0
                _learn(
                    settings, n_steps[0], label, call.weight[i], scores[: seen[0]], weights,
                    moments, intercept, intercept_moments, places, values, n,
                )  # fmt: skip
                scores[:first] = 0.0  # that of the reference class
        keep_row(call, i)
    return call.last


@lean
def score_classes(
    first: int, n_classes: int, weights: Array, intercept: Array, places: Ints, values: Array,
    n: int, scores: Array,
) -> None:  # fmt: skip
    """Write the linear scores of classes from `first` on."""
    if n != weights.shape[1]:
        for c in range(first, n_classes):
            scores[c] = intercept[c, 0] + weighed(weights[c], places, values, n)
        return
    for c in range(first, n_classes):  # all values in order: no places, and no call for each class
        total = 0.0
        for a in range(n):
            total += weights[c, a] * values[a]
        scores[c] = intercept[c, 0] + total


@lean
def _step_all(
    first: int, label: int, step: float, rate: float, shrink: float, bias: float, kept: float,
    scores: Array, weights: Array, intercept: Array, values: Array,
) -> None:  # fmt: skip
    """Plain gradient steps on all weights in order; a call for each class would double the time."""
    for c in range(first, scores.shape[0]):
        slope = step * (scores[c] - (1.0 if c == label else 0.0))
        for a in range(weights.shape[1]):
            weights[c, a] = weights[c, a] * shrink - rate * (slope * values[a])
        if bias > 0.0:
            intercept[c, 0] = intercept[c, 0] * kept - rate * slope


@lean
def _learn(
    settings: Array, t: float, label: int, weight: float, scores: Array, weights: Array,
    moments: Array, intercept: Array, intercept_moments: Array, places: Ints, values: Array, n: int,
) -> None:  # fmt: skip
    rule, rate, l2, bias = int(settings[0]), settings[1], settings[2], settings[3]
    _soften(scores)
    norm = bias + squared_norm(values, n)
    step = min(weight, 2.0 / (rate * norm)) if norm > 0.0 else weight
    shrink, pace = decay(rate, l2, weight), rate * correction(rule, t)
    kept = decay(rate, settings[4], weight)
    first = int(settings[5])
    if rule == SGD and n == weights.shape[1]:
        _step_all(first, label, step, rate, shrink, bias, kept, scores, weights, intercept, values)
        return
    for c in range(first, scores.shape[0]):
        slope = step * (scores[c] - (1.0 if c == label else 0.0))
        descend(rule, pace, shrink, weights[c], moments[c], places, values, n, slope)
        if bias > 0.0:
            intercept[c, 0] *= kept
            descend_at(rule, pace, intercept[c], intercept_moments[c], 0, slope)


@lean
def _soften(scores: Array) -> None:
    """From scores to probabilities, in place."""
    n = scores.shape[0]
    top = scores[0]
    for c in range(1, n):
        top = max(top, scores[c])
    total = 0.0
    for c in range(n):
        scores[c] = np.exp(scores[c] - top)
        total += scores[c]
    for c in range(n):
        scores[c] /= total
