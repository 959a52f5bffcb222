"""Recurrent learners of torch beside bare torch: `python -m benchmarks.sequences --help`.

Row by row on one thread of the CPU, the same networks: an answer to every row, and a step down the
gradient through the last 16 rows after every 16.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np
from rich.console import Console

from benchmarks.report import figures_table
from onlineml.learners import TorchSequenceClassifier
from onlineml.nn.cells import recurrent

_WINDOW, _HIDDEN, _RATE, _NORM = 16, 32, 0.01, 1.0


def data(n_rows: int, n_features: int) -> tuple[Any, Any]:
    """Rows whose class depends on the row before, too."""
    X = np.random.default_rng(0).normal(size=(n_rows, n_features))
    return X, (X[:, 0] * np.roll(X[:, 1], 1) > 0).astype(np.int64)


def bare(X: Any, y: Any, cell: str) -> Callable[[], None]:
    """The work in torch alone."""
    import torch

    net = recurrent(cell, X.shape[1], _HIDDEN, 2)
    optimizer, weights = torch.optim.Adam(net.parameters(), lr=_RATE), list(net.parameters())
    rows, labels = torch.from_numpy(X.astype(np.float32)), torch.from_numpy(y)

    def work() -> None:
        start, state = None, None
        for i in range(len(rows)):
            with torch.inference_mode():
                outputs, state = net(rows[i : i + 1], state)
                int(outputs.argmax())
            if (i + 1) % _WINDOW == 0:
                window = slice(i + 1 - _WINDOW, i + 1)
                outputs, state = net(rows[window], start)
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(outputs, labels[window]).backward()
                torch.nn.utils.clip_grad_norm_(weights, _NORM)
                optimizer.step()
                alone = isinstance(state, torch.Tensor)
                state = state.detach() if alone else tuple(part.detach() for part in state)
                start = state

    return work


def ours(X: Any, y: Any, cell: str) -> Callable[[], None]:
    """The same by a learner."""
    model, labels = TorchSequenceClassifier(cell=cell, truncation=_WINDOW, seed=1), y.tolist()

    def work() -> None:
        for x, label in zip(X, labels):
            model.predict_one(x)
            model.fit_one(x, label)

    return work


def least(works: list[Callable[[], None]], repeats: int) -> list[float]:
    """CPU-seconds of the quickest run of each, after a first one; they take turns."""
    for work in works:
        work()
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for work, times in zip(works, taken):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
    return [min(times) for times in taken]


@click.command()
@click.option("--rows", default=1_000, show_default=True, help="Rows of a run.")
@click.option("--repeats", default=7, show_default=True, help="Runs; the quickest counts.")
def main(rows: int, repeats: int) -> None:
    """Time the three cells both ways."""
    import torch

    torch.set_num_threads(1)
    X, y = data(rows, 20)
    found = []
    for cell in ("gru", "lstm", "ssm"):
        seconds = least([bare(X, y, cell), ours(X, y, cell)], repeats)
        theirs, own = (1e6 * s / rows for s in seconds)
        words = f"{theirs:,.0f} us -> {own:,.0f} us, {own / theirs:.2f}x"
        found.append((f"{cell}, a row: bare torch -> ours", words))
    Console().print(figures_table(found))


if __name__ == "__main__":
    main()
