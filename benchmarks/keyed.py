"""One model a key beside a mapping of models: `python -m benchmarks.keyed --help`.

Naive Bayes and a network of 32 units, 100,000 keys, rows of ten features whose keys are drawn by a
power law: `predict_fit_many` in chunks of 4096, keys in memory; the same where memory has room for
a part of the models, with what the process holds; events one by one; and a mapping whose models
are called one by one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import click
import numpy as np
from rich.console import Console

from benchmarks.report import figures_table
from onlineml.base import Array
from onlineml.graph import Keyed
from onlineml.learners import GaussianNB, MLPClassifier

CHUNK = 4096
BARS = {"naive Bayes": 200_000, "network": 50_000}  # rows a second


def stream(n_rows: int, n_keys: int, seed: int, *, evenly: bool = False) -> tuple[Array, Any]:
    """Ten numbers behind a key; the sign that a number counts with is the key's."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 11))
    ranks = rng.permutation(n_keys)
    drawn = rng.integers(0, n_keys, n_rows) if evenly else rng.zipf(1.2, n_rows) % n_keys
    X[:, 0] = ranks[drawn]
    return X, (X[:, 1] * np.where(X[:, 0] % 2, 1.0, -1.0) > 0).astype(np.int64)


def by_chunk(model: Any, X: Array, y: Any) -> float:
    """Rows a CPU second."""
    began = process_time()
    for lo in range(0, len(X), CHUNK):
        model.predict_fit_many(X[lo : lo + CHUNK], y[lo : lo + CHUNK])
    return len(X) / (process_time() - began)


def by_event(model: Any, X: Array, y: Any) -> float:
    """The same, one by one."""
    began = process_time()
    for x, label in zip(X, y.tolist()):
        model.predict_one(x)
        model.fit_one(x, label)
    return len(X) / (process_time() - began)


def by_mapping(model: Any, X: Array, y: Any) -> float:
    """The same by a mapping of models."""
    began, models = process_time(), dict[float, Any]()
    for x, label in zip(X, y.tolist()):
        own = models.get(x[0])
        if own is None:
            own = models[x[0]] = model.clone()
        own.predict_one(x[1:])
        own.fit_one(x[1:], label)
    return len(X) / (process_time() - began)


def resident() -> float:
    """Megabytes that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Rows of the long runs.")
@click.option("--keys", default=100_000, show_default=True, help="Different keys.")
@click.option("--megabytes", default=200, show_default=True, help="Room where it is short.")
@click.option("--seed", default=1, show_default=True, help="Of the rows.")
def main(rows: int, keys: int, megabytes: int, seed: int) -> None:
    """Measure one model a key."""
    figures: list[tuple[str, str]] = []
    models = {"naive Bayes": GaussianNB(), "network": MLPClassifier(hidden=(32,), seed=1)}
    for name, model in models.items():
        n = rows if name == "naive Bayes" else rows // 2
        X, y = stream(n, keys, seed)
        few = min(n, 20_000)
        limit = megabytes * 1_000_000
        Keyed(model).predict_fit_many(X[:100], y[:100])  # compiles
        with tempfile.TemporaryDirectory() as folder:
            short = Keyed(model, max_bytes=limit, folder=folder, max_keys=keys)
            pace, held = [], []
            for part in (slice(0, n // 2), slice(n // 2, n)):
                pace.append(by_chunk(short, X[part], y[part]))
                held.append(resident())
            told = f"{short.n_keys:,} keys, {short.nbytes / 1e6:,.0f} MB"
            even = Keyed(model, max_bytes=limit, folder=folder, max_keys=keys)
            evenly = by_chunk(even, *stream(n // 2, keys, seed, evenly=True))
        wide = Keyed(model, max_keys=keys)
        fast = by_chunk(wide, X, y)
        figures += [
            (f"{name}: rows/s (bar {BARS[name]:,})", f"{fast:,.0f}"),
            ("  its keys and size", f"{wide.n_keys:,}, {wide.nbytes / 1e6:,.0f} MB"),
            (f"  with {megabytes} MB of room: rows/s, first and second half",
             f"{pace[0]:,.0f}, {pace[1]:,.0f}"),
            ("    its keys and size", told),
            ("    the process after each half, MB", f"{held[0]:,.0f}, {held[1]:,.0f}"),
            ("    all keys alike: rows/s", f"{evenly:,.0f}"),
            ("  by event: events/s", f"{by_event(wide, X[:few], y[:few]):,.0f}"),
            ("  a mapping of models: events/s", f"{by_mapping(model, X[:few], y[:few]):,.0f}"),
        ]  # fmt: skip
    Console().print(figures_table(figures))


if __name__ == "__main__":
    main()
