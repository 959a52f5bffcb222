"""Prediction of discounted sums on a series of sensors: `StreamTD` by several rules.

The series is that of a file, or made up: six loads of a transformer, hour by hour, and the
temperature of its oil. What is foretold are the coming temperatures, discounted by 0.99.
"""

from __future__ import annotations

import csv
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]
RULES = ("ObGD", "AdaptiveObGD", "Intentional")
GAMMA, SKIPPED, AHEAD = 0.99, 2000, 700  # rows not judged: the first; the last, little lies ahead
_SLOW = 0.99  # what running means keep of the past


def made_up(n_rows: int = 17_420, seed: int = 0) -> Rows:
    """Loads with cycles of days, weeks and years and spells of their own; oil that lags behind."""
    rng = np.random.default_rng(seed)
    hours = np.arange(n_rows)
    day, week, year = (np.sin(2 * np.pi * hours / p) for p in (24.0, 168.0, 8766.0))
    loads = np.empty((n_rows, 6))
    for k in range(6):
        spell = _smooth(rng.normal(size=n_rows), 0.995) * 3.0
        parts = rng.normal(1.0, 0.3, 3) * (1.0, 0.5, 1.0)
        loads[:, k] = parts @ (day, week, year) + spell + rng.normal(0.0, 0.3, n_rows)
    heat = (np.maximum(loads, -1.0) ** 2) @ rng.uniform(0.3, 1.0, 6)
    oil = 20.0 - 8.0 * year + _smooth(heat, 0.97) * 30.0 + rng.normal(0.0, 0.3, n_rows)
    return np.column_stack([loads, oil])


def _smooth(values: Rows, keep: float) -> Rows:
    out, now = np.empty_like(values), 0.0
    for i, value in enumerate(values):
        now = keep * now + (1.0 - keep) * value
        out[i] = now
    return out


def read(path: Path) -> Rows:
    """The numeric columns of a CSV file with a header; the last one is foretold."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    first = 0 if _is_number(rows[0][0]) else 1  # a column of dates
    return np.array([[float(cell) for cell in row[first:]] for row in rows])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def error(rule: str, rows: Rows, seed: int) -> float:
    """Root mean squared error of the predictions, over the standard deviation of the sums."""
    from onlineml import rl

    means = np.column_stack([_smooth(column - column[0], _SLOW) for column in rows.T])
    X, target = np.column_stack([rows, means]), rows[:, -1]
    stream: list[Any] = [
        rl.Transition(X[i], None, target[i + 1], X[i + 1]) for i in range(len(X) - 1)
    ]
    model = rl.StreamTD(gamma=GAMMA, critic_rule=getattr(rl, rule)(), seed=seed)
    foretold = model.fit_predict_many(stream)[:-1]  # of rows 1, 2, ...
    sums, ahead = np.zeros(len(X)), 0.0
    for i in range(len(X) - 2, -1, -1):
        ahead = target[i + 1] + GAMMA * ahead
        sums[i] = ahead
    judged = slice(SKIPPED, len(foretold) - AHEAD)
    gap = (foretold - sums[1 : 1 + len(foretold)])[judged]
    return float(np.sqrt(np.mean(gap**2)) / np.std(sums[1 : 1 + len(foretold)][judged]))


def errors(rows: Rows, seeds: int) -> dict[str, list[float]]:
    """Errors by rule and seed."""
    return {rule: [error(rule, rows, seed) for seed in range(seeds)] for rule in RULES}


def relative(found: dict[str, list[float]], rule: str) -> float:
    """The mean error of a rule, relative to that of `ObGD`."""
    return statistics.fmean(found[rule]) / statistics.fmean(found["ObGD"])
