"""What networks forget of digits that come by class, or in one guise after another.

`python -m benchmarks.continual [--seeds N] [--streams NAME ...] [--plot FOLDER]` prints a table for
each stream: accuracy on held-out rows of all tasks at the end, mean and deviation over seeds;
forgetting; backward and forward transfer; CPU seconds a run. Every row is shown once. Answers are
among all classes so far; nobody is told which task a row is of, but EWC and LwF where a task ends.
Settings were chosen on seeds 101 and 102.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from onlineml.evaluation import ContinualResult, class_incremental, domain_incremental
from onlineml.learners import EWC, SLDA, LwF, NearestClassMean, TorchClassifier

N_DOMAINS = 5


def digits() -> tuple[Any, Any]:
    """Rows and labels of the digits of scikit-learn, by constants about in [-1, 2]."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return (X - 5.0) / 6.0, y


def permuted(k: int) -> Callable[[Any], Any]:
    """Pixels in another order, which is the same for all rows; as they are for 0."""
    order = np.random.default_rng(k).permutation(64) if k else np.arange(64)
    return lambda X: X[:, order]


def rotated(degrees: int) -> Callable[[Any], Any]:
    """Images turned about their middle; what is turned in is empty."""
    from scipy.ndimage import rotate

    def turned(X: Any) -> Any:
        images, empty = X.reshape(-1, 8, 8), -5.0 / 6.0
        whole = rotate(images, degrees, (1, 2), reshape=False, order=1, cval=empty)
        return whole.reshape(-1, 64)

    return turned


def network(**params: Any) -> TorchClassifier:
    """What all start from."""
    shared: dict[str, Any] = {"hidden": (100,), "batch_size": 4, "learning_rate": 0.002, "seed": 1}
    return TorchClassifier(**(shared | {"standardize": False} | params))


def models() -> dict[str, Any]:
    """Name -> unfitted model."""
    replay = {"batch_size": 1, "replay_size": 200, "replay_rows": 31, "standardize": True}
    return {
        "network": network(),
        "EWC": network(penalty=EWC(strength=10.0)),
        "EWC, online": network(penalty=EWC(strength=30.0, gamma=0.9)),
        "LwF": network(penalty=LwF()),
        "replay of 200 rows": network(**replay),
        "nearest class mean": NearestClassMean(),
        "SLDA": SLDA(),
    }


Stream = Callable[[Any, Any, Any, list[int]], ContinualResult]


def by_class(n: int) -> Stream:
    return lambda model, X, y, seeds: class_incremental(
        model, X, y, classes_per_task=n, seeds=seeds
    )


def by_domain(domains: dict[str, Any]) -> Stream:
    return lambda model, X, y, seeds: domain_incremental(model, X, y, by=domains, seeds=seeds)


STREAMS: dict[str, tuple[str, Stream]] = {
    "class": ("one class after another", by_class(1)),
    "pairs": ("two classes at a time", by_class(2)),
    "all": ("all classes at once, for comparison", by_class(10)),
    "permuted": (
        f"all classes, pixels in {N_DOMAINS} orders",
        by_domain({f"order {k}": permuted(k) for k in range(N_DOMAINS)}),
    ),
    "rotated": (
        "all classes, turned by 0 to 180 degrees",
        by_domain({f"{45 * k}°": rotated(45 * k) for k in range(N_DOMAINS)}),
    ),
}


def lines(name: str, seeds: list[int], folder: Path | None) -> Iterator[str]:
    """The table of a stream, line by line."""
    title, run = STREAMS[name]
    X, y = digits()
    yield f"\n{f'Digits, {title}':<46}{'accuracy':>15}{'forgetting':>12}{'backward':>10}" + (
        f"{'forward':>9}{'CPU s':>7}"
    )
    found = []
    for label, model in models().items():
        began = time.process_time()
        result = run({label: model}, X, y, seeds)
        seconds = (time.process_time() - began) / len(seeds)
        (row,) = result.summary()
        found += result.runs
        accuracy = f"{row['final_accuracy']:.3f} ± {row['final_accuracy_sd']:.3f}"
        yield f"{label:<46}{accuracy:>15}{row['forgetting']:>12.3f}" + (
            f"{row['backward_transfer']:>10.3f}{row['forward_transfer']:>9.3f}{seconds:>7.1f}"
        )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        ContinualResult(found).plot().savefig(folder / f"{name}.png", dpi=120)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--streams", nargs="+", choices=list(STREAMS), default=list(STREAMS))
    parser.add_argument("--plot", type=Path, help="folder for a picture of each stream")
    given = parser.parse_args(arguments)
    seeds = list(range(given.first_seed, given.first_seed + given.seeds))
    for name in given.streams:
        for line in lines(name, seeds, given.plot):
            print(line, flush=True)


if __name__ == "__main__":
    main()
