"""A pool of networks for numbers: of several sizes and rates, the best learn and answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from onlineml.base import Regressor
from onlineml.kernels import adwin, entry, lean
from onlineml.kernels.arena import Call, f1, opened
from onlineml.kernels.mlp import forward, output_deltas, outputs
from onlineml.kernels.mlp_rows import (
    MEAN,
    SCALE,
    forward_to_learn,
    learn_number,
    standardized,
    step_back,
)
from onlineml.kernels.net_pool import (
    STATE,
    Pool,
    address_of,
    best,
    choose,
    learns,
    network,
    pool,
    read,
    settle,
    speaker,
)
from onlineml.learners.members import MEMBER_FIELDS
from onlineml.learners.mlp_regressor import MLPRegressor
from onlineml.learners.network_pool import NetworkPool

_LEAST = 1e-12  # unit of losses


@entry
def _cand_regressor(d: int) -> int:
    return _regress(opened(d), pool(d, 3))


@lean
def _regress(call: Call, p: Pool) -> int:
    for i in range(call.first, call.last):
        n, weight = read(p, call.X[i]), call.weight[i]
        if call.serve:
            call.out[i, 0] = _answer(p, n)
        if call.fit and weight > 0.0:
            unit = max(adwin.mean(p.windows[best(p)]), _LEAST) if p.n_rows[0] > 0 else 1.0
            _learn(p, n, call.y[i], weight, call.serve > 0)
            settle(p, call.X[i], weight, unit)
            for m in range(p.trust.shape[0]):
                learn_number(call.y[i], weight, f1(address_of(p, m), 1))
    return call.last


@lean
def _answer(p: Pool, n: int) -> float:
    only, total = speaker(p), 0.0
    target = f1(address_of(p, 0), 1)  # the same for all networks
    unit = 1.0 / target[SCALE] if target[SCALE] > 0.0 else 0.0
    for m in range(p.trust.shape[0]):
        if only < 0 or m == only:
            net, part = network(p, m), p.trust[m] if only < 0 else 1.0
            forward(net.net, net.signals, net.places, net.values, n, False, net.random)
            total += part * outputs(net.net, net.signals)[0]
    return float(target[MEAN] + unit * total)


@lean
def _learn(p: Pool, n: int, y: float, weight: float, is_served: bool) -> None:
    only, due = speaker(p), standardized(y, f1(address_of(p, 0), 1))
    for m in range(p.trust.shape[0]):
        net = network(p, m)
        forward_to_learn(net, n, is_served and (only < 0 or m == only))
        error = outputs(net.net, net.signals)[0] - due
        output_deltas(net.net, net.signals)[0] = weight * error
        p.losses[m] = 0.5 * error * error
    for m in p.order[: choose(p)]:
        if learns(p, m):
            step_back(network(p, m), n, weight, weight * p.losses[m])
            p.n_learned[m] += 1


class CANDRegressor(NetworkPool, Regressor):
    """Pool of networks for a number, of several sizes and rates, of which the best learn each row.

    Time per event is that of `n_trained` networks that learn and of all others that answer; with
    combiner="best" and no row to learn, that of one. Memory is that of all networks. All else as in
    `CANDClassifier`.

    Parameters
    ----------
    networks
        The pool, each an `MLPRegressor`; members are clones of them. By default the twelve layouts
        and rates of `CANDClassifier`.
    n_trained
        How many of them learn a row; None for all.
    combiner
        "hedge" or "best".
    discount, smoothing
        Of the hedge: a row multiplies a network's weight by discount ** loss, and none weighs less
        than `smoothing` times an even share.
    least_loss
        A network that loses less than this on a row is spared the step.
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
        At the first event, unless `networks` is None or at least one `MLPRegressor`, without
        `layer_norm` and `privacy` and of the rules "sgd", "momentum" or "adam", `n_trained` is
        None or a whole number from 1 to that of the networks, `combiner` is "hedge" or "best",
        `discount` and `delta` lie in (0, 1), `smoothing` in [0, 1], `least_loss` >= 0, and
        `warm_up` is a whole number >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import CANDRegressor
    >>> X = np.random.default_rng(1).uniform(-1, 1, (5000, 1))
    >>> model = CANDRegressor(seed=1).fit_many(X, 100 + 50 * X[:, 0] ** 2)
    >>> model.predict_many([[0.0], [0.8]]).round(-1)
    array([100., 130.])

    Notes
    -----
    The source [1]_ is about classes only. Losses are half the squared errors, of targets in
    standard deviations; the hedge counts them in units of the least estimate, as those of a normal
    distribution of that variance would be.

    References
    ----------
    .. [1] Gunasekara, Gomes, Pfahringer, Bifet (2022), Online hyperparameter optimization for
       streaming neural networks, IJCNN. Section III. doi:10.1109/IJCNN55064.2022.9891953
    """

    _kernel = _cand_regressor
    _state = (*MEMBER_FIELDS, *STATE)
    _network = MLPRegressor

    def __init__(
        self,
        *,
        networks: Sequence[MLPRegressor] | None = None,
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
