"""Tails of the normal distribution, far out too."""

from __future__ import annotations

import math

from onlineml.kernels import jit

_FAR = 20.0  # from here on the tail is its asymptote, to a part in a thousand


@jit
def upper_tail(z: float) -> float:
    """Probability of more than `z` standard deviations above the mean."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


@jit
def surprise(z: float) -> float:
    """-log10 of the probability of more than `z` >= 0 standard deviations to either side."""
    if z < _FAR:
        return -math.log10(math.erfc(z / math.sqrt(2.0)))
    return 0.5 * z * z / math.log(10.0) + math.log10(z * math.sqrt(math.pi / 2.0))
