"""Hyperplane: two classes on either side of a plane that may turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.generators.generator import (
    Generator,
    integers,
    model_draws,
    numbered,
    real,
    share,
)
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema


@jit
def _write(
    state: Ints, weight: Array, step: Array, sigma: float, noise: float, X: Array, y: Ints
) -> None:
    for i in range(len(X)):
        above = 0.0
        for j in range(X.shape[1]):
            X[i, j] = uniform(state, 0)
            above += weight[j] * (X[i, j] - 0.5)
        label = int(above >= 0.0)
        y[i] = 1 - label if uniform(state, 0) < noise else label
        for j in range(len(step)):
            weight[j] += step[j]
            if uniform(state, 0) < sigma:
                step[j] = -step[j]


class Hyperplane(Generator):
    """Features on [0, 1); class 1 where the weighted sum is at least half the sum of the weights.

    The weights of drifting features change at every row, which turns the plane about the center
    of the cube. Time is O(n_features) a row, memory that of a chunk.

    Parameters
    ----------
    n_features
        Number of features.
    n_drift_features
        How many weights change.
    magnitude
        Change of such a weight at each row.
    sigma
        Probability, at each row and for each such weight, that its direction reverses.
    noise
        Share of the labels that are inverted.
    model_seed
        Seed of the first weights.
    seed
        Seed of the rows.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For an `n_features` that is not a whole number >= 1, an `n_drift_features` that is none from
        0 to that, a `magnitude` outside of [0, 1e6], a `sigma` or `noise` outside of [0, 1], and a
        `model_seed`, `seed` or `n_rows` that is not a whole number >= 0.

    Examples
    --------
    >>> stream = Hyperplane(n_features=4, n_drift_features=0, noise=0.0)
    >>> X, y, _ = next(stream.chunks(1000))
    >>> bool((((X - 0.5) @ stream.weights() >= 0) == y).all())
    True

    References
    ----------
    .. [1] Hulten, Spencer, Domingos (2001), Mining time-changing data streams, KDD, section 4.
       doi:10.1145/502512.502529
    """

    name = "hyperplane"

    def __init__(
        self,
        *,
        n_features: int = 10,
        n_drift_features: int = 2,
        magnitude: float = 0.0,
        sigma: float = 0.1,
        noise: float = 0.05,
        model_seed: int = 1,
        seed: int = 1,
        n_rows: int | None = None,
    ) -> None:
        n = whole("n_features", n_features, 1)
        schema = Schema(n, numbered("att", n), classes=integers(2))
        super().__init__(schema=schema, seed=seed, n_rows=n_rows)
        self.n_features = n
        self.n_drift_features = whole("n_drift_features", n_drift_features, 0, n)
        self.magnitude = real("magnitude", magnitude, 0.0, 1e6)
        self.sigma = share("sigma", sigma)
        self.noise = share("noise", noise)
        self.model_seed = whole("model_seed", model_seed, 0)

    def weights(self) -> Array:
        """The weights at the first row."""
        return model_draws(self.model_seed, self.n_features)

    def _start(self) -> tuple[Ints, Array, Array]:
        return self._rng(), self.weights(), np.full(self.n_drift_features, self.magnitude)

    def _write(self, state: tuple[Ints, Array, Array], X: Array, y: npt.NDArray[Any]) -> None:
        _write(*state, self.sigma, self.noise, X, y)
