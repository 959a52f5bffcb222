"""Private linear models: every row's clipped gradient, with noise on every weight.

Whatever a row shows, the step moves all weights that are known, so that it does not tell what the
row showed. A weight is known once the schema has its feature, or a row its nominal value or class.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, f3, f4, i1, i2, opened, scratch
from onlineml.kernels.correlated_noise import noise
from onlineml.kernels.linear import slope_of, spread, squared_norm, weighed
from onlineml.kernels.optimizers import correction, decay, descend_at
from onlineml.kernels.privacy import (
    STATE,
    in_reach,
    must_ask,
    out_of_reach,
    pays,
    plan_after,
    share_left,
    weight_of,
)
from onlineml.kernels.votes import answer_from_logs

_RULE, _RATE, _L2, _BIAS, _L2_OF_BIAS, _FIRST, _LOSS = 0, 1, 2, 3, 4, 5, 5  # of the settings
_DELTA = 6

_COMMON = (
    Field("nominal_", ("F",), np.int64),
    Field("known_", ("F", "V"), np.int64),
    Field("n_steps_", (1,)),
    *STATE,
)
#: State of one that tells classes apart, and of one for a number.
CLASSES = (
    *_COMMON,
    Field("seen_", (1,), np.int64),
    Field("weights_", ("C", "F", "V")),
    Field("moments_", ("C", "M", "F", "V")),
    Field("history_", ("C", "B", "F", "V")),
    Field("intercept_", ("C", 1)),
    Field("intercept_moments_", ("C", "M", 1)),
    Field("intercept_history_", ("C", "B", 1)),
)
NUMBER = (
    *_COMMON,
    Field("weights_", ("F", "V")),
    Field("moments_", ("M", "F", "V")),
    Field("history_", ("B", "F", "V")),
    Field("intercept_", (1,)),
    Field("intercept_moments_", ("M", 1)),
    Field("intercept_history_", ("B", 1)),
)


class _Model(NamedTuple):
    """`P` places of weights, `C` linear scores."""

    settings: Array
    nominal: Ints
    known: Ints  # (P,)
    n_steps: Array
    source: Ints
    spent: Array
    promise: Array
    room: int
    weights: Array  # (C, P)
    moments: Array  # (C, M, P)
    history: Array  # (C, B, P)
    intercept: Array  # (C, 1)
    intercept_moments: Array  # (C, M, 1)
    intercept_history: Array  # (C, B, 1)


@entry
def private_softmax_regression(d: int) -> int:
    """Settings as those of `onlineml.kernels.softmax.softmax_regression`."""
    weights, moments, history, known = f3(d, 8), f4(d, 9), f4(d, 10), i2(d, 2)
    n_classes, n = weights.shape[0], known.shape[0] * known.shape[1]
    m = _Model(
        f1(d, 0), i1(d, 1), known.reshape(n), f1(d, 3), i1(d, 4), f1(d, 5), f1(d, 6),
        known.shape[1], weights.reshape((n_classes, n)),
        moments.reshape((n_classes, moments.shape[1], n)),
        history.reshape((n_classes, history.shape[1], n)), f2(d, 11), f3(d, 12), f3(d, 13),
    )  # fmt: skip
    return _classify(opened(d), *scratch(d), i1(d, 7), m)


@entry
def private_linear_regression(d: int) -> int:
    """Settings as those of `LinearRegression`, the loss's delta in reaches."""
    weights, moments, history, known = f2(d, 7), f3(d, 8), f3(d, 9), i2(d, 2)
    n = known.shape[0] * known.shape[1]
    m = _Model(
        f1(d, 0), i1(d, 1), known.reshape(n), f1(d, 3), i1(d, 4), f1(d, 5), f1(d, 6),
        known.shape[1], weights.reshape((1, n)), moments.reshape((1, moments.shape[0], n)),
        history.reshape((1, history.shape[0], n)), f1(d, 10).reshape((1, 1)),
        f2(d, 11).reshape((1, moments.shape[0], 1)), f2(d, 12).reshape((1, history.shape[0], 1)),
    )  # fmt: skip
    return _regress(opened(d), *scratch(d), m)


# ------------------------------------------------------------------------------- rows


