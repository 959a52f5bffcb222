"""Accuracy for the labels that strategies buy: `python -m benchmarks.active --help`.

Everyone gets the same rows, the same learner and the same number of labels; strategies of
scikit-activeml and river run in the same loop. Settings were chosen on seeds 101 to 120;
seeds 0 to 9 are for reports. "gap to all" is that to the same learner with all labels, paired by
seed, and its standard error.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from math import isnan
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import active_peers as peers
from benchmarks.active_streams import STREAMS, Parzen, Split, network, split_of

OURS = (
    "RandomSampling", "MarginSampling", "EntropySampling", "VeSSAL", "DensitySampling", "PAL",
    "NeurOnAlS",
)  # fmt: skip
THEIRS = (*(f"skaml {name}" for name in (*peers.SKACTIVEML, peers.PAL)), "river EntropySampler")
ALL_LABELS = "all labels"
_COLD = 20  # labels that peers get at the very start, at most a fifth; ours buy as many themselves


Tells = Callable[[int, Any], Any]  # (row number, label)


def asker(
    name: str, n_labels: int, split: Split, seed: int, model: Any
) -> tuple[peers.Asks, Tells]:
    """The strategy called `name`: asked about a row, it takes note of it; told labels, it may."""
    if name == ALL_LABELS:
        return (lambda x, proba: True), _nothing
    from onlineml import active

    system, _, own = name.partition(" ")
    if system == "skaml":
        share, classes = n_labels / len(split.X), np.unique(split.y)
        return peers.of_skactiveml(own, share, seed, model, classes), _nothing
    if system == "river":
        return peers.of_river(seed), _nothing
    budget = active.Budget(total=n_labels, horizon=len(split.X))
    strategy = getattr(active, name)(budget=budget, seed=seed)
    strategy.query_one(split.X[0], np.empty(0))  # compiles
    return (lambda x, proba: bool(strategy.query_fit_one(x, proba).ask)), strategy.answer_one


def cell(stream: str, learner: str, name: str, share: float, seed: int) -> dict[str, Any]:
    """One run: accuracy of the answers on the way and on unseen rows, what was bought, and when."""
    split = split_of(stream, seed)
    model = Parzen(split) if learner == "Parzen" else network(seed, split)
    n_rows = len(split.X)
    n_labels = round(share * n_rows)
    asks, tells = asker(name, n_labels, split, seed, model)
    cold = 0 if name in OURS else min(_COLD, int(0.2 * n_labels))
    bought = np.zeros(n_rows, bool)
    right, spent = 0, 0.0
    for i, (x, label) in enumerate(zip(split.X, split.y.tolist(), strict=True)):
        proba = model.predict_proba_one(x)
        right += len(proba) > 0 and model.classes_[int(proba.argmax())] == label
        before = time.perf_counter()
        wanted = i < cold or asks(x, proba)
        spent += time.perf_counter() - before
        if wanted and bought.sum() < n_labels:
            bought[i] = True
            model.fit_one(x, label)
            tells(i, label)
    fifths = [part.sum() for part in np.array_split(bought, 5)]
    return {
        "stream": stream, "learner": learner, "strategy": name, "share": share, "seed": seed,
        "test": float((model.predict_many(split.unseen) == split.unseen_y).mean()),
        "prequential": right / n_rows, "due": n_labels, "labels": int(bought.sum()),
        "most_of_a_fifth": float(max(fifths) / max(bought.sum(), 1)),
        "microseconds": 1e6 * spent / n_rows,
    }  # fmt: skip


def _nothing(i: int, label: Any) -> None:
    """Told a label, most strategies do nothing."""


def costs() -> dict[str, float]:
    """Microseconds of CPU a row to select: rows of 64 features, 10 classes."""
    from onlineml.active import MarginSampling, VeSSAL

    random = np.random.default_rng(0)
    X, P = random.normal(size=(20_000, 64)), random.dirichlet(np.ones(10) / 3, 20_000)
    found = {}
    for name, strategy in {
        "margin and budget": MarginSampling(budget=0.1, seed=1),
        "leverage, D = 640": VeSSAL(budget=0.1, seed=1),
        "leverage, D = 640, 256 chosen": VeSSAL(budget=0.1, n_chosen=256, seed=1),
    }.items():
        strategy.fit_many(X[:5000], P[:5000])
        strategy.query_fit_one(X[0], P[0])
        began = time.process_time()
        for x, proba in zip(X[5000:], P[5000:], strict=True):
            strategy.query_fit_one(x, proba)
        found[name] = 1e6 * (time.process_time() - began) / (len(X) - 5000)
    return found


def summarized(cells: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Means and spreads over the seeds."""
    keys = dict.fromkeys(tuple(c[k] for k in _KEYS) for c in cells)
    for key in keys:
        own = [c for c in cells if tuple(c[k] for k in _KEYS) == key]
        means = {k: float(np.mean([c[k] for c in own])) for k in _NUMBERS}
        sd = float(np.std([c["test"] for c in own], ddof=1)) if len(own) > 1 else float("nan")
        late = max(c["most_of_a_fifth"] for c in own)
        gap, error = _beside_all(own, cells)
        yield dict(zip(_KEYS, key, strict=True)) | means | {
            "sd": sd, "seeds": len(own), "most_of_a_fifth": late, "gap": gap, "gap_error": error
        }  # fmt: skip


