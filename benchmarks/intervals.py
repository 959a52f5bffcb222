"""Intervals of forecasts through drifts, by step size: `python -m benchmarks.intervals --help`."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

Rows = npt.NDArray[np.float64]
SKIPPED, STRETCH = 500, 250  # rows at the beginning that are not judged; of a stretch
SEVERAL = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128)
#: Name -> `step_size`. The first does not adapt: quantiles of the last errors.
METHODS: dict[str, Any] = {
    "none": 1e-12, "ACI .005": 0.005, "ACI .01": 0.01, "ACI .05": 0.05, "ACI .1": 0.1,
    "DtACI": SEVERAL,
}  # fmt: skip


def calm(n_rows: int, rng: np.random.Generator) -> Rows:
    """A season in even noise."""
    return np.sin(np.arange(n_rows) / 7) + 0.2 * rng.normal(size=n_rows)


def jumps(n_rows: int, rng: np.random.Generator) -> Rows:
    """A season in noise that is five times as wide every other thousand rows."""
    t = np.arange(n_rows)
    return np.sin(t / 7) + np.where(t // 1000 % 2, 0.5, 0.1) * rng.normal(size=n_rows)


def wanders(n_rows: int, rng: np.random.Generator) -> Rows:
    """A season in noise whose logarithm walks about."""
    level = np.zeros(n_rows)
    for t in range(1, n_rows):
        level[t] = 0.995 * level[t - 1] + 0.1 * rng.normal()
    return np.sin(np.arange(n_rows) / 7) + 0.2 * np.exp(level) * rng.normal(size=n_rows)


def shocks(n_rows: int, rng: np.random.Generator) -> Rows:
    """Squared returns of a market in which a shock makes the next ones likelier (GARCH)."""
    variance, returns = 1.0, np.zeros(n_rows)
    for t in range(1, n_rows):
        variance = 0.02 + 0.1 * returns[t - 1] ** 2 + 0.88 * variance
        returns[t] = np.sqrt(variance) * rng.normal()
    return returns**2


SERIES: dict[str, Callable[[int, np.random.Generator], Rows]] = {
    "calm": calm, "jumps": jumps, "wanders": wanders, "shocks": shocks,
}  # fmt: skip


def intervals(y: Rows, step_size: Any, coverage: float) -> tuple[Rows, float]:
    """Ends of the interval of each row before it came, and milliseconds of CPU a row."""
    from onlineml.learners import Forecaster, RidgeRegressor

    model = Forecaster(base=RidgeRegressor(), coverage=coverage, step_size=step_size)
    ends, x = np.empty((len(y), 2)), np.zeros(1)
    model.fit_one(x, float(y[0])).reset()  # compiles
    start = time.process_time()
    for i, value in enumerate(y.tolist()):
        ends[i] = model.predict_interval_one(x)
        model.fit_one(x, value)
    return ends, 1e3 * (time.process_time() - start) / len(y)


def judged(y: Rows, ends: Rows, coverage: float) -> dict[str, float]:
    """Shares of rows inside, over all and where it is furthest off; widths, and infinite ones."""
    y, ends = y[SKIPPED:], ends[SKIPPED:]
    inside = (ends[:, 0] <= y) & (y <= ends[:, 1])
    here = np.convolve(inside, np.ones(STRETCH) / STRETCH, "valid")
    widths = ends[:, 1] - ends[:, 0]
    return {
        "coverage": float(inside.mean()),
        "furthest": float(np.abs(here - coverage).max()),
        "width": float(np.median(widths)),
        "infinite": float(np.isinf(widths).mean()),
    }


def measured(series: str, n_rows: int, seeds: int, coverage: float) -> dict[str, dict[str, float]]:
    """Means over the seeds, by method."""
    found = {}
    for name, step_size in METHODS.items():
        runs = []
        for seed in range(seeds):
            y = SERIES[series](n_rows, np.random.default_rng(seed))
            ends, cost = intervals(y, step_size, coverage)
            runs.append(judged(y, ends, coverage) | {"milliseconds": cost})
        found[name] = {key: statistics.mean(run[key] for run in runs) for key in runs[0]}
    return found


def table(results: dict[str, dict[str, dict[str, float]]], coverage: float) -> Table:
    """One line a series and method."""
    title = f"Intervals meant to hold {coverage:.0%} of a series, one row ahead"
    shown = Table(title=title)
    furthest = f"furthest off in {STRETCH} rows"
    for name in ("series", "step size", "held", furthest, "median width", "infinite", "ms a row"):
        shown.add_column(name, justify="left" if name in ("series", "step size") else "right")
    for series, methods in results.items():
        for method, run in methods.items():
            shares = (f"{100 * run[key]:.1f} %" for key in ("coverage", "furthest"))
            shown.add_row(
                series, method, *shares, f"{run['width']:.2f}", f"{100 * run['infinite']:.1f} %",
                f"{run['milliseconds']:.3f}",
            )  # fmt: skip
        shown.add_section()
    return shown


@click.command()
@click.option("--rows", default=6_000, show_default=True, help="Length of each series.")
@click.option("--seeds", default=3, show_default=True, help="Series of each kind.")
@click.option("--coverage", default=0.9, show_default=True, help="Share that should lie inside.")
@click.option("--series", multiple=True, type=click.Choice(list(SERIES)), help="All by default.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
def main(rows: int, seeds: int, coverage: float, series: tuple[str, ...], out: Path | None) -> None:
    """Measure adaptive conformal intervals of `Forecaster`, with one step size and with several."""
    if rows < SKIPPED + STRETCH:
        raise click.BadParameter(f"at least {SKIPPED + STRETCH}", param_hint="--rows")
    results = {name: measured(name, rows, seeds, coverage) for name in series or SERIES}
    Console(width=110).print(table(results, coverage))
    if out:
        out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
