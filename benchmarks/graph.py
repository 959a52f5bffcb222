"""What a graph costs beside its nodes: `python -m benchmarks.graph --help`.

A scaler, half-space trees, a Hoeffding tree that reads both, and accuracy, on SEA: once wired into
a graph, once called by hand, one after another, in turns. In chunks the bar is 10 % above the sum
of the nodes, by event 5 microseconds. Then the same with a strategy that buys a tenth of the
labels.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import click
import numpy as np
from rich.console import Console

from benchmarks.report import figures_table
from onlineml.active import MarginSampling
from onlineml.base import Array
from onlineml.detectors import HalfSpaceTrees
from onlineml.evaluation.metrics import chosen
from onlineml.evaluation.metrics.metric import Scored
from onlineml.evaluation.scoring import Scores
from onlineml.graph import Graph, Sample
from onlineml.learners import HoeffdingTreeClassifier
from onlineml.transforms import StandardScaler

CHUNK = 1000
BARS = {"chunks": 0.10, "events": 5.0}  # share of the nodes' time; microseconds
Step = Callable[[Array, Any], Any]


class ByHand:
    """The nodes, called one after another; with a strategy, its labels only are learned."""

    def __init__(self, *, buys: bool = False) -> None:
        self.ask = MarginSampling(budget=0.1, seed=1) if buys else None
        self.scale, self.strange = StandardScaler(), HalfSpaceTrees(seed=1)
        self.learner = HoeffdingTreeClassifier()

    def chunk(self, X: Array, y: Any) -> Any:
        """Answers to many rows, which are learned."""
        scaled = self.scale.transform_fit_many(X)
        scores = self.strange.score_fit_many(scaled)
        return self.learner.predict_fit_many(np.column_stack([scaled, scores]), y)

    def event(self, x: Array, y: Any) -> Any:
        """The answer to a row, which is learned."""
        scaled = self.scale.transform_one(x)
        score = self.strange.score_one(scaled)
        row = np.append(scaled, score)
        answer = self.learner.predict_one(row)
        self.scale.fit_one(x)
        self.strange.fit_one(scaled)
        if self.ask is not None:
            proba = self.learner.predict_proba_one(row)
            if not self.ask.query_fit_one(row, proba).ask:
                return answer
            self.ask.answer_one(0, y)
        self.learner.fit_one(row, y)
        return answer


def wired(*, buys: bool = False) -> Any:
    """The same as a graph."""
    g = Graph("bench")
    g.add("scale", StandardScaler(), after="x")
    g.add("strange", HalfSpaceTrees(seed=1), after="scale")
    g.add("learner", HoeffdingTreeClassifier(), after=("scale", "strange"))
    if buys:
        g.add("ask", MarginSampling(budget=0.1, seed=1), after="learner")
    return g


def chunks(n_rows: int, seed: int) -> dict[str, list[float]]:
    """CPU seconds of each chunk, by hand and by the graph, accuracy included."""
    X, y = stream(n_rows, seed)
    hand, g, spent = ByHand(), wired(), {"nodes": [], "graph": []}
    ways = {"nodes": hand.chunk, "graph": g.predict_fit_many}
    scores = {name: Scores(chosen("accuracy", "classification"), CHUNK, [0, 1]) for name in ways}
    nobody = np.zeros(CHUNK, np.int64)  # stands for the no-change classifier
    for lo in range(0, n_rows, CHUNK):
        for name in sorted(ways, reverse=bool(lo // CHUNK % 2)):
            rows, labels = X[lo : lo + CHUNK], y[lo : lo + CHUNK]
            before = process_time()
            said = ways[name](rows, labels)
            if said.dtype == object:  # before the first row nothing is known
                said = np.where(said == 1, 1, 0)
            list(scores[name].add(Scored(labels, said, nobody, None)))
            spent[name].append(process_time() - before)
    assert scores["nodes"].values() == scores["graph"].values()
    return spent


def events(n_rows: int, seed: int, *, buys: bool = False) -> dict[str, list[float]]:
    """CPU microseconds a row in stretches of a hundred, by hand and by the graph."""
    X, y = stream(n_rows, seed)
    hand, g, pair = ByHand(buys=buys), wired(buys=buys), wired(buys=buys)

    def both(x: Array, label: Any) -> Any:
        answer = pair.predict_one(x)
        pair.fit_one(x, label)
        return answer

    with_it = " with a strategy" if buys else ""
    ways: dict[str, Step] = {
        f"nodes{with_it}": hand.event,
        f"graph{with_it}": lambda x, label: g.take_one(Sample(x, y=label)).answer,
        f"graph{with_it}, predict_one and fit_one": both,
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    right = dict.fromkeys(ways, 0)
    labels = y.tolist()
    for lo in range(0, n_rows, 100):
        order = list(ways)
        for name in order[lo // 100 % 3 :] + order[: lo // 100 % 3]:
            step = ways[name]
            before = process_time()
            for x, label in zip(X[lo : lo + 100], labels[lo : lo + 100]):
                right[name] += step(x, label) == label
            spent[name].append(1e4 * (process_time() - before))
    assert len(set(right.values())) == 1
    return spent


def stream(n_rows: int, seed: int) -> tuple[Array, Any]:
    """SEA with 10 % noise: three numbers on [0, 10), their label."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0.0, 10.0, (n_rows, 3))
    return X, ((X[:, 0] + X[:, 1] > 8.0) ^ (rng.random(n_rows) < 0.1)).astype(np.int64)


@click.command()
@click.option(
    "--rows", default=100_000, show_default=True, help="Rows in chunks; a tenth by event."
)
@click.option("--seed", default=1, show_default=True, help="Of the rows.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="File for the figures.")
def main(rows: int, seed: int, out: Path | None) -> None:
    """Measure what a graph costs beside its nodes."""
    by_chunk = chunks(rows, seed)
    n_events = max(rows // 10, 300)
    half = len(by_chunk["nodes"]) // 2  # behind compiling, and growth of the tree's arrays
    nodes, graph = (sum(by_chunk[name][half:]) for name in ("nodes", "graph"))
    above = graph / nodes - 1.0
    figures = [
        ("in chunks: nodes one after another, µs a row", f"{2e6 * nodes / rows:.2f}"),
        ("in chunks: the graph, µs a row", f"{2e6 * graph / rows:.2f}"),
        (f"  above the nodes (bar {BARS['chunks']:.0%})", f"{above:+.1%}"),
    ]
    each: dict[str, float] = {}
    for buys in (False, True):
        by_event = events(n_events, seed, buys=buys)
        nodes, *_ = medians = [statistics.median(times) for times in by_event.values()]
        each |= zip(by_event, medians)
        for name, time in zip(by_event, medians):
            figures.append((f"by event: {name}, µs a row", f"{time:.2f}"))
            if not name.startswith("nodes"):
                bar = f"  above the nodes, µs (bar {BARS['events']:.0f})"
                figures.append((bar, f"{time - nodes:+.2f}"))
    Console().print(figures_table(figures))
    if out is not None:
        out.write_text(json.dumps({"above": above, "events": each}))


if __name__ == "__main__":
    main()
