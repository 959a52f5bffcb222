"""STAGGER: logical concepts over size, color and shape."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from onlineml.datasets.generators.generator import Generator, flag, integers
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, below
from onlineml.parameters import whole
from onlineml.schema import Array, Schema

_VALUES = {
    0: ("small", "medium", "large"),
    1: ("red", "blue", "green"),
    2: ("circle", "square", "triangle"),
}


@jit
def _write(state: Ints, function: int, balance: bool, X: Array, y: Ints) -> None:
    for i in range(len(X)):
        label = -1
        while label < 0 or (balance and label != state[1]):
            size, color, shape = below(state, 0, 3), below(state, 0, 3), below(state, 0, 3)
            if function == 1:
                label = int(size == 0 and color == 0)
            elif function == 2:
                label = int(color == 2 or shape == 0)
            else:
                label = int(size != 0)
        state[1] = 1 - state[1]
        X[i, 0], X[i, 1], X[i, 2] = float(size), float(color), float(shape)
        y[i] = label


class STAGGER(Generator):
    """Three nominal features of three values; class 1 where a logical concept holds.

    Time is O(1) a row, memory that of a chunk.

    Parameters
    ----------
    function
        1: small and red; 2: green or a circle; 3: medium or large.
    balance
        Draw the classes in turn.
    seed
        Seed of the rows.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For a `function` that is not a whole number from 1 to 3, a `balance` that is neither true
        nor false, and a `seed` or `n_rows` that is not a whole number >= 0.

    Examples
    --------
    >>> x, y = next(iter(STAGGER(function=2, seed=3)))
    >>> y == int(x["color"] == "green" or x["shape"] == "circle")
    True

    References
    ----------
    .. [1] Schlimmer, Granger (1986), Incremental learning from noisy data, Machine Learning
       1(3), 317-354. doi:10.1007/BF00116895
    .. [2] Gama, Medas, Castillo, Rodrigues (2004), Learning with drift detection, SBIA,
       section 4. doi:10.1007/978-3-540-28645-5_29
    """

    name = "stagger"

    def __init__(
        self,
        *,
        function: int = 1,
        balance: bool = False,
        seed: int = 1,
        n_rows: int | None = None,
    ) -> None:
        schema = Schema(3, ("size", "color", "shape"), _VALUES, integers(2))
        super().__init__(schema=schema, seed=seed, n_rows=n_rows)
        self.function = whole("function", function, 1, 3)
        self.balance = flag("balance", balance)

    def _start(self) -> Ints:
        return self._rng(0)

    def _write(self, state: Ints, X: Array, y: npt.NDArray[Any]) -> None:
        _write(state, self.function, self.balance, X, y)
