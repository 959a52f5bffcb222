"""Networks learned row by row beside torch and deep-river: `python -m benchmarks.neural --help`."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.measure import MeasurementError, fresh, timed

RATE = 0.005
FEW = 5_000  # rows that slow systems are timed on
Rows = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
#: What is measured, in the order of the table. The first is what all others are compared with.
BARE = "torch: a pass and a step"
SYSTEMS = (
    BARE,
    "torch: an answer, then a step",
    "the same, fused Adam",
    "deep-river",
    "TorchClassifier, any module",
    "TorchClassifier, layers only",
    "MLPClassifier",
    "MLPClassifier, one call",
)


class Size(NamedTuple):
    """Widths of a network with one hidden layer."""

    n_features: int
    hidden: int
    n_classes: int

    def __str__(self) -> str:
        return f"{self.n_features}-{self.hidden}-{self.n_classes}"


SIZES = (Size(10, 32, 5), Size(64, 64, 8))


def stream(size: Size, n_rows: int, seed: int) -> tuple[Rows, Labels]:
    """Rows of a radial basis function stream, standardized by those before; labels 0, 1, ..."""
    from onlineml.datasets import load
    from onlineml.transforms import StandardScaler

    source = load("random_rbf", seed=seed, n_features=size.n_features, n_classes=size.n_classes)
    (chunk,) = source.take(n_rows).chunks(n_rows)
    X = StandardScaler().transform_fit_many(chunk.X)
    return np.clip(X, -10.0, 10.0), np.unique(chunk.y, return_inverse=True)[1]


def made(size: Size, seed: int, rate: float = RATE) -> Any:
    """Our compiled network."""
    from onlineml.learners import MLPClassifier

    return MLPClassifier(hidden=(size.hidden,), learning_rate=rate, seed=seed)


def first_weights(size: Size, seed: int, x: Rows) -> Rows:
    """The very first weights of ours, `(hidden, n_features)`; all others begin at 0."""
    still = made(size, seed, rate=1e-300).fit_one(x, 0)  # draws weights, and does not move them
    drawn: Rows = still.weights_[: size.n_features * size.hidden]
    return drawn.reshape(size.n_features, size.hidden).T


# ------------------------------------------------------------------------------- ways to run


def by_row(model: Any, X: Rows, y: Labels) -> float:
    """Accuracy of two calls a row."""
    n_right, predict, fit = 0, model.predict_one, model.fit_one
    for x, label in zip(list(X), y.tolist()):
        n_right += predict(x) == label
        fit(x, label)
    return n_right / len(X)


def by_torch(size: Size, X: Rows, y: Labels, seed: int, *, apart: bool, fused: bool) -> float:
    """Accuracy of the plain loop; where `apart`, the answer has a pass of its own."""
    import torch

    net = torch.nn.Sequential(
        torch.nn.Linear(size.n_features, size.hidden), torch.nn.ReLU(),
        torch.nn.Linear(size.hidden, size.n_classes),
    )  # fmt: skip
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor(first_weights(size, seed, X[0])))
        for part in (net[0].bias, net[2].weight, net[2].bias):
            part.zero_()
    descent = torch.optim.Adam(net.parameters(), lr=RATE, fused=fused)
    loss = torch.nn.CrossEntropyLoss()
    rows, labels = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    n_right = 0
    for i in range(len(X)):
        if apart:
            with torch.inference_mode():
                n_right += int(net(rows[i : i + 1]).argmax()) == int(y[i])
        scores = net(rows[i : i + 1])
        if not apart:
            n_right += int(scores.argmax()) == int(y[i])
        descent.zero_grad()
        loss(scores, labels[i : i + 1]).backward()
        descent.step()
    return n_right / len(X)


def torch_learner(size: Size, seed: int, *, any_module: bool) -> Any:
    """Our classifier around a torch module: of the user's kind, or nothing but layers."""
    import torch

    from onlineml.learners import TorchClassifier

    class Net(torch.nn.Module):
        def __init__(self, n_inputs: int, n_outputs: int) -> None:
            super().__init__()
            self.hidden = torch.nn.Linear(n_inputs, size.hidden)
            self.last = torch.nn.Linear(size.hidden, n_outputs)

        def forward(self, rows: Any) -> Any:
            return self.last(torch.relu(self.hidden(rows)))

    module = Net if any_module else None
    return TorchClassifier(module=module, hidden=(size.hidden,), learning_rate=RATE, seed=seed)


