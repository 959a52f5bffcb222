"""Models of torch in a list, each stepped alone."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch


class Stacked:
    """A module and an optimizer of torch for each model."""

    def __init__(self, modules: Sequence[Any], make: Callable[[Any], Any], clip: float | None):
        self.modules = list(modules)
        self.optimizers = [make(module.parameters()) for module in self.modules]
        self.clip = clip

    def outputs(self, X: Any, which: Any = None) -> Any:
        with torch.no_grad():
            if which is None:
                return np.stack([module(torch.tensor(X)).numpy() for module in self.modules])
            return np.stack(
                [self.modules[k](torch.tensor(x[None]))[0].numpy() for x, k in zip(X, which)]
            )

    def step(self, X: Any, y: Any, loss: Any, which: Any = None, weight: Any = None) -> None:
        weight = torch.ones(len(X)) if weight is None else torch.tensor(weight)
        for k, (module, optimizer) in enumerate(zip(self.modules, self.optimizers)):
            mine = np.arange(len(X)) if which is None else np.flatnonzero(which == k)
            if not len(mine):
                continue
            optimizer.zero_grad()
            values = loss(module(torch.tensor(X[mine])), torch.tensor(y[mine]))
            (values * weight[mine]).mean().backward()
            if self.clip is not None:
                torch.nn.utils.clip_grad_norm_(module.parameters(), self.clip)
            optimizer.step()
