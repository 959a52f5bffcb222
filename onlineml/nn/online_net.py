"""A torch module with its optimizer: steps, answers, arrays, room for what is new.

torch is imported where it is used, so that the package loads without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from onlineml.nn.captured import Captured, Loss
from onlineml.nn.fused_adam import FusedAdam
from onlineml.nn.options import Options, captures, torch
from onlineml.nn.plain_pass import PlainPass
from onlineml.schema import wrong

_FUSED = ("Adam", "AdamW", "SGD")
_LITTLE = 1_000_000  # products of a pass through the network that one thread does as fast as two
_PLAIN = 100_000  # those that take less time than torch's calls
Arrays = dict[str, npt.NDArray[Any]]


class OnlineNet:
    """A network that is stepped batch by batch."""

    def __init__(self, options: Options, n_inputs: int, n_outputs: int) -> None:
        self.torch, self.options, self.sizes = torch(), options, (n_inputs, n_outputs)
        self.seed = 0 if options.seed is None else int(options.seed)
        self.device = self.torch.device(options.device)
        with self._drawing(0):
            self.module = self.made(n_inputs, n_outputs).to(self.device)
        self.last = next(reversed(linears(self.module)), None)
        if self.last is None or self.last.out_features < n_outputs:
            raise wrong("module", options.module, f"a last Linear layer of {n_outputs} outputs")
        self.draws = any(draws(self.torch, part) for part in self.module.modules())
        self.toggles = options.module is not None  # ours is the same in training and out of it
        self.n_weights = sum(p.numel() for p in self.module.parameters())
        self.n_steps = 0
        graphs = captures(options, self.draws)
        self.captured = Captured(self.torch, self.device) if graphs else None
        self._compiled = self.module
        if options.compile:
            self._compiled = self.torch.compile(self.module, dynamic=False)
        self._make_optimizer()
        self.module.eval()
        torchs = options.mixed_precision or options.compile or graphs
        self._plain = None if torchs else PlainPass.of(self.torch, self.module)

    def made(self, n_inputs: int, n_outputs: int) -> Any:
        """A fresh module."""
        make = self.options.module
        if make is None:
            return perceptron(n_inputs, self.options.hidden, n_outputs, self.options.activation)
        made = make(n_inputs, n_outputs) if callable(make) else None
        if not isinstance(made, self.torch.nn.Module):
            raise wrong("module", make, "a function (n_inputs, n_outputs) -> torch.nn.Module")
        return made

    def _make_optimizer(self) -> None:
        options, optim = self.options, self.torch.optim
        kind = options.optimizer
        kind = getattr(optim, kind) if isinstance(kind, str) else kind
        self.parameters = [p for p in self.module.parameters() if p.requires_grad]
        params = dict(options.optimizer_params)
        if options.optimizer in _FUSED:  # the same steps in one call: small networks gain most
            params.setdefault("fused", True)
        if self.captured is not None and options.optimizer != "SGD":
            params["capturable"] = True
        self.optimizer = kind(self.parameters, lr=options.learning_rate, **params)
        bare = options.optimizer == "Adam" and params == {"fused": True} and not options.scheduler
        self._descent = FusedAdam(self.torch, self.optimizer) if bare else self.optimizer
        self.scheduler = None
        if options.scheduler is not None:
            make = getattr(optim.lr_scheduler, options.scheduler)
            self.scheduler = make(self.optimizer, **options.scheduler_params)

    def _drawing(self, step: int) -> Any:
        """Within it, what torch draws depends on the seed and the step alone."""
        return drawing(self.torch, (self.seed, step), self.device)

    def take_weights(self, weights: Mapping[str, Any]) -> None:
        """Load arrays by name, all that there are; `ValueError` where they do not fit."""
        try:
            tensors = {name: self.torch.as_tensor(value) for name, value in weights.items()}
            self.module.load_state_dict(tensors)
        except (RuntimeError, TypeError, ValueError) as error:
            raise wrong(
                "weights", sorted(weights), f"arrays that fit the module: {error}"
            ) from None

    def try_rows(self) -> None:
        """`ValueError` where the module does not take rows of `sizes[0]` numbers."""
        try:
            self.outputs(np.zeros((1, self.sizes[0]), np.float32))
        except RuntimeError as error:
            due = f"a network of rows of {self.sizes[0]} numbers ({error})"
            raise wrong("module", type(self.module).__name__, due) from None

    # ---------------------------------------------------------------- answers and steps

    def outputs(self, X: npt.NDArray[np.float32]) -> Any:
        """Outputs for rows, as an array."""
        plain = self._plain_for(X)
        if plain is not None:
            return plain.outputs(X)
        with self.threads(len(X)), self.torch.inference_mode():
            # a chunk may have any number of rows: only one that comes alone is compiled
            work = partial(self._outputs, self._compiled if len(X) == 1 else self.module)
            if self.captured is None:
                return work(self.tensor(X)).cpu().numpy()
            return self.captured.run("outputs", work, [X]).cpu().numpy()

    def _plain_for(self, X: npt.NDArray[np.float32]) -> PlainPass | None:
        """The way through the network for a few rows, where torch's calls would cost most."""
        plain = self._plain
        small = plain is not None and self.n_weights * len(X) <= _PLAIN
        return plain if plain is not None and small and plain.takes(X) else None

    def _outputs(self, module: Any, rows: Any) -> Any:
        with self._precision():
            return module(rows).float()

    def call(self, weights: Mapping[str, Any], rows: Any) -> Any:
        """What the module makes of a tensor with `weights` in the place of its own."""
        return self.torch.func.functional_call(self.module, dict(weights), (rows,))

    def embedded(self, X: npt.NDArray[np.float32], layer: Any = None) -> Any:
        """What enters a layer, by default the last one, as an array."""
        with self.threads(len(X)), self.torch.inference_mode():
            run = partial(self._outputs, self.module, self.tensor(X))
            return self.entering(self.last if layer is None else layer, run)

    def entering(self, layer: Any, run: Callable[[], Any]) -> Any:
        """What enters a layer while something is run, as an array."""
        found: list[Any] = []
        hook = layer.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
        try:
            run()
        finally:
            hook.remove()
        return found[0].float().cpu().numpy()

    def step(self, X: npt.NDArray[np.float32], loss: Loss) -> Any:
        """One step down the gradient of a loss; the outputs that it was taken of, a tensor."""

        def work(rows: Any, *others: Any) -> Any:
            found: list[Any] = []

            def value() -> Any:
                found.append(self._outputs(self._compiled, rows))
                return loss.of(found[0], *others)

            self._down(value)
            return found[0].detach()

        plain = None if loss.slopes is None else self._plain_for(X)
        if plain is not None and loss.slopes is not None:
            outputs = plain.descend(X, loss.slopes)
            with self.threads(len(X)):
                self._take_step()
            self._count_step()
            return self.torch.from_numpy(outputs)
        arrays = [X, *loss.arrays]
        with self.threads(len(X)), self._learning():
            if self.captured is None or loss.kind is None:
                return work(*map(self.tensor, arrays))
            return self.captured.run(("step", loss.kind), work, arrays)

    @contextmanager
    def _learning(self) -> Iterator[None]:
        """Within it, the network is in training; a step is counted after it."""
        if self.toggles:
            self.module.train()
        with self._drawing(self.n_steps + 1) if self.draws else nullcontext():
            yield
        if self.toggles:
            self.module.eval()
        self._count_step()

    def _count_step(self) -> None:
        if self.scheduler is not None:
            self.scheduler.step()
        self.n_steps += 1

    def _down(self, loss: Callable[[], Any]) -> None:
        """Weights down the gradient of what `loss` gives."""
        for parameter in self.parameters:
            parameter.grad = None
        loss().backward()
        self._take_step()

    def _take_step(self) -> None:
        """Step along the gradients that are there."""
        if self.options.clip_norm is not None:
            self.torch.nn.utils.clip_grad_norm_(self.parameters, self.options.clip_norm)
        self._descent.step()

    def tensor(self, X: npt.NDArray[Any]) -> Any:
        """An array on the device of the network."""
        return self.torch.from_numpy(X).to(self.device)

    def threads(self, n_rows: int) -> Any:
        """Within it, one thread does what little there is: waiting for others takes longer."""
        on_cpu = self.device.type == "cpu"
        return threads(self.torch, self.n_weights * n_rows if on_cpu else None)

    def _precision(self) -> Any:
        if not self.options.mixed_precision:
            return nullcontext()
        keep = self.captured is None  # what a graph has cast is not there outside of it
        kind = self.device.type
        return self.torch.autocast(kind, dtype=self.torch.bfloat16, cache_enabled=keep)

    # ---------------------------------------------------------------- arrays

    def arrays(self) -> Arrays:
        """Weights, and what the optimizer and the scheduler keep."""
        found = {f"module.{k}": as_array(v) for k, v in self.module.state_dict().items()}
        kept = self.optimizer.state_dict()["state"]
        for index, values in kept.items():
            for name, value in values.items():
                found[f"optimizer.{index}.{name}"] = as_array(self.torch.as_tensor(value))
        found["n_steps"] = np.array([self.n_steps])
        found["sizes"] = np.array(self.sizes)
        return found

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `arrays` gave."""
        tensor = self.torch.tensor
        own = self.module.state_dict()
        self.module.load_state_dict(
            {
                name: tensor(arrays[f"module.{name}"]).reshape(value.shape)
                for name, value in own.items()
            }
        )
        state: dict[int, dict[str, Any]] = {}
        for key, value in arrays.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".", 2)
                shaped = value[0] if name == "step" else value
                state.setdefault(int(index), {})[name] = tensor(shaped)
        kept = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**kept, "state": state})
        self.n_steps = int(arrays["n_steps"][0])
        if self.scheduler is not None:
            self._replay_schedule(self.scheduler)

    def _replay_schedule(self, schedule: Any) -> None:
        """Rates depend on the number of steps alone: count up to where we are."""
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wants steps of the optimizer in between
            for _ in range(self.n_steps):
                schedule.step()

    # ---------------------------------------------------------------- room

    def widened(self, n_inputs: int, n_outputs: int) -> Self:
        """A network for more inputs and outputs: what was learned stays, what is new is 0."""
        grown, arrays = type(self)(self.options, n_inputs, n_outputs), self.arrays()
        names = [name for name, p in grown.module.named_parameters() if p.requires_grad]
        fresh = grown.arrays()
        for name, array in fresh.items():
            if name.startswith("module."):
                arrays[name] = padded(arrays[name], array.shape)
        for key, value in arrays.items():
            if key.startswith("optimizer.") and not key.endswith(".step"):
                shape = fresh["module." + names[int(key.split(".")[1])]].shape
                arrays[key] = padded(value, shape)
        arrays["sizes"] = fresh["sizes"]
        grown.load(arrays)
        return grown


def perceptron(
    n_inputs: int, hidden: Sequence[int], n_outputs: int, activation: str = "ReLU"
) -> Any:
    """Layers with an activation between them."""
    nn = torch().nn
    widths, layers = [n_inputs, *hidden], []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), getattr(nn, activation)()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], n_outputs))


def linears(module: Any) -> list[Any]:
    """The Linear layers of a module, in order."""
    kind = torch().nn.Linear
    return [part for part in module.modules() if isinstance(part, kind)]


def as_array(tensor: Any) -> npt.NDArray[Any]:
    """A tensor as an array of its own, numbers as one of length 1."""
    return np.atleast_1d(np.array(tensor.detach().cpu().numpy()))


def padded(array: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """`array` in the corner of zeros."""
    if array.ndim != len(shape) or any(n > m for n, m in zip(array.shape, shape)):
        raise wrong("module", shape, f"layers of at least the shape {array.shape}")
    grown = np.zeros(shape, array.dtype)
    grown[tuple(slice(n) for n in array.shape)] = array
    return grown


def draws(library: Any, part: Any) -> bool:
    """Whether a layer draws numbers when it learns."""
    return isinstance(part, library.nn.modules.dropout._DropoutNd)


@contextmanager
def drawing(library: Any, words: Sequence[int], device: Any) -> Iterator[None]:
    """Within it, what torch draws depends on `words` alone; its generators are as before after."""
    with library.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        library.manual_seed(int(np.random.SeedSequence(words).generate_state(1)[0]))
        yield


def threads(library: Any, products: int | None) -> Any:
    """Within it, one thread does work of few products; None where it is not the CPU's."""
    small = products is not None and products <= _LITTLE
    return _OneThread(library) if small and library.get_num_threads() > 1 else nullcontext()


class _OneThread:
    """torch's work on one thread within, and on as many as before after."""

    def __init__(self, library: Any) -> None:
        self.torch, self.before = library, library.get_num_threads()

    def __enter__(self) -> None:
        self.torch.set_num_threads(1)

    def __exit__(self, *error: object) -> None:
        self.torch.set_num_threads(self.before)
