"""A one-class support vector machine, stepped on every row."""

from __future__ import annotations

import math

import numpy as np

from onlineml.base import Array, Detector
from onlineml.kernels import entry, jit
from onlineml.kernels.alarms import row_tells
from onlineml.kernels.arena import Call, Field, Ints, f1, f2, opened, scratch
from onlineml.kernels.by_window import is_known
from onlineml.kernels.faded_moments import learn
from onlineml.kernels.random import normal, seeded, uniform
from onlineml.schema import Schema, wrong

_CLIP = 10.0  # standard deviations that a value is learned to be off at most
_FASTEST = 0.05  # steps of heavy rows that were longer would forget all others
_FAR = 100.0  # standard deviations that a value is taken to be off at most
_NU, _RATE, _GAMMA, _LEAST = range(4)  # of the settings


@entry
def _one_class_svm(d: int) -> int:
    moments = f1(d, 1), f1(d, 2), f1(d, 3)
    return _rows(
        opened(d), f1(d, 0), moments, f2(d, 4), f1(d, 5), f1(d, 6), f1(d, 7), scratch(d)[0]
    )  # fmt: skip


@jit
def _rows(
    call: Call, settings: Array, moments: tuple[Array, Array, Array], directions: Array,
    phases: Array, weights: Array, offset: Array, mapped: Array,
) -> int:  # fmt: skip
    n, mean, variance = moments
    for i in range(call.first, call.last):
        x, fit = call.X[i], call.fit and row_tells(call, i)
        if not (call.serve or fit):
            continue
        margin = 0.0
        if is_known(x):
            _map(x, settings[_GAMMA], moments, directions, phases, mapped)
            margin = -offset[0]
            for k in range(weights.shape[0]):
                margin += weights[k] * mapped[k]
        if call.serve:
            call.out[i, 0] = -margin
        if fit:
            _step(settings, call.weight[i], margin, weights, offset, mapped)
            learn(x, call.weight[i], settings[_LEAST], _CLIP, n, mean, variance)
    return call.last


@jit
def _map(
    x: Array, gamma: float, moments: tuple[Array, Array, Array], directions: Array, phases: Array,
    mapped: Array,
) -> None:  # fmt: skip
    """Random Fourier features of the standardized row."""
    _, mean, variance = moments
    n_features, n_components = directions.shape
    width = np.sqrt(2.0 * (gamma if gamma > 0.0 else 1.0 / n_features))
    for k in range(n_components):
        mapped[k] = phases[k]
    for j in range(n_features):
        if variance[j] > 1e-24 and not np.isnan(x[j]):
            z = (x[j] - mean[j]) / np.sqrt(variance[j])
            z = width * min(max(z, -_FAR), _FAR)
            for k in range(n_components):
                mapped[k] += z * directions[j, k]
    scale = np.sqrt(2.0 / n_components)
    for k in range(n_components):
        mapped[k] = scale * math.cos(mapped[k])


@jit
def _step(
    settings: Array, w: float, margin: float, weights: Array, offset: Array, mapped: Array
) -> None:
    """One step down the subgradient of nu / 2 |w|^2 - nu rho + max(0, rho - w.phi)."""
    rate = min(settings[_RATE] * w, max(settings[_RATE], _FASTEST))
    kept = 1.0 / (1.0 + rate * settings[_NU])  # the implicit step: stable for any weight
    inside = rate if margin <= 0.0 else 0.0
    for k in range(weights.shape[0]):
        weights[k] = kept * (weights[k] + inside * mapped[k])
    offset[0] += rate * settings[_NU] - inside


@jit
def _draw(directions: Array, first: int, random: Ints) -> None:
    for j in range(first, directions.shape[0]):
        for k in range(directions.shape[1]):
            directions[j, k] = normal(random, 0)


@jit
def _draw_phases(phases: Array, random: Ints) -> None:
    for k in range(phases.shape[0]):
        phases[k] = 2.0 * np.pi * uniform(random, 0)


