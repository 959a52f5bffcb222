"""The loops of this library: in chunks, by row from arrays, by row from mappings."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from onlineml import learners, transforms
from onlineml.graph import chain

MODES = ("chunks", "rows", "dicts")
CLOCK = time.process_time
CHUNK = 10_000

MODELS: dict[str, Callable[[], Any]] = {
    "HoeffdingTree": lambda: learners.HoeffdingTreeClassifier(),
    "GaussianNB": lambda: learners.GaussianNB(),
    # without an intercept, as river's: where classes overlap much, it costs accuracy (the likelier
    # model is not the more accurate one), elsewhere it pays
    "Softmax": lambda: chain(
        transforms.StandardScaler(), learners.SoftmaxRegression(intercept=False)
    ),
    # votes count alike, as MOA's do
    "kNN-1000": lambda: learners.KNNClassifier(window_size=1000, weights="uniform"),
    "StandardScaler": lambda: transforms.StandardScaler(),
}


def loop(model: str, mode: str, X: Any, y: Any) -> Callable[[], float]:
    """What is timed: a new model over all rows; gives its accuracy (NaN for a transformer)."""
    make = MODELS[model]
    rows = list(X)
    if mode == "dicts":
        names = [f"x{j}" for j in range(X.shape[1])]
        rows = [dict(zip(names, x, strict=True)) for x in X.tolist()]
    labels = y.tolist()
    if model == "StandardScaler":
        work = {"chunks": _transform_chunks, "rows": _transform, "dicts": _transform}[mode]
        return lambda: work(make(), X if mode == "chunks" else rows)
    if mode == "chunks":
        return lambda: _predict_chunks(make(), X, y)
    return lambda: _predict(make(), rows, labels)


def _predict_chunks(model: Any, X: Any, y: Any) -> float:
    right = 0
    for i in range(0, len(X), CHUNK):
        truth = y[i : i + CHUNK]
        right += np.count_nonzero(model.predict_fit_many(X[i : i + CHUNK], truth) == truth)
    return right / len(X)


def _predict(model: Any, rows: Any, labels: Any) -> float:
    right = 0
    for x, label in zip(rows, labels, strict=True):
        right += model.predict_one(x) == label
        model.fit_one(x, label)
    return right / len(labels)


def _transform_chunks(model: Any, X: Any) -> float:
    for i in range(0, len(X), CHUNK):
        model.transform_fit_many(X[i : i + CHUNK])
    return float("nan")


def _transform(model: Any, rows: Any) -> float:
    for x in rows:
        model.transform_one(x)
        model.fit_one(x)
    return float("nan")
