"""What an attacker finds out about one person's rows in private learners, beside what is promised.

Many runs learn the same rows, each with noise of its own; in half of them a person's rows, the
canaries, are there, in the others rows without gradient in their place. The attacker knows every
row, sees all weights after each, and asks whether the canaries were there: by the likelihood ratio
of what the weights hold beside the gradients of the known rows, or by a canary's loss at the end.
How noise goes together from row to row is measured, not looked up: a fault of it is found as well.

Noise and thresholds are learned from the first runs; on the others, the shares of both kinds of
errors bound epsilon from below (Clopper and Pearson). Gaussian noise allows a sharper bound, by the
distance of two normal distributions that would explain the errors: Nasr et al. (2023), Tight
auditing of differentially private machine learning, arXiv:2302.07956, section 4. None of the bounds
may exceed what the odometer tells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import beta, norm

from onlineml import learners
from onlineml.base import Classifier
from onlineml.kernels.privacy import SCALE
from onlineml.odometer import PrivacyOdometer
from onlineml.schema import Schema

Array = npt.NDArray[Any]
_FIRST = 0.25  # part of the runs that noise and thresholds are learned from
_EVEN = 1e-9  # noise that is added to what was measured, so that there always is some
_NOTHING = 1e-300  # weight of a row without gradient


class Rows(NamedTuple):
    """Rows of a stream, and the places of those of the person whom the attacker looks for."""

    X: Array
    y: Sequence[Any]
    canaries: Sequence[int]


class Case(NamedTuple):
    """Learners by seed, and the rows that they learn."""

    make: Callable[[int | None], Sequence[Any]]
    rows: Rows


class Finding(NamedTuple):
    """Lower bounds of epsilon, and what the odometer tells."""

    by_weights: float
    by_normal_weights: float
    by_loss: float
    promised: float


def audit(
    case: Case,
    *,
    n_runs: int,
    noise: float = 1.0,
    confidence: float = 0.99,
) -> Finding:
    """Attack `n_runs` times learners that have met the canaries, and ones that have not.

    A case makes unfitted learners with noise of a seed, all of one kind; of None, with noise that
    is nothing. To plant a fault, `noise` multiplies the noise behind the learners' backs.
    """
    make, rows = case
    plain = [_started(model, rows) for model in make(None)]
    made = [make(seed) for seed in range(2 * n_runs)]
    seen = [_watched(models, plain, rows, k % 2, noise) for k, models in enumerate(made)]
    pairs, n_first = list(zip(seen[::2], seen[1::2], strict=True)), int(_FIRST * n_runs)
    spread = _spread_of([without.noise for without, _ in pairs[:n_first]])
    scores = np.array([[_likelihood(run, spread) for run in pair] for pair in pairs])
    losses = np.array([[-run.loss for run in pair] for pair in pairs])
    model = made[-1][0]
    told = model.odometer if model.privacy.odometer is None else model.privacy.odometer
    given = n_first, model.privacy.delta, confidence
    return Finding(
        _bound(scores, _any_noise, *given), _bound(scores, _normal_noise, *given),
        _bound(losses, _any_noise, *given), told.spent[0],
    )  # fmt: skip


# ------------------------------------------------------------------------------- cases

_PERIOD = 16
_MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "LogisticRegression": (learners.LogisticRegression, {}),
    "SoftmaxRegression": (learners.SoftmaxRegression, {}),
    "LinearRegression": (learners.LinearRegression, {}),
    "MLPClassifier": (learners.MLPClassifier, {"hidden": (4,), "optimizer": "sgd", "seed": 1}),
    "MLPRegressor": (learners.MLPRegressor, {"hidden": (4,), "optimizer": "sgd", "seed": 1}),
}


def cases(epsilon: float = 1.0) -> dict[str, Case]:
    """Every kind of learner with every kind of noise; two rows of a person; a shared budget."""
    found: dict[str, Case] = {}
    for noise in ("tree", "banded"):
        for name in _MODELS:
            found[f"{name}, {noise}"] = _case(name, noise, epsilon)
        found[f"two periods, {noise}"] = _case("SoftmaxRegression", noise, epsilon, n_periods=2)
        found[f"two learners, {noise}"] = _case("LinearRegression", noise, epsilon, n_learners=2)
    return found


def _case(name: str, noise: str, epsilon: float, *, n_periods: int = 1, n_learners: int = 1
          ) -> Case:  # fmt: skip
    """Learners of the same seed: those that share an odometer must not have the same noise."""
    kind, given = _MODELS[name]
    rows = _rows(n_periods, issubclass(kind, Classifier))

    def make(seed: int | None) -> list[Any]:
        own = {"epsilon": 1e20 if seed is None else epsilon, "seed": seed or 0, "period": _PERIOD}
        if n_periods > 1 and seed is not None:
            own["n_periods"] = n_periods
        if n_learners > 1 and seed is not None:
            own["odometer"] = PrivacyOdometer(epsilon=99.0, delta=1e-5, rule="concentrated")
        if issubclass(kind, Classifier):
            own["classes"] = (False, True)
        else:
            own["target_range"] = (-1.0, 1.0)
        noises = {"tree": learners.TreeAggregation, "banded": learners.BandedNoise}
        own |= {"bands": 5} if noise == "banded" else {}
        return [
            kind(learning_rate=0.01, privacy=noises[noise](**own), **given)
            for _ in range(n_learners)
        ]

    return Case(make, rows)


def _rows(n_periods: int, has_classes: bool) -> Rows:
    """A person's rows lie far out, so that their gradients are as long as any may be."""
    rng, n = np.random.default_rng(0), n_periods * _PERIOD
    X, scores = rng.normal(size=(n, 3)), np.sin(1.3 * np.arange(n))
    canaries = range(5, n, _PERIOD)
    X[canaries], scores[canaries] = 4.0, -1.0
    y: list[Any] = (scores > 0.0).tolist() if has_classes else scores.tolist()
    return Rows(X, y, canaries)


