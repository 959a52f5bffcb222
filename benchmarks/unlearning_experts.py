"""What it costs a mixture to forget a row: all experts replayed, or those that the row has reached.

`python -m benchmarks.unlearning_experts [--rows N]` prints tables, of streams that have drifts.
Times are CPU time of one thread. Accuracy is prequential, in percent.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from onlineml.datasets import load
from onlineml.learners import DriftMoE
from onlineml.unlearning import Replayable

STREAMS = ("sea_a", "led_g", "rbf_m", "rbf_f")
FREEZE = 10_000  # rows
AGE = 4_000
_SEEDS = (1, 2, 3)
_TURNS = 15


def rows_of(name: str, n_rows: int, seed: int = 1) -> tuple[Any, Any]:
    """The first rows of a stream."""
    (chunk,) = load(name, seed=seed).take(n_rows).chunks(n_rows)
    return chunk.X, chunk.y


def otherwise(name: str, n_rows: int, age: int) -> tuple[int, int, float]:
    """What the row `age` rows ago changes where the router never stops to learn.

    Rows since that are sent elsewhere, experts that have them more or less, and the share of the
    router in the time: no replay that goes through the router saves more than the rest.
    """
    X, y = rows_of(name, n_rows)
    first = n_rows - age
    rest = np.delete(np.arange(n_rows), first - 1)
    with_it, without = (_sent(X[rows], y[rows])[-age:] for rows in (np.arange(n_rows), rest))
    sent = [np.zeros((age, 12), bool) for _ in range(2)]
    for marks, choices in zip(sent, (with_it, without)):
        np.put_along_axis(marks, choices, True, axis=1)
    differ = sent[0] != sent[1]
    spent = {hidden: _spent(DriftMoE(seed=1, hidden=hidden), X, y) for hidden in ((256, 128), (1,))}
    return int(differ.any(1).sum()), int(differ.any(0).sum()), 1 - spent[(1,)] / spent[256, 128]


def _sent(X: Any, y: Any) -> Any:
    """The experts that learned each row, (n_rows, top_k); the router freezes after the last."""
    log = Replayable(DriftMoE(seed=1, freeze_after=len(X)), horizon=len(X)).fit_many(X, y)
    return log.reached_[: len(X)]


def _spent(model: Any, X: Any, y: Any) -> float:
    """Seconds to learn all rows but the first 1,000."""
    model.fit_many(X[:1000], y[:1000])
    began = time.process_time()
    model.fit_many(X[1000:], y[1000:])
    return time.process_time() - began


def requests(name: str, n_rows: int, age: int) -> Iterator[tuple[str, list[float], float]]:
    """Ways to replay: milliseconds of requests for one of the last `age` rows, rows gone through.

    The ways take turns, request by request.
    """
    X, y = rows_of(name, n_rows)
    ways = {
        "router learns, all experts": Replayable(DriftMoE(seed=1)),
        "router frozen, all experts": Replayable(DriftMoE(seed=1, freeze_after=n_rows // 4)),
        "router frozen, those reached": Replayable(DriftMoE(seed=1, freeze_after=n_rows // 4)),
    }
    for way in ways.values():
        way.fit_many(X, y)
    del ways["router frozen, all experts"].stale_  # as of a mixture that does not tell
    spent: dict[str, list[float]] = {what: [] for what in ways}
    rows: dict[str, list[int]] = {what: [] for what in ways}
    ids = np.random.default_rng(1).permutation(age)[:15] + n_rows - age
    for id in ids.tolist():
        for what, way in ways.items():
            began = time.process_time()
            rows[what].append(way.unlearn_one(id=id).rows)
            spent[what].append((time.process_time() - began) * 1e3)
    answers = [way.predict_proba_many(X[:1000]) for way in list(ways.values())[1:]]
    assert answers[0].tobytes() == answers[1].tobytes()
    for what in ways:
        yield what, spent[what], float(np.mean(rows[what]))


def log_cost(name: str, n_rows: int) -> list[float]:
    """Nanoseconds a row of a frozen mixture: bare, behind a log, behind one that tells experts.

    They take turns, in an order that is drawn; of each the median.
    """
    X, y = rows_of(name, n_rows)
    half, spent, rng = n_rows // 2, np.empty((_TURNS, 3)), np.random.default_rng(1)
    for turn in range(_TURNS):
        for i in rng.permutation(3):
            model = DriftMoE(seed=1, freeze_after=half // 2)
            made: Any = Replayable(model, horizon=half) if i else model
            made.fit_many(X[:half], y[:half])
            if i == 1:
                del made.reached_, made.stale_
            began = time.process_time()
            made.fit_many(X[half:], y[half:])
            spent[turn, i] = (time.process_time() - began) / (n_rows - half) * 1e9
    medians: list[float] = np.median(spent, axis=0).tolist()
    return medians


def accuracy(name: str, n_rows: int, freeze_after: int | None) -> list[float]:
    """Of each seed, of stream and model."""
    found = []
    for seed in _SEEDS:
        X, y = rows_of(name, n_rows, seed)
        model = DriftMoE(seed=seed, freeze_after=freeze_after)
        found.append(100 * float((model.predict_fit_many(X, y) == y).mean()))
    return found


def tables(n_rows: int, streams: Sequence[str] = STREAMS) -> Iterator[str]:
    """The lines that are printed."""
    age, freeze = min(AGE, n_rows // 3), min(FREEZE, n_rows // 4)
    yield f"What a row {age} rows ago changed, a router that learns   rows  experts  router's time"
    for name in streams:
        rows, experts, share = otherwise(name, min(n_rows, 20_000), age)
        yield f"  {name:<48} {rows:>10} {experts:>8} {share:>14.0%}"
    yield f"{f'A request for one of the last {age} rows, 12 trees, ms':<56} p50    p99   rows"
    for name in streams:
        for what, spent, rows_gone in requests(name, min(n_rows, 40_000), age):
            p50, p99 = np.percentile(spent, [50, 99])
            yield f"  {name + ', ' + what:<50} {p50:>7.2f} {p99:>6.2f} {rows_gone:>6.0f}"
    yield f"{'Learning, frozen, ns a row':<38}    bare    log   with experts      cost of these"
    for name in streams:
        bare, log, told = log_cost(name, min(n_rows, 40_000))
        yield f"  {name:<38} {bare:>6.0f} {log:>6.0f} {told:>14.0f} {told / log - 1:>18.1%}"
    yield f"{f'Accuracy on {n_rows} rows, seeds {_SEEDS}':<50}   learns   frozen after {freeze}"
    for name in streams:
        means = [np.mean(accuracy(name, n_rows, last)) for last in (None, freeze)]
        yield f"  {name:<48} {means[0]:>8.2f} {means[1]:>8.2f}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    for line in tables(parser.parse_args(arguments).rows):
        print(line, flush=True)


if __name__ == "__main__":
    main()