class OneClassSVM(Detector):
    """Distance beyond the margin of an online one-class support vector machine.

    The kernel is Gaussian, by random Fourier features of the standardized row; weights and margin
    take a step on each. Steps of one size forget: rows count less by a factor
    1 - learning_rate * nu an event. Time per event and memory are O(n_components * n_features).

    Parameters
    ----------
    nu
        Share of the rows that are to lie beyond the margin.
    n_components
        Number of random features.
    gamma
        Of the kernel exp(-gamma * distance ** 2), in standard deviations; None for 1 / n_features.
    learning_rate
        Size of the steps.
    fading_factor
        What the mean and the deviation of a feature forget by, an event.
    seed
        Seed of the random features; None for fresh ones each time.

    Raises
    ------
    ValueError
        At the first event, unless 0 < `nu` <= 1, `n_components` is a whole number >= 1,
        `gamma` > 0 or None, `learning_rate` > 0, and 0 < `fading_factor` <= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import OneClassSVM
    >>> X = np.random.default_rng(0).normal(size=(2000, 2))
    >>> model = OneClassSVM().fit_many(X)
    >>> model.score_one([0.0, 0.1]) < 0 < model.score_one([4.0, -4.0])
    True

    Notes
    -----
    Minimizes `nu / 2 |w|^2 - nu rho + mean(max(0, rho - w.phi(x)))`, the objective of [1]_ times
    nu, by steps of constant size as in [2]_; the score is rho - w.phi(x). Departures: random
    features [3]_ in place of a growing set of support vectors, and an implicit step of the penalty.
    What is missing counts as being at the mean, as do constant features. A value is taken to be at
    most 100 standard deviations off, and learned to be at most 10. Codes of nominal values are
    taken as numbers; a row without any value scores 0 and is not learned.

    References
    ----------
    .. [1] Schölkopf, Platt, Shawe-Taylor, Smola, Williamson (2001), Estimating the support of a
       high-dimensional distribution, Neural Computation 13(7), equations 3.4 to 3.6.
       doi:10.1162/089976601750264965
    .. [2] Kivinen, Smola, Williamson (2004), Online learning with kernels, IEEE Transactions on
       Signal Processing 52(8), section III.D. doi:10.1109/TSP.2004.830991
    .. [3] Rahimi, Recht (2007), Random features for large-scale kernel machines, NIPS, section 3.
    """

    _kernel = _one_class_svm
    _state = (
        Field("n_", ("F",)),
        Field("mean_", ("F",)),
        Field("variance_", ("F",)),
        Field("directions_", ("F", "D")),
        Field("phases_", ("D",)),
        Field("weights_", ("D",)),
        Field("offset_", (1,)),
        Field("random_", (1,), np.int64),
    )

    directions_: Array
    phases_: Array
    random_: Ints

    def __init__(
        self,
        *,
        nu: float = 0.1,
        n_components: int = 128,
        gamma: float | None = None,
        learning_rate: float = 0.01,
        fading_factor: float = 0.999,
        seed: int | None = 0,
    ) -> None:
        self.nu = nu
        self.n_components = n_components
        self.gamma = gamma
        self.learning_rate = learning_rate
        self.fading_factor = fading_factor
        self.seed = seed

    def _check(self) -> None:
        if not 0 < self.nu <= 1:
            raise wrong("nu", self.nu, "a share in (0, 1]")
        if self.n_components < 1:
            raise wrong("n_components", self.n_components, "a number of features >= 1")
        if self.gamma is not None and not 0 < self.gamma < np.inf:
            raise wrong("gamma", self.gamma, "a number > 0, or None")
        if not 0 < self.learning_rate < np.inf:
            raise wrong("learning_rate", self.learning_rate, "a number > 0")
        if not 0 < self.fading_factor <= 1:
            raise wrong("fading_factor", self.fading_factor, "a number in (0, 1]")

    def _sizes(self) -> dict[str, int]:
        return {"D": int(self.n_components)}

    def _start(self, schema: Schema) -> None:
        self.random_[:] = seeded(self.seed, 1)
        _draw_phases(self.phases_, self.random_)
        _draw(self.directions_, 0, self.random_)

    def _admit(self, schema: Schema) -> None:
        first = self.schema_.n_features if self.is_started else schema.n_features
        super()._admit(schema)
        _draw(self.directions_, first, self.random_)

    def _settings(self) -> tuple[float, ...]:
        gamma = 0.0 if self.gamma is None else float(self.gamma)
        return float(self.nu), float(self.learning_rate), gamma, 1.0 - float(self.fading_factor)

    def _n_scratch(self) -> int:
        return int(self.n_components)
