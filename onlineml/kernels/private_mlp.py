"""Private networks: every row's clipped gradient, with noise on every weight.

Features are taken as they are; those further out than `FURTHEST` count as that. First weights do
not depend on rows: those of a numeric feature are there with the feature, those of a nominal value
come when the first row shows it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Array, Call, Field, Ints, f1, f2, i1, opened, scratch
from onlineml.kernels.correlated_noise import Plan, noise
from onlineml.kernels.mlp import accumulate, output_deltas, outputs, soften, squared_gradient
from onlineml.kernels.mlp_norm import send, send_back
from onlineml.kernels.mlp_rows import (
    _L2,
    _RATE,
    _RULE,
    Learner,
    _fill,
    entries,
    learner,
)
from onlineml.kernels.mlp_rows import STATE as OF_NETWORK
from onlineml.kernels.mlp_steps import descend_along, step_of
from onlineml.kernels.optimizers import decay
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

#: State of one for a number; one that tells classes apart has `seen_` before.
NUMBER = (*OF_NETWORK, Field("history_", ("B", "P")), *STATE)
CLASSES = (Field("seen_", (1,), np.int64), *NUMBER)


class _Hiding(NamedTuple):
    """What keeps a network's rows private."""

    history: Array  # (B, P)
    source: Ints
    spent: Array
    promise: Array
    gradient: Array  # (P,) scratch


@lean
def _hiding(d: int, k: int, m: Learner) -> _Hiding:
    """That of the estimator at `d`, whose network begins in slot `k`; scratch behind all else."""
    floats, n_units, n_layers = scratch(d)[0], m.signals.units.shape[0], m.net.shape.shape[0]
    start = m.nominal.shape[0] + 4 * n_units + n_layers
    gradient = floats[start : start + m.net.weights.shape[0]]
    return _Hiding(f2(d, k + 8), i1(d, k + 9), f1(d, k + 10), f1(d, k + 11), gradient)


@entry
def private_mlp_classifier(d: int) -> int:
    """Settings as those of `MLPClassifier`."""
    m = learner(d, 2)
    return _classify(opened(d), i1(d, 1), m, _hiding(d, 2, m))


@entry
def private_mlp_regressor(d: int) -> int:
    """Settings as those of `MLPRegressor`."""
    m = learner(d, 1)
    return _regress(opened(d), m, _hiding(d, 1, m))


@lean
def _classify(call: Call, seen: Ints, m: Learner, h: _Hiding) -> int:
    scores, deltas = outputs(m.net, m.signals), output_deltas(m.net, m.signals)
    for i in range(call.first, call.last):
        if must_ask(call, i, h.promise, h.spent, m.n_steps[0]):
            return i
        n = entries(call.X[i], m)
        if call.serve:
            send(m, n, False)
            for c in range(seen[0]):
                call.out[i, 1 + c] = scores[c]
            answer_from_logs(call.out[i], seen[0], call.serve)
        if not call.fit:
            continue
        label, weight = int(call.y[i]), weight_of(call, i)
        seen[0] = max(seen[0], label + 1)
        if weight > 0.0 and pays(h.promise, h.spent, m.n_steps[0]):
            _show(m, n)
            send(m, n, True)
            _slopes(scores, seen[0], label, weight, deltas)
            _learn(m, n, seen[0], h)
    return call.last


@lean
def _slopes(scores: Array, n: int, label: int, weight: float, deltas: Array) -> None:
    """Derivatives of the loss by the first `n` scores; 0 for the others."""
    soften(scores, n, deltas)
    for c in range(n):
        deltas[c] = weight * (deltas[c] - (1.0 if c == label else 0.0))


@lean
def _regress(call: Call, m: Learner, h: _Hiding) -> int:
    for i in range(call.first, call.last):
        if must_ask(call, i, h.promise, h.spent, m.n_steps[0]):
            return i
        n, weight = entries(call.X[i], m), weight_of(call, i)
        if call.serve:
            send(m, n, False)
            call.out[i, 0] = out_of_reach(outputs(m.net, m.signals)[0], h.promise)
        if call.fit and weight > 0.0 and pays(h.promise, h.spent, m.n_steps[0]):
            _show(m, n)
            send(m, n, True)
            error = outputs(m.net, m.signals)[0] - in_reach(call.y[i], h.promise)
            output_deltas(m.net, m.signals)[0] = weight * error
            _learn(m, n, 1, h)
    return call.last


@lean
def _show(m: Learner, n: int) -> None:
    """Draw first weights for nominal values that no row has shown before."""
    room = m.known.shape[1]
    for a in range(n):
        draw_input(m.net.shape, m.known, m.net.weights, m.random, m.places[a] // room,
                   m.places[a] % room)  # fmt: skip


@lean
def draw_input(
    shape: Ints, known: Ints, weights: Array, random: Ints, feature: int, value: int
) -> None:
    """Draw the first weights of an input, unless they are there; as for sums of all features."""
    if not known[feature, value]:
        known[feature, value] = 1
        start = (feature * known.shape[1] + value) * shape[1]
        _fill(weights[start : start + shape[1]], known.shape[0], random)


# ------------------------------------------------------------------------------- steps


@lean
def _learn(m: Learner, n: int, n_seen: int, h: _Hiding) -> None:
    """Step all known weights by the row's clipped gradient, once its outputs' deltas are there."""
    send_back(m)
    share = share_left(h.promise, squared_gradient(m.net, m.signals, m.values, n))
    h.gradient[:] = 0.0
    if share > 0.0:
        for u in range(m.signals.deltas.shape[0]):
            m.signals.deltas[u] *= share
        accumulate(m.net, m.signals, m.places, m.values, n, h.gradient)
    _stir(m, n_seen, plan_after(h.promise, m.n_steps[0]), h)
    m.n_steps[0] += 1.0
    rule, rate = int(m.settings[_RULE]), m.settings[_RATE]
    step = step_of(rule, rate, decay(rate, m.settings[_L2], 1.0), m.n_steps[0])
    descend_along(m.net, h.gradient, m.moments, step)


@lean
def _stir(m: Learner, n_seen: int, plan: Plan, h: _Hiding) -> None:
    """Add the noise of all weights but those of inputs and outputs that nobody has seen."""
    shape, room = m.net.shape, m.known.shape[1]
    width, last = shape[1], shape[shape.shape[0] - 2]
    for place in range(shape[0]):
        if m.known[place // room, place % room]:
            _stir_some(place * width, (place + 1) * width, plan, h)
    outputs_at = h.gradient.shape[0] - (last + 1) * shape[-1]
    _stir_some(shape[0] * width, outputs_at + n_seen * last, plan, h)
    biases = h.gradient.shape[0] - shape[-1]
    _stir_some(biases, biases + n_seen, plan, h)


@lean
def _stir_some(first: int, end: int, plan: Plan, h: _Hiding) -> None:
    for p in range(first, end):
        h.gradient[p] += noise(plan, h.history, p, h.source)
