"""Mixed: two boolean and two numeric features, two out of three conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.generators.generator import Generator, flag, integers, share
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema


@jit
def _write(state: Ints, function: int, noise: float, balance: bool, X: Array, y: Ints) -> None:
    for i in range(len(X)):
        label = -1
        while label < 0 or (balance and label != state[1]):
            X[i, 0] = int(uniform(state, 0) < 0.5)
            X[i, 1] = int(uniform(state, 0) < 0.5)
            X[i, 2] = uniform(state, 0)
            X[i, 3] = uniform(state, 0)
            under = X[i, 3] < 0.5 + 0.3 * np.sin(3.0 * np.pi * X[i, 2])
            label = int((X[i, 0] + X[i, 1] + int(under) < 2.0) == (function == 1))
        state[1] = 1 - state[1]
        y[i] = 1 - label if uniform(state, 0) < noise else label


class Mixed(Generator):
    """Class 0 where two of three hold: `v`, `w`, `y < 0.5 + 0.3 sin(3 pi x)`.

    Time is O(1) a row, memory that of a chunk.

    Parameters
    ----------
    function
        1: as above; 2: the classes reversed.
    noise
        Share of the labels that are inverted.
    balance
        Draw the classes in turn (before the noise).
    seed
        Seed of the rows.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For a `function` that is neither 1 nor 2, a `noise` outside of [0, 1], a `balance` that is
        neither true nor false, and a `seed` or `n_rows` that is not a whole number >= 0.

    Examples
    --------
    >>> X, y, _ = next(Mixed(function=1).chunks(1000))
    >>> set(y[(X[:, 0] == 1) & (X[:, 1] == 1)].tolist())
    {0}

    References
    ----------
    .. [1] Gama, Medas, Castillo, Rodrigues (2004), Learning with drift detection, SBIA,
       section 4. doi:10.1007/978-3-540-28645-5_29
    """

    name = "mixed"

    def __init__(
        self,
        *,
        function: int = 1,
        noise: float = 0.0,
        balance: bool = False,
        seed: int = 1,
        n_rows: int | None = None,
    ) -> None:
        schema = Schema(4, ("v", "w", "x", "y"), {0: (0, 1), 1: (0, 1)}, integers(2))
        super().__init__(schema=schema, seed=seed, n_rows=n_rows)
        self.function = whole("function", function, 1, 2)
        self.noise = share("noise", noise)
        self.balance = flag("balance", balance)

    def _start(self) -> Ints:
        return self._rng(0)

    def _write(self, state: Ints, X: Array, y: npt.NDArray[Any]) -> None:
        _write(state, self.function, self.noise, self.balance, X, y)
