"""One pass through many networks of the same architecture, their weights side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from onlineml.schema import wrong

#: Layers that do the same to every number, or draw by number: they need not know of models.
_EACH = (
    nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU,
    nn.Mish, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.Hardtanh, nn.Hardswish,
    nn.Hardsigmoid, nn.LogSigmoid, nn.Tanhshrink, nn.Dropout,
)  # fmt: skip
_FEW = 4  # rows of a model up to which its gradient is cheaper made where it is used
#: `(weights of each model by parameter, rows (k, r, ...), factors) -> outputs (k, r, ...)`. Where
#: `factors` is a dictionary, going back leaves the gradients of products there, not in the weights.
Pass = Callable[[Sequence[Any], Any, Any], Any]


def pass_of(module: Any, names: Sequence[str]) -> tuple[Pass, bool]:
    """The pass through copies of a module, and whether it is one of batched products.

    Weights come in the order of `names`. Sequences of Linear layers, LayerNorm, dropout and
    activations are batched; everything else is vectorized by torch, and takes twice as long.
    """
    parameters = dict(module.named_parameters())
    index = {id(parameters[name]): i for i, name in enumerate(names)}
    layers = _layers(module, index)
    if layers is not None:
        return lambda weights, rows, factors: _through(layers, weights, rows, factors), True

    def one(weights: Sequence[Any], rows: Any) -> Any:
        return torch.func.functional_call(module, dict(zip(names, weights)), (rows,))

    each = torch.func.vmap(one, in_dims=(0, 0), randomness="different")
    return lambda weights, rows, factors: each(weights, rows), False


def names_of(module: Any) -> tuple[list[str], int]:
    """The parameters of a module, those that are learned first, and the number of these.

    `ValueError` for a module that cannot be stacked.
    """
    for part in module.modules():
        norms = nn.modules.batchnorm
        mixes = isinstance(part, norms._BatchNorm)
        if mixes or (isinstance(part, norms._NormBase) and part.track_running_stats):
            due = "layers that do not mix rows, such as LayerNorm"
            raise wrong("module", type(part).__name__, due)
    parameters = dict(module.named_parameters())
    other = {str(p.dtype) for p in parameters.values()} - {"torch.float32"}
    if other:
        raise wrong("module", f"weights of {sorted(other)}", "weights of torch.float32")
    learned = [name for name, p in parameters.items() if p.requires_grad]
    if not learned:
        raise wrong("module", module, "one with weights to learn")
    return [*learned, *(name for name in parameters if name not in learned)], len(learned)


Layer = Callable[[Sequence[Any], Any, Any], Any]


def _layers(module: Any, index: dict[int, int]) -> list[Layer] | None:
    """The layers of a module as functions like a pass; None if one is not known."""
    if module._forward_hooks or module._forward_pre_hooks:
        return None
    if type(module) is nn.Sequential:
        found: list[Layer] = []
        for part in module:
            inner = _layers(part, index)
            if inner is None:
                return None
            found += inner
        return found
    if type(module) in _EACH:
        return [lambda w, x, _: module(x)]
    places = [None if p is None else index.pop(id(p), -1) for p in module._parameters.values()]
    if -1 in places:  # a layer that stands in two places
        return None
    if type(module) is nn.Linear:
        product: Any = _Product.apply
        at = places[0]
        return [lambda w, x, f: product(x, _at(w, at), _at(w, places[1]), at, f)]
    if type(module) is nn.LayerNorm and len(module.normalized_shape) == 1:
        return [lambda w, x, _: _normed(module, x, _at(w, places[0]), _at(w, places[1]))]
    return None


def _at(weights: Sequence[Any], place: int | None) -> Any:
    return None if place is None else weights[place]


def _through(layers: list[Layer], weights: Sequence[Any], rows: Any, factors: Any) -> Any:
    for layer in layers:
        rows = layer(weights, rows, factors)
    return rows


def _normed(layer: Any, rows: Any, weight: Any, bias: Any) -> Any:
    rows = nn.functional.layer_norm(rows, layer.normalized_shape, eps=layer.eps)
    rows = rows if weight is None else rows * weight[:, None]
    return rows if bias is None else rows + bias[:, None]


class _Product(torch.autograd.Function):
    """Linear layers side by side; torch's own gradient of the weights comes out transposed."""

    @staticmethod
    def forward(ctx: Any, rows: Any, weight: Any, bias: Any, place: int, factors: Any) -> Any:
        """Rows `(k, r, n_in)`, weights `(k, n_out, n_in)`, biases `(k, n_out)` or None."""
        ctx.save_for_backward(rows, weight)
        ctx.place, ctx.factors = place, factors
        if bias is None:
            return torch.bmm(rows, weight.transpose(1, 2))
        return torch.baddbmm(bias[:, None], rows, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Of rows, where they are asked for, weights and biases."""
        (grad,), (rows, weight), asked = grads, ctx.saved_tensors, ctx.needs_input_grad
        of_rows = torch.bmm(grad, weight) if asked[0] else None
        of_weight = None
        if asked[1] and ctx.factors is not None and rows.shape[1] <= _FEW:
            ctx.factors[ctx.place] = grad.detach(), rows.detach()
        elif asked[1]:
            of_weight = torch.bmm(grad.transpose(1, 2), rows)
        return of_rows, of_weight, grad.sum(1) if asked[2] else None, None, None
