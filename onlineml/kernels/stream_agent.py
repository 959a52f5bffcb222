"""Agents with networks that learn from every transition once: acting, learning, and both in a loop.

The agent is a function of the transitions that it has learned: acting draws from the generator as
the last fit has left it, and changes nothing. What acting sends through a network is kept, and not
computed again when the transition that begins there is learned: same weights, same bits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from onlineml.kernels import entry
from onlineml.kernels.arena import Array, Call, Ints, f1, i1, opened
from onlineml.kernels.bare import bare
from onlineml.kernels.convolution import N_PLACES
from onlineml.kernels.experience import (
    AVERAGE,
    FACTOR,
    Scales,
    fading_of_sum,
    meet,
    scaled,
    scaled_reward,
)
from onlineml.kernels.gradient_td import learn_with_corrections
from onlineml.kernels.normed_net import (
    Shape,
    Signals,
    backward,
    differentiate,
    forward,
    n_signals,
    n_weights,
    signals_in,
)
from onlineml.kernels.policies import deviation, drawn, gaussian_deltas, softmax_deltas
from onlineml.kernels.random import below, bits, normal, uniform
from onlineml.kernels.singles import LANES, Singles, place_of_largest, singles
from onlineml.kernels.trace_rules import N_NUMBERS, QRC, RULE, Net, learn
from onlineml.kernels.worlds import CODE, STEPS, World, begin, step
from onlineml.kernels.worlds import RETURN as WORLD_RETURN

TD, Q, SARSA, AC_DISCRETE, AC_CONTINUOUS = range(5)
#: Places of the settings; then the numbers of the critic's rule, and those of the actor's.
(
    KIND, GAMMA, LAMBDA, ENTROPY, EPSILON, LAST_EPSILON, EPSILON_STEPS, BOOTSTRAP, TIME_LIMIT,
    SCALE_OBSERVATIONS, SCALE_REWARDS, FORGETTING, AVERAGE_RATE, CUTS, ACTOR_LAMBDA, RULES,
) = range(16)  # fmt: skip
#: Places of the clock: transitions, steps of this episode, whether traces begin anew (critic,
#: actor), the action that SARSA has chosen for the next step (-1: none).
FITS, EPISODE_STEPS, FRESH, KEPT, N_CLOCK = range(5)
_EXPLORE = 2  # value of `serve`: act as in training
_LARGEST = 1e100  # of a reward, or a part of an action
_SHARE = np.float32(1e-3)  # of the newest event in the activity of hidden units


class Agent(NamedTuple):
    """An agent's arrays."""

    settings: Array
    random: Ints
    clock: Ints
    scales: Scales
    reward: Array
    last: Array  # (n_features,) the observation that the last transition led to
    critic: Net
    there: Signals  # of the critic, where the transition led to
    second: Signals  # of the network that foretells errors, where the critic's rule has one
    actor: Net
    active: Singles  # how often a hidden unit of the critic is on
    inputs: Singles  # of the network, at the observation
    next_inputs: Singles
    kept: Array  # the observation whose signals a network holds
    notes: Ints  # number of fits, from 1, at which it was; generator of draws
    action: Array  # room for what is done in a compiled world, and what was seen before it
    here: Array


@bare
def _opened_agent(d: int) -> Agent:
    settings, scales = f1(d, 0), Scales(f1(d, 3), f1(d, 4), f1(d, 5), f1(d, 6))
    room, cells, n_features = singles(f1(d, 19)), f1(d, 20), scales.n.shape[0]
    shape, actor_shape = _opened_shapes(i1(d, 18))
    size, n_inputs = n_signals(shape), shape.widths[0]
    there = LANES + size
    after = there + size
    second = after + n_signals(actor_shape)
    inputs = second + size
    critic = Net(
        shape, singles(f1(d, 9))[: n_weights(shape)], singles(f1(d, 10)), singles(f1(d, 11)),
        signals_in(room, LANES, shape), f1(d, 12), settings[RULES:], room[:1],
    )  # fmt: skip
    actor = Net(
        actor_shape, singles(f1(d, 13))[: n_weights(actor_shape)], singles(f1(d, 14)),
        singles(f1(d, 15)), signals_in(room, after, actor_shape), f1(d, 16),
        settings[RULES + N_NUMBERS :], room[:1],
    )  # fmt: skip
    return Agent(
        settings, i1(d, 1), i1(d, 2), scales, f1(d, 7), f1(d, 8), critic,
        signals_in(room, there, shape), signals_in(room, second, shape), actor,
        singles(f1(d, 17)), room[inputs : inputs + n_inputs],
        room[inputs + n_inputs : inputs + 2 * n_inputs],
        cells[:n_features], i1(d, 21), cells[2 * n_features :], cells[n_features : 2 * n_features],
    )  # fmt: skip


