"""Sine: two classes on either side of a sine curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.generators.generator import Generator, flag, integers, numbered, share
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema


@jit
def _write(state: Ints, function: int, noise: float, balance: bool, X: Array, y: Ints) -> None:
    for i in range(len(X)):
        label = -1
        while label < 0 or (balance and label != state[1]):
            for j in range(X.shape[1]):
                X[i, j] = uniform(state, 0)
            curve = np.sin(X[i, 0] if function <= 2 else 3.0 * np.pi * X[i, 0])
            if function > 2:
                curve = 0.5 + 0.3 * curve
            # functions 2 and 4 are 1 and 3 with the classes reversed
            label = int((X[i, 1] >= curve) == (function % 2 == 1))
        state[1] = 1 - state[1]
        y[i] = 1 - label if uniform(state, 0) < noise else label


class Sine(Generator):
    """Two features on [0, 1); class 0 below a curve, or above it.

    Time is O(n_features) a row, memory that of a chunk.

    Parameters
    ----------
    function
        1: below `sin(x)`; 2: above it; 3: below `0.5 + 0.3 sin(3 pi x)`; 4: above it.
    noise
        Share of the labels that are inverted.
    n_irrelevant
        Irrelevant uniform features to add (2 in the paper's SINIRREL).
    balance
        Draw the classes in turn (before the noise).
    seed
        Seed of the rows.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For a `function` that is not a whole number from 1 to 4, a `noise` outside of [0, 1], an
        `n_irrelevant` that is not a whole number >= 0, a `balance` that is neither true nor false,
        and a `seed` or `n_rows` that is not a whole number >= 0.

    Examples
    --------
    >>> X, y, _ = next(Sine(function=2).chunks(1000))
    >>> bool(((X[:, 1] < np.sin(X[:, 0])) == y).all())
    True

    References
    ----------
    .. [1] Gama, Medas, Castillo, Rodrigues (2004), Learning with drift detection, SBIA,
       section 4. doi:10.1007/978-3-540-28645-5_29
    """

    name = "sine"

    def __init__(
        self,
        *,
        function: int = 1,
        noise: float = 0.0,
        n_irrelevant: int = 0,
        balance: bool = False,
        seed: int = 1,
        n_rows: int | None = None,
    ) -> None:
        self.n_irrelevant = whole("n_irrelevant", n_irrelevant, 0)
        n = 2 + self.n_irrelevant
        schema = Schema(n, numbered("att", n), classes=integers(2))
        super().__init__(schema=schema, seed=seed, n_rows=n_rows)
        self.function = whole("function", function, 1, 4)
        self.noise = share("noise", noise)
        self.balance = flag("balance", balance)

    def _start(self) -> Ints:
        return self._rng(0)

    def _write(self, state: Ints, X: Array, y: npt.NDArray[Any]) -> None:
        _write(state, self.function, self.noise, self.balance, X, y)
