"""Steps of many models side by side: one pass over the weights of those that are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.kernels import jit
from onlineml.schema import wrong

Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
_ADAM = {"betas": (0.9, 0.999), "eps": 1e-8}
#: Arguments of the optimizers, named as in torch, and their defaults.
_KNOWN: Mapping[str, Mapping[str, Any]] = {
    "SGD": {"momentum": 0.0, "weight_decay": 0.0},
    "Adam": {**_ADAM, "weight_decay": 0.0},
    "AdamW": {**_ADAM, "weight_decay": 0.01},
}
# Columns of what differs from model to model: by what its gradient is shortened, the length of its
# step, the correction of its mean squares, and what its weights decay to.
_SHORTEN, _LENGTH, _CORRECT, _KEEP = range(4)


class Outer(NamedTuple):
    """The gradient of weights `(n_out, n_in)` of k models, as its factors: left^T right."""

    left: Any  # (k, r, n_out)
    right: Any  # (k, r, n_in)

    def product(self) -> Any:
        """The gradient itself, `(k, n_out, n_in)`."""
        return self.left.transpose(1, 2) @ self.right

    def square_sums(self) -> Any:
        """Squares of the gradient of each model, summed: `(k,)`."""
        left, right = (part @ part.transpose(1, 2) for part in self)
        return (left * right).sum((1, 2))


@jit
def _slope(left: Singles, right: Singles, place: int, factor: Any, slope: Singles) -> None:
    """One row of an outer product, times a factor."""
    for t in range(len(left)):
        a = factor * left[t, place]
        for j in range(len(slope)):
            slope[j] = a * right[t, j] if t == 0 else slope[j] + a * right[t, j]


@jit
def _adam(
    weights: Singles, first: Singles, second: Singles, left: Singles, right: Singles, start: int,
    models: Ints, own: Singles, fixed: Singles,
) -> None:  # fmt: skip
    """Step `models` on their weights from `start` on; their gradients come as factors."""
    beta1, beta2, eps, decay = fixed[0], fixed[1], fixed[2], fixed[3]
    rest1, rest2 = np.float32(1.0) - beta1, np.float32(1.0) - beta2
    width = right.shape[2]
    slope = np.empty(width, np.float32)
    for i in range(len(models)):
        shorten, length, correct, keep = own[i, 0], own[i, 1], own[i, 2], own[i, 3]
        for k in range(left.shape[2]):
            _slope(left[i], right[i], k, shorten, slope)
            at = start + k * width
            w = weights[models[i], at : at + width]
            m = first[models[i], at : at + width]
            v = second[models[i], at : at + width]
            for j in range(width):
                g = slope[j] + decay * w[j]
                m[j] = beta1 * m[j] + rest1 * g
                v[j] = beta2 * v[j] + rest2 * g * g
                w[j] = keep * w[j] - length * m[j] / (np.sqrt(v[j]) * correct + eps)


@jit
def _sgd(
    weights: Singles, buffer: Singles, left: Singles, right: Singles, start: int, models: Ints,
    own: Singles, fixed: Singles,
) -> None:  # fmt: skip
    """The same without mean squares; the buffer has no columns where there is no momentum."""
    momentum, decay, width = fixed[0], fixed[1], right.shape[2]
    slope = np.empty(width, np.float32)
    for i in range(len(models)):
        for k in range(left.shape[2]):
            _slope(left[i], right[i], k, own[i, 0], slope)
            at = start + k * width
            w = weights[models[i], at : at + width]
            for j in range(width):
                slope[j] += decay * w[j]
            if buffer.shape[1] > 0:
                b = buffer[models[i], at : at + width]
                for j in range(width):
                    b[j] = slope[j] = momentum * b[j] + slope[j]
            for j in range(width):
                w[j] -= own[i, 1] * slope[j]


def known_params(optimizer: Any, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of an optimizer with their defaults; `ValueError` for what is not known."""
    known = _KNOWN.get(optimizer) if isinstance(optimizer, str) else None
    if known is None:
        raise wrong("optimizer", optimizer, f"one of {list(_KNOWN)}")
    if unknown := sorted({*params} - {*known}):
        raise wrong("optimizer_params", unknown, f"some of {sorted(known)}")
    return known


