"""Steps of Adam without the wrappers around them, which take as long as the steps themselves."""

from __future__ import annotations

from typing import Any


class FusedAdam:
    """What `optimizer.step()` does to weights and moments, by torch's functional form of it.

    It runs no hooks and tells no schedule of the step.

    Parameters
    ----------
    library
        torch.
    optimizer
        A fused `torch.optim.Adam` of one group of parameters.
    """

    def __init__(self, library: Any, optimizer: Any) -> None:
        from torch.optim.adam import adam

        self._no_grad, self._adam = library.no_grad, adam
        self._optimizer = optimizer
        self._means: list[Any] = []

    def step(self) -> None:
        """Step all weights along their gradients."""
        group, state = self._optimizer.param_groups[0], self._optimizer.state
        weights = group["params"]
        gradients = [weight.grad for weight in weights]
        if len(state) < len(weights) or any(gradient is None for gradient in gradients):
            self._optimizer.step()  # makes the moments, and leaves out who has no gradient
            return
        if not self._means or self._means[0] is not state[weights[0]]["exp_avg"]:
            kept = [state[weight] for weight in weights]
            self._means = [moments["exp_avg"] for moments in kept]
            self._squares = [moments["exp_avg_sq"] for moments in kept]
            self._steps = [moments["step"] for moments in kept]
        beta1, beta2 = group["betas"]
        with self._no_grad():
            self._adam(
                weights, gradients, self._means, self._squares, [], self._steps, fused=True,
                amsgrad=False, beta1=beta1, beta2=beta2, lr=group["lr"], eps=group["eps"],
                weight_decay=group["weight_decay"], maximize=False,
            )  # fmt: skip
