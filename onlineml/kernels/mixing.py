"""Several ways to make one answer of what experts say, and the choice among them.

Experts' probabilities come in; each combiner has weights of its own, learned row by row. What
answers is the combiner that did best of late.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints

VOTE, ACCURATE, GATED, POOLED, STACKED, SHARED, BEST = range(7)
N_COMBINERS = 7
_LEAST = 1e-3  # probabilities below are taken for it: one sure expert must not decide all
_FARTHEST = 4.0  # standard deviations at which inputs of the gate are cut
_SHARPNESS = 12.0  # power of the accuracy that experts are weighted by
_MEMORY = 0.995  # share of the past in accuracies
_CHOICE = 0.999  # and in the losses that combiners are chosen by
_SWITCH = 0.02  # share of the hedge's weight that is spread evenly after each row
_GATE_RATE, _RATE = 0.05, 0.02  # Adagrad's, of the gate and of pool and stack
_PART_OF_LOG_LOSS = 0.1  # beside the error, in the losses that combiners are chosen by


class Mixer(NamedTuple):
    """What is learned of `M` experts, `F` features and `C` classes."""

    accuracy: Array  # (M,) discounted
    gate: Array  # (M, F) weights of the gate's inputs
    gate_squares: Array
    gate_bias: Array  # (M,)
    gate_bias_squares: Array
    gate_lag: Array  # (M, C) of the label before
    gate_lag_squares: Array
    pool: Array  # (M,) powers in the product of probabilities
    pool_squares: Array
    stack: Array  # (M, C) the same for each class, added to them
    stack_squares: Array
    stack_bias: Array  # (C,)
    stack_bias_squares: Array
    stack_lag: Array  # (C, C) of the label before
    stack_lag_squares: Array
    hedge: Array  # (M,) weights of experts that follow the best one
    losses: Array  # (N_COMBINERS,) discounted
    shares: Array  # (M,) discounted weights that the gate gives
    last: Ints  # (1,) the label before, 1 + code; 0 if none is to be known


class Said(NamedTuple):
    """What experts and combiners say of one row."""

    p: Array  # (M, C)
    logs: Array  # (M, C)
    gate: Array  # (M,)
    answers: Array  # (N_COMBINERS, C)


@jit
def mix(
    answers: Array, seen: Ints, y: Array, weight: Array, Z: Array, mixer: Mixer, lags: bool,
    fixed: int, out: Array, serve: bool, fit: bool,
) -> None:  # fmt: skip
    """Answer rows from the experts' `answers` (M, n_rows, 1 + C), and learn of them, in order.

    `fixed` is the combiner that answers; -1 for the one that did best of late.
    """
    n_experts, n_classes = answers.shape[0], answers.shape[2] - 1
    said = Said(
        np.empty((n_experts, n_classes)), np.empty((n_experts, n_classes)), np.empty(n_experts),
        np.empty((N_COMBINERS, n_classes)),
    )  # fmt: skip
    for i in range(y.shape[0]):
        n = int(seen[0])
        if n > 0:
            _listen(answers, i, n, said)
            _combine(said, n, Z[i], mixer)
        if serve:
            _write(said, n, _chosen(mixer) if fixed < 0 else fixed, out[i])
        if fit and weight[i] > 0.0:
            c = int(y[i])
            if c < n:
                _learn(said, n, Z[i], c, mixer)
            if lags:
                mixer.last[0] = c + 1
        if fit:
            seen[0] = max(n, int(y[i]) + 1)


@jit
def _listen(answers: Array, i: int, n: int, said: Said) -> None:
    """Probabilities that sum to 1; even ones of experts that know nothing."""
    for k in range(answers.shape[0]):
        total = 0.0
        for c in range(n):
            total += answers[k, i, 1 + c]
        known = answers[k, i, 0] >= 0.0 and total > 0.0
        for c in range(n):
            said.p[k, c] = answers[k, i, 1 + c] / total if known else 1.0 / n
            said.logs[k, c] = np.log(max(said.p[k, c], _LEAST))


@jit
def _combine(said: Said, n: int, z: Array, mixer: Mixer) -> None:
    answers, n_experts = said.answers, said.p.shape[0]
    answers[:] = 0.0
    _open_gate(said, z, mixer)
    best = 0
    for k in range(n_experts):
        if mixer.accuracy[k] > mixer.accuracy[best]:
            best = k
    for k in range(n_experts):
        trust = mixer.accuracy[k] ** _SHARPNESS + 1e-12
        for c in range(n):
            p = said.p[k, c]
            answers[VOTE, c] += p
            answers[ACCURATE, c] += trust * p
            answers[GATED, c] += said.gate[k] * p
            answers[SHARED, c] += mixer.hedge[k] * p
            answers[POOLED, c] += mixer.pool[k] * said.logs[k, c]
            answers[STACKED, c] += (mixer.stack[k, c] + 1.0 / n_experts) * said.logs[k, c]
    for c in range(n):
        answers[BEST, c] = said.p[best, c]
        answers[STACKED, c] += mixer.stack_bias[c]
        if mixer.last[0] > 0:
            answers[STACKED, c] += mixer.stack_lag[c, mixer.last[0] - 1]
    for a in range(N_COMBINERS):
        if a in (POOLED, STACKED):
            _to_probabilities(answers[a], n)
        else:
            _normalize(answers[a], n)


@jit
def _open_gate(said: Said, z: Array, mixer: Mixer) -> None:
    gate, highest = said.gate, -np.inf
    for k in range(gate.shape[0]):
        gate[k] = _SHARPNESS * np.log(mixer.accuracy[k] + 1e-12) + mixer.gate_bias[k]
        if mixer.last[0] > 0:
            gate[k] += mixer.gate_lag[k, mixer.last[0] - 1]
        for j in range(z.shape[0]):
            gate[k] += mixer.gate[k, j] * _input(z[j])
        highest = max(highest, gate[k])
    for k in range(gate.shape[0]):
        gate[k] = np.exp(gate[k] - highest)
    _normalize(gate, gate.shape[0])


@jit
def _input(value: float) -> float:
    if np.isnan(value):
        return 0.0
    return min(max(value, -_FARTHEST), _FARTHEST)


@jit
def _normalize(values: Array, n: int) -> None:
    total = 0.0
    for c in range(n):
        total += values[c]
    for c in range(n):
        values[c] /= total


@jit
def _to_probabilities(logits: Array, n: int) -> None:
    highest = -np.inf
    for c in range(n):
        highest = max(highest, logits[c])
    for c in range(n):
        logits[c] = np.exp(logits[c] - highest)
    _normalize(logits, n)


@jit
def _write(said: Said, n: int, a: int, out: Array) -> None:
    """The answer of combiner `a`."""
    out[:] = 0.0
    if n == 0:
        out[0] = -1.0
        return
    for c in range(min(n, out.shape[0] - 1)):
        out[1 + c] = said.answers[a, c]
    out[0] = _top(said.answers[a], n)


@jit
def _chosen(mixer: Mixer) -> int:
    """The combiner with the least loss of late."""
    a = 0
    for b in range(1, N_COMBINERS):
        if mixer.losses[b] < mixer.losses[a] - 1e-9:
            a = b
    return a


@jit
def _top(values: Array, n: int) -> int:
    best = 0
    for c in range(1, n):
        if values[c] > values[best]:
            best = c
    return best


@jit
def _learn(said: Said, n: int, z: Array, y: int, mixer: Mixer) -> None:
    for a in range(N_COMBINERS):
        error = 1.0 if _top(said.answers[a], n) != y else 0.0
        log_loss = -np.log(max(said.answers[a, y], _LEAST))
        loss = error + _PART_OF_LOG_LOSS * log_loss
        mixer.losses[a] = _CHOICE * mixer.losses[a] + (1.0 - _CHOICE) * loss
    _learn_gate(said, z, y, mixer)
    _learn_weights(said, n, y, mixer)
    total = 0.0
    for k in range(said.p.shape[0]):
        mixer.hedge[k] *= max(said.p[k, y], _LEAST)
        total += mixer.hedge[k]
        right = 1.0 if _top(said.p[k], n) == y else 0.0
        mixer.accuracy[k] = _MEMORY * mixer.accuracy[k] + (1.0 - _MEMORY) * right
        mixer.shares[k] = _CHOICE * mixer.shares[k] + (1.0 - _CHOICE) * said.gate[k]
    for k in range(said.p.shape[0]):
        even = _SWITCH / said.p.shape[0]
        mixer.hedge[k] = (1.0 - _SWITCH) * mixer.hedge[k] / total + even


@jit
def _learn_gate(said: Said, z: Array, y: int, mixer: Mixer) -> None:
    """One step down the slope of -log sum_k g_k p_k(y): g_k minus the expert's responsibility."""
    likelihood = 0.0
    for k in range(said.gate.shape[0]):
        likelihood += said.gate[k] * max(said.p[k, y], 1e-12)
    for k in range(said.gate.shape[0]):
        slope = said.gate[k] * (1.0 - max(said.p[k, y], 1e-12) / likelihood)
        for j in range(z.shape[0]):
            _step(mixer.gate, mixer.gate_squares, k, j, slope * _input(z[j]), _GATE_RATE)
        _nudge(mixer.gate_bias, mixer.gate_bias_squares, k, slope, _GATE_RATE)
        if mixer.last[0] > 0:
            j = mixer.last[0] - 1
            _step(mixer.gate_lag, mixer.gate_lag_squares, k, j, slope, _GATE_RATE)


