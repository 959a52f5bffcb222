"""LED: the digit shown by a noisy seven-segment display."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.datasets.generators.generator import (
    Generator,
    flag,
    integers,
    model_draws,
    numbered,
    share,
)
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, below, bits, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema

# Segments top, top left, top right, middle, bottom left, bottom right, bottom of digits 0 to 9.
SEGMENTS = np.array(
    [[int(lit) for lit in digit] for digit in (
        "1110111", "0010010", "1011101", "1011011", "0111010",
        "1101011", "1101111", "1010010", "1111111", "1111011",
    )],
    np.int64,
)  # fmt: skip
_N_RELEVANT, _N_IRRELEVANT = 7, 17


@jit
def _write(state: Ints, segments: Ints, place: Ints, noise: float, X: Array, y: Ints) -> None:
    n_relevant, n_features = segments.shape[1], X.shape[1]
    for i in range(len(X)):
        y[i] = below(state, 0, len(segments))
        for j in range(n_relevant):
            lit = segments[y[i], j]
            X[i, place[j]] = float(1 - lit if uniform(state, 0) < noise else lit)
        coins = bits(state, 0)
        for j in range(n_relevant, n_features):
            X[i, place[j]] = float((coins >> np.uint64(j)) & np.uint64(1))


class LED(Generator):
    """Ten digits from 7 binary features, each inverted with some probability, and 17 of chance.

    The best possible accuracy is 74.0 % at 10 % noise. Time is O(1) a row, memory that of a chunk.

    Parameters
    ----------
    noise
        Probability that a segment is inverted.
    irrelevant
        Whether to add the 17 irrelevant features.
    n_drift_features
        How many relevant features have changed places with irrelevant ones, 0 to 7. Streams of
        one `model_seed` swap the same ones first, so that they are successive concepts of one
        drift.
    model_seed
        Seed of which features are swapped.
    seed
        Seed of the rows.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For a `noise` outside of [0, 1], an `irrelevant` that is neither true nor false, an
        `n_drift_features` that is not a whole number from 0 to 7 (0 without irrelevant ones), and a
        `model_seed`, `seed` or `n_rows` that is not a whole number >= 0.

    Examples
    --------
    >>> X, y, _ = next(LED(noise=0.0).chunks(1000))
    >>> X[y == 1][:, :7].mean(axis=0).tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]

    Notes
    -----
    MOA's generator with drifting features swaps runs of neighboring features; here the swapped
    ones are drawn one by one.

    References
    ----------
    .. [1] Breiman, Friedman, Olshen, Stone (1984), Classification and Regression Trees,
       section 2.6.1.
    """

    name = "led"

    def __init__(
        self,
        *,
        noise: float = 0.1,
        irrelevant: bool = True,
        n_drift_features: int = 0,
        model_seed: int = 1,
        seed: int = 1,
        n_rows: int | None = None,
    ) -> None:
        self.irrelevant = flag("irrelevant", irrelevant)
        n = _N_RELEVANT + (_N_IRRELEVANT if irrelevant else 0)
        nominal = {j: (0, 1) for j in range(n)}
        super().__init__(
            schema=Schema(n, numbered("att", n), nominal, integers(10)), seed=seed, n_rows=n_rows
        )
        self.noise = share("noise", noise)
        most = _N_RELEVANT if irrelevant else 0
        self.n_drift_features = whole("n_drift_features", n_drift_features, 0, most)
        self.model_seed = whole("model_seed", model_seed, 0)

    def _start(self) -> tuple[Ints, Ints]:
        place = np.arange(self.schema.n_features)
        draws = model_draws(self.model_seed, _N_RELEVANT + _N_IRRELEVANT)
        relevant = np.argsort(draws[:_N_RELEVANT])[: self.n_drift_features]
        other = _N_RELEVANT + np.argsort(draws[_N_RELEVANT:])[: self.n_drift_features]
        place[relevant], place[other] = other, relevant
        return self._rng(), place

    def _write(self, state: tuple[Ints, Ints], X: Array, y: npt.NDArray[Any]) -> None:
        rng, place = state
        _write(rng, SEGMENTS, place, self.noise, X, y)