@bare
def _opened_shapes(numbers: Ints) -> tuple[Shape, Shape]:
    """Number of convolutions, what describes them, widths of the critic and of the actor."""
    start = 1 + numbers[0] * N_PLACES
    maps, n = numbers[1:start], (numbers.shape[0] - start) // 2
    widths = numbers[start + n :]
    there_is_one = widths[0] > 0
    return Shape(numbers[start : start + n], maps), Shape(
        widths, maps if there_is_one else maps[:0]
    )


@entry
def _stream_agent(d: int) -> int:
    return _run(d)


@bare
def _run(d: int) -> int:
    call, agent = opened(d), _opened_agent(d)
    agent.critic.one[0] = np.float32(1.0)
    world = World(f1(d, 22), f1(d, 23), i1(d, 24), f1(d, 25))
    if world.counts[CODE] >= 0:
        return _episodes(call, agent, world)
    return _transitions(call, agent)


@bare
def _transitions(call: Call, agent: Agent) -> int:
    """Rows of observation, action, reward, next observation, terminated, truncated."""
    n, m = agent.last.shape[0], agent.action.shape[0]
    for i in range(call.first, call.last):
        row = call.X[i]
        observation, action = row[:n], row[n : n + m]
        reward, next_observation = row[n + m], row[n + m + 1 : 2 * n + m + 1]
        if not call.fit:
            act(agent, observation, call.serve == _EXPLORE, call.out[i])
            continue
        if not _is_learnable(agent, action, reward):
            return i
        ends, cut = row[2 * n + m + 1] > 0.0, row[2 * n + m + 2] > 0.0
        _learn(agent, observation, action, reward, next_observation, ends, cut)
        if call.serve > 0:
            act(agent, next_observation, call.serve == _EXPLORE, call.out[i])
    return call.last


@bare
def _is_learnable(agent: Agent, action: Array, reward: float) -> bool:
    kind = int(agent.settings[KIND])
    if not abs(reward) <= _LARGEST:
        return False
    if kind == AC_CONTINUOUS:
        for j in range(action.shape[0]):
            if not abs(action[j]) <= _LARGEST:
                return False
    elif kind != TD:
        n_actions = (
            agent.actor.shape.widths[-1] if kind == AC_DISCRETE else agent.critic.shape.widths[-1]
        )
        return bool(0.0 <= action[0] < n_actions and action[0] == np.floor(action[0]))
    return True


@bare
def _episodes(call: Call, agent: Agent, world: World) -> int:
    """Act in the world and learn; for every step, the return and length of the episode it ends."""
    n = agent.last.shape[0]
    here, action = agent.here, agent.action
    for i in range(call.first, call.last):
        if world.counts[STEPS] < 0:
            begin(world)
        for j in range(n):
            here[j] = world.observation[j]
        act(agent, here, call.serve == _EXPLORE, action)
        reward, ends, cut = step(world, action[0])
        if call.fit:
            _learn(agent, here, action, reward, world.observation, ends, cut)
        call.out[i, 1] = 0.0
        if ends or cut:
            call.out[i, 0], call.out[i, 1] = world.floats[WORLD_RETURN], world.counts[STEPS]
            call.out[i, 2] = 1.0 if ends else 0.0
            world.counts[STEPS] = -1
    return call.last


# ------------------------------------------------------------------------------- acting


