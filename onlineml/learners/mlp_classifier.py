"""A small neural network that tells classes apart, learned one row at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.estimator import _power_of_two
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, i1, opened
from onlineml.kernels.mlp import output_deltas, outputs, soften
from onlineml.kernels.mlp_bounded import is_bounded, step_from
from onlineml.kernels.mlp_norm import send, send_to_learn
from onlineml.kernels.mlp_rows import (
    STATE,
    Learner,
    entries,
    learner,
    meet,
)
from onlineml.kernels.private_mlp import CLASSES, private_mlp_classifier
from onlineml.kernels.votes import answer_from_logs
from onlineml.learners.guarded_net import GuardedNet
from onlineml.learners.privacy import Privacy, by_privacy
from onlineml.network import lay_out, start_hiding, start_net
from onlineml.schema import Schema

_LEAST = 1e-300  # probability
_STATE = (Field("seen_", (1,), np.int64), *STATE, Field("errors_", (1,)))


@entry
def _mlp_classifier(d: int) -> int:
    return _classify(opened(d), i1(d, 1), learner(d, 2), f1(d, 2 + len(STATE)))


@jit
def _classify(call: Call, seen: Ints, m: Learner, errors: Array) -> int:
    scores, deltas = outputs(m.net, m.signals), output_deltas(m.net, m.signals)
    for i in range(call.first, call.last):
        n = entries(call.X[i], m)
        if call.serve:
            send(m, n, False)
            for c in range(seen[0]):
                call.out[i, 1 + c] = scores[c]
            answer_from_logs(call.out[i], seen[0], call.serve)
        if call.fit:
            label, weight = int(call.y[i]), call.weight[i]
            seen[0] = max(seen[0], label + 1)
            if weight > 0.0:
                send_to_learn(m, n, call.serve > 0)
                soften(scores, seen[0], deltas)
                loss = -weight * np.log(max(deltas[label], _LEAST))
                error, factor = _miss(deltas, label), weight
                if is_bounded(m):
                    factor = 1.0 / max(error, _LEAST)
                for c in range(seen[0]):
                    deltas[c] *= factor
                step_from(m, n, weight, loss, error, errors)
                meet(call.X[i], weight, m)
    return call.last


@jit
def _miss(shares: Array, label: int) -> float:
    """From shares to derivatives of the loss by scores; what all classes but the label have."""
    error = 0.0
    for c in range(shares.shape[0]):
        error += shares[c] if c != label else 0.0
    shares[label] -= 1.0
    return error


class MLPClassifier(GuardedNet, Classifier):
    r"""Neural network with a softmax, one step of gradient descent per event.

    Numeric features are standardized inside by their running mean and variance; a nominal one has
    an input for each value; a missing one counts as the mean. Classes may appear at any time: the
    output layer grows. Time per event and memory are O(number of weights).

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
        can be kept, with "sgd", "momentum" or "adam"; for labels that are not among its `classes`,
        where it has any.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import MLPClassifier
    >>> X = np.random.default_rng(1).normal(size=(3000, 2))
    >>> model = MLPClassifier(hidden=(16,), seed=1).fit_many(X, X[:, 0] * X[:, 1] > 0)
    >>> model.predict_many([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    array([ True, False,  True])

    Notes
    -----
    Cross-entropy loss; Adam as in [1]_, algorithm 1, with its default decays. Weights of a hidden
    layer begin uniform as in [2]_, those of an input when the first row shows it; intercepts and
    the output layer begin at 0. Values further than 10 standard deviations from the mean count as
    10, in the running mean and variance too. Inputs that a row does not show keep their weights and
    moments (lazy updates); weight decay is apart from the gradient, as in AdamW. With "sgd" and
    "momentum" no row's steps together go further than Polyak's step [4]_: at usual learning rates
    only a wild row is held back. Divisors of Adam are computed in single precision.

    "obgd" [5]_ and "intentional" [6]_ are from reinforcement learning, here without traces: of an
    answer with gradient z and error e they step by e z / max(1 / learning_rate, 2 max(\|e\|, 1)
    \|z\|_1), or by learning_rate e z / D / sum(z^2 / D), where D are running root mean squares of
    z, and e is cut at 20 of its own. For classes, which the sources do not treat, e is the
    probability of the wrong ones, and e z the gradient of the loss: with two classes, z is that of
    the log odds and e is y - p. A row's weight multiplies the step, but not beyond the bound, or
    the whole error. LayerNorm [7]_ adds 1e-5 to the variance.

    References
    ----------
    .. [1] Kingma, Ba (2015), Adam, ICLR. Algorithm 1. arXiv:1412.6980
    .. [2] He, Zhang, Ren, Sun (2015), Delving deep into rectifiers, ICCV. Section 2.2.
       arXiv:1502.01852
    .. [3] Srivastava et al. (2014), Dropout, JMLR 15, 1929-1958. Section 4.
    .. [4] Loizou, Vaswani, Laradji, Lacoste-Julien (2021), Stochastic Polyak step-size for SGD,
       AISTATS. Equation 4, with c = 1/2. arXiv:2002.10542
    .. [5] Elsayed, Vasan, Mahmood (2024), Streaming deep reinforcement learning finally works.
       Section 3 (ObGD). arXiv:2410.14606
    .. [6] Sharifnassab, Elsayed, De Asis, Mahmood, Sutton (2026), Intentional updates for streaming
       reinforcement learning, ICML. arXiv:2604.19033
    .. [7] Ba, Kiros, Hinton (2016), Layer normalization. Equations 2 and 3. arXiv:1607.06450
    """

    _kernel = by_privacy(_mlp_classifier, private_mlp_classifier)
    _state = by_privacy(_STATE, CLASSES)

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

    def _start(self, schema: Schema) -> None:
        start_net(self, self._private_sizes().get("C", 2))
        start_hiding(self, schema.numeric_at_first)

    def _make_room(self, n_classes: int) -> None:
        if n_classes > self.shape_[-1]:
            lay_out(self, self.known_.shape[1], _power_of_two(n_classes))

    def _enlarge(self, axis: str, size: int) -> None:
        room = self.known_.shape[1]
        super()._enlarge(axis, size)
        lay_out(self, room, int(self.shape_[-1]))
