"""Torch learners on this machine's devices: `python -m benchmarks.gpu --help`.

First that a GPU says what the CPU says, then what a row costs: one by one, in batches, beside bare
torch and the compiled networks. Without a GPU, what can be measured on the CPU is.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np
from rich.console import Console

from benchmarks.report import figures_table
from onlineml.detectors import TorchAutoencoder
from onlineml.learners import (
    MLPClassifier,
    TorchClassifier,
    TorchRegressor,
    TorchSequenceClassifier,
    TorchSequenceRegressor,
)

_CLOSE = 1e-4


def data(n_rows: int, n_features: int) -> tuple[Any, Any]:
    """Rows, and two classes that a small network learns."""
    X = np.random.default_rng(0).normal(size=(n_rows, n_features))
    return X, (X[:, 0] * X[:, 1] > 0).astype(np.int64)


def devices() -> list[str]:
    """The devices that torch can use here."""
    import torch

    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def differences() -> list[tuple[str, str]]:
    """How far the GPU's answers lie from the CPU's after the same rows."""
    X, y = data(500, 20)
    found = []
    models: list[Any] = [kind(batch_size=8) for kind in (TorchClassifier, TorchRegressor)]
    models += [TorchAutoencoder(batch_size=8), TorchSequenceClassifier(), TorchSequenceRegressor()]
    for model in models:
        answers = [
            np.asarray(_answers(model.clone().set_params(device=d, seed=1).fit_many(X, y), X))
            for d in ("cpu", "cuda")
        ]
        gap = float(np.abs(answers[0] - answers[1]).max())
        found.append((f"{type(model).__name__}: GPU against CPU", f"{gap:.1e}"))
        if gap > _CLOSE:
            raise SystemExit(
                f"{type(model).__name__}: {gap:.1e} apart, at most {_CLOSE:.0e} is allowed"
            )
    return found


def _answers(model: Any, X: Any) -> Any:
    verbs = "predict_proba_many", "predict_many", "score_many"
    return next(getattr(model, verb) for verb in verbs if hasattr(model, verb))(X)


def seconds_a_row(work: Callable[[], int], repeats: int) -> float:
    """Median seconds on the wall a row, after a first run."""
    work()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        n = work()
        taken.append((time.perf_counter() - began) / n)
    return statistics.median(taken)


def by_row(model: Any, X: Any, y: Any) -> Callable[[], int]:
    """Predict, then learn, row by row."""

    def work() -> int:
        for x, label in zip(X, y):
            model.predict_one(x)
            model.fit_one(x, label)
        return len(X)

    return work


def bare(X: Any, y: Any, hidden: int, device: str) -> Callable[[], int]:
    """The same in torch alone: one answer and one step a row."""
    import torch

    net = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 2)
    ).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    rows, labels = X.astype(np.float32), y.reshape(-1, 1)

    def work() -> int:
        for i in range(len(rows)):
            x, label = torch.from_numpy(rows[i : i + 1]).to(device), torch.from_numpy(labels[i])
            with torch.inference_mode():
                int(net(x).argmax())
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x), label.to(device)).backward()
            optimizer.step()
        return len(rows)

    return work


def speeds(rows: int, repeats: int, hidden: int) -> list[tuple[str, str]]:
    """Microseconds a row, by device and by batch."""
    X, y = data(rows, 20)
    found = []
    compiled = seconds_a_row(by_row(MLPClassifier(hidden=(hidden,), seed=1), X, y), repeats)
    found.append(("compiled network, by row, CPU", f"{1e6 * compiled:,.1f} us"))
    for device in devices():
        alone = seconds_a_row(bare(X, y, hidden, device), repeats)
        model = TorchClassifier(hidden=(hidden,), device=device, seed=1)
        ours = seconds_a_row(by_row(model, X, y), repeats)
        found.append((f"bare torch, by row, {device}", f"{1e6 * alone:,.1f} us"))
        words = f"{1e6 * ours:,.1f} us, {ours / alone:.2f}x bare"
        found.append((f"TorchClassifier, by row, {device}", words))
        for batch in (32, 256):
            model = TorchClassifier(hidden=(hidden,), batch_size=batch, device=device, seed=1)
            many = np.tile(X, (4, 1)), np.tile(y, 4)

            def work(model: Any = model, many: Any = many) -> int:
                model.predict_fit_many(*many)
                return len(many[0])

            taken = seconds_a_row(work, repeats)
            found.append((f"  steps of {batch} rows, {device}", f"{1e6 * taken:,.2f} us a row"))
    return found


@click.command()
@click.option("--rows", default=1_000, show_default=True, help="Rows of a run.")
@click.option("--repeats", default=3, show_default=True, help="Runs of each; the median counts.")
@click.option("--hidden", default=64, show_default=True, help="Units of the hidden layer.")
@click.option("--threads", default=1, show_default=True, help="Of torch on the CPU.")
def main(rows: int, repeats: int, hidden: int, threads: int) -> None:
    """Check the GPU against the CPU, then time the learners on both."""
    import torch

    torch.set_num_threads(threads)
    console = Console()
    if torch.cuda.is_available():
        console.print(f"GPU: {torch.cuda.get_device_name()}")
        console.print(figures_table(differences()))
    else:
        console.print("No GPU here: it would be checked against the CPU, then timed beside it.")
    console.print(figures_table(speeds(rows, repeats, hidden)))


if __name__ == "__main__":
    main()