@bare
def act(agent: Agent, observation: Array, explore: bool, out: Array) -> None:
    """Write what the agent does to `out`; what it predicts, where it only predicts."""
    kind = int(agent.settings[KIND])
    _see(agent, observation)
    outputs = agent.actor.signals.outputs if kind >= AC_DISCRETE else agent.critic.signals.outputs
    agent.notes[1] = agent.random[0]
    agent.notes[1] = np.int64(bits(agent.notes, 1))
    if kind == TD:
        out[0] = outputs[0] / agent.reward[FACTOR] if agent.reward[FACTOR] > 0.0 else outputs[0]
    elif kind == AC_CONTINUOUS:
        for j in range(out.shape[0]):
            out[j] = outputs[j]
            if explore:
                out[j] += deviation(outputs[out.shape[0] + j]) * normal(agent.notes, 1)
    elif kind == AC_DISCRETE:
        out[0] = drawn(outputs, agent.notes, 1) if explore else place_of_largest(outputs)
    elif not explore:
        out[0] = place_of_largest(outputs)
    elif kind == SARSA and agent.clock[KEPT] >= 0 and same(observation, agent.last):
        out[0] = agent.clock[KEPT]
    else:
        out[0] = _mostly_greedy(agent, outputs, agent.notes, 1)


@bare
def _see(agent: Agent, observation: Array) -> None:
    """Send `observation` through the network that acts, unless its signals are of it already."""
    if agent.notes[0] == agent.clock[FITS] + 1 and same(observation, agent.kept):
        return
    steps = agent.clock[EPISODE_STEPS]
    enter_at(agent.settings, agent.scales, observation, steps, agent.inputs)
    for j in range(observation.shape[0]):
        agent.kept[j] = observation[j]
    agent.notes[0] = agent.clock[FITS] + 1
    net = agent.actor if agent.settings[KIND] >= AC_DISCRETE else agent.critic
    forward(net.shape, net.weights, agent.inputs, net.signals)


@bare
def enter_at(settings: Array, scales: Scales, observation: Array, steps: int, inputs: Any) -> None:
    """Scale the observation; add what part of the episode has gone, where that is wanted."""
    scaled(observation, scales, settings[SCALE_OBSERVATIONS], inputs)
    if settings[TIME_LIMIT] > 0.0:
        inputs[observation.shape[0]] = np.float32(steps / settings[TIME_LIMIT] - 0.5)


@bare
def same(a: Array, b: Array) -> bool:
    """Whether all numbers are equal; none is to a missing one, which is computed again."""
    n = 0
    for j in range(a.shape[0]):
        n += a[j] == b[j]
    return bool(n == a.shape[0])


@bare
def _mostly_greedy(agent: Agent, values: Singles, random: Ints, k: int) -> int:
    """The best action, or any with the present probability."""
    any_one = explored(agent.settings, agent.clock[FITS], values.shape[0], random, k)
    return any_one if any_one >= 0 else place_of_largest(values)


@bare
def explored(settings: Array, n_fits: int, n_actions: int, random: Ints, k: int) -> int:
    """Any action, with the present probability; else -1."""
    share = min(n_fits / max(settings[EPSILON_STEPS], 1.0), 1.0)
    epsilon = settings[EPSILON] + share * (settings[LAST_EPSILON] - settings[EPSILON])
    if uniform(random, k) < epsilon:
        return int(below(random, k, n_actions))
    return -1


# ------------------------------------------------------------------------------- learning


