"""Accuracy beside river and MOA over several seeds of each stream, with standard errors.

`benchmarks.throughput` shows one stream of each kind, on which a few rows more or less are luck.
`python -m benchmarks.accuracy --models Softmax --streams agr --seeds 20`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress

from benchmarks.report import accuracy_table
from benchmarks.streams import STREAMS, rows_file, why_no_java
from benchmarks.throughput import MODELS, SYSTEMS, measured, plan, split_names

#: Those that answer something.
CLASSIFIERS = tuple(name for name in MODELS if name != "StandardScaler")


def beside(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """Mean difference of paired accuracies, ours less theirs, and its standard error."""
    gaps = np.subtract(ours, theirs)
    return float(gaps.mean()), float(gaps.std(ddof=1) / np.sqrt(len(gaps)))


def lines(found: Mapping[tuple[str, str, str], Sequence[float]]) -> list[dict[str, Any]]:
    """One line a (stream, model, system): mean accuracy, and for peers what ours has more."""
    made = []
    for (stream, model, system), shares in found.items():
        line = {"stream": stream, "model": model, "system": system, "seeds": len(shares)}
        line["accuracy"] = float(np.mean(shares))
        if system != "onlineml":
            line["gap"], line["error"] = beside(found[stream, model, "onlineml"], shares)
        made.append(line)
    return made


@click.command()
@click.option("--rows", default=20_000, show_default=True, help="Rows of each stream.")
@click.option("--seeds", default=20, show_default=True, type=click.IntRange(2), help="1 to this.")
@click.option("--models", default=",".join(CLASSIFIERS), callback=split_names, show_default=True)
@click.option("--streams", default=",".join(STREAMS), callback=split_names, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Folder that keeps the rows.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
@click.option("--java/--no-java", default=True, help="Compare with MOA, if Java is there.")
def main(
    rows: int,
    seeds: int,
    models: list[str],
    streams: list[str],
    data: Path | None,
    out: Path | None,
    java: bool,
) -> None:
    """Measure how often this library, river and MOA are right on the same rows of many seeds."""
    console, missing = Console(width=140), why_no_java() if java else "--no-java was given"
    if missing:
        console.print(f"Without MOA: {missing}. Streams come from our own generators.")
    asked = [name for name in models if name in CLASSIFIERS]
    items = [
        (seed, *item)
        for item in plan(asked, streams, java=not missing)
        if item[3] == SYSTEMS[item[2]][0]  # the other modes answer alike
        for seed in range(1, seeds + 1)
    ]
    found: dict[tuple[str, str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, Progress(console=Console(stderr=True)) as bar:
        for seed, stream, model, system, mode in bar.track(items):
            path = rows_file(stream, rows, data or Path(folder), java=not missing, seed=seed)
            result = measured(stream, model, system, mode, path, 1)
            if "error" in result:
                raise click.ClickException(f"{system} {model}: {result['error']}")
            found.setdefault((stream, model, system), []).append(result["accuracy"])
    figures = lines(found)
    console.print(accuracy_table(figures))
    if out:
        shares = {" ".join(key): by_seed for key, by_seed in found.items()}
        out.write_text(json.dumps({"rows": rows, "means": figures, "by_seed": shares}, indent=1))


if __name__ == "__main__":
    main()
