"""Small environments inside kernels: an agent acts in them, and learns, without leaving one.

A world is four arrays: `numbers` that define it, `floats` and `counts` that change, and the present
`observation`. `counts` begins with the places below; `floats` begins with the return so far.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.bare import bare
from onlineml.kernels.random import below, uniform

CARTPOLE, CHAIN, BREAKOUT = range(3)
#: Places in `counts`: which world (-1: none), generator, steps of this episode, where one is.
CODE, RANDOM, STEPS, PLACE, N_COUNTS = range(5)
RETURN, FIRST = 0, 1  # places in `floats`: return so far, then the world's own numbers
#: Places in `numbers`: limit of steps (0: none), then the world's own.
LIMIT, OWN = 0, 1

_GRAVITY, _CART, _POLE, _HALF_LENGTH, _FORCE, _TAU = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
_FAR, _TILTED = 2.4, 12.0 * 2.0 * np.pi / 360.0
#: Breakout's places in `counts`: column of the paddle; column, row, directions, and last column and
#: row of the ball; whether it has just broken a brick; bricks, a bit each; the last action.
_PADDLE, _X, _Y, _DX, _DY, _LAST_X, _LAST_Y, _STRUCK, _BRICKS, _ACTION, N_BREAKOUT = range(4, 15)
#: Its channels, one beside the other in every cell of the board.
_OF_PADDLE, _OF_BALL, _OF_TRAIL, _OF_BRICK, CHANNELS = range(5)
BOARD, _ROWS = 10, 3  # cells of a side; rows of bricks, of which the first is left free


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
    elif world.counts[CODE] == BREAKOUT:
        _serve_ball(world.counts)
        _show_board(world)
    else:
        world.counts[PLACE] = int(world.numbers[OWN + 1])
        _show_place(world)


@bare
def step(world: World, action: float) -> tuple[float, bool, bool]:
    """Act; the reward, whether the episode terminated, and whether it was cut off."""
    if world.counts[CODE] == CARTPOLE:
        reward, terminated = _cartpole(world, action)
    elif world.counts[CODE] == BREAKOUT:
        reward, terminated = _breakout(world, action)
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


# ------------------------------------------------------------------------------- Breakout


@bare
def _serve_ball(counts: Ints) -> None:
    """A whole wall; the ball below it, at a side, on its way down."""
    side = below(counts, RANDOM, 2)
    counts[_X] = side * (BOARD - 1)
    counts[_Y] = _ROWS
    counts[_LAST_X], counts[_LAST_Y] = counts[_X], counts[_Y]
    counts[_DX], counts[_DY] = 1 - 2 * side, 1
    counts[_PADDLE], counts[_STRUCK], counts[_ACTION] = BOARD // 2 - 1, 0, 0
    counts[_BRICKS] = (1 << _ROWS * BOARD) - 1


@bare
def _breakout(world: World, action: float) -> tuple[float, bool]:
    """A step of Breakout; the last action may stick."""
    counts = world.counts
    if world.numbers[OWN] > 0.0 and uniform(counts, RANDOM) < world.numbers[OWN]:
        action = float(counts[_ACTION])
    counts[_ACTION] = int(action)
    if action == 1.0:
        counts[_PADDLE] = max(counts[_PADDLE] - 1, 0)
    elif action == world.numbers[OWN + 1]:
        counts[_PADDLE] = min(counts[_PADDLE] + 1, BOARD - 1)
    counts[_LAST_X], counts[_LAST_Y] = counts[_X], counts[_Y]
    reward, terminated = _move_ball(counts)
    _show_board(world)
    return reward, terminated


@bare
def _move_ball(counts: Ints) -> tuple[float, bool]:
    """One cell along a diagonal, unless something is there: then it turns, and keeps its row."""
    x, y, reward, struck = counts[_X] + counts[_DX], counts[_Y] + counts[_DY], 0.0, 0
    if not 0 <= x < BOARD:
        x, counts[_DX] = counts[_X], -counts[_DX]
    brick = _brick(x, y)
    if y < 0:
        counts[_DY] = 1
        y = 0
    elif counts[_BRICKS] & brick:
        struck = 1
        if not counts[_STRUCK]:  # a ball that comes from a brick flies through the next ones
            counts[_BRICKS] ^= brick
            counts[_DY] = -counts[_DY]
            y, reward = counts[_Y], 1.0
    elif y == BOARD - 1:
        if counts[_BRICKS] == 0:
            counts[_BRICKS] = (1 << _ROWS * BOARD) - 1
        if counts[_X] != counts[_PADDLE] and x != counts[_PADDLE]:
            counts[_X], counts[_Y] = x, y
            return 0.0, True
        if counts[_X] != counts[_PADDLE]:  # met by the side that it comes from: sent back there
            counts[_DX] = -counts[_DX]
        counts[_DY] = -1
        y = counts[_Y]
    counts[_X], counts[_Y], counts[_STRUCK] = x, y, struck
    return reward, False


@bare
def _brick(x: int, y: int) -> int:
    """The bit of the brick in a cell; 0 where the wall has none."""
    return 1 << (y - 1) * BOARD + x if 1 <= y <= _ROWS else 0


@bare
def _show_board(world: World) -> None:
    """All cells, row by row, the channels of each side by side."""
    counts, seen = world.counts, world.observation
    for j in range(seen.shape[0]):
        seen[j] = 0.0
    seen[_cell(counts[_PADDLE], BOARD - 1) + _OF_PADDLE] = 1.0
    seen[_cell(counts[_X], counts[_Y]) + _OF_BALL] = 1.0
    seen[_cell(counts[_LAST_X], counts[_LAST_Y]) + _OF_TRAIL] = 1.0
    for y in range(1, _ROWS + 1):
        for x in range(BOARD):
            if counts[_BRICKS] & _brick(x, y):
                seen[_cell(x, y) + _OF_BRICK] = 1.0


@bare
def _cell(x: int, y: int) -> int:
    return (y * BOARD + x) * CHANNELS
