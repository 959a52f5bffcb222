"""A torch module with its optimizer: steps, answers, arrays, room for what is new.

torch is imported where it is used, so that the package loads without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from onlineml.schema import wrong

_FUSED = ("Adam", "AdamW", "SGD")
_LITTLE = 1_000_000  # products of a pass through the network that one thread does as fast as two
Arrays = dict[str, npt.NDArray[Any]]


class Options(NamedTuple):
    """How a network is made and trained."""

    module: Any  # (n_inputs, n_outputs) -> module; None for a perceptron
    hidden: Sequence[int]
    optimizer: Any  # a name in torch.optim, or a class of that kind
    learning_rate: float
    optimizer_params: Mapping[str, Any]
    scheduler: str | None  # a name in torch.optim.lr_scheduler
    scheduler_params: Mapping[str, Any]
    clip_norm: float | None
    device: str
    mixed_precision: bool
    seed: int | None
    activation: str = "ReLU"  # of the perceptron: a name in torch.nn
    cell: str = ""  # of a recurrent network
    n_models: int = 1  # of networks side by side
    alike: bool = False  # whether these begin with the same weights


def torch() -> Any:
    """The library; an error that names the extra where it is missing."""
    if find_spec("torch") is None:
        raise ImportError('networks of torch need it: pip install "onlineml[neural]"')
    import torch as library

    return library


def check_options(options: Options) -> None:
    """Raise `ValueError` for options that cannot be used."""
    library = torch()
    name = options.optimizer
    if isinstance(name, str) and not hasattr(library.optim, name):
        raise wrong("optimizer", name, "a name in torch.optim, such as 'Adam'")
    if not hasattr(library.nn, options.activation):
        raise wrong("activation", options.activation, "a name in torch.nn, such as 'ReLU'")
    if not 0 < options.learning_rate < np.inf:
        raise wrong("learning_rate", options.learning_rate, "a number > 0")
    if options.scheduler is not None and not hasattr(library.optim.lr_scheduler, options.scheduler):
        raise wrong("scheduler", options.scheduler, "a name in torch.optim.lr_scheduler, or None")
    if options.clip_norm is not None and not options.clip_norm > 0:
        raise wrong("clip_norm", options.clip_norm, "a number > 0, or None")
    check_device(library, options.device)


def check_device(library: Any, device: str) -> None:
    """Raise `ValueError` for a device that is not there."""
    try:
        library.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise wrong("device", device, f"a device that is there ({error})") from None


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
        self._make_optimizer()
        self.module.eval()

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
        self.optimizer = kind(self.parameters, lr=options.learning_rate, **params)
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
        with self._threads(len(X)), self.torch.inference_mode():
            return self._forward(X).cpu().numpy()

    def _forward(self, X: npt.NDArray[np.float32]) -> Any:
        with self._precision():
            return self.module(self.tensor(X)).float()

    def embedded(self, X: npt.NDArray[np.float32], layer: Any = None) -> Any:
        """What enters a layer, by default the last one, as an array."""
        return self.entering(self.last if layer is None else layer, lambda: self.outputs(X))

    def entering(self, layer: Any, run: Callable[[], Any]) -> Any:
        """What enters a layer while something is run, as an array."""
        found: list[Any] = []
        hook = layer.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
        try:
            run()
        finally:
            hook.remove()
        return found[0].float().cpu().numpy()

    def step(self, X: npt.NDArray[np.float32], loss: Callable[[Any], Any]) -> float:
        """One step down the gradient of `loss`, a function of the outputs; its value before."""
        with self._threads(len(X)):
            return self._descend(lambda: loss(self._forward(X)))

    def _descend(self, loss: Callable[[], Any]) -> float:
        if self.toggles:
            self.module.train()
        for parameter in self.parameters:
            parameter.grad = None
        with self._drawing(self.n_steps + 1) if self.draws else nullcontext():
            value = loss()
            value.backward()
        if self.options.clip_norm is not None:
            self.torch.nn.utils.clip_grad_norm_(self.parameters, self.options.clip_norm)
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        if self.toggles:
            self.module.eval()
        self.n_steps += 1
        return float(value.detach())

    def tensor(self, X: npt.NDArray[Any]) -> Any:
        """An array on the device of the network."""
        return self.torch.from_numpy(X).to(self.device)

    def _threads(self, n_rows: int) -> Any:
        """Within it, one thread does what little there is: waiting for others takes longer."""
        on_cpu = self.device.type == "cpu"
        return threads(self.torch, self.n_weights * n_rows if on_cpu else None)

    def _precision(self) -> Any:
        if not self.options.mixed_precision:
            return nullcontext()
        return self.torch.autocast(self.device.type, dtype=self.torch.bfloat16)

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
    return _OneThread(library) if small else nullcontext()


class _OneThread:
    """torch's work on one thread within, and on as many as before after."""

    def __init__(self, library: Any) -> None:
        self.torch, self.before = library, library.get_num_threads()

    def __enter__(self) -> None:
        self.torch.set_num_threads(1)

    def __exit__(self, *error: object) -> None:
        self.torch.set_num_threads(self.before)
