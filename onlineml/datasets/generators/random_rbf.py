"""RandomRBF: Gaussian blobs around random centers, which may move."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.datasets.generators.generator import (
    Generator,
    integers,
    model_draws,
    numbered,
    real,
)
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, normal, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema

_State = tuple[Ints, Array, Array, Ints, Array, Array]


class Centroids(NamedTuple):
    """Random centers: where they are, how they move, and what they emit."""

    center: Array
    velocity: Array
    label: Ints
    spread: Array
    weight: Array


@jit
def _bounced(position: float) -> float:
    """Where a straight path that is reflected at 0 and 1 ends."""
    folded = abs(position - 2.0 * np.floor(0.5 * position))
    return float(folded if folded <= 1.0 else 2.0 - folded)


@jit
def _write(
    state: Ints, center: Array, velocity: Array, label: Ints, spread: Array, cumulative: Array,
    X: Array, y: Ints,
) -> None:  # fmt: skip
    n_features = X.shape[1]
    for i in range(len(X)):
        mark, c, beyond = uniform(state, 0) * cumulative[-1], 0, len(cumulative) - 1
        while c < beyond:
            middle = (c + beyond) // 2
            if cumulative[middle] > mark:
                beyond = middle
            else:
                c = middle + 1
        norm = 0.0
        for j in range(n_features):
            X[i, j] = 2.0 * uniform(state, 0) - 1.0
            norm += X[i, j] * X[i, j]
        scale = normal(state, 0) * spread[c] / np.sqrt(norm)
        for j in range(n_features):
            X[i, j] = _bounced(center[c, j] + state[1] * velocity[c, j]) + scale * X[i, j]
        y[i] = label[c]
        state[1] += 1


class RandomRBF(Generator):
    """Rows around random centers, each of a random class, weight and spread.

    A row picks a center by weight and lies off it in a random direction, at a distance that is
    normal with the center's spread. Drifting centers move in straight lines inside the unit cube
    and bounce off its walls. Time is O(n_features + log n_centroids) a row, as the row's number
    tells where a center is; memory is that of a chunk and of the centers.

    Parameters
    ----------
    n_classes, n_features, n_centroids
        Sizes; classes are given to the centers at random.
    n_drift_centroids
        How many centers move; None = all of them if `speed` is not 0.
    speed
        Distance that a moving center covers at each row.
    model_seed
        Seed of the centers.
    seed
        Seed of the rows.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For an `n_features` or `n_centroids` that is not a whole number >= 1, an `n_classes` not one
        >= 2, an `n_drift_centroids` none from 0 to `n_centroids`, a `speed` outside of [0, 1], and
        a `model_seed`, `seed` or `n_rows` that is not a whole number >= 0.

    Examples
    --------
    >>> stream = RandomRBF(n_classes=3, n_features=4, speed=0.001)
    >>> X, y, _ = next(stream.chunks(100))
    >>> X.shape, sorted(set(y.tolist()))
    ((100, 4), [0, 1, 2])

    Notes
    -----
    Follows MOA's generator, the published description being brief. There, velocities are positive
    until the first wall, and a center stops at the wall for a row; here they point anywhere, and
    the path is reflected.

    References
    ----------
    .. [1] Bifet, Holmes, Pfahringer, Kirkby, Gavaldà (2009), New ensemble methods for evolving
       data streams, KDD, section 4.1. doi:10.1145/1557019.1557041
    """

    name = "random_rbf"

    def __init__(
        self,
        *,
        n_classes: int = 2,
        n_features: int = 10,
        n_centroids: int = 50,
        n_drift_centroids: int | None = None,
        speed: float = 0.0,
        model_seed: int = 1,
        seed: int = 1,
        n_rows: int | None = None,
    ) -> None:
        n = whole("n_features", n_features, 1)
        self.n_classes = whole("n_classes", n_classes, 2)
        schema = Schema(n, numbered("att", n), classes=integers(self.n_classes))
        super().__init__(schema=schema, seed=seed, n_rows=n_rows)
        self.n_features, self.n_centroids = n, whole("n_centroids", n_centroids, 1)
        self.speed = real("speed", speed, 0.0, 1.0)
        if n_drift_centroids is None:
            n_drift_centroids = self.n_centroids if self.speed > 0.0 else 0
        self.n_drift_centroids = whole("n_drift_centroids", n_drift_centroids, 0, self.n_centroids)
        self.model_seed = whole("model_seed", model_seed, 0)

    def centroids(self) -> Centroids:
        """The centers at the first row."""
        n, d = self.n_centroids, self.n_features
        draws = model_draws(self.model_seed, n * (2 * d + 3)).reshape(n, -1)
        direction = 2.0 * draws[:, d : 2 * d] - 1.0
        velocity = self.speed * direction / np.sqrt((direction**2).sum(axis=1, keepdims=True))
        velocity[self.n_drift_centroids :] = 0.0
        label = (draws[:, 2 * d] * self.n_classes).astype(np.int64)
        center = np.ascontiguousarray(draws[:, :d])
        return Centroids(center, velocity, label, draws[:, -2].copy(), draws[:, -1].copy())

    def _start(self) -> _State:
        center, velocity, label, spread, weight = self.centroids()
        return self._rng(0), center, velocity, label, spread, np.cumsum(weight)

    def _write(self, state: _State, X: Array, y: npt.NDArray[Any]) -> None:
        _write(*state, X, y)
