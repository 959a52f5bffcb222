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
    SAMPLE,
    LinearArms,
    learn_reward,
    width,
)
from onlineml.kernels.mlp import forward, output_deltas, outputs
from onlineml.kernels.mlp_rows import (
    STATE,
    Learner,
    entries,
    forward_to_learn,
    learn_number,
    learner,
    meet,
    standardized,
    step_back,
)
from onlineml.kernels.random import bits, normal
from onlineml.kernels.vectors import dot, enter
from onlineml.network import (
    check_layout,
    check_net,
    net_scratch,
    net_settings,
    net_sizes,
    start_net,
)
from onlineml.rl.bandit import Bandit
from onlineml.rl.linear_bandit import check_regressions
from onlineml.schema import Schema

_NET_SETTINGS = 5  # numbers of a network before a rate of dropout for each hidden layer
_PRIOR = 6.0  # a0 and b0 of the noise's variance, in standardized rewards


class Head(NamedTuple):
    """Regressions on the last hidden layer, and what is known of the noise about them."""

    arms: LinearArms
    noise: Array  # (A, 2) rewards learned, sum of squared errors, both faded
    widths: Array  # scratch


@entry
def _neural_linear(d: int) -> int:
    call, target, m, head = opened(d), f1(d, 1), learner(d, 6), _head(d)
    n, n_arms = m.nominal.shape[0], head.noise.shape[0]
    for i in range(call.first, call.last):
        row = call.X[i]
        asked = row[:n]
        if call.fit:
            arm, reward = row[n], row[n + 1]
            if not (abs(reward) <= 1e100 and 0.0 <= arm < n_arms and arm == np.floor(arm)):
                return i
            _learn(m, head, asked, int(arm), standardized(reward, target))
            learn_number(reward, 1.0, target)
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
    root, noise, shape = f3(d, 3), f2(d, 5), i1(d, 11)
    n_arms, n = root.shape[0], root.shape[1]
    room = floats[i1(d, 6).shape[0] + 3 * shape[1:].sum() :]
    arms = LinearArms(
        f1(d, 0)[_NET_SETTINGS + shape.shape[0] - 2 :], i1(d, 9), i1(d, 2), root, f2(d, 4),
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
def _learn(m: Learner, head: Head, x: Array, arm: int, reward: float) -> None:
    """One reward, to the regression of its arm, then to the network."""
    n = entries(x, m)
    forward_to_learn(m, n, False)
    _see(m, head.arms.context)
    learn_reward(head.arms, arm, reward)
    discount = head.arms.settings[DISCOUNT]
    for a in range(head.noise.shape[0]):
        head.noise[a, 0] *= discount
        head.noise[a, 1] = discount * head.noise[a, 1] + head.arms.values[a]
    head.noise[arm, 0] += 1.0
    error = outputs(m.net, m.signals)[arm] - reward
    deltas = output_deltas(m.net, m.signals)
    deltas[:] = 0.0
    deltas[arm] = error
    step_back(m, n, 1.0, 0.5 * error * error)
    meet(x, 1.0, m)


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
    best, most = 0, -np.inf
    for a in range(head.noise.shape[0]):
        variance = (_PRIOR + 0.5 * head.noise[a, 1]) / gamma(
            random, _PRIOR + 0.5 * head.noise[a, 0]
        )
        value = head.arms.values[a] + normal(random, 0) * np.sqrt(variance) * head.widths[a]
        if value > most:
            best, most = a, value
    return best


class NeuralLinear(Bandit):
    """Thompson sampling by regressions on the last hidden layer of a network.

    A network foretells each arm's reward; each arm has a Bayesian linear regression of its rewards
    on the network's last hidden layer, from which it draws. Time per pull is O(number of weights +
    n_actions * n_hidden^2) for a last layer of n_hidden units, and as much per reward with a
    discount, without one O(number of weights + n_hidden^2); memory as a pull.

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
        Standard deviation of the draws, relative to that of the posterior; 1 in the source, of
        which half lost less: features that move make posteriors of fading regressions wide.
    ridge
        Penalty of large weights of the regressions, lambda of the source.
    discount
        Weight of a reward, relative to the next one; below 1, regressions forget rewards that they
        learned on what the network put out long ago.
    seed
        Of the first weights and of the draws.

    Attributes
    ----------
    arm_weights_
        Of each arm, of the last hidden layer and a constant, for rewards in standard deviations
        from their mean, `(n_actions, n_hidden + 1)`.

    Raises
    ------
    ValueError
        For settings out of range, actions that are no arm, and numbers that are not finite.

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
    Inverse gamma priors of the noise have a = b = 6, as in the source. Features and rewards are
    standardized inside, with what was known of them when they came. One pass: the source learns
    its network anew on stored rows and takes the regressions again on its latest features; here
    nothing is stored, a reward enters its regression with the features of its moment, and is
    faded by `discount` instead. Arms have weights of their own, so that of a draw only its product
    with the features counts. The network's own outputs serve to train it alone. Where lines rank
    the arms well, as on most of the source's wheel, `LinTS` learns faster and loses less.

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
        *STATE,
    )

    shape_: Ints
    arm_inverse_root_: Array

    def __init__(
        self,
        *,
        n_actions: int,
        hidden: Sequence[int] = (32,),
        activation: Literal["relu", "leaky_relu", "tanh"] = "relu",
        optimizer: Literal["sgd", "momentum", "adam"] = "adam",
        learning_rate: float = 0.005,
        confidence: float = 0.5,
        ridge: float = 0.25,
        discount: float = 0.999,
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
        self.seed = seed

    def _check(self) -> None:
        super()._check()
        check_net(self)
        check_regressions(self)

    def _settings(self) -> tuple[float, ...]:
        numbers = SAMPLE, self.confidence, self.ridge, self.discount
        return *net_settings(self), *map(float, numbers)

    def _sizes(self) -> dict[str, int]:
        return net_sizes(self) | {"A": self.n_actions, "D": self.hidden[-1] + 1}

    def _start(self, schema: Schema) -> None:
        start_net(self, self.n_actions)
        n = self.hidden[-1] + 1
        self.arm_inverse_root_[:] = np.eye(n) / np.sqrt(self.ridge)

    def _n_scratch(self) -> int:
        return net_scratch(self) + 3 * (self.hidden[-1] + 1) + 2 * self.n_actions

    def _check_arrays(self) -> None:
        super()._check_arrays()
        check_layout(self, self.n_actions)
