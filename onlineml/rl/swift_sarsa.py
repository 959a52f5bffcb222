"""Linear control with traces, each feature of an action with a step size that is learned too."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Field, Ints, f1, i1, opened
from onlineml.kernels.random import below, bits, seeded, uniform
from onlineml.kernels.swift import (
    BOOTSTRAP,
    FIELDS,
    GAMMA,
    Swift,
    learn,
    opened_swift,
)
from onlineml.kernels.vectors import dot, enter
from onlineml.parameters import whole
from onlineml.rl.agent import EXPLORE, Agent
from onlineml.rl.swift_td import SwiftLinear
from onlineml.schema import Schema, wrong

EPSILON, LAST_EPSILON, EPSILON_STEPS = range(8, 11)  # settings after those of `swift`
FITS, KEPT, N_CLOCK = range(3)  # transitions, and the action chosen for the next one (-1: none)


class Sarsa(NamedTuple):
    """Settings, generators of the agent and of a draw, clock, observation to come, and weights."""

    settings: Array
    random: Ints
    draws: Ints
    clock: Ints
    last: Array
    swift: Swift  # a row of features an action, one after another


@entry
def _swift_sarsa(d: int) -> int:
    call = opened(d)
    sarsa = Sarsa(f1(d, 0), i1(d, 1), i1(d, 12), i1(d, 2), f1(d, 3), opened_swift(d, 4))
    n = sarsa.last.shape[0]
    n_actions = sarsa.swift.weights.shape[0] // (n + 1)
    for i in range(call.first, call.last):
        row = call.X[i]
        served = row[:n]
        if call.fit:
            action, reward = row[n], row[n + 1]
            known = 0.0 <= action < n_actions and action == np.floor(action)
            if not (known and abs(reward) <= 1e100):
                return i
            served = row[n + 2 : 2 * n + 2]
            ends, cut = row[2 * n + 2] > 0.0, row[2 * n + 3] > 0.0
            _learn(sarsa, row[:n], int(action), reward, served, ends, cut)
        if call.serve > 0:
            call.out[i, 0] = _act(sarsa, served, call.serve == EXPLORE)
    return call.last


@jit
def _learn(
    sarsa: Sarsa, observation: Array, action: int, due: float, following: Array, terminated: bool,
    truncated: bool,
) -> None:  # fmt: skip
    settings, clock, swift = sarsa.settings, sarsa.clock, sarsa.swift
    bits(sarsa.random, 0)
    clock[FITS] += 1
    clock[KEPT] = -1
    if not terminated and not (truncated and settings[BOOTSTRAP] == 0.0):
        clock[KEPT] = _act(sarsa, following, True)
        due += settings[GAMMA] * _value(swift, following, clock[KEPT])
    _value(swift, observation, action)
    learn(swift, due, terminated or truncated)
    if terminated or truncated:
        clock[KEPT] = -1
    for j in range(following.shape[0]):
        sarsa.last[j] = following[j]


@jit
def _value(swift: Swift, observation: Array, action: int) -> float:
    """Value of an action; its features then are those of `swift`, all others 0."""
    n = observation.shape[0] + 1
    swift.features[:] = 0.0
    enter(observation, swift.features[action * n : (action + 1) * n])
    return dot(swift.weights, swift.features)


@jit
def _act(sarsa: Sarsa, observation: Array, explores: bool) -> int:
    """The best action; in training the one that is kept, else mostly the best."""
    settings, n = sarsa.settings, observation.shape[0]
    n_actions = sarsa.swift.weights.shape[0] // (n + 1)
    if explores:
        same = 0
        for j in range(n):
            same += observation[j] == sarsa.last[j]
        if sarsa.clock[KEPT] >= 0 and same == n:
            return int(sarsa.clock[KEPT])
        sarsa.draws[0] = sarsa.random[0]
        sarsa.draws[0] = np.int64(bits(sarsa.draws, 0))
        share = min(sarsa.clock[FITS] / max(settings[EPSILON_STEPS], 1.0), 1.0)
        gone = share * (settings[LAST_EPSILON] - settings[EPSILON])
        if uniform(sarsa.draws, 0) < settings[EPSILON] + gone:
            return below(sarsa.draws, 0, n_actions)
    best, highest = 0, -np.inf
    for action in range(n_actions):
        value = _value(sarsa.swift, observation, action)
        if value > highest:
            best, highest = action, value
    return best


class SwiftSARSA(SwiftLinear, Agent):
    """Swift-Sarsa: linear true online SARSA(lambda), step sizes learned and bounded as in SwiftTD.

    Values of actions are linear in the observation, which suits indicators, such as tiles, more
    than raw numbers. Time per transition and memory are O(n_actions * n_features).

    Parameters
    ----------
    n_actions
        Number of actions.
    gamma
        Discount of what comes a step later.
    lambda_
        Fading of the traces, beside gamma.
    learning_rate
        First step size of each feature of each action.
    meta_learning_rate
        Step of the step sizes' logarithms; 0 leaves them as they are.
    bound
        Largest share of an error that an event may remove, and the largest step size.
    decay
        What is left of a step size, for a feature of 1, when the bound is met.
    least_rate
        Smallest step size.
    epsilon, final_epsilon
        Probability of any action: the first, and the one after `epsilon_steps` transitions.
    epsilon_steps
        Transitions in which the probability falls, linearly.
    bootstrap_on_truncation
        Whether an episode that was cut off is worth what its last observation promises.
    seed
        Of exploration.

    Attributes
    ----------
    weights_
        Of the features and a constant, action after action, `(n_actions * (n_features + 1),)`.
    log_rate_
        Logarithms of their step sizes, in the same order.

    Raises
    ------
    ValueError
        At the first transition, for an `n_actions` that is not a whole number >= 2, an `epsilon` or
        `final_epsilon` outside of [0, 1], a `gamma` or `lambda_` outside of [0, 1], a `bound` or
        `decay` outside of (0, 1], a `meta_learning_rate` that is not finite and >= 0, a
        `least_rate` outside of [1e-100, bound], and a `learning_rate` that is not finite and > 0.
        At any, for observations that do not fit or are infinite, actions that are none, and rewards
        that are no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.rl import Chain, SwiftSARSA, Transition
    >>> agent, world = SwiftSARSA(n_actions=2, seed=1), Chain(n_states=7, seed=1)
    >>> for _ in range(200):
    ...     x, ends = world.reset()[0], False
    ...     while not ends:
    ...         action = agent.act_one(x, explore=True)
    ...         y, reward, ends, _, _ = world.step(action)
    ...         agent, x = agent.fit_one(Transition(x, action, reward, y, ends)), y
    >>> agent.act_many(np.eye(7)).tolist()
    [1, 1, 1, 1, 1, 1, 1]

    Notes
    -----
    Actions are drawn epsilon-greedily, where the source leaves the policy open. The next one is
    chosen when a transition is learned, and kept: `act_one(explore=True)` of its next observation
    names it. The rest as in `SwiftTD`.

    References
    ----------
    .. [1] Javed, Sutton (2025), Swift-Sarsa: fast and robust linear control. arXiv:2507.19539
    .. [2] van Seijen, Mahmood, Pilarski, Machado, Sutton (2016), True online temporal-difference
       learning, JMLR 17, section 3.2.
    """

    _kernel = _swift_sarsa
    _state = (
        Field("random_", (1,), np.int64),
        Field("clock_", (N_CLOCK,), np.int64),
        Field("last_", ("F",)),
        *(Field(f"{name}_", ("D",)) for name in FIELDS),
    )

    clock_: Ints

    n_actions: int

    def __init__(
        self,
        *,
        n_actions: int,
        gamma: float = 0.99,
        lambda_: float = 0.9,
        learning_rate: float = 0.01,
        meta_learning_rate: float = 0.01,
        bound: float = 0.1,
        decay: float = 0.99,
        least_rate: float = 1e-7,
        epsilon: float = 0.5,
        final_epsilon: float = 0.01,
        epsilon_steps: int = 5_000,
        bootstrap_on_truncation: bool = True,
        seed: int | None = None,
    ) -> None:
        self.n_actions = n_actions
        self.gamma = gamma
        self.lambda_ = lambda_
        self.learning_rate = learning_rate
        self.meta_learning_rate = meta_learning_rate
        self.bound = bound
        self.decay = decay
        self.least_rate = least_rate
        self.epsilon = epsilon
        self.final_epsilon = final_epsilon
        self.epsilon_steps = epsilon_steps
        self.bootstrap_on_truncation = bootstrap_on_truncation
        self.seed = seed

    def _check(self) -> None:
        whole("n_actions", self.n_actions, 2)
        for name in ("epsilon", "final_epsilon"):
            if not 0 <= getattr(self, name) <= 1:
                raise wrong(name, getattr(self, name), "a probability")
        super()._check()

    def _settings(self) -> tuple[float, ...]:
        epsilons = float(self.epsilon), float(self.final_epsilon), float(self.epsilon_steps)
        return super()._settings() + epsilons

    def _n_weights(self, schema: Schema) -> int:
        return self.n_actions * (schema.n_features + 1)

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        self.random_ = seeded(self.seed, 1)
        self.clock_[KEPT] = -1

    def _parts(self) -> list[npt.NDArray[Any]]:
        return [np.zeros(1, np.int64)]