def _beside_all(own: list[dict[str, Any]], cells: list[dict[str, Any]]) -> tuple[float, float]:
    """Test accuracy less that with all labels, seed by seed: mean and standard error."""
    whole = {
        (c["stream"], c["learner"], c["seed"]): c["test"]
        for c in cells
        if c["strategy"] == ALL_LABELS
    }
    keys = [(c["stream"], c["learner"], c["seed"]) for c in own]
    gaps = [c["test"] - whole[key] for c, key in zip(own, keys, strict=True) if key in whole]
    if len(gaps) < 2:
        return float("nan"), float("nan")
    return float(np.mean(gaps)), float(np.std(gaps, ddof=1) / len(gaps) ** 0.5)


_KEYS = ("stream", "learner", "share", "strategy")
_NUMBERS = ("test", "prequential", "due", "labels", "microseconds")


def table(rows: list[dict[str, Any]]) -> Table:
    """The summary to look at."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("stream", "learner", "budget", "strategy"):
        shown.add_column(title)
    numbers = ("test %", "sd", "gap to all", "prequential %", "labels", "due", "most in a fifth")
    for title in (*numbers, "µs a row"):
        shown.add_column(title, justify="right")
    for row in rows:
        shown.add_row(
            row["stream"], row["learner"], f"{row['share']:.0%}", row["strategy"],
            f"{100 * row['test']:.1f}", f"{100 * row['sd']:.1f}",
            "" if isnan(row["gap"]) else f"{100 * row['gap']:+.2f} ± {100 * row['gap_error']:.2f}",
            f"{100 * row['prequential']:.1f}",
            f"{row['labels']:.0f}", f"{row['due']:.0f}", f"{row['most_of_a_fifth']:.0%}",
            f"{row['microseconds']:.0f}",
        )  # fmt: skip
    return shown


def _words(kind: Callable[[str], Any]) -> Callable[..., list[Any]]:
    return lambda ctx, param, value: [kind(word.strip()) for word in value.split(",")]


@click.command()
@click.option("--streams", default=",".join(STREAMS), callback=_words(str))
@click.option("--shares", default="0.05,0.1,0.2", callback=_words(float), help="Of the rows.")
@click.option("--strategies", default=",".join((*OURS, *THEIRS, ALL_LABELS)), callback=_words(str))
@click.option("--learner", type=click.Choice(["network", "Parzen"]), default="network")
@click.option("--seeds", default=10, help="How many.")
@click.option("--first-seed", default=0)
@click.option("--json", "file", type=click.Path(path_type=Path), help="File of all figures.")
def main(
    streams: list[str], shares: list[float], strategies: list[str], learner: str, seeds: int,
    first_seed: int, file: Path | None,
) -> None:  # fmt: skip
    """Buy labels on several streams within several budgets."""
    console = Console(width=150, highlight=False)
    cells = [
        cell(stream, learner, name, share, seed)
        for stream in streams
        for share, name in [
            *((share, name) for share in shares for name in strategies if name != ALL_LABELS),
            *((1.0, name) for name in strategies if name == ALL_LABELS),
        ]
        if (name != f"skaml {peers.PAL}") or learner == "Parzen"
        for seed in range(first_seed, first_seed + seeds)
    ]
    found = list(summarized(cells))
    console.print(table(found))
    timed = costs()
    for name, microseconds in timed.items():
        console.print(f"selection, {name}: {microseconds:.1f} µs a row")
    if file is not None:
        file.write_text(json.dumps({"cells": found, "selection": timed}, indent=1))


if __name__ == "__main__":
    main()
