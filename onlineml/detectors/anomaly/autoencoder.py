"""What a small neural network, learned one row at a time, does not reproduce of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import ANSWER_AND_SCORES, Call, Field, Ints, opened
from onlineml.kernels.faded_moments import learn
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.mlp import ACTIVATIONS, forward, n_weights, output_deltas, outputs, relaid
from onlineml.kernels.mlp_rows import (
    FURTHEST,
    Learner,
    fill_hidden,
    forward_to_learn,
    learner,
    step_back,
)
from onlineml.kernels.mlp_steps import REACH, RULES
from onlineml.kernels.random import seeded
from onlineml.schema import Schema, wrong

_FAR, _TAME = 100.0, 3.0  # deviations that a value counts as at most, and is learned as at most
# Rows of `standing_`: weight, mean and variance of a feature, mean square of what is left of it.
_N, _MEAN, _VARIANCE, _LEFT = range(4)
_LEAST_LEFT = 1e-3  # share of a feature's variance that is taken to be left at least


@entry
def _autoencoder(d: int) -> int:
    return _rows(opened(d), learner(d, 1))


@jit
def _rows(call: Call, m: Learner) -> int:
    for i in range(call.first, call.last):
        x, w = call.X[i], call.weight[i]
        if call.serve:
            n = _enter(x, FURTHEST, m)
            forward(m.net, m.signals, m.places, m.values, n, False, m.random)
            _serve(m, x, call.out[i], call.serve == ANSWER_AND_SCORES)
        if call.fit and row_tells(call, i):
            n = _enter(x, _TAME, m)
            forward_to_learn(m, n, False)
            loss = _ask(m, x, w, outputs(m.net, m.signals), output_deltas(m.net, m.signals))
            step_back(m, n, w, loss)
            least = m.settings[m.settings.shape[0] - 1]
            learn(x, w, least, FURTHEST, m.standing[_N], m.standing[_MEAN], m.standing[_VARIANCE])
    return call.last


@jit
def _standard(m: Learner, x: Array, j: int, most: float) -> float:
    """A value in deviations from its mean, at most `most`; NaN where it tells nothing."""
    variance = m.standing[_VARIANCE, j]
    if not (variance > 1e-24 and abs(x[j]) <= LARGEST):
        return np.nan
    return float(min(max((x[j] - m.standing[_MEAN, j]) / np.sqrt(variance), -most), most))


@jit
def _enter(x: Array, most: float, m: Learner) -> int:
    """Write what the network sees of `x`; how many values there are."""
    n = 0
    for j in range(x.shape[0]):
        z = _standard(m, x, j, most)
        if z == z:
            m.places[n], m.values[n] = j, z
            n += 1
    return n


@jit
def _serve(m: Learner, x: Array, out: Array, explain: bool) -> None:
    """Root mean square of what is left of the values, each in units of its own."""
    total, n, found = 0.0, 0, outputs(m.net, m.signals)
    for j in range(x.shape[0]):
        z, part = _standard(m, x, j, _FAR), 0.0
        if z == z and m.standing[_LEFT, j] > 0.0:
            part = (z - found[j]) ** 2 / max(m.standing[_LEFT, j], _LEAST_LEFT)
            n += 1
        total += part
        if explain:
            out[1 + j] = part
    out[0] = np.sqrt(total / n) if n > 0 else 0.0
    if explain:
        for j in range(x.shape[0]):
            out[1 + j] *= out[0] / total if total > 0.0 else 0.0


@jit
def _ask(m: Learner, x: Array, w: float, found: Array, deltas: Array) -> float:
    """Derivatives of half the squared rest, and that; learn how much is left of each feature."""
    loss = 0.0
    least = m.settings[m.settings.shape[0] - 1]
    for j in range(x.shape[0]):
        z = _standard(m, x, j, _TAME)
        deltas[j] = 0.0
        if z == z:
            rest = found[j] - z
            deltas[j] = w * rest
            loss += 0.5 * w * rest * rest
            step = min(max(w / (m.standing[_N, j] + w), w * least), 1.0)
            m.standing[_LEFT, j] += step * (min(rest * rest, _TAME * _TAME) - m.standing[_LEFT, j])
    return loss


class Autoencoder(Detector):
    """What an autoencoder does not reproduce: a small network learned one row at a time.

    It reproduces rows, standardized, from what passes its narrowest layer, and takes a step of
    gradient descent on each. The score is the root mean square over the features of what is left
    of them, in units of what is usually left: a feature that cannot be told by the others does not
    drown those that can. Time per event and memory are O(number of weights).

    Parameters
    ----------
    hidden
        Widths of the hidden layers.
    activation
        "relu", "leaky_relu" (slope 0.01) or "tanh".
    optimizer
        "sgd", "momentum" (0.9) or "adam".
    learning_rate
        Length of a step.
    fading_factor
        What means and deviations forget by, an event.
    seed
        Seed of the first weights; None for fresh ones each time.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import Autoencoder
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(3000, 1)) + 0.1 * rng.normal(size=(3000, 8))  # all nearly equal
    >>> model = Autoencoder().fit_many(X)
    >>> x = np.ones(8)
    >>> x[2] = -1.0
    >>> model.score_one(np.ones(8)) < 1.5 < 3 < model.score_one(x)
    True
    >>> model.explain_one(x).argmax()
    np.int64(2)

    Notes
    -----
    Departures from [1]_: trained one row at a time, with the steps of `MLPClassifier`; outputs are
    linear; errors are weighed by feature. Mean and variance forget; values
    count as at most 100 deviations off, enter the network as at most 10, and are learned as at most
    3, so that one huge row does no harm. A missing value enters as the mean and is not
    asked for; a feature that has not varied does not count. Codes of nominal values are taken as
    numbers. What features contribute are their parts of the mean square; they sum to the score.

    References
    ----------
    .. [1] Sakurada, Yairi (2014), Anomaly detection using autoencoders with nonlinear
       dimensionality reduction, MLSDA, section 3. doi:10.1145/2689746.2689747
    """

    _kernel = _autoencoder
    _explains = True
    _state = (
        Field("places_", ("F",), np.int64),
        Field("known_", ("F", 1), np.int64),  # whether an input has weights
        Field("standing_", (4, "F")),
        Field("random_", (2,), np.int64),
        Field("n_steps_", (1,)),
        Field("shape_", ("S",), np.int64),
        Field("weights_", ("P",)),
        Field("moments_", ("M", "P")),
    )

    known_: Ints
    random_: Ints
    shape_: Ints
    weights_: Array
    moments_: Array

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (16, 4, 16),
        activation: Literal["relu", "leaky_relu", "tanh"] = "tanh",
        optimizer: Literal["sgd", "momentum", "adam"] = "adam",
        learning_rate: float = 0.005,
        fading_factor: float = 0.999,
        seed: int | None = 0,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.fading_factor = fading_factor
        self.seed = seed

    def _check(self) -> None:
        widths = self.hidden
        fine = isinstance(widths, Sequence) and len(widths) > 0
        if not (fine and all(isinstance(n, int) and n >= 1 for n in widths)):
            raise wrong("hidden", widths, "whole numbers >= 1, one a hidden layer")
        for name, known in (("activation", ACTIVATIONS), ("optimizer", RULES)):
            if getattr(self, name) not in known:
                raise wrong(name, getattr(self, name), f"one of {list(known)}")
        if not 0 < self.learning_rate < np.inf:
            raise wrong("learning_rate", self.learning_rate, "a number > 0")
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return {"M": RULES[self.optimizer], "S": len(self.hidden) + 2, "P": 0}

    def _settings(self) -> tuple[float, ...]:
        kinds = float(ACTIVATIONS[self.activation]), float(RULES[self.optimizer])
        rate, no_decay = float(self.learning_rate), 0.0
        no_dropout = (0.0,) * len(self.hidden)
        reach = rate * REACH[self.optimizer]
        return *kinds, rate, reach, no_decay, *no_dropout, 1.0 - float(self.fading_factor)

    def _n_scratch(self) -> int:
        return int(self.schema_.n_features + 3 * self.shape_[1:].sum())

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, 2)
        self.shape_[:] = schema.n_features, *self.hidden, schema.n_features
        self.weights_ = np.zeros(n_weights(self.shape_))
        self.moments_ = np.zeros((RULES[self.optimizer], len(self.weights_)))
        fill_hidden(self.shape_, self.weights_, self.random_)

    def _enlarge(self, axis: str, size: int) -> None:
        super()._enlarge(axis, size)
        old = self.shape_.copy()
        self.shape_[[0, -1]] = size
        self.weights_ = relaid(self.weights_, old, self.shape_)
        self.moments_ = relaid(self.moments_, old, self.shape_)
        self._forget_caches()

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if self.is_started:
            n = len(self.known_)
            shape = [n, *self.hidden, n]
            due = (RULES[self.optimizer], int(n_weights(np.array(shape))))
            came, widths = self.moments_.shape, self.shape_.tolist()
            if widths != shape or came != due or len(self.weights_) != due[1]:
                self.reset()
                raise wrong("state['shape_']", widths, f"layers {shape}, with moments of {due}")
