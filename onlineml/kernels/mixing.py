"""Several ways to make one answer of what experts say, and how far to trust each.

Experts' probabilities come in; each combiner has weights of its own, learned row by row. What
answers is their blend, by how few errors each has made of late.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.linear import spread
from onlineml.kernels.mixing_steps import (
    ACCURATE,
    BEST,
    GATED,
    N_COMBINERS,
    POOLED,
    SHARED,
    STACKED,
    VOTE,
    Mixer,
    Said,
    learn,
    settle,
    top,
)
from onlineml.kernels.random import normal
from onlineml.kernels.votes import answer_from_votes

_FLOOR = 0.01  # part of a probability that is spread evenly: one sure expert must not decide all
_FARTHEST = 5.0  # standard deviations at which inputs are cut
_SHARPNESS = 12.0  # power of the accuracy that experts are weighted by
_LEAST = 1e-12
_TRUST = 0.5  # how fast trust in a combiner falls with its errors


@jit
def fill_hidden(entropy: int, hidden: Array, n_features: int, n_values: int) -> None:
    """Draw first weights of inputs beyond those that were there.

    Each has a seed of its own, so that it does not matter when the inputs came.
    """
    state = np.zeros(1, np.int64)
    for j in range(hidden.shape[1]):
        for v in range(hidden.shape[2]):
            if j >= n_features or v >= n_values:
                for h in range(hidden.shape[3]):
                    state[0] = entropy + (j * 1_000_003 + v) * 1_009 + h
                    hidden[0, j, v, h] = normal(state, 0)


@jit
def mix(
    answers: Array, replaced: Ints, seen: Ints, y: Array, weight: Array, Z: Array, nominal: Ints,
    mixer: Mixer, fixed: int, out: Array, serve: int, fit: bool,
) -> None:  # fmt: skip
    """Answer rows from the experts' `answers` (M, n_rows, 1 + C), and learn of them, in order.

    `replaced[k, i]` says that expert `k` was replaced after row `i`; `fixed` is the combiner that
    answers, -1 for the blend.
    """
    said = _silence(answers.shape[0], answers.shape[2] - 1, Z.shape[1], mixer.gate.shape[1])
    right = np.zeros(answers.shape[0], np.int64)
    for i in range(y.shape[0]):
        n = int(seen[0])
        if n > 0:
            _listen(answers, i, n, said)
            _combine(said, n, Z[i], nominal, mixer)
        if serve:
            _write(said, n, fixed, mixer.losses, out[i], serve)
        if not fit:
            continue
        c = int(y[i])
        seen[0] = max(n, c + 1)
        if c < n and weight[i] > 0.0:
            for k in range(answers.shape[0]):
                right[k] = answers[k, i, 0] == c
            learn(said, right, n, c, weight[i], mixer)
        for k in range(answers.shape[0]):
            if replaced[k, i]:
                settle(mixer, k)
        _remember(mixer.previous, c)


@jit
def _remember(previous: Ints, label: int) -> None:
    for p in range(previous.shape[0] - 1, 0, -1):
        previous[p] = previous[p - 1]
    if previous.shape[0] > 0:
        previous[0] = label


@jit
def _silence(n_experts: int, n_classes: int, n_features: int, n_hidden: int) -> Said:
    return Said(
        np.zeros((n_classes, n_experts)), np.zeros((n_classes, n_experts)), np.zeros(1, np.int64),
        np.zeros(n_features, np.int64), np.zeros(n_features), np.zeros(n_hidden),
        np.zeros(n_hidden), np.zeros(n_experts), np.zeros(n_experts),
        np.zeros((N_COMBINERS, n_classes)),
    )  # fmt: skip


@jit
def _listen(answers: Array, i: int, n: int, said: Said) -> None:
    """Probabilities that sum to 1; even ones of experts that know nothing."""
    for k in range(answers.shape[0]):
        total = 0.0
        for c in range(n):
            total += answers[k, i, 1 + c]
        for c in range(n):
            p = answers[k, i, 1 + c] / total if total > 0.0 else 1.0 / n
            said.p[c, k] = (1.0 - _FLOOR) * p + _FLOOR / n
            said.logs[c, k] = np.log(said.p[c, k])


@jit
def _combine(said: Said, n: int, z: Array, nominal: Ints, mixer: Mixer) -> None:
    """All combiners' probabilities."""
    answers, accuracy, best = said.answers, mixer.accuracy, 0
    _enter(said, z, nominal, mixer.hidden.shape[1] // z.shape[0])
    _open_gate(said, mixer)
    answers[:] = 0.0
    for k in range(accuracy.shape[0]):
        if accuracy[k] > accuracy[best]:
            best = k
    for k in range(accuracy.shape[0]):
        trust = accuracy[k] ** _SHARPNESS + _LEAST
        for c in range(n):
            p, log = said.p[c, k], said.logs[c, k]
            answers[VOTE, c] += p
            answers[ACCURATE, c] += trust * p
            answers[GATED, c] += said.gate[k] * p
            answers[SHARED, c] += mixer.hedge[k] * p
            answers[POOLED, c] += mixer.pool[0, k] * log
            answers[STACKED, c] += (mixer.stack[0, k] + mixer.stack_class[0, c, k]) * log
    for c in range(n):
        answers[BEST, c] = said.p[c, best]
        answers[STACKED, c] += mixer.stack_bias[0, c]
    _add_inputs(said, n, mixer)
    for a in range(N_COMBINERS):
        if a in (POOLED, STACKED):
            _to_probabilities(answers[a], n)
        else:
            _normalize(answers[a], n)


@jit
def _enter(said: Said, z: Array, nominal: Ints, room: int) -> None:
    """The row's inputs, cut, and scaled so that their number does not matter."""
    n = spread(z, nominal, room, said.places, said.inputs)
    scale = 1.0 / np.sqrt(max(n, 1))
    for a in range(n):
        said.inputs[a] = min(max(said.inputs[a], -_FARTHEST), _FARTHEST) * scale
    said.n_inputs[0] = n


@jit
def _open_gate(said: Said, mixer: Mixer) -> None:
    """Weights of the experts in this row: by their accuracy, and by a network of the inputs."""
    hidden, gate = said.hidden, said.gate
    for h in range(hidden.shape[0]):
        hidden[h] = mixer.hidden_bias[0, h]
    for a in range(said.n_inputs[0]):
        _add(mixer.hidden[0, said.places[a]], said.inputs[a], hidden)
    for p in range(mixer.previous.shape[0]):
        if mixer.previous[p] >= 0:
            _add(mixer.hidden_lag[0, p, mixer.previous[p]], 1.0, hidden)
    for k in range(gate.shape[0]):
        gate[k] = mixer.gate_bias[0, k] + _SHARPNESS * np.log(mixer.accuracy[k] + _LEAST)
    for h in range(hidden.shape[0]):
        hidden[h] = max(hidden[h], 0.0)
        if hidden[h] > 0.0:
            _add(mixer.gate[0, h], hidden[h], gate)
    _to_probabilities(gate, gate.shape[0])


@jit
def _add_inputs(said: Said, n: int, mixer: Mixer) -> None:
    """What the stack makes of the row itself."""
    stacked = said.answers[STACKED, :n]
    for a in range(said.n_inputs[0]):
        _add(mixer.stack_input[0, said.places[a]], said.inputs[a], stacked)
    for p in range(mixer.previous.shape[0]):
        if mixer.previous[p] >= 0:
            _add(mixer.stack_lag[0, p, mixer.previous[p]], 1.0, stacked)


@jit
def _add(values: Array, factor: float, to: Array) -> None:
    for j in range(to.shape[0]):
        to[j] += factor * values[j]


@jit
def _normalize(values: Array, n: int) -> None:
    total = 0.0
    for c in range(n):
        total += values[c]
    for c in range(n):
        values[c] /= total


@jit
def _to_probabilities(logits: Array, n: int) -> None:
    highest = logits[top(logits, n)]
    for c in range(n):
        logits[c] = np.exp(logits[c] - highest)
    _normalize(logits, n)


@jit
def _write(said: Said, n: int, fixed: int, losses: Array, out: Array, serve: int) -> None:
    """The blend of the combiners by the trust in them, or the answer of one."""
    trust = trust_in(losses)
    for c in range(n):
        out[1 + c] = 0.0
    for a in range(N_COMBINERS):
        share = trust[a] if fixed < 0 else 1.0 * (a == fixed)
        for c in range(n):
            out[1 + c] += share * said.answers[a, c]
    answer_from_votes(out, n, serve)


@jit
def trust_in(losses: Array) -> Array:
    """Weights of the combiners in the blend; the best has 1."""
    trust: Array = np.exp(_TRUST * (losses.min() - losses))
    return trust
