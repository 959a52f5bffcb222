"""What a whole run costs beside its model: `python -m benchmarks.overhead --help`.

Naive Bayes over SEA from a Parquet file, through the command line, with five metrics.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from benchmarks.measure import Cost, cost, fresh, middle, timed
from benchmarks.report import figures_table
from benchmarks.startup import COMMAND, compiling, imports

METRICS = ("accuracy", "kappa", "balanced_accuracy", "macro_f1", "log_loss")
RUN_OF_A_MINUTE = 60.0


def evaluation(file: Path, folder: Path, store: Path | None = None) -> Cost:
    """One `onlineml run` over `file`, its report included; with a store, tracked by MLflow."""
    out = Path(tempfile.mkdtemp(dir=folder)) / "out"
    command = [*COMMAND, "run", "--model", "GaussianNB", "--stream", str(file), "--target", "y"]
    command += ["--metric", ",".join(METRICS), "--out", str(out)]
    if store:
        command += ["--track", "--tracking-uri", f"sqlite:///{store}"]
    return cost(command, cwd=out.parent)


def model_alone(path: str, repeats: str) -> None:
    """Print the CPU-seconds of the model over the rows of a file, in memory, in one call."""
    from benchmarks.sea_file import read
    from onlineml.learners import GaussianNB

    X, y = read(Path(path))
    GaussianNB().predict_proba_fit_many(X[:100], y[:100])
    cpu, _, _ = timed(lambda: GaussianNB().predict_proba_fit_many(X, y), int(repeats))
    print(json.dumps({"cpu": statistics.median(cpu)}))


def run_costs(rows: int, repeats: int, folder: Path) -> list[tuple[str, str]]:
    """CPU-seconds and memory of whole runs, and what of it is not the model's."""
    files = {n: folder / f"sea-{n}.parquet" for n in (1_000, max(rows // 10, 2_000), rows)}
    for n, file in files.items():
        fresh("benchmarks.sea_file", file, n)
    tiny, tenth, whole = (
        middle([evaluation(file, folder) for _ in range(repeats)]) for file in files.values()
    )
    model = fresh("benchmarks.overhead", "--alone", files[rows], repeats)["cpu"]
    store = folder / "runs.db"
    first = evaluation(files[1_000], folder, store)
    tracked_tiny, tracked = (
        middle([evaluation(files[n], folder, store) for _ in range(repeats)]) for n in (1_000, rows)
    )
    begin = tracked_tiny.cpu - tiny.cpu
    logging = tracked.cpu - whole.cpu - begin
    return [
        (f"onlineml run, NB, {rows:,} rows of Parquet", f"{whole.cpu:.2f} CPU-s"),
        ("  of it: start and report (a run of 1,000 rows)", f"{tiny.cpu:.2f} CPU-s"),
        ("  of it: the model, alone and in memory", f"{model:.2f} CPU-s"),
        ("  of it: reading, metrics, tables", f"{whole.cpu - tiny.cpu - model:.2f} CPU-s"),
        (f"peak memory at {max(rows // 10, 2_000):,} rows", f"{tenth.peak:,.0f} MB"),
        (f"peak memory at {rows:,} rows", f"{whole.peak:,.0f} MB"),
        ("MLflow: making a new store", f"{first.cpu - tracked_tiny.cpu:.2f} CPU-s"),
        ("MLflow: loading it, in a store that exists", f"{begin:.2f} CPU-s"),
        ("MLflow: logging the longer run", f"{logging:.2f} CPU-s"),
        ("  as a share of a run of a minute", f"{100 * logging / RUN_OF_A_MINUTE:.1f} %"),
    ]


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Rows of the file.")
@click.option("--repeats", default=3, show_default=True, help="Runs of each; the median counts.")
def main(rows: int, repeats: int) -> None:
    """Measure everything but the models: start, compiling, reading, metrics, tracking."""
    with tempfile.TemporaryDirectory() as folder:
        figures = [*imports(repeats), *compiling(), *run_costs(rows, repeats, Path(folder))]
    Console().print(figures_table(figures))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        model_alone(*sys.argv[2:])
    else:
        main()
