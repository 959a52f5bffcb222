"""What differential privacy costs in accuracy, by learner, budget and kind of noise.

`python -m benchmarks.privacy --audit [--runs N]` attacks private learners instead, and prints what
the attacks prove about epsilon, beside what is promised: see `benchmarks.privacy_audit`.

`python -m benchmarks.privacy [--seeds N] [--streams NAME ...]` prints two tables, each row
predicted before it is learned: the share of rows that were predicted right, and for numbers the
mean absolute error, as medians over seeds. A row of the stream is one person's only one; delta is
1e-5. Features are brought to a known scale by constants, the same without privacy; the range of
targets is what one would say without looking: percentages from 0 to 100.

Learning rates with privacy were chosen on waveform and Friedman streams of other seeds, at epsilon
2 and banded noise; without privacy they are those of the learners' own.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.privacy_audit import audit, cases
from onlineml import datasets, learners

EPSILONS = (8.0, 4.0, 2.0, 1.0)
_ROWS = 10_000  # of streams without end


class Stream(NamedTuple):
    """Features are (x - shift) / scale; the range is that of the target, None of a class."""

    shift: Any
    scale: Any
    range: tuple[float, float] | None = None


STREAMS = {
    "phishing": Stream(0.0, 1.0),
    "digits": Stream(0.0, 16.0),
    "bananas": Stream(0.0, 2.0),
    "waveform": Stream(0.0, 5.0),
    "trump_approval": Stream(
        np.array([737_000.0, *[50.0] * 5]), np.array([1000.0, *[50.0] * 5]), (0.0, 100.0)
    ),
    "friedman": Stream(0.5, 0.5, (0.0, 30.0)),
}
_SEEDED = ("waveform", "friedman")


def rows_of(name: str) -> tuple[Any, Any]:
    """All rows and labels of a stream."""
    given = datasets.load(name, seed=1) if name in _SEEDED else datasets.load(name)
    chunks, n_rows = [], 0
    for chunk in given.chunks(_ROWS):
        chunks.append(chunk)
        n_rows += len(chunk.y)
        if n_rows >= _ROWS:
            break
    X = np.vstack([chunk.X for chunk in chunks])
    y = np.concatenate([chunk.y for chunk in chunks])
    return (X - STREAMS[name].shift) / STREAMS[name].scale, y


def learners_of(name: str, seed: int, privacy: Any) -> dict[str, Any]:
    """Name -> a learner for a stream, private or not."""
    hidden = privacy is not None
    net: dict[str, Any] = {"hidden": (16,), "seed": seed, "privacy": privacy}
    if STREAMS[name].range is not None:
        line: dict[str, Any] = {"learning_rate": 0.005 if hidden else 0.01, "privacy": privacy}
        net |= {"optimizer": "sgd", "learning_rate": 0.005} if hidden else {}
        return {
            "LinearRegression": learners.LinearRegression(**line),
            "MLPRegressor": learners.MLPRegressor(**net),
        }
    line = {"learning_rate": 0.02 if hidden else 0.05, "privacy": privacy}
    net |= {"optimizer": "sgd", "learning_rate": 0.02} if hidden else {}
    return {
        "LogisticRegression": learners.LogisticRegression(**line),
        "SoftmaxRegression": learners.SoftmaxRegression(**line),
        "MLPClassifier": learners.MLPClassifier(**net),
    }


def promise(name: str, kind: str, epsilon: float, n_rows: int, seed: int) -> Any:
    """The promise of a private learner."""
    shared: Any = {
        "epsilon": epsilon,
        "period": n_rows,
        "target_range": STREAMS[name].range,
        "seed": seed,
    }
    if kind == "tree":
        return learners.TreeAggregation(**shared)
    return learners.BandedNoise(bands=64, **shared)


def quality(name: str, model: Any, X: Any, y: Any) -> float:
    """Rows predicted right in percent, or the mean absolute error."""
    answers = model.predict_fit_many(X, y)
    if STREAMS[name].range is None:
        return 100.0 * float(np.mean(answers == y))
    return float(np.mean(np.abs(answers - y)))


def lines_of(name: str, n_seeds: int) -> Iterator[str]:
    """A line for each learner and kind of noise."""
    X, y = rows_of(name)
    digits = 1 if STREAMS[name].range is None else 2
    for learner in learners_of(name, 0, None):
        plain = [quality(name, learners_of(name, s, None)[learner], X, y) for s in range(n_seeds)]
        for kind in ("tree", "banded"):
            cells = [float(np.median(plain))]
            for epsilon in EPSILONS:
                found = [
                    quality(
                        name,
                        learners_of(name, s, promise(name, kind, epsilon, len(X), s))[learner],
                        X,
                        y,
                    )
                    for s in range(n_seeds)
                ]
                cells.append(float(np.median(found)))
            numbers = "".join(f"{cell:>13.{digits}f}" for cell in cells)
            yield f"{f'{name} ({len(X)}), {learner}, {kind}':<52}{numbers}"


def tables(streams: list[str], n_seeds: int) -> Iterator[str]:
    """The lines that are printed."""
    head = "".join(f"{f'epsilon {epsilon:g}':>13}" for epsilon in EPSILONS)
    for title, numbers in (("Rows predicted right, %", False), ("Mean absolute error", True)):
        names = [name for name in streams if (STREAMS[name].range is not None) == numbers]
        if names:
            yield f"{title:<52}{'no privacy':>13}{head}"
        for name in names:
            yield from lines_of(name, n_seeds)


def attacks(n_runs: int) -> Iterator[str]:
    """A line for each case and each fault: what attacks prove of epsilon, 99 times of 100."""
    head = "".join(f"{name:>13}" for name in ("promised", "by weights", "if normal", "by loss"))
    yield f"{'Epsilon, at least':<52}{head}"
    for noise, fault in ((1.0, ""), (0.1, ", a tenth of the noise"), (0.0, ", no noise")):
        for name, case in cases().items():
            found = audit(case, n_runs=n_runs, noise=noise)
            shown = (found.promised, found.by_weights, found.by_normal_weights, found.by_loss)
            numbers = "".join(f"{number:>13.2f}" for number in shown)
            yield f"{name + fault:<52}{numbers}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--streams", nargs="+", choices=list(STREAMS), default=list(STREAMS))
    parser.add_argument("--audit", action="store_true")
    parser.add_argument("--runs", type=int, default=1000)
    given = parser.parse_args(arguments)
    for line in attacks(given.runs) if given.audit else tables(given.streams, given.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
