"""A pool of networks of several sizes and rates, of which the best learn and answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels import entry, lean
from onlineml.kernels.arena import ANSWER_AND_SCORES, Call, Field, Ints, i1, opened
from onlineml.kernels.mlp import forward, output_deltas, outputs
from onlineml.kernels.mlp_rows import Learner, forward_to_learn, step_back
from onlineml.kernels.net_pool import (
    STATE,
    Pool,
    address_of,
    choose,
    learns,
    network,
    pool,
    read,
    settle,
    speaker,
)
from onlineml.kernels.votes import answer_from_logs, answer_from_votes
from onlineml.learners.members import MEMBER_FIELDS
from onlineml.learners.mlp_classifier import MLPClassifier
from onlineml.learners.network_pool import NetworkPool

_LEAST = 1e-300  # probability


@entry
def _cand_classifier(d: int) -> int:
    return _classify(opened(d), i1(d, 1), pool(d, 4))


@lean
def _classify(call: Call, seen: Ints, p: Pool) -> int:
    for i in range(call.first, call.last):
        n = read(p, call.X[i])
        if call.serve:
            _answer(p, n, seen[0], call.out[i], call.serve)
        if call.fit:
            label = int(call.y[i])
            if label >= seen[0]:
                seen[0] = label + 1
                for m in range(p.trust.shape[0]):
                    i1(address_of(p, m), 1)[0] = seen[0]
            if call.weight[i] > 0.0:
                _learn(p, n, label, seen[0], call.weight[i], call.serve > 0)
                settle(p, call.X[i], call.weight[i], 1.0)
    return call.last


@lean
def _answer(p: Pool, n: int, n_classes: int, out: Array, serve: int) -> None:
    for c in range(n_classes):
        out[1 + c] = 0.0
    only = speaker(p)
    for m in range(p.trust.shape[0]):
        if only < 0 or m == only:
            net, part = network(p, m), p.trust[m] if only < 0 else 1.0
            forward(net.net, net.signals, net.places, net.values, n, False, net.random)
            _share(net, n_classes, p.room)
            for c in range(n_classes):
                out[1 + c] += part * p.room[1 + c]
    answer_from_votes(out, n_classes, serve)


@lean
def _learn(p: Pool, n: int, label: int, n_classes: int, weight: float, is_served: bool) -> None:
    only = speaker(p)
    for m in range(p.trust.shape[0]):
        net = network(p, m)
        forward_to_learn(net, n, is_served and (only < 0 or m == only))
        _share(net, n_classes, p.room)
        p.losses[m] = -np.log(max(p.room[1 + label], _LEAST))
        deltas = output_deltas(net.net, net.signals)
        deltas[n_classes:] = 0.0
        for c in range(n_classes):
            deltas[c] = weight * (p.room[1 + c] - (1.0 if c == label else 0.0))
    for m in p.order[: choose(p)]:
        if learns(p, m):
            step_back(network(p, m), n, weight, weight * p.losses[m])
            p.n_learned[m] += 1


@lean
def _share(m: Learner, n_classes: int, room: Array) -> None:
    """Write the probabilities of the classes to `room`, from its second cell on."""
    scores = outputs(m.net, m.signals)
    for c in range(n_classes):
        room[1 + c] = scores[c]
    answer_from_logs(room[: 1 + n_classes], n_classes, ANSWER_AND_SCORES)


class CANDClassifier(NetworkPool, Classifier):
    """Pool of networks of several sizes and rates, of which the best ones learn each row.

    Nobody knows beforehand which network and which learning rate suit a stream, and with a drift
    others may. Here many run side by side. How much each loses is estimated over a window that
    adapts; half of those that learn a row are the best by it, the other half take turns. They
    answer together, each weighing what a hedge made of its late losses, or the best one alone.

    Time per event is that of `n_trained` networks that learn and of all others that answer; with
    combiner="best" and no row to learn, that of one. Memory is that of all networks.

    Parameters
    ----------
    networks
        The pool, each an `MLPClassifier`; members are clones of them. By default twelve: of hidden
        layers (16,), (64,) and (32, 32) each four, by plain descent at a rate of 0.05, and by Adam
        at 0.02, 0.005 and 0.001.
    n_trained
        How many of them learn a row; None for all.
    combiner
        "hedge" or "best".
    discount, smoothing
        Of the hedge: a row multiplies a network's weight by discount ** loss, and none weighs less
        than `smoothing` times an even share.
    least_loss
        A network that loses less than this on a row is spared the step: faster, and somewhat
        less accurate (the source proposes 0.3).
    warm_up
        First rows, which all networks learn.
    delta
        Confidence of the windows.
    seed
        Of the networks' first weights and of dropout; their own seeds do not count.

    Attributes
    ----------
    members_
        The networks.
    trust_ : (n_networks,)
        What the hedge makes them weigh; sums to 1.
    n_learned_ : (n_networks,)
        Rows that each has learned.

    Raises
    ------
    ValueError
        At the first event, unless `networks` is None or at least one `MLPClassifier`, without
        `layer_norm` and `privacy` and of the rules "sgd", "momentum" or "adam", `n_trained` is
        None or a whole number from 1 to that of the networks, `combiner` is "hedge" or "best",
        `discount` and `delta` lie in (0, 1), `smoothing` in [0, 1], `least_loss` >= 0, and
        `warm_up` is a whole number >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import CANDClassifier
    >>> X = np.random.default_rng(1).normal(size=(3000, 2))
    >>> model = CANDClassifier(n_trained=4, seed=1).fit_many(X, X[:, 0] * X[:, 1] > 0)
    >>> model.predict_many([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    array([ True, False,  True])
    >>> (int(model.n_learned_.sum()) - 100 * 12) / 2900  # networks that learn a row
    4.0

    Notes
    -----
    The choice of those that learn, and "best", follow [1]_ and the code that came with it; losses
    are cross-entropies. Departures: the pool is smaller, and has networks of more than one layer;
    inputs are standardized as in `MLPClassifier`; rows of small loss are not skipped unless
    `least_loss` says so. The source answers by the best network alone. Hedge is that of [2]_, over
    whole networks of several depths instead of the layers of one, with losses that are not bounded
    and a discount chosen for them (0.99 there). A row of weight w counts w times for the hedge,
    once for the estimates.

    References
    ----------
    .. [1] Gunasekara, Gomes, Pfahringer, Bifet (2022), Online hyperparameter optimization for
       streaming neural networks, IJCNN. Section III. doi:10.1109/IJCNN55064.2022.9891953
    .. [2] Sahoo, Pham, Lu, Hoi (2018), Online deep learning: learning deep neural networks on the
       fly, IJCAI. Section 3.3. arXiv:1711.03705
    """

    _kernel = _cand_classifier
    _state = (Field("seen_", (1,), np.int64), *MEMBER_FIELDS, *STATE)
    _network = MLPClassifier

    seen_: Ints

    def __init__(
        self,
        *,
        networks: Sequence[MLPClassifier] | None = None,
        n_trained: int | None = None,
        combiner: Literal["hedge", "best"] = "hedge",
        discount: float = 0.9,
        smoothing: float = 0.2,
        least_loss: float = 0.0,
        warm_up: int = 100,
        delta: float = 0.001,
        seed: int | None = None,
    ) -> None:
        self.networks = networks
        self.n_trained = n_trained
        self.combiner = combiner
        self.discount = discount
        self.smoothing = smoothing
        self.least_loss = least_loss
        self.warm_up = warm_up
        self.delta = delta
        self.seed = seed

    def _room_of_answers(self) -> int:
        return self._n_outputs()
