"""Streams with anomalies: generated, bundled with river, and from folders of ODDS and NAB."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SKIPPED = 1_000  # first rows of a long stream, which are not judged
ODDS_ROWS = 5_000  # most rows that are taken of an ODDS set


def clusters(
    n_rows: int, *, drift: bool, seed: int = 7, quiet: int | None = None
) -> tuple[Any, Any]:
    """A and B: three correlated clusters of ten features, 1 % anomalies of three kinds.

    40 % are uniform in the bounding box, 40 % have two features 2 to 3.5 deviations off, 20 %
    lie close together. B has other clusters from half way on. The first `quiet` rows, by default
    those that are not judged, hold no anomaly.
    """
    rng = np.random.default_rng(seed)
    first = min(SKIPPED, n_rows // 2) if quiet is None else quiet
    halves = [n_rows // 2, n_rows - n_rows // 2] if drift else [n_rows]
    X = np.concatenate([_blobs(rng, n) for n in halves])
    where = rng.choice(np.arange(first, n_rows), n_rows // 100, replace=False)
    uniform, shifted, close = np.split(where, [2 * len(where) // 5, 4 * len(where) // 5])
    low, high, deviation = X.min(0), X.max(0), X.std(0)
    X[uniform] = rng.uniform(low, high, (len(uniform), 10))
    for i in shifted:
        columns = rng.choice(10, 2, replace=False)
        X[i, columns] += rng.choice([-1, 1], 2) * rng.uniform(2, 3.5, 2) * deviation[columns]
    X[close] = rng.uniform(low, high) + 0.02 * (high - low) * rng.normal(size=(len(close), 10))
    return scaled(X), _labels(n_rows, where)


def _blobs(rng: np.random.Generator, n: int) -> Any:
    centers, turns = 3.0 * rng.normal(size=(3, 10)), rng.normal(size=(3, 10, 10)) / np.sqrt(10)
    which = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    return centers[which] + np.einsum("nij,nj->ni", turns[which], rng.normal(size=(n, 10)))


def seasonal(n_rows: int) -> tuple[Any, Any]:
    """U: a sine of period 48, a weak one of 336, noise, and 1 % spikes of 0.5 to 1.5."""
    rng, t = np.random.default_rng(11), np.arange(n_rows)
    values = np.sin(2 * np.pi * t / 48) + 0.3 * np.sin(2 * np.pi * t / 336)
    values += rng.normal(0, 0.1, n_rows)
    where = rng.choice(np.arange(min(SKIPPED, n_rows // 2), n_rows), n_rows // 100, replace=False)
    values[where] += rng.choice([-1, 1], len(where)) * rng.uniform(0.5, 1.5, len(where))
    return scaled(values[:, None]), _labels(n_rows, where)


def shuttle(n_rows: int) -> tuple[Any, Any]:
    """S: the first rows of Shuttle as it comes with river."""
    from onlineml.datasets import load

    chunks = list(load("shuttle").take(n_rows).chunks(10_000))
    X, y = (np.concatenate([np.asarray(chunk[k]) for chunk in chunks]) for k in (0, 1))
    return scaled(X), (y == max(y)).astype(int)


#: Name -> the stream, for a number of rows.
GENERATED: dict[str, Callable[[int], tuple[Any, Any]]] = {
    "A": lambda n_rows: clusters(n_rows, drift=False),
    "B": lambda n_rows: clusters(n_rows, drift=True),
    "U": seasonal,
    "S": lambda n_rows: shuttle(min(n_rows, 10_000)),
}


def real(folder: Path, n_rows: int) -> dict[str, tuple[Any, Any]]:
    """The sets of a folder in their order, scaled; of each, rows from where anomalies are.

    Of a longer set these are `n_rows` that end a quarter of that number after its first anomaly.
    """
    found = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as content:
            X, y = content["X"].astype(float), content["y"].astype(int)
        last = max(int(y.argmax()) + n_rows // 4, n_rows)
        rows = slice(max(min(last, len(X)) - n_rows, 0), min(last, len(X)))
        found[path.stem] = scaled(X[rows]), y[rows]
    return found


def odds(folder: Path) -> dict[str, tuple[Any, Any]]:
    """The sets of a folder: shuffled with seed 0, at most 5,000 rows, scaled."""
    from scipy.io import loadmat

    found = {}
    for path in sorted(folder.glob("*.mat")):
        content = loadmat(path)
        X, y = content["X"].astype(float), content["y"].ravel().astype(int)
        order = np.random.default_rng(0).permutation(len(X))[:ODDS_ROWS]
        found[path.stem] = scaled(X[order]), y[order]
    return found


def nab(folder: Path) -> list[tuple[Any, list[tuple[int, int]]]]:
    """Series of the Numenta benchmark, each with its windows as first and last row."""
    windows, found = json.loads((folder / "combined_windows.json").read_text()), []
    for path in sorted(folder.glob("*/*.csv.gz")):
        with gzip.open(path, "rt") as file:
            rows = list(csv.DictReader(file))
        times = [row["timestamp"] for row in rows]
        values = np.array([float(row["value"]) for row in rows])
        spans = windows[f"{path.parent.name}/{path.name.removesuffix('.gz')}"]
        first_last = [tuple(times.index(edge.partition(".")[0]) for edge in span) for span in spans]
        found.append((values, first_last))
    return found


def scaled(X: Any) -> Any:
    """Each feature between 0 and 1."""
    low, high = X.min(0), X.max(0)
    return np.ascontiguousarray((X - low) / np.where(high > low, high - low, 1.0))


def _labels(n_rows: int, where: Any) -> Any:
    labels = np.zeros(n_rows, int)
    labels[where] = 1
    return labels
