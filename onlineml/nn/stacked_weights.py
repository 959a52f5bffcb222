"""Weights of many models of one architecture, side by side in one array."""

from __future__ import annotations

from copy import deepcopy
from math import prod
from typing import Any

import torch

from onlineml.nn.online_net import drawing, draws
from onlineml.nn.stacked_pass import names_of, pass_of
from onlineml.schema import wrong


class StackedWeights:
    """`flat` is `(n, n_weights)`, what is learned first, then what is frozen.

    `make` is a module, of which all are copies, or a function that makes one: the i-th then begins
    as a network alone with the seed `seed + i`.
    """

    def __init__(self, make: Any, n: int, seed: int, device: Any) -> None:
        self.make = deepcopy(make) if isinstance(make, torch.nn.Module) else make
        self.n, self.seed, self.device = n, seed, device
        first = self._drawn(0)
        self.names, self.n_named = names_of(first)
        self.shapes = [first.get_parameter(name).shape for name in self.names]
        self.n_weights = sum(map(prod, self.shapes))
        self.n_learned = sum(map(prod, self.shapes[: self.n_named]))
        self.module = first.to(device).eval()
        self.draws = any(draws(torch, part) for part in first.modules())
        self.run, self.is_batched = pass_of(self.module, self.names)
        self.flat = torch.empty((n, self.n_weights), device=device)
        self.reset(range(n))

    def _drawn(self, i: int) -> Any:
        """Model i as it begins."""
        if isinstance(self.make, torch.nn.Module):
            return deepcopy(self.make)
        with drawing(torch, (self.seed + i, 0), self.device):
            made = self.make() if callable(self.make) else None
        if not isinstance(made, torch.nn.Module):
            raise wrong("module", self.make, "a function () -> torch.nn.Module, or a module")
        return made

    def _flat_of(self, module: Any) -> Any:
        """The weights of a module, in order, as one row."""
        own, shared = dict(module.named_parameters()), dict(self.module.named_buffers())
        buffers = dict(module.named_buffers())
        if [getattr(own.get(name), "shape", None) for name in self.names] != self.shapes:
            raise wrong("module", module, "models of one architecture")
        if any(not torch.equal(shared[k].cpu(), v.cpu()) for k, v in buffers.items()):
            raise wrong("module", module, "models whose buffers are equal")
        return torch.cat([own[name].detach().flatten() for name in self.names])

    def reset(self, places: Any) -> None:
        """Models go back to where they began."""
        alike = isinstance(self.make, torch.nn.Module)
        row = self._flat_of(self.make) if alike else None
        for i in places:
            self.flat[i] = self._flat_of(self._drawn(i)) if row is None else row

    def parts(self, at: Any) -> list[Any]:
        """The weights of some models, by parameter."""
        return [part.detach() for part in self.by_name(self.flat[at])]

    def by_name(self, flat: Any) -> list[Any]:
        """Rows of weights as arrays of each parameter, as many as they have room for."""
        sizes = [prod(shape) for shape in self.shapes]
        sizes = sizes if flat.shape[1] == self.n_weights else sizes[: self.n_named]
        return [
            part.view(len(flat), *shape) for part, shape in zip(flat.split(sizes, 1), self.shapes)
        ]

    def module_of(self, i: int) -> Any:
        """Model i, a module of its own."""
        module = deepcopy(self.module)
        with torch.no_grad():
            for name, weight in zip(self.names, self.parts(slice(i, i + 1))):
                module.get_parameter(name).copy_(weight[0])
        return module
