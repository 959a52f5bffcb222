"""Gaussian noise for a sum of gradients that is shown after every row, made as rows come.

A row's gradient gets the difference between the noise of the sum with it and of the sum before, so
that the noise of different rows cancels in part. Every coordinate has a column of `history` of its
own, and draws its noise alone: one that comes later begins with zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import jit
from onlineml.kernels.arena import Array, Ints
from onlineml.kernels.random import normal

TREE, BANDED = 0, 1


class Plan(NamedTuple):
    """How the noise of one row is made."""

    kind: int
    scale: float  # standard deviation of what is drawn
    numbers: Array  # banded: the first column of the matrix; tree: shares of what is drawn
    at: int  # row within its tree, or of all, from 0


@jit
def noise(plan: Plan, history: Array, k: int, random: Ints) -> float:
    """Noise of coordinate `k` for one row; `history` is (n_vectors, n_coordinates)."""
    if plan.kind == BANDED:
        return _banded(plan, history, k, random)
    return _of_tree(plan, history, k, random)


@jit
def _of_tree(plan: Plan, history: Array, k: int, random: Ints) -> float:
    """Put the row's leaf into the tree, and merge what is whole: a binary counter.

    Level l holds the noise of the sum over the last whole node of 2^l rows. That of a node is the
    best mean of its own draw and of the sum of its halves.
    """
    if plan.at == 0:
        for level in range(history.shape[0]):
            history[level, k] = 0.0  # the last tree's stays in the weights
    made, gone, level, rest = plan.scale * normal(random, 0), 0.0, 0, plan.at
    while rest & 1:
        share = plan.numbers[level + 1]
        gone += history[level, k]
        halves = history[level, k] + made
        made = share * plan.scale * normal(random, 0) + (1.0 - share) * halves
        history[level, k] = 0.0
        level, rest = level + 1, rest >> 1
    history[level, k] = made
    return made - gone


@jit
def _banded(plan: Plan, history: Array, k: int, random: Ints) -> float:
    """Solve the banded Toeplitz system for the next row: C noise = draws."""
    n = history.shape[0]
    made = plan.scale * normal(random, 0)
    for j in range(1, n + 1):
        made -= plan.numbers[j] * history[(plan.at - j) % n, k]
    made /= plan.numbers[0]
    if n > 0:
        history[plan.at % n, k] = made
    return float(made)


def shares_of_draws(n_levels: int) -> Array:
    """What a node's own draw counts for, beside the sum of its halves: also its variance."""
    shares = np.ones(n_levels)
    for level in range(1, n_levels):
        shares[level] = 1.0 / (1.0 + 1.0 / (2.0 * shares[level - 1]))
    return shares


def root_of_sums(n_bands: int) -> Array:
    """First column of the square root of the matrix that sums a prefix: (2j choose j) / 4^j."""
    steps = np.arange(1, n_bands)
    return np.concatenate([np.ones(1), np.cumprod((2.0 * steps - 1.0) / (2.0 * steps))])
