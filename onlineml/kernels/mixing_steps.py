"""What a mixture knows of its experts, and how a row's label changes that."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Field, Ints

#: The combiners, by what they make of the experts' probabilities.
COMBINERS = ("vote", "accuracy", "gate", "pool", "stack", "hedge", "best")
VOTE, ACCURATE, GATED, POOLED, STACKED, SHARED, BEST = range(7)
N_COMBINERS = 7

#: The state: `M` experts, `H` hidden units of the gate, `P` labels before. A first axis of 2 holds
#: weights, then Adagrad's sums of squared slopes.
MIXER_FIELDS = (
    Field("accuracy_", ("M",), fill=0.5),  # discounted
    Field("hidden_", (2, "F", "V", "H")),  # of the gate's network
    Field("hidden_lag_", (2, "P", "C", "H")),
    Field("hidden_bias_", (2, "H")),
    Field("gate_", (2, "H", "M")),
    Field("gate_bias_", (2, "M")),
    Field("pool_", (2, "M")),  # powers in the product of probabilities
    Field("stack_", (2, "M")),  # the same, of the stack
    Field("stack_class_", (2, "C", "M")),  # those of each class, added to them
    Field("stack_input_", (2, "F", "V", "C")),
    Field("stack_lag_", (2, "P", "C", "C")),
    Field("stack_bias_", (2, "C")),
    Field("hedge_", ("M",)),  # weights of experts that follow the best one
    Field("losses_", (N_COMBINERS,)),  # discounted errors of the combiners
    Field("shares_", ("M",)),  # discounted weights that the gate gives
    Field("disorder_", (1,)),  # discounted entropy of these weights, in bits
    Field("previous_", ("P",), np.int64, -1),  # labels before, the last one first
)

_LEAST = 1e-12
_ACCURACY_MEMORY = 0.995  # share of the past in accuracies
_MEMORY = 0.999  # and in what is only shown
_DISCOUNT = 0.995  # of the errors that combiners are trusted by
_SWITCH = 0.02  # share of the hedge's weight that is spread evenly after each row
_GATE_RATE, _POOL_RATE, _STACK_RATE = 0.1, 0.1, 0.03  # Adagrad's
_EARLY, _EARLY_STACK = 1e-2, 1e-1  # added to sums of squares, lest the first steps be too long
_DECAY = 1e-4  # of the powers that the stack has for each class


class Mixer(NamedTuple):
    """The arrays of `MIXER_FIELDS`; places of the inputs' weights lie on one axis."""

    accuracy: Array
    hidden: Array
    hidden_lag: Array
    hidden_bias: Array
    gate: Array
    gate_bias: Array
    pool: Array
    stack: Array
    stack_class: Array
    stack_input: Array
    stack_lag: Array
    stack_bias: Array
    hedge: Array
    losses: Array
    shares: Array
    disorder: Array
    previous: Ints


class Said(NamedTuple):
    """What the row, the experts and the combiners say."""

    p: Array  # (C, M) probabilities, a little of each spread evenly
    logs: Array  # (C, M)
    n_inputs: Ints  # (1,)
    places: Ints  # of the inputs' weights
    inputs: Array
    hidden: Array  # (H,)
    hidden_slopes: Array
    gate: Array  # (M,)
    slopes: Array  # (M,)
    answers: Array  # (N_COMBINERS, C)


def mixer_of(estimator: object) -> Mixer:
    """The mixer whose arrays `estimator` holds."""
    arrays = {field.name: getattr(estimator, field.name) for field in MIXER_FIELDS}
    for name in ("hidden_", "stack_input_"):
        two, n_features, n_values, n = arrays[name].shape
        arrays[name] = arrays[name].reshape(two, n_features * n_values, n)
    return Mixer(*arrays.values())


@jit
def top(values: Array, n: int) -> int:
    """Where the largest of the first `n` values is."""
    best = 0
    for c in range(1, n):
        if values[c] > values[best]:
            best = c
    return best


@jit
def settle(mixer: Mixer, k: int) -> None:
    """Expert `k` is a new one: it is thought of as the average expert."""
    mixer.accuracy[k] = mixer.accuracy.mean()
    mixer.gate_bias[0, k] = mixer.gate_bias[0].mean()


@jit
def learn(said: Said, right: Ints, n: int, y: int, weight: float, mixer: Mixer) -> None:
    """Learn of a row with label `y`; `right` says which experts knew it."""
    for a in range(N_COMBINERS):
        error = weight if top(said.answers[a], n) != y else 0.0
        mixer.losses[a] = _DISCOUNT * mixer.losses[a] + error
    _judge(said, right, y, weight, mixer)
    _learn_gate(said, y, weight, mixer)
    _learn_pool(said, n, y, weight, mixer)
    _learn_stack(said, n, y, weight, mixer)


