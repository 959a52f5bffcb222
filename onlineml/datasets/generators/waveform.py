"""Waveform: noisy mixtures of two out of three triangular waves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.generators.generator import Generator, integers, numbered
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, below, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema

_N_RELEVANT = 21
#: The waves h1, h2, h3 of height 6, which peak at features 7, 15 and 11.
WAVES = np.maximum(
    6.0 - np.abs(np.arange(1, _N_RELEVANT + 1) - np.array([[7.0], [15.0], [11.0]])), 0.0
)


@jit
def _write(state: Ints, waves: Array, X: Array, y: Ints) -> None:
    n_relevant, n_features = waves.shape[1], X.shape[1]
    for i in range(len(X)):
        label = below(state, 0, 3)
        first, second = label // 2, 1 + (label + 1) // 2  # (h1, h2), (h1, h3), (h2, h3)
        u = uniform(state, 0)
        for j in range(0, n_features, 2):  # Box and Muller, both halves
            radius = np.sqrt(-2.0 * np.log(1.0 - uniform(state, 0)))
            angle = 2.0 * np.pi * uniform(state, 0)
            X[i, j] = radius * np.cos(angle)
            if j + 1 < n_features:
                X[i, j + 1] = radius * np.sin(angle)
        for j in range(n_relevant):
            X[i, j] += u * waves[first, j] + (1.0 - u) * waves[second, j]
        y[i] = label


class Waveform(Generator):
    """Three classes, each a random mixture of two of three waves, plus normal noise.

    The best possible accuracy is about 86 %. Time is O(n_features) a row, memory that
    of a chunk.

    Parameters
    ----------
    n_features
        21, or more to add features of pure noise (40 in the book).
    seed
        Seed of the rows.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For an `n_features` that is not a whole number >= 21, and a `seed` or `n_rows` that is not a
        whole number >= 0.

    Examples
    --------
    >>> X, y, _ = next(Waveform().chunks(5000))
    >>> X[y == 1].mean(axis=0).argmax() in range(6, 11)
    True

    References
    ----------
    .. [1] Breiman, Friedman, Olshen, Stone (1984), Classification and Regression Trees,
       section 2.6.2.
    """

    name = "waveform"

    def __init__(
        self, *, n_features: int = _N_RELEVANT, seed: int = 1, n_rows: int | None = None
    ) -> None:
        n = whole("n_features", n_features, _N_RELEVANT)
        schema = Schema(n, numbered("att", n), classes=integers(3))
        super().__init__(schema=schema, seed=seed, n_rows=n_rows)
        self.n_features = n

    def _start(self) -> Ints:
        return self._rng()

    def _write(self, state: Ints, X: Array, y: npt.NDArray[Any]) -> None:
        _write(state, WAVES, X, y)
