"""Passive-aggressive learning: the smallest change that repairs the present row."""

from __future__ import annotations

from typing import Literal

import numpy as np

from onlineml.base import Array, Classifier, Regressor
from onlineml.kernels import entry, lean
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, f3, i1, keep_row, opened, scratch
from onlineml.kernels.linear import shift, spread, squared_norm, weighed
from onlineml.kernels.softmax import score_classes
from onlineml.kernels.votes import answer_from_logs
from onlineml.schema import wrong

VARIANTS = {"PA": 0, "PA-I": 1, "PA-II": 2}
_CAPPED, _DAMPED = 1, 2
_LARGEST_LOSS, _SHORTEST = 1e12, 1e-24  # keep steps along rows of any size finite


@entry
def _pa_classifier(d: int) -> int:
    weights = f3(d, 3)
    return _classify(
        opened(d), *scratch(d), f1(d, 0), i1(d, 1), i1(d, 2), weights.shape[2],
        weights.reshape((weights.shape[0], weights.shape[1] * weights.shape[2])), f2(d, 4),
    )  # fmt: skip


@lean
def _classify(
    call: Call, floats: Array, places: Ints, settings: Array, seen: Ints, nominal: Ints,
    room: int, weights: Array, intercept: Array,
) -> int:  # fmt: skip
    values, scores = floats[: nominal.shape[0]], floats[nominal.shape[0] :]
    bias = settings[2]
    for i in range(call.first, call.last):
        n = spread(call.X[i], nominal, room, places, values)
        score_classes(0, seen[0], weights, intercept, places, values, n, scores)
        if call.serve:
            for c in range(seen[0]):
                call.out[i, 1 + c] = scores[c]
            answer_from_logs(call.out[i], seen[0], call.serve)
        if call.fit:
            label = int(call.y[i])
            for c in range(seen[0], label + 1):  # classes that are new with this row
                scores[c] = 0.0
            seen[0] = max(seen[0], label + 1)
            rival = _best_other(scores, seen[0], label)
            if call.weight[i] > 0.0 and rival >= 0:
                loss = 1.0 - (scores[label] - scores[rival])
                norm = bias + squared_norm(values, n)
                step = 0.5 * step_of(settings, loss, norm, call.weight[i])
                if step > 0.0:
                    shift(weights[label], places, values, n, step)
                    shift(weights[rival], places, values, n, -step)
                    intercept[label, 0] += bias * step
                    intercept[rival, 0] -= bias * step
        keep_row(call, i)
    return call.last


@lean
def _best_other(scores: Array, n: int, label: int) -> int:
    best = -1
    for c in range(n):
        if c != label and (best < 0 or scores[c] > scores[best]):
            best = c
    return best


@lean
def step_of(settings: Array, loss: float, norm: float, weight: float) -> float:
    """How far to go along a row of squared length `norm` for its loss ([1]_, figure 1)."""
    loss = min(loss, _LARGEST_LOSS)
    if loss <= 0.0 or norm <= _SHORTEST:
        return 0.0
    if settings[0] == _DAMPED:
        return float(loss / (norm + 0.5 / (settings[1] * weight)))
    if settings[0] == _CAPPED:
        return float(min(settings[1] * weight, loss / norm))
    return loss / norm


@entry
def _pa_regressor(d: int) -> int:
    weights = f2(d, 2)
    return _regress(
        opened(d), *scratch(d), f1(d, 0), i1(d, 1), weights.shape[1],
        weights.reshape(weights.shape[0] * weights.shape[1]), f1(d, 3),
    )  # fmt: skip


@lean
def _regress(
    call: Call, values: Array, places: Ints, settings: Array, nominal: Ints, room: int,
    weights: Array, intercept: Array,
) -> int:  # fmt: skip
    bias, epsilon = settings[2], settings[3]
    for i in range(call.first, call.last):
        n = spread(call.X[i], nominal, room, places, values)
        answer = intercept[0] + weighed(weights, places, values, n)
        if call.serve:
            call.out[i, 0] = answer
        if call.fit and call.weight[i] > 0.0:
            error = call.y[i] - answer
            norm = bias + squared_norm(values, n)
            step = step_of(settings, abs(error) - epsilon, norm, call.weight[i])
            step = step if error > 0.0 else -step
            shift(weights, places, values, n, step)
            intercept[0] += bias * step
        keep_row(call, i)
    return call.last


def _check(variant: str, C: float) -> None:
    if variant not in VARIANTS:
        raise wrong("variant", variant, f"one of {list(VARIANTS)}")
    if not 0 < C < np.inf:
        raise wrong("C", C, "a number > 0")


