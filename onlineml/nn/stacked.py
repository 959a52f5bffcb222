"""Many networks of torch of one architecture, answered and stepped as one.

torch is imported where it is used, so that the package loads without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from onlineml.nn.captured import Captured, check_graphs
from onlineml.nn.online_net import as_array, drawing, threads
from onlineml.nn.options import check_device, torch
from onlineml.nn.stacked_rows import groups, places_of
from onlineml.nn.stacked_steps import Descent, Outer
from onlineml.parameters import whole
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
    cuda_graphs
        Whether a GPU replays a step of all models, and their answers, as one launch: "auto" where
        `is_batched`, True for other modules too, which must then do the same at every step, as
        the loss must, handed over as the same function each time.
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
    calls. 1,000 networks 20-64-64-2 take 15 us a model and row on a core, a loop over them 300.
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
        cuda_graphs: bool | Literal["auto"] = "auto",
        seed: int | None = None,
    ) -> None:
        self.torch = torch()
        whole("n", n, 1)
        if clip_norm is not None and not clip_norm > 0:
            raise wrong("clip_norm", clip_norm, "a number > 0, or None")
        rates = np.asarray(learning_rate, np.float32)
        if rates.shape not in ((), (n,)) or not (np.isfinite(rates) & (rates > 0.0)).all():
            raise wrong("learning_rate", learning_rate, f"a number > 0, or {n} of them")
        check_device(self.torch, device)
        from onlineml.nn.stacked_weights import StackedWeights  # it needs torch

        self.n, self.seed, self.n_steps = n, 0 if seed is None else int(seed), 0
        self.device = self.torch.device(device)
        self._models = StackedWeights(module, n, self.seed, self.device)
        self.n_weights, self.is_batched = self._models.n_weights, self._models.is_batched
        rates = self.torch.from_numpy(np.broadcast_to(rates, n).copy()).to(self.device)
        params, n_learned = optimizer_params or {}, self._models.n_learned
        self._descent = Descent(optimizer, params, rates, clip_norm, n_learned)
        others, draws = not self.is_batched, self._models.draws
        graphs = check_graphs(cuda_graphs, device, optimizer, None, others, draws)
        self._captured = Captured(self.torch, self.device) if graphs else None

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
        places = places_of(which, self.n, len(X))
        with self._threads(places, len(X)), self.torch.inference_mode():
            if places is not None or not len(X):
                answers = self._answer_each(self._tensor(X), places)
            elif self._captured is None:
                answers = self._answer_all(self._tensor(X))
            else:
                answers = self._captured.run("outputs", self._answer_all, [X])
            array: npt.NDArray[np.float32] = answers.cpu().numpy()
        return array

    def _answer_all(self, rows: Any) -> Any:
        found = [
            self._run(self._models.parts(at), rows.expand(at.stop - at.start, *rows.shape))
            for at in self._blocks(len(rows))
        ]
        return found[0] if len(found) == 1 else self.torch.cat(found)

    def _answer_each(self, rows: Any, places: Any) -> Any:
        if not len(rows):
            none = self._models.module(rows).float()
            return none.expand(self.n, *none.shape) if places is None else none
        answers = None
        for models, of_each, share in groups(places, self._most()):
            found = self._run(self._models.parts(self._at(models)), rows[self._tensor(of_each)])
            answers = found.new_empty((len(rows), *found.shape[2:])) if answers is None else answers
            real = share > 0.0
            answers[self._tensor(of_each[real])] = found[self._tensor(real)]
        return answers

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
        places, arrays = places_of(which, self.n, len(X)), [X, y]
        arrays += [] if weight is None else [np.asarray(weight, np.float32)]
        if not len(X):
            return
        self.n_steps += 1
        words = self.seed, self.n_steps
        draw = drawing(self.torch, words, self.device) if self._models.draws else nullcontext()
        differs = self._models.draws or not self.is_batched  # in training from out of it
        if differs:
            self._models.module.train()
        with self._threads(places, len(X)), draw:
            if places is not None:
                self._learn_each(loss, places, *map(self._tensor, arrays))
            elif self._captured is None:
                self._learn_all(loss, *map(self._tensor, arrays))
            else:
                work = partial(self._learn_all, loss)
                self._captured.run(("step", loss), work, arrays)
        if differs:
            self._models.module.eval()

    def _learn_all(self, loss: Any, rows: Any, targets: Any, times: Any = None) -> None:
        n = len(rows)
        share = self.torch.full((n,), 1.0 / n, device=self.device)
        share = share if times is None else share * times
        for at in self._blocks(n):
            of_all = (part.expand(at.stop - at.start, *part.shape) for part in (targets, share))
            own = rows.expand(at.stop - at.start, *rows.shape)
            self._learn(at, loss, own, *(part.flatten(0, 1) for part in of_all))

    def _learn_each(
        self, loss: Any, places: Any, rows: Any, targets: Any, times: Any = None
    ) -> None:
        for models, of_each, share in groups(places, self._most()):
            each, shares = self._tensor(of_each), self._tensor(share)
            shares = shares if times is None else shares * times[each]
            own = rows[each], targets[each].flatten(0, 1), shares.flatten()
            self._learn(self._at(models), loss, *own)

    def _learn(self, at: Any, loss: Any, rows: Any, targets: Any, share: Any) -> None:
        """One step of some models: rows `(k, r, ...)`, targets and shares `(k * r, ...)`."""
        parts = self._models.parts(at)
        learned = [part.requires_grad_() for part in parts[: self._models.n_named]]
        factors: dict[int, Any] | None = {} if self.device.type == "cpu" else None
        values = loss(self._run(parts, rows, factors).flatten(0, 1), targets)
        if values.shape != share.shape:
            raise wrong("loss", tuple(values.shape), f"one number a row, {tuple(share.shape)}")
        total = (values * share).sum()
        grads = list(self.torch.autograd.grad(total, learned, allow_unused=True))
        for place, (left, right) in (factors or {}).items():
            grads[place] = Outer(left, right)
        grads = [w.new_zeros(w.shape) if g is None else g for w, g in zip(learned, grads)]
        self._descent.step(self._models.flat, at, grads)

    def _run(self, parts: Sequence[Any], rows: Any, factors: Any = None) -> Any:
        """Outputs of each model for its rows, `(k, r, ...)`."""
        outputs = self._models.run(parts, rows, factors)
        if outputs.ndim < 3:
            raise wrong("module", tuple(outputs.shape[1:]), "outputs (n_rows, n_outputs)")
        return outputs.float()

    def _blocks(self, n_rows: int) -> list[slice]:
        """All models, as many at once as there is room for."""
        step = max(1, self._most() // n_rows)
        return [slice(i, min(i + step, self.n)) for i in range(0, self.n, step)]

    def _at(self, models: Any) -> Any:
        """Where models are: a slice, which copies nothing, where they lie side by side."""
        first, last = int(models[0]), int(models[-1])
        alone = last - first + 1 == len(models)
        return slice(first, last + 1) if alone else self._tensor(models)

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
        places = np.arange(self.n) if which is None else np.unique(which)
        self._models.reset(places.tolist())
        self._descent.reset(self._tensor(places))

    def module_of(self, i: int) -> Any:
        """Model i, a `torch.nn.Module` of its own."""
        return self._models.module_of(i)

    def arrays(self) -> Arrays:
        """Weights, and what the optimizer keeps, by name, the models along the first axis."""
        found = {"n_calls": np.array([self.n_steps]), "n_steps": as_array(self._descent.n_steps)}
        for kind, flat in self._kept().items():
            parts = self._models.by_name(flat) if flat.shape[1] else ()
            found |= {
                f"{kind}.{name}": as_array(part) for name, part in zip(self._models.names, parts)
            }
        return found

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `arrays` gave; `ValueError` where it does not fit."""
        for name, own in self.arrays().items():
            came = arrays[name].shape if name in arrays else None
            if came != own.shape:
                raise wrong(f"arrays[{name!r}]", came, f"an array of shape {own.shape}")
        for kind, flat in self._kept().items():
            parts = self._models.by_name(flat) if flat.shape[1] else ()
            for name, part in zip(self._models.names, parts):
                part.copy_(self._tensor(arrays[f"{kind}.{name}"]))
        self._descent.n_steps.copy_(self._tensor(arrays["n_steps"]))
        self.n_steps = int(arrays["n_calls"][0])

    def _kept(self) -> dict[str, Any]:
        kept = self._descent.kept.items()
        return {"module": self._models.flat, **{f"optimizer.{name}": flat for name, flat in kept}}
