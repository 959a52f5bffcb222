"""The rows that everybody gets: SEA, Agrawal and RBF, written to a folder once.

MOA's generators make them where Java is there, ours where it is not; the file's name tells.
`python -m benchmarks.streams STREAM ROWS FILE SEED` writes one.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import fresh

#: Name -> what it is; all features are handed over as numbers.
STREAMS = {
    "sea": "SEA, function 1, 10 % noise: 3 features, 2 classes",
    "agr": "Agrawal, function 5, perturbation 0.05: 9 features, 2 classes",
    "rbf": "random RBF, 50 centroids: 10 features, 5 classes",
}


def why_no_java() -> str | None:
    """What is missing for CapyMOA to run; None where nothing is."""
    if importlib.util.find_spec("capymoa") is None:
        return "CapyMOA is not installed (pip install 'onlineml[peers]', or `make bench`)"
    if shutil.which("java") is None:
        return "there is no `java` on the path (CapyMOA needs Java 17 or newer)"
    return None


def rows_file(name: str, n_rows: int, folder: Path, *, java: bool, seed: int = 1) -> Path:
    """The file with `n_rows` rows of stream `name`, written first if need be."""
    stem = f"{'moa' if java else 'onlineml'}-{name}-{n_rows}"
    path = folder / (f"{stem}.npz" if seed == 1 else f"{stem}-seed{seed}.npz")
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fresh("benchmarks.streams", name, n_rows, path, seed)
    return path


def load(path: Path) -> tuple[Any, Any]:
    """`X` and `y` of a file."""
    with np.load(path) as file:
        return file["X"], file["y"]


def from_moa(name: str, n_rows: int, seed: int = 1) -> tuple[Any, Any]:
    """Rows of MOA's generator."""
    from capymoa.stream import generator

    stream = {
        "sea": lambda: generator.SEA(seed, function=1, noise_percentage=10),
        "agr": lambda: generator.AgrawalGenerator(
            seed, classification_function=5, peturbation=0.05
        ),
        "rbf": lambda: generator.RandomRBFGenerator(seed, seed, number_of_classes=5),
    }[name]().moa_stream
    rows = np.array([stream.nextInstance().getData().toDoubleArray() for _ in range(n_rows)])
    return np.ascontiguousarray(rows[:, :-1]), rows[:, -1].astype(np.int64)


def from_ours(name: str, n_rows: int, seed: int = 1) -> tuple[Any, Any]:
    """Rows of our generator."""
    from onlineml import datasets

    stream = {
        "sea": lambda: datasets.SEA(noise=0.1, seed=seed),
        "agr": lambda: datasets.Agrawal(function=5, perturbation=0.05, seed=seed),
        "rbf": lambda: datasets.RandomRBF(n_classes=5, n_features=10, n_centroids=50, seed=seed),
    }[name]()
    chunks = list(stream.take(n_rows).chunks(10_000))
    y = np.concatenate([np.asarray(chunk.y) for chunk in chunks])
    return np.concatenate([chunk.X for chunk in chunks]), y.astype(np.int64)


def main(name: str, n_rows: str, path: str, seed: str = "1") -> None:
    make = from_moa if Path(path).name.startswith("moa-") else from_ours
    X, y = make(name, int(n_rows), int(seed))
    np.savez(path, X=X, y=y)
    print(json.dumps({"rows": len(X)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