# ------------------------------------------------------------------------------- runs


class _Run(NamedTuple):
    """What an attacker sees of a run."""

    noise: Array  # (n_learners * n_rows, n_weights) sums of all but the gradients of known rows
    canary: Array  # the same, of the canaries' gradients alone
    loss: float


def _started(model: Any, rows: Rows) -> Any:
    """A learner that knows all features and classes, and has seen no row."""
    first = [list(rows.y).index(y) for y in sorted(set(rows.y))[:2]]
    model.start(Schema(rows.X.shape[1]))
    model.fit_many(rows.X[first], [rows.y[i] for i in first], weight=np.zeros(len(first)))
    return model._ready()


def _watched(models: Sequence[Any], plain: Sequence[Any], rows: Rows, there: int, noise: float
             ) -> _Run:  # fmt: skip
    """Learn the rows with the canaries or without, and look at the weights after each."""
    found, canaries = [], []
    for model, bare in zip(models, plain, strict=True):
        given = model.privacy.promise()
        given[SCALE] *= noise
        setattr(model.privacy, "promise", given.copy)  # noqa: B010 - a method is no attribute
        _started(model, rows)
        rest, own = zip(*_course(model, bare, rows, there), strict=True)
        found.append(np.cumsum(rest, 0))
        canaries.append(np.cumsum(own, 0))
    at = rows.canaries[0]
    return _Run(np.vstack(found), np.vstack(canaries), _loss(models[0], rows.X[at], rows.y[at]))


def _course(model: Any, bare: Any, rows: Rows, there: int) -> Any:
    """For each row, the step beside the known gradient, and the gradient of a canary.

    `bare` has no noise: it tells the gradient of a row at given weights.
    """
    for i, (x, y) in enumerate(zip(rows.X, rows.y, strict=True)):
        before, is_known = _weights(model), i not in rows.canaries
        model.fit_one(x, y, weight=1.0 if is_known or there else _NOTHING)
        step = (before - _weights(model)) / model.learning_rate
        gradient = _gradient(bare, before, x, y)
        yield (step - gradient, 0.0 * gradient) if is_known else (step, gradient)


