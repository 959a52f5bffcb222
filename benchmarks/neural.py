"""Networks learned row by row beside torch: `python -m benchmarks.neural --help`."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.measure import fresh, timed

SYSTEMS = ("onlineml", "torch")
RATE = 0.005
Rows = npt.NDArray[np.float64]


class Size(NamedTuple):
    """Widths of a network with one hidden layer."""

    n_features: int
    hidden: int
    n_classes: int


SIZES = (Size(10, 32, 5), Size(64, 64, 8))


def stream(size: Size, n_rows: int, seed: int) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Rows of a radial basis function stream, standardized by those before; labels 0, 1, ..."""
    from onlineml.datasets import load
    from onlineml.transforms import StandardScaler

    source = load("random_rbf", seed=seed, n_features=size.n_features, n_classes=size.n_classes)
    (chunk,) = source.take(n_rows).chunks(n_rows)
    X = StandardScaler().transform_fit_many(chunk.X)
    return np.clip(X, -10.0, 10.0), np.unique(chunk.y, return_inverse=True)[1]


def made(size: Size, seed: int, rate: float = RATE) -> Any:
    """Our network."""
    from onlineml.learners import MLPClassifier

    return MLPClassifier(hidden=(size.hidden,), learning_rate=rate, seed=seed)


def ours(size: Size, n_rows: int, seeds: int, repeats: int) -> dict[str, Any]:
    """Rows per CPU-second, in one call and by two calls a row, and accuracies."""
    X, y = stream(size, n_rows, 0)
    made(size, 0).predict_fit_many(X[:100], y[:100])  # compiles
    chunks, _, _ = timed(lambda: made(size, 0).predict_fit_many(X, y), repeats)
    rows, labels = list(X), y.tolist()

    def by_row() -> None:
        model = made(size, 0)
        predict, fit = model.predict_one, model.fit_one
        for x, label in zip(rows, labels):
            predict(x)
            fit(x, label)

    calls, _, _ = timed(by_row, repeats)
    accuracies = []
    for seed in range(seeds):
        X, y = stream(size, n_rows, seed)
        accuracies.append(float((made(size, seed).predict_fit_many(X, y) == y).mean()))
    rates = {"chunk": n_rows / statistics.median(chunks), "row": n_rows / statistics.median(calls)}
    return {"rates": rates, "accuracies": accuracies}


def torch_net(size: Size, seed: int, x: Rows, label: int) -> Any:
    """A torch network with the very first weights of ours."""
    import torch

    still = made(size, seed, rate=1e-300).fit_one(x, label)  # draws weights, and does not move them
    inputs, hidden, outputs = size
    net = torch.nn.Sequential(
        torch.nn.Linear(inputs, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, outputs)
    )
    first = still.weights_[: inputs * hidden].reshape(inputs, hidden).T
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor(first))
        for part in (net[0].bias, net[2].weight, net[2].bias):
            part.zero_()
    return net


def torch_run(size: Size, X: Rows, y: npt.NDArray[np.int64], seed: int) -> float:
    """Accuracy of the plain loop: one forward pass a row, whose answer counts, then one step."""
    import torch

    net = torch_net(size, seed, X[0], 0)
    descent = torch.optim.Adam(net.parameters(), lr=RATE)
    loss = torch.nn.CrossEntropyLoss()
    rows, labels = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    n_right = 0
    for i in range(len(X)):
        scores = net(rows[i : i + 1])
        n_right += int(scores.argmax()) == int(y[i])
        descent.zero_grad()
        loss(scores, labels[i : i + 1]).backward()
        descent.step()
    return n_right / len(X)


def theirs(size: Size, n_rows: int, seeds: int, repeats: int) -> dict[str, Any]:
    """Rows per CPU-second and accuracies of torch, eager, on one thread."""
    import torch

    torch.set_num_threads(1)
    X, y = stream(size, n_rows, 0)
    torch_run(size, X[:200], y[:200], 0)  # warms up
    few = min(n_rows, 5_000)
    cpu, _, _ = timed(lambda: torch_run(size, X[:few], y[:few], 0), repeats)
    accuracies = [torch_run(size, *stream(size, n_rows, seed), seed) for seed in range(seeds)]
    return {"rates": {"row": few / statistics.median(cpu)}, "accuracies": accuracies}


RUNS = {"onlineml": ours, "torch": theirs}


def table(results: dict[str, list[dict[str, Any]]]) -> Table:
    """One line a size."""
    shown = Table(title="Predict, then one step of Adam, row by row; thousand rows per CPU-second")
    columns = ("network", "torch", "ours, a call a row", "x", "ours, one call", "x")
    for name in (*columns, "accuracy, torch", "ours"):
        shown.add_column(name, justify="right")
    for size, one, other in zip(SIZES, results["onlineml"], results["torch"]):
        base = other["rates"]["row"]
        cells = [f"{base / 1e3:.2f}"]
        for way in ("row", "chunk"):
            cells += [f"{one['rates'][way] / 1e3:.0f}", f"{one['rates'][way] / base:.0f}"]
        means = (100 * statistics.mean(result["accuracies"]) for result in (other, one))
        shown.add_row("-".join(map(str, size)), *cells, *(f"{mean:.2f}" for mean in means))
    return shown


@click.command()
@click.option("--rows", default=20_000, show_default=True, help="Length of each stream.")
@click.option("--seeds", default=3, show_default=True, help="Streams for the accuracy.")
@click.option("--repeats", default=3, show_default=True, help="Runs of each; the median counts.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
@click.option("--only", help="SYSTEM: measure one system here, print JSON (used inside).")
def main(rows: int, seeds: int, repeats: int, out: Path | None, only: str | None) -> None:
    """Measure networks 10-32-5 and 64-64-8: same rows, same first weights, one thread."""
    if only:
        results = [RUNS[only](size, rows, seeds, repeats) for size in SIZES]
        print(json.dumps({"results": results}))
        return
    arguments = ("--rows", rows, "--seeds", seeds, "--repeats", repeats)
    by_system = {
        system: fresh("benchmarks.neural", *arguments, "--only", system)["results"]
        for system in SYSTEMS
    }
    Console(width=120).print(table(by_system))
    if out:
        out.write_text(json.dumps(by_system, indent=1))


if __name__ == "__main__":
    main()
