"""The loops of river: by row, from the mappings that it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from river import linear_model, naive_bayes, neighbors, optim, preprocessing, tree

MODES = ("dicts",)
CLOCK = time.process_time


def _nearest() -> Any:
    engine = neighbors.LazySearch(window_size=1000)
    model = neighbors.KNNClassifier(n_neighbors=5, engine=engine, weighted=False)
    return preprocessing.StandardScaler() | model


def _softmax() -> Any:
    return preprocessing.StandardScaler() | linear_model.SoftmaxRegression(optim.SGD(0.01))


MODELS: dict[str, Callable[[], Any]] = {
    "HoeffdingTree": lambda: tree.HoeffdingTreeClassifier(
        grace_period=200, delta=1e-7, tau=0.05, leaf_prediction="nba"
    ),
    "GaussianNB": lambda: naive_bayes.GaussianNB(),
    "Softmax": _softmax,
    "kNN-1000": _nearest,
    "StandardScaler": lambda: preprocessing.StandardScaler(),
}


def loop(model: str, mode: str, X: Any, y: Any) -> Callable[[], float]:
    """What is timed: a new model over all rows; gives its accuracy (NaN for a transformer)."""
    names = [f"x{j}" for j in range(X.shape[1])]
    rows = [dict(zip(names, x, strict=True)) for x in X.tolist()]
    labels, make = y.tolist(), MODELS[model]
    if model == "StandardScaler":
        return lambda: _transform(make(), rows)
    return lambda: _predict(make(), rows, labels)


def _predict(model: Any, rows: Any, labels: Any) -> float:
    right = 0
    for x, label in zip(rows, labels, strict=True):
        right += model.predict_one(x) == label
        model.learn_one(x, label)
    return right / len(labels)


def _transform(model: Any, rows: Any) -> float:
    for x in rows:
        model.transform_one(x)
        model.learn_one(x)
    return float("nan")
