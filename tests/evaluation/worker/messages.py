"""Messages for tests of the worker, and what a checkpoint holds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from onlineml.persistence import dumps, load_all

NAMES = ("a", "b", "c")
#: Of processes that import tests.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}


def rows(seed: int, n: int, n_classes: int = 2) -> tuple[np.ndarray, list[Any]]:
    """Rows of three numbers, and labels that depend on them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    score = X @ [1.0, -2.0, 0.5] + rng.normal(0, 0.5, n)
    y = np.clip(np.floor((score + 2) / 4 * n_classes), 0, n_classes - 1).astype(int)
    return X, y.tolist()


def sample(x: Any, y: Any = None, **more: Any) -> bytes:
    """A message of a sample."""
    plain: dict[str, Any] = {"x": dict(zip(NAMES, map(float, x)))}
    if y is not None:
        plain["y"] = y
    return json.dumps(plain | more).encode()


def samples(seed: int, n: int, **options: Any) -> list[bytes]:
    """Messages of samples with labels and ids."""
    X, y = rows(seed, n, **options)
    return [sample(x, label, id=i) for i, (x, label) in enumerate(zip(X, y))]


def label(row_id: Any, y: Any) -> bytes:
    """A message of a label."""
    return json.dumps({"id": row_id, "y": y}).encode()


def newest(folder: Path, number: int = 0) -> Any:
    """The checkpoint of a partition that counts."""
    path = max((folder / f"partition-{number:05d}").glob("[0-9]*/state.onl"))
    return load_all(path)


def state(folder: Path, number: int = 0) -> dict[str, Any]:
    """Everything in a checkpoint but the number of the worker's life, comparable by `==`."""
    saved = newest(folder, number)
    extra = {key: value for key, value in saved.extra.items() if key != "generation"}
    return plain({"model": dumps(saved.model), "extra": extra, "attached": saved.attached})


def plain(value: Any) -> Any:
    """Arrays as their bytes, so that `==` compares bits."""
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return "nan" if value != value else value
