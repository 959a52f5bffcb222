"""Softmax regression under differential privacy."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal, NamedTuple

import numpy as np

from onlineml.base import Array, Classifier, Diagnostics
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, f4, i1, i2, opened, scratch
from onlineml.kernels.correlated_noise import Plan, noise
from onlineml.kernels.linear import spread, squared_norm, weighed
from onlineml.kernels.random import seeded
from onlineml.kernels.votes import answer_from_logs
from onlineml.learners.privacy import (
    check_privacy,
    hidden,
    n_vectors,
    odometer_of,
    privacy_settings,
)
from onlineml.odometer import PrivacyOdometer
from onlineml.receipt import Receipt
from onlineml.schema import Schema

_RATE, _BIAS, _KIND, _SCALE, _CLIP, _PERIOD, _MOST, _NUMBERS = range(8)  # of the settings


class _Model(NamedTuple):
    settings: Array
    seen: Ints
    nominal: Ints
    known: Ints  # (P,) whether any row showed the place
    random: Ints
    n_steps: Array
    refused: Array
    room: int
    weights: Array  # (C, P)
    history: Array  # (C, M, P)
    intercept: Array  # (C, 1)
    intercept_history: Array  # (C, M, 1)


@entry
def _private_softmax_regression(d: int) -> int:
    weights, history, known = f3(d, 7), f4(d, 8), i2(d, 3)
    n_classes, n_moments, room = weights.shape[0], history.shape[1], weights.shape[2]
    n = weights.shape[1] * room
    m = _Model(
        f1(d, 0), i1(d, 1), i1(d, 2), known.reshape(n), i1(d, 4), f1(d, 5), f1(d, 6), room,
        weights.reshape((n_classes, n)), history.reshape((n_classes, n_moments, n)),
        f2(d, 9), f3(d, 10),
    )  # fmt: skip
    return _walk(opened(d), *scratch(d), m)


@jit
def _walk(call: Call, floats: Array, places: Ints, m: _Model) -> int:
    n_places = m.known.shape[0]
    values, scores = floats[: m.nominal.shape[0]], floats[m.nominal.shape[0] + n_places :]
    row = floats[m.nominal.shape[0] : m.nominal.shape[0] + n_places]
    for i in range(call.first, call.last):
        n = spread(call.X[i], m.nominal, m.room, places, values)
        if call.serve:
            for c in range(m.seen[0]):
                found = weighed(m.weights[c], places, values, n)
                call.out[i, 1 + c] = m.intercept[c, 0] + found
            answer_from_logs(call.out[i], m.seen[0], call.serve)
        if not call.fit or call.weight[i] <= 0.0:
            continue
        if m.n_steps[0] >= m.settings[_MOST]:
            m.refused[0] += 1.0
            continue
        label = int(call.y[i])
        m.seen[0] = max(m.seen[0], label + 1)
        for a in range(n):
            m.known[places[a]] = 1
        slopes = scores[: m.seen[0]]
        for c in range(m.seen[0]):
            slopes[c] = m.intercept[c, 0] + weighed(m.weights[c], places, values, n)
        _clip(m.settings, label, call.weight[i], squared_norm(values, n), slopes)
        row[:] = 0.0
        for a in range(n):
            row[places[a]] = values[a]
        _step(m, row, slopes)
    return call.last


@jit
def _clip(settings: Array, label: int, weight: float, square: float, slopes: Array) -> None:
    """From scores to the loss's slopes by them, so that the row's gradient is not too long."""
    top, total, length = slopes.max(), 0.0, 0.0
    for c in range(slopes.shape[0]):
        slopes[c] = np.exp(slopes[c] - top)
        total += slopes[c]
    for c in range(slopes.shape[0]):
        slopes[c] = slopes[c] / total - (1.0 if c == label else 0.0)
        length += slopes[c] * slopes[c]
    length = weight * np.sqrt(length * (settings[_BIAS] + square))
    factor = weight * min(1.0, settings[_CLIP] / length) if length > 0.0 else 0.0
    for c in range(slopes.shape[0]):
        slopes[c] *= factor


@jit
def _step(m: _Model, row: Array, slopes: Array) -> None:
    """Step against gradient and noise, where any row has shown class and place."""
    settings, rate = m.settings, m.settings[_RATE]
    at = int(m.n_steps[0])
    kind = int(settings[_KIND])
    at = at % int(settings[_PERIOD]) if kind == 0 else at
    plan = Plan(kind, settings[_SCALE], settings[_NUMBERS:], at)
    m.n_steps[0] += 1.0
    for c in range(slopes.shape[0]):
        for p in range(row.shape[0]):
            if m.known[p]:
                step = slopes[c] * row[p] + noise(plan, m.history[c], p, m.random)
                m.weights[c, p] -= rate * step
        if settings[_BIAS] > 0.0:
            step = slopes[c] + noise(plan, m.intercept_history[c], 0, m.random)
            m.intercept[c, 0] -= rate * step


class PrivateSoftmaxRegression(Classifier):
    """Softmax regression whose weights tell nobody whether a row was among those learned.

    Each row's gradient is cut to the length `clip`, and Gaussian noise is added so that all weights
    together, after every row, are (`epsilon`, `delta`)-differentially private for the row that is
    or is not there. The noise of different rows cancels in part: sums of gradients keep noise that
    hardly grows with their number, where independent noise would grow as its root. Time per event
    is O(n_classes * n_features) normal draws for "tree", times `bands` for "banded"; memory is that
    of log2(`period`) + 1, or `bands`, times the weights.

    Parameters
    ----------
    noise
        "tree": sums over nodes of a binary tree [1]_, with the estimate of [2]_ from below;
        "banded": the banded square root [3]_ of the matrix that sums up.
    epsilon, delta
        The budget of privacy, for all rows of one person.
    clip
        Length that a row's gradient is cut to.
    period
        Rows in which a person has no more than one; a tree has that many, and the next begins anew.
    n_periods
        How many such rows a person may have; after so many periods the budget is spent, and rows
        are learned no more (`diagnostics` counts them). None: one row a person in all; there is
        no end.
    bands
        Of "banded": noise of so many rows is remembered.
    learning_rate
        Length of a step.
    intercept
        Whether every class has one.
    seed
        Of the noise.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.learners import PrivateSoftmaxRegression
    >>> X = np.random.default_rng(0).normal(size=(20_000, 2))
    >>> y = X[:, 0] > X[:, 1]
    >>> model = PrivateSoftmaxRegression(epsilon=2.0, seed=1).fit_many(X, y)
    >>> bool((model.predict_many(X) == y).mean() > 0.97)
    True
    >>> [round(number, 6) for number in model.odometer.spent]
    [2.0, 1e-05]

    Notes
    -----
    An estimator of its own, not an option of `SoftmaxRegression`: every row moves every weight, so
    that lazy steps, bounded steps, decay and adaptive rules of the plain kernel have no place, and
    the plain one stays as fast as it is. Neighboring streams differ in one row, whose gradient is 0
    in one of them. Each row is hidden by rho-concentrated privacy, with rho half of (levels of a
    tree) / (noise / clip)^2, or of 1 / (noise / (clip * length of the bands))^2, whatever was shown
    before [4]_; rho is what (epsilon, delta) allow, over `n_periods`.

    Names of features, values of nominal ones and labels count as public, and so does the number of
    rows. What stands before the model must not learn from rows (`StandardScaler` does): bring
    features to a known scale by constants. Draws come from a fast generator, not from one for
    cryptography, and are rounded as floats are. Missing values count as 0.

    References
    ----------
    .. [1] Kairouz, McMahan, Song, Thakkar, Thakurta, Xu (2021), Practical and private (deep)
       learning without sampling or shuffling, ICML. Algorithm 1. arXiv:2103.00039
    .. [2] Honaker (2015), Efficient use of differentially private binary trees, TPDP. Section 3.
    .. [3] Kalinin, Lampert (2024), Banded square root matrix factorization for differentially
       private model training, NeurIPS. arXiv:2405.13763
    .. [4] Denisov, McMahan, Rush, Smith, Thakurta (2022), Improved differential privacy for SGD via
       optimal private linear operators on adaptive streams, NeurIPS. Theorem 2.1. arXiv:2202.08312
    """

    _kernel = _private_softmax_regression
    _state = (
        Field("seen_", (1,), np.int64),
        Field("nominal_", ("F",), np.int64),
        Field("known_", ("F", "V"), np.int64),
        Field("random_", (1,), np.int64),
        Field("n_steps_", (1,)),
        Field("refused_", (1,)),
        Field("weights_", ("C", "F", "V")),
        Field("history_", ("C", "M", "F", "V")),
        Field("intercept_", ("C", 1)),
        Field("intercept_history_", ("C", "M", 1)),
    )

    known_: Ints
    random_: Ints
    refused_: Array

    def __init__(
        self,
        *,
        noise: Literal["tree", "banded"] = "tree",
        epsilon: float = 2.0,
        delta: float = 1e-5,
        clip: float = 1.0,
        period: int = 100_000,
        n_periods: int | None = None,
        bands: int = 64,
        learning_rate: float = 0.05,
        intercept: bool = True,
        seed: int | None = None,
    ) -> None:
        self.noise = noise
        self.epsilon = epsilon
        self.delta = delta
        self.clip = clip
        self.period = period
        self.n_periods = n_periods
        self.bands = bands
        self.learning_rate = learning_rate
        self.intercept = intercept
        self.seed = seed

    def _check(self) -> None:
        check_privacy(self)

    def _sizes(self) -> dict[str, int]:
        return {"M": n_vectors(self)}

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, 1)

    def _settings(self) -> tuple[float, ...]:
        return self.learning_rate, float(self.intercept), *privacy_settings(self)

    def _n_scratch(self) -> int:
        return int(super()._n_scratch() + self.known_.size)

    @property
    def odometer(self) -> PrivacyOdometer:
        """What is spent of the budget."""
        return odometer_of(self)

    def diagnostics(self) -> Diagnostics:
        """Rows that came when the budget was spent."""
        return {"n_not_learned": float(self.refused_[0])} if self.is_started else {}

    def _unlearn(self, x: Any, y: Any, id: Hashable, weight: float) -> Receipt:
        return hidden(self)
