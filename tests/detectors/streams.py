"""Numbers whose mean changes at random places."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def levels(seed: int, n: int, *, most: int = 6) -> tuple[Array, np.random.Generator]:
    """A level between 0 and 1 that jumps up to `most` times."""
    rng = np.random.default_rng(seed)
    n_jumps = rng.integers(1, most + 1)
    jumps = np.sort(rng.integers(0, n, n_jumps))
    level: Array = rng.random(n_jumps + 1)[np.searchsorted(jumps, np.arange(n), side="right")]
    return level, rng


def bernoulli(seed: int, n: int = 4000) -> Array:
    """Errors, 0 or 1, whose rate jumps."""
    rate, rng = levels(seed, n)
    return (rng.random(n) < rate).astype(np.float64)


def gaussian(seed: int, n: int = 4000) -> Array:
    """Real numbers whose mean jumps."""
    level, rng = levels(seed, n)
    return 3.0 * level + rng.normal(size=n)


def shares(seed: int, n: int = 4000) -> Array:
    """Numbers between 0 and 1 whose mean jumps."""
    level, rng = levels(seed, n)
    return np.clip(level + 0.2 * rng.normal(size=n), 0.0, 1.0)


def alarms(values: Any, update: Callable[[float], object], raised: Callable[[], bool]) -> list[int]:
    """Where a detector of another library raises an alarm."""
    found = []
    for i, value in enumerate(values):
        update(value)
        if raised():
            found.append(i)
    return found


def of_river(detector: Any, values: Array) -> list[int]:
    """Where a detector of river raises an alarm."""
    return alarms(values.tolist(), detector.update, lambda: bool(detector.drift_detected))
