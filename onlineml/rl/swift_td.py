"""Linear prediction with traces, each feature with a step size that is learned too."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from onlineml.estimator import Diagnostics
from onlineml.kernels import entry, jit
from onlineml.kernels.arena import ANSWER, Array, Field, f1, opened, scratch
from onlineml.rl.agent import Transition, TransitionLearner
from onlineml.schema import Schema, wrong

# settings
GAMMA, FADE, META, BOUND, LOG_DECAY, LOG_LEAST, LOG_MOST, BOOTSTRAP = range(8)
_LARGEST = 1e8  # of a feature: what is beyond counts as this


class Swift(NamedTuple):
    """Settings, and a number a feature of each kind; the last feature is constant."""

    settings: Array
    weights: Array
    change: Array  # of the weights, by the last transition
    log_rate: Array  # beta
    trace: Array  # z, with the step sizes in it
    rate_trace: Array  # p: the slope of the predictions by beta
    slope_trace: Array  # z bar
    slope: Array  # h: the slope of the weights by beta
    old_slope: Array  # the same, a transition before
    features: Array  # scratch
    step: Array  # z delta: what the observation adds to its own trace
    next_slope: Array


@entry
def _swift_td(d: int) -> int:
    call, (floats, _) = opened(d), scratch(d)
    n = f1(d, 1).shape[0]
    swift = Swift(
        f1(d, 0), f1(d, 1), f1(d, 2), f1(d, 3), f1(d, 4), f1(d, 5), f1(d, 6), f1(d, 7), f1(d, 8),
        floats[:n], floats[n : 2 * n], floats[2 * n : 3 * n],
    )  # fmt: skip
    for i in range(call.first, call.last):
        row = call.X[i]
        served = row[: n - 1]
        if call.fit:
            reward, following = row[n - 1], row[n : 2 * n - 1]
            if not abs(reward) <= 1e100:
                return i
            _learn(swift, row[: n - 1], reward, following, row[2 * n - 1] > 0, row[2 * n] > 0)
            served = following
        if call.serve > 0:
            _enter(served, swift.features)
            call.out[i, 0] = _dot(swift.weights, swift.features)
    return call.last


@jit
def _enter(row: Array, features: Array) -> None:
    """The features: what is missing is 0, and a constant."""
    n = row.shape[0]
    for j in range(n):
        features[j] = 0.0 if np.isnan(row[j]) else min(max(row[j], -_LARGEST), _LARGEST)
    features[n] = 1.0


@jit
def _dot(a: Array, b: Array) -> float:
    total = 0.0
    for j in range(a.shape[0]):
        total += a[j] * b[j]
    return total


@jit
def _learn(
    swift: Swift, observation: Array, reward: float, following: Array, terminated: bool,
    truncated: bool,
) -> None:  # fmt: skip
    settings, due, ends = swift.settings, reward, terminated or truncated
    if not terminated and not (truncated and settings[BOOTSTRAP] == 0.0):
        _enter(following, swift.features)
        due += settings[GAMMA] * _dot(swift.weights, swift.features)
    _enter(observation, swift.features)
    error = due - _dot(swift.weights, swift.features)
    # what the last transition has changed of this prediction: true online traces make up for it
    shift = _dot(swift.change, swift.features)
    _extend(swift)
    _step(swift, error, shift, 0.0 if ends else settings[FADE])
    if ends:
        swift.change[:] = 0.0


@jit
def _extend(swift: Swift) -> None:
    """Add the observation to the traces, by no more than the bound; shorten steps beyond it."""
    phi, bound, rate = swift.features, swift.settings[BOUND], 0.0
    for j in range(phi.shape[0]):
        rate += math.exp(swift.log_rate[j]) * phi[j] ** 2
    share, reach = min(1.0, bound / rate), _dot(swift.trace, phi)
    for j in range(phi.shape[0]):
        step = share * math.exp(swift.log_rate[j]) * phi[j]
        swift.step[j] = step
        swift.trace[j] += step * (1.0 - reach)
        swift.rate_trace[j] += swift.old_slope[j] * phi[j]
        gain = 1.0 - reach - swift.slope_trace[j] * phi[j]
        swift.slope_trace[j] += step * gain
        slope, pulled = swift.slope[j], swift.trace[j] - step
        swift.next_slope[j] = slope - phi[j] * (swift.old_slope[j] * pulled + slope * step)
        if rate > bound and phi[j] != 0.0:
            swift.slope_trace[j] = swift.slope[j] = swift.next_slope[j] = 0.0
            shorter = swift.log_rate[j] + swift.settings[LOG_DECAY] * phi[j] ** 2
            swift.log_rate[j] = max(shorter, swift.settings[LOG_LEAST])


@jit
def _step(swift: Swift, error: float, shift: float, fade: float) -> None:
    """Weights, step sizes and slopes after an error; then the traces fade."""
    settings, full = swift.settings, error + shift
    for j in range(swift.weights.shape[0]):
        swift.change[j] = full * swift.trace[j] - swift.step[j] * shift
        swift.weights[j] += swift.change[j]
        gain = settings[META] * error * swift.rate_trace[j] / math.exp(swift.log_rate[j])
        longer = min(swift.log_rate[j] + gain, settings[LOG_MOST])
        swift.log_rate[j] = max(longer, settings[LOG_LEAST])
        swift.old_slope[j] = swift.slope[j]
        swift.slope[j] = swift.next_slope[j] + full * swift.slope_trace[j] - swift.step[j] * shift
        swift.trace[j] *= fade
        swift.rate_trace[j] *= fade
        swift.slope_trace[j] *= fade


class SwiftTD(TransitionLearner):
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
        For settings out of range, and numbers that are not finite.

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
    1. Missing values count as 0; a value counts as 1e8 at most. Departures: a constant is among the
    features; all features' slopes move on in every event, not only those with a trace; traces end
    with an episode; a step size that decays stays above the smallest one at once; defaults are for
    few features, not for the source's thousands.

    References
    ----------
    .. [1] Javed, Sharifnassab, Sutton (2024), SwiftTD: a fast and robust algorithm for temporal
       difference learning, RLJ 2, algorithm 1.
    .. [2] van Seijen, Mahmood, Pilarski, Machado, Sutton (2016), True online temporal-difference
       learning, JMLR 17, section 3.2.
    """

    _kernel = _swift_td
    _state = tuple(
        Field(f"{name}_", ("D",))
        for name in (
            "weights", "change", "log_rate", "trace", "rate_trace", "slope_trace", "slope",
            "old_slope",
        )
    )  # fmt: skip

    weights_: Array
    log_rate_: Array

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

    def predict_one(self, observation: Any) -> float:
        """The discounted sum of rewards that are to come."""
        made = self if self._width >= 0 else self._started(observation)
        made._serve_one(observation, made._serving)
        return float(made._answer[0])

    def predict_many(self, X: Any) -> Array:
        """What `predict_one` says of each observation, a row of `X`."""
        if not self.is_started:
            return np.array([self.predict_one(x) for x in X])
        return self._ready()._serve_many(X, ANSWER)[:, 0]

    def fit_predict_one(self, transition: Transition) -> float:
        """Learn, then predict from the transition's next observation: both in one call."""
        return float(self._go_on_one(transition))

    def fit_predict_many(self, transitions: Iterable[Transition]) -> Array:
        """What the loop of `fit_predict_one` would have answered, in one pass."""
        return self._go_on_many(transitions)

    def diagnostics(self) -> Diagnostics:
        """The longest and the shortest step size."""
        if not self.is_started:
            return {}
        rates = np.exp(self.log_rate_)
        return {"rate_max": float(rates.max()), "rate_min": float(rates.min())}

    def _action_width(self) -> int:
        return 0  # what was done is of no interest

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
        for field in self._state:
            setattr(self, field.name, np.zeros(schema.n_features + 1))
        rate = min(max(self.learning_rate, self.least_rate), self.bound)
        self.log_rate_[:] = math.log(rate)

    def _check_arrays(self) -> None:
        super()._check_arrays()
        if self.is_started and self.weights_.shape != (self.schema_.n_features + 1,):
            came, due = self.weights_.shape, self.schema_.n_features + 1
            self.reset()
            raise wrong("state['weights_']", came, f"an array of shape ({due},)")

    def _n_scratch(self) -> int:
        return 3 * (self.schema_.n_features + 1)
