"""Many networks of torch of one architecture, answered and stepped as one.

torch is imported where it is used, so that the package loads without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.nn.online_net import as_array, drawing, draws, threads
from onlineml.nn.options import check_device, torch
from onlineml.nn.stacked_rows import Group, groups, places_of
from onlineml.nn.stacked_steps import Descent, Outer
from onlineml.schema import wrong

_AT_ONCE, _AT_ONCE_GPU = 1 << 23, 1 << 30  # weights, times rows, that are worked on at once
Arrays = dict[str, npt.NDArray[Any]]


class Stacked:
    """`n` networks of one architecture: one pass and one step of the optimizer for all of them.

    Either every row goes to every model (as many seeds, or learning rates, side by side), or each
    row goes to a model of its own (`which`: users, devices); models that get no row stay as they
    are, with what the optimizer keeps of them.

    Parameters
    ----------
    module
        Function `() -> torch.nn.Module`, called once a model, whose weights are then its own; or a
        module, of which all models begin as copies.
    n
        Number of models.
    optimizer
        "SGD", "Adam" or "AdamW", with torch's rules.
    learning_rate
        Length of a step, or one for each model, `(n,)`.
    optimizer_params
        Of the optimizer, as in torch: `betas`, `eps`, `weight_decay`; `momentum` and
        `weight_decay` of "SGD".
    clip_norm
        Greatest norm of a model's gradient; None for any.
    device
        "cpu", "cuda", "cuda:1", ...
    seed
        Model i is drawn as a network alone with the seed `seed + i`; dropout too depends on it.

    Attributes
    ----------
    n, n_weights
        Number of models, and of the weights of each.
    is_batched
        Whether products of all models are one call: so in sequences of Linear layers, LayerNorm,
        dropout and activations. Other modules are vectorized by `torch.func`.

    Raises
    ------
    ImportError
        torch is not installed.
    ValueError
        For arguments that cannot be used; for modules with batch normalization or with other
        buffers that differ from model to model, weights that are not float32, and none to learn.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from onlineml.nn.stacked import Stacked
    >>> net = lambda: torch.nn.Sequential(
    ...     torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1)
    ... )
    >>> stack = Stacked(net, 50, learning_rate=0.01, seed=1)  # fifty seeds
    >>> X = np.random.default_rng(0).normal(size=(2_000, 2)).astype(np.float32)
    >>> y = X[:, :1] * X[:, 1:]
    >>> def loss(outputs, targets):
    ...     return (outputs - targets).square()[:, 0]
    >>> for i in range(0, 2_000, 8):
    ...     stack.step(X[i : i + 8], y[i : i + 8], loss)
    >>> answers = stack.outputs(X[:100])
    >>> answers.shape
    (50, 100, 1)
    >>> bool(((answers - y[:100]) ** 2).mean() < 0.2)
    True

    Notes
    -----
    A model learns the mean loss of its rows in a call, as a network alone would; dropout draws
    other numbers than it would. A step passes over the weights of the models that are due once
    forward, once backward and once for the optimizer: small networks are bounded by memory, not by
    calls. 1,000 networks 20-64-64-2 take 17 us a model and row on a core, a loop over them 350.
    """

    def __init__(
        self,
        module: Any,
        n: int,
        *,
        optimizer: str = "Adam",
        learning_rate: float | Sequence[float] = 1e-3,
        optimizer_params: Mapping[str, Any] | None = None,
        clip_norm: float | None = None,
        device: str = "cpu",
        seed: int | None = None,
    ) -> None:
        self.torch = torch()
        if not (isinstance(n, int) and n >= 1):
            raise wrong("n", n, "a whole number >= 1")
        if clip_norm is not None and not clip_norm > 0:
            raise wrong("clip_norm", clip_norm, "a number > 0, or None")
        rates = np.asarray(learning_rate, np.float32)
        if rates.shape not in ((), (n,)) or not (np.isfinite(rates) & (rates > 0.0)).all():
            raise wrong("learning_rate", learning_rate, f"a number > 0, or {n} of them")
        self.n, self.seed, self.n_steps = n, 0 if seed is None else int(seed), 0
        check_device(self.torch, device)
        self.device = self.torch.device(device)
        self._make = deepcopy(module) if isinstance(module, self.torch.nn.Module) else module
        self._build()
        rates = self.torch.from_numpy(np.broadcast_to(rates, n).copy()).to(self.device)
        n_learned = sum(map(prod, self._shapes[: self._n_learned]))
        self._descent = Descent(optimizer, optimizer_params or {}, rates, clip_norm, n_learned)

    def _build(self) -> None:
        """The first model, through which all go, and the weights of all, side by side."""
        from onlineml.nn.stacked_pass import names_of, pass_of

        first = self._drawn(0)
        self._names, self._n_learned = names_of(first)
        self._shapes = [first.get_parameter(name).shape for name in self._names]
        self.n_weights = sum(map(prod, self._shapes))
        self._module = first.to(self.device).eval()
        self._draws = any(draws(self.torch, part) for part in first.modules())
        self._weights = self.torch.empty((self.n, self.n_weights), device=self.device)
        self._pass, self.is_batched = pass_of(self._module, self._names)
        self.reset()

    def _drawn(self, i: int) -> Any:
        """Model i as it begins."""
        nn = self.torch.nn
        if isinstance(self._make, nn.Module):
            return deepcopy(self._make)
        with drawing(self.torch, (self.seed + i, 0), self.device):
            made = self._make() if callable(self._make) else None
        if not isinstance(made, nn.Module):
            raise wrong("module", self._make, "a function () -> torch.nn.Module, or a module")
        return made

    def _flat(self, module: Any) -> Any:
        """The weights of a module, in order, as one row."""
        own, shared = dict(module.named_parameters()), dict(self._module.named_buffers())
        buffers = dict(module.named_buffers())
        if [own.get(name, module).shape for name in self._names] != self._shapes:
            raise wrong("module", module, "models of one architecture")
        if any(not self.torch.equal(shared[k].cpu(), v.cpu()) for k, v in buffers.items()):
            raise wrong("module", module, "models whose buffers are equal")
        return self.torch.cat([own[name].detach().flatten() for name in self._names])

    # ---------------------------------------------------------------- answers and steps

    def outputs(self, X: npt.NDArray[np.float32], which: Any = None) -> npt.NDArray[np.float32]:
        """Outputs for rows, `(n, n_rows, ...)`; with `which`, `(n_rows, ...)`.

        Parameters
        ----------
        X
            Rows, `(n_rows, ...)`.
        which
            The model of each row, `(n_rows,)`; None for all of them.
        """
        places, rows = places_of(which, self.n, len(X)), self._tensor(X)
        answers = None
        with self._threads(places, len(X)), self.torch.inference_mode():
            for models, of_each, share in groups(places, self.n, len(X), self._most()):
                found = self._run(self._parts(models), rows, of_each).float()
                if answers is None:
                    lead = (self.n, len(X)) if places is None else (len(X),)
                    answers = found.new_empty((*lead, *found.shape[2:]))
                if places is None:
                    answers[models[0] : models[-1] + 1] = found
                else:
                    answers[self._tensor(of_each[share > 0.0])] = found[self._tensor(share > 0.0)]
            if answers is None:  # no rows
                none = self._module(rows)
                answers = none if places is not None else none.expand(self.n, *none.shape)
            array: npt.NDArray[np.float32] = answers.cpu().numpy()
        return array

    def step(
        self,
        X: npt.NDArray[np.float32],
        y: npt.NDArray[Any],
        loss: Callable[[Any, Any], Any],
        which: Any = None,
        weight: Any = None,
    ) -> None:
        """One step of each model that has rows down the gradient of their mean loss.

        Parameters
        ----------
        X
            Rows, `(n_rows, ...)`.
        y
            Targets, `(n_rows, ...)`.
        loss
            Function `(outputs, targets) -> loss of each row`, of tensors. Rows of several models
            come together: the loss of one must depend on its own outputs and target alone.
        which
            The model of each row, `(n_rows,)`; None for all of them.
        weight
            Factors of the losses, `(n_rows,)`; None for 1.
        """
        places, rows, targets = places_of(which, self.n, len(X)), self._tensor(X), self._tensor(y)
        times = None if weight is None else self._tensor(np.asarray(weight, np.float32))
        self.n_steps += 1
        words = self.seed, self.n_steps
        draw = drawing(self.torch, words, self.device) if self._draws else nullcontext()
        self._module.train()
        with self._threads(places, len(X)), draw:
            for group in groups(places, self.n, len(X), self._most()):
                self._learn(group, rows, targets, loss, times)
        self._module.eval()

    def _learn(self, group: Group, rows: Any, targets: Any, loss: Any, times: Any) -> None:
        """One step of the models of a group."""
        parts = self._parts(group.models)
        learned = [part.requires_grad_() for part in parts[: self._n_learned]]
        factors: dict[int, Any] | None = {} if self.device.type == "cpu" else None
        outputs = self._run(parts, rows, group.rows, factors).float()
        each = self._tensor(group.rows).expand(outputs.shape[:2])
        share = self._tensor(group.share).expand(each.shape)
        share = share if times is None else share * times[each]
        values = loss(outputs.flatten(0, 1), targets[each.flatten()])
        if values.shape != (each.numel(),):
            raise wrong("loss", tuple(values.shape), f"one number a row, ({each.numel()},)")
        total = (values * share.flatten()).sum()
        grads = list(self.torch.autograd.grad(total, learned, allow_unused=True))
        for place, (left, right) in (factors or {}).items():
            grads[place] = Outer(left, right)
        grads = [w.new_zeros(w.shape) if g is None else g for w, g in zip(learned, grads)]
        self._descent.step(self._weights, self._at(group.models), grads)

    def _run(self, parts: Sequence[Any], rows: Any, of_each: Any, factors: Any = None) -> Any:
        """Outputs of each model for its rows, `(k, r, ...)`."""
        own = rows[None] if len(of_each) < len(parts[0]) else rows[self._tensor(of_each)]
        outputs = self._pass(parts, own.expand(len(parts[0]), *own.shape[1:]), factors)
        if outputs.ndim < 3:
            raise wrong("module", tuple(outputs.shape[1:]), "outputs (n_rows, n_outputs)")
        return outputs

    def _parts(self, models: Any) -> list[Any]:
        """The weights of some models, by parameter."""
        return [part.detach() for part in self._by_name(self._weights[self._at(models)])]

    def _at(self, models: Any) -> Any:
        """Where models are: a slice, which copies nothing, where they lie side by side."""
        first, last = int(models[0]), int(models[-1])
        alone = last - first + 1 == len(models)
        return slice(first, last + 1) if alone else self._tensor(models)

    def _by_name(self, flat: Any) -> list[Any]:
        """Rows of weights as arrays of each parameter, as many as they have room for."""
        sizes = [prod(shape) for shape in self._shapes]
        sizes = sizes if flat.shape[1] == self.n_weights else sizes[: self._n_learned]
        return [
            part.view(len(flat), *shape) for part, shape in zip(flat.split(sizes, 1), self._shapes)
        ]

    def _tensor(self, array: Any) -> Any:
        return self.torch.as_tensor(array, device=self.device)

    def _threads(self, places: Any, n_rows: int) -> Any:
        n_pairs = n_rows if places is not None else n_rows * self.n
        on_cpu = self.device.type == "cpu"
        return threads(self.torch, self.n_weights * n_pairs if on_cpu else None)

    def _most(self) -> int:
        """Pairs of a model and a row that are worked on at once."""
        on_cpu = self.device.type == "cpu"
        return max(1, (_AT_ONCE if on_cpu else _AT_ONCE_GPU) // self.n_weights)

    # ---------------------------------------------------------------- models, arrays

    def reset(self, which: Any = None) -> None:
        """Models go back to where they began: those of these numbers, `(m,)`, or all."""
        places = range(self.n) if which is None else np.unique(which).tolist()
        alike = isinstance(self._make, self.torch.nn.Module)
        flat = self._flat(self._drawn(0)) if alike else None
        for i in places:
            self._weights[i] = self._flat(self._drawn(i)) if flat is None else flat
        if "_descent" in vars(self):
            self._descent.reset(self._tensor(np.array(places, np.int64)))

    def module_of(self, i: int) -> Any:
        """Model i, a `torch.nn.Module` of its own."""
        module, weights = deepcopy(self._module), self._parts(np.array([i]))
        with self.torch.no_grad():
            for name, weight in zip(self._names, weights):
                module.get_parameter(name).copy_(weight[0])
        return module

    def arrays(self) -> Arrays:
        """Weights, and what the optimizer keeps, by name, the models along the first axis."""
        found = {"n_calls": np.array([self.n_steps]), "n_steps": as_array(self._descent.n_steps)}
        for kind, flat in self._kept().items():
            parts = self._by_name(flat) if flat.shape[1] else ()
            found |= {f"{kind}.{name}": as_array(part) for name, part in zip(self._names, parts)}
        return found

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `arrays` gave; `ValueError` where it does not fit."""
        for name, own in self.arrays().items():
            came = arrays[name].shape if name in arrays else None
            if came != own.shape:
                raise wrong(f"arrays[{name!r}]", came, f"an array of shape {own.shape}")
        for kind, flat in self._kept().items():
            parts = self._by_name(flat) if flat.shape[1] else ()
            for name, part in zip(self._names, parts):
                part.copy_(self._tensor(arrays[f"{kind}.{name}"]))
        self._descent.n_steps.copy_(self._tensor(arrays["n_steps"]))
        self.n_steps = int(arrays["n_calls"][0])

    def _kept(self) -> dict[str, Any]:
        kept = self._descent.kept.items()
        return {"module": self._weights, **{f"optimizer.{name}": flat for name, flat in kept}}
