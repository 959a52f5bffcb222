"""A bandit whose rewards are linear in what a network makes of the context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from onlineml.kernels import entry, jit
from onlineml.kernels.arena import ANSWER, Array, Field, Ints, f1, f2, f3, i1, opened, scratch
from onlineml.kernels.arms import DRAWS, EXPLORE, POLICY, gamma
from onlineml.kernels.linear_arms import (
    CONFIDENCE,
    DISCOUNT,
    RIDGE,
    SAMPLE,
    LinearArms,
    learn_reward,
    width,
)
from onlineml.kernels.mlp import forward, output_deltas, outputs
from onlineml.kernels.mlp_rows import (
    M2,
    MEAN,
    SCALE,
    STATE,
    WEIGHT,
    Learner,
    entries,
    forward_to_learn,
    learner,
    meet,
    step_back,
)
from onlineml.kernels.random import below, bits, normal
from onlineml.kernels.vectors import dot, enter
from onlineml.network import (
    check_layout,
    check_net,
    net_scratch,
    net_settings,
    net_sizes,
    start_net,
)
from onlineml.parameters import whole
from onlineml.rl.bandit import Bandit
from onlineml.rl.linear_bandit import check_regressions
from onlineml.schema import Schema

_NET_SETTINGS = 5  # numbers of a network before a rate of dropout for each hidden layer
_PRIOR = 6.0  # a0 and b0 of the noise's variance, in standardized rewards
_REPLAYS = 4  # setting behind those of the regressions
_LEAST, _SHARE = 20, 10  # rewards until regressions are taken anew: these, or a tenth of the rows


class Head(NamedTuple):
    """Regressions on the last hidden layer, and what is known of the noise about them."""

    arms: LinearArms
    noise: Array  # (A, 2) rewards learned, sum of squared errors, both faded
    widths: Array  # scratch


class Kept(NamedTuple):
    """The newest rows, in a ring, and at which reward the regressions are taken anew."""

    rows: Array  # (K, n_features)
    arms: Ints
    rewards: Array
    due: Ints


@entry
def _neural_linear(d: int) -> int:
    call, target, m, head = opened(d), f1(d, 1), learner(d, 10), _head(d)
    kept = Kept(f2(d, 6), i1(d, 7), f1(d, 8), i1(d, 9))
    n, n_arms = m.nominal.shape[0], head.noise.shape[0]
    for i in range(call.first, call.last):
        row = call.X[i]
        asked = row[:n]
        if call.fit:
            arm, reward = row[n], row[n + 1]
            if not (abs(reward) <= 1e100 and 0.0 <= arm < n_arms and arm == np.floor(arm)):
                return i
            _keep(kept, head.arms.clock[0], asked, int(arm), reward)
            _learn(m, head, asked, int(arm), _standardized(reward, target))
            _count(reward, target)
            if kept.arms.shape[0] > 0:
                _learn_again(m, head, kept, target)
            asked = row[n + 2 : 2 * n + 2]
        if call.serve > 0:
            forward(m.net, m.signals, m.places, m.values, entries(asked, m), False, m.random)
            _see(m, head.arms.context)
            m.places[0] = m.random[0]
            m.places[0] = np.int64(bits(m.places, 0))
            _serve(head, call.serve, m.places, call.out[i])
    return call.last


@jit
def _head(d: int) -> Head:
    floats, _ = scratch(d)
    root, noise, shape = f3(d, 3), f2(d, 5), i1(d, 15)
    n_arms, n = root.shape[0], root.shape[1]
    room = floats[i1(d, 10).shape[0] + 3 * shape[1:].sum() :]
    arms = LinearArms(
        f1(d, 0)[_NET_SETTINGS + shape.shape[0] - 2 :], i1(d, 13), i1(d, 2), root, f2(d, 4),
        room[:n], room[n : 2 * n], room[2 * n : 3 * n], room[3 * n : 3 * n + n_arms],
    )  # fmt: skip
    return Head(arms, noise, room[3 * n + n_arms :])


@jit
def _see(m: Learner, context: Array) -> None:
    """The last hidden layer, and a constant, to `context`."""
    units = m.signals.units
    end = units.shape[0] - m.net.shape[-1]
    enter(units[end - context.shape[0] + 1 : end], context)


@jit
def _standardized(reward: float, target: Array) -> float:
    """From the mean, in standard deviations; never cut off, as what pays rarely may pay most."""
    return float((reward - target[MEAN]) * target[SCALE])


@jit
def _count(reward: float, target: Array) -> None:
    """Take a reward into what is known of rewards."""
    target[WEIGHT] += 1.0
    gap = reward - target[MEAN]
    target[MEAN] += gap / target[WEIGHT]
    target[M2] += gap * (reward - target[MEAN])
    target[SCALE] = 1.0 / max(np.sqrt(target[M2] / target[WEIGHT]), 1.0)


@jit
def _keep(kept: Kept, clock: int, x: Array, arm: int, reward: float) -> None:
    """In place of the oldest row."""
    if kept.arms.shape[0] > 0:
        k = clock % kept.arms.shape[0]
        kept.rows[k, :], kept.arms[k], kept.rewards[k] = x, arm, reward


@jit
def _learn(m: Learner, head: Head, x: Array, arm: int, reward: float) -> None:
    """One reward, to the regression of its arm, then to the network."""
    n = entries(x, m)
    forward_to_learn(m, n, False)
    _regress(m, head, arm, reward)
    _step(m, n, arm, reward)
    meet(x, 1.0, m)


@jit
def _regress(m: Learner, head: Head, arm: int, reward: float) -> None:
    """The reward of a row that is through the network, to the regression of its arm."""
    _see(m, head.arms.context)
    learn_reward(head.arms, arm, reward)
    discount = head.arms.settings[DISCOUNT]
    for a in range(head.noise.shape[0]):
        head.noise[a, 0] *= discount
        head.noise[a, 1] = discount * head.noise[a, 1] + head.arms.values[a]
    head.noise[arm, 0] += 1.0


@jit
def _step(m: Learner, n: int, arm: int, reward: float) -> None:
    """The same, to the network."""
    error = outputs(m.net, m.signals)[arm] - reward
    deltas = output_deltas(m.net, m.signals)
    deltas[:] = 0.0
    deltas[arm] = error
    step_back(m, n, 1.0, 0.5 * error * error)


@jit
def _learn_again(m: Learner, head: Head, kept: Kept, target: Array) -> None:
    """Kept rows, to the network; when it is time, all of them to regressions that begin anew."""
    clock, size = head.arms.clock[0], kept.arms.shape[0]
    n_kept = min(clock, size)
    for _ in range(int(head.arms.settings[_REPLAYS])):
        k = below(m.random, 0, n_kept)
        n = entries(kept.rows[k], m)
        forward_to_learn(m, n, False)
        _step(m, n, kept.arms[k], _standardized(kept.rewards[k], target))
    if clock < kept.due[0]:
        return
    kept.due[0] = clock + max(_LEAST, n_kept // _SHARE)
    random = m.random[0]
    _begin_anew(head)
    head.arms.clock[0] = clock - n_kept  # which feature's ridge is put back depends on it
    for i in range(clock - n_kept, clock):
        k = i % size
        forward(m.net, m.signals, m.places, m.values, entries(kept.rows[k], m), False, m.random)
        _regress(m, head, kept.arms[k], _standardized(kept.rewards[k], target))
    m.random[0] = random


@jit
def _begin_anew(head: Head) -> None:
    arms = head.arms
    arms.root[:], arms.weights[:], head.noise[:] = 0.0, 0.0, 0.0
    for a in range(arms.root.shape[0]):
        for i in range(arms.root.shape[1]):
            arms.root[a, i, i] = 1.0 / np.sqrt(arms.settings[RIDGE])


@jit
def _serve(head: Head, serve: int, random: Ints, out: Array) -> None:
    arms = head.arms
    for a in range(head.noise.shape[0]):
        arms.values[a] = dot(arms.weights[a], arms.context)
        if serve != ANSWER:
            head.widths[a] = arms.settings[CONFIDENCE] * width(arms.root[a], arms.context)
    if serve == POLICY:
        out[1:] = 0.0
        for _ in range(DRAWS):
            out[1 + _drawn(head, random)] += 1.0 / DRAWS
    else:
        out[0] = _drawn(head, random) if serve == EXPLORE else np.argmax(arms.values)


@jit
def _drawn(head: Head, random: Ints) -> int:
    """The best arm by one draw, of each arm's noise and of its mean given the noise."""
    best, most, rewards, squares = 0, -np.inf, 0.0, 0.0
    for a in range(head.noise.shape[0]):
        rewards += head.noise[a, 0]
        squares += head.noise[a, 1]
    of_all = _variance(rewards, squares, random)
    for a in range(head.noise.shape[0]):
        variance = max(_variance(head.noise[a, 0], head.noise[a, 1], random), of_all)
        value = head.arms.values[a] + normal(random, 0) * np.sqrt(variance) * head.widths[a]
        if value > most:
            best, most = a, value
    return best


