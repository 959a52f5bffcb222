"""Agrawal: loan applicants in two groups, by ten rules."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from onlineml.datasets.generators.generator import Generator, integers, share, whole
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, below, uniform
from onlineml.schema import Array, Schema

_NAMES = (
    "salary", "commission", "age", "elevel", "car", "zipcode", "hvalue", "hyears", "loan",
)  # fmt: skip
_NOMINAL = {
    3: tuple(f"level{k}" for k in range(5)),
    4: tuple(f"car{k}" for k in range(1, 21)),
    5: tuple(f"zipcode{k}" for k in range(1, 10)),
}


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
def _in_group_a(function: int, x: Array) -> bool:
    salary, age, elevel, loan = x[0], x[2], x[3], x[8]
    income = salary + x[1]
    if function == 1:
        return age < 40.0 or age >= 60.0
    if function == 2:
        return _within(age, salary, 50e3, 75e3, 25e3, 50e3)
    if function == 3:
        return _schooled(age, elevel)
    if function == 4:
        if _schooled(age, elevel):
            return _within(age, salary, 25e3, 50e3, 50e3, 50e3)
        return _within(age, salary, 50e3, 75e3, 25e3, 50e3)
    if function == 5:
        if _within(age, salary, 50e3, 75e3, 25e3, 50e3):
            return _within(age, loan, 100e3, 200e3, 300e3, 200e3)
        return _within(age, loan, 200e3, 300e3, 100e3, 200e3)
    if function == 6:
        return _within(age, income, 50e3, 75e3, 25e3, 50e3)
    left = 2.0 * income / 3.0
    if function == 7:
        left += -loan / 5.0 - 20e3
    elif function == 8:
        left += -5e3 * elevel - 20e3
    elif function == 9:
        left += -5e3 * elevel - loan / 5.0 - 10e3
    else:
        equity = x[6] * (x[7] - 20.0) / 10.0 if x[7] >= 20.0 else 0.0
        left += -5e3 * elevel + equity / 5.0 - 10e3
    return left > 0.0


@jit
def _applicant(state: Ints, x: Array) -> None:
    x[0] = 20e3 + 130e3 * uniform(state, 0)
    x[1] = 0.0 if x[0] >= 75e3 else 10e3 + 65e3 * uniform(state, 0)
    x[2] = 20.0 + below(state, 0, 61)
    x[3] = float(below(state, 0, 5))
    x[4] = float(below(state, 0, 20))
    x[5] = float(below(state, 0, 9))
    x[6] = (9.0 - x[5]) * 100e3 * (0.5 + uniform(state, 0))
    x[7] = 1.0 + below(state, 0, 30)
    x[8] = 500e3 * uniform(state, 0)


@jit
def _shifted(
    state: Ints, perturbation: float, value: float, spread: float, low: float, high: float
) -> float:
    shifted = value + spread * (2.0 * uniform(state, 0) - 1.0) * perturbation
    return min(max(shifted, low), high)


@jit
def _write(
    state: Ints, function: int, perturbation: float, balance: bool, X: Array, y: Ints
) -> None:
    for i in range(len(X)):
        x = X[i]
        label = -1
        while label < 0 or (balance and label != state[1]):
            _applicant(state, x)
            label = 0 if _in_group_a(function, x) else 1
        state[1] = 1 - state[1]
        y[i] = label
        if perturbation > 0.0:
            x[0] = _shifted(state, perturbation, x[0], 130e3, 20e3, 150e3)
            if x[1] > 0.0:
                x[1] = _shifted(state, perturbation, x[1], 65e3, 10e3, 75e3)
            x[2] = round(_shifted(state, perturbation, x[2], 60.0, 20.0, 80.0))
            x[6] = _shifted(state, perturbation, x[6], (9.0 - x[5]) * 100e3, 0.0, 135e3)
            x[7] = round(_shifted(state, perturbation, x[7], 29.0, 1.0, 30.0))
            x[8] = _shifted(state, perturbation, x[8], 500e3, 0.0, 500e3)


class Agrawal(Generator):
    """Nine features of loan applicants; class 0 ("group A") by one of ten published rules.

    Education level, make of car and zip code are nominal (5, 20 and 9 values). Cost: O(1) a row.

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
        self.balance = bool(balance)

    def _start(self) -> Ints:
        return self._rng(0)

    def _write(self, state: Ints, X: Array, y: npt.NDArray[Any]) -> None:
        _write(state, self.function, self.perturbation, self.balance, X, y)
