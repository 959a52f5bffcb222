"""Graphs under evaluation and at work on messages: rows and labels reach them as events."""

import json
from typing import Any

import numpy as np
import pytest

from onlineml import prequential
from onlineml.active import MarginSampling
from onlineml.checks import assert_same_state
from onlineml.datasets import as_stream
from onlineml.datasets.messages import MemorySource
from onlineml.datasets.sinks import MemorySink
from onlineml.evaluation.worker import Topics, Worker
from onlineml.graph import Graph, Label, Sample
from onlineml.learners import GaussianNB
from onlineml.schema import Schema
from onlineml.transforms import StandardScaler
from tests.evaluation.worker.messages import NAMES, label, newest, rows, sample
from tests.graph.test_events import bought

N, LATE = 300, 20


def blobs() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, N)
    return rng.normal(size=(N, 3)) + y[:, None] * np.array([2.0, 0.0, 0.0]), y


def scaled(**words: Any) -> Any:
    g = Graph("scaled", **words)
    g.add("scale", StandardScaler(), after="x")
    g.add("learner", GaussianNB(), after="scale")
    return g


@pytest.mark.parametrize("make", [scaled, lambda: bought(MarginSampling(budget=0.3, seed=1))])
def test_late_labels_in_an_evaluation_are_events(make: Any) -> None:
    g, (X, y) = make(), blobs()
    result = prequential(
        {"g": g}, as_stream((X, y)), label_delay=LATE, baselines=False, chunk_size=64
    )
    by_hand = g.clone().start(Schema(3))
    said = []
    for i in range(N + LATE):
        if i < N:
            said.append(by_hand.take_one(Sample(X[i], i)).answer)
        if i >= LATE:
            by_hand.take_one(Label(i - LATE, int(y[i - LATE])))
    ours = result.runs[0]
    assert ours.totals["accuracy"] == np.mean(np.array(said, object) == y)
    (seed,) = {seed for _, seed in result.estimators}
    assert_same_state(by_hand.get_state(), result.estimators["g", seed].get_state())
    assert by_hand["scale"].transform_one(X[0]).any()


def test_labels_that_never_come_leave_nothing_waiting() -> None:
    X, y = blobs()
    result = prequential(
        {"g": scaled()}, as_stream((X, y)), baselines=False,
        label_delay=lambda row, time, x, y: None if row % 3 else 5,
    )  # fmt: skip
    g = result.estimators["g", None]
    assert (g.n_waiting, g.n_labels_, g.n_expired_) == (0, N // 3, 0)


@pytest.mark.parametrize("batch_size", [7, 64])
def test_a_worker_runs_a_graph_that_buys_its_labels(tmp_path: Any, batch_size: int) -> None:
    X, y = rows(5, N)
    first = [(float(i), sample(x, None, id=i)) for i, x in enumerate(X)]
    late = [(i + LATE + 0.5, label(i, y[i])) for i in range(N)]
    g = bought(MarginSampling(budget=0.3, seed=1))
    source = MemorySource(
        {
            "samples": [[(message, None, time) for time, message in first]],
            "labels": [[(message, None, time) for time, message in late]],
        }
    )
    sink = MemorySink()
    topics = Topics(labels="labels", predictions="out")
    worker = Worker(
        g, source, sink, tmp_path, topics=topics, schema=Schema(3, NAMES), batch_size=batch_size
    )
    worker.run()
    by_hand, due = g.clone().start(Schema(3, NAMES)), []
    for i in range(N + LATE):
        if i < N:
            due.append(by_hand.take_one(Sample(X[i], i)))
        if i >= LATE:
            by_hand.take_one(Label(i - LATE, y[i - LATE]))
    out = [json.loads(record.value) for record in sink.topics["out"]]
    assert [line["ask"] for line in out] == [answer.ask for answer in due]
    assert [line["prediction"] for line in out] == [answer.answer for answer in due]
    assert_same_state(by_hand.get_state(), newest(tmp_path, 0).model.get_state())
