"""Forests and bagging beside MOA and river: `python -m benchmarks.ensembles --help`.

Every line of the table is made by a process of its own; all get the same rows.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.measure import MeasurementError, fresh, peak_memory
from benchmarks.streams import STREAMS, from_ours, load, rows_file, why_no_java

MODELS = ("ARF-10", "SRP-10", "LevBag-10")
_CHUNK, _WARM = 10_000, 2_000


def run(system: str, model: str, X: Any, y: Any, seeds: list[int]) -> dict[str, Any]:
    """Accuracy (percent) and CPU-seconds of one pass a seed."""
    work, clock = {"onlineml": _ours, "river": _river, "MOA": _moa}[system](model, X, y)
    accuracies, cpu, extra = [], [], {}
    for seed in seeds:
        before = clock()
        accuracy, more = work(seed)
        cpu.append(clock() - before)
        accuracies.append(100 * accuracy)
        extra = more
    return {"accuracy": accuracies, "cpu": cpu, "rows": len(X), "peak_mb": peak_memory(), **extra}


Work = Callable[[int], tuple[float, dict[str, Any]]]


def _ours(model: str, X: Any, y: Any) -> tuple[Work, Callable[[], float]]:
    _pass(_made(model, 1), X[:_WARM], y[:_WARM])

    def work(seed: int) -> tuple[float, dict[str, Any]]:
        made = _made(model, seed)
        return _pass(made, X, y), {"nbytes": made.nbytes, "replaced": made.n_replaced}

    return work, time.process_time


def _made(model: str, seed: int, n_jobs: int = 1) -> Any:
    from onlineml import learners

    kind = {
        "ARF-10": learners.AdaptiveRandomForestClassifier,
        "SRP-10": learners.StreamingRandomPatchesClassifier,
        "LevBag-10": learners.LeveragingBaggingClassifier,
    }[model]
    return kind(seed=seed, n_jobs=n_jobs)


def _pass(made: Any, X: Any, y: Any) -> float:
    right = 0
    for i in range(0, len(X), _CHUNK):
        truth = y[i : i + _CHUNK]
        right += np.count_nonzero(made.predict_fit_many(X[i : i + _CHUNK], truth) == truth)
    return right / len(X)


def _river(model: str, X: Any, y: Any) -> tuple[Work, Callable[[], float]]:
    from river import forest

    rows = [dict(enumerate(x)) for x in X.tolist()]

    def work(seed: int) -> tuple[float, dict[str, Any]]:
        made, right = forest.ARFClassifier(n_models=10, max_features=0.6, seed=seed), 0
        for x, label in zip(rows, y.tolist(), strict=True):
            right += made.predict_one(x) == label
            made.learn_one(x, label)
        return right / len(rows), {}

    return work, time.process_time


def _moa(model: str, X: Any, y: Any) -> tuple[Work, Callable[[], float]]:
    from benchmarks import with_moa

    schema, instances = with_moa.in_java(X, y)
    make = with_moa.ENSEMBLES[model]
    with_moa.predict(make(schema, 0), instances)  # Java compiles while it runs
    return lambda seed: (with_moa.predict(make(schema, seed), instances), {}), time.thread_time


def two_threads(model: str, X: Any, y: Any, repeats: int = 3) -> dict[str, Any]:
    """Seconds on the wall with one thread and with two, the best of `repeats` in turn."""
    wall: dict[int, list[float]] = {1: [], 2: []}
    _pass(_made(model, 1), X[:_WARM], y[:_WARM])
    for _ in range(repeats):
        for n_jobs, took in wall.items():
            before = time.perf_counter()
            _pass(_made(model, 1, n_jobs), X, y)
            took.append(time.perf_counter() - before)
    return {"speed_up": min(wall[1]) / min(wall[2])}


def memory(model: str, n_rows: int) -> dict[str, Any]:
    """Bytes of a model after `n_rows` of our Agrawal stream, which grows the largest trees."""
    made = _made(model, 1)
    made.fit_many(*from_ours("agr", n_rows))
    return {"nbytes": made.nbytes}


def one(what: str, model: str, path: Path, rows: int, seeds: list[int]) -> dict[str, Any]:
    """One measurement."""
    if what == "memory":
        return memory(model, rows)
    X, y = (part[:rows] for part in load(path))
    return two_threads(model, X, y) if what == "threads" else run(what, model, X, y, seeds)


def _table(results: dict[tuple[str, str, str], dict[str, Any]]) -> Table:
    names = (
        "stream", "model", "system", "accuracy %", "of seeds", "k rows/CPU-s", "x MOA", "x river",
        "2 threads", "model MB",
    )  # fmt: skip
    table = Table(*names, box=box.MARKDOWN)
    for (stream, model, system), found in results.items():
        if "accuracy" not in found:
            continue
        peers = {
            peer: results.get((stream, model, peer), {}) if system == "onlineml" else {}
            for peer in ("MOA", "river", "threads")
        }
        ratios = [
            f"{_speed(found, system) / _speed(peers[peer], peer):.1f}" if peers[peer] else ""
            for peer in ("MOA", "river")
        ]
        speed_up = f"{peers['threads']['speed_up']:.2f}" if peers["threads"] else ""
        table.add_row(
            stream, model, system, f"{statistics.fmean(found['accuracy']):.2f}",
            " ".join(f"{value:.2f}" for value in found["accuracy"]),
            f"{_speed(found, system) / 1e3:.2f}", *ratios, speed_up,
            f"{found['nbytes'] / 1e6:.1f}" if "nbytes" in found else "",
        )  # fmt: skip
    return table


def _speed(found: dict[str, Any], system: str) -> float:
    """Rows per CPU-second: of the median run, of the best one for MOA (a warm JVM)."""
    pick = min if system == "MOA" else statistics.median
    return float(found["rows"] / pick(found["cpu"]))


def _measured(
    items: list[tuple[str, str, str]], files: dict[str, Path], console: Console,
    special: dict[str, tuple[int, str]], usual: tuple[int, str],
) -> dict[tuple[str, str, str], dict[str, Any]]:  # fmt: skip
    """Every measurement in a process of its own; rows and seeds are `usual`, or `special`."""
    results = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for stream, model, what in progress.track(items):
            n, seeds = special.get(what, usual)
            asked = ("--one", f"{what}|{model}|{files[stream]}", "--rows", n, "--seeds", seeds)
            try:
                results[stream, model, what] = fresh("benchmarks.ensembles", *asked)
            except MeasurementError as error:
                console.print(f"{stream}, {model}, {what}: {error}", markup=False)
    return results


@click.command()
@click.option("--rows", default=30_000, show_default=True, help="Rows of each stream.")
@click.option("--river-rows", default=3_000, show_default=True, help="Rows that river gets.")
@click.option("--memory-rows", default=0, help="Rows after which ARF-10 is weighed; 0 for none.")
@click.option("--models", default=",".join(MODELS), show_default=True)
@click.option("--streams", default=",".join(STREAMS), show_default=True)
@click.option("--seeds", default="1,2,3", show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Folder that keeps the rows.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
@click.option("--java/--no-java", default=True, help="Compare with MOA, if Java is there.")
@click.option("--one", "cell", hidden=True, help="WHAT|MODEL|FILE: one measurement, as JSON.")
def main(
    rows: int, river_rows: int, memory_rows: int, models: str, streams: str, seeds: str,
    data: Path | None, out: Path | None, java: bool, cell: str | None,
) -> None:  # fmt: skip
    """Accuracy, speed and size of ensembles, over several seeds."""
    if cell is not None:
        what, model, file = cell.split("|")
        numbers = [int(seed) for seed in seeds.split(",")]
        click.echo(json.dumps(one(what, model, Path(file), rows, numbers)))
        return
    console, missing = Console(width=150), why_no_java() if java else "--no-java was given"
    if missing:
        console.print(f"Without MOA: {missing}. Streams come from our own generators.")
    with tempfile.TemporaryDirectory() as folder:
        files = {
            stream: rows_file(stream, rows, data or Path(folder), java=not missing)
            for stream in streams.split(",")
        }
        items = [
            (stream, model, what)
            for stream in files
            for model in models.split(",")
            for what in ("onlineml", "MOA", "river", "threads")
            if not (what == "river" and (model != "ARF-10" or not river_rows))
            and not (what == "MOA" and missing)
        ]
        results = _measured(items, files, console, {"river": (river_rows, "1")}, (rows, seeds))
    console.print(_table(results))
    if memory_rows:
        asked = ("--one", "memory|ARF-10|", "--rows", memory_rows)
        weight = fresh("benchmarks.ensembles", *asked)["nbytes"] / 1e6
        console.print(f"ARF-10 after {memory_rows:,} rows of Agrawal: {weight:.1f} MB")
    if out:
        figures = [dict(zip(("stream", "model", "system"), key)) | results[key] for key in results]
        out.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
