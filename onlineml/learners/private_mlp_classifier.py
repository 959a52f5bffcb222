"""A small neural network under differential privacy."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np

from onlineml.base import Array, Classifier, Diagnostics
from onlineml.estimator import _power_of_two
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, i1, opened, scratch
from onlineml.kernels.correlated_noise import BANDED, Plan, noise
from onlineml.kernels.mlp import (
    ACTIVATIONS,
    accumulate,
    backward,
    forward,
    n_weights,
    output_deltas,
    outputs,
    squared_gradient,
)
from onlineml.kernels.mlp_rows import (
    SCALE,
    STATE,
    Learner,
    entries,
    fill_hidden,
    forward_to_learn,
    learner,
)
from onlineml.kernels.random import seeded
from onlineml.kernels.votes import answer_from_logs
from onlineml.learners.privacy import (
    check_privacy,
    hidden,
    n_vectors,
    odometer_of,
    privacy_settings,
)
from onlineml.network import check_widths, lay_out, net_scratch
from onlineml.odometer import PrivacyOdometer
from onlineml.receipt import Receipt
from onlineml.schema import Schema, wrong

_RATE = 2  # of the settings, where networks have it; dropout rates begin at 5


@entry
def _private_mlp_classifier(d: int) -> int:
    m, floats = learner(d, 3), scratch(d)[0]
    n = m.nominal.shape[0] + 3 * m.signals.units.shape[0]
    gradient = floats[n : n + m.net.weights.shape[0]]
    privacy = m.settings[5 + m.net.shape.shape[0] - 2 :]
    return _walk(opened(d), i1(d, 1), f1(d, 2), privacy, gradient, m)


@jit
def _walk(
    call: Call, seen: Ints, refused: Array, privacy: Array, gradient: Array, m: Learner
) -> int:
    scores, deltas = outputs(m.net, m.signals), output_deltas(m.net, m.signals)
    for i in range(call.first, call.last):
        n = entries(call.X[i], m)
        if call.serve:
            forward(m.net, m.signals, m.places, m.values, n, False, m.random)
            for c in range(seen[0]):
                call.out[i, 1 + c] = scores[c]
            answer_from_logs(call.out[i], seen[0], call.serve)
        weight = call.weight[i] if call.fit else 0.0
        if weight <= 0.0:
            continue
        if m.n_steps[0] >= privacy[4]:
            refused[0] += 1.0
            continue
        seen[0] = max(seen[0], int(call.y[i]) + 1)
        forward_to_learn(m, n, False)
        _slopes(scores, seen[0], int(call.y[i]), weight, deltas)
        backward(m.net, m.signals)
        length = np.sqrt(squared_gradient(m.net, m.signals, m.values, n))
        if length > privacy[2]:
            for u in range(m.signals.deltas.shape[0]):
                m.signals.deltas[u] *= privacy[2] / length
        for p in range(gradient.shape[0]):
            gradient[p] = 0.0
        accumulate(m.net, m.signals, m.places, m.values, n, gradient)
        _step(seen[0], privacy, gradient, m)
    return call.last


@jit
def _slopes(scores: Array, n: int, label: int, weight: float, deltas: Array) -> None:
    top, total = scores[0], 0.0
    for c in range(1, n):
        top = max(top, scores[c])
    for c in range(deltas.shape[0]):
        deltas[c] = np.exp(scores[c] - top) if c < n else 0.0
        total += deltas[c]
    for c in range(n):
        deltas[c] = weight * (deltas[c] / total - (1.0 if c == label else 0.0))


@jit
def _step(n_seen: int, privacy: Array, gradient: Array, m: Learner) -> None:
    """Step against gradient and noise, where any row has shown input and class."""
    kind, at, shape = int(privacy[0]), int(m.n_steps[0]), m.net.shape
    if kind != BANDED:
        at %= int(privacy[3])
    plan = Plan(kind, privacy[1], privacy[5:], at)
    m.n_steps[0] += 1.0
    width, last = shape[1], shape[shape.shape[0] - 2]
    first = shape[0] * width
    end = gradient.shape[0] - (last + 1) * shape[-1]
    for place in range(shape[0]):
        if m.known[place // m.known.shape[1], place % m.known.shape[1]]:
            _stir(place * width, (place + 1) * width, plan, gradient, m)
    _stir(first, end, plan, gradient, m)
    _stir(end, end + n_seen * last, plan, gradient, m)
    biases = gradient.shape[0] - shape[-1]
    _stir(biases, biases + n_seen, plan, gradient, m)


@jit
def _stir(first: int, end: int, plan: Plan, gradient: Array, m: Learner) -> None:
    for p in range(first, end):
        step = gradient[p] + noise(plan, m.moments, p, m.random)
        m.net.weights[p] -= m.settings[_RATE] * step


class PrivateMLPClassifier(Classifier):
    """Neural network with a softmax whose weights tell nobody whether a row was among the learned.

    As `PrivateSoftmaxRegression`, for all layers: each row's gradient is cut to the length `clip`,
    and the noise of sums of gradients is correlated. Time per event is O(number of weights) normal
    draws; memory is log2(`period`) + 1, or `bands`, times the weights.

    Parameters
    ----------
    hidden
        Widths of the hidden layers.
    activation
        "relu", "leaky_relu" (slope 0.01) or "tanh".
    noise, epsilon, delta, clip, period, n_periods, bands, learning_rate
        As in `PrivateSoftmaxRegression`.
    seed
        Of the first weights and of the noise.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import PrivateMLPClassifier
    >>> X = np.random.default_rng(1).normal(size=(20_000, 2))
    >>> y = X[:, 0] * X[:, 1] > 0
    >>> model = PrivateMLPClassifier(hidden=(8,), epsilon=8.0, seed=1).fit_many(X, y)
    >>> bool((model.predict_many(X) == y).mean() > 0.8)
    True

    Notes
    -----
    An estimator of its own, not an option of `MLPClassifier`, which standardizes features by their
    running mean and variance and has optimizers with moments: all that would tell of rows. Here
    features are taken as they are, beyond 10 as 10: bring them to a known scale by constants. What
    is public, and what of the generator, as in `PrivateSoftmaxRegression`. First weights as in
    `MLPClassifier`.

    References
    ----------
    .. [1] Kairouz, McMahan, Song, Thakkar, Thakurta, Xu (2021), Practical and private (deep)
       learning without sampling or shuffling, ICML. Algorithm 1. arXiv:2103.00039
    .. [2] Kalinin, Lampert (2024), Banded square root matrix factorization for differentially
       private model training, NeurIPS. arXiv:2405.13763
    """

    _kernel = _private_mlp_classifier
    _state = (Field("seen_", (1,), np.int64), Field("refused_", (1,)), *STATE)

    shape_: Ints
    known_: Ints
    standing_: Array
    random_: Ints
    refused_: Array
    weights_: Array
    moments_: Array  # here, what is remembered of the noise

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (32,),
        activation: Literal["relu", "leaky_relu", "tanh"] = "relu",
        noise: Literal["tree", "banded"] = "tree",
        epsilon: float = 2.0,
        delta: float = 1e-5,
        clip: float = 1.0,
        period: int = 100_000,
        n_periods: int | None = None,
        bands: int = 64,
        learning_rate: float = 0.05,
        seed: int | None = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.noise = noise
        self.epsilon = epsilon
        self.delta = delta
        self.clip = clip
        self.period = period
        self.n_periods = n_periods
        self.bands = bands
        self.learning_rate = learning_rate
        self.seed = seed

    def _check(self) -> None:
        check_widths(self.hidden)
        if self.activation not in ACTIVATIONS:
            raise wrong("activation", self.activation, f"one of {list(ACTIVATIONS)}")
        check_privacy(self)

    def _sizes(self) -> dict[str, int]:
        return {"M": n_vectors(self), "S": len(self.hidden) + 2, "P": 0}

    def _settings(self) -> tuple[float, ...]:
        net = ACTIVATIONS[self.activation], 0.0, self.learning_rate, 0.0, 0.0
        return *net, *[0.0] * len(self.hidden), *privacy_settings(self)

    def _n_scratch(self) -> int:
        return net_scratch(self) + len(self.weights_)

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, 2)
        self.standing_[SCALE] = 1.0
        self.shape_[:] = self.known_.size, *self.hidden, 2
        self.weights_ = np.zeros(n_weights(self.shape_))
        self.moments_ = np.zeros((n_vectors(self), len(self.weights_)))
        fill_hidden(self.shape_, self.weights_, self.random_)

    def _make_room(self, n_classes: int) -> None:
        if n_classes > self.shape_[-1]:
            lay_out(self, self.known_.shape[1], _power_of_two(n_classes))

    def _enlarge(self, axis: str, size: int) -> None:
        room = self.known_.shape[1]
        super()._enlarge(axis, size)
        self.standing_[SCALE] = 1.0
        lay_out(self, room, int(self.shape_[-1]))

    @property
    def odometer(self) -> PrivacyOdometer:
        """What is spent of the budget."""
        return odometer_of(self)

    def diagnostics(self) -> Diagnostics:
        """Rows that came when the budget was spent."""
        return {"n_not_learned": float(self.refused_[0])} if self.is_started else {}

    def _unlearn(self, x: Any, y: Any, id: Hashable, weight: float) -> Receipt:
        return hidden(self)
