"""What differential privacy costs in accuracy, on bundled streams, by budget and kind of noise.

`python -m benchmarks.privacy [--seeds N] [--streams NAME ...]` prints a table: the share of rows
that were predicted right, each before it was learned, as mean and deviation over seeds. A row of
the stream is one person's only one; delta is 1e-5. Features are divided by constants.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from onlineml import datasets, learners

EPSILONS = (8.0, 2.0, 1.0)
#: Stream -> what its features are divided by: known without looking at rows.
STREAMS = {"phishing": 1.0, "digits": 16.0, "bananas": 2.0}


def rows_of(name: str) -> tuple[Any, Any]:
    """All rows and labels of a bundled stream."""
    chunks = list(datasets.load(name).chunks(10_000))
    X = np.vstack([chunk.X for chunk in chunks]) / STREAMS[name]
    return X, np.concatenate([chunk.y for chunk in chunks])


def models(n_rows: int) -> dict[str, Any]:
    """Name -> function of epsilon and seed that makes a model; None: without privacy."""
    shared = {"learning_rate": 0.05, "period": n_rows}

    def of(noise: Any, **more: Any) -> Any:
        return lambda epsilon, seed: learners.PrivateSoftmaxRegression(
            noise=noise, epsilon=epsilon or 1e12, seed=seed, **shared, **more
        )

    def net(epsilon: float | None, seed: int) -> Any:
        return learners.PrivateMLPClassifier(
            hidden=(16,), noise="banded", epsilon=epsilon or 1e12, seed=seed, **shared
        )

    linear = {"tree": of("tree"), "banded, 16": of("banded", bands=16), "banded, 64": of("banded")}
    return linear | {"banded, 64, network": net}


def accuracy(make: Any, epsilon: float | None, X: Any, y: Any, n_seeds: int) -> str:
    """Mean and deviation over seeds, in percent."""
    found = [
        100.0 * np.mean(make(epsilon, seed).predict_fit_many(X, y) == y) for seed in range(n_seeds)
    ]
    return f"{np.mean(found):>6.1f} ± {np.std(found):>4.1f}"


def tables(streams: list[str], n_seeds: int) -> Iterator[str]:
    """The lines that are printed."""
    head = "".join(f"{f'epsilon {epsilon:g}':>15}" for epsilon in EPSILONS)
    yield f"{'Rows predicted right, %':<36}{'no privacy':>15}{head}"
    for name in streams:
        X, y = rows_of(name)
        for kind, make in models(len(X)).items():
            cells = [accuracy(make, None, X, y, 1)]
            cells += [accuracy(make, epsilon, X, y, n_seeds) for epsilon in EPSILONS]
            yield f"{f'{name} ({len(X)}), {kind}':<36}" + "".join(f"{cell:>15}" for cell in cells)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--streams", nargs="+", choices=list(STREAMS), default=list(STREAMS))
    given = parser.parse_args(arguments)
    for line in tables(given.streams, given.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
