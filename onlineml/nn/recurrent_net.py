"""A recurrent network of torch that is carried along a stream, its state a row of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.nn.captured import Loss
from onlineml.nn.online_net import OnlineNet
from onlineml.nn.options import Options
from onlineml.schema import wrong

CELLS = ("gru", "lstm", "ssm")
Singles = npt.NDArray[np.float32]


class RecurrentNet(OnlineNet):
    """A module `(rows, state) -> (outputs, state)`, stepped window by window.

    Rows are `(n_rows, n_inputs)`, outputs `(n_rows, n_outputs)`. The state is a tensor, or a
    tuple of them, and None where nothing came before; outside it is a flat array, `(n_state,)`.
    """

    def __init__(self, options: Options, n_inputs: int, n_outputs: int) -> None:
        super().__init__(options, n_inputs, n_outputs)
        with self.torch.inference_mode():
            self._state = self._through(np.zeros((1, n_inputs), np.float32), None)[1]
        self._state_sizes = [part.numel() for part in _parts(self._state)]
        self.n_state = sum(self._state_sizes)
        is_plain = self.device.type == "cpu" and not options.mixed_precision
        is_own = options.module is None
        self._one = getattr(self.module, "one", None) if is_plain and is_own else None

    def made(self, n_inputs: int, n_outputs: int) -> Any:
        """A fresh module."""
        if self.options.module is not None:
            return super().made(n_inputs, n_outputs)
        from onlineml.nn.cells import recurrent

        return recurrent(self.options.cell, n_inputs, self.options.hidden[0], n_outputs)

    def carry(self, X: Singles, state: Singles | None) -> tuple[Singles, Singles]:
        """Outputs of rows in a row, and the state after them."""
        with self.threads(len(X)), self.torch.inference_mode():
            if self._one is not None and len(X) == 1 and state is not None:
                outputs, after = self._one(self.torch.from_numpy(X), self._shaped(state))
            else:
                outputs, after = self._through(X, state)
            return outputs.cpu().numpy(), self._flat(after)

    def embedded_after(self, X: Singles, state: Singles | None) -> Any:
        """What enters the last layer, for rows in a row."""
        return self.entering(self.last, lambda: self.carry(X, state))

    def learn(self, X: Singles, state: Singles | None, loss: Loss) -> Singles:
        """One step down the gradient of the loss through all rows; the state after them.

        That is the state that the network as it was before the step came to, out of training.
        """
        found = [self.carry(X, state)[1]] if self.toggles else []

        def through() -> Any:
            outputs, after = self._through(X, state)
            if not found:
                found.append(self._flat(after))
            return loss.of(outputs, *map(self.tensor, loss.arrays))

        with self.threads(len(X)), self._learning():
            self._down(through)
        return found[0]

    def _through(self, X: Singles, state: Singles | None) -> tuple[Any, Any]:
        before = None if state is None else self._shaped(state)
        with self._precision():
            answer = self.module(self.tensor(X), before)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise wrong("module", answer, "a module (rows, state) -> (outputs, state)")
        return answer[0].float(), answer[1]

    def _flat(self, state: Any) -> Singles:
        parts = [part.detach().float().cpu().numpy().ravel() for part in _parts(state)]
        flat: Singles = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return flat

    def _shaped(self, flat: Singles) -> Any:
        if len(self._state_sizes) == 1 and not isinstance(self._state, tuple | list):
            return self.tensor(flat).view(self._state.shape)
        return _rebuilt(self._state, iter(self.tensor(flat).split(self._state_sizes)))


def _parts(state: Any) -> list[Any]:
    """The tensors of a state."""
    if isinstance(state, tuple | list):
        return [part for item in state for part in _parts(item)]
    if not hasattr(state, "numel"):
        raise wrong("module", state, "a state that is a tensor, or a tuple of tensors")
    return [state]


def _rebuilt(like: Any, parts: Any) -> Any:
    """The next parts, in the form of `like`."""
    if isinstance(like, tuple | list):
        return tuple(_rebuilt(item, parts) for item in like)
    return next(parts).reshape(like.shape)
