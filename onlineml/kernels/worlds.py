"""Small environments inside kernels: an agent acts in them, and learns, without leaving one.

A world is four arrays: `numbers` that define it, `floats` and `counts` that change, and the present
`observation`. `counts` begins with the places below; `floats` begins with the return so far.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.bare import bare
from onlineml.kernels.random import uniform

CARTPOLE, CHAIN = 0, 1
#: Places in `counts`: which world (-1: none), generator, steps of this episode, where one is.
CODE, RANDOM, STEPS, PLACE, N_COUNTS = range(5)
RETURN, FIRST = 0, 1  # places in `floats`: return so far, then the world's own numbers
#: Places in `numbers`: limit of steps (0: none), then the world's own.
LIMIT, OWN = 0, 1

_GRAVITY, _CART, _POLE, _HALF_LENGTH, _FORCE, _TAU = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
_FAR, _TILTED = 2.4, 12.0 * 2.0 * np.pi / 360.0


class World(NamedTuple):
    """The arrays of an environment."""

    numbers: Array
    floats: Array
    counts: Ints
    observation: Array


@bare
def begin(world: World) -> None:
    """Begin an episode."""
    world.counts[STEPS] = 0
    world.floats[RETURN] = 0.0
    if world.counts[CODE] == CARTPOLE:
        for j in range(4):
            world.floats[FIRST + j] = 0.1 * uniform(world.counts, RANDOM) - 0.05
            world.observation[j] = world.floats[FIRST + j]
    else:
        world.counts[PLACE] = int(world.numbers[OWN + 1])
        _show_place(world)


@bare
def step(world: World, action: float) -> tuple[float, bool, bool]:
    """Act; the reward, whether the episode terminated, and whether it was cut off."""
    if world.counts[CODE] == CARTPOLE:
        reward, terminated = _cartpole(world, action)
    else:
        reward, terminated = _chain(world, action)
    world.counts[STEPS] += 1
    world.floats[RETURN] += reward
    limit = int(world.numbers[LIMIT])
    return reward, terminated, not terminated and 0 < limit <= world.counts[STEPS]


@bare
def _cartpole(world: World, action: float) -> tuple[float, bool]:
    """Barto, Sutton and Anderson's pole on a cart, as Gymnasium integrates it."""
    state = world.floats[FIRST:]
    force = _FORCE if action == 1.0 else -_FORCE
    total = _CART + _POLE
    cosine, sine = np.cos(state[2]), np.sin(state[2])
    pull = (force + _POLE * _HALF_LENGTH * state[3] * state[3] * sine) / total
    turn = (_GRAVITY * sine - cosine * pull) / (
        _HALF_LENGTH * (4.0 / 3.0 - _POLE * cosine * cosine / total)
    )
    push = pull - _POLE * _HALF_LENGTH * turn * cosine / total
    state[0] += _TAU * state[1]
    state[1] += _TAU * push
    state[2] += _TAU * state[3]
    state[3] += _TAU * turn
    for j in range(4):
        world.observation[j] = state[j]
    return 1.0, abs(state[0]) > _FAR or abs(state[2]) > _TILTED


@bare
def _chain(world: World, action: float) -> tuple[float, bool]:
    """States in a row; action 1 goes right, 0 left; with probability `slip` the other way."""
    n, slip = int(world.numbers[OWN]), world.numbers[OWN + 2]
    right = action == 1.0
    if slip > 0.0 and uniform(world.counts, RANDOM) < slip:
        right = not right
    world.counts[PLACE] += 1 if right else -1
    place = world.counts[PLACE]
    terminated = place < 0 or place >= n
    _show_place(world)
    if place >= n:
        return world.numbers[OWN + 4], True
    return (world.numbers[OWN + 3] if place < 0 else world.numbers[OWN + 5]), terminated


@bare
def _show_place(world: World) -> None:
    """One feature a state; none is on where the episode has ended."""
    for j in range(world.observation.shape[0]):
        world.observation[j] = 1.0 if j == world.counts[PLACE] else 0.0
