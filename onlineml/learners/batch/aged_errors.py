"""Errors of members over time, recent ones counting more: the weights of the Learn++ family."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array
from onlineml.kernels import jit
from onlineml.kernels.arena import Ints
from onlineml.schema import wrong

_LEAST = 1e-3  # an error of 0 would give an infinite vote


def check_aging(pruning: str, slope: float, crossing: float) -> None:
    """Raise `ValueError` for what is no way of pruning, or no sigmoid."""
    if pruning not in ("age", "vote"):
        raise wrong("pruning", pruning, "'age' or 'vote'")
    for name, value in (("slope", slope), ("crossing", crossing)):
        if not np.isfinite(value):
            raise wrong(name, value, "a finite number")


@jit
def vote_by_aged_errors(
    error: Array, age: Ints, slope: float, crossing: float, sums: Array, vote: Array
) -> None:
    """Take in the newest error of each member, and give their votes.

    A member's error e counts as e / (1 - e), weighted by a sigmoid of the member's age then;
    `sums` holds for each member the sum of these weights, and that of the weighted errors.
    A vote is the logarithm of the inverse of their ratio.
    """
    for k in range(error.shape[0]):
        e = min(max(error[k], _LEAST), 0.5)
        share = 1.0 / (1.0 + np.exp(-slope * (age[k] - crossing)))
        sums[k, 0] += share
        sums[k, 1] += share * e / (1.0 - e)
        vote[k] = max(-np.log(sums[k, 1] / sums[k, 0]), 0.0)
