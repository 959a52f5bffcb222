"""Friedman: a nonlinear function of 5 out of 10 uniform features, which may change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from onlineml.datasets.generators.generator import Generator, numbered, real
from onlineml.datasets.stream import Task
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, normal, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema, wrong

Drift = Literal["local_abrupt", "recurring_abrupt", "gradual"]
_N_FEATURES = 10
_CHANGES = {"local_abrupt": 3, "recurring_abrupt": 2, "gradual": 2}
_CODES = {None: 0, "local_abrupt": 1, "recurring_abrupt": 2, "gradual": 3}
# Features a, b, c, d, e of 10 sin(pi a b) + 20 (c - 1/2)^2 + 10 d + 5 e in three concepts.
_ORDERS = np.array([[0, 1, 2, 3, 4], [3, 4, 1, 0, 2], [1, 4, 3, 2, 0]])


@jit
def _target(X: Array, i: int, orders: Ints, concept: int) -> float:
    product = X[i, orders[concept, 0]] * X[i, orders[concept, 1]]
    bend = X[i, orders[concept, 2]] - 0.5
    line = 10.0 * X[i, orders[concept, 3]] + 5.0 * X[i, orders[concept, 4]]
    return float(10.0 * np.sin(np.pi * product) + 20.0 * bend * bend + line)


@jit
def _local_target(X: Array, i: int, n_changes: int, elsewhere: float) -> float:
    """The target where two regions have functions of their own, larger at every change."""
    high = X[i, 1] > 0.5  # the second region mirrors the first
    a, b, c, d = X[i, 1], X[i, 2], 1.0 - X[i, 3], X[i, 4]
    if high:
        a, b, c, d = 1.0 - a, 1.0 - b, 1.0 - c, 1.0 - d
    if a >= 0.3 or b >= 0.3 or (c >= 0.3 and n_changes < 3) or (d >= 0.3 and n_changes < 2):
        return elsewhere
    product, slope = X[i, 0] * X[i, 1], 20.0 * (X[i, 2] - 0.5)
    if high:
        bent = 5.0 * X[i, 4] * X[i, 4]
        return float(10.0 * np.cos(product) + slope + np.exp(X[i, 3]) + bent)
    return float(10.0 * product + slope + 10.0 * X[i, 3] + 5.0 * X[i, 4])


@jit
def _write(
    state: Ints, drift: int, positions: Ints, width: int, noise: float, orders: Ints,
    X: Array, y: Array,
) -> None:  # fmt: skip
    for i in range(len(X)):
        row = state[1]
        for j in range(X.shape[1]):
            X[i, j] = uniform(state, 0)
        coin = uniform(state, 0)
        n_changes, age = 0, 0
        for k in range(len(positions)):
            if row >= positions[k]:
                n_changes, age = k + 1, row - positions[k]
        concept = n_changes % 2 if drift == 2 else n_changes if drift == 3 else 0
        if drift == 3 and n_changes > 0 and coin * width >= age:
            concept -= 1
        clean = _target(X, i, orders, concept)
        if drift == 1 and n_changes > 0:
            clean = _local_target(X, i, n_changes, clean)
        y[i] = clean + noise * normal(state, 0)
        state[1] += 1


class Friedman(Generator):
    """Ten features on [0, 1); target 10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5 + noise.

    Time is O(1) a row, memory that of a chunk.

    Parameters
    ----------
    noise
        Standard deviation of the normal noise.
    drift
        None: one concept. "local_abrupt": two regions of the space get functions of their own,
        and grow at every change. "recurring_abrupt": the features change roles, and change
        back. "gradual": rows of the next concept (features in other roles) replace those of the
        last with a probability that rises from 0 to 1.
    positions
        Rows at which the changes begin: three for "local_abrupt", two for the others.
    width
        Rows that a gradual change takes.
    seed
        Seed of the rows.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For a `noise` below 0 or not finite, an unknown `drift`, `positions` that are not as many
        rising rows as it has changes, a `width` that is not a whole number >= 1 or, of a gradual
        drift, more than the rows between them, and a `seed` or `n_rows` that is not a whole number
        >= 0.

    Examples
    --------
    >>> X, y, _ = next(Friedman(noise=0.0).chunks(100))
    >>> wave = 10 * np.sin(np.pi * X[:, 0] * X[:, 1])
    >>> bool(np.allclose(y, wave + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]))
    True

    References
    ----------
    .. [1] Friedman (1991), Multivariate adaptive regression splines, Annals of Statistics
       19(1), 1-67, section 4.3. doi:10.1214/aos/1176347963
    .. [2] Ikonomovska, Gama, Džeroski (2011), Learning model trees from evolving data streams,
       Data Mining and Knowledge Discovery 23(1), 128-168, section 5.2.
       doi:10.1007/s10618-010-0201-y
    """

    name = "friedman"
    task: Task = "regression"
    _label_type: ClassVar[type[np.generic]] = np.float64

    def __init__(
        self,
        *,
        noise: float = 1.0,
        drift: Drift | None = None,
        positions: Sequence[int] | None = None,
        width: int = 10_000,
        seed: int = 1,
        n_rows: int | None = None,
    ) -> None:
        names = numbered("x", _N_FEATURES)
        super().__init__(schema=Schema(_N_FEATURES, names), seed=seed, n_rows=n_rows)
        self.noise = real("noise", noise, 0.0, 1e300)
        if drift is not None and drift not in _CHANGES:
            raise wrong("drift", drift, f"None or one of {', '.join(_CHANGES)}")
        self.drift = drift
        self.width = whole("width", width, 1)
        self.positions = self._checked(positions)
        delay = self.width // 2 if drift == "gradual" else 0
        self.drifts = tuple(position + delay for position in self.positions)

    def _checked(self, positions: Sequence[int] | None) -> tuple[int, ...]:
        n = 0 if self.drift is None else _CHANGES[self.drift]
        if positions is None:
            positions = tuple(50_000 * (k + 1) for k in range(n))
        checked = tuple(whole("positions", position, 1) for position in positions)
        if len(checked) != n or list(checked) != sorted(set(checked)):
            raise wrong("positions", positions, f"{n} rising rows for drift={self.drift!r}")
        gap = checked[1] - checked[0] if n else self.width
        if self.drift == "gradual" and gap < self.width:
            raise wrong("width", self.width, f"at most the {gap} rows between the changes")
        return checked

    def _start(self) -> Ints:
        return self._rng(0)

    def _write(self, state: Ints, X: Array, y: npt.NDArray[Any]) -> None:
        positions = np.array(self.positions, np.int64)
        _write(state, _CODES[self.drift], positions, self.width, self.noise, _ORDERS, X, y)
