"""Bandits whose rewards are linear in the context: a ridge regression an arm.

Of an arm's precision matrix P a root W of the inverse is kept, lower triangular: inv(P) = W'W. A
width then is a product, without a division, and a row comes in by rotations (Alexander, Ghirnikar
1993, A method for recursive least squares filtering based upon an inverse QR decomposition, IEEE
Transactions on Signal Processing 41(1), section III), which keep it positive however long the
stream; what they leave beside is the gain, by which the weights move.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onlineml.kernels import entry, jit, lean
from onlineml.kernels.arena import Array, Ints, f1, f2, f3, i1, opened, scratch
from onlineml.kernels.arms import DRAWS, EXPLORE, POLICY
from onlineml.kernels.random import bits, normal
from onlineml.kernels.vectors import add, dot, enter

RULE, CONFIDENCE, RIDGE, DISCOUNT = range(4)  # settings
BOUND, SAMPLE = 0, 1  # rules


class LinearArms(NamedTuple):
    """Settings, a generator, and of each arm root and weights; the last is of a constant."""

    settings: Array
    random: Ints
    clock: Ints  # rewards learned
    root: Array  # (A, D, D) lower
    weights: Array  # (A, D)
    context: Array  # scratch
    room: Array
    gain: Array
    values: Array  # an arm each


@entry
def _linear_arms(d: int) -> int:
    call = opened(d)
    root = f3(d, 3)
    n_arms, n = root.shape[0], root.shape[1]
    floats, notes = scratch(d)
    arms = LinearArms(
        f1(d, 0), i1(d, 1), i1(d, 2), root, f2(d, 4),
        floats[:n], floats[n : 2 * n], floats[2 * n : 3 * n], floats[3 * n : 3 * n + n_arms],
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
    for a in range(arms.root.shape[0]):
        total = dot(arms.weights[a], arms.context)
        if explore:
            # of a draw of the weights only its product with the context counts: one normal
            steps = normal(random, 0) if arms.settings[RULE] == SAMPLE else 1.0
            total += arms.settings[CONFIDENCE] * steps * width(arms.root[a], arms.context)
        arms.values[a] = total
    return int(np.argmax(arms.values))


@lean
def width(root: Array, x: Array) -> float:
    """sqrt(x' inv(P) x), the length of W x."""
    total = 0.0
    for i in range(x.shape[0]):
        part = 0.0
        for j in range(i + 1):
            part += root[i, j] * x[j]
        total += part * part
    return float(np.sqrt(total))


@jit
def learn_reward(arms: LinearArms, arm: int, reward: float) -> None:
    """Learn the reward of an arm that was pulled in `arms.context`.

    Leaves in `arms.values` by how much the sum of an arm's squared errors has grown.
    """
    bits(arms.random, 0)
    arms.values[:] = 0.0
    if arms.settings[DISCOUNT] < 1.0:
        _fade(arms, arms.settings[DISCOUNT])
    arms.values[arm] += _learn_row(
        arms.root[arm], arms.weights[arm], arms.context, reward, arms.gain
    )
    arms.clock[0] += 1


@jit
def _fade(arms: LinearArms, discount: float) -> None:
    """Weaken all rows, of all arms; the ridge is put back a feature at a time."""
    n = arms.context.shape[0]
    back, stronger = arms.clock[0] % n, 1.0 / np.sqrt(discount)
    arms.room[:] = 0.0
    arms.room[back] = np.sqrt(n * (1.0 - discount) * arms.settings[RIDGE])
    for a in range(arms.root.shape[0]):
        for i in range(n):
            for j in range(i + 1):
                arms.root[a, i, j] *= stronger
        arms.values[a] = _learn_row(arms.root[a], arms.weights[a], arms.room, 0.0, arms.gain)


@lean
def _learn_row(root: Array, weights: Array, x: Array, y: float, gain: Array) -> float:
    """P + x x', and the weights with it; returns the growth of the sum of squared errors."""
    error, square, length = y - dot(weights, x), 1.0, 1.0
    gain[:] = 0.0
    for i in range(x.shape[0]):
        part = 0.0
        for j in range(i + 1):
            part += root[i, j] * x[j]
        if part == 0.0:
            continue
        square += part * part
        longer = np.sqrt(square)
        c, s = length / longer, part / longer
        for j in range(i + 1):
            before = root[i, j]
            root[i, j] = c * before - s * gain[j]
            gain[j] = s * before + c * gain[j]
        length = longer
    add(weights, error / length, gain)
    return error * error / square
