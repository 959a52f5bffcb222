"""What a small neural network, learned one row at a time, does not reproduce of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import ANSWER_AND_SCORES, Call, Field, Ints, opened
from onlineml.kernels.faded_moments import learn, share
from onlineml.kernels.linear import LARGEST
from onlineml.kernels.mlp import forward, output_deltas, outputs
from onlineml.kernels.mlp_rows import (
    FURTHEST,
    Learner,
    forward_to_learn,
    learner,
    step_back,
)
from onlineml.network import (
    check_layout,
    check_net,
    lay_out,
    net_scratch,
    net_settings,
    net_sizes,
    start_net,
)
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
            step = share(w / (m.standing[_N, j] + w), w, least)
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

    Raises
    ------
    ValueError
        At the first event, unless `hidden` are whole numbers >= 1, one at least, `activation` and
        `optimizer` are among the above, `learning_rate` > 0, and 0 < `fading_factor` <= 1.

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
        check_net(self)
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return net_sizes(self)

    def _settings(self) -> tuple[float, ...]:
        return *net_settings(self), 1.0 - float(self.fading_factor)

    def _n_scratch(self) -> int:
        return net_scratch(self)

    def _start(self, schema: Schema) -> None:
        start_net(self, schema.n_features)

    def _enlarge(self, axis: str, size: int) -> None:
        super()._enlarge(axis, size)
        lay_out(self, 1, len(self.known_))

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if self.is_started:
            check_layout(self, len(self.known_))
