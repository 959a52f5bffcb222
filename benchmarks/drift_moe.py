"""DriftMoE's honest figures beside those of the released code: `python -m benchmarks.drift_moe`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measure import fresh, timed


class Case(NamedTuple):
    """A stream, its length, how the model is made, and the released code's accuracy, percent.

    That code was run test-then-train (but for `diagnose_train_first`), with one seed or two.
    """

    stream: str
    rows: int
    params: dict[str, Any]
    released: str


TASK = {"mode": "task"}
PEEK = {"diagnose_train_first": True}
CASES = (
    Case("led_g", 5_000, {}, "72.32"),
    Case("led_g", 5_000, PEEK, "76.36"),
    Case("led_g", 5_000, TASK, "65.20"),
    Case("led_g", 200_000, {}, "73.92, 73.72"),
    Case("led_g", 200_000, PEEK, "74.67"),
    Case("rbf_m", 40_000, {}, "79.56"),
    Case("rbf_f", 40_000, {}, "63.99"),
    Case("sea_a", 40_000, {}, "87.48"),
    Case("electricity", 45_312, {}, "81.25, 81.28"),
    Case("electricity", 45_312, PEEK, "83.16"),
    Case("electricity", 45_312, TASK, "68.53"),
)
RELEASED_RATE = 1_160  # rows per CPU-second of the released code, mode "data", LED


def measured(number: int, seeds: int, file: str) -> dict[str, Any]:
    """Accuracies by seed (of stream and model) and rows per CPU-second."""
    from onlineml.datasets import as_stream, load
    from onlineml.learners import DriftMoE

    case, accuracies, rates = CASES[number], [], []
    for seed in range(1, seeds + 1):
        real = case.stream == "electricity"
        source = (
            as_stream(file)
            if real and file
            else load(case.stream, **{} if real else {"seed": seed})
        )
        chunks = list(source.take(case.rows).chunks(case.rows))
        X, y = (np.concatenate([chunk[k] for chunk in chunks]) for k in (0, 1))
        model = DriftMoE(seed=seed, **case.params).start(source.schema)
        model.clone().predict_fit_many(X[:100], y[:100])  # compiles
        cpu, _, answers = timed(lambda model=model, X=X, y=y: model.predict_fit_many(X, y), 1)
        accuracies.append(100 * float((answers == y).mean()))
        rates.append(len(X) / cpu[0])
    return {"accuracies": accuracies, "rate": statistics.median(rates)}


def table(numbers: Sequence[int], results: Sequence[dict[str, Any]]) -> Table:
    """One line a case."""
    shown = Table(title="Accuracy, %; rows per CPU-second")
    columns = (
        "stream",
        "rows",
        "parameters",
        "released code",
        "ours",
        "sd",
        "rows/s",
        "x released",
    )
    for name in columns:
        shown.add_column(name, justify="right")
    for number, result in zip(numbers, results):
        case, found, rate = CASES[number], result["accuracies"], result["rate"]
        spread = f"{statistics.stdev(found):.2f}" if len(found) > 1 else ""
        params = ", ".join(f"{key}={value}" for key, value in case.params.items())
        ours = f"{statistics.mean(found):.2f}", spread, f"{rate:,.0f}"
        times = f"{rate / RELEASED_RATE:.0f}" if case.params != TASK else ""
        shown.add_row(case.stream, f"{case.rows:,}", params, case.released, *ours, times)
    return shown


@click.command()
@click.option("--seeds", default=3, show_default=True, help="Runs of each, seeds 1, 2, ...")
@click.option("--electricity", default="", help="File of the stream, if not to be downloaded.")
@click.option("--streams", help="Only these, separated by commas.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
@click.option("--only", type=int, help="NUMBER: measure one case here, print JSON (used inside).")
def main(
    seeds: int, electricity: str, streams: str | None, out: Path | None, only: int | None
) -> None:
    """Measure both modes; with `diagnose_train_first` figures are not prequential."""
    if only is not None:
        print(json.dumps(measured(only, seeds, electricity)))
        return
    wanted = set(streams.split(",")) if streams else {case.stream for case in CASES}
    numbers = [number for number, case in enumerate(CASES) if case.stream in wanted]
    more = ("--electricity", electricity) if electricity else ()
    results = [
        fresh("benchmarks.drift_moe", "--seeds", seeds, "--only", number, *more)
        for number in numbers
    ]
    Console(width=130).print(table(numbers, results))
    if out:
        named = [CASES[n]._asdict() | result for n, result in zip(numbers, results)]
        out.write_text(json.dumps(named, indent=1))


if __name__ == "__main__":
    main()
