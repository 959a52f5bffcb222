"""Targets of networks of torch: classes and numbers, their losses, and answers from outputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from onlineml.kernels.arena import ANSWER_AND_SCORES, Array, Field
from onlineml.nn.captured import Loss
from onlineml.nn.torch_estimator import LOSSES, Singles, named_loss

CROSS_ENTROPY = {"cross_entropy": "cross_entropy"}
TARGET = Field("target_", (3,))  # number of targets, their mean, and squares about it
_N, _MEAN, _M2 = range(3)
_FAR = 10.0  # standard deviations beyond which a target counts as this far

#: Derivatives of losses of numbers, by name, of errors.
_SLOPES: dict[str, Callable[[Any], Any]] = {
    "mse": lambda errors: 2.0 * errors,
    "huber": lambda errors: np.clip(errors, -1.0, 1.0),
    "mae": np.sign,
}


def n_outputs_for(n_classes: int) -> int:
    """Outputs of a network that knows so many classes: room for the next ones."""
    return max(2, 1 << (n_classes - 1).bit_length())


def answer_classes(outputs: Any, n: int, out: Array, serve: int) -> None:
    """Write the most probable of the first `n` classes, and their probabilities."""
    if serve == ANSWER_AND_SCORES:
        out[:, 1:] = 0.0
    if not n:
        out[:, 0] = -1.0
        return
    logits = outputs[:, :n].astype(np.float64)
    out[:, 0] = logits.argmax(1)
    if serve == ANSWER_AND_SCORES:
        shares = np.exp(logits - logits.max(1, keepdims=True))
        out[:, 1 : 1 + n] = shares / shares.sum(1, keepdims=True)


def loss_of_classes(loss: Any, y: Array, weight: Array, n: int) -> Loss:
    """The loss of rows of the first `n` classes."""
    classes = y.astype(np.int64)
    by_row, known = named_loss(loss, CROSS_ENTROPY), isinstance(loss, str)
    slopes = partial(_slopes_of_classes, classes, weight, n) if known else None
    if known and bool((weight == 1.0).all()):
        return Loss(
            lambda outputs, due: by_row(_first(outputs, n), due), [classes], (loss, n), slopes
        )
    how = _by_row(loss)
    return Loss(
        lambda outputs, due, times: (by_row(_first(outputs, n), due, **how) * times).mean(),
        [classes, weight.astype(np.float32)],
        (loss, n, "weighted"),
        slopes,
    )


def _slopes_of_classes(classes: Any, weight: Array, n: int, outputs: Singles) -> Singles:
    """Derivatives of the mean cross-entropy by the outputs."""
    logits, slopes = outputs[:, :n], np.zeros_like(outputs)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    shares[np.arange(len(outputs)), classes] -= 1.0
    shares *= (weight / len(outputs))[:, None]
    slopes[:, :n] = shares
    return slopes


@lru_cache(64)
def row_loss_of_classes(loss: Any, n: int) -> Callable[[Any, Any], Any]:
    """The loss of each row of the first `n` classes: of the same, the same function."""
    by_row, how = named_loss(loss, CROSS_ENTROPY), _by_row(loss)
    return lambda outputs, classes: by_row(_first(outputs, n), classes, **how)


def _first(outputs: Any, n: int) -> Any:
    """Outputs of the first `n` classes; a slice of all would be another operation to go back."""
    return outputs if outputs.shape[1] == n else outputs[:, :n]


def _by_row(loss: Any) -> dict[str, str]:
    return {"reduction": "none"} if isinstance(loss, str) else {}


def learn_targets(y: Array, target: Array) -> None:
    """Take numbers into their mean and variance."""
    for value in y.tolist():
        target[_N] += 1.0
        gap = value - target[_MEAN]
        target[_MEAN] += gap / target[_N]
        target[_M2] += gap * (value - target[_MEAN])


def _scale_of(target: Array) -> tuple[float, float]:
    n, mean, m2 = target.tolist()
    return mean, float(np.sqrt(m2 / n)) if n > 1 and m2 > 0 else 1.0


def standardized_targets(y: Array, target: Array) -> Singles:
    """Numbers as the network learns them."""
    mean, deviation = _scale_of(target)
    return np.clip((y - mean) / deviation, -_FAR, _FAR).astype(np.float32)


def answer_numbers(outputs: Any, target: Array, out: Array) -> None:
    """Write numbers in the units of the targets; their mean before anything has been learned."""
    mean, deviation = _scale_of(target)
    if target[_N] == 0.0:
        deviation = 0.0
    out[:, 0] = mean + deviation * outputs[:, 0].astype(np.float64)


def loss_of_numbers(loss: Any, y: Array, weight: Array, target: Array) -> Loss:
    """The loss of standardized targets."""
    by_row, how = named_loss(loss, LOSSES), _by_row(loss)
    due = standardized_targets(y, target)
    known = isinstance(loss, str) and loss in _SLOPES
    return Loss(
        lambda outputs, due, times: (by_row(outputs[:, 0], due, **how) * times).mean(),
        [due, weight.astype(np.float32)],
        loss,
        partial(_slopes_of_numbers, _SLOPES[loss], due, weight) if known else None,
    )


def _slopes_of_numbers(
    slope: Callable[[Any], Any], due: Singles, weight: Array, outputs: Singles
) -> Singles:
    """Derivatives of a mean loss by the outputs."""
    slopes = np.zeros_like(outputs)
    slopes[:, 0] = slope(outputs[:, 0] - due) * (weight / len(outputs))
    return slopes


@lru_cache(64)
def row_loss_of_numbers(loss: Any) -> Callable[[Any, Any], Any]:
    """The loss of each row of standardized targets: of the same, the same function."""
    by_row, how = named_loss(loss, LOSSES), _by_row(loss)
    return lambda outputs, targets: by_row(outputs[:, 0], targets, **how)