class PassiveAggressiveClassifier(Classifier):
    """Linear scores, changed as little as gives each row's label a margin of 1 over its best rival.

    Forgets quickly, which pays where labels depend on the last few rows. Time per event and memory
    are O(n_classes * n_features). Numeric features should be of similar scale (put
    `StandardScaler` before); a nominal feature has a weight for each of its values (one-hot
    encoding inside). Missing values contribute nothing. Classes may appear at any time.

    Parameters
    ----------
    variant
        "PA" repairs every row in full, "PA-I" by a step of at most `C`, "PA-II" by a step damped by
        1 / (2 C).
    C
        Aggressiveness. The weight of an event multiplies it; "PA" only tells zero weights apart.
    intercept
        Whether scores have one, as the weight of a feature that is always 1.

    Raises
    ------
    ValueError
        At the first event, unless `C` > 0 and `variant` is among the above.

    Examples
    --------
    >>> from onlineml.learners import PassiveAggressiveClassifier
    >>> model = PassiveAggressiveClassifier()
    >>> for x, y in [([-1.0, 0.2], "no"), ([1.0, -0.3], "yes")] * 5:
    ...     model = model.fit_one(x, y)
    >>> model.predict_one([0.5, 0.0])
    'yes'

    Notes
    -----
    With two classes this is the binary algorithm of [1]_ exactly, from the row on that shows the
    second class. Beyond two, the rival is the best scored wrong class ([1]_, section 8, "max-loss"
    for one label); the paper's multiclass `C` is half of ours, so that a third class
    changes nothing by itself. Probabilities are a softmax of the scores, for ranking: they are not
    calibrated.

    References
    ----------
    .. [1] Crammer, Dekel, Keshet, Shalev-Shwartz, Singer (2006), Online passive-aggressive
       algorithms, JMLR 7, 551-585. Figure 1 and section 8.
    """

    _kernel = _pa_classifier
    _state = (
        Field("seen_", (1,), np.int64),
        Field("nominal_", ("F",), np.int64),
        Field("weights_", ("C", "F", "V")),
        Field("intercept_", ("C", 1)),
    )

    def __init__(
        self,
        *,
        variant: Literal["PA", "PA-I", "PA-II"] = "PA-I",
        C: float = 1.0,
        intercept: bool = True,
    ) -> None:
        self.variant = variant
        self.C = C
        self.intercept = intercept

    def _check(self) -> None:
        _check(self.variant, self.C)

    def _settings(self) -> tuple[float, ...]:
        return (VARIANTS[self.variant], self.C, float(self.intercept))


class PassiveAggressiveRegressor(Regressor):
    """A linear function, changed as little as brings each row's error down to `epsilon`.

    Time per event and memory are O(n_features). Scaling, nominal and missing features as in
    `PassiveAggressiveClassifier`.

    Parameters
    ----------
    variant, C, intercept
        As in `PassiveAggressiveClassifier`; a step of "PA-I" is at most `C`, in units of the target
        per unit of feature.
    epsilon
        Error, in units of the target, that is left alone.

    Raises
    ------
    ValueError
        At the first event, unless `C` > 0, `epsilon` >= 0, and `variant` is "PA", "PA-I" or
        "PA-II".

    Examples
    --------
    >>> from onlineml.learners import PassiveAggressiveRegressor
    >>> model = PassiveAggressiveRegressor(epsilon=0.01)
    >>> for x in [-1.0, 0.0, 1.0, 2.0] * 50:
    ...     model = model.fit_one([x], 3.0 * x + 1.0)
    >>> round(model.predict_one([4.0]), 1)
    13.0

    References
    ----------
    .. [1] Crammer, Dekel, Keshet, Shalev-Shwartz, Singer (2006), Online passive-aggressive
       algorithms, JMLR 7, 551-585. Section 5.
    """

    _kernel = _pa_regressor
    _state = (
        Field("nominal_", ("F",), np.int64),
        Field("weights_", ("F", "V")),
        Field("intercept_", (1,)),
    )

    def __init__(
        self,
        *,
        variant: Literal["PA", "PA-I", "PA-II"] = "PA-I",
        C: float = 1.0,
        epsilon: float = 0.1,
        intercept: bool = True,
    ) -> None:
        self.variant = variant
        self.C = C
        self.epsilon = epsilon
        self.intercept = intercept

    def _check(self) -> None:
        _check(self.variant, self.C)
        if not 0 <= self.epsilon < np.inf:
            raise wrong("epsilon", self.epsilon, "a number >= 0")

    def _settings(self) -> tuple[float, ...]:
        return (VARIANTS[self.variant], self.C, float(self.intercept), self.epsilon)
