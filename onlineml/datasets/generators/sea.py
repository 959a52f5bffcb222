"""SEA: two classes told apart by the sum of two of three features."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from onlineml.datasets.generators.generator import Generator, flag, integers, numbered, share
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema

_THRESHOLDS = (8.0, 9.0, 7.0, 9.5)


@jit
def _write(state: Ints, threshold: float, noise: float, balance: bool, X: Array, y: Ints) -> None:
    for i in range(len(X)):
        label = -1
        while label < 0 or (balance and label != state[1]):
            for j in range(3):
                X[i, j] = 10.0 * uniform(state, 0)
            label = int(X[i, 0] + X[i, 1] > threshold)
        state[1] = 1 - state[1]
        y[i] = 1 - label if uniform(state, 0) < noise else label


class SEA(Generator):
    """Three features on [0, 10); class 1 where the first two sum to more than a threshold.

    Without balance, about two rows in three are of class 1. Time is O(1) a row, memory that of a
    chunk.

    Parameters
    ----------
    function
        1 to 4: threshold 8, 9, 7 or 9.5.
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
        For a `function` that is not a whole number from 1 to 4, a `noise` outside of [0, 1], a
        `balance` that is neither true nor false, and a `seed` or `n_rows` that is not a whole
        number >= 0.

    Examples
    --------
    >>> X, y, _ = next(SEA(function=1, noise=0.0).chunks(1000))
    >>> bool(((X[:, 0] + X[:, 1] > 8.0) == y).all())
    True

    References
    ----------
    .. [1] Street, Kim (2001), A streaming ensemble algorithm (SEA) for large-scale
       classification, KDD, section 4.1. doi:10.1145/502512.502568
    """

    name = "sea"

    def __init__(
        self,
        *,
        function: int = 1,
        noise: float = 0.1,
        balance: bool = False,
        seed: int = 1,
        n_rows: int | None = None,
    ) -> None:
        schema = Schema(3, numbered("att", 3), classes=integers(2))
        super().__init__(schema=schema, seed=seed, n_rows=n_rows)
        self.function = whole("function", function, 1, len(_THRESHOLDS))
        self.noise = share("noise", noise)
        self.balance = flag("balance", balance)

    def _start(self) -> Ints:
        return self._rng(0)

    def _write(self, state: Ints, X: Array, y: npt.NDArray[Any]) -> None:
        _write(state, _THRESHOLDS[self.function - 1], self.noise, self.balance, X, y)
