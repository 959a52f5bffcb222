"""Rows per second beside river and MOA: `python -m benchmarks.throughput --help`."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from benchmarks.measure import MeasurementError, fresh
from benchmarks.report import latency_table, throughput_table
from benchmarks.streams import STREAMS, rows_file, why_no_java

MODELS = ("HoeffdingTree", "GaussianNB", "Softmax", "kNN-1000", "StandardScaler")
#: Who runs what; MOA has no softmax, and its scalers do not stand alone.
SYSTEMS = {"onlineml": ("chunks", "rows", "dicts"), "river": ("dicts",), "MOA": ("moa",)}
MOA_MODELS = ("HoeffdingTree", "GaussianNB", "kNN-1000")


def plan(models: list[str], streams: list[str], *, java: bool) -> Iterator[tuple[str, ...]]:
    """Every measurement: stream, model, system, mode."""
    for stream in streams:
        for model in models:
            for system, modes in SYSTEMS.items():
                if system == "MOA" and not (java and model in MOA_MODELS):
                    continue
                for mode in modes:
                    yield stream, model, system, mode


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """`result` with rows per second: the median run, for MOA the best one (a warm JVM)."""
    pick = min if result["system"] == "MOA" else statistics.median
    rates = {
        f"rows_per_{clock}_s": result["rows"] / pick(result[clock]) for clock in ("cpu", "wall")
    }
    return result | rates


def measured(
    name: str, model: str, system: str, mode: str, path: Path, repeats: int
) -> dict[str, Any]:
    """One measurement, or what went wrong with it."""
    try:
        result = fresh("benchmarks.one", system, model, mode, path, repeats)
    except MeasurementError as error:
        result = {"system": system, "model": model, "mode": mode, "error": str(error)}
    else:
        result = summary(result)
    return {"stream": name} | result


def split_names(context: click.Context, param: click.Parameter, text: str) -> list[str]:
    """Names of streams or models, of an option with commas."""
    known = STREAMS if param.name == "streams" else MODELS
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(known)}")
    return names


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="Rows of each stream.")
@click.option("--repeats", default=3, show_default=True, help="Runs of each; the median counts.")
@click.option("--models", default=",".join(MODELS), callback=split_names, show_default=True)
@click.option("--streams", default=",".join(STREAMS), callback=split_names, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Folder that keeps the rows.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
@click.option("--java/--no-java", default=True, help="Compare with MOA, if Java is there.")
def main(
    rows: int,
    repeats: int,
    models: list[str],
    streams: list[str],
    data: Path | None,
    out: Path | None,
    java: bool,
) -> None:
    """Measure this library, river and MOA: same rows, same run, one thread each."""
    console = Console(width=140)
    missing = why_no_java() if java else "--no-java was given"
    if missing:
        console.print(f"Without MOA: {missing}. Streams come from our own generators.")
    with tempfile.TemporaryDirectory() as folder:
        files = {
            name: rows_file(name, rows, data or Path(folder), java=not missing)
            for name in {*streams, "rbf"}
        }
        with Progress(console=Console(stderr=True), transient=True) as progress:
            items = list(plan(models, streams, java=not missing))
            results = [measured(*item, files[item[0]], repeats) for item in progress.track(items)]
            latencies = fresh("benchmarks.latency", files["rbf"], repeats)
    versions = {name: metadata.version(name) for name in ("onlineml", "river", "numba", "numpy")}
    if not missing:
        versions["capymoa"] = metadata.version("capymoa")
    console.print(throughput_table(results))
    console.print(latency_table(latencies))
    for complaint in dict.fromkeys(
        f"{result['system']} {result['model']}: {result['error']}"
        for result in results
        if "error" in result
    ):
        console.print(complaint, markup=False)
    console.print(", ".join(f"{name} {version}" for name, version in versions.items()))
    if out:
        figures = {"versions": versions, "throughput": results, "latency_us": latencies}
        out.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