@lean
def _classify(call: Call, floats: Array, places: Ints, seen: Ints, m: _Model) -> int:
    n_features, n_places = m.nominal.shape[0], m.known.shape[0]
    values, row = floats[:n_features], floats[n_features : n_features + n_places]
    scores, first = floats[n_features + n_places :], int(m.settings[_FIRST])
    for i in range(call.first, call.last):
        if must_ask(call, i, m.promise, m.spent, m.n_steps[0]):
            return i
        n = spread(call.X[i], m.nominal, m.room, places, values)
        if call.serve:
            for c in range(seen[0]):
                call.out[i, 1 + c] = _score(m, c, first, places, values, n)
            answer_from_logs(call.out[i], seen[0], call.serve)
        if not call.fit:
            continue
        seen[0] = max(seen[0], int(call.y[i]) + 1)
        weight = weight_of(call, i)
        if weight <= 0.0 or not pays(m.promise, m.spent, m.n_steps[0]):
            continue
        slopes = scores[: seen[0]]
        for c in range(seen[0]):
            slopes[c] = _score(m, c, first, places, values, n)
        norm = m.settings[_BIAS] + squared_norm(values, n)
        step = min(weight, 2.0 / (m.settings[_RATE] * norm)) if norm > 0.0 else weight
        _soften(slopes, int(call.y[i]), step)
        _learn(m, first, slopes, norm, places, values, n, row)
    return call.last


@lean
def _score(m: _Model, c: int, first: int, places: Ints, values: Array, n: int) -> float:
    """Of a class; that of a class of reference, below `first`, is 0."""
    if c < first:
        return 0.0
    return float(m.intercept[c, 0] + weighed(m.weights[c], places, values, n))


@lean
def _soften(scores: Array, label: int, step: float) -> None:
    """From scores to the loss's slopes by them, times `step`."""
    top, total = scores[0], 0.0
    for c in range(1, scores.shape[0]):
        top = max(top, scores[c])
    for c in range(scores.shape[0]):
        scores[c] = np.exp(scores[c] - top)
        total += scores[c]
    for c in range(scores.shape[0]):
        scores[c] = step * (scores[c] / total - (1.0 if c == label else 0.0))


@lean
def _regress(call: Call, floats: Array, places: Ints, m: _Model) -> int:
    n_features, n_places = m.nominal.shape[0], m.known.shape[0]
    values, row = floats[:n_features], floats[n_features : n_features + n_places]
    slopes = floats[n_features + n_places : n_features + n_places + 1]
    for i in range(call.first, call.last):
        if must_ask(call, i, m.promise, m.spent, m.n_steps[0]):
            return i
        n = spread(call.X[i], m.nominal, m.room, places, values)
        answer = _score(m, 0, 0, places, values, n)
        if call.serve:
            call.out[i, 0] = out_of_reach(answer, m.promise)
        weight = weight_of(call, i)
        if not call.fit or weight <= 0.0 or not pays(m.promise, m.spent, m.n_steps[0]):
            continue
        error = answer - in_reach(call.y[i], m.promise)
        norm = m.settings[_BIAS] + squared_norm(values, n)
        slope = weight * slope_of(error, int(m.settings[_LOSS]), m.settings[_DELTA])
        if m.settings[_RATE] * norm * abs(slope) > abs(error):
            slope = error / (m.settings[_RATE] * norm)
        slopes[0] = slope
        _learn(m, 0, slopes, norm, places, values, n, row)
    return call.last


# ------------------------------------------------------------------------------- steps


@lean
def _learn(
    m: _Model, first: int, slopes: Array, norm: float, places: Ints, values: Array, n: int,
    row: Array,
) -> None:  # fmt: skip
    """Step all known weights by the row's clipped gradient, slope times entry, and noise.

    Weights decay by the same, whatever the row weighs.
    """
    row[:] = 0.0
    for a in range(n):
        row[places[a]] = values[a]
        m.known[places[a]] = 1
    length = 0.0
    for c in range(first, slopes.shape[0]):
        length += slopes[c] * slopes[c]
    share = share_left(m.promise, length * norm)
    plan = plan_after(m.promise, m.n_steps[0])
    m.n_steps[0] += 1.0
    rule, rate = int(m.settings[_RULE]), m.settings[_RATE]
    shrink, pace = decay(rate, m.settings[_L2], 1.0), rate * correction(rule, m.n_steps[0])
    kept = decay(rate, m.settings[_L2_OF_BIAS], 1.0)
    for c in range(first, slopes.shape[0]):
        slope = share * slopes[c] if share > 0.0 else 0.0
        weights, moments = m.weights[c], m.moments[c]
        for p in range(row.shape[0]):
            if m.known[p]:
                gradient = slope * row[p] + noise(plan, m.history[c], p, m.source)
                weights[p] *= shrink
                descend_at(rule, pace, weights, moments, p, gradient)
        if m.settings[_BIAS] > 0.0:
            gradient = slope + noise(plan, m.intercept_history[c], 0, m.source)
            m.intercept[c, 0] *= kept
            descend_at(rule, pace, m.intercept[c], m.intercept_moments[c], 0, gradient)