class Descent:
    """The optimizer of n models side by side; those that are not stepped keep what they have.

    On the CPU a step is one compiled pass, elsewhere a few operations of torch on all weights.
    """

    def __init__(
        self, optimizer: str, params: Mapping[str, Any], rates: Any, clip_norm: float | None,
        n_weights: int,
    ) -> None:  # fmt: skip
        import torch

        self.torch, self.clip_norm = torch, clip_norm
        known = known_params(optimizer, params)
        self.params, self.is_adam = {**known, **params}, optimizer != "SGD"
        self.decouples = optimizer == "AdamW"
        self.rates = rates
        n, kept = len(rates), ["exp_avg", "exp_avg_sq"] if self.is_adam else ["momentum_buffer"]
        width = n_weights if self.is_adam or self.params["momentum"] else 0
        self.kept = {name: rates.new_zeros((n, width)) for name in kept}
        self.n_steps = torch.zeros(n, dtype=torch.int64, device=rates.device)

    def step(self, weights: Any, models: Any, grads: Sequence[Any]) -> None:
        """Step `models`, a slice or numbers, of all `(n, n_weights)`.

        Gradients are `(n_models, ...)`, or factors of them, in the order of the weights.
        """
        self.n_steps[models] += 1
        own = self._own(models, grads)
        if weights.device.type == "cpu":
            self._compiled(weights, models, grads, own)
        else:
            whole = [g.product() if isinstance(g, Outer) else g for g in grads]
            flat = self.torch.cat([grad.flatten(1) for grad in whole], 1)
            self._by_torch(weights[:, : flat.shape[1]], models, flat, own)

    def reset(self, models: Any) -> None:
        """Nothing has been learned by `models`."""
        for flat in (*self.kept.values(), self.n_steps):
            flat[models] = 0

    def _own(self, models: Any, grads: Sequence[Any]) -> Any:
        """What differs from model to model, `(n_models, 4)`."""
        rates = self.rates[models]
        own = rates.new_ones((len(rates), 4))
        own[:, _LENGTH] = rates
        if self.clip_norm is not None:
            norm = sum(_square_sums(grad) for grad in grads) ** 0.5
            own[:, _SHORTEN] = (self.clip_norm / (norm + 1e-6)).clamp(max=1.0)
        if self.is_adam:
            steps, (beta1, beta2) = self.n_steps[models].double(), self.params["betas"]
            own[:, _LENGTH] /= 1.0 - beta1**steps
            own[:, _CORRECT] = (1.0 - beta2**steps).rsqrt()
        if self.decouples:
            own[:, _KEEP] -= rates * self.params["weight_decay"]
        return own

    def _decay(self) -> float:
        """What decays by way of the gradient."""
        return 0.0 if self.decouples else float(self.params["weight_decay"])

    def _compiled(self, weights: Any, models: Any, grads: Sequence[Any], own: Any) -> None:
        if self.is_adam:
            numbers = (*self.params["betas"], self.params["eps"], self._decay())
        else:
            numbers = (self.params["momentum"], self._decay())
        kernel: Any = _adam if self.is_adam else _sgd
        kept = [buffer.numpy() for buffer in self.kept.values()]
        if isinstance(models, slice):
            models = self.torch.arange(models.start, models.stop)
        due = models.numpy(), own.numpy(), np.array(numbers, np.float32)
        start = 0
        for grad in grads:
            outer = grad if isinstance(grad, Outer) else self._as_factors(grad)
            left, right = (part.contiguous().numpy() for part in outer)
            kernel(weights.numpy(), *kept, left, right, start, *due)
            start += left.shape[2] * right.shape[2]

    def _as_factors(self, grad: Any) -> Outer:
        return Outer(grad.new_ones((len(grad), 1, 1)), grad.reshape(len(grad), 1, -1))

    def _by_torch(self, weights: Any, models: Any, grad: Any, own: Any) -> None:
        shorten, length, correct, keep = own[:, :, None].unbind(1)
        w, kept = weights[models], [buffer[models] for buffer in self.kept.values()]
        slope = self.torch.addcmul(w * self._decay(), grad, shorten)
        if self.is_adam:
            (beta1, beta2), (first, second) = self.params["betas"], kept
            first.lerp_(slope, 1.0 - beta1)
            second.mul_(beta2).addcmul_(slope, slope, value=1.0 - beta2)
            w.mul_(keep)
            w -= length * first / second.sqrt().mul_(correct).add_(self.params["eps"])
        elif kept[0].shape[1]:
            kept[0].mul_(self.params["momentum"]).add_(slope)
            w -= length * kept[0]
        else:
            w -= length * slope
        if isinstance(models, slice):  # then all of it was done in place
            return
        for whole, part in zip([weights, *self.kept.values()], [w, *kept]):
            whole.index_copy_(0, models, part)


def _square_sums(grad: Any) -> Any:
    return grad.square_sums() if isinstance(grad, Outer) else grad.flatten(1).square().sum(1)
