"""What private learners share: the noise that a budget asks for, and what is spent of it.

Functions over an estimator with the parameters `noise`, `epsilon`, `delta`, `clip`, `period`,
`n_periods`, `bands` and `learning_rate`, and the counts `n_steps_`, `refused_`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from onlineml.base import Array
from onlineml.kernels.correlated_noise import BANDED, TREE, root_of_sums, shares_of_draws
from onlineml.odometer import PrivacyOdometer, rho_of
from onlineml.receipt import Receipt
from onlineml.schema import wrong

KINDS = {"tree": TREE, "banded": BANDED}
_ALWAYS = 2.0**62


def check_privacy(model: Any) -> None:
    """Raise `ValueError` for parameters that cannot be used."""
    if model.noise not in KINDS:
        raise wrong("noise", model.noise, f"one of {list(KINDS)}")
    odometer_of(model)
    for name in ("clip", "learning_rate"):
        if not 0.0 < getattr(model, name) < math.inf:
            raise wrong(name, getattr(model, name), "a number > 0")
    for name in ("period", "bands", "n_periods"):
        value = getattr(model, name)
        endless = name == "n_periods" and value is None
        if not endless and not (isinstance(value, int) and value >= 1):
            raise wrong(name, value, "a whole number >= 1")
    if model.noise == "banded" and model.bands > model.period:
        raise wrong("bands", model.bands, f"no more than the period, {model.period}")


def n_vectors(model: Any) -> int:
    """Noise vectors that are remembered."""
    return int(model.bands - 1 if model.noise == "banded" else model.period.bit_length())


def rho_of_period(model: Any) -> float:
    """What one row of a person costs."""
    return rho_of(model.epsilon, model.delta) / (model.n_periods or 1)


def plan_of(model: Any) -> tuple[float, Array]:
    """Standard deviation of the draws, and the numbers of the plan.

    The noise for one row of length `clip` in each of the sums that it is in: a tree's row is in one
    node of each level, a banded matrix spreads it over its column.
    """
    if model.noise == "banded":
        numbers = root_of_sums(model.bands)
        sensitivity = float(np.linalg.norm(numbers))
    else:
        numbers = shares_of_draws(n_vectors(model) + 1)
        sensitivity = math.sqrt(n_vectors(model))
    return model.clip * sensitivity / math.sqrt(2.0 * rho_of_period(model)), numbers


def privacy_settings(model: Any) -> tuple[float, ...]:
    """Kind, deviation, clip, rows of a tree, rows that may be learned, then the plan's numbers."""
    scale, numbers = plan_of(model)
    most = float(model.n_periods * model.period) if model.n_periods else _ALWAYS
    return KINDS[model.noise], scale, model.clip, model.period, most, *numbers.tolist()


def odometer_of(model: Any) -> PrivacyOdometer:
    """What is spent: one row of a person costs what noise of this size hides it by."""
    made = PrivacyOdometer(epsilon=model.epsilon, delta=model.delta, rule="concentrated")
    n_rows = float(model.n_steps_[0]) if model.is_started else 0.0
    begun = math.ceil(n_rows / model.period) if model.n_periods else min(n_rows, 1.0)
    for _ in range(int(begun)):
        made.spend(rho=rho_of_period(model) * (1.0 - 1e-12))
    return made


def hidden(model: Any) -> Receipt:
    """The receipt for a row: whatever it was, the noise has hidden it from the start."""
    why = f"({model.epsilon:g}, {model.delta:g})-indistinguishable from models that never saw it"
    return Receipt("certified", math.inf, 0.0, 0, why)
