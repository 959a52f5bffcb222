"""How unsure a learner is, from its class probabilities `x[first : first + known]`.

NaN where fewer than two classes are known: there is nothing to be unsure between yet. What is not
positive counts as 0; probabilities need not sum to 1.
"""

from __future__ import annotations

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array


@jit
def top_two(x: Array, first: int, known: int) -> tuple[int, float, float, float]:
    """The most probable class, its probability and the runner-up's, and the sum of all."""
    best, top, second, total = -1, 0.0, 0.0, 0.0
    for c in range(min(known, x.shape[0] - first)):
        share = x[first + c]
        if share > 0.0:
            total += share
            if share > top:
                best, top, second = c, share, top
            else:
                second = max(second, share)
    return best, top, second, total


@jit
def narrowness(x: Array, first: int, known: int) -> float:
    """One less the margin between the two most probable classes."""
    _, top, second, total = top_two(x, first, known)
    return 1.0 - (top - second) / total if known > 1 and total > 0.0 else np.nan


@jit
def doubt(x: Array, first: int, known: int) -> float:
    """One less the greatest probability."""
    _, top, _, total = top_two(x, first, known)
    return 1.0 - top / total if known > 1 and total > 0.0 else np.nan


@jit
def entropy(x: Array, first: int, known: int) -> float:
    """Entropy of the probabilities, in nats."""
    total = top_two(x, first, known)[3]
    if known < 2 or total == 0.0:
        return np.nan
    found = 0.0
    for c in range(min(known, x.shape[0] - first)):
        share = x[first + c] / total
        if share > 0.0:
            found -= share * np.log(share)
    return found
