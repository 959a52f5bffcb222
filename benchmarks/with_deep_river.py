"""deep-river on rows from files: run by the Python of an environment of its own.

It pins older versions of river and torch than ours, so this file loads nothing of ours.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from deep_river.classification import Classifier  # type: ignore[import-not-found,unused-ignore]

FEW = 2_000  # rows that are timed


def made(file: Any, rate: float) -> Any:
    """A classifier with the first weights of the file, told all classes beforehand."""
    hidden, n_features = file["weight"].shape
    n_classes = int(file["n_classes"])
    net = torch.nn.Sequential(
        torch.nn.Linear(n_features, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, n_classes)
    )
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor(file["weight"]))
        for part in (net[0].bias, net[2].weight, net[2].bias):
            part.zero_()
    model = Classifier(module=net, loss_fn="cross_entropy", optimizer_fn="adam", lr=rate)
    model.observed_classes.update(range(n_classes))
    return model


def run(model: Any, rows: list[dict[str, float]], labels: list[int]) -> int:
    """Right answers, one before each row is learned."""
    n_right = 0
    for x, label in zip(rows, labels):
        n_right += model.predict_one(x) == label
        model.learn_one(x, label)
    return n_right


def main(rate: str, repeats: str, *paths: str) -> None:
    """Rows per CPU-second on the first file, and the accuracy on each."""
    torch.set_num_threads(1)
    streams = []
    for path in paths:
        with np.load(path) as file:
            names = [f"x{j}" for j in range(file["X"].shape[1])]
            rows = [dict(zip(names, x)) for x in file["X"].tolist()]
            streams.append((dict(file), rows, file["y"].tolist()))
    file, rows, labels = streams[0]
    run(made(file, float(rate)), rows[:200], labels[:200])  # warms up
    taken = []
    for _ in range(int(repeats)):
        model, began = made(file, float(rate)), time.process_time()
        run(model, rows[:FEW], labels[:FEW])
        taken.append((time.process_time() - began) / len(rows[:FEW]))
    accuracies = [
        run(made(file, float(rate)), rows, labels) / len(rows) for file, rows, labels in streams
    ]
    names = ("deep-river", "river", "torch")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    speed = 1.0 / sorted(taken)[len(taken) // 2]
    print(json.dumps({"versions": versions, "speed": speed, "accuracies": accuracies}))


if __name__ == "__main__":
    main(*sys.argv[1:])
