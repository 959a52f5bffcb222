"""Linear prediction with traces, each feature with a step size that is learned too."""

from __future__ import annotations

import math

import numpy as np

from onlineml.estimator import Diagnostics
from onlineml.kernels import entry
from onlineml.kernels.arena import Array, Field, opened
from onlineml.kernels.swift import BOOTSTRAP, FIELDS, GAMMA, learn, opened_swift
from onlineml.kernels.vectors import dot, enter
from onlineml.rl.agent import Foreteller, TransitionLearner
from onlineml.schema import Schema, wrong


@entry
def _swift_td(d: int) -> int:
    call, swift = opened(d), opened_swift(d, 1)
    n = swift.weights.shape[0]
    for i in range(call.first, call.last):
        row = call.X[i]
        served = row[: n - 1]
        if call.fit:
            reward, following = row[n - 1], row[n : 2 * n - 1]
            if not abs(reward) <= 1e100:
                return i
            ends, cut = row[2 * n - 1] > 0.0, row[2 * n] > 0.0
            due = reward
            if not ends and not (cut and swift.settings[BOOTSTRAP] == 0.0):
                enter(following, swift.features)
                due += swift.settings[GAMMA] * dot(swift.weights, swift.features)
            enter(served, swift.features)
            learn(swift, due, ends or cut)
            served = following
        if call.serve > 0:
            enter(served, swift.features)
            call.out[i, 0] = dot(swift.weights, swift.features)
    return call.last


class SwiftLinear(TransitionLearner):
    """What `SwiftTD` and `SwiftSARSA` share: settings, and diagnostics of their step sizes."""

    gamma: float
    lambda_: float
    learning_rate: float
    meta_learning_rate: float
    bound: float
    decay: float
    least_rate: float
    bootstrap_on_truncation: bool
    weights_: Array
    log_rate_: Array

    def diagnostics(self) -> Diagnostics:
        """The longest and the shortest step size."""
        if not self.is_started:
            return {}
        rates = np.exp(self.log_rate_)
        return {"rate_max": float(rates.max()), "rate_min": float(rates.min())}

    def _n_weights(self, schema: Schema) -> int:
        return schema.n_features + 1

    def _check(self) -> None:
        for name in ("gamma", "lambda_"):
            if not 0 <= getattr(self, name) <= 1:
                raise wrong(name, getattr(self, name), "a number in [0, 1]")
        for name in ("bound", "decay"):
            if not 0 < getattr(self, name) <= 1:
                raise wrong(name, getattr(self, name), "a number in (0, 1]")
        if not 0 <= self.meta_learning_rate < math.inf:
            raise wrong("meta_learning_rate", self.meta_learning_rate, "a number >= 0")
        if not 1e-100 <= self.least_rate <= self.bound:
            raise wrong("least_rate", self.least_rate, "a number in [1e-100, bound]")
        if not 0 < self.learning_rate < math.inf:
            raise wrong("learning_rate", self.learning_rate, "a number > 0")

    def _settings(self) -> tuple[float, ...]:
        fade, rates = self.gamma * self.lambda_, (self.decay, self.least_rate, self.bound)
        first = (self.gamma, fade, self.meta_learning_rate, self.bound)
        return (*map(float, first), *map(math.log, rates), float(self.bootstrap_on_truncation))

    def _sizes(self) -> dict[str, int]:
        return {"D": 1}

    def _start(self, schema: Schema) -> None:
        n = self._n_weights(schema)
        for name in FIELDS:
            setattr(self, f"{name}_", np.zeros(n))
        rate = min(max(self.learning_rate, self.least_rate), self.bound)
        self.log_rate_[:] = math.log(rate)

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if not self.is_started:
            return
        came, due = self.weights_.shape, self._n_weights(self.schema_)
        if came != (due,):
            self.reset()
            raise wrong("state['weights_']", came, f"an array of shape ({due},)")

    def _n_scratch(self) -> int:
        return 3 * self._n_weights(self.schema_)


class SwiftTD(Foreteller, SwiftLinear):
    """SwiftTD: linear true online TD(lambda), step sizes learned feature by feature and bounded.

    Foretells the discounted sum of the rewards to come. Features that help get longer steps, others
    shorter ones, and no observation corrects its own prediction by more than the share `bound`.
    Time per transition and memory are O(n_features).

    Parameters
    ----------
    gamma
        Discount of what comes a step later.
    lambda_
        Fading of the traces, beside gamma.
    learning_rate
        First step size of each feature.
    meta_learning_rate
        Step of the step sizes' logarithms; 0 leaves them as they are.
    bound
        Largest share of an error that an event may remove, and the largest step size.
    decay
        What is left of a step size, for a feature of 1, when the bound is met.
    least_rate
        Smallest step size.
    bootstrap_on_truncation
        Whether an episode that was cut off is worth what its last observation promises.

    Attributes
    ----------
    weights_
        Of the features and a constant, `(n_features + 1,)`.
    log_rate_
        Logarithms of their step sizes, `(n_features + 1,)`.

    Raises
    ------
    ValueError
        At the first transition, for a `gamma` or `lambda_` outside of [0, 1], a `bound` or `decay`
        outside of (0, 1], a `meta_learning_rate` that is not finite and >= 0, a `least_rate`
        outside of [1e-100, bound], and a `learning_rate` that is not finite and > 0. At any, for
        observations that do not fit or are infinite, and rewards that are no finite number.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.rl import SwiftTD, Transition
    >>> model, states = SwiftTD(gamma=0.5), np.eye(3)
    >>> for i in range(3_000):  # a circle of three states, a reward on the way into the last
    ...     step = Transition(states[i % 3], None, float(i % 3 == 1), states[(i + 1) % 3])
    ...     model = model.fit_one(step)
    >>> [round(model.predict_one(x), 2) for x in states]  # due: 4/7, 8/7, 2/7
    [0.57, 1.14, 0.29]

    Notes
    -----
    Nothing is scaled: features should be about 1 in size or 0, as indicators are, and rewards about
    1. Predictions were seen to diverge among features of ten thousand that vary in size from row to
    row, as the bound is on single events and not on traces. Missing values count as 0; a value
    counts as 1e8 at most. Departures: a constant is among the features; all features' slopes move
    on in every event, not only those with a trace; traces end with an episode; a step size that
    decays stays above the smallest one at once; defaults are for few features, not for the source's
    thousands.

    References
    ----------
    .. [1] Javed, Sharifnassab, Sutton (2024), SwiftTD: a fast and robust algorithm for temporal
       difference learning, RLJ 2, algorithm 1.
    .. [2] van Seijen, Mahmood, Pilarski, Machado, Sutton (2016), True online temporal-difference
       learning, JMLR 17, section 3.2.
    """

    _kernel = _swift_td
    _state = tuple(Field(f"{name}_", ("D",)) for name in FIELDS)

    def __init__(
        self,
        *,
        gamma: float = 0.99,
        lambda_: float = 0.9,
        learning_rate: float = 0.01,
        meta_learning_rate: float = 0.01,
        bound: float = 0.1,
        decay: float = 0.99,
        least_rate: float = 1e-7,
        bootstrap_on_truncation: bool = True,
    ) -> None:
        self.gamma = gamma
        self.lambda_ = lambda_
        self.learning_rate = learning_rate
        self.meta_learning_rate = meta_learning_rate
        self.bound = bound
        self.decay = decay
        self.least_rate = least_rate
        self.bootstrap_on_truncation = bootstrap_on_truncation