@jit
def _learn_weights(said: Said, n: int, y: int, mixer: Mixer) -> None:
    """One step down the slopes of the log losses of pool and stack."""
    for k in range(said.p.shape[0]):
        slope = 0.0
        for c in range(n):
            slope += (said.answers[POOLED, c] - (c == y)) * said.logs[k, c]
            off = said.answers[STACKED, c] - (c == y)
            slope_of_class = off * said.logs[k, c] + 1e-4 * mixer.stack[k, c]
            _step(mixer.stack, mixer.stack_squares, k, c, slope_of_class, _RATE)
        _nudge(mixer.pool, mixer.pool_squares, k, slope, _RATE)
        mixer.pool[k] = max(mixer.pool[k], 0.0)
    for c in range(n):
        off = said.answers[STACKED, c] - (c == y)
        _nudge(mixer.stack_bias, mixer.stack_bias_squares, c, off, _RATE)
        if mixer.last[0] > 0:
            j = mixer.last[0] - 1
            _step(mixer.stack_lag, mixer.stack_lag_squares, c, j, off, _RATE)


@jit
def _nudge(values: Array, squares: Array, k: int, slope: float, rate: float) -> None:
    """Adagrad, on a row of values."""
    squares[k] += slope * slope
    values[k] -= rate * slope / np.sqrt(squares[k] + 1e-8)


@jit
def _step(values: Array, squares: Array, k: int, j: int, slope: float, rate: float) -> None:
    """Adagrad, on a table of values."""
    squares[k, j] += slope * slope
    values[k, j] -= rate * slope / np.sqrt(squares[k, j] + 1e-8)
