"""Linear regression."""

from __future__ import annotations

from typing import Literal

import numpy as np

from onlineml.base import Array, Regressor
from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, i1, keep_row, opened, scratch
from onlineml.kernels.linear import LOSSES, slope_of, spread, squared_norm, weighed
from onlineml.kernels.optimizers import RULES, correction, decay, descend, descend_at
from onlineml.kernels.private_linear import NUMBER, private_linear_regression
from onlineml.learners.privacy import Guarded, Privacy, by_privacy
from onlineml.schema import wrong

_STEEPEST = 1e12  # keeps products with values of any size finite

_STATE = (
    Field("nominal_", ("F",), np.int64),
    Field("n_steps_", (1,)),
    Field("weights_", ("F", "V")),
    Field("moments_", ("M", "F", "V")),
    Field("intercept_", (1,)),
    Field("intercept_moments_", ("M", 1)),
)


@entry
def _linear_regression(d: int) -> int:
    weights, moments = f2(d, 3), f3(d, 4)
    n = weights.shape[0] * weights.shape[1]
    return _rows(
        opened(d), *scratch(d), f1(d, 0), i1(d, 1), f1(d, 2), weights.shape[1],
        weights.reshape(n), moments.reshape((moments.shape[0], n)), f1(d, 5), f2(d, 6),
    )  # fmt: skip


@lean
def _rows(
    call: Call, values: Array, places: Ints, settings: Array, nominal: Ints, n_steps: Array,
    room: int, weights: Array, moments: Array, intercept: Array, intercept_moments: Array,
) -> int:  # fmt: skip
    rule, rate, l2, bias = int(settings[0]), settings[1], settings[2], settings[3]
    for i in range(call.first, call.last):
        keep_row(call, i)
        n = spread(call.X[i], nominal, room, places, values)
        answer = intercept[0] + weighed(weights, places, values, n)
        if call.serve:
            call.out[i, 0] = answer
        weight = call.weight[i]
        if not call.fit or weight <= 0.0:
            continue
        n_steps[0] += 1.0
        error = min(max(answer - call.y[i], -_STEEPEST), _STEEPEST)
        slope = weight * slope_of(error, int(settings[5]), settings[6])
        norm = bias + squared_norm(values, n)
        if rate * norm * abs(slope) > abs(error):
            slope = error / (rate * norm)
        shrink, pace = decay(rate, l2, weight), rate * correction(rule, n_steps[0])
        descend(rule, pace, shrink, weights, moments, places, values, n, slope)
        if bias > 0.0:
            intercept[0] *= decay(rate, settings[4], weight)
            descend_at(rule, pace, intercept, intercept_moments, 0, slope)
    return call.last


def check_descent(optimizer: str, learning_rate: float, l2: float) -> None:
    """Raise `ValueError` for what gradient descent cannot work with."""
    if optimizer not in RULES:
        raise wrong("optimizer", optimizer, f"one of {list(RULES)}")
    if not 0 < learning_rate < np.inf:
        raise wrong("learning_rate", learning_rate, "a number > 0")
    if not 0 <= l2 < np.inf:
        raise wrong("l2", l2, "a number >= 0")


class LinearRegression(Guarded, Regressor):
    """A linear function of the features, one gradient step per event.

    Time per event and memory are O(n_features). Numeric features should be of similar scale (put
    `StandardScaler` before); a nominal feature has a weight for each of its values (one-hot
    encoding inside). Missing values contribute nothing and leave their weights alone.

    Parameters
    ----------
    optimizer
        "sgd", "adagrad" or "adam".
    learning_rate
        Length of a step.
    loss
        "squared" (half the squared error), "absolute" or "huber".
    delta
        Error, in units of the target, from which on the Huber loss is linear.
    l2
        Weight decay: every event multiplies the weights it touches by
        1 / (1 + learning_rate * l2). The intercept does not, unless `decay_intercept`.
    intercept
        Whether there is one.
    decay_intercept
        Whether weight decay takes intercepts as well, as if they were weights of a feature that is
        always 1. That is not usual, and pulls answers towards 0; but where anything does not
        decay, no bound says how little is left of old rows (see `onlineml.unlearning.Replayable`).
    privacy
        None, or a promise of differential privacy: `TreeAggregation` or `BandedNoise`, which say
        what it asks of rows and of the learner. The budget left is then told by `odometer`.

    Raises
    ------
    BudgetSpentError
        Where `privacy` shares an odometer: see `TreeAggregation`.
    ValueError
        At the first event, unless `learning_rate` > 0, `l2` >= 0, `delta` > 0, `optimizer` and
        `loss` are among the above, and `privacy` is None or a promise that can be kept and has a
        `target_range`.

    Examples
    --------
    >>> from onlineml.learners import LinearRegression
    >>> model = LinearRegression(learning_rate=0.1)
    >>> for x in [-1.0, 0.0, 1.0, 2.0] * 100:
    ...     model = model.fit_one([x], 3.0 * x + 1.0)
    >>> round(model.predict_one([4.0]), 3)
    13.0

    Notes
    -----
    A step never takes the prediction of the row itself past its target ("safe" updates [1]_), so
    that neither a wild row nor features of a large scale make the weights diverge: with features of
    unit scale and the usual learning rates the bound is not met. The gradients that Adagrad and
    Adam see are bounded in the same way. Moments of weights that a row does not touch stay as they
    are (lazy updates); weight decay is apart from the gradient, as in AdamW.

    References
    ----------
    .. [1] Karampatziakis, Langford (2011), Online importance weight aware updates, UAI. Section 4.
    .. [2] Duchi, Hazan, Singer (2011), Adaptive subgradient methods, JMLR 12, 2121-2159. Figure 1.
    .. [3] Kingma, Ba (2015), Adam, ICLR. Algorithm 1. arXiv:1412.6980
    """

    _kernel = by_privacy(_linear_regression, private_linear_regression)
    _state = by_privacy(_STATE, NUMBER)

    def __init__(
        self,
        *,
        optimizer: Literal["sgd", "adagrad", "adam"] = "sgd",
        learning_rate: float = 0.01,
        loss: Literal["squared", "absolute", "huber"] = "squared",
        delta: float = 1.0,
        l2: float = 0.0,
        intercept: bool = True,
        decay_intercept: bool = False,
        privacy: Privacy | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.loss = loss
        self.delta = delta
        self.l2 = l2
        self.intercept = intercept
        self.decay_intercept = decay_intercept
        self.privacy = privacy

    def _check(self) -> None:
        check_descent(self.optimizer, self.learning_rate, self.l2)
        if self.loss not in LOSSES:
            raise wrong("loss", self.loss, f"one of {list(LOSSES)}")
        if not 0 < self.delta < np.inf:
            raise wrong("delta", self.delta, "a number > 0")
        self._check_privacy(*RULES)
        self._check_range()

    def _sizes(self) -> dict[str, int]:
        return {"M": RULES[self.optimizer], **self._private_sizes()}

    def _settings(self) -> tuple[float, ...]:
        self._check_promise()
        return (
            RULES[self.optimizer],
            self.learning_rate,
            self.l2,
            float(self.intercept),
            self.l2 * self.decay_intercept,
            LOSSES[self.loss],
            self.delta / self._reach(),
        )

    def _n_scratch(self) -> int:
        return super()._n_scratch() + self._room_of_row()

    def _push(self, largest_target: float) -> float:
        """How far a row moves the weights (see `onlineml.learners.fading`)."""
        return float(np.sqrt(self.learning_rate)) * largest_target
