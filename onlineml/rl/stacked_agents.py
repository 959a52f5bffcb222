"""Many agents of one kind at once: seeds side by side, or one agent for each key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from onlineml.kernels.arena import ANSWER, Array
from onlineml.nn.held import Held
from onlineml.parameters import whole
from onlineml.rl.agent import EXPLORE, Transition
from onlineml.rl.crowds import CompiledCrowd, TorchCrowd
from onlineml.rl.part import Part
from onlineml.rl.stream import Episodes, StreamAgent, StreamNetwork
from onlineml.rl.worlds import World
from onlineml.schema import Schema, wrong

Ints = npt.NDArray[np.int64]
_LARGEST = 1e100


class StackedAgents(Held, Part):
    """n agents of one kind; a call acts, or learns a transition, for each of them.

    Every agent is what one alone with its seed would be: compiled ones to the bit, those of torch,
    whose networks are one batched product, but for rounding. What comes and goes has a row for each
    agent, or for those that `which` names. Time per event and memory are those of the agents; on a
    GPU, and for small networks of torch, it hardly grows with their number.

    Parameters
    ----------
    agent
        What they are: a `StreamTD`, `StreamQ`, `StreamSARSA` or `StreamAC`. Agent i has its `seed`
        plus i.
    n_agents
        How many.
    n_threads
        Threads that compiled agents are shared out to.

    Raises
    ------
    ValueError
        At the first call, for an `agent` that is none of these or has parameters that cannot be
        used, and an `n_agents` or `n_threads` that is not a whole number >= 1. At any, for rows
        that are not one an agent, and what agents refuse.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.rl import CartPole, StackedAgents, StreamQ, Transition
    >>> one = StreamQ(n_actions=2, hidden=(32, 32), epsilon_steps=5_000, seed=1)
    >>> agents = StackedAgents(agent=one, n_agents=3)
    >>> ended = agents.run([CartPole(seed=i) for i in range(3)], 30_000)
    >>> all(e.returns[-10:].mean() > 2 * e.returns[:20].mean() for e in ended)
    True
    >>> X, Y = np.zeros((3, 4)), np.ones((3, 4))
    >>> actions = agents.act_many(X, explore=True)
    >>> ends = np.array([False, True, False])
    >>> agents.fit_act_many(Transition(X, actions, np.ones(3), Y, ends)).shape
    (3,)

    Notes
    -----
    Agents of torch are `StreamQ(module=..., device="cuda")` and the like.

    References
    ----------
    .. [1] Elsayed, Vasan, Mahmood (2024), Streaming deep reinforcement learning finally works.
       Section 3. arXiv:2410.14606
    """

    _holder = "_made"

    def __init__(self, *, agent: StreamNetwork, n_agents: int, n_threads: int = 1) -> None:
        self.agent = agent
        self.n_agents = n_agents
        self.n_threads = n_threads

    # ---------------------------------------------------------------- verbs

    def act_many(self, X: Any, *, explore: bool = False, which: Any = None) -> npt.NDArray[Any]:
        """What each agent does on its observation, a row of `X`; of `StreamTD`, what it foretells.

        Parameters
        ----------
        X
            Observations, `(n_agents, n_features)`, NaN where a value is missing.
        explore
            Act as in training; else the best that is known.
        which
            The agents that rows are of, no two the same; None for all.
        """
        observations = _table(X, "X")
        made = self if self.is_started else self._unlearned(observations.shape[1])
        places = made._places(which, observations)
        rows = np.zeros((len(observations), made._n_columns()))
        rows[:, : observations.shape[1]] = observations
        return made._answers(rows, places, EXPLORE if explore else ANSWER, fit=False)

    def fit_many(self, transitions: Transition, *, which: Any = None) -> Self:
        """Learn a transition of each agent, or of those that `which` names.

        Parameters
        ----------
        transitions
            A `Transition` whose parts have a row for each agent: observations, actions, rewards,
            next observations, ends of both kinds.
        which
            The agents that rows are of, no two the same; None for all.
        """
        self._learn_rows(transitions, which, 0)
        return self

    def fit_act_many(self, transitions: Transition, *, which: Any = None) -> npt.NDArray[Any]:
        """Learn as `fit_many`, then act, exploring, on the next observations: both in one call."""
        return self._learn_rows(transitions, which, EXPLORE)

    def run(self, worlds: Sequence[World], n_steps: int, *, fit: bool = True) -> list[Episodes]:
        """Each agent takes `n_steps` in its compiled environment, as its own `run` would."""
        if not isinstance(self.agent, StreamAgent):
            raise wrong("agent", self.agent, "agents that act")
        fitting = [world.n_actions == self.agent.n_actions for world in worlds]
        if len(worlds) != self.n_agents or not all(fitting):
            due = f"{self.n_agents} environments with {self.agent.n_actions} actions"
            raise wrong("worlds", list(worlds), due)
        n = worlds[0].n_features
        if {world.n_features for world in worlds} != {n} or len({*map(id, worlds)}) < len(worlds):
            raise wrong("worlds", list(worlds), "environments of their own, of one kind")
        if not self.is_started:
            self._begin(Schema(n))
        if n != self.schema_.n_features:
            raise wrong("worlds", n, f"environments with {self.schema_.n_features} features")
        ended: list[Episodes] = self._crowd().run(worlds, n_steps, fit=fit)
        return ended

    def agent_of(self, i: int) -> Any:
        """Agent i as one of its own, which goes on as it would have here."""
        if not 0 <= i < self.n_agents:
            raise wrong("i", i, f"a whole number below {self.n_agents}")
        if not self.is_started:
            return self._fresh(i)
        return self._crowd().agent_of(i)

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        if not isinstance(self.agent, StreamNetwork):
            raise wrong("agent", self.agent, "a StreamTD, StreamQ, StreamSARSA or StreamAC")
        for name in ("n_agents", "n_threads"):
            whole(name, getattr(self, name), 1)
        self.agent._accept_parameters()

    def _fresh(self, i: int) -> Any:
        """Agent i before any data."""
        twin, seed = self.agent.clone(), self.agent.seed
        return twin if seed is None else twin.set_params(seed=seed + i)

    @property
    def _crowd_kind(self) -> Any:
        return TorchCrowd if self.agent._on_torch else CompiledCrowd

    def _start(self, schema: Schema) -> None:
        fresh = [self._fresh(i) for i in range(self.n_agents)]
        self.agents_ = self._crowd_kind.first(fresh, schema)

    def _unlearned(self, n_features: int) -> Self:
        return self.clone().start(Schema(n_features))

    def _crowd(self) -> Any:
        """All agents, ready: a cache, made from `agents_` where it is missing."""
        if "_made" not in vars(self):
            self._made = self._crowd_kind(self, self.schema_)
        return self._made

    def _keep(self) -> None:
        if "_made" in vars(self):
            self._made.keep()

    # ---------------------------------------------------------------- rows

    def _n_columns(self) -> int:
        return 2 * self.schema_.n_features + self.agent._action_width() + 4

    def _answers(
        self, rows: Array, places: Ints | None, serve: int, *, fit: bool
    ) -> npt.NDArray[Any]:
        out = np.zeros((len(rows), self.agent._n_outputs()))
        self._crowd().go(rows, out, places, serve, fit)
        return np.asarray(self.agent._to_actions(out))

    def _learn_rows(self, transitions: Transition, which: Any, serve: int) -> npt.NDArray[Any]:
        observations = _table(transitions.observation, "observation")
        started = self.is_started
        if not started:
            self._accept_parameters()
        schema = self.schema_ if started else Schema(observations.shape[1])
        places = self._places(which, observations, schema)
        rows = self._packed(transitions, observations, schema.n_features)
        if not started:
            self._begin(schema)
        return self._answers(rows, places, serve, fit=True)

    def _places(self, which: Any, rows: Array, schema: Schema | None = None) -> Ints | None:
        """The agents that rows are of; None for all, in order."""
        n_features = (schema or self.schema_).n_features
        due = self.n_agents if which is None else np.size(which)
        if rows.shape != (due, n_features):
            raise wrong("observations", rows.shape, f"rows of shape ({due}, {n_features})")
        if which is None:
            return None
        places = np.array(which)
        are_numbers = places.ndim == 1 and places.dtype.kind in "iu"
        if not are_numbers or len(np.unique(places)) < len(places):
            raise wrong("which", which, "whole numbers, no two the same")
        if len(places) and not (places.min() >= 0 and places.max() < self.n_agents):
            raise wrong("which", which, f"agents below {self.n_agents}")
        return places.astype(np.int64)

    def _packed(self, transitions: Transition, observations: Array, n: int) -> Array:
        """Checked rows, as a kernel reads them."""
        k, m = len(observations), self.agent._action_width()
        rows = np.empty((k, 2 * n + m + 4))
        rows[:, :n] = observations
        rows[:, n : n + m] = self._actions(transitions.action, k, m)
        rows[:, n + m] = _numbers(transitions.reward, "reward", (k,))
        if not (np.abs(rows[:, n + m]) <= _LARGEST).all():
            raise wrong("reward", transitions.reward, "finite numbers, at most 1e100 in size")
        rows[:, -3] = _numbers(transitions.terminated, "terminated", (k,)) != 0.0
        rows[:, -2] = _numbers(transitions.truncated, "truncated", (k,)) != 0.0
        rows[:, -1] = np.nan
        following = transitions.next_observation
        if following is None:
            if not rows[:, -3].all():
                raise wrong("next_observation", None, "observations, where no end is")
            rows[:, n + m + 1 : 2 * n + m + 1] = np.nan
            return rows
        table = _table(following, "next_observation")
        if table.shape != (k, n):
            raise wrong("next_observation", table.shape, f"rows of shape ({k}, {n})")
        rows[:, n + m + 1 : 2 * n + m + 1] = table
        return rows

    def _actions(self, actions: Any, k: int, m: int) -> Array:
        if m == 0:
            return np.empty((k, 0))
        shape = (k, m) if getattr(self.agent, "n_actions", None) is None else (k,)
        found = _numbers(actions, "action", shape).reshape(k, m)
        if np.shape(actions) not in ([shape, (k,), ()] if m == 1 else [shape]):
            raise wrong("action", np.shape(actions), f"numbers of shape {shape}")
        for action in found if k < 8 else (found.min(0), found.max(0)):
            if not self.agent._is_action(action):
                raise wrong("action", actions, f"of each agent {self.agent._due_action()}")
        if getattr(self.agent, "n_actions", None) and (found != np.floor(found)).any():
            raise wrong("action", actions, "whole numbers")
        return found


def _numbers(value: Any, name: str, shape: tuple[int, ...]) -> Array:
    try:
        found = np.asarray(value, np.float64)
        return np.broadcast_to(found, shape) if found.ndim == 0 else found.reshape(shape)
    except (TypeError, ValueError):
        raise wrong(name, np.shape(value), f"numbers of shape {shape}") from None


def _table(X: Any, name: str) -> Array:
    """Observations, checked."""
    try:
        rows = np.array(X, np.float64)
    except (TypeError, ValueError):
        raise wrong(name, X, "rows of numbers") from None
    if rows.ndim != 2 or rows.shape[1] < 1:
        raise wrong(name, rows.shape, "a row of numbers for each agent")
    if np.isinf(rows).any():
        i, j = np.argwhere(np.isinf(rows))[0]
        raise wrong(f"{name}[{i}, {j}]", float(rows[i, j]), "a finite number")
    return rows
