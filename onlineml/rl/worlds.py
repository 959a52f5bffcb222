"""Environments that are compiled into the package: small, fast, with known answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from onlineml.kernels import worlds
from onlineml.kernels.arena import Array
from onlineml.kernels.random import seeded
from onlineml.parameters import whole
from onlineml.rl import pictures
from onlineml.rl.pictures import Picture
from onlineml.schema import wrong


class World:
    """An environment whose steps run inside an agent's kernel, or one by one from Python.

    `reset` and `step` are Gymnasium's. The generator is part of the state. Time per step and memory
    are O(n_features).

    Raises
    ------
    ValueError
        From the constructors, for a `max_steps` that is neither None nor a whole number >= 1 and a
        `seed` that is neither None nor one >= 0; from `step`, for an action that is none.
    RuntimeError
        From `step`, after the end of an episode.

    Examples
    --------
    >>> from onlineml.rl import Chain, World
    >>> world = Chain(n_states=3)
    >>> isinstance(world, World), world.n_features, world.n_actions
    (True, 3, 2)
    """

    n_actions: int = 2
    #: At which pictures look as they should, one after another.
    pictures_per_second: ClassVar[int] = 10
    _code: ClassVar[int]

    def __init__(
        self, n_features: int, own: tuple[float, ...], n_floats: int, limit: int | None,
        seed: int | None, n_counts: int = worlds.N_COUNTS,
    ) -> None:  # fmt: skip
        if not (limit is None or (isinstance(limit, int | np.integer) and limit >= 1)):
            raise wrong("max_steps", limit, "a whole number of steps >= 1, or None")
        if not (seed is None or (isinstance(seed, int | np.integer) and seed >= 0)):
            raise wrong("seed", seed, "a whole number >= 0, or None")
        self.n_features = n_features
        self.max_steps, self.seed = limit, seed
        self._numbers = np.array([float(limit or 0), *own])
        self._floats = np.zeros(1 + n_floats)
        self._counts = np.zeros(n_counts, np.int64)
        self._observation = np.zeros(n_features)
        self._counts[worlds.CODE], self._counts[worlds.STEPS] = self._code, -1
        self._counts[worlds.RANDOM] = seeded(seed, 1)[0]

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """What kernels read and write."""
        return self._numbers, self._floats, self._counts, self._observation

    def _world(self) -> worlds.World:
        return worlds.World(self._numbers, self._floats, self._counts, self._observation)

    def reset(self, *, seed: int | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin an episode; the first observation, and nothing."""
        if seed is not None:
            self._counts[worlds.RANDOM] = seeded(seed, 1)[0]
        worlds.begin(self._world())
        return self._observation.copy(), {}

    def step(self, action: int) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Act; observation, reward, terminated, truncated, and nothing."""
        if self._counts[worlds.STEPS] < 0:
            raise RuntimeError("the episode has ended: reset() begins another")
        if action not in range(self.n_actions):
            raise wrong("action", action, f"a whole number below {self.n_actions}")
        reward, terminated, truncated = worlds.step(self._world(), float(action))
        if terminated or truncated:
            self._counts[worlds.STEPS] = -1
        return self._observation.copy(), reward, terminated, truncated, {}

    def render(self) -> Picture:
        """The present picture, rows by columns by 3 bytes."""
        return self._picture(self._observation)

    def _picture(self, observation: Array) -> Picture:
        raise NotImplementedError

    def get_state(self) -> dict[str, Any]:
        """Everything that later steps depend on."""
        names = ("_floats", "_counts", "_observation")
        return {name.strip("_"): getattr(self, name).copy() for name in names}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take over what `get_state` gave."""
        for name in ("floats", "counts", "observation"):
            getattr(self, f"_{name}")[...] = state[name]
        return self


class CartPole(World):
    """Keep a pole upright on a cart that is pushed left (0) or right (1); reward 1 a step.

    Time per step and memory are O(1).

    Parameters
    ----------
    max_steps
        Steps after which an episode is cut off; None for no limit.
    seed
        Of the first positions.

    Raises
    ------
    ValueError
        For a `max_steps` that is neither None nor a whole number >= 1, and a `seed` that is neither
        None nor one >= 0.

    Examples
    --------
    >>> from onlineml.rl import CartPole
    >>> world = CartPole(seed=1)
    >>> observation, _ = world.reset()
    >>> world.step(1)[1:4]
    (1.0, False, False)

    Notes
    -----
    Gymnasium's `CartPole-v1`: same equations, same first positions in distribution, other draws.

    References
    ----------
    .. [1] Barto, Sutton, Anderson (1983), Neuronlike adaptive elements that can solve difficult
       learning control problems, IEEE SMC 13(5). Appendix.
    """

    pictures_per_second = 50
    _code = worlds.CARTPOLE

    def __init__(self, *, max_steps: int | None = 500, seed: int | None = None) -> None:
        super().__init__(4, (), 4, max_steps, seed)

    def _picture(self, observation: Array) -> Picture:
        return pictures.pole(observation)


