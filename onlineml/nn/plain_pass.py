"""Passes through a plain stack of layers on the CPU, without torch's calls.

A small network costs torch little but calls: those of autograd take far longer than the
products. Where a module is nothing but Linear layers with activations between them, its weights lie
in memory that numpy sees too, and the gradient is a few products that are written down here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

Singles = npt.NDArray[np.float32]


class Activation(NamedTuple):
    """A function of sums, and its derivative by what it gives."""

    of: Callable[[Singles], Singles]
    slope: Callable[[Singles], Any]


def _relu(sums: Singles) -> Singles:
    return np.maximum(sums, 0.0, out=sums)


def _sigmoid(sums: Singles) -> Singles:
    shares: Singles = np.tanh(np.multiply(sums, 0.5, out=sums), out=sums)
    shares += 1.0
    shares *= 0.5
    return shares


#: By name in torch.nn, with the arguments that these have by default.
ACTIVATIONS = {
    "ReLU": Activation(_relu, lambda units: units > 0.0),
    "Tanh": Activation(lambda sums: np.tanh(sums, out=sums), lambda units: 1.0 - units * units),
    "Sigmoid": Activation(_sigmoid, lambda units: units * (1.0 - units)),
}


class _Layer(NamedTuple):
    weight: Singles  # (n_out, n_in), memory of the module's
    bias: Singles
    activation: Activation | None


class PlainPass:
    """Passes through a module that `of` finds plain.

    Parameters
    ----------
    parts
        Layers of the module, in order.
    """

    def __init__(self, parts: list[Any]) -> None:
        self._parts = parts
        self._tensors = [t for part in parts[::2] for t in (part.weight, part.bias)]
        self._places = [tensor.data_ptr() for tensor in self._tensors]
        self._gradients = [tensor.detach().clone() for tensor in self._tensors]
        self._slopes = [gradient.numpy() for gradient in self._gradients]
        arrays = [tensor.detach().numpy() for tensor in self._tensors]
        acts = [ACTIVATIONS[type(part).__name__] for part in parts[1::2]]
        self._layers = list(map(_Layer, arrays[::2], arrays[1::2], [*acts, None]))

    @classmethod
    def of(cls, library: Any, module: Any) -> Self | None:
        """Passes through `module`; None where it is more than such a stack."""
        nn = library.nn
        if type(module) is not nn.Sequential or len(module) % 2 == 0:
            return None
        parts = list(module)
        known = [getattr(nn, name) for name in ACTIVATIONS]
        if any(type(part) not in known for part in parts[1::2]):
            return None
        for part in parts[::2]:
            if type(part) is not nn.Linear or part.bias is None:
                return None
            for tensor in (part.weight, part.bias):
                single = tensor.dtype == library.float32 and tensor.device.type == "cpu"
                if not (single and tensor.requires_grad and tensor.is_contiguous()):
                    return None
        return cls(parts)

    def takes(self, X: npt.NDArray[Any]) -> bool:
        """Whether `X` are rows for it; and the weights where they were, and no hooks waiting."""
        if X.ndim != 2 or X.shape[1] != self._layers[0].weight.shape[1] or X.dtype != np.float32:
            return False
        for tensor, place in zip(self._tensors, self._places):
            if tensor.data_ptr() != place:
                return False
        return not any(part._forward_hooks or part._forward_pre_hooks for part in self._parts)

    def outputs(self, X: Singles) -> Singles:
        """Outputs for rows."""
        for weight, bias, activation in self._layers:
            X = np.dot(X, weight.T)
            X += bias
            if activation is not None:
                X = activation.of(X)
        return X

    def descend(self, X: Singles, slopes: Callable[[Singles], Singles]) -> Singles:
        """Give the weights the gradient of a loss, by its derivatives by the outputs; these."""
        units = [X]
        for layer in self._layers:
            X = np.dot(X, layer.weight.T)
            X += layer.bias
            if layer.activation is not None:
                X = layer.activation.of(X)
            units.append(X)
        deltas = slopes(X)
        for k in range(len(self._layers) - 1, -1, -1):
            np.dot(deltas.T, units[k], out=self._slopes[2 * k])
            np.add.reduce(deltas, axis=0, out=self._slopes[2 * k + 1])
            if k > 0:
                before = self._layers[k - 1].activation
                assert before is not None
                deltas = np.dot(deltas, self._layers[k].weight)
                deltas *= before.slope(units[k])
        for tensor, gradient in zip(self._tensors, self._gradients):
            tensor.grad = gradient
        return X
