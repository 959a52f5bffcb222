"""Numbers whose mean changes at random places."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.anomaly_streams import clusters

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


def clusters_with_anomalies(
    n_rows: int = 20_000, *, drift: bool = False, seed: int = 7
) -> tuple[Array, npt.NDArray[np.int64]]:
    """Three correlated clusters of ten features, scaled to [0, 1], and 1 % of anomalies; labels.

    Of the anomalies, all after the first twentieth, 40 % are uniform in the box that the rows
    fill, 40 % are rows with two features shifted by 2 to 3.5 deviations, 20 % lie close
    together. With `drift`, the clusters are others from half way on.
    """
    X, labels = clusters(n_rows, drift=drift, seed=seed, quiet=n_rows // 20)
    return X, labels


def moving_rows(seed: int, n: int = 400) -> Array:
    """Rows with missing values whose second feature grows a hundredfold, then shrinks."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    X[n // 3 :, 1] *= 100.0
    X[2 * n // 3 :, 1] /= 1000.0
    X[rng.random(X.shape) < 0.1] = np.nan
    X[n // 2] = np.nan
    return X


def seasonal_with_spikes(n: int = 20_000, *, seed: int = 11) -> tuple[Array, npt.NDArray[np.int64]]:
    """A day of 48 values and a weak week, with a spike in one of a hundred; labels."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    values = np.sin(2 * np.pi * t / 48) + 0.3 * np.sin(2 * np.pi * t / 336)
    values += rng.normal(0, 0.1, n)
    where = rng.choice(np.arange(n // 20, n), n // 100, replace=False)
    values[where] += rng.choice([-1, 1], len(where)) * rng.uniform(0.5, 1.5, len(where))
    labels = np.zeros(n, np.int64)
    labels[where] = 1
    return values, labels


def noise_with_spikes(n: int = 6000, *, seed: int = 3) -> tuple[Array, npt.NDArray[np.int64]]:
    """Normal noise, with a spike of 4 to 8 deviations in one of a hundred values; labels."""
    rng = np.random.default_rng(seed)
    values = rng.normal(50.0, 2.0, n)
    where = rng.choice(np.arange(n // 20, n), n // 100, replace=False)
    values[where] += 2.0 * rng.choice([-1, 1], len(where)) * rng.uniform(4, 8, len(where))
    labels = np.zeros(n, np.int64)
    labels[where] = 1
    return values, labels
