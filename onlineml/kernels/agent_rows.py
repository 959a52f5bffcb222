"""Agents whose networks are elsewhere: all that a transition does to them but for the networks.

Arrays have a row for each of n agents; `places` names the agents that rows belong to. What goes to
the networks is packed into one row each: inputs, those of the next observation, the action, then
the numbers below. Statistics, clocks and draws are those of `onlineml.kernels.stream_agent`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.bare import bare
from onlineml.kernels.experience import FACTOR, Scales, fading_of_sum, meet, scaled_reward
from onlineml.kernels.policies import deviation, drawn
from onlineml.kernels.random import bits, normal
from onlineml.kernels.singles import Singles, place_of_largest
from onlineml.kernels.stream_agent import (
    AC_CONTINUOUS,
    AC_DISCRETE,
    AVERAGE_RATE,
    BOOTSTRAP,
    EPISODE_STEPS,
    FITS,
    FORGETTING,
    FRESH,
    GAMMA,
    KEPT,
    KIND,
    SARSA,
    SCALE_REWARDS,
    TD,
    TIME_LIMIT,
    enter_at,
    explored,
    same,
)

#: The last numbers of a packed row: the scaled reward, the discount of what follows (0: nothing),
#: whether traces begin anew, the action that SARSA explores by (-1: none, it takes the best).
REWARD, DISCOUNT, ANEW, FORCED, N_PACKED = range(5)
_LARGEST = 1e100  # of a reward, or a part of an action
_NONE, _THERE = -1, 0  # an action that is kept for the next step: there is none, the networks know


class Crowd(NamedTuple):
    """The arrays of n agents, each with a row for every one."""

    settings: Array  # of all
    random: Ints
    clock: Ints
    seen: Array
    mean: Array
    m2: Array
    factor: Array
    reward: Array
    last: Array


@bare
def are_learnable(crowd: Crowd, rows: Array, n_actions: int) -> int:
    """The number of rows before the first one that cannot be learned."""
    n = crowd.last.shape[1]
    kind, m = int(crowd.settings[KIND]), rows.shape[1] - 2 * n - 4
    for i in range(rows.shape[0]):
        for j in range(2 * n + m + 1):
            if np.isinf(rows[i, j]):
                return i
        if not abs(rows[i, n + m]) <= _LARGEST:
            return i
        action = rows[i, n : n + m]
        if kind == AC_CONTINUOUS:
            for j in range(m):
                if not abs(action[j]) <= _LARGEST:
                    return i
        elif kind != TD:
            whole = 0.0 <= action[0] < n_actions and action[0] == np.floor(action[0])
            if not whole:
                return i
    return int(rows.shape[0])


@bare
def take_in(crowd: Crowd, places: Ints, rows: Array, n_actions: int, packed: Array) -> None:
    """Learn what is to be learned outside of the networks; pack what these learn."""
    for i in range(rows.shape[0]):
        _take_in_one(crowd, places[i], rows[i], n_actions, packed[i])


@bare
def _take_in_one(crowd: Crowd, k: int, row: Array, n_actions: int, packed: Array) -> None:
    settings, clock, n = crowd.settings, crowd.clock[k], crowd.last.shape[1]
    m, n_inputs = row.shape[0] - 2 * n - 4, n + (1 if settings[TIME_LIMIT] > 0.0 else 0)
    observation, following = row[:n], row[n + m + 1 : 2 * n + m + 1]
    ends, cut = row[2 * n + m + 1] > 0.0, row[2 * n + m + 2] > 0.0
    scales = Scales(crowd.seen[k], crowd.mean[k], crowd.m2[k], crowd.factor[k])
    numbers, steps = packed[2 * n_inputs + m :], clock[EPISODE_STEPS]
    enter_at(settings, scales, observation, steps, packed[:n_inputs])
    if steps == 0:
        meet(observation, scales, settings[FORGETTING])
    meet(following, scales, settings[FORGETTING])
    enter_at(settings, scales, following, steps + 1, packed[n_inputs : 2 * n_inputs])
    for j in range(m):
        packed[2 * n_inputs + j] = row[n + j]
    numbers[REWARD] = scaled_reward(
        row[n + m], crowd.reward[k], fading_of_sum(settings[GAMMA], settings[AVERAGE_RATE]),
        settings[FORGETTING], settings[SCALE_REWARDS], ends or cut,
    )  # fmt: skip
    bits(crowd.random[k], 0)
    follows = not ends and not (cut and settings[BOOTSTRAP] == 0.0)
    numbers[DISCOUNT] = settings[GAMMA] if follows else 0.0
    numbers[ANEW] = 1.0 if clock[FRESH] else 0.0
    numbers[FORCED] = -1.0
    if int(settings[KIND]) == SARSA and follows:
        random, generator = crowd.random[k], crowd.random[k, 0]
        random[0] = np.int64(bits(random, 0))
        numbers[FORCED] = explored(settings, clock[FITS], n_actions, random, 0)
        random[0] = generator
    clock[FITS] += 1
    clock[FRESH] = 1 if ends or cut else 0
    clock[EPISODE_STEPS] = 0 if ends or cut else steps + 1
    clock[KEPT] = _NONE if ends or cut or int(settings[KIND]) != SARSA else _THERE
    for j in range(n):
        crowd.last[k, j] = following[j]


@bare
def enter(crowd: Crowd, places: Ints, observations: Array, out: Singles) -> None:
    """The inputs of networks that act."""
    for i in range(observations.shape[0]):
        k = places[i]
        scales = Scales(crowd.seen[k], crowd.mean[k], crowd.m2[k], crowd.factor[k])
        enter_at(crowd.settings, scales, observations[i], crowd.clock[k, EPISODE_STEPS], out[i])


@bare
def decide(
    crowd: Crowd, places: Ints, observations: Array, outputs: Singles, explore: bool, notes: Ints,
    out: Array,
) -> None:  # fmt: skip
    """What agents do, or predict, by the outputs of the networks that act; nothing changes.

    The last of the outputs is the action that SARSA keeps. `notes` is room for a generator.
    """
    for i in range(observations.shape[0]):
        k = places[i]
        notes[0] = crowd.random[k, 0]
        notes[0] = np.int64(bits(notes, 0))
        own, kept = outputs[i, : outputs.shape[1] - 1], outputs[i, outputs.shape[1] - 1]
        _decide_one(crowd, k, observations[i], own, kept, explore, notes, out[i])


@bare
def _decide_one(
    crowd: Crowd, k: int, observation: Array, outputs: Singles, kept: float, explore: bool,
    notes: Ints, out: Array,
) -> None:  # fmt: skip
    kind, factor = int(crowd.settings[KIND]), crowd.reward[k, FACTOR]
    if kind == TD:
        out[0] = outputs[0] / factor if factor > 0.0 else outputs[0]
    elif kind == AC_CONTINUOUS:
        for j in range(out.shape[0]):
            out[j] = outputs[j]
            if explore:
                out[j] += deviation(outputs[out.shape[0] + j]) * normal(notes, 0)
    elif kind == AC_DISCRETE:
        out[0] = drawn(outputs, notes, 0) if explore else place_of_largest(outputs)
    elif not explore:
        out[0] = place_of_largest(outputs)
    elif crowd.clock[k, KEPT] != _NONE and same(observation, crowd.last[k]):
        out[0] = kept
    else:
        forced = explored(crowd.settings, crowd.clock[k, FITS], outputs.shape[0], notes, 0)
        out[0] = forced if forced >= 0 else place_of_largest(outputs)