@jit
def _judge(said: Said, right: Ints, y: int, weight: float, mixer: Mixer) -> None:
    pace = min((1.0 - _ACCURACY_MEMORY) * weight, 1.0)
    slowly, total, disorder = min((1.0 - _MEMORY) * weight, 1.0), 0.0, 0.0
    for k in range(said.gate.shape[0]):
        mixer.accuracy[k] += pace * (right[k] - mixer.accuracy[k])
        mixer.shares[k] += slowly * (said.gate[k] - mixer.shares[k])
        disorder -= said.gate[k] * np.log2(max(said.gate[k], _LEAST))
        mixer.hedge[k] *= said.p[y, k]
        total += mixer.hedge[k]
    even = _SWITCH / said.gate.shape[0]
    for k in range(said.gate.shape[0]):
        mixer.hedge[k] = (1.0 - _SWITCH) * mixer.hedge[k] / total + even
    mixer.disorder[0] += slowly * (disorder - mixer.disorder[0])


@jit
def _learn_gate(said: Said, y: int, weight: float, mixer: Mixer) -> None:
    """One step down the slope of -log sum_k g_k p_k(y): g_k minus the expert's responsibility."""
    slopes, hidden, mixed = said.slopes, said.hidden, said.answers[GATED, y]
    for k in range(slopes.shape[0]):
        slopes[k] = weight * said.gate[k] * (1.0 - said.p[y, k] / mixed)
    for h in range(hidden.shape[0]):
        slope = 0.0
        if hidden[h] > 0.0:
            for k in range(slopes.shape[0]):
                slope += mixer.gate[0, h, k] * slopes[k]
            _step(mixer.gate[0, h], mixer.gate[1, h], slopes, hidden[h], _GATE_RATE, _EARLY)
        said.hidden_slopes[h] = slope
    _step(mixer.gate_bias[0], mixer.gate_bias[1], slopes, 1.0, _GATE_RATE, _EARLY)
    slopes = said.hidden_slopes
    _step(mixer.hidden_bias[0], mixer.hidden_bias[1], slopes, 1.0, _GATE_RATE, _EARLY)
    for a in range(said.n_inputs[0]):
        weights, squares = mixer.hidden[0, said.places[a]], mixer.hidden[1, said.places[a]]
        _step(weights, squares, slopes, said.inputs[a], _GATE_RATE, _EARLY)
    for p in range(mixer.previous.shape[0]):
        c = mixer.previous[p]
        if c >= 0:
            weights, squares = mixer.hidden_lag[0, p, c], mixer.hidden_lag[1, p, c]
            _step(weights, squares, slopes, 1.0, _GATE_RATE, _EARLY)


@jit
def _learn_pool(said: Said, n: int, y: int, weight: float, mixer: Mixer) -> None:
    """One step down the slope of the log loss; no power becomes negative."""
    _miss(said.answers[POOLED], n, y, weight)
    _slopes_of_powers(said, said.answers[POOLED], n)
    _step(mixer.pool[0], mixer.pool[1], said.slopes, 1.0, _POOL_RATE, _EARLY)
    for k in range(said.slopes.shape[0]):
        mixer.pool[0, k] = max(mixer.pool[0, k], 0.0)


@jit
def _learn_stack(said: Said, n: int, y: int, weight: float, mixer: Mixer) -> None:
    miss = said.answers[STACKED]
    _miss(miss, n, y, weight)
    for c in range(n):
        own, squares = mixer.stack_class[0, c], mixer.stack_class[1, c]
        _step(own, squares, said.logs[c], miss[c], _STACK_RATE, _EARLY_STACK)
        for k in range(own.shape[0]):
            own[k] *= 1.0 - _STACK_RATE * _DECAY
    _slopes_of_powers(said, miss, n)
    _step(mixer.stack[0], mixer.stack[1], said.slopes, 1.0, _POOL_RATE, _EARLY)
    bias, squares = mixer.stack_bias[0, :n], mixer.stack_bias[1, :n]
    _step(bias, squares, miss, 1.0, _STACK_RATE, _EARLY_STACK)
    for a in range(said.n_inputs[0]):
        place = said.places[a]
        weights, squares = mixer.stack_input[0, place, :n], mixer.stack_input[1, place, :n]
        _step(weights, squares, miss, said.inputs[a], _STACK_RATE, _EARLY_STACK)
    for p in range(mixer.previous.shape[0]):
        b = mixer.previous[p]
        if b >= 0:
            weights, squares = mixer.stack_lag[0, p, b, :n], mixer.stack_lag[1, p, b, :n]
            _step(weights, squares, miss, 1.0, _STACK_RATE, _EARLY_STACK)


@jit
def _miss(answers: Array, n: int, y: int, weight: float) -> None:
    """From probabilities to slopes of the log loss, in place."""
    for c in range(n):
        answers[c] = weight * (answers[c] - (1.0 if c == y else 0.0))


@jit
def _slopes_of_powers(said: Said, miss: Array, n: int) -> None:
    """Slopes of powers that all classes share."""
    for k in range(said.slopes.shape[0]):
        said.slopes[k] = 0.0
    for c in range(n):
        for k in range(said.slopes.shape[0]):
            said.slopes[k] += miss[c] * said.logs[c, k]


@jit
def _step(
    weights: Array, squares: Array, slopes: Array, factor: float, rate: float, early: float
) -> None:
    """Adagrad's step along `factor * slopes`."""
    for j in range(weights.shape[0]):
        slope = factor * slopes[j]
        squares[j] += slope * slope
        weights[j] -= rate * slope / np.sqrt(squares[j] + early)
