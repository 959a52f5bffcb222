"""Networks of torch of n agents, learned from one transition of each at a time.

All that a step reads comes as one array, and all that it changes are arrays of this object, which
stay where they are: on a GPU the whole step is one CUDA graph. Gradients come from autograd, one
row of numbers for each agent; `onlineml.nn.traces` steps along them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from onlineml.kernels.agent_rows import ANEW, DISCOUNT, FORCED, N_PACKED, REWARD
from onlineml.kernels.stream_agent import (
    AC_CONTINUOUS,
    AC_DISCRETE,
    ACTOR_LAMBDA,
    AVERAGE_RATE,
    CUTS,
    ENTROPY,
    GAMMA,
    KIND,
    LAMBDA,
    RULES,
    SARSA,
    TD,
    Q,
)
from onlineml.kernels.trace_rules import N_NUMBERS
from onlineml.nn.captured import Captured
from onlineml.nn.online_net import as_array, threads
from onlineml.nn.stacked_weights import StackedWeights
from onlineml.nn.traces import Net, Traces
from onlineml.schema import wrong

Singles = npt.NDArray[np.float32]
_SMALLEST = 1e-5  # added to a standard deviation, as in `onlineml.kernels.policies`
_NET = ("weights", "traces", "moments", "statistics")


class _Part:
    """Critics, or actors: one network an agent."""

    def __init__(self, make: Any, n: int, seed: int, device: Any, numbers: Sequence[float]) -> None:
        self.models = StackedWeights(make, n, seed, device)
        self.traces = Traces(numbers, self.models.n_learned)

    def outputs(self, weights: Any, inputs: Any) -> Any:
        """Outputs of each network for its row, `(n, n_outputs)`."""
        found = self.models.run(self.models.by_name(weights), inputs[:, None], None)
        return found[:, 0].float()

    def gradient(self, weights: Any, inputs: Any, of: Callable[[Any], Any]) -> tuple[Any, Any]:
        """What `of` makes of the outputs, `(n,)`, and its gradient by the weights learned."""
        n = self.models.n_learned
        learned = weights[:, :n].detach().requires_grad_()
        whole = learned if n == weights.shape[1] else torch.cat([learned, weights[:, n:]], 1)
        with torch.enable_grad():
            value = of(self.outputs(whole, inputs))
            (gradient,) = torch.autograd.grad(value.sum(), learned)
        return value.detach(), gradient


class _Single(_Part):
    """The one network of one agent: the module itself, its weights views of the flat ones."""

    def __init__(self, make: Any, n: int, seed: int, device: Any, numbers: Sequence[float]) -> None:
        super().__init__(make, n, seed, device, numbers)
        self.module, names = self.models.module, self.models.names
        for name, part in zip(names, self.models.parts(slice(0, 1))):
            self.module.get_parameter(name).data = part[0]
        self.learned = [self.module.get_parameter(name) for name in names[: self.models.n_named]]

    def outputs(self, weights: Any, inputs: Any) -> Any:
        """Outputs for the row."""
        return self.module(inputs).float()

    def gradient(self, weights: Any, inputs: Any, of: Callable[[Any], Any]) -> tuple[Any, Any]:
        """What `of` makes of the outputs, and its gradient."""
        with torch.enable_grad():
            value = of(self.outputs(weights, inputs))
            found = torch.autograd.grad(
                value[0], self.learned, allow_unused=True, materialize_grads=True
            )
        return value.detach(), torch.cat([part.flatten() for part in found])[None]


class TorchNets:
    """Critics and, where the kind of agent has them, actors of n agents.

    Parameters
    ----------
    settings
        Of the agents, as the kernel of `onlineml.kernels.stream_agent` reads them.
    makes
        What makes a critic, and an actor: functions `() -> torch.nn.Module`.
    n
        Number of agents.
    seed
        Agent i begins as one alone with the seed `seed + i`.
    device
        Of torch.
    graphs
        Whether steps are captured as CUDA graphs.
    """

    def __init__(
        self, settings: Sequence[float], makes: Sequence[Any], n: int, seed: int, device: str,
        graphs: bool,
    ) -> None:  # fmt: skip
        self.settings, self.n, self.device = settings, n, torch.device(device)
        self.kind, self.names = int(settings[KIND]), ("critic", "actor")[: len(makes)]
        places = RULES, RULES + N_NUMBERS
        kind = _Single if n == 1 else _Part
        self.parts = {
            name: kind(make, n, seed, self.device, settings[place : place + N_NUMBERS])
            for name, make, place in zip(self.names, makes, places)
        }
        self.state: Net = {}
        for name, part in self.parts.items():
            own = part.traces.first(part.models.flat)
            self.state |= {f"{name}.{key}": own[key] for key in _NET}
        # the mean reward where it is subtracted, whether traces begin anew, what SARSA has chosen
        for key in ("average", "cut", "kept"):
            self.state[key] = torch.zeros(n, dtype=torch.float64, device=self.device)
        self.captured = Captured(torch, self.device) if graphs else None
        self.n_weights = sum(part.models.n_weights for part in self.parts.values())

    # ---------------------------------------------------------------- acting

    def outputs(self, inputs: Singles, places: Any = None) -> Singles:
        """Outputs of the networks that act, and in a last column the action that SARSA keeps."""
        with self._threads(len(inputs)), torch.inference_mode():
            found = self._run("act", self._act, inputs, places)
            array: Singles = found.cpu().numpy()
        return array

    def _act(self, state: Net, inputs: Any) -> Any:
        name = self.names[-1]
        outputs = self.parts[name].outputs(state[f"{name}.weights"], inputs)
        return torch.cat([outputs, state["kept"].float()[:, None]], 1)

    # ---------------------------------------------------------------- learning

    def learn(self, packed: npt.NDArray[np.float64], places: Any = None) -> None:
        """Learn a packed row of each agent, or of those at `places`, no two of them the same."""
        with self._threads(len(packed)), torch.no_grad():
            self._run("learn", self._learn, packed, places)

    def _run(self, kind: str, work: Callable[..., Any], array: Any, places: Any) -> Any:
        """Do work on all agents, or on some."""
        if places is None or self.n == 1:
            of_all = partial(work, self.state)
            if self.captured is not None:
                return self.captured.run(kind, of_all, [array])
            return of_all(torch.from_numpy(array).to(self.device))
        at = torch.as_tensor(places, device=self.device)
        some = {name: whole[at] for name, whole in self.state.items()}
        found = work(some, torch.from_numpy(array).to(self.device))
        if kind == "learn":
            for name, whole in self.state.items():
                whole.index_copy_(0, at, some[name])
        return found

    def _learn(self, state: Net, packed: Any) -> None:
        numbers = packed[:, packed.shape[1] - N_PACKED :]
        inputs, following, actions = self._unpacked(packed)
        values = self.parts["critic"].outputs(state["critic.weights"], following).double()
        worth = self._worth(state, values, numbers[:, FORCED])
        discount = numbers[:, DISCOUNT]
        due = numbers[:, REWARD] - state["average"]
        due = due + torch.where(discount > 0.0, discount * worth, 0.0)
        seen: list[Any] = []

        def value(outputs: Any) -> Any:
            seen.append(outputs.detach())
            if self.kind in (Q, SARSA):
                return outputs.gather(1, actions.long())[:, 0]
            return outputs[:, 0]

        critic, weights = self.parts["critic"], state["critic.weights"]
        said, gradient = critic.gradient(weights, inputs, value)
        error = due - said.double()
        if self.settings[AVERAGE_RATE] > 0.0:
            state["average"] += self.settings[AVERAGE_RATE] * error
        kept = self.settings[GAMMA] * (1.0 - numbers[:, ANEW])
        if "actor" in self.parts:
            fade = kept * self.settings[ACTOR_LAMBDA]
            self._learn_policy(state, inputs, actions, error, fade)
        fade = kept * self.settings[LAMBDA]
        self._step("critic", state, gradient, fade * (1.0 - state["cut"]), error)
        if self.kind == Q and self.settings[CUTS] > 0.0:
            state["cut"].copy_(said < seen[0].amax(1))

    def _unpacked(self, packed: Any) -> tuple[Any, Any, Any]:
        """Inputs, those of what follows, and actions."""
        m = 1 if self.kind != AC_CONTINUOUS else self.n_outputs // 2
        m = 0 if self.kind == TD else m
        n = (packed.shape[1] - m - N_PACKED) // 2
        inputs, following, actions, _ = packed.split([n, n, m, N_PACKED], 1)
        return inputs.float(), following.float(), actions

    def _worth(self, state: Net, values: Any, forced: Any) -> Any:
        """What the next observation is worth; SARSA chooses the action, and keeps it."""
        if self.kind == Q:
            return values.amax(1)
        if self.kind != SARSA:
            return values[:, 0]
        chosen = torch.where(forced < 0.0, values.argmax(1).double(), forced)
        state["kept"].copy_(chosen)
        return values.gather(1, chosen.long()[:, None])[:, 0]

    def _learn_policy(self, state: Net, inputs: Any, actions: Any, error: Any, fade: Any) -> None:
        """Along the action's log-probability and the entropy, which the error's sign aims."""
        push = self.settings[ENTROPY] * error.sign()
        of = _log_softmax if self.kind == AC_DISCRETE else _log_gaussian
        goal = partial(of, actions, push)
        _, gradient = self.parts["actor"].gradient(state["actor.weights"], inputs, goal)
        self._step("actor", state, gradient, fade, error)

    def _step(self, name: str, state: Net, gradient: Any, fade: Any, error: Any) -> None:
        own = {key: state[f"{name}.{key}"] for key in _NET}
        self.parts[name].traces.step(own, gradient, fade, error)

    @property
    def n_outputs(self) -> int:
        """Numbers that the networks put out by which agents act."""
        if "_n_outputs" not in vars(self):
            raise wrong("module", "networks", "networks that were tried")
        return self._n_outputs

    def try_out(self, n_inputs: int, dues: Sequence[int]) -> None:
        """`ValueError` where networks do not make so many numbers of rows of `n_inputs`."""
        inputs = torch.zeros((self.n, n_inputs), device=self.device)
        for (name, part), due in zip(self.parts.items(), dues):
            with torch.inference_mode():
                try:
                    came = tuple(part.outputs(self.state[f"{name}.weights"], inputs).shape[1:])
                except (RuntimeError, IndexError, ValueError) as error:
                    came = (f"{error}",)
            if came != (due,):
                words = f"a network of rows (1, {n_inputs}) that gives (1, {due})"
                raise wrong("module", came, words)
        self._n_outputs = dues[-1]

    def _threads(self, n_rows: int) -> Any:
        on_cpu = self.device.type == "cpu"
        return threads(torch, self.n_weights * n_rows if on_cpu else None)

    # ---------------------------------------------------------------- arrays

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything that later steps depend on."""
        return {name: as_array(tensor) for name, tensor in self.state.items()}

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `arrays` gave; `ValueError` where it does not fit."""
        for name, tensor in self.state.items():
            came, due = np.shape(arrays.get(name, ())), tuple(tensor.shape)
            if came != due:
                raise wrong(f"state['nets_'][{name!r}]", came, f"an array of shape {due}")
        for name, tensor in self.state.items():
            tensor.copy_(torch.from_numpy(np.array(arrays[name])))


def _log_softmax(actions: Any, push: Any, outputs: Any) -> Any:
    logs = outputs.double().log_softmax(1)
    entropy = -(logs.exp() * logs).sum(1)
    return logs.gather(1, actions.long())[:, 0] + push * entropy


def _log_gaussian(actions: Any, push: Any, outputs: Any) -> Any:
    """But for what no weight changes."""
    mean, raw = outputs.double().chunk(2, 1)
    deviation = torch.nn.functional.softplus(raw) + _SMALLEST
    gap, logs = (actions - mean) / deviation, deviation.log()
    return (push[:, None] * logs - 0.5 * gap * gap - logs).sum(1)