def way(system: str, size: Size) -> Callable[[Rows, Labels, int], float]:
    """What runs a system over rows, by a seed: its accuracy."""
    if system == "MLPClassifier":
        return lambda X, y, seed: by_row(made(size, seed), X, y)
    if system == "MLPClassifier, one call":
        return lambda X, y, seed: float((made(size, seed).predict_fit_many(X, y) == y).mean())
    if system.startswith("TorchClassifier"):
        free = system.endswith("any module")
        return lambda X, y, seed: by_row(torch_learner(size, seed, any_module=free), X, y)
    apart, fused = system != BARE, system.endswith("fused Adam")
    return lambda X, y, seed: by_torch(size, X, y, seed, apart=apart, fused=fused)


def measured(system: str, size: Size, n_rows: int, seeds: int, repeats: int) -> dict[str, Any]:
    """Rows per CPU-second on one thread, and accuracies."""
    import torch

    torch.set_num_threads(1)
    run, (X, y) = way(system, size), stream(size, n_rows, 0)
    n = n_rows if system.startswith("MLP") else min(n_rows, FEW)
    run(X[:300], y[:300], 0)  # compiles, warms up
    cpu, _, _ = timed(lambda: run(X[:n], y[:n], 0), repeats)
    accuracies = [run(*stream(size, n_rows, seed), seed) for seed in range(seeds)]
    return {"speed": n / statistics.median(cpu), "accuracies": accuracies}


def of_deep_river(python: str, n_rows: int, seeds: int, repeats: int) -> list[dict[str, Any]]:
    """What the Python of another environment measures, on the same rows, by size."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            paths = [Path(folder) / f"{size}-{seed}.npz" for seed in range(seeds)]
            for seed, path in enumerate(paths):
                X, y = stream(size, n_rows, seed)
                weight = first_weights(size, seed, X[0])
                np.savez(path, X=X, y=y, weight=weight, n_classes=size.n_classes)
            found.append(fresh("benchmarks.with_deep_river", RATE, repeats, *paths, python=python))
    return found


# ------------------------------------------------------------------------------- what is shown


def table(results: dict[str, list[dict[str, Any]]]) -> Table:
    """One line a size and system."""
    shown = Table(title="Predict, then one step of Adam, row by row, on one thread")
    columns = ("k rows/CPU-s", "us a row", "x bare torch", "x deep-river", "accuracy")
    shown.add_column("network")
    shown.add_column("system")
    for name in columns:
        shown.add_column(name, justify="right")
    for place, size in enumerate(SIZES):
        for system in SYSTEMS:
            if system not in results:
                continue
            run = results[system][place]
            speed, cells = run["speed"], []
            for peer in (BARE, "deep-river"):
                base = results[peer][place]["speed"] if peer in results else None
                cells.append(f"{speed / base:.2f}" if base else "")
            accuracy = f"{100 * statistics.mean(run['accuracies']):.2f}"
            numbers = f"{speed / 1e3:.2f}", f"{1e6 / speed:.1f}"
            shown.add_row(str(size), system, *numbers, *cells, accuracy)
        shown.add_section()
    return shown


@click.command()
@click.option("--rows", default=20_000, show_default=True, help="Length of each stream.")
@click.option("--seeds", default=3, show_default=True, help="Streams for the accuracy.")
@click.option("--repeats", default=3, show_default=True, help="Runs of each; the median counts.")
@click.option(
    "--deep-river", metavar="PYTHON", help="Python of an environment that has deep-river."
)
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for all figures.")
@click.option("--only", type=click.Choice(SYSTEMS), help="Print JSON of one (used inside).")
def main(
    rows: int, seeds: int, repeats: int, deep_river: str | None, out: Path | None, only: str | None
) -> None:
    """Measure networks 10-32-5 and 64-64-8: same rows, one thread.

    All have the same first weights but our torch learners, which draw theirs, and standardize rows
    as they would for a user.
    """
    if only:
        results = [measured(only, size, rows, seeds, repeats) for size in SIZES]
        print(json.dumps({"results": results}))
        return
    console, by_system = Console(width=120), {}
    arguments = ("--rows", rows, "--seeds", seeds, "--repeats", repeats)
    if deep_river:  # first, as it may not be there
        try:
            by_system["deep-river"] = of_deep_river(deep_river, rows, seeds, repeats)
        except (MeasurementError, OSError) as error:
            raise click.ClickException(f"deep-river by {deep_river}: {error}") from None
    for system in SYSTEMS:
        if system != "deep-river":
            found = fresh("benchmarks.neural", *arguments, "--only", system)
            by_system[system] = found["results"]
    console.print(table(by_system))
    if deep_river:
        console.print(f"beside {by_system['deep-river'][0]['versions']}")
    else:
        console.print("deep-river is left out: name the Python that has it with --deep-river")
    if out:
        out.write_text(json.dumps(by_system, indent=1))


if __name__ == "__main__":
    main()
