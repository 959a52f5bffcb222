"""Layers of a convolutional network that take a signal piece by piece.

Signals lie in time order here, `(n_samples, n_channels)`: what a kernel sees is then one stretch of
memory, and a convolution is one product of matrices.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from onlineml.nn.residual import Residual
from onlineml.schema import wrong

_NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.AlphaDropout, nn.FeatureAlphaDropout)
_ELEMENTWISE = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU),
    *(nn.SiLU, nn.Mish, nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Softplus, nn.Softsign),
    *(nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Hardshrink, nn.Softshrink, nn.Tanhshrink),
    nn.Threshold,
)
_KNOWN = (
    "Sequential, Residual, Conv1d, AvgPool1d, MaxPool1d, ZeroPad1d, ConstantPad1d, BatchNorm1d, "
    "Dropout, Identity or an elementwise activation"
)


class Each:
    """A function of each sample alone: the activation `part`, or a factor and a shift."""

    stride, left, right = 1, 0, 0

    def __init__(self, part: Any, moments: tuple[Any, Any] | None = None) -> None:
        self.part, self.moments = part, moments
        self.push = self.finish = part.forward if moments is None else self._scaled

    def _scaled(self, x: Any) -> Any:
        assert self.moments is not None
        scale, shift = self.moments
        return torch.addcmul(shift, x, scale)

    def reset(self) -> None:
        """Nothing is kept."""

    def state(self) -> dict[str, Any]:
        """Nothing is kept."""
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        """Nothing is kept."""


class Sliding:
    """A window of `span` samples that moves on by `stride`, over a padded signal.

    `apply(held, n)` gives the outputs of the first n windows of `held`. Kept are the samples from
    the start of the next window on, and how many samples it lies ahead where strides leave gaps.
    The padding, `pads` samples at the left and at the right, is made of `fill`.
    """

    apply: Callable[[Any, int], Any]

    def __init__(self, span: int, stride: int, pads: tuple[int, int], fill: float, like: Any):
        self.span, self.stride, self.fill = span, stride, fill
        self.before, self.after = (like.new_full((n, like.shape[1]), fill) for n in pads)
        before = self.before
        self.left, self.right = len(before), span - 1 - len(before)
        self.empty: Any = None
        self.reset()

    def reset(self) -> None:
        """The padding at the left is what the signal begins with."""
        self.tail, self.skip = self.before, 0

    def push(self, x: Any) -> Any:
        """Outputs of the windows that `x` completes."""
        if self.skip:
            cut = min(self.skip, len(x))
            x, self.skip = x[cut:], self.skip - cut
        held = torch.cat((self.tail, x))
        n_held = len(held)
        n_windows = max(0, (n_held - self.span) // self.stride + 1)
        if n_windows:
            used = n_windows * self.stride
            tail = held[used:]  # a view: copied where it would keep much else alive
            self.tail = tail if n_held <= 4 * self.span + 64 else tail.clone()
            self.skip = max(0, used - n_held)
            return self.apply(held, n_windows)
        self.tail = held
        if self.empty is None:  # no outputs, of as many channels as there would be
            self.empty = self.apply(held.new_zeros((self.span, held.shape[1])), 1)[:0]
        return self.empty

    def finish(self, x: Any) -> Any:
        """The last outputs: `x` and the padding at the right complete them."""
        return self.push(torch.cat((x, self.after)))

    def state(self) -> dict[str, Any]:
        """Arrays by name."""
        return {"tail": _array(self.tail), "skip": np.array([self.skip])}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.tail = _tensor(state["tail"], self.before)
        self.skip = int(state["skip"][0])


class Convolution(Sliding):
    """A kernel as a matrix: `(groups, span of the kernel times channels, outputs of the group)`."""

    def __init__(self, part: Any, like: Any) -> None:
        (k,), (s,), (d,), groups = part.kernel_size, part.stride, part.dilation, part.groups
        n_in, n_out, span = part.in_channels, part.out_channels, d * (k - 1) + 1
        if isinstance(part.padding, str):
            total = span - 1 if part.padding == "same" else 0
            pads = (total // 2, total - total // 2)
        else:
            pads = (_one(part.padding),) * 2
        weight = part.weight.detach().reshape(groups, n_out // groups, n_in // groups, k)
        weight = weight.permute(0, 3, 2, 1).reshape(groups, -1, n_out // groups)
        self.weight = weight.clone(memory_format=torch.contiguous_format)
        self.bias = like.new_zeros(n_out) if part.bias is None else part.bias.detach().clone()
        self.taps, self.dilation, self.n_outputs = k, d, n_out
        super().__init__(span, s, pads, 0.0, like.new_zeros((0, n_in)))

    def scale(self, factor: Any, shift: Any) -> None:
        """Multiply the outputs and add to them."""
        self.weight *= factor.reshape(len(self.weight), 1, -1)
        self.bias = self.bias * factor + shift

    def apply(self, held: Any, n: int) -> Any:
        """Products of the windows and the kernel."""
        k, n_in, groups = self.taps, held.shape[1], len(self.weight)
        seen = held.as_strided((n, k, n_in), (self.stride * n_in, self.dilation * n_in, 1))
        if groups == 1:
            return torch.addmm(self.bias, seen.reshape(n, k * n_in), self.weight[0])
        seen = seen.reshape(n, k, groups, -1).permute(2, 0, 1, 3).reshape(groups, n, -1)
        products = torch.bmm(seen, self.weight).permute(1, 0, 2)
        return products.reshape(n, len(self.bias)) + self.bias


class Pool(Sliding):
    """The largest number of each channel, or the mean."""

    def __init__(self, part: Any, like: Any) -> None:
        names = ("kernel_size", "stride", "padding", "dilation")
        k, s, pad, d = (_one(getattr(part, name, 1)) for name in names)
        self.taps, self.dilation, self.is_mean = k, d, type(part) is nn.AvgPool1d
        super().__init__(d * (k - 1) + 1, s, (pad, pad), 0.0 if self.is_mean else -np.inf, like)

    def apply(self, held: Any, n: int) -> Any:
        """Of the taps of each window."""
        m = held.shape[1]
        seen = held.as_strided((n, self.taps, m), (self.stride * m, self.dilation * m, 1))
        return seen.mean(1) if self.is_mean else seen.amax(1)


class Pad(Sliding):
    """A signal with padding at its ends, and nothing else."""

    def __init__(self, part: Any, like: Any) -> None:
        super().__init__(1, 1, part.padding, float(part.value), like)

    def apply(self, held: Any, n: int) -> Any:
        """The samples themselves."""
        return held[:n]


class Chain:
    """Layers one after the other."""

    def __init__(self, layers: list[Any]) -> None:
        self.layers = layers
        self.stride, self.left, self.right = 1, 0, 0
        for layer in layers:
            self.left += self.stride * layer.left
            self.right += self.stride * layer.right
            self.stride *= layer.stride

    def push(self, x: Any) -> Any:
        """What comes out for `x`."""
        for layer in self.layers:
            x = layer.push(x)
        return x

    def finish(self, x: Any) -> Any:
        """What comes out for `x`, the last of the signal."""
        for layer in self.layers:
            x = layer.finish(x)
        return x

    def reset(self) -> None:
        """As before the first sample."""
        for layer in self.layers:
            layer.reset()

    def state(self) -> dict[str, Any]:
        """Arrays by name: the number of the layer, and what it calls them."""
        layers = enumerate(self.layers)
        return {f"{i}.{name}": a for i, layer in layers for name, a in layer.state().items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        for i, layer in enumerate(self.layers):
            layer.load(_within(state, f"{i}."))


class Sum:
    """Two chains whose outputs are added; those of the quicker one wait for the other's."""

    def __init__(self, body: Chain, side: Chain, waiting: Any) -> None:
        if body.stride != side.stride:
            raise wrong("net", f"a Residual of strides {body.stride} and {side.stride}", "equal")
        self.chains, self.none = (body, side), waiting
        self.stride = body.stride
        self.left, self.right = max(body.left, side.left), max(body.right, side.right)
        self.waiting = [waiting, waiting]

    def reset(self) -> None:
        """As before the first sample."""
        self.waiting = [self.none, self.none]
        for chain in self.chains:
            chain.reset()

    def push(self, x: Any) -> Any:
        """Sums that both have come to."""
        return self._summed([chain.push(x) for chain in self.chains])

    def finish(self, x: Any) -> Any:
        """The last sums; `ValueError` where one branch gives more outputs than the other."""
        sums = self._summed([chain.finish(x) for chain in self.chains])
        more = max(len(w) for w in self.waiting)
        if more:
            came = f"a Residual, one branch with {more} outputs more than the other"
            raise wrong("net", came, "equally many")
        return sums

    def _summed(self, outputs: list[Any]) -> Any:
        both = [torch.cat((w, y)) if len(w) else y for w, y in zip(self.waiting, outputs)]
        n = min(len(y) for y in both)
        self.waiting = [y[n:] for y in both]
        return both[0][:n] + both[1][:n]

    def state(self) -> dict[str, Any]:
        """Arrays by name, those of the branches and the outputs that wait."""
        found = {f"waiting.{i}": _array(w) for i, w in enumerate(self.waiting)}
        for i, chain in enumerate(self.chains):
            found |= {f"branch.{i}.{name}": a for name, a in chain.state().items()}
        return found

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.waiting = [_tensor(state[f"waiting.{i}"], self.none) for i in range(2)]
        for i, chain in enumerate(self.chains):
            chain.load(_within(state, f"branch.{i}."))


