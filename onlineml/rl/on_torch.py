"""Agents with networks of torch: a module of the user's, or a device that is not the CPU.

torch is imported where it is used, so that the package loads without it.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from onlineml.kernels.agent_rows import Crowd
from onlineml.kernels.arena import ANSWER, FIT, Array, Ints
from onlineml.nn.captured import check_graphs
from onlineml.nn.held import Held
from onlineml.nn.options import check_device, torch
from onlineml.rl.agent import EXPLORE, TransitionLearner
from onlineml.rl.conv import Conv
from onlineml.rl.rules import UpdateRule
from onlineml.schema import wrong

#: State that torch's agents have beside the networks, in the order of `Crowd`.
CROWD = ("random_", "clock_", "seen_", "mean_", "m2_", "factor_", "reward_", "last_")


class OnTorch(Held, TransitionLearner):
    """What an agent does where its networks are torch's: then `nets_` holds them, as arrays."""

    _holder = "_agents"

    module: Any = None
    device: str = "cpu"
    cuda_graphs: bool | Literal["auto"] = "auto"
    conv: Conv | None
    time_feature: int | None
    seed: int | None
    random_: Ints
    nets_: dict[str, npt.NDArray[Any]]

    @property
    def _on_torch(self) -> bool:
        return self.module is not None or self.device != "cpu"

    def _check_torch(self, rules: list[UpdateRule]) -> None:
        """Raise for what torch's agents lack."""
        if not self._on_torch:
            if self.cuda_graphs not in (False, "auto"):
                self._graphs()
            return
        if self.module is not None and not callable(self.module):
            due = "a function (n_inputs, n_outputs) -> torch.nn.Module"
            raise wrong("module", self.module, due)
        if self.conv is not None:
            raise wrong("conv", self.conv, "None beside networks of torch: `module` may have some")
        for rule in rules:
            if rule.has_second_network:
                raise wrong("critic_rule", rule, "another rule for networks of torch")
        check_device(torch(), self.device)
        self._graphs()

    def _graphs(self) -> bool:
        own = self.module is not None
        return check_graphs(self.cuda_graphs, self.device, "SGD", None, own, draws=False)

    # ---------------------------------------------------------------- state

    def _keep(self) -> None:
        """Bring `nets_` up to date with the networks."""
        if "_agents" in vars(self):
            self.nets_ |= self._agents.nets.arrays()

    def _first_nets(self, n_features: int) -> dict[str, npt.NDArray[Any]]:
        """The networks before any data."""
        from onlineml.rl.torch_agents import first_nets

        seed = self.first_seed()
        nets = first_nets(self, n_features, [self.random_], seed)
        return {"seed": np.array([seed]), **nets.arrays()}

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if self.is_started and self._on_torch:
            try:
                self._made_nets()
            except ValueError:
                self.reset()
                raise

    def _made_nets(self) -> Any:
        """The networks that `nets_` holds."""
        from onlineml.rl.torch_agents import made_nets

        nets = made_nets(self, self.schema_.n_features, 1, int(self.nets_["seed"][0]))
        nets.load(self.nets_)
        return nets

    def first_seed(self) -> int:
        """What torch draws the first weights by."""
        return int(np.random.default_rng().integers(1 << 32)) if self.seed is None else self.seed

    # ---------------------------------------------------------------- rows

    def _prepare_on_torch(self) -> None:
        """Build the caches: the networks, an owned transition, and a call for each verb."""
        from onlineml.rl.torch_agents import TorchAgents

        self._make_row()
        n, nets = self.schema_.n_features, self._made_nets()
        crowd = Crowd(np.array(self._settings()), *(getattr(self, name)[None] for name in CROWD))
        n_inputs, n_actions = n + (self.time_feature is not None), getattr(self, "n_actions", None)
        width = self._action_width()
        self._agents = TorchAgents(crowd, nets, n_inputs, width, n_actions or 0)
        self._serving, self._exploring, self._fitting = ANSWER, EXPLORE, FIT
        self._going_on = EXPLORE | FIT
        self._call = self._call_torch

    def _call_torch(self, what: int) -> int:
        """The call of a verb, on the owned transition."""
        rows, out = self._row[None], self._out[None]
        return self._pass_torch(rows, out, what & 3, (what & FIT) != 0)

    def _pass_torch(self, rows: Array, out: Array, serve: int, fit: bool) -> int:
        """One transition after another; the number of those that were done."""
        agents, n = self._agents, self._width
        there = slice(rows.shape[1] - n - 3, rows.shape[1] - 3) if fit else slice(0, n)
        for i in range(len(rows)):
            row = rows[i : i + 1]
            if not agents.n_learnable(row):
                return i
            if fit:
                agents.fit(row)
            if serve:
                agents.act(row[:, there], serve == EXPLORE, out[i : i + 1])
        return len(rows)

    def _through(self, rows: Array, serve: int, *, fit: bool) -> Array:
        """Send checked rows to the agent."""
        if not self._on_torch:
            return super()._through(rows, serve, fit=fit)
        out = np.empty((len(rows), self._n_outputs()))
        done = self._pass_torch(rows, out, serve, fit)
        if done != len(rows):
            raise RuntimeError(f"row {done} was refused, which had been checked")
        return out
