"""A small neural network for numbers, learned one row at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from onlineml.base import Array, Regressor
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, f1, opened
from onlineml.kernels.mlp import output_deltas, outputs
from onlineml.kernels.mlp_bounded import is_bounded, step_from
from onlineml.kernels.mlp_norm import send, send_to_learn
from onlineml.kernels.mlp_rows import (
    MEAN,
    SCALE,
    STATE,
    Learner,
    entries,
    learn_number,
    learner,
    meet,
    standardized,
)
from onlineml.kernels.private_mlp import NUMBER, private_mlp_regressor
from onlineml.learners.guarded_net import GuardedNet
from onlineml.learners.privacy import Privacy, by_privacy
from onlineml.network import lay_out, start_hiding, start_net
from onlineml.schema import Schema

_STATE = (Field("target_", (4,)), *STATE, Field("errors_", (1,)))


@entry
def _mlp_regressor(d: int) -> int:
    return _regress(opened(d), f1(d, 1), learner(d, 2), f1(d, 2 + len(STATE)))


@jit
def _regress(call: Call, target: Array, m: Learner, errors: Array) -> int:
    for i in range(call.first, call.last):
        n, weight = entries(call.X[i], m), call.weight[i]
        if call.serve:
            send(m, n, False)
            unit = 1.0 / target[SCALE] if target[SCALE] > 0.0 else 0.0
            call.out[i, 0] = target[MEAN] + unit * outputs(m.net, m.signals)[0]
        if call.fit and weight > 0.0:
            send_to_learn(m, n, call.serve > 0)
            error = outputs(m.net, m.signals)[0] - standardized(call.y[i], target)
            output_deltas(m.net, m.signals)[0] = 1.0 if is_bounded(m) else weight * error
            step_from(m, n, weight, 0.5 * weight * error * error, error, errors)
            learn_number(call.y[i], weight, target)
            meet(call.X[i], weight, m)
    return call.last


class MLPRegressor(GuardedNet, Regressor):
    """Neural network for a number, one step of gradient descent per event.

    Features as in `MLPClassifier`; the target is standardized inside in the same way. Time per
    event and memory are O(number of weights).

    Parameters
    ----------
    hidden
        Widths of the hidden layers.
    activation
        "relu", "leaky_relu" (slope 0.01) or "tanh".
    optimizer
        "sgd", "momentum" (0.9) or "adam"; or "obgd" or "intentional", which bound what a step does
        to the answer for its row: see the notes.
    learning_rate
        Length of a step. With "obgd" the base step that is bounded, 1.0 say; with "intentional" the
        share of the row's error that a step is to remove: 0.5, or 0.1 where targets are noisy.
    l2
        Weight decay: every event multiplies weights by 1 / (1 + learning_rate * l2), intercepts
        and inputs that it does not show apart.
    dropout
        Probability with which a hidden unit is left out of an event's step.
    layer_norm
        Whether the sums that go into a hidden layer's units are brought to mean 0 and variance 1
        first, for each row (LayerNorm without weights of its own).
    seed
        Of the first weights and of dropout.
    privacy
        None, or a promise of differential privacy: `TreeAggregation` or `BandedNoise`, which say
        what it asks of rows and of the learner: features are then not standardized. The budget left
        is told by `odometer`.

    Raises
    ------
    BudgetSpentError
        Where `privacy` shares an odometer: see `TreeAggregation`.
    ValueError
        At the first event, unless `hidden` are whole numbers >= 1, one at least,
        `learning_rate` > 0 (at most 1 with "intentional"), `l2` >= 0, 0 <= `dropout` < 1,
        `activation` and `optimizer` are among the above, and `privacy` is None or a promise that
        can be kept, has a `target_range`, with "sgd", "momentum" or "adam".

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import MLPRegressor
    >>> X = np.random.default_rng(1).uniform(-1, 1, (5000, 1))
    >>> model = MLPRegressor(seed=1).fit_many(X, 100 + 50 * X[:, 0] ** 2)
    >>> model.predict_many([[0.0], [0.8]]).round(-1)
    array([100., 130.])

    Notes
    -----
    Half the squared error, of targets in standard deviations, those further than 10 from the mean
    as 10. First weights, updates and departures as in `MLPClassifier`; the bounded rules are those
    of [3]_ and [4]_ for the prediction and its error, without traces.

    References
    ----------
    .. [1] Kingma, Ba (2015), Adam, ICLR. Algorithm 1. arXiv:1412.6980
    .. [2] He, Zhang, Ren, Sun (2015), Delving deep into rectifiers, ICCV. Section 2.2.
       arXiv:1502.01852
    .. [3] Elsayed, Vasan, Mahmood (2024), Streaming deep reinforcement learning finally works.
       Section 3 (ObGD). arXiv:2410.14606
    .. [4] Sharifnassab, Elsayed, De Asis, Mahmood, Sutton (2026), Intentional updates for streaming
       reinforcement learning, ICML. arXiv:2604.19033
    """

    _kernel = by_privacy(_mlp_regressor, private_mlp_regressor)
    _state = by_privacy(_STATE, NUMBER)

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (32,),
        activation: Literal["relu", "leaky_relu", "tanh"] = "relu",
        optimizer: Literal["sgd", "momentum", "adam", "obgd", "intentional"] = "adam",
        learning_rate: float = 0.005,
        l2: float = 0.0,
        dropout: float = 0.0,
        layer_norm: bool = False,
        seed: int | None = None,
        privacy: Privacy | None = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.l2 = l2
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.seed = seed
        self.privacy = privacy

    def _check(self) -> None:
        super()._check()
        self._check_range()

    def _start(self, schema: Schema) -> None:
        start_net(self, 1)
        start_hiding(self, schema.numeric_at_first)

    def _enlarge(self, axis: str, size: int) -> None:
        room = self.known_.shape[1]
        super()._enlarge(axis, size)
        lay_out(self, room, 1)
