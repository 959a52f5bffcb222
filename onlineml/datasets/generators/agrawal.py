"""Agrawal: loan applicants in two groups, by ten rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.generators.generator import Generator, flag, integers, share
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema

_NAMES = (
    "salary", "commission", "age", "elevel", "car", "zipcode", "hvalue", "hyears", "loan",
)  # fmt: skip
_NOMINAL = {
    3: tuple(f"level{k}" for k in range(5)),
    4: tuple(f"car{k}" for k in range(1, 21)),
    5: tuple(f"zipcode{k}" for k in range(1, 10)),
}

# Least, most and spread of each feature when it is perturbed; spread 0 = nominal. The spread of
# the house value is multiplied by what the zip code is worth.
_RANGES = np.array(
    [[20e3, 150e3, 130e3], [10e3, 75e3, 65e3], [20.0, 80.0, 60.0], [0, 0, 0], [0, 0, 0],
     [0, 0, 0], [0.0, 135e3, 100e3], [1.0, 30.0, 29.0], [0.0, 500e3, 500e3]]
)  # fmt: skip


@jit
def _within(
    age: float, value: float, young: float, middle: float, old: float, width: float
) -> bool:
    """Whether `value` lies in a band that starts where the age group says."""
    low = young if age < 40.0 else middle if age < 60.0 else old
    return low <= value <= low + width


@jit
def _schooled(age: float, elevel: float) -> bool:
    """Whether the education level is among those of the age group."""
    return elevel <= 1.0 if age < 40.0 else 1.0 <= elevel <= 3.0 if age < 60.0 else elevel >= 2.0


@jit
def _by_bands(function: int, age: float, salary: float, income: float, x: Array) -> bool:
    """Rules 1 to 6: age groups, and bands of money."""
    if function == 1:
        return bool(age < 40.0 or age >= 60.0)
    schooled = _schooled(age, x[3])
    if function == 3:
        return bool(schooled)
    if function == 4 and schooled:
        return bool(_within(age, salary, 25e3, 50e3, 50e3, 50e3))
    usual = _within(age, income if function == 6 else salary, 50e3, 75e3, 25e3, 50e3)
    if function != 5:
        return bool(usual)
    shift = 0.0 if usual else 100e3
    return bool(_within(age, x[8], 100e3 + shift, 200e3 + shift, 300e3 - 2.0 * shift, 200e3))


@jit
def _disposable(function: int, income: float, x: Array) -> float:
    """What rules 7 to 10 say is left of the income."""
    left = 2.0 * income / 3.0
    if function != 7:
        left -= 5e3 * x[3]
    if function == 7 or function == 9:
        left -= x[8] / 5.0
    if function == 10 and x[7] >= 20.0:
        left += x[6] * (x[7] - 20.0) / 50.0
    return left - (20e3 if function < 9 else 10e3)


@jit
def in_group_a(function: int, x: Array) -> bool:
    """Whether an applicant is in group A by rule `function`."""
    income = x[0] + x[1]
    if function <= 6:
        return bool(_by_bands(function, x[2], x[0], income, x))
    return bool(_disposable(function, income, x) > 0.0)


@jit
def _applicant(state: Ints, x: Array) -> None:
    for j in range(len(x)):
        x[j] = uniform(state, 0)
    x[0] = 20e3 + 130e3 * x[0]
    x[1] = 0.0 if x[0] >= 75e3 else 10e3 + 65e3 * x[1]
    x[2] = 20.0 + np.floor(61.0 * x[2])
    x[3] = np.floor(5.0 * x[3])
    x[4] = np.floor(20.0 * x[4])
    x[5] = np.floor(9.0 * x[5])
    x[6] = (9.0 - x[5]) * 100e3 * (0.5 + x[6])
    x[7] = 1.0 + np.floor(30.0 * x[7])
    x[8] = 500e3 * x[8]


@jit
def _perturb(state: Ints, perturbation: float, ranges: Array, x: Array) -> None:
    for j in range(len(x)):
        low, high, spread = ranges[j, 0], ranges[j, 1], ranges[j, 2]
        if spread == 0.0 or (j == 1 and x[1] == 0.0):  # nominal, or no commission
            continue
        if j == 6:
            spread *= 9.0 - x[5]
        shifted = x[j] + spread * (2.0 * uniform(state, 0) - 1.0) * perturbation
        x[j] = low if shifted < low else high if shifted > high else shifted
    x[2], x[7] = np.rint(x[2]), np.rint(x[7])


@jit
def _write(
    state: Ints, function: int, perturbation: float, balance: bool, ranges: Array,
    X: Array, y: Ints,
) -> None:  # fmt: skip
    for i in range(len(X)):
        label = -1
        while label < 0 or (balance and label != state[1]):
            _applicant(state, X[i])
            label = 0 if in_group_a(function, X[i]) else 1
        state[1] = 1 - state[1]
        y[i] = label
        if perturbation > 0.0:
            _perturb(state, perturbation, ranges, X[i])


class Agrawal(Generator):
    """Nine features of loan applicants; class 0 ("group A") by one of ten published rules.

    Education level, make of car and zip code are nominal (5, 20 and 9 values). Time is O(1) a row,
    memory that of a chunk.

    Parameters
    ----------
    function
        1 to 10, the rule that says who is in group A.
    perturbation
        Largest shift of the numeric features, as a share of their range, after the class is
        decided.
    balance
        Draw the classes in turn.
    seed
        Seed of the rows.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For a `function` that is not a whole number from 1 to 10, a `perturbation` outside of [0,
        1], a `balance` that is neither true nor false, and a `seed` or `n_rows` that is not a whole
        number >= 0.

    Examples
    --------
    >>> X, y, _ = next(Agrawal(function=1, perturbation=0.0).chunks(1000))
    >>> age = X[:, 2]
    >>> bool((((age < 40) | (age >= 60)) == (y == 0)).all())
    True

    Notes
    -----
    The ten rules are those of MOA's generator, of which [1]_ is the source; so is the limit of
    135,000 on a perturbed house value, which takes most of the sense out of that feature.

    References
    ----------
    .. [1] Agrawal, Imielinski, Swami (1993), Database mining: a performance perspective, IEEE
       TKDE 5(6), 914-925, appendix. doi:10.1109/69.250074
    """

    name = "agrawal"

    def __init__(
        self,
        *,
        function: int = 1,
        perturbation: float = 0.05,
        balance: bool = False,
        seed: int = 1,
        n_rows: int | None = None,
    ) -> None:
        schema = Schema(9, _NAMES, _NOMINAL, integers(2))
        super().__init__(schema=schema, seed=seed, n_rows=n_rows)
        self.function = whole("function", function, 1, 10)
        self.perturbation = share("perturbation", perturbation)
        self.balance = flag("balance", balance)

    def _start(self) -> Ints:
        return self._rng(0)

    def _write(self, state: Ints, X: Array, y: npt.NDArray[Any]) -> None:
        _write(state, self.function, self.perturbation, self.balance, _RANGES, X, y)
