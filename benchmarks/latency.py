"""One row at a time: microseconds of `predict_one` and `fit_one` together, 10 features.

`python -m benchmarks.latency FILE REPEATS` prints JSON. The model has learned the first half of the
rows before the clock starts; the loop over the rows is part of the time.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.streams import load
from onlineml import learners, transforms

#: Name -> (how to make it, what it predicts).
MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "NoChange": (lambda: learners.NoChangeClassifier(), "label"),
    "GaussianNB": (lambda: learners.GaussianNB(), "label"),
    "LogisticRegression": (lambda: learners.LogisticRegression(), "binary"),
    "SoftmaxRegression": (lambda: learners.SoftmaxRegression(), "label"),
    "PassiveAggressive": (lambda: learners.PassiveAggressiveClassifier(), "label"),
    "LinearRegression": (lambda: learners.LinearRegression(), "number"),
    "StandardScaler": (lambda: transforms.StandardScaler(), "nothing"),
    "kNN-1000": (lambda: learners.KNNClassifier(window_size=1000), "label"),
    "HoeffdingTree": (lambda: learners.HoeffdingTreeClassifier(), "label"),
    "HoeffdingTreeRegressor": (lambda: learners.HoeffdingTreeRegressor(), "number"),
}


def pairs(make: Callable[[], Any], X: Any, y: Any, *, dicts: bool, repeats: int) -> float:
    """Median microseconds of a pair of calls."""
    names = [f"x{j}" for j in range(X.shape[1])]
    half, times = len(X) // 2, []
    rows: list[Any] = [dict(zip(names, x, strict=True)) for x in X.tolist()] if dicts else list(X)
    targets = y.tolist()
    later = list(zip(rows[half:], targets[half:], strict=True))
    for _ in range(repeats):
        model = make()
        for x, target in zip(rows[:half], targets[:half], strict=True):
            model.fit_one(x, target)
        serve = model.predict_one if hasattr(model, "predict_one") else model.transform_one
        start = time.process_time()
        for x, target in later:
            serve(x)
            model.fit_one(x, target)
        times.append((time.process_time() - start) / len(later))
    return statistics.median(times) * 1e6


def main(path: str, repeats: str) -> None:
    X, y = load(Path(path))
    targets = {"label": y, "binary": y % 2, "number": X[:, 0] + X[:, 1] * X[:, 2], "nothing": y}
    found = {}
    for name, (make, target) in MODELS.items():
        try:
            make()
        except AttributeError:  # this version has no such model
            continue
        found[name] = {
            kind: pairs(make, X, targets[target], dicts=kind == "dict", repeats=int(repeats))
            for kind in ("array", "dict")
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
