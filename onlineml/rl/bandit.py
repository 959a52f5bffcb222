"""Bandits: an action, its reward, and nothing that follows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from onlineml.kernels.arena import Array, Field
from onlineml.kernels.arms import POLICY, _arms
from onlineml.kernels.random import seeded
from onlineml.parameters import whole
from onlineml.rl.agent import Agent
from onlineml.schema import Schema, wrong


class Bandit(Agent):
    """Chooses one of `n_actions` arms; learns from transitions, of which only the reward counts.

    A transition may leave out what follows: `Transition(observation, action, reward)`. Rewards may
    come late and in any order.
    """

    _looks_ahead: ClassVar[bool] = False

    n_actions: int
    seed: int | None

    def policy_one(self, observation: Any = None) -> Array:
        """Probability of each arm when exploring, `(n_actions,)`: what to log for later judgment.

        Exact where the rule has a formula, from 256 draws for Thompson sampling.
        """
        made = self if self._width >= 0 else self._started(observation)
        made._serve_one(observation, made._policy)
        return made._out[1:].copy()

    def _check(self) -> None:
        whole("n_actions", self.n_actions, 2)

    def _n_outputs(self) -> int:
        return 1 + self.n_actions

    def _prepare(self) -> None:
        super()._prepare()
        rows = (self._row.reshape(1, -1), np.ones(1), np.ones(1), self._out.reshape(1, -1))
        self._asking = self._many.twin()
        self._policy = self._asking.aim(rows, serve=POLICY, fit=False)


class ArmBandit(Bandit):
    """A bandit that reads no context: observations may be None."""

    _reads: ClassVar[bool] = False
    _rule: ClassVar[int]
    _kernel = _arms
    _state = (
        Field("random_", (1,), np.int64),
        Field("n_rewards_", (1,), np.int64),
        Field("weight_", ("A",)),
        Field("total_", ("A",)),
        Field("square_", ("A",)),
        Field("window_", ("W", 2)),
    )

    discount: float = 1.0
    window_size: int | None = None

    def _check(self) -> None:
        super()._check()
        if not 0 < self.discount <= 1:
            raise wrong("discount", self.discount, "a number in (0, 1]")
        if self.window_size is not None and not self.window_size >= 1:
            raise wrong("window_size", self.window_size, "a whole number >= 1, or None")
        if self.window_size is not None and self.discount < 1:
            raise wrong("discount", self.discount, "1 beside a window_size")

    def _own_settings(self) -> tuple[float, float, float]:
        """Two numbers of the rule, and the steps from the first to the second."""
        return 0.0, 0.0, 1.0

    def _settings(self) -> tuple[float, ...]:
        return (float(self._rule), *self._own_settings(), float(self.discount), 0.0, 1.0)

    def _sizes(self) -> dict[str, int]:
        return {"A": self.n_actions, "W": self.window_size or 0}

    def _start(self, schema: Schema) -> None:
        self.random_ = seeded(self.seed, 1)