def _parts(model: Any) -> list[Array]:
    return [vars(model)[name] for name in ("weights_", "intercept_") if name in vars(model)]


def _weights(model: Any) -> Array:
    return np.concatenate([part.ravel() for part in _parts(model)])


def _gradient(bare: Any, weights: Array, x: Array, y: Any) -> Array:
    first = 0
    for part in _parts(bare):
        part.flat[:] = weights[first : first + part.size]
        first += part.size
    bare.fit_one(x, y)
    found: Array = (weights - _weights(bare)) / bare.learning_rate
    return found


def _loss(model: Any, x: Array, y: Any) -> float:
    if hasattr(model, "predict_proba_one"):
        return -math.log(max(model.predict_proba_one(x)[model.classes_.index(y)], _NOTHING))
    return abs(float(model.predict_one(x)) - float(y))


def _spread_of(noise: Sequence[Array]) -> Array:
    """Covariance of noise over rows, from all weights that have any."""
    total, n = np.zeros((len(noise[0]),) * 2), 0
    for sums in noise:
        moved = sums[:, (sums != 0.0).any(0)]
        total += moved @ moved.T
        n += moved.shape[1]
    total /= max(n, 1)
    even = _EVEN**2 + 1e-10 * np.trace(total) / len(total)
    return total + even * np.eye(len(total))


def _likelihood(run: _Run, spread: Array) -> float:
    """Log of the likelihood ratio, brought to variance 1."""
    weighed = np.linalg.solve(spread, run.canary)
    return float((weighed * run.noise).sum() / math.sqrt((weighed * run.canary).sum()))


# ------------------------------------------------------------------------------- bounds


def _bound(scores: Array, way: Any, n_first: int, delta: float, confidence: float) -> float:
    """From scores (n_runs, without and with): the threshold of the first runs judges the others."""
    first, rest = scores[:n_first], scores[n_first:]
    tried = [float(first.mean())]  # best where noise is normal
    if way is _any_noise:
        tried += np.quantile(first, np.linspace(0.01, 0.99, 99)).tolist()
    at = max(tried, key=lambda place: way(*_errors(first, place, confidence), delta))
    return max(float(way(*_errors(rest, at, confidence), delta)), 0.0)


def _errors(scores: Array, at: float, confidence: float) -> tuple[float, float]:
    """Shares of false and of missed alarms, at most."""
    n, each = len(scores), 0.5 * (1.0 + confidence)
    counts = int((scores[:, 0] > at).sum()), int((scores[:, 1] <= at).sum())
    false, missed = (float(beta.ppf(each, k + 1, n - k)) if k < n else 1.0 for k in counts)
    return false, missed


def _any_noise(false: float, missed: float, delta: float) -> float:
    """By the definition: alarms are no more than exp(epsilon) as frequent, and delta."""
    kinds = ((1.0 - missed - delta, false), (1.0 - false - delta, missed))
    return max(math.log(kept / lost) if kept > 0.0 else 0.0 for kept, lost in kinds)


def _normal_noise(false: float, missed: float, delta: float) -> float:
    """The epsilon of two normal distributions as far apart as the errors say.

    Their profile is theorem 8 of Balle and Wang (2018), arXiv:1805.06530.
    """
    apart = float(norm.isf(false) - norm.ppf(missed))
    if not apart > 1e-6:
        return 0.0

    def beyond(epsilon: float) -> float:
        near, far = apart / 2.0 - epsilon / apart, -apart / 2.0 - epsilon / apart
        return float(norm.cdf(near) - math.exp(epsilon + norm.logcdf(far)) - delta)

    return float(brentq(beyond, 0.0, 1e3)) if beyond(0.0) > 0.0 else 0.0
