"""Curves to draw: the mean of a model's runs, with no more points than a screen shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from onlineml.evaluation.report.svg import Curve
from onlineml.evaluation.result import Run
from onlineml.schema import Array


def averaged(runs: Sequence[Run], metric: str, *, color: int, max_points: int) -> Curve:
    """Mean of the runs' windows and their standard deviation, neighbors merged to fit.

    Windows where a metric is not defined (NaN) are left out of the means.
    """
    curve = mean_curve(runs, lambda run: run.window.get(metric), max_points, n_to_draw(runs))
    return curve._replace(color=color)


def mean_curve(
    runs: Sequence[Run],
    values_of: Callable[[Run], Sequence[float] | None],
    max_points: int,
    n: int | None = None,
) -> Curve:
    """`averaged` of any values, one a window, of `n` windows or all; None where a run has none."""
    n = min(len(run.n_rows) for run in runs) if n is None else n
    rows = np.array(runs[0].n_rows[:n], np.float64)
    values = np.array([(values_of(run) or [math.nan] * n)[:n] for run in runs], np.float64)
    starts, ends = merged(n, max_points)
    if len(starts) < n:
        values, rows = _means(values, starts), rows[ends]
    mean, spread = _mean_and_sd(values)
    return Curve(runs[0].model, rows, mean, spread, 0, runs[0].baseline)


def n_to_draw(runs: Sequence[Run]) -> int:
    """Windows that all runs have; a last one of less than half the rows would mislead."""
    n = min(len(run.n_rows) for run in runs)
    rows = runs[0].n_rows[:n]
    return n - 1 if n > 1 and 2 * (rows[-1] - rows[-2]) < rows[0] else n


def merged(n: int, max_points: int) -> tuple[np.typing.NDArray[np.intp], ...]:
    """First and last of the windows that become one point."""
    many = max(math.ceil(n / max_points), 1)
    starts = np.arange(0, n, many)
    return starts, np.minimum(starts + many - 1, n - 1)


def _means(values: Array, starts: np.typing.NDArray[np.intp]) -> Array:
    """Means of the defined values of each stretch of columns."""
    there = np.isfinite(values)
    counts = np.add.reduceat(there, starts, axis=1, dtype=np.float64)
    sums = np.add.reduceat(np.where(there, values, 0.0), starts, axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _mean_and_sd(values: Array) -> tuple[Array, Array]:
    """Over the rows, of the defined values; no deviation of a single one."""
    there = np.isfinite(values)
    n = there.sum(axis=0)
    mean = np.where(there, values, 0.0).sum(axis=0) / np.maximum(n, 1)
    squares = np.where(there, (values - mean) ** 2, 0.0).sum(axis=0)
    spread = np.sqrt(squares / np.maximum(n - 1, 1))
    return np.where(n > 0, mean, np.nan), np.where(n > 1, spread, np.nan)
