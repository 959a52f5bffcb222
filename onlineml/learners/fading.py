"""How fast linear models forget: what learning leaves of any difference in the past.

A step of gradient descent with weight decay brings any two sets of weights closer together. With
c = learning_rate * l2 * weight, decay multiplies by s = 1 / (1 + c); the models bound their steps
so that learning_rate times the curvature stays within [0, 1]. The matrix that a row multiplies the
gap by then has its eigenvalues in [s - 1, s], whatever the row.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from onlineml.base import Array


class Past(NamedTuple):
    """What is known of all rows that a model ever learned."""

    largest_target: float
    least_weight: float  # above 0
    largest_weight: float
    n_gaps: float  # rows without one of the features


class Fading(NamedTuple):
    """How two sets of weights come together that learn the same rows."""

    factors: Array  # (n_rows,) what a row leaves of the distance between them, at most
    reach: float  # length of weights that learned any rows of such a past, at most
    n_weights: int


@runtime_checkable
class Fades(Protocol):
    """A linear model with the parameters of `onlineml.learners.LinearRegression`."""

    def _push(self, largest_target: float) -> float:
        """How far a row of weight 1 moves the weights, at most; others by the root of theirs."""


def keeps_all(model: Any) -> str:
    """Why what a model learned does not fade, by its parameters; empty where it does."""
    if getattr(model, "privacy", None) is not None:
        return "a private model hides every row from the start instead"
    if model.optimizer != "sgd":
        return (
            f"with optimizer={model.optimizer!r}, the length of a step depends on all gradients "
            "before: only optimizer='sgd' brings models closer"
        )
    if not model.l2 > 0.0:
        return "without weight decay (l2) nothing fades"
    if model.intercept and not model.decay_intercept:
        return "the intercept does not decay (decay_intercept=True would do, or intercept=False)"
    return ""


def fading(model: Any, weight: Array, past: Past) -> Fading | str:
    """How fast what `model` learned fades over rows of such weights; or why it does not.

    Its parameters are those of a model that does not keep all.
    """
    if model.nominal_.any() or past.n_gaps:
        what = "nominal features" if model.nominal_.any() else "rows with missing values"
        return f"a row lets only weights decay that it touches, and there were {what}"
    ends = np.array([past.least_weight, past.largest_weight])  # the worst weight is one of them
    reach = model._push(past.largest_target) * np.sqrt(ends) / (1.0 - _factors(model, ends))
    n_weights = model.weights_.size + model.intercept_.size
    return Fading(_factors(model, weight[weight > 0.0]), float(reach.max()), n_weights)


def _factors(model: Any, weight: Array) -> Array:
    shrink = 1.0 / (1.0 + model.learning_rate * model.l2 * weight)
    factors: Array = np.maximum(shrink, 1.0 - shrink)
    return factors