def streamed(module: Any, n_channels: int, like: Any) -> tuple[Chain, int]:
    """The layers of a module as a chain, and the channels that come out of it.

    `like` is a tensor of the type and on the device of the network. `ValueError` names a layer
    that cannot be streamed.
    """
    parts = list(module) if type(module) is nn.Sequential else [module]
    layers: list[Any] = []
    for part in parts:
        kind = type(part)
        if kind is nn.Sequential:
            inner, n_channels = streamed(part, n_channels, like)
            layers.append(inner)
        elif kind is Residual:
            body, n_out = streamed(part.body, n_channels, like)
            side, n_side = streamed(part.side, n_channels, like)
            if n_out != n_side:
                raise wrong("net", f"a Residual of {n_out} and {n_side} channels", "equal")
            n_channels = n_out
            layers.append(Sum(body, side, like.new_zeros((0, n_out))))
        elif kind not in _NOTHING:
            _check(part, n_channels)
            if kind is nn.BatchNorm1d and layers and isinstance(layers[-1], Convolution):
                layers[-1].scale(*_moments(part))
                continue
            layers.append(_layer(part, n_channels, like))
            n_channels = getattr(part, "out_channels", n_channels)
    return Chain(layers), n_channels


def _check(part: Any, n_channels: int) -> None:
    """Refuse by name a layer whose channels, or one of whose options, do not fit."""
    name = type(part).__name__
    due = getattr(part, "in_channels", getattr(part, "num_features", n_channels))
    if due != n_channels:
        raise wrong("net", f"{name} of {due} channels", f"one of {n_channels}, which reach it")
    refused = {
        "padding_mode": getattr(part, "padding_mode", "zeros") != "zeros",
        "ceil_mode": getattr(part, "ceil_mode", False),
        "return_indices": getattr(part, "return_indices", False),
        "count_include_pad": type(part) is nn.AvgPool1d
        and not part.count_include_pad
        and _one(part.padding) > 0,
        "track_running_stats": type(part) is nn.BatchNorm1d and part.running_mean is None,
        "padding": type(part) in (nn.ZeroPad1d, nn.ConstantPad1d) and min(part.padding) < 0,
    }
    for option, is_refused in refused.items():
        if is_refused:
            value = getattr(part, option)
            raise wrong("net", f"{name}({option}={value!r})", "an option that can be streamed")


