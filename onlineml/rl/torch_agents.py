"""n agents whose networks are torch's: rows in, actions out.

Statistics, clocks and draws of exploration are arrays here, compiled; torch has the networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from onlineml.kernels.agent_rows import N_PACKED, Crowd, are_learnable, decide, enter, take_in
from onlineml.kernels.arena import Array
from onlineml.kernels.normed_net import LEAK
from onlineml.kernels.worlds import RETURN, STEPS
from onlineml.rl.stream import first_weights
from onlineml.rl.torch_nets import TorchNets
from onlineml.rl.worlds import World

Ints = npt.NDArray[np.int64]


class TorchAgents:
    """n agents.

    Parameters
    ----------
    crowd
        Arrays that are the state of all, but for the networks; they are written to.
    nets
        The networks.
    n_inputs
        Numbers that go into a network.
    action_width
        Numbers of an action in a row.
    n_actions
        Number of actions where they are whole numbers, else 0.
    """

    def __init__(
        self, crowd: Crowd, nets: TorchNets, n_inputs: int, action_width: int, n_actions: int
    ) -> None:
        n = nets.n
        self.crowd, self.nets, self.n_actions = crowd, nets, n_actions
        self.action_width = action_width
        self._all, self._notes = np.arange(n), np.zeros(1, np.int64)
        self._packed = np.zeros((n, 2 * n_inputs + action_width + N_PACKED))
        self._inputs = np.zeros((n, n_inputs), np.float32)

    def n_learnable(self, rows: Array) -> int:
        """The number of rows before the first one that cannot be learned."""
        return int(are_learnable(self.crowd, rows, self.n_actions))

    def fit(self, rows: Array, places: Ints | None = None) -> None:
        """Learn a row of each agent, or of those at `places`."""
        packed, at = self._packed[: len(rows)], self._all if places is None else places
        take_in(self.crowd, at, rows, self.n_actions, packed)
        self.nets.learn(packed, places)

    def act(
        self, observations: Array, explore: bool, out: Array, places: Ints | None = None
    ) -> None:
        """Write what each agent does, or predicts, to `out`."""
        inputs, at = self._inputs[: len(observations)], self._all if places is None else places
        observations = np.ascontiguousarray(observations)
        enter(self.crowd, at, observations, inputs)
        outputs = self.nets.outputs(inputs, places)
        decide(self.crowd, at, observations, outputs, explore, self._notes, out)

    def run(self, worlds: Sequence[World], n_steps: int, *, fit: bool) -> list[Array]:
        """All agents a step, each in its world, then all another.

        Of each agent's episodes that ended: steps, return, length and whether it terminated.
        """
        n, m, k = worlds[0].n_features, self.action_width, len(worlds)
        found: list[list[list[float]]] = [[] for _ in worlds]
        rows, out = np.zeros((k, 2 * n + m + 4)), np.zeros((k, m))
        for i in range(n_steps):
            for row, world in zip(rows, worlds):
                if world.arrays()[2][STEPS] < 0:
                    world.reset()
                row[:n] = world.arrays()[3]
            self.act(rows[:, :n], fit, out)
            rows[:, n : n + m] = out
            for j, world in enumerate(worlds):
                length, row = world.arrays()[2][STEPS] + 1, rows[j]
                after, row[n + m], ends, cut, _ = world.step(int(out[j, 0]))
                row[n + m + 1 : 2 * n + m + 1], row[-3], row[-2] = after, ends, cut
                if ends or cut:
                    found[j].append([i + 1, world.arrays()[1][RETURN], length, ends])
            if fit:
                self.fit(rows)
        return [np.array(each, np.float64).reshape(-1, 4) for each in found]


def perceptron(widths: Sequence[int]) -> Any:
    """The network of agents that are not told another: as `onlineml.kernels.normed_net` has it."""
    parts: list[Any] = []
    for n_in, n_out in pairwise(widths):
        parts += [nn.Linear(n_in, n_out), nn.LayerNorm(n_out, elementwise_affine=False)]
        parts += [nn.LeakyReLU(float(LEAK))]
    return nn.Sequential(*parts[:-2])


def in_order_of_torch(flat: npt.NDArray[Any], widths: Sequence[int]) -> npt.NDArray[Any]:
    """Weights of a perceptron, which compiled agents have in an order of their own."""
    parts, start, last = [], 0, len(widths) - 2
    for k, (n_in, n_out) in enumerate(pairwise(widths)):
        matrix = flat[start : start + n_in * n_out]
        parts.append(matrix if k == last else matrix.reshape(n_in, n_out).T.ravel())
        start += (n_in + 1) * n_out
        parts.append(flat[start - n_out : start])
    return np.concatenate(parts)


def put(nets: TorchNets, name: str, i: int, weights: npt.NDArray[np.float32]) -> None:
    """Give network `i` of the critics or actors its weights."""
    nets.state[f"{name}.weights"][i].copy_(torch.from_numpy(weights))


def made_nets(agent: Any, n_features: int, n: int, seed: int) -> TorchNets:
    """Networks for n agents like `agent`: those of its module, or perceptrons still to be put."""
    dues = [agent._critic_outputs()] + ([agent._actor_outputs()] if agent._has_actor else [])
    n_inputs = n_features + (agent.time_feature is not None)
    makes: list[Any] = [
        partial(_made, agent.module, n_inputs, dues[: k + 1]) for k in range(len(dues))
    ]
    if agent.module is None:
        makes = [perceptron([n_inputs, *agent.hidden, due]) for due in dues]
    nets = TorchNets(agent._settings(), makes, n, seed, agent.device, agent._graphs())
    nets.try_out(n_inputs, dues)
    return nets


def _made(module: Any, n_inputs: int, dues: Sequence[int]) -> Any:
    """The last of so many networks: its first weights are drawn after those of the others."""
    return [module(n_inputs, due) for due in dues][-1]


def first_nets(agent: Any, n_features: int, randoms: Sequence[Ints], seed: int) -> TorchNets:
    """Networks that have learned nothing, for agents that begin with these generators."""
    nets = made_nets(agent, n_features, len(randoms), seed)
    if agent.module is None:
        for i, random in enumerate(randoms):
            draws = np.random.default_rng([*random.view(np.uint64)])
            for name, shape in zip(nets.names, agent._shapes(n_features)):
                flat = first_weights(shape, agent.sparsity, draws)
                put(nets, name, i, in_order_of_torch(flat, shape.widths.tolist()))
    return nets
