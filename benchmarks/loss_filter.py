"""Accuracy for what a filter by loss spends: `python -m benchmarks.loss_filter --help`.

The same perceptron learns all rows, those that `LossFilter` lets by, or rows drawn at random that
cost as much. The unit of cost is the forward pass; a backward one counts two. Settings were chosen
on seeds 101 to 110.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.active_streams import split_of
from onlineml.learners import GaussianNB, LossFilter, MLPClassifier, SoftmaxRegression

STREAMS = ("digits, 4 times", "drift")
RANDOM = "  random, as dear"
_ROW = 3.0  # cost of a row that is learned: forward, and twice as much backward


class Outcome(NamedTuple):
    """Accuracy on unseen rows; forward and backward passes a row; what audits found missing."""

    test: float
    forward: float
    backward: float
    missed: float

    @property
    def cost(self) -> float:
        """Of all rows learned."""
        return (self.forward + 2.0 * self.backward) / _ROW


def filtered(data: Any, seed: int, foreteller: Any = None, missed: float = 0.0) -> Outcome:
    """One stage, or two. A row that is learned is run again by the base: two forward passes."""
    X, y, *unseen = data
    model = LossFilter(
        base=_perceptron(seed), foreteller=foreteller, missed=missed, seed=seed
    ).fit_many(X, y)
    told: Any = model.diagnostics()
    shares = told["row_shares"]
    run = 1.0 - shares["not run"]
    return Outcome(
        _accuracy(model, *unseen), run + shares["learned"], shares["learned"],
        told.get("missed_share", float("nan")),
    )  # fmt: skip


def drawn(data: Any, seed: int, share: float) -> Outcome:
    """Rows drawn at random, and no others."""
    X, y, *unseen = data
    rows = np.random.default_rng(seed).random(len(X)) < share
    model = _perceptron(seed).fit_many(X[rows], y[rows])
    return Outcome(_accuracy(model, *unseen), share, share, float("nan"))


FILTERS: dict[str, Callable[[Any, int], Outcome]] = {
    "above the mean": filtered,
    "foretold by naive Bayes, missed 0.1": lambda data, seed: filtered(
        data, seed, GaussianNB(), 0.1
    ),
    "foretold by softmax, missed 0.1": lambda data, seed: filtered(
        data, seed, SoftmaxRegression(), 0.1
    ),
    "foretold by softmax, missed 0.2": lambda data, seed: filtered(
        data, seed, SoftmaxRegression(), 0.2
    ),
}


def _perceptron(seed: int) -> MLPClassifier:
    return MLPClassifier(hidden=(64,), seed=seed)


def _accuracy(model: Any, X: Any, y: Any) -> float:
    return float((model.predict_many(X) == y).mean())


def _data(stream: str, seed: int) -> tuple[Any, Any, Any, Any]:
    split = split_of(stream.partition(",")[0], seed)
    order = np.arange(len(split.X))
    if stream == STREAMS[0]:
        random = np.random.default_rng(seed)
        order = np.concatenate([random.permutation(order) for _ in range(4)])
    return split.X[order], split.y[order], split.unseen, split.unseen_y


def outcomes(stream: str, seed: int) -> Iterator[tuple[str, Outcome]]:
    """All learned; each filter, and as dear a draw of rows beside it."""
    data = _data(stream, seed)
    yield "all", drawn(data, seed, 1.0)
    for name, kind in FILTERS.items():
        outcome = kind(data, seed)
        yield name, outcome
        yield f"{RANDOM}, {name}", drawn(data, seed, outcome.cost)


@click.command()
@click.option("--streams", default=STREAMS, multiple=True)
@click.option("--seeds", default=10)
@click.option("--first-seed", default=0)
def main(streams: tuple[str, ...], seeds: int, first_seed: int) -> None:
    """Accuracy on unseen rows, and what it cost, in shares of learning all rows."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("stream", "rows learned"):
        table.add_column(title)
    for title in ("test %", "sd", "forward", "backward", "cost", "missed"):
        table.add_column(title, justify="right")
    for stream in streams:
        found = [dict(outcomes(stream, s)) for s in range(first_seed, first_seed + seeds)]
        for name in found[0]:
            own = [f[name] for f in found]
            test = 100.0 * np.array([o.test for o in own])
            rest = np.array([(o.forward, o.backward, o.cost, o.missed) for o in own]).mean(0)
            sd = test.std(ddof=1) if len(own) > 1 else np.nan
            shown = RANDOM if name.startswith(RANDOM) else name
            table.add_row(
                stream, shown, f"{test.mean():.2f}", f"{sd:.2f}",
                *("" if np.isnan(value) else f"{value:.1%}" for value in rest),
            )  # fmt: skip
    Console(width=130, highlight=False).print(table)


if __name__ == "__main__":
    main()