@bare
def _learn(
    agent: Agent, observation: Array, action: Array, reward: float, next_observation: Array,
    terminated: bool, truncated: bool,
) -> None:  # fmt: skip
    settings, clock, ends = agent.settings, agent.clock, terminated or truncated
    kind, new = int(settings[KIND]), clock[EPISODE_STEPS] == 0
    _see(agent, observation)
    outputs = agent.critic.signals.outputs
    if kind >= AC_DISCRETE:
        forward(agent.critic.shape, agent.critic.weights, agent.inputs, agent.critic.signals)
    if new:
        meet(observation, agent.scales, settings[FORGETTING])
    meet(next_observation, agent.scales, settings[FORGETTING])
    reward = scaled_reward(
        reward, agent.reward, fading_of_sum(settings[GAMMA], settings[AVERAGE_RATE]),
        settings[FORGETTING], settings[SCALE_REWARDS], ends,
    )  # fmt: skip
    bits(agent.random, 0)
    chosen = int(action[0]) if kind in (Q, SARSA) else 0
    error, following_action = reward - agent.reward[AVERAGE] - outputs[chosen], -1
    if not terminated and not (truncated and settings[BOOTSTRAP] == 0.0):
        steps = clock[EPISODE_STEPS] + 1
        enter_at(settings, agent.scales, next_observation, steps, agent.next_inputs)
        forward(agent.critic.shape, agent.critic.weights, agent.next_inputs, agent.there)
        following = agent.there.outputs
        following_action = _next_action(agent, following, kind)
        error += settings[GAMMA] * following[following_action]
    if settings[AVERAGE_RATE] > 0.0:
        agent.reward[AVERAGE] += settings[AVERAGE_RATE] * error
    greedy = kind != Q or outputs[chosen] == outputs[place_of_largest(outputs)]
    if kind >= AC_DISCRETE:
        _learn_policy(agent, kind, action, error)
    _learn_values(agent, chosen, following_action, error)
    clock[FITS] += 1
    clock[FRESH] = 1 if ends else 0
    if not greedy and settings[CUTS] > 0.0:
        clock[FRESH] = 1
    clock[EPISODE_STEPS] = 0 if ends else clock[EPISODE_STEPS] + 1
    if ends:
        clock[KEPT] = -1
    for j in range(observation.shape[0]):
        agent.last[j] = next_observation[j]


@bare
def _next_action(agent: Agent, outputs: Singles, kind: int) -> int:
    """The output that the next observation is worth; SARSA chooses it, and keeps it, to act."""
    if kind == Q:
        return place_of_largest(outputs)
    if kind != SARSA:
        return 0
    agent.notes[1] = agent.random[0]
    agent.notes[1] = np.int64(bits(agent.notes, 1))
    agent.clock[KEPT] = _mostly_greedy(agent, outputs, agent.notes, 1)
    return int(agent.clock[KEPT])


@bare
def _learn_values(agent: Agent, chosen: int, following_action: int, error: float) -> None:
    """Learn the chosen output; the next one is -1 where nothing follows."""
    critic, settings = agent.critic, agent.settings
    signals = critic.signals
    differentiate(critic.shape, critic.weights, signals, chosen)
    fade = 0.0 if agent.clock[FRESH] else settings[GAMMA] * settings[LAMBDA]
    for o in range(signals.deltas.shape[0] - critic.shape.widths[-1]):
        on = np.float32(1.0 if signals.hats[o] > 0 else 0.0)
        agent.active[o] += _SHARE * (on - agent.active[o])
    if critic.rule[RULE] != QRC:
        learn(critic, agent.inputs, fade, error)
        return
    if following_action >= 0:
        differentiate(critic.shape, critic.weights, agent.there, following_action)
    discount = settings[GAMMA] if following_action >= 0 else 0.0
    learn_with_corrections(
        critic, agent.second, agent.there, agent.inputs, agent.next_inputs, chosen, fade, discount,
        error,
    )  # fmt: skip


@bare
def _learn_policy(agent: Agent, kind: int, action: Array, error: float) -> None:
    """The gradient of the action's log-probability and of the entropy, which error's sign aims."""
    actor, settings = agent.actor, agent.settings
    push = settings[ENTROPY] * np.sign(error)
    first = actor.signals.deltas.shape[0] - actor.shape.widths[-1]
    deltas = actor.signals.deltas[first:]
    outputs = actor.signals.outputs
    if kind == AC_CONTINUOUS:
        gaussian_deltas(outputs, action, push, deltas)
    else:
        softmax_deltas(outputs, int(action[0]), push, deltas)
    backward(actor.shape, actor.weights, actor.signals)
    fade = 0.0 if agent.clock[FRESH] else settings[GAMMA] * settings[ACTOR_LAMBDA]
    learn(actor, agent.inputs, fade, error)
