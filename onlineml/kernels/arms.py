"""Bandits without context: what is known of each arm, and the rules that choose by it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Array, Call, Ints, f1, f2, i1, opened, scratch
from onlineml.kernels.random import below, bits, normal, uniform

EPSILON, UCB, BAYES_UCB, GAUSSIAN, BERNOULLI, EXP3 = range(6)  # the rules
RULE, FIRST, SECOND, STEPS, DISCOUNT, LOW, HIGH = range(7)  # settings
EXPLORE, POLICY = 2, 3  # values of `serve`: as in training, or the probability of each arm
DRAWS = 256  # from which probabilities are estimated that have no formula


class Arms(NamedTuple):
    """Settings, a generator, and sums of weights, rewards and their squares, an arm each."""

    settings: Array
    random: Ints
    clock: Ints  # rewards learned
    weight: Array
    total: Array  # of Exp3 the logarithms of weights
    square: Array
    window: Array  # (w, 2) the last rewards: arm, reward; no rows where all count
    values: Array  # scratch, a number an arm


@entry
def _arms(d: int) -> int:
    call = opened(d)
    n = f1(d, 3).shape[0]
    floats, notes = scratch(d)
    arms = Arms(f1(d, 0), i1(d, 1), i1(d, 2), f1(d, 3), f1(d, 4), f1(d, 5), f2(d, 6), floats[:n])
    return _rows(call, arms, notes)


@jit
def _rows(call: Call, arms: Arms, notes: Ints) -> int:
    """Rows of observation, action, reward, next observation, two ends, probability."""
    width = call.X.shape[1]
    n = (width - 5) // 2
    for i in range(call.first, call.last):
        row = call.X[i]
        if call.fit:
            if not (abs(row[n + 1]) <= 1e100 and 0.0 <= row[n] < arms.weight.shape[0]):
                return i
            if row[n] != np.floor(row[n]):
                return i
            _learn(arms, int(row[n]), row[n + 1], row[width - 1])
        if call.serve > 0:
            notes[0] = arms.random[0]
            notes[0] = np.int64(bits(notes, 0))
            _serve(arms, call.serve, notes, call.out[i])
    return call.last


@jit
def _serve(arms: Arms, serve: int, random: Ints, out: Array) -> None:
    if serve == POLICY:
        _probabilities(arms, random, out[1:])
    elif serve == EXPLORE:
        out[0] = _chosen(arms, random)
    else:
        _means(arms, -np.inf)
        out[0] = np.argmax(arms.values)


# ------------------------------------------------------------------------------- choosing


@jit
def _chosen(arms: Arms, random: Ints) -> int:
    """The arm that the rule takes; arms that were never pulled come first."""
    rule, n = int(arms.settings[RULE]), arms.weight.shape[0]
    if rule == EPSILON:
        if uniform(random, 0) < _epsilon(arms):
            return int(below(random, 0, n))
        _means(arms, np.inf)
    elif rule == EXP3:
        _exp3(arms, arms.values)
        left = uniform(random, 0)
        for a in range(n - 1):
            left -= arms.values[a]
            if left < 0.0:
                return a
        return int(n - 1)
    elif rule == BERNOULLI:
        for a in range(n):
            good = min(max(arms.total[a], 0.0), arms.weight[a])
            arms.values[a] = _beta(random, 1.0 + good, 1.0 + arms.weight[a] - good)
    else:
        _bounds(arms, rule, random)
    return int(np.argmax(arms.values))


@jit
def _means(arms: Arms, of_unknown: float) -> None:
    """Mean rewards to `values`; of Exp3 the weights, which say as much."""
    for a in range(arms.weight.shape[0]):
        if arms.settings[RULE] == EXP3:
            arms.values[a] = arms.total[a]
        elif arms.weight[a] > 0.0:
            arms.values[a] = arms.total[a] / arms.weight[a]
        else:
            arms.values[a] = of_unknown


@jit
def _bounds(arms: Arms, rule: int, random: Ints) -> None:
    """Upper confidence bounds, or draws from normal posteriors, to `values`."""
    _means(arms, np.inf)
    pulls = arms.weight.sum()
    spread = 1.0 if rule == UCB else np.sqrt(_variance(arms, pulls))
    if rule == UCB:
        bonus = arms.settings[FIRST] * np.sqrt(np.log(max(pulls, 1.0)))
    else:
        bonus = upper_quantile(1.0 / max(pulls, 2.0))
    for a in range(arms.weight.shape[0]):
        if arms.weight[a] > 0.0:
            steps = normal(random, 0) if rule == GAUSSIAN else bonus
            arms.values[a] += steps * spread / np.sqrt(arms.weight[a])


@jit
def _variance(arms: Arms, pulls: float) -> float:
    """Variance of rewards about the means of their arms; 1 until there is a degree of freedom."""
    within, known = 0.0, 0
    for a in range(arms.weight.shape[0]):
        if arms.weight[a] > 0.0:
            within += max(arms.square[a] - arms.total[a] ** 2 / arms.weight[a], 0.0)
            known += 1
    return within / (pulls - known) if pulls - known >= 1.0 else 1.0


@jit
def _epsilon(arms: Arms) -> float:
    share = min(arms.clock[0] / max(arms.settings[STEPS], 1.0), 1.0)
    return float(arms.settings[FIRST] + share * (arms.settings[SECOND] - arms.settings[FIRST]))


@jit
def _exp3(arms: Arms, out: Array) -> None:
    """Probabilities of Exp3 (Auer et al. 2002, figure 1)."""
    highest, total, n = arms.total.max(), 0.0, arms.total.shape[0]
    for a in range(n):
        out[a] = np.exp(arms.total[a] - highest)
        total += out[a]
    for a in range(n):
        out[a] = (1.0 - arms.settings[FIRST]) * out[a] / total + arms.settings[FIRST] / n


@jit
def _probabilities(arms: Arms, random: Ints, out: Array) -> None:
    """Of each arm, the probability that it is taken."""
    rule, n = int(arms.settings[RULE]), arms.weight.shape[0]
    if rule == EXP3:
        _exp3(arms, out)
        return
    out[:] = 0.0
    if rule == EPSILON:
        _means(arms, np.inf)
        out[:] = _epsilon(arms) / n
        out[np.argmax(arms.values)] += 1.0 - _epsilon(arms)
    elif rule in (UCB, BAYES_UCB):
        out[_chosen(arms, random)] = 1.0
    else:
        for _ in range(DRAWS):
            out[_chosen(arms, random)] += 1.0 / DRAWS


# ------------------------------------------------------------------------------- learning


@jit
def _learn(arms: Arms, arm: int, reward: float, probability: float) -> None:
    bits(arms.random, 0)
    settings = arms.settings
    if settings[RULE] == EXP3:
        _learn_exp3(arms, arm, reward, probability)
    else:
        if settings[RULE] == BERNOULLI:
            reward = min(max(reward, 0.0), 1.0)
        if settings[DISCOUNT] < 1.0:
            for a in range(arms.weight.shape[0]):
                arms.weight[a] *= settings[DISCOUNT]
                arms.total[a] *= settings[DISCOUNT]
                arms.square[a] *= settings[DISCOUNT]
        if arms.window.shape[0] > 0:
            _replace_oldest(arms, arm, reward)
        _add(arms, arm, reward, 1.0)
    arms.clock[0] += 1


@jit
def _add(arms: Arms, arm: int, reward: float, sign: float) -> None:
    arms.weight[arm] += sign
    arms.total[arm] += sign * reward
    arms.square[arm] += sign * reward * reward


@jit
def _replace_oldest(arms: Arms, arm: int, reward: float) -> None:
    """Put a reward into the window; once around, sums are taken anew, so that no error grows."""
    size = arms.window.shape[0]
    place = arms.clock[0] % size
    if arms.clock[0] >= size:
        _add(arms, int(arms.window[place, 0]), arms.window[place, 1], -1.0)
    arms.window[place, 0], arms.window[place, 1] = arm, reward
    if place == 0 and arms.clock[0] > 0:
        arms.weight[:], arms.total[:], arms.square[:] = 0.0, 0.0, 0.0
        for k in range(1, size):
            _add(arms, int(arms.window[k, 0]), arms.window[k, 1], 1.0)


@jit
def _learn_exp3(arms: Arms, arm: int, reward: float, probability: float) -> None:
    """One step of Exp3.S (Auer et al. 2002, figure 4), in logarithms; with share 0 of Exp3."""
    settings, n = arms.settings, arms.total.shape[0]
    if np.isnan(probability):
        _exp3(arms, arms.values)
        probability = arms.values[arm]
    gain = min(max((reward - settings[LOW]) / (settings[HIGH] - settings[LOW]), 0.0), 1.0)
    highest = arms.total.max()
    mean = 0.0
    for a in range(n):
        mean += np.exp(arms.total[a] - highest) / n
    arms.total[arm] += settings[FIRST] * gain / (probability * n)
    if settings[SECOND] > 0.0:
        extra = np.log(math.e * settings[SECOND] * mean) + highest
        for a in range(n):
            top = max(arms.total[a], extra)
            arms.total[a] = top + np.log(np.exp(arms.total[a] - top) + np.exp(extra - top))
    arms.weight[arm] += 1.0
    arms.total[:] -= arms.total.max()


# ------------------------------------------------------------------------------- draws


@jit
def _beta(random: Ints, a: float, b: float) -> float:
    x = gamma(random, a)
    return float(x / (x + gamma(random, b)))


@jit
def gamma(random: Ints, shape: float) -> float:
    """A gamma variate of shape >= 1 (Marsaglia and Tsang 2000, figure 1)."""
    d = shape - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    while True:
        z = normal(random, 0)
        v = (1.0 + c * z) ** 3
        if v > 0.0 and np.log(1.0 - uniform(random, 0)) < 0.5 * z * z + d - d * v + d * np.log(v):
            return float(d * v)


@jit
def upper_quantile(p: float) -> float:
    """The z that a standard normal exceeds with probability p in (0, 0.5]: Newton's method."""
    z = np.sqrt(max(-2.0 * np.log(2.0 * p), 0.0))
    for _ in range(8):
        tail = 0.5 * math.erfc(z / math.sqrt(2.0))
        density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        # on the logarithm, which is nearly a parabola: never leaves its branch
        z += tail * np.log(tail / p) / density
    return float(z)
