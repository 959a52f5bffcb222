"""What the generators share: reproducible passes of any chunk size, and checks of arguments."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from onlineml.datasets.drawn import Draw, Drawn
from onlineml.datasets.stream import Chunk, Task
from onlineml.kernels import jit
from onlineml.kernels.random import Ints, seeded, uniform
from onlineml.parameters import whole
from onlineml.schema import Array, Schema, wrong


@jit
def fill_uniform(state: Ints, out: Array) -> None:
    """Fill `out` with uniform numbers on [0, 1) from generator 0 of `state`."""
    for i in range(len(out)):
        out[i] = uniform(state, 0)


def model_draws(model_seed: int, n: int) -> Array:
    """`n` uniform numbers that decide a generator's model (never those that make its rows).

    The numbers of `kernels.random.uniform`, all at once: making a stream compiles nothing.
    """
    start = seeded(model_seed, 2)[1:].view(np.uint64)
    z = start + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    draws: Array = (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return draws


def real(argument: str, value: Any, low: float, high: float) -> float:
    """`value` as a float between `low` and `high`, or a ValueError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not low <= number <= high or np.isinf(number):
        raise wrong(argument, value, f"a number from {low:g} to {high:g}")
    return number


def flag(argument: str, value: Any) -> bool:
    """`value` as a bool, or a ValueError."""
    if not (isinstance(value, int | np.bool_) and value in (0, 1)):
        raise wrong(argument, value, "True or False")
    return bool(value)


def share(argument: str, value: Any) -> float:
    """`value` as a float between 0 and 1, or a ValueError."""
    return real(argument, value, 0.0, 1.0)


class Generator(Drawn):
    """A synthetic stream: the same seed gives the same rows, whatever the chunk size.

    A kind of stream fills two hooks: `_start` makes the state of a pass (arrays, the random
    generator among them), `_write` fills rows from it and moves it on. Memory is that of one
    chunk; nothing is made before it is asked for.

    Parameters
    ----------
    schema
        The features, and the classes where the task is classification.
    seed
        Seed of the rows, 0 or more.
    n_rows
        Rows in a pass; None = without end.

    Raises
    ------
    ValueError
        For a `seed` or `n_rows` that is not a whole number >= 0.

    Examples
    --------
    >>> from onlineml.datasets import SEA, Generator
    >>> stream = SEA(seed=7, n_rows=100)
    >>> isinstance(stream, Generator)
    True
    >>> some, others = next(stream.chunks(50)), next(SEA(seed=7).chunks(90))
    >>> bool((some.X == others.X[:50]).all())
    True
    """

    task: Task = "classification"
    _label_type: ClassVar[type[np.generic]] = np.int64

    def __init__(self, *, schema: Schema, seed: int, n_rows: int | None) -> None:
        self._schema = schema
        self.seed = whole("seed", seed, 0)
        self.n_rows = None if n_rows is None else whole("n_rows", n_rows, 0)

    @property
    def schema(self) -> Schema:
        """Names and kinds of the features."""
        return self._schema

    def drawing(self) -> Draw:
        """Begin a fresh pass."""
        state, left = self._start(), self.n_rows

        def draw(n: int) -> Chunk:
            nonlocal left
            if left is not None:
                n = min(n, left)
                left -= n
            X, y = np.empty((n, self._schema.n_features)), np.empty(n, self._label_type)
            self._write(state, X, y)
            return Chunk(X, y)

        return draw

    def _rng(self, *more: int) -> Ints:
        """State of the rows' random generator, followed by the integers `more`."""
        return np.array([seeded(self.seed, 1)[0], *more], np.int64)

    @abstractmethod
    def _start(self) -> Any:
        """State of a fresh pass."""

    @abstractmethod
    def _write(self, state: Any, X: Array, y: npt.NDArray[Any]) -> None:
        """Fill the next `len(X)` rows and labels, and move `state` on."""


def numbered(prefix: str, n: int) -> tuple[str, ...]:
    """Names `prefix1`, `prefix2`, ... for `n` features or values."""
    return tuple(f"{prefix}{j}" for j in range(1, n + 1))


def integers(n: int) -> tuple[int, ...]:
    """Class labels 0 to n - 1."""
    return tuple(range(n))
