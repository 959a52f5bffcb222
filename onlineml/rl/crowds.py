"""n agents behind one call: compiled ones in a loop over kernels, those of torch as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.kernels.agent_rows import Crowd
from onlineml.kernels.arena import ANSWER, Array, allocate
from onlineml.kernels.random import seeded
from onlineml.kernels.stream_agent import KEPT
from onlineml.rl.agent import EXPLORE
from onlineml.rl.on_torch import CROWD
from onlineml.rl.stream import Episodes, as_episodes
from onlineml.rl.worlds import World
from onlineml.schema import Schema

Ints = npt.NDArray[np.int64]
_ONE = np.ones(1)
#: What a call does: to act, to explore, to learn, to learn and then explore.
_CALLS = ((ANSWER, False), (EXPLORE, False), (0, True), (EXPLORE, True))


class CompiledCrowd:
    """Agents with kernels: to call one takes a hundredth of what its step takes.

    Each has a row of a shared table, and a cell of shared answers, at which its calls are aimed.
    """

    def __init__(self, owner: Any, schema: Schema) -> None:
        self.agents, self.n_threads = owner.agents_, owner.n_threads
        one = self.agents[0]._ready()
        n = len(self.agents)
        self._rows = np.zeros((n, one._n_columns()))
        self._out = np.zeros((n, one._n_outputs()))
        self._call = one._call
        self._twins, self._aimed = [], {what: np.zeros(n, np.int64) for what in _CALLS}
        for i, agent in enumerate(self.agents):
            rows = self._rows[i : i + 1], _ONE, _ONE, self._out[i : i + 1]
            for (serve, fit), aimed in self._aimed.items():
                self._twins.append(agent._ready()._many.twin())
                aimed[i] = self._twins[-1].aim(rows, serve=serve, fit=fit, checked=True)

    @staticmethod
    def first(agents: list[Any], schema: Schema) -> list[Any]:
        """The state of agents that have learned nothing."""
        return [agent.start(schema) for agent in agents]

    def keep(self) -> None:
        """Nothing: the agents are the state."""

    def go(self, rows: Array, out: Array, places: Ints | None, serve: int, fit: bool) -> None:
        """Learn rows, and serve them, or what follows them, to `out`."""
        at: Any = slice(None) if places is None else places
        self._rows[at] = rows
        addresses = self._aimed[serve, fit][at].tolist()
        self._share(self._call_all, addresses)
        out[...] = self._out[at]

    def _call_all(self, addresses: list[int]) -> None:
        call = self._call
        for address in addresses:
            if call(address) != 1:
                raise RuntimeError("the kernel refused a row that had been checked")

    def _share(self, work: Any, items: list[Any]) -> None:
        """Do it for parts of the items, one a thread."""
        if self.n_threads == 1 or len(items) < 2:
            work(items)
            return
        size = -(-len(items) // self.n_threads)
        with ThreadPoolExecutor(self.n_threads) as pool:
            list(pool.map(work, [items[i : i + size] for i in range(0, len(items), size)]))

    def run(self, worlds: Sequence[World], n_steps: int, *, fit: bool) -> list[Episodes]:
        """Each agent in its world, from the first step to the last: so its weights stay near."""
        found: dict[int, Episodes] = {}

        def work(part: list[int]) -> None:
            for i in part:
                found[i] = self.agents[i].run(worlds[i], n_steps, fit=fit)

        self._share(work, list(range(len(worlds))))
        return [found[i] for i in range(len(worlds))]

    def agent_of(self, i: int) -> Any:
        """A copy of an agent."""
        return deepcopy(self.agents[i])


class TorchCrowd:
    """Agents whose networks lie side by side in torch; all else of them in arrays of n rows."""

    def __init__(self, owner: Any, schema: Schema) -> None:
        from onlineml.rl.torch_agents import TorchAgents, made_nets

        agent, self._state, self._owner = owner.agent, owner.agents_, owner
        self.n, self._schema = owner.n_agents, schema
        nets = made_nets(agent, schema.n_features, self.n, int(self._state["seed"][0]))
        nets.load(self._state)
        crowd = Crowd(np.array(agent._settings()), *(self._state[name] for name in CROWD))
        n_inputs = schema.n_features + (agent.time_feature is not None)
        self._width = agent._action_width()
        n_actions = getattr(agent, "n_actions", None) or 0
        self._agents = TorchAgents(crowd, nets, n_inputs, self._width, n_actions)

    @staticmethod
    def first(agents: list[Any], schema: Schema) -> dict[str, Any]:
        """The state of agents that have learned nothing."""
        from onlineml.rl.torch_agents import first_nets

        one, sizes = agents[0], {"F": schema.n_features}
        state: dict[str, Any] = {}
        for field in one._state:
            if field.name in CROWD:
                state[field.name] = np.stack([allocate(field, sizes) for _ in agents])
        state["random_"] = np.stack([seeded(agent.seed, 1) for agent in agents])
        state["clock_"][:, KEPT] = -1
        seed = one.first_seed()
        nets = first_nets(one, schema.n_features, list(state["random_"]), seed)
        return state | {"seed": np.array([seed])} | nets.arrays()

    def keep(self) -> None:
        """Bring the state up to date with the networks."""
        self._state |= self._agents.nets.arrays()

    def go(self, rows: Array, out: Array, places: Ints | None, serve: int, fit: bool) -> None:
        """Learn rows, and serve them, or what follows them, to `out`."""
        if fit:
            self._agents.fit(rows, places)
        if serve:
            n = self._schema.n_features
            first = n + self._width + 1 if fit else 0
            self._agents.act(rows[:, first : first + n], serve == EXPLORE, out, places)

    def run(self, worlds: Sequence[World], n_steps: int, *, fit: bool) -> list[Episodes]:
        """All agents a step, then all another."""
        return [as_episodes(found) for found in self._agents.run(worlds, n_steps, fit=fit)]

    def agent_of(self, i: int) -> Any:
        """An agent of its own, with its part of the state."""
        self.keep()
        agent = self._owner._fresh(i).start(self._schema)
        for name in CROWD:
            setattr(agent, name, self._state[name][i].copy())
        for name in agent.nets_:
            if name != "seed":
                agent.nets_[name] = self._state[name][i : i + 1].copy()
        return agent
