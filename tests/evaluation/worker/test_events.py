"""Graphs at work: labels that are asked for, rewards of actions, rows forgotten on request."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from onlineml import Graph
from onlineml.active import MarginSampling
from onlineml.datasets.messages import MemorySource
from onlineml.datasets.sinks import MemorySink
from onlineml.evaluation.worker import Fields, Topics, Worker
from onlineml.evaluation.worker.blocks import encoded
from onlineml.graph import Forget, Label, Reward, Sample
from onlineml.learners import GaussianNB
from onlineml.persistence import dumps
from onlineml.rl import StreamQ
from onlineml.schema import Schema
from onlineml.transforms import StandardScaler
from tests.evaluation.worker.messages import NAMES, label, newest, rows, sample, state

TOPICS = Topics(labels="labels", rewards="rewards", forget="forget", predictions="out",
                queries="asked", receipts="receipts")  # fmt: skip


def made() -> Graph:
    g = Graph("offers", remember=50)
    g.add("scale", StandardScaler(), after="x")
    g.add("learner", GaussianNB(), after="scale")
    g.add("ask", MarginSampling(budget=0.4, seed=1), after="learner")
    g.add("act", StreamQ(n_actions=2, seed=1), after="scale")
    g.output("learner")
    return g


def history(n=300):
    """Events in order, each with its topic and time."""
    X, y = rows(3, n)
    chance = np.random.default_rng(1)
    events = [("samples", float(i), Sample(x, i)) for i, x in enumerate(X)]
    for i in range(n):
        if i % 7:
            events.append(("labels", i + float(chance.exponential(10)), Label(i, y[i])))
        if i % 5:
            value = float(chance.normal())
            events.append(("rewards", i + float(chance.exponential(5)), Reward(i, value)))
    events += [("forget", i + 30.5, Forget(i)) for i in range(0, n, 40)]
    return sorted(events, key=lambda item: item[1])


def message(topic, time, event):
    """An event as it comes from Kafka."""
    if topic == "samples":
        return sample(event.x, None, id=event.id, time=time)
    if topic == "labels":
        return label(event.id, event.y)[:-1] + b', "time": %r}' % time
    plain = {"id": event.id, "time": time}
    if topic == "rewards":
        plain["reward"] = event.value
    return json.dumps(plain).encode()


def source():
    parts = {"samples": [], "labels": [], "rewards": [], "forget": []}
    for item in history():
        parts[item[0]].append(message(*item))
    return MemorySource({topic: [messages] for topic, messages in parts.items()})


def work(folder, **changes):
    sink = MemorySink()
    settings = {"schema": Schema(3, NAMES), "window": 50, "fields": Fields(time="time"),
                "max_idle": float("inf"), **changes}  # fmt: skip
    until = settings.pop("until", None)
    Worker(made(), source(), sink, folder, topics=TOPICS, **settings).run(until=until)
    return {t: [json.loads(r.value) for r in records] for t, records in sink.topics.items()}


def test_a_graph_hears_of_everything_in_order(tmp_path):
    out = work(tmp_path)
    naive = made().start(Schema(3, NAMES))
    said = [(event, naive.take_one(event)) for _, _, event in history()]
    answers = [(e.id, a) for e, a in said if isinstance(e, Sample)]
    got = [(line["id"], line["prediction"], line["action"]) for line in out["out"]]
    assert got == [(i, a.answer, a.action) for i, a in answers]
    asked = [(i, a.probability) for i, a in answers if a.ask]
    assert [(line["id"], line["probability"]) for line in out["asked"]] == asked
    assert 20 < len(asked) < 280
    due = [(e.id, r.kind) for e, r in said if isinstance(e, Forget)]
    assert [(line["id"], line["kind"]) for line in out["receipts"]] == due
    assert dumps(newest(tmp_path).model) == dumps(naive)
    assert newest(tmp_path).extra["figures"]["learned"] == naive.n_labels_


@pytest.mark.parametrize("batch_size", [1, 13])
def test_batches_and_stops_leave_no_trace(tmp_path, batch_size):
    work(tmp_path / "whole")
    for most in (100, 400, 10_000):
        work(tmp_path / "parts", batch_size=batch_size,
             until=lambda worker, most=most: worker.n_messages >= most)  # fmt: skip
    assert state(tmp_path / "whole") == state(tmp_path / "parts")


def test_record_batches_bring_samples_too(tmp_path):
    X, _ = rows(3, 40)
    columns = {"id": list(range(40))} | {name: X[:, j].copy() for j, name in enumerate(NAMES)}
    sink = MemorySink()
    topics = Topics(labels="labels", queries="asked", predictions="out")
    parts = {"samples": [[encoded(columns)]], "labels": [[label(3, 1)]]}
    Worker(made(), MemorySource(parts), sink, tmp_path, topics=topics, form="arrow").run()
    naive = made().start(Schema(3, NAMES))
    due = [naive.take_one(Sample(x, i)) for i, x in enumerate(X)]
    out = pa.ipc.open_stream(sink.topics["out"][0].value).read_all().to_pydict()
    assert out["action"] == [answer.action for answer in due]
    asked = [json.loads(record.value)["id"] for record in sink.topics["asked"]]
    assert asked == [i for i, answer in enumerate(due) if answer.ask]


def test_a_row_that_waits_is_forgotten_before_it_is_learned(tmp_path):
    X, y = rows(1, 60)
    first = [(sample(x, None, id=i), None, float(i)) for i, x in enumerate(X)]
    gone = [(b'{"id": 7}', None, 20.0)]
    later = [(label(i, y[i]), None, 100.0 + i) for i in range(60)]
    sink = MemorySink()
    parts = {"samples": [first], "labels": [later], "forget": [gone]}
    topics = Topics(labels="labels", forget="forget", receipts="receipts")
    Worker(GaussianNB(), MemorySource(parts), sink, tmp_path, topics=topics,
           schema=Schema(3, NAMES)).run()  # fmt: skip
    kept = [i for i in range(60) if i != 7]
    due = GaussianNB().start(Schema(3, NAMES)).fit_many(X[kept], [y[i] for i in kept])
    assert dumps(newest(tmp_path).model) == dumps(due)
    receipt = json.loads(sink.topics["receipts"][0].value)
    assert (receipt["kind"], receipt["reason"]) == ("exact", "it had not been learned")


@pytest.mark.parametrize(
    ("topics", "says"),
    [(Topics(rewards="r"), "no agent would learn"), (Topics(queries="q"), "no strategy asks")],
)
def test_topics_that_nobody_would_serve_are_refused(topics, says):
    with pytest.raises(ValueError, match=says):
        Worker(GaussianNB(), MemorySource({"samples": [[]]}), topics=topics)


def test_rewards_that_are_none_are_dead_letters(tmp_path):
    bad = [b'{"id": 1}', b'{"id": 1, "reward": "much"}', b'{"reward": 1}']
    sink = MemorySink()
    topics = Topics(rewards="rewards")
    parts = {"samples": [[sample([1, 2, 3], None, id=1)]], "rewards": [bad]}
    Worker(made(), MemorySource(parts), sink, tmp_path, topics=topics).run()
    reasons = [record.headers["error"] for record in sink.topics["samples.dlq"]]
    assert [reason.partition(":")[0] for reason in reasons] == ["reward", "reward", "id"]