@jit
def _variance(rewards: float, squares: float, random: Ints) -> float:
    """A draw from what is known of the noise's variance."""
    return float((_PRIOR + 0.5 * squares) / gamma(random, _PRIOR + 0.5 * rewards))


class NeuralLinear(Bandit):
    """Thompson sampling by regressions on the last hidden layer of a network.

    A network foretells each arm's reward; each arm has a Bayesian linear regression of its rewards
    on the network's last hidden layer, from which it draws. Time per pull is O(number of weights +
    n_actions * n_hidden^2) for a last layer of n_hidden units; per reward it is O(n_replays *
    number of weights + n_hidden^2), with a discount n_actions times the last term. Whenever a tenth
    of the kept rows is new, a call takes all of them through the network, O(memory_size * (number
    of weights + n_hidden^2)). Memory is as a pull, and the kept rows.

    Parameters
    ----------
    n_actions
        Number of arms.
    hidden
        Widths of the hidden layers; the regressions are on the last.
    activation
        "relu", "leaky_relu" (slope 0.01) or "tanh".
    optimizer
        "sgd", "momentum" (0.9) or "adam".
    learning_rate
        Length of a step.
    confidence
        Standard deviation of the draws, relative to that of the posterior.
    ridge
        Penalty of large weights of the regressions, lambda of the source.
    discount
        Weight of a reward, relative to the next one; below 1, regressions forget what is old.
    memory_size
        How many of the newest rows are kept, to be learned again. With 0 none is, and what entered
        the regressions remains as the network put it out then: a discount of .999 fades it.
    n_replays
        Kept rows, drawn at random, that the network learns again at each reward.
    seed
        Of the first weights and of the draws.

    Attributes
    ----------
    arm_weights_
        Of each arm, of the last hidden layer and a constant, for rewards less their mean, in
        standard deviations where these are above 1, `(n_actions, n_hidden + 1)`.

    Raises
    ------
    ValueError
        At the first reward, for an `n_actions` that is not a whole number >= 2, a `confidence`
        below 0, a `ridge` below 1e-100, a `discount` outside of (0, 1], `hidden` that are not whole
        numbers >= 1, an unknown `activation` or `optimizer`, a `learning_rate` that is not finite
        and > 0, and a `memory_size` or `n_replays` that is not a whole number >= 0. At any, for
        observations that do not fit or are infinite, actions that are no arm, and rewards that are
        no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.rl import NeuralLinear, Transition
    >>> bandit, rng = NeuralLinear(n_actions=2, seed=1), np.random.default_rng(0)
    >>> for x in rng.uniform(-1, 1, size=(1_000, 2)):  # which arm pays is the sign of a product
    ...     arm = bandit.act_one(x, explore=True)
    ...     paid = (x[0] * x[1] > 0) == arm
    ...     bandit = bandit.fit_one(Transition(x, arm, float(paid)))
    >>> [bandit.act_one(x) for x in ([0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5])]
    [1, 0, 1]

    Notes
    -----
    Inverse gamma priors of the noise have a = b = 6, as in the source, but an arm's noise counts as
    at least that of all arms together: rewards of an arm that was pulled where it pays nothing are
    alike, and say nothing of elsewhere. Features are standardized inside, and so are rewards,
    however far out, but that their standard deviation counts as at least 1: differences far below
    it are then explored for long, as something larger may be elsewhere. In the source the network
    learns all rows again and again, and the regressions are taken anew from all rows on its latest
    features; here the newest rows are, the network by single rows at each reward, the regressions
    whenever a tenth of the kept rows is new, 20 at least. Arms have weights of their own, so that
    of a draw only its product with the features counts. The network's own outputs serve to train it
    alone.

    References
    ----------
    .. [1] Riquelme, Tucker, Snoek (2018), Deep Bayesian bandits showdown, ICLR, sections 3 and 4
       (linear methods, NeuralLinear). arXiv:1802.09127
    .. [2] Russac, Vernade, Cappe (2019), Weighted linear bandits for non-stationary environments,
       NeurIPS, algorithm 1 (as in `LinUCB`).
    """

    _kernel = _neural_linear
    _state = (
        Field("target_", (4,)),
        Field("n_rewards_", (1,), np.int64),
        Field("arm_inverse_root_", ("A", "D", "D")),
        Field("arm_weights_", ("A", "D")),
        Field("arm_noise_", ("A", 2)),
        Field("kept_rows_", ("K", "F")),
        Field("kept_arms_", ("K",), np.int64),
        Field("kept_rewards_", ("K",)),
        Field("due_", (1,), np.int64),
        *STATE,
    )

    shape_: Ints
    arm_inverse_root_: Array

    def __init__(
        self,
        *,
        n_actions: int,
        hidden: Sequence[int] = (64,),
        activation: Literal["relu", "leaky_relu", "tanh"] = "relu",
        optimizer: Literal["sgd", "momentum", "adam"] = "adam",
        learning_rate: float = 0.001,
        confidence: float = 0.35,
        ridge: float = 0.25,
        discount: float = 1.0,
        memory_size: int = 2_000,
        n_replays: int = 4,
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.confidence = confidence
        self.ridge = ridge
        self.discount = discount
        self.memory_size = memory_size
        self.n_replays = n_replays
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        check_net(self)
        check_regressions(self)
        for name in ("memory_size", "n_replays"):
            whole(name, getattr(self, name), 0)

    def _settings(self) -> tuple[float, ...]:
        numbers = SAMPLE, self.confidence, self.ridge, self.discount, self.n_replays
        return *net_settings(self), *map(float, numbers)

    def _sizes(self) -> dict[str, int]:
        own = {"A": self.n_actions, "D": self.hidden[-1] + 1, "K": self.memory_size}
        return net_sizes(self) | own

    def _start(self, schema: Schema) -> None:
        start_net(self, self.n_actions)
        n = self.hidden[-1] + 1
        self.arm_inverse_root_[:] = np.eye(n) / np.sqrt(self.ridge)

    def _n_scratch(self) -> int:
        return net_scratch(self) + 3 * (self.hidden[-1] + 1) + 2 * self.n_actions

    def _check_arrays(self) -> None:
        super()._check_arrays()
        check_layout(self, self.n_actions)
