"""Bandits whose rewards are linear in the context: a ridge regression an arm.

An arm's precision matrix is kept as its Cholesky factor: widths and weights then are triangular
solves, and a row comes in by rotations, which keep it positive however long the stream.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Ints, f1, f2, f3, i1, opened, scratch
from onlineml.kernels.arms import DRAWS, EXPLORE, POLICY
from onlineml.kernels.random import bits, normal
from onlineml.kernels.vectors import enter

RULE, CONFIDENCE, RIDGE, DISCOUNT = range(4)  # settings
BOUND, SAMPLE = 0, 1  # rules


class LinearArms(NamedTuple):
    """Settings, a generator, and of each arm factor, moments and weights; the last is constant."""

    settings: Array
    random: Ints
    clock: Ints  # rewards learned
    factor: Array  # (A, D, D) lower
    moment: Array  # (A, D) sums of reward times context
    weights: Array  # (A, D)
    context: Array  # scratch
    room: Array
    values: Array


@entry
def _linear_arms(d: int) -> int:
    call = opened(d)
    factor = f3(d, 3)
    n_arms, n = factor.shape[0], factor.shape[1]
    floats, notes = scratch(d)
    arms = LinearArms(
        f1(d, 0), i1(d, 1), i1(d, 2), factor, f2(d, 4), f2(d, 5),
        floats[:n], floats[n : 2 * n], floats[2 * n : 2 * n + n_arms],
    )  # fmt: skip
    for i in range(call.first, call.last):
        row = call.X[i]
        enter(row[: n - 1], arms.context)
        if call.fit:
            arm, reward = row[n - 1], row[n]
            if not (abs(reward) <= 1e100 and 0.0 <= arm < n_arms and arm == np.floor(arm)):
                return i
            learn_reward(arms, int(arm), reward)
            if call.serve > 0:
                enter(row[n + 1 : 2 * n], arms.context)
        if call.serve > 0:
            notes[0] = arms.random[0]
            notes[0] = np.int64(bits(notes, 0))
            _serve(arms, call.serve, notes, call.out[i])
    return call.last


@jit
def _serve(arms: LinearArms, serve: int, random: Ints, out: Array) -> None:
    if serve == POLICY:
        out[1:] = 0.0
        n_draws = DRAWS if arms.settings[RULE] == SAMPLE else 1
        for _ in range(n_draws):
            out[1 + _best(arms, True, random)] += 1.0 / n_draws
    else:
        out[0] = _best(arms, serve == EXPLORE, random)


@jit
def _best(arms: LinearArms, explore: bool, random: Ints) -> int:
    for a in range(arms.factor.shape[0]):
        total = 0.0
        for j in range(arms.context.shape[0]):
            total += arms.weights[a, j] * arms.context[j]
        if explore:
            # of a draw of the weights only its product with the context counts: one normal
            steps = normal(random, 0) if arms.settings[RULE] == SAMPLE else 1.0
            total += arms.settings[CONFIDENCE] * steps * width(arms.factor[a], arms)
        arms.values[a] = total
    return int(np.argmax(arms.values))


@jit
def width(factor: Array, arms: LinearArms) -> float:
    """sqrt(x' P^-1 x): the length of the solution of L z = x."""
    z, total = arms.room, 0.0
    for i in range(z.shape[0]):
        left = arms.context[i]
        for j in range(i):
            left -= factor[i, j] * z[j]
        z[i] = left / factor[i, i]
        total += z[i] * z[i]
    return float(np.sqrt(total))


@jit
def learn_reward(arms: LinearArms, arm: int, reward: float) -> None:
    """Learn the reward of an arm that was pulled in `arms.context`."""
    bits(arms.random, 0)
    n, discount = arms.context.shape[0], arms.settings[DISCOUNT]
    if discount < 1.0:
        _fade(arms, discount)
    for j in range(n):
        arms.moment[arm, j] += reward * arms.context[j]
        arms.room[j] = arms.context[j]
    _rotate_in(arms.factor[arm], arms.room, 0)
    if discount < 1.0:
        for a in range(arms.factor.shape[0]):
            _solve(arms.factor[a], arms.moment[a], arms.weights[a])
    else:
        _solve(arms.factor[arm], arms.moment[arm], arms.weights[arm])
    arms.clock[0] += 1


@jit
def _fade(arms: LinearArms, discount: float) -> None:
    """Weaken all rows, of all arms; the ridge is put back a feature at a time."""
    n = arms.context.shape[0]
    back = arms.clock[0] % n
    for a in range(arms.factor.shape[0]):
        for i in range(n):
            arms.moment[a, i] *= discount
            for j in range(i + 1):
                arms.factor[a, i, j] *= np.sqrt(discount)
        arms.room[:] = 0.0
        arms.room[back] = np.sqrt(n * (1.0 - discount) * arms.settings[RIDGE])
        _rotate_in(arms.factor[a], arms.room, back)


@jit
def _rotate_in(factor: Array, x: Array, first: int) -> None:
    """L L' + x x', by rotations (Golub, Van Loan 2013, section 6.5.4); writes on `x`."""
    n = x.shape[0]
    for k in range(first, n):
        length = np.hypot(factor[k, k], x[k])
        c, s = length / factor[k, k], x[k] / factor[k, k]
        factor[k, k] = length
        for i in range(k + 1, n):
            factor[i, k] = (factor[i, k] + s * x[i]) / c
            x[i] = c * x[i] - s * factor[i, k]


@jit
def _solve(factor: Array, moment: Array, weights: Array) -> None:
    """Weights w of L L' w = b."""
    n = moment.shape[0]
    for i in range(n):
        left = moment[i]
        for j in range(i):
            left -= factor[i, j] * weights[j]
        weights[i] = left / factor[i, i]
    for i in range(n - 1, -1, -1):
        left = weights[i]
        for j in range(i + 1, n):
            left -= factor[j, i] * weights[j]
        weights[i] = left / factor[i, i]
