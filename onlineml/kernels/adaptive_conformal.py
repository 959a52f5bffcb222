"""Adaptive conformal inference: how wide intervals have to be that keep their coverage.

Of what is foretold, `errors` are the last absolute errors; an interval is the answer plus and minus
the one that a new error exceeds with the probability that is aimed at. After each error the aim
moves: down, to wider intervals, after a miss, and up by less after a hit [1]_. By how much, its
rate, may be tuned too: several aims run side by side, one a rate, and their mean counts, weighed by
exp(-losses), where the loss of an aim is the pinball loss about the highest that would not have
missed [2]_.

References
----------
.. [1] Gibbs, Candes (2021), Adaptive conformal inference under distribution shift, NeurIPS,
   equation 2. arXiv:2106.00170
.. [2] Gibbs, Candes (2024), Conformal inference for online prediction with arbitrary distribution
   shifts, JMLR 25(162), algorithm 2. arXiv:2208.08401
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.ranks import N, kth, n_below, slide

ROWS, MISSED = range(2)  # cells of the tallies


class Errors(NamedTuple):
    """The last absolute errors, see `onlineml.kernels.ranks`."""

    values: Array
    links: Ints
    leaps: Ints
    places: Ints


def hedge_rates(share: float, n_rates: int, span: int) -> tuple[float, float]:
    """How fast trust moves and how much of it is shared out anew, for stretches of `span` rows.

    `share` is that of misses. These make the bound on the regret of [2]_ least, equation 4: the
    mean squared loss in it is that of an aim that is right.
    """
    squared = ((1 - share) ** 2 * share**3 + share**2 * (1 - share) ** 3) / 3
    return float(np.sqrt((np.log(2 * n_rates * span) + 1) / (span * squared))), 1 / (2 * span)


@jit
def adapt(
    errors: Array, share: float, rates: Array, eta: float, sigma: float, misses: Array,
    trust: Array, tallies: Array, known: Errors, path: Ints, random: Ints, s: int,
) -> None:  # fmt: skip
    """Count misses, aim anew after each error, and remember it.

    `misses` and `trust` are what is aimed at and how much it counts, by rate; generator `s` of
    `random` keeps the order of the errors.
    """
    for error in errors:
        n = known.places[N]
        below = n_below(known.values, known.links, known.leaps, error, False)
        tallies[ROWS] += 1.0
        tallies[MISSED] += _is_missed(aim(misses, trust), error, below, n)
        if rates.shape[0] > 1:
            _hedge(1.0 - below / (n + 1), share, eta, sigma, misses, trust)
        for k in range(rates.shape[0]):
            misses[k] += rates[k] * (share - _is_missed(misses[k], error, below, n))
        slide(known.values, known.links, known.leaps, known.places, path, random, s, error)


@jit
def _hedge(
    highest: float, share: float, eta: float, sigma: float, misses: Array, trust: Array
) -> None:
    """Move trust to the aims that were nearest to `highest`, that which just does not miss."""
    total = 0.0
    for k in range(trust.shape[0]):
        gap = highest - misses[k]
        trust[k] *= np.exp(-eta * (share * gap - min(gap, 0.0)))
        total += trust[k]
    for k in range(trust.shape[0]):
        trust[k] = (1.0 - sigma) * trust[k] / total + sigma / trust.shape[0]


@jit
def aim(misses: Array, trust: Array) -> float:
    """The probability of a miss that is aimed at."""
    total = 0.0
    for k in range(trust.shape[0]):
        total += trust[k] * misses[k]
    return total


@jit
def half_width(miss: float, known: Errors) -> float:
    """The error that a new one exceeds with probability `miss`."""
    n = known.places[N]
    rank = _rank(miss, n)
    if rank > n:
        return float(np.inf)
    return kth(known.values, known.links, known.leaps, rank - 1) if rank > 0 else 0.0


@jit
def _rank(miss: float, n: int) -> int:
    return int(np.ceil((n + 1) * (1.0 - miss)))


@jit
def _is_missed(miss: float, error: float, below: int, n: int) -> float:
    """Whether `error`, which `below` of the `n` known ones are less than, exceeds that."""
    return 1.0 if error > 0.0 and _rank(miss, n) <= below else 0.0
