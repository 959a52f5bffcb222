"""Traces of the gradients of n networks of torch, and the rules that step along them.

Weights, traces and moments are one row for each network; numbers of a network are in double
precision. Nothing here waits for a device, so that a step can be captured as a CUDA graph. The
rules are those of `onlineml.kernels.trace_rules`, which holds the places of their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from onlineml.kernels.trace_rules import (
    BETA,
    BOUNDED,
    CLIP,
    DECAY,
    EFFECTIVE,
    ERROR_1,
    ERROR_2,
    ERROR_DECAY,
    FADE,
    KAPPA,
    N_STATISTICS,
    NORM,
    RULE,
    RULES,
    SCALED,
    SIGMA,
    STEP,
    N,
)

_FLOOR = 1e-8
_SHARE = 1e-3  # of the newest event in the share of bounded steps
#: Name of a rule -> numbers that it keeps of a weight here.
_KEPT = {"sgd": 0, "adam": 2, "obgd": 0, "adaptive_obgd": 1, "intentional": 1}
Net = dict[str, Any]  # weights, traces, moments, statistics: a row for each network


class Traces:
    """How networks step.

    Parameters
    ----------
    numbers
        Of the rule, as `UpdateRule.numbers` gives them.
    n_learned
        Weights of a network that are learned, the first ones.
    """

    def __init__(self, numbers: Sequence[float], n_learned: int) -> None:
        names = {number: name for name, number in RULES.items()}
        self.name = names[int(numbers[RULE])]
        self.numbers, self.n_learned = numbers, n_learned
        self._rule: Callable[..., None] = getattr(self, f"_{self.name}")

    def first(self, weights: Any) -> Net:
        """The arrays of networks that have learned nothing."""
        n = len(weights)
        return {
            "weights": weights,
            "traces": weights.new_zeros((n, self.n_learned)),
            "moments": weights.new_zeros((n, _KEPT[self.name] * self.n_learned)),
            "statistics": weights.new_zeros((n, N_STATISTICS), dtype=torch.float64),
        }

    def step(self, net: Net, gradient: Any, fade: Any, error: Any) -> None:
        """Traces fade, take in the gradient `(n, n_learned)`, and weights step by the error.

        `fade` and `error` are `(n,)`, in double precision.
        """
        net["statistics"][:, N] += 1.0
        net["traces"].mul_(_column(fade)).add_(gradient)
        self._rule(net, gradient, error)

    # ---------------------------------------------------------------- rules

    def _sgd(self, net: Net, gradient: Any, error: Any) -> None:
        self._along(net, net["traces"], torch.full_like(error, self.numbers[STEP]), error)
        net["statistics"][:, NORM] = _size(net["traces"])

    def _obgd(self, net: Net, gradient: Any, error: Any) -> None:
        self._bounded(net, net["traces"], error)

    def _adaptive_obgd(self, net: Net, gradient: Any, error: Any) -> None:
        squares, decay = net["moments"], self.numbers[DECAY]
        steps = net["traces"] * _column(error)
        squares.mul_(decay).addcmul_(steps, steps, value=1.0 - decay)
        root = (squares * self._correction(net, decay)).add_(_FLOOR).sqrt_()
        self._bounded(net, net["traces"] / root, error)

    def _bounded(self, net: Net, along: Any, error: Any) -> None:
        """Step at most so far that an error, as is assumed, is not overshot."""
        statistics, norm = net["statistics"], _size(along)
        reach = self.numbers[STEP] * self.numbers[KAPPA] * error.abs().clamp(min=1.0) * norm
        self._note_bound(statistics, reach > 1.0)
        self._along(net, along, self.numbers[STEP] / reach.clamp(min=1.0), error)
        statistics[:, NORM] = norm

    def _adam(self, net: Net, gradient: Any, error: Any) -> None:
        n, numbers = self.n_learned, self.numbers
        if numbers[CLIP] > 0.0:
            error = error.clamp(-numbers[CLIP], numbers[CLIP])
        steps = net["traces"] * _column(error)
        mean, squares = net["moments"][:, :n], net["moments"][:, n:]
        mean.mul_(numbers[BETA]).add_(steps, alpha=1.0 - numbers[BETA])
        squares.mul_(numbers[DECAY]).addcmul_(steps, steps, value=1.0 - numbers[DECAY])
        root = (squares * self._correction(net, numbers[DECAY])).sqrt_().add_(_FLOOR)
        statistics = net["statistics"]
        step = numbers[STEP] / (1.0 - numbers[BETA] ** statistics[:, N])
        net["weights"][:, :n].addcmul_(mean / root, _column(step))
        statistics[:, EFFECTIVE], statistics[:, NORM] = step, _size(net["traces"])

    def _intentional(self, net: Net, gradient: Any, error: Any) -> None:
        """Step so far that the intended share of the error goes, on average over the traces."""
        statistics, numbers, squares = net["statistics"], self.numbers, net["moments"]
        squares.mul_(numbers[DECAY]).addcmul_(gradient, gradient, value=1.0 - numbers[DECAY])
        root = (squares * self._correction(net, numbers[DECAY])).sqrt_().add_(_FLOOR)
        along = net["traces"] / root
        gain = (gradient * gradient).div_(root).sum(1).double()
        trace = (net["traces"] * along).sum(1).double()
        n, fade = statistics[:, N], numbers[FADE]
        statistics[:, SIGMA] += (1.0 - fade) * (gain - statistics[:, SIGMA])
        product = statistics[:, SIGMA] / (1.0 - fade**n) * trace
        clipped = self._clipped(statistics, error)
        step = torch.where(product > 0.0, numbers[STEP] / product.sqrt(), 0.0)
        self._along(net, along, step, clipped)
        statistics[:, NORM] = trace.sqrt()

    def _clipped(self, statistics: Any, error: Any) -> Any:
        """The error within what is usual; for a policy, relative to its usual size."""
        decay = self.numbers[ERROR_DECAY]
        met = 1.0 - decay ** statistics[:, N]
        statistics[:, ERROR_2] += (1.0 - decay) * (error * error - statistics[:, ERROR_2])
        limit = self.numbers[CLIP] * (statistics[:, ERROR_2] / met).sqrt()
        self._note_bound(statistics, error.abs() > limit)
        clipped = torch.minimum(torch.maximum(error, -limit), limit)
        if self.numbers[SCALED] > 0.0:
            statistics[:, ERROR_1] += (1.0 - decay) * (clipped.abs() - statistics[:, ERROR_1])
            mean = statistics[:, ERROR_1] / met
            clipped = torch.where(mean > 0.0, clipped / mean, 0.0)
        return clipped

    # ---------------------------------------------------------------- parts of rules

    def _along(self, net: Net, along: Any, step: Any, error: Any) -> None:
        net["weights"][:, : self.n_learned].addcmul_(along, _column(step * error))
        net["statistics"][:, EFFECTIVE] = step

    def _note_bound(self, statistics: Any, bounded: Any) -> None:
        statistics[:, BOUNDED] += _SHARE * (bounded.double() - statistics[:, BOUNDED])

    def _correction(self, net: Net, decay: float) -> Any:
        """By what means of squares are divided that began at 0, a column."""
        return _column(1.0 / (1.0 - decay ** net["statistics"][:, N]))


def _column(numbers: Any) -> Any:
    """Numbers of networks, each for all of its weights."""
    return numbers.float()[:, None]


def _size(rows: Any) -> Any:
    """Sums of absolute values."""
    return torch.linalg.vector_norm(rows, 1, dim=1).double()
