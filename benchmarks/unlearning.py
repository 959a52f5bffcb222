"""What forgetting costs: a request, a replay of the last rows, and the log that makes it possible.

`python -m benchmarks.unlearning [--rows N]` prints tables. Times are CPU seconds of one thread; of
requests, the median and the 99th percentile.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.streams import STREAMS, from_ours
from onlineml import detectors, learners, transforms
from onlineml.graph import Keyed, chain
from onlineml.unlearning import Replayable
from onlineml.unlearning.called import Called

_TURNS = 12

#: Name -> (how to make it, features): models that take a row out of their sums.
EXACT: dict[str, tuple[Callable[[], Any], int]] = {
    "GaussianNB": (learners.GaussianNB, 10),
    "NearestClassMean": (learners.NearestClassMean, 10),
    "SLDA": (learners.SLDA, 10),
    "SLDA, 50 features": (learners.SLDA, 50),
    "KNNClassifier, window 1000": (learners.KNNClassifier, 10),
    "RidgeRegressor": (learners.RidgeRegressor, 10),
    "RidgeRegressor, 50 features": (learners.RidgeRegressor, 50),
    "HalfSpaceTrees, last two windows": (detectors.HalfSpaceTrees, 10),
    "LODA, present window": (detectors.LODA, 10),
    "StandardScaler": (transforms.StandardScaler, 10),
    "MeanImputer": (transforms.MeanImputer, 10),
}
#: Name -> how to make it: models behind a log.
REPLAYED: dict[str, Callable[[], Any]] = {
    "LogisticRegression": learners.LogisticRegression,
    "SoftmaxRegression": learners.SoftmaxRegression,
    "HoeffdingTreeClassifier": learners.HoeffdingTreeClassifier,
}
#: The last notes more of rows, to certify requests for rows that have left the log.
LOGGED = REPLAYED | {
    "GaussianNB": learners.GaussianNB,
    "StandardScaler, SoftmaxRegression": lambda: chain(
        transforms.StandardScaler(), learners.SoftmaxRegression()
    ),
    "LogisticRegression that fades": lambda: learners.LogisticRegression(
        l2=0.01, decay_intercept=True
    ),
}
#: Of the models of `benchmarks.throughput`, on its streams, those that give answers.
BESIDE = ("HoeffdingTree", "GaussianNB", "Softmax", "kNN-1000")
#: How rows are learned -> ids for so many of them.
IDS: dict[str, Callable[[int], Any]] = {
    "ids": np.arange,
    "ids in lists": lambda n: list(range(n)),
    "ids of text": lambda n: [f"user {i}" for i in range(n)],
}


def stream(n_rows: int, n_features: int) -> tuple[Any, Any]:
    """Gaussian rows of two classes."""
    X = np.random.default_rng(0).normal(size=(n_rows, n_features))
    return X, (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)


def requests(make: Callable[[], Any], n_features: int, n_rows: int) -> tuple[float, float]:
    """Microseconds of a request that is met: median and 99th percentile."""
    X, y = stream(n_rows, n_features)
    targets = y.tolist() if "Regressor" not in make.__name__ else y.astype(float).tolist()
    model = make().fit_many(X, targets)
    asked = n_rows - 1 - np.random.default_rng(1).permutation(min(n_rows // 2, 500))
    spent = []
    for i in asked:
        began = time.process_time()
        if model.unlearn_one(X[i], targets[i]).forgotten:
            spent.append((time.process_time() - began) * 1e6)
    return float(np.median(spent)), float(np.percentile(spent, 99))


def replays(make: Callable[[], Any], age: int, n_rows: int) -> tuple[float, float, float]:
    """Milliseconds to forget the row `age` rows ago: median, 99th percentile; rows replayed."""
    X, y = stream(n_rows, 20)
    model = Replayable(make()).fit_many(X, y)
    spent, rows, numbers, n = [], [], list(range(n_rows)), n_rows
    rng = np.random.default_rng(1)
    for _ in range(30):
        more = int(rng.integers(1, 1000))  # at any distance from the last state
        model.fit_many(X[:more], y[:more])
        numbers, n = [*numbers, *range(n, n + more)], n + more
        number = numbers.pop(-age)
        began = time.process_time()
        receipt = model.unlearn_one(id=number)
        spent.append((time.process_time() - began) * 1e3)
        rows.append(receipt.rows)
    return float(np.median(spent)), float(np.percentile(spent, 99)), float(np.mean(rows))


def by_expert(n_rows: int) -> Iterator[tuple[str, float, float]]:
    """Ways for 100 users to have trees that forget: ms of a request, median; rows replayed."""
    X, y = stream(n_rows, 20)
    X[:, 0] = np.random.default_rng(2).integers(0, 100, n_rows)
    tree, ids = learners.HoeffdingTreeClassifier(), np.arange(n_rows)
    for name, model in (
        ("one log for all", Replayable(Keyed(tree.clone()))),
        ("a log for each", Keyed(Replayable(tree.clone()))),
    ):
        model.fit_many(X, y, ids=ids)
        spent, rows = [], []
        for i in ids[-(n_rows // 3) :: max(n_rows // 30, 1)].tolist():
            began = time.process_time()
            rows.append(model.unlearn_one(X[i], int(y[i]), id=i).rows)
            spent.append((time.process_time() - began) * 1e3)
        yield name, float(np.median(spent)), float(np.mean(rows))


def log_cost(
    make: Callable[[], Any], data: tuple[Any, Any], chunk: int, how: str
) -> tuple[float, float, float]:
    """Nanoseconds a row without and with a log of 100,000 rows that is full; what it costs.

    The first half of the data fills the log, the second is measured.
    Models take turns, now one first and now the other, so that what else the machine does falls on
    both; of their turns, and of what the log cost in each, the median.
    """
    (X, y), n_rows = data, len(data[0]) // 2
    ids = {"ids": IDS[how](len(X))} if how in IDS else {}
    plain, logged = make().fit_many(X, y), Replayable(make()).fit_many(X, y, **ids)
    both, turns = [(plain, {}), (logged, ids)], []
    for turn in range(_TURNS):
        order = (0, 1) if turn % 2 else (1, 0)
        spent = {k: _spent(both[k][0], X, y, chunk, how, both[k][1]) for k in order}
        turns.append((spent[0], spent[1], spent[1] / spent[0] - 1))
    median = np.median(turns, axis=0).tolist()
    return median[0] / n_rows * 1e9, median[1] / n_rows * 1e9, median[2]


def _spent(model: Any, X: Any, y: Any, chunk: int, how: str, ids: dict[str, Any]) -> float:
    """Seconds to learn the second half of the rows."""
    n_rows = len(X) // 2
    learn = model.predict_fit_many if how == "predict and fit" else model.fit_many
    labels = y[n_rows:].tolist()
    began = time.process_time()
    if how == "fit one, ids" and isinstance(model, Called):
        for i, x, target in zip(range(n_rows), X[n_rows:], labels, strict=True):
            model.fit_one(x, target, id=i)
    elif how.startswith("fit one"):
        for _, x, target in zip(range(n_rows), X[n_rows:], labels, strict=True):
            model.fit_one(x, target)
    else:
        for lo in range(n_rows, 2 * n_rows, chunk):
            part = slice(lo, lo + chunk)
            learn(X[part], y[part], **{name: array[part] for name, array in ids.items()})
    return time.process_time() - began


def tables(n_rows: int) -> Iterator[str]:
    """The lines that are printed."""
    yield "A request where rows are taken out of sums, µs             p50      p99"
    for name, (make, n_features) in EXACT.items():
        median, worst = requests(make, n_features, min(n_rows, 5100))  # amid a window
        yield f"  {name:<50} {median:>8.1f} {worst:>8.1f}"
    age = min(4000, n_rows // 3)
    yield f"A request for the row {age} rows ago, behind a log, ms       p50      p99   rows"
    for name, make in REPLAYED.items():
        median, worst, rows = replays(make, age, n_rows)
        yield f"  {name:<50} {median:>8.2f} {worst:>8.2f} {rows:>6.0f}"
    yield f"{f'A request among trees of 100 users, {n_rows} rows, ms':<59}      p50   rows"
    for what, median, rows in by_expert(n_rows):
        yield f"  {what:<57} {median:>8.2f} {rows:>6.0f}"
    yield f"{'Throughput beside a log of 100,000 rows, ns a row':<59}  without     with   cost"
    for name in STREAMS:
        data = from_ours(name, 2 * n_rows)
        for model in BESIDE:
            cost = log_cost(ours.MODELS[model], data, ours.CHUNK, "predict and fit")
            yield _cost_line(f"{model}, {name}, {data[0].shape[1]} features", cost)
    data = stream(2 * n_rows, 20)
    yield f"{'Learning beside a log of 100,000 rows, ns a row':<59}  without     with   cost"
    whole = ("fit", n_rows), ("predict and fit", n_rows)
    ones = ("fit one", 1), ("fit one, ids", 1)
    for how, chunk in (*whole, ("fit", 1000), *((way, 1000) for way in IDS), *ones):
        for name, make in LOGGED.items():
            yield _cost_line(f"{name}, {how}, chunks of {chunk}", log_cost(make, data, chunk, how))


def _cost_line(what: str, costs: tuple[float, float, float]) -> str:
    plain, logged, cost = costs
    return f"  {what:<57} {plain:>8.0f} {logged:>8.0f} {cost:>6.0%}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    for line in tables(parser.parse_args(arguments).rows):
        print(line, flush=True)


if __name__ == "__main__":
    main()
