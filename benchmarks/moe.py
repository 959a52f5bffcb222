"""Mixtures of experts beside ensembles, over drifting streams: `python -m benchmarks.moe --help`.

Every cell (stream, model, seed) is one prequential run in a process of its own and one line of
`cells.jsonl`; what is there is not run again, so a large table can be made in pieces.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.measure import MeasurementError, fresh, peak_memory
from benchmarks.streams import why_no_java

STREAMS = ("led_a", "led_g", "sea_a", "sea_g", "rbf_m", "rbf_f", "agr_a", "agr_g", "hyper", "elec")
ELEC = "elecNormNew.arff.gz"


def _models() -> dict[str, Callable[[int], Any]]:
    from onlineml import learners as zoo
    from onlineml.graph import chain
    from onlineml.transforms import StandardScaler

    return {
        "DriftMixture": lambda seed: zoo.DriftMixture(seed=seed),
        "DriftMixture-lag": lambda seed: zoo.DriftMixture(lag_labels=1, seed=seed),
        "DriftMoE-data": lambda seed: zoo.DriftMoE(mode="data", seed=seed),
        "DriftMoE-task": lambda seed: zoo.DriftMoE(mode="task", seed=seed),
        "ARF-10": lambda seed: zoo.AdaptiveRandomForestClassifier(seed=seed),
        "SRP-10": lambda seed: zoo.StreamingRandomPatchesClassifier(seed=seed),
        "LevBag-10": lambda seed: zoo.LeveragingBaggingClassifier(seed=seed),
        "ARF-100": lambda seed: zoo.AdaptiveRandomForestClassifier(
            n_members=100, seed=seed, max_bytes=None
        ),
        "SRP-100": lambda seed: zoo.StreamingRandomPatchesClassifier(
            n_members=100, seed=seed, max_bytes=None
        ),
        "kNN": lambda seed: zoo.KNNClassifier(),
        "PA": lambda seed: chain(StandardScaler(), zoo.PassiveAggressiveClassifier()),
        "tree": lambda seed: zoo.HoeffdingTreeClassifier(),
        "no-change": lambda seed: zoo.NoChangeClassifier(),
    }


OURS = (
    "DriftMixture", "DriftMixture-lag", "DriftMoE-data", "DriftMoE-task", "ARF-10", "SRP-10",
    "LevBag-10", "ARF-100", "SRP-100", "kNN", "PA", "tree", "no-change",
)  # fmt: skip
MOAS = ("MOA ARF-10", "MOA SRP-10", "MOA LevBag-10", "MOA ARF-100", "MOA SRP-100")
DEFAULT = "DriftMixture,DriftMoE-data,ARF-10,SRP-10,LevBag-10,kNN,PA,no-change"


def stream_of(name: str, rows: int, seed: int, data: Path | None) -> Any:
    """A stream by name; Electricity comes from the data folder."""
    from onlineml.datasets import as_stream, load

    if name == "elec":
        if data is None:
            raise click.UsageError(f"elec needs --data, a folder that holds {ELEC}")
        return as_stream(data / ELEC).take(rows)
    return load(name, n_rows=rows, seed=seed)


def run_ours(model: str, stream: Any, seed: int) -> dict[str, Any]:
    """One prequential run of a model of ours."""
    from onlineml.evaluation import prequential

    metrics = ("accuracy", "kappa_m", "kappa_t", "balanced_accuracy")
    result = prequential(_models()[model](seed), stream, metrics=metrics, baselines=False)
    (run,) = result.runs
    return {
        **run.totals,
        "rows": result.n_rows,
        "cpu": run.cpu_seconds,
        "nbytes": run.nbytes,
    }


def run_moa(model: str, stream: Any, seed: int) -> dict[str, Any]:
    """One run of MOA's loop over the same rows; nominal values are handed over as numbers."""
    from benchmarks import with_moa

    chunks = list(stream.chunks(100_000))
    X = np.nan_to_num(np.concatenate([chunk.X for chunk in chunks]))
    labels = np.concatenate([chunk.y for chunk in chunks])
    y = np.unique(labels, return_inverse=True)[1]
    schema, instances = with_moa.in_java(X, y)
    began = time.thread_time()
    accuracy = with_moa.predict(with_moa.ENSEMBLES[model](schema, seed), instances)
    return {"accuracy": accuracy, "rows": len(X), "cpu": time.thread_time() - began, "nbytes": None}


def cell(stream: str, model: str, seed: int, rows: int, data: Path | None) -> dict[str, Any]:
    """One cell of the table."""
    source = stream_of(stream, rows, seed, data)
    run = run_moa if model.startswith("MOA ") else run_ours
    found = run(model.removeprefix("MOA ") if run is run_moa else model, source, seed)
    return {"stream": stream, "model": model, "seed": seed, **found, "peak_mb": peak_memory()}


# -------------------------------------------------------------------- the table