def _layer(part: Any, n_channels: int, like: Any) -> Any:
    """One layer, checked before."""
    kind = type(part)
    if kind is nn.Conv1d:
        return Convolution(part, like)
    if kind in (nn.AvgPool1d, nn.MaxPool1d):
        return Pool(part, like.new_zeros((0, n_channels)))
    if kind in (nn.ZeroPad1d, nn.ConstantPad1d):
        return Pad(part, like.new_zeros((0, n_channels)))
    if kind is nn.BatchNorm1d:
        return Each(part, _moments(part))
    if kind in _ELEMENTWISE:
        part = copy.copy(part)  # its weights are shared, the switch below is not
        part.inplace = False  # what comes in is still needed elsewhere
        return Each(part)
    raise wrong("net", kind.__name__, _KNOWN)


def _moments(part: Any) -> tuple[Any, Any]:
    """Fixed moments are one factor and one shift for each channel."""
    scale = 1.0 / torch.sqrt(part.running_var + part.eps)
    scale = scale if part.weight is None else scale * part.weight.detach()
    shift = -part.running_mean * scale
    return scale, shift if part.bias is None else shift + part.bias.detach()


def _one(value: Any) -> int:
    return int(value[0] if isinstance(value, tuple) else value)


def _array(tensor: Any) -> Any:
    return np.array(tensor.cpu().numpy())


def _tensor(array: Any, like: Any) -> Any:
    return torch.tensor(np.asarray(array), dtype=like.dtype, device=like.device)


def _within(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    found = (name for name in state if name.startswith(prefix))
    return {name.removeprefix(prefix): state[name] for name in found}