class Chain(World):
    """States in a row, one feature each; action 1 goes right, 0 left, both ends terminate.

    With a policy that ignores the state this is the random walk, whose values are known. Time per
    step and memory are O(n_states).

    Parameters
    ----------
    n_states
        Length of the chain; episodes begin in the middle.
    slip
        Probability with which a step goes the other way: 0.5 is the random walk.
    left, right
        Rewards of leaving at an end.
    step
        Reward of every other step.
    max_steps
        Steps after which an episode is cut off; None for no limit.
    seed
        Of the slips.

    Raises
    ------
    ValueError
        For an `n_states` that is not a whole number >= 1, a `slip` outside of [0, 1], rewards
        `left`, `right` and `step` that are not finite, a `max_steps` that is neither None nor a
        whole number >= 1, and a `seed` that is neither None nor one >= 0.

    Examples
    --------
    >>> from onlineml.rl import Chain
    >>> world = Chain(n_states=3)
    >>> world.reset()[0].tolist(), world.step(1)[0].tolist(), world.step(1)[1:3]
    ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0], (1.0, True))

    References
    ----------
    .. [1] Sutton, Barto (2018), Reinforcement learning, 2nd edition. Example 6.2.
    """

    _code = worlds.CHAIN

    def __init__(
        self,
        *,
        n_states: int = 5,
        slip: float = 0.0,
        left: float = 0.0,
        right: float = 1.0,
        step: float = 0.0,
        max_steps: int | None = None,
        seed: int | None = None,
    ) -> None:
        whole("n_states", n_states, 1)
        if not 0 <= slip <= 1:
            raise wrong("slip", slip, "a probability")
        for name, reward in {"left": left, "right": right, "step": step}.items():
            if not math.isfinite(reward):
                raise wrong(name, reward, "a finite number")
        own = float(n_states), float(n_states // 2), slip, left, right, step
        super().__init__(n_states, own, 0, max_steps, seed)

    def _picture(self, observation: Array) -> Picture:
        return pictures.chain(observation)


class Breakout(World):
    """Keep a ball in play with a paddle, and break a wall with it; reward 1 a brick.

    The board has 10 by 10 cells with four channels, 1 where there is something: the paddle, the
    ball, its trail (where it was a step ago) and bricks; an observation is all cells, row by row,
    the channels of each side by side. Actions are 0 to stay, 1 for left and 2 for right. The ball
    flies along diagonals; an episode terminates when it reaches the bottom beside the paddle. Time
    per step is O(1), that of writing the 400 numbers of an observation, as is memory.

    Parameters
    ----------
    sticky
        Probability with which the last action is repeated, whatever the agent does.
    all_actions
        Take the six actions of the whole suite instead: 0 stay, 1 left, 3 right, others stay.
    max_steps
        Steps after which an episode is cut off; None for no limit.
    seed
        Of the ball's first side and of actions that stick.

    Raises
    ------
    ValueError
        For a `sticky` outside of [0, 1], a `max_steps` that is neither None nor a whole number >=
        1, and a `seed` that is neither None nor one >= 0.

    Examples
    --------
    >>> from onlineml.rl import Breakout
    >>> world = Breakout(sticky=0.0, seed=1)
    >>> board = world.reset()[0].reshape(world.shape)
    >>> board.sum(axis=(0, 1)).tolist()  # paddle, ball, trail, bricks
    [1.0, 1.0, 1.0, 30.0]
    >>> returns = [world.step(1)[1:3] for _ in range(6)]
    >>> returns[-1]
    (0.0, True)

    Notes
    -----
    MinAtar's Breakout, written from its description; what that leaves open (a ball keeps its row
    where it turns, flies through bricks right behind one that it broke, and goes back whence it
    came when the paddle meets it from that side) is as the original plays: both make the same
    episodes of the same actions. Departure: no action sticks from an episode to the next.

    References
    ----------
    .. [1] Young, Tian (2019), MinAtar: an Atari-inspired testbed for thorough and reproducible
       reinforcement learning experiments. Section 2. arXiv:1903.03176
    """

    #: Rows, columns and channels of an observation.
    shape = (worlds.BOARD, worlds.BOARD, worlds.CHANNELS)
    _code = worlds.BREAKOUT

    def __init__(
        self,
        *,
        sticky: float = 0.1,
        all_actions: bool = False,
        max_steps: int | None = None,
        seed: int | None = None,
    ) -> None:
        if not 0 <= sticky <= 1:
            raise wrong("sticky", sticky, "a probability")
        self.n_actions = 6 if all_actions else 3
        own = float(sticky), 3.0 if all_actions else 2.0
        n_features = int(np.prod(self.shape))
        super().__init__(n_features, own, 0, max_steps, seed, worlds.N_BREAKOUT)

    def _picture(self, observation: Array) -> Picture:
        return pictures.board(observation.reshape(self.shape))
