"""Networks side by side, for estimators: made from options, with room for what is new."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from onlineml.nn.online_net import Arrays, OnlineNet, padded
from onlineml.nn.options import Options
from onlineml.nn.stacked import Stacked


class StackedNet:
    """Many networks that an estimator steps batch by batch, as `OnlineNet` is one.

    With `options.alike` they begin with the same weights, else with those of as many seeds.
    """

    def __init__(self, options: Options, n_inputs: int, n_outputs: int) -> None:
        self.options, self.sizes = options, (n_inputs, n_outputs)
        first = OnlineNet(options, n_inputs, n_outputs)  # checks the module
        made = first.module.cpu() if options.alike else lambda: first.made(n_inputs, n_outputs)
        self.stack = Stacked(
            made, options.n_models,
            optimizer=options.optimizer, learning_rate=options.learning_rate,
            optimizer_params=options.optimizer_params, clip_norm=options.clip_norm,
            device=options.device, cuda_graphs=options.cuda_graphs, seed=options.seed,
        )  # fmt: skip

    def outputs(self, X: npt.NDArray[np.float32], which: Any = None) -> Any:
        """Outputs for rows, as those of `Stacked`."""
        return self.stack.outputs(X, which)

    def step(
        self, X: Any, y: Any, loss: Callable[[Any, Any], Any], which: Any, weight: Any
    ) -> None:
        """One step of each model that has rows."""
        self.stack.step(X, y, loss, which, weight)

    def reset(self, place: int) -> None:
        """A model goes back to where it began."""
        self.stack.reset([place])

    def arrays(self) -> Arrays:
        """Weights, and what the optimizer keeps."""
        return {**self.stack.arrays(), "sizes": np.array(self.sizes)}

    def load(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `arrays` gave."""
        self.stack.load(arrays)

    def widened(self, n_inputs: int, n_outputs: int) -> Self:
        """Networks for more inputs and outputs: what was learned stays, what is new is 0."""
        grown, arrays = type(self)(self.options, n_inputs, n_outputs), self.arrays()
        fresh = grown.arrays()
        grown.load({name: padded(array, fresh[name].shape) for name, array in arrays.items()})
        return grown