def means(cells: Iterable[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Stream -> model -> accuracies in percent, in order of the seeds."""
    table: dict[str, dict[str, list[float]]] = {}
    for one in sorted(cells, key=lambda one: one["seed"]):
        row = table.setdefault(one["stream"], {})
        row.setdefault(one["model"], []).append(100 * one["accuracy"])
    return table


def mean_ranks(table: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    """Model -> mean rank over the streams on which all models were run; 1 is best."""
    models = list(dict.fromkeys(model for row in table.values() for model in row))
    whole = [row for row in table.values() if len(row) == len(models)]
    if not whole:
        return {}
    scores = np.array([[statistics.fmean(row[model]) for model in models] for row in whole])
    better = (scores[:, None, :] > scores[:, :, None]).sum(2)
    equal = (scores[:, None, :] == scores[:, :, None]).sum(2)
    ranks = (better + (equal + 1) / 2).mean(0)
    return dict(sorted(zip(models, ranks.tolist(), strict=True), key=lambda item: item[1]))


def critical_difference(n_models: int, n_streams: int) -> float:
    """Difference of mean ranks that is significant at 5 % (Nemenyi; Demsar 2006, section 3.2.2)."""
    from scipy.stats import studentized_range

    q = studentized_range.ppf(0.95, n_models, np.inf) / np.sqrt(2.0)
    return float(q * np.sqrt(n_models * (n_models + 1) / (6.0 * n_streams)))


def draw(ranks: dict[str, float], n_streams: int, path: Path) -> None:
    """Mean ranks on a line, and how far apart they must be."""
    from matplotlib.figure import Figure

    gap = critical_difference(len(ranks), n_streams)
    figure = Figure(figsize=(8, 0.34 * len(ranks) + 1.2), layout="constrained")
    axes = figure.subplots()
    for k, (model, rank) in enumerate(ranks.items()):
        axes.plot([rank, rank + gap], [k, k], color="#9aa5b1", linewidth=2)
        axes.plot(rank, k, "o", color="#1f5fa8")
        axes.text(rank - 0.12, k, f"{model}  {rank:.2f}", ha="right", va="center", fontsize=9)
    axes.set_ylim(len(ranks) - 0.4, -0.6)
    axes.set_xlim(min(ranks.values()) - 2.2, max(ranks.values()) + gap + 0.2)
    axes.set_yticks([])
    axes.set_xlabel(
        f"mean rank over {n_streams} streams; bars are the critical difference, {gap:.2f} (5 %)"
    )
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=150)


def show(cells: list[dict[str, Any]], console: Console, out: Path) -> None:
    """Print the table and draw the picture."""
    table = means(cells)
    ranks = mean_ranks(table)
    models = list(ranks) or list(dict.fromkeys(one["model"] for one in cells))
    shown = Table("model", *table, "mean rank", "k rows/CPU-s", "MB", title="accuracy, %")
    for model in models:
        row = []
        for stream in table:
            values = table[stream].get(model, [])
            spread = f" ±{statistics.stdev(values):.2f}" if len(values) > 1 else ""
            row.append(f"{statistics.fmean(values):.2f}{spread}" if values else "")
        own = [one for one in cells if one["model"] == model]
        speed = sum(one["rows"] for one in own) / sum(one["cpu"] for one in own) / 1000
        sizes = [one["nbytes"] for one in own if one["nbytes"] is not None]
        size = f"{max(sizes) / 1e6:.1f}" if sizes else ""
        rank = f"{ranks[model]:.2f}" if model in ranks else ""
        shown.add_row(model, *row, rank, f"{speed:.1f}", size)
    console.print(shown)
    complete = sum(len(row) == len(ranks) for row in table.values())
    if len(ranks) > 1 and complete > 1:
        draw(ranks, complete, out / "critical_difference.png")
        console.print(f"picture: {out / 'critical_difference.png'}")


@click.command()
@click.option("--rows", default=100_000, show_default=True, help="Rows of each stream.")
@click.option("--seeds", default="1,2,3", show_default=True, help="1 to 10 are for reports.")
@click.option("--models", default=DEFAULT, show_default=True, help=f"Of {', '.join(OURS + MOAS)}.")
@click.option("--streams", default=",".join(STREAMS[:-1]), show_default=True, help="And elec.")
@click.option("--data", type=click.Path(path_type=Path), help=f"Folder with {ELEC}.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder that keeps the cells.")
@click.option("--cell", "one", hidden=True)
def main(
    rows: int, seeds: str, models: str, streams: str, data: Path | None, out: Path | None,
    one: str | None,
) -> None:  # fmt: skip
    """Accuracy of mixtures and ensembles on drifting streams, with ranks and a picture."""
    if one is not None:
        stream, model, seed = one.split("|")
        click.echo(json.dumps(cell(stream, model, int(seed), rows, data)))
        return
    console, folder = Console(width=200), out or Path(tempfile.mkdtemp(prefix="moe-"))
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"cells-{rows}.jsonl"
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    known = {(found["stream"], found["model"], found["seed"]) for found in done}
    wanted = [
        (stream, model, int(seed))
        for stream in streams.split(",")
        for seed in seeds.split(",")
        for model in models.split(",")
    ]
    missing = why_no_java() if any(model.startswith("MOA ") for _, model, _ in wanted) else None
    if missing:
        console.print(f"Without MOA: {missing}.")
        wanted = [item for item in wanted if not item[1].startswith("MOA ")]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for stream, model, seed in progress.track([w for w in wanted if w not in known]):
            place = ["--data", data] if data else []
            try:
                cell_of = f"{stream}|{model}|{seed}"
                found = fresh("benchmarks.moe", "--cell", cell_of, "--rows", rows, *place)
            except MeasurementError as error:
                console.print(f"{stream}, {model}, seed {seed}: {error}", markup=False)
                continue
            done.append(found)
            with log.open("a") as file:
                file.write(json.dumps(found) + "\n")
    wished = set(wanted)
    cells = [one for one in done if (one["stream"], one["model"], one["seed"]) in wished]
    if cells:
        show(cells, console, folder)
    console.print(f"cells: {log}")


if __name__ == "__main__":
    main()
