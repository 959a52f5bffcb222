"""The worker on messages in memory: what it learns, answers, refuses and remembers."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import numpy as np
import pytest

from onlineml.datasets.messages import ABORT, AbortError, LostMessagesError, MemorySource, Partition
from onlineml.datasets.sinks import MemorySink
from onlineml.detectors import ADWIN, DeviationFromMean
from onlineml.evaluation.worker import FencedError, Fields, PoisonError, Topics, Worker, checkpoints
from onlineml.evaluation.worker.checkpoints import Checkpoints, header_of
from onlineml.graph import chain
from onlineml.learners import (
    GaussianNB,
    HoeffdingTreeClassifier,
    KNNClassifier,
    LinearRegression,
    MajorityClassifier,
    NoChangeClassifier,
)
from onlineml.persistence import dumps
from onlineml.schema import Schema
from onlineml.transforms import OneHotEncoder, StandardScaler
from onlineml.unlearning import Replayable, Sharded
from tests.evaluation.worker.messages import (
    NAMES,
    label,
    newest,
    plain,
    rows,
    sample,
    samples,
    state,
)

SCHEMA = Schema(3, NAMES)


def work(folder, given, *, model: Any = None, sink=None, **changes):
    """Run a worker over messages to their end."""
    source = given if isinstance(given, MemorySource) else MemorySource(given)
    worker = Worker(model or GaussianNB(), source, sink, folder, **{"schema": SCHEMA, **changes})
    return worker.run()


def written(sink, topic):
    return [json.loads(record.value) for record in sink.topics.get(topic, [])]


def fitted(X, y, model=None):
    model = (model or GaussianNB()).start(SCHEMA)
    return dumps(model.fit_many(X, y))


# -------------------------------------------------------------------- it is the prequential loop


def test_every_partition_learns_its_own_messages(tmp_path):
    parts = [rows(seed, 300) for seed in range(3)]
    messages = [[sample(x, y, id=i) for i, (x, y) in enumerate(zip(*part))] for part in parts]
    sink = MemorySink()
    topics = Topics(predictions="out")
    report = work(tmp_path, {"samples": messages}, sink=sink, topics=topics, window=100)
    assert report.messages == 900
    for number, (X, y) in enumerate(parts):
        assert dumps(newest(tmp_path, number).model) == fitted(X, y)
        due = GaussianNB().start(SCHEMA).predict_fit_many(X, y)
        out = [line for line in written(sink, "out") if line["partition"] == number]
        assert [line["prediction"] for line in out] == due.tolist()
        assert [line["offset"] for line in out] == [line["id"] for line in out] == list(range(300))
        right = np.mean([a == b for a, b in zip(due, y)])
        assert report.partitions[number]["accuracy"] == pytest.approx(right)
        assert header_of(tmp_path / f"partition-{number:05d}")["positions"] == {"samples": 300}


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_the_size_of_batches_leaves_no_trace(tmp_path, batch_size):
    topics = Topics(labels="labels")
    X, y = rows(5, 400, 3)
    rng = np.random.default_rng(1)
    first = [(sample(x, None, id=i), None, float(i)) for i, x in enumerate(X)]
    late = sorted((i + float(rng.exponential(20)) - 3, i) for i in range(400) if i % 5)
    later = [(label(i, y[i]), None, time) for time, i in late]
    for name, size in (("whole", 2000), ("parts", batch_size)):
        source = {"samples": [first], "labels": [later]}
        metrics = ["accuracy", "kappa_t", "roc_auc", "log_loss"]
        work(tmp_path / name, source, topics=topics, batch_size=size, max_pending=50, window=30,
             metrics=metrics)  # fmt: skip
    assert state(tmp_path / "whole") == state(tmp_path / "parts")
    figures = newest(tmp_path / "whole").extra["figures"]
    assert figures["expired"] > 0
    assert figures["scored"] == figures["learned"] > 200


@pytest.mark.parametrize("model", [GaussianNB(), "chain"])
def test_late_labels_are_learned_on_the_rows_that_were_answered(tmp_path, model):
    model = chain(StandardScaler(), GaussianNB()) if model == "chain" else model
    X, y = rows(2, 200)
    first = [(sample(x, None, id=f"r{i}"), None, float(i)) for i, x in enumerate(X)]
    later = [(label(f"r{i}", y[i]), None, i + 10.5) for i in range(200)]
    sink = MemorySink()
    work(tmp_path, {"samples": [first], "labels": [later]}, model=model.clone(), sink=sink,
         topics=Topics(labels="labels", predictions="out"), window=1)  # fmt: skip
    naive, answers, due = model.clone().start(SCHEMA), [], []
    for i in range(211):
        if i < 200:
            answers.append(naive.predict_one(X[i]))
        if 0 <= i - 10 < 200:
            naive.fit_one(X[i - 10], y[i - 10])
            due.append(answers[i - 10] == y[i - 10])
    assert [line["prediction"] for line in written(sink, "out")] == answers
    assert dumps(newest(tmp_path).model) == dumps(naive)
    assert newest(tmp_path).extra["figures"]["accuracy"] == pytest.approx(np.mean(due))


def test_a_message_without_a_readable_time_holds_nobody_back(tmp_path):
    def messages(when):
        first = [sample([i, 1, 2], None, id=i, time=float(i)) for i in range(60)]
        first[30] = b"no JSON"
        later = [label(i, i % 2)[:-1] + b', "time": %d}' % (i + 5) for i in range(60)]
        parts = {"samples": first, "labels": later}
        return {name: [[(value, None, when) for value in part]] for name, part in parts.items()}

    for name, when in (("unknown", None), ("late", 1.8e9)):
        topics = Topics(labels="labels")
        work(tmp_path / name, messages(when), topics=topics, fields=Fields(time="time"), window=1)
    assert state(tmp_path / "unknown") == state(tmp_path / "late")
    assert newest(tmp_path / "late").extra["figures"]["early"] == 1  # that of the unusable sample


def test_labels_that_come_before_their_samples_are_kept(tmp_path):
    X, y = rows(2, 50)
    early = [(label(i, y[i]), None, 0.0) for i in range(50)]
    late = [(sample(x, None, id=i), None, 1.0) for i, x in enumerate(X)]
    work(tmp_path, {"samples": [late], "labels": [early]}, topics=Topics(labels="labels"))
    assert dumps(newest(tmp_path).model) == fitted(X, y)
    work(tmp_path / "few", {"samples": [late], "labels": [early]}, max_pending=10,
         topics=Topics(labels="labels"))  # fmt: skip
    figures = newest(tmp_path / "few").extra["figures"]
    assert (figures["learned"], figures["early_expired"]) == (10, 40)


def test_a_model_that_brings_what_it_knows_is_copied(tmp_path):
    X, y = rows(3, 100)
    model = GaussianNB().start(SCHEMA).fit_many(X, ["old" if c else "older" for c in y])
    before = dumps(model)
    work(tmp_path, {"samples": [samples(4, 50), samples(5, 50)]}, model=model)
    assert dumps(model) == before
    assert newest(tmp_path, 1).model.classes_[:2] == model.classes_[:2]


def test_regression(tmp_path):
    X, _ = rows(3, 300)
    y = (X @ [1.0, 2.0, 3.0]).tolist()
    sink = MemorySink()
    messages = [sample(x, t, id=i) for i, (x, t) in enumerate(zip(X, y))]
    messages[7] = sample(X[7], "seven")
    report = work(tmp_path, {"samples": [messages]}, model=LinearRegression(), sink=sink,
                  topics=Topics(predictions="out"), window=10)  # fmt: skip
    kept = np.arange(300) != 7
    due = LinearRegression().start(SCHEMA).predict_fit_many(X[kept], np.array(y)[kept])
    assert [line["prediction"] for line in written(sink, "out")] == due.tolist()
    assert report.partitions[0]["dead"] == 1
    assert report.partitions[0]["mae"] > 0


def test_text_and_gaps(tmp_path):
    messages = [
        json.dumps({"x": {"sky": sky, "temp": temp}, "y": y}).encode()
        for sky, temp, y in [("rain", 3, "in"), (None, 5, "in"), ("clear", None, "out")] * 5
    ]
    messages += [b'{"x": {"sky": "snow", "wind": 3}, "y": "in"}']
    messages += [b'{"x": {"sky": "hail"}, "y": "in"}', b'{"x": {"temp": "hot"}, "y": "in"}']
    messages.insert(4, json.dumps({"x": {"sky": "s" * 1001, "temp": 3}, "y": "in"}).encode())
    report = work(tmp_path, {"samples": [messages]}, schema=None, max_values=3)
    schema = newest(tmp_path).model.schema_
    assert schema.nominal == {0: ("rain", "clear", "snow")}
    figures = report.partitions[0]
    assert (figures["learned"], figures["dead"], figures["left_out"]) == (16, 3, 1)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_a_column_is_of_the_kind_of_its_first_value(tmp_path, batch_size):
    given = [
        {
            "a": None if i < 9 else "xyz"[i % 3],
            "b": float(i % 4),
            "c": None if i < 20 or i % 5 == 0 else float(-i),
            "d": None if i < 15 else "17",
            "never": None,
        }
        for i in range(60)
    ]
    y = [i % 2 for i in range(60)]
    messages = [json.dumps({"x": x, "y": label}).encode() for x, label in zip(given, y)]
    bad = json.dumps({"x": {"c": "text"}, "y": 1}).encode()
    make = lambda: chain(OneHotEncoder(max_categories=3), GaussianNB())  # noqa: E731
    report = work(tmp_path, {"samples": [[*messages, bad]]}, model=make(), schema=None,
                  poison_limit=1, batch_size=batch_size)  # fmt: skip
    assert (report.partitions[0]["learned"], report.partitions[0]["dead"]) == (60, 1)
    assert dumps(newest(tmp_path).model) == dumps(make().fit_many(given, y))
    # a worker that goes on with what is still undecided
    messages += [json.dumps({"x": {**given[-1], "never": "text"}, "y": 1}).encode()]
    work(tmp_path, {"samples": [[*messages[:60], bad, messages[60]]]}, model=make(), schema=None,
         poison_limit=1, batch_size=batch_size)  # fmt: skip
    due = make().fit_many([*given, {**given[-1], "never": "text"}], [*y, 1])
    assert dumps(newest(tmp_path).model) == dumps(due)


# -------------------------------------------------------------------- record batches


def arrow(X, y=None, **columns) -> bytes:
    import pyarrow as pa

    named = {name: X[:, j] for j, name in enumerate(NAMES)} | columns
    if y is not None:
        named["y"] = y
    batch = pa.RecordBatch.from_pydict(named)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def test_record_batches_are_the_same_rows(tmp_path):
    import pyarrow as pa

    X, y = rows(8, 500)
    blocks = [arrow(X[i : i + 50], y[i : i + 50]) for i in range(0, 500, 50)]
    blocks[3:3] = [b"no arrow", arrow(np.full((2, 3), np.inf), [0, 1])]
    blocks.append(arrow(X[:2], y[:2], id=[[1], [2]]))
    sink = MemorySink()
    report = work(tmp_path, {"samples": [blocks]}, sink=sink, form="arrow", batch_size=3,
                  topics=Topics(predictions="out"), window=100, schema=None)  # fmt: skip
    assert dumps(newest(tmp_path).model) == fitted(X, y)
    out = [pa.ipc.open_stream(record.value).read_all() for record in sink.topics["out"]]
    due = GaussianNB().predict_fit_many(X, y).tolist()
    assert [v for table in out for v in table["prediction"].to_pylist()] == due
    assert sink.topics["out"][3].headers == {"partition": "0", "offset": "5"}
    reasons = [record.headers["error"] for record in sink.topics["samples.dlq"]]
    assert reasons[0].startswith("not an Arrow stream")
    assert reasons[1] == "row 0: x['a']: got inf, expected a finite number"
    assert reasons[2].startswith("id: got [1], expected a whole number or text")
    assert report.partitions[0]["learned"] == 500


def test_record_batches_tell_kinds_by_values(tmp_path):
    import pyarrow as pa

    X, y = rows(8, 40)
    X[:20, 0] = np.nan  # which Arrow, and pandas, write where there is no text yet
    X[:10, 1] = np.nan
    tables = [pa.table(dict(zip(NAMES, X[i : i + 10].T)) | {"y": y[i : i + 10]}) for i in (0, 10)]
    text = ["u", None, "v", "u", "u"] * 2
    more = [{"a": pa.nulls(10)}, {"a": pa.array(text)}]
    for i, column in zip((20, 30), more):
        shown = dict(zip(NAMES, X[i : i + 10].T))
        tables.append(pa.table({**shown, **column, "y": y[i : i + 10]}))
    blocks = []
    for table in tables:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        blocks.append(sink.getvalue().to_pybytes())
    work(tmp_path, {"samples": [blocks]}, form="arrow", batch_size=1, schema=None)
    due = GaussianNB()
    for table, labels in zip(tables, np.reshape(y, (4, 10)).tolist()):
        due.fit_many(table.drop_columns("y"), labels)
    assert due.schema_.nominal == {0: ("u", "v")}
    assert dumps(newest(tmp_path).model) == dumps(due)


def test_record_batches_with_late_labels_and_keys(tmp_path):
    X, y = rows(8, 120)
    ids, keys = list(range(120)), [f"k{i % 3}" for i in range(120)]
    blocks = [
        (arrow(X[i : i + 40], id=ids[i : i + 40], who=keys[i : i + 40]), None, float(i))
        for i in range(0, 120, 40)
    ]
    later = [(label(i, y[i]), None, i // 40 * 40 + 0.5) for i in range(120)]
    work(tmp_path, {"samples": [blocks], "labels": [later]}, form="arrow", keyed=True,
         topics=Topics(labels="labels"), fields=Fields(key="who"))  # fmt: skip
    hot = dict(newest(tmp_path).attached["replica"]["stage"]["models"]["hot"])
    for k in range(3):
        mine = np.arange(120) % 3 == k
        due = GaussianNB().start(SCHEMA).fit_many(X[mine], np.array(y)[mine])
        assert plain(hot[f"k{k}"]) == plain(due.get_state())


# -------------------------------------------------------------------- detectors, alerts


def test_a_detector_scores_alerts_and_is_measured(tmp_path):
    X, _ = rows(4, 400)
    X[300:310] += 30
    truth = [int(300 <= i < 310) for i in range(400)]
    messages = [sample(x, t if t else None, id=i) for i, (x, t) in enumerate(zip(X, truth))]
    messages[5] = sample(X[5], 0)
    sink = MemorySink()
    topics = Topics(predictions="scores", alerts="alerts")
    report = work(tmp_path, {"samples": [messages]}, model=DeviationFromMean(), sink=sink,
                  topics=topics, alert_above=10.0, window=11)  # fmt: skip
    due = DeviationFromMean().start(SCHEMA).score_fit_many(X)
    assert [line["score"] for line in written(sink, "scores")] == due.tolist()
    alerts = written(sink, "alerts")
    assert [a["offset"] for a in alerts] == np.flatnonzero(due > 10).tolist()
    assert report.partitions[0]["learned"] == 400
    assert report.partitions[0]["scored"] == 11
    assert report.partitions[0]["roc_auc"] == 1.0


def test_a_third_class_is_no_label_for_a_detector(tmp_path):
    messages = [sample([1.0, 2.0, 3.0], y) for y in (0, 1, 2, 0)]
    report = work(tmp_path, {"samples": [messages]}, model=DeviationFromMean())
    assert (report.partitions[0]["dead"], report.partitions[0]["rows"]) == (1, 3)


def test_drift_of_the_errors_is_an_alert(tmp_path):
    X, y = rows(6, 3000)
    turned = [c if i < 1500 else 1 - c for i, c in enumerate(y)]
    model = GaussianNB().start(SCHEMA).fit_many(*rows(60, 3000))
    sink = MemorySink()
    messages = [sample(x, c) for x, c in zip(X, turned)]
    work(tmp_path, {"samples": [messages]}, model=model, sink=sink, drift=ADWIN(),
         topics=Topics(alerts="alerts"), schema=None)  # fmt: skip
    alerts = written(sink, "alerts")
    assert alerts
    assert 1500 <= alerts[0]["row"] < 1700


# -------------------------------------------------------------------- bad messages


BAD = {
    b"\xff\x00": "not JSON",
    b"[1, 2]": "expected a JSON object",
    b'{"y": 1}': "x: got None",
    b'{"x": {"a": "one", "b": 1, "c": 2}, "y": 1}': "x['a']: got 'one', expected a number",
    b'{"x": {"a": 1e999, "b": 1, "c": 2}, "y": 1}': "",
    b'{"x": {"a": 1, "b": 1, "c": 2}, "y": [1]}': "y: got [1], expected a class label",
    b'{"x": {"a": 1, "b": 1, "c": 2}, "id": 1.5}': "id: got 1.5",
    sample([1, 2, 3], 1, id="i" * 1001): "iii', expected a whole number or text of at most 1,000",
    sample([1, 2, 3], "y" * 1001): "yyy', expected at most 1,000 characters",
    b'{"x": {"d": 1}, "y": 1}': "expected some of",
    b'{"x": [1, 2, 3], "y": 1}': "expected features by name",
}


def test_bad_messages_go_to_their_topic_and_leave_no_other_trace(tmp_path):
    good = samples(9, 200)
    mixed = list(good)
    for i, bad in enumerate(BAD):
        mixed.insert(20 * i + 3, bad)
    mixed.append(None)
    sink = MemorySink()
    report = work(tmp_path / "mixed", {"samples": [mixed]}, sink=sink)
    work(tmp_path / "good", {"samples": [good]})
    assert dumps(newest(tmp_path / "mixed").model) == dumps(newest(tmp_path / "good").model)
    letters = sink.topics["samples.dlq"]
    assert [letter.value for letter in letters] == [*BAD, None]
    for letter, reason in zip(letters, BAD.values()):
        assert reason in letter.headers["error"]
        assert mixed[int(letter.headers["offset"])] == letter.value
        assert (letter.headers["topic"], letter.headers["partition"]) == ("samples", "0")
    assert report.partitions[0]["dead"] == len(BAD) + 1


def test_so_many_bad_messages_stop_the_worker(tmp_path):
    messages = [*samples(1, 20), *[b"?"] * 6, *samples(2, 20)]
    with pytest.raises(PoisonError, match=r"samples/0, offset 25: more than 5 messages in a row"):
        work(tmp_path, {"samples": [messages]}, poison_limit=5)
    work(tmp_path, {"samples": [messages]}, poison_limit=6)
    assert header_of(tmp_path / "partition-00000")["positions"] == {"samples": 46}


def test_a_label_that_the_model_refuses_harms_no_other_row(tmp_path):
    X, y = rows(1, 60)

    class Picky(NoChangeClassifier):
        """Refuses one label."""

        def _targets(self, y, n_rows):
            if "odd" in list(y):
                raise ValueError("an odd label")
            return super()._targets(y, n_rows)

    labels = ["odd" if i in (7, 8, 40) else str(c) for i, c in enumerate(y)]
    sink = MemorySink()
    work(tmp_path, {"samples": [[sample(x, c) for x, c in zip(X, labels)]]}, model=Picky(),
         sink=sink, topics=Topics(predictions="out"))  # fmt: skip
    assert [r.headers["offset"] for r in sink.topics["samples.dlq"]] == ["7", "8", "40"]
    assert len(sink.topics["out"]) == 57


# -------------------------------------------------------------------- one model a key


def keyed_messages(n, n_keys, seed=3):
    X, y = rows(seed, n)
    keys = np.random.default_rng(seed).zipf(1.5, n) % n_keys
    values = [sample(x, c, id=i) for i, (x, c) in enumerate(zip(X, y))]
    return X, y, keys, [(v, f"k{k}".encode(), None) for v, k in zip(values, keys)]


def models_of(folder):
    """State of every key's model, those in files too."""
    from onlineml.persistence import load

    attached = newest(folder).attached["replica"]["stage"]["models"]
    found = {key: plain(kept) for key, kept in attached["hot"]}
    for key, number in attached["cold"]:
        path = folder / "partition-00000" / "keys" / f"{number % 256:02x}" / f"{number}.key"
        found[key] = plain(load(path).get_state())
    return {key: found[key] for key in attached["used"]}


@pytest.mark.parametrize("max_models", [3, 100])
def test_each_key_has_its_model_in_memory_or_in_a_file(tmp_path, max_models):
    X, y, keys, messages = keyed_messages(600, 12)
    source = {"samples": [messages]}
    work(tmp_path, source, keyed=True, max_models=max_models, batch_size=50,
         checkpoint_messages=100)  # fmt: skip
    found = models_of(tmp_path)
    for k in range(12):
        due = GaussianNB().start(SCHEMA).fit_many(X[keys == k], np.array(y)[keys == k])
        assert found[f"k{k}"] == plain(due.get_state())
    files = list((tmp_path / "partition-00000" / "keys").rglob("*.key"))
    assert len(files) <= 3 * 12
    assert bool(files) == (max_models == 3)


@pytest.mark.parametrize("batch_size", [1, 9])
def test_the_key_unused_for_longest_is_forgotten(tmp_path, batch_size):
    _, _, _, messages = keyed_messages(400, 30)
    options = {"keyed": True, "max_models": 4, "max_keys": 8}
    work(tmp_path / "a", {"samples": [messages]}, **options, batch_size=batch_size)
    work(tmp_path / "b", {"samples": [messages]}, **options)
    assert models_of(tmp_path / "a") == models_of(tmp_path / "b")
    assert len(models_of(tmp_path / "a")) == 8
    stage = newest(tmp_path / "a").attached["replica"]["stage"]
    assert stage["models"]["n_forgotten"] > 10


def test_a_sample_without_a_key_is_a_dead_letter(tmp_path):
    """Nor is one of a key that is too long to be kept for every model."""
    messages = [*samples(1, 5), (sample([1, 2, 3], 1), b"k" * 1001, None)]
    report = work(tmp_path, {"samples": [messages]}, keyed=True)
    assert report.partitions[0]["dead"] == 6


# -------------------------------------------------------------------- stopping and going on


def broken_off(folder, make, **changes):
    """Run until all messages are through, through every abort mark; how often it died."""
    deaths, source = 0, make()
    while True:
        try:
            work(folder, source, **changes)
            return deaths
        except AbortError:
            deaths += 1
            for log in source._logs.values():
                log.ended = False


@pytest.mark.parametrize("every", [None, 1, 40])
def test_a_worker_that_dies_goes_on_as_if_it_had_not(tmp_path, every):
    X, y = rows(12, 300)
    first = [(sample(x, y[i] if i % 3 else None, id=i), None, float(i)) for i, x in enumerate(X)]
    later = [(label(i, y[i]), None, i + 20.5) for i in range(0, 300, 3)]
    first[50] = (b"bad", None, 50.0)

    def make(*deaths):
        marked = list(first)
        for place in sorted(deaths, reverse=True):
            marked.insert(place, ABORT)
        return MemorySource({"samples": [marked], "labels": [later]})

    options = {"topics": Topics(labels="labels"), "batch_size": 16, "drift": ADWIN()}
    work(tmp_path / "clean", make(), **options)
    sink = MemorySink()
    n = broken_off(tmp_path / "died", lambda: make(30, 31, 120, 299), sink=sink,
                   checkpoint_messages=every, **options)  # fmt: skip
    assert n == 4
    assert state(tmp_path / "clean") == state(tmp_path / "died")
    assert {r.headers["offset"] for r in sink.topics["samples.dlq"]} == {"50"}


def test_keyed_models_go_on_too(tmp_path):
    _, _, _, messages = keyed_messages(400, 20)
    marked = [*messages[:150], ABORT, *messages[150:160], ABORT, *messages[160:]]
    options = {"keyed": True, "max_models": 3, "max_keys": 12, "batch_size": 20}
    work(tmp_path / "clean", {"samples": [messages]}, **options)
    n = broken_off(tmp_path / "died", lambda: MemorySource({"samples": [marked]}),
                   checkpoint_messages=60, **options)  # fmt: skip
    assert n == 2
    assert models_of(tmp_path / "clean") == models_of(tmp_path / "died")


def test_signals_stop_in_good_order(tmp_path):
    source = MemorySource({"samples": [samples(1, 500)]}, ends=False)

    def press(worker):
        if worker.figures()[0]["rows"] >= 100:
            os.kill(os.getpid(), signal.SIGTERM)
        return False

    worker = Worker(GaussianNB(), source, None, tmp_path, batch_size=50)
    report = worker.run(until=press)
    assert report.messages == 100
    assert header_of(tmp_path / "partition-00000")["positions"] == {"samples": 100}
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_revoked_partitions_are_saved_and_lost_ones_dropped(tmp_path):
    source = MemorySource({"samples": [samples(1, 100), samples(2, 100)]}, ends=False)
    first, second = Partition("samples", 0), Partition("samples", 1)
    turns = []

    def until(worker):
        turns.append(1)
        if len(turns) == 2:
            source.revoke([first])
            source.revoke([second], lost=True)
        if len(turns) == 3:
            source.assign([first, second])
        return len(turns) > 12

    worker = Worker(GaussianNB(), source, None, tmp_path, batch_size=20, schema=SCHEMA)
    worker.run(until=until)
    headers = [header_of(tmp_path / f"partition-0000{n}") for n in range(2)]
    assert [header["generation"] for header in headers] == [2, 2]
    work(tmp_path / "clean", {"samples": [samples(1, 100), samples(2, 100)]})
    for number in range(2):
        assert state(tmp_path, number) == state(tmp_path / "clean", number)


def test_a_worker_that_was_replaced_saves_nothing(tmp_path):
    source = MemorySource({"samples": [samples(1, 100)]}, ends=False)

    def until(worker):
        if worker.figures()[0]["rows"] >= 40:
            work(tmp_path, {"samples": [samples(1, 100)]})
            return True
        return False

    with pytest.raises(FencedError, match="generation 2 has this partition now"):
        Worker(GaussianNB(), source, None, tmp_path, batch_size=20, schema=SCHEMA).run(until=until)
    assert header_of(tmp_path / "partition-00000")["positions"] == {"samples": 100}


def test_lives_that_saved_nothing_leave_no_folders(tmp_path):
    """A worker that cannot even begin is started again and again, for days."""
    work(tmp_path, {"samples": [samples(1, 50)]})
    folder = tmp_path / "partition-00000"
    for _ in range(5):
        Checkpoints(folder).claim()
    assert sorted(path.name for path in folder.iterdir()) == ["00000001", "00000006"]
    work(tmp_path, {"samples": [samples(1, 100)]})
    assert header_of(folder) == header_of(folder) | {"generation": 7, "positions": {"samples": 100}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": MajorityClassifier()}, "model: got MajorityClassifier.*, of the checkpoint in"),
        ({"keyed": True}, "keyed: got True, expected False, of the checkpoint in"),
        ({"metrics": ["mae"]}, "metrics for classification"),
    ],
)
def test_who_is_refused_does_not_disturb_who_works(tmp_path, changes, words):
    messages, refused = samples(1, 100), []
    work(tmp_path, {"samples": [messages[:10]]})

    def until(worker):
        if worker.n_messages >= 40 and not refused:
            with pytest.raises(ValueError, match=words) as error:
                work(tmp_path, {"samples": [messages]}, **changes)
            refused.append(error)
        return worker.n_messages >= 90

    source = MemorySource({"samples": [messages]}, ends=False)
    Worker(GaussianNB(), source, None, tmp_path, batch_size=20, schema=SCHEMA).run(until=until)
    assert refused
    assert header_of(tmp_path / "partition-00000")["positions"] == {"samples": 100}


def test_no_partition_is_taken_before_all_are_known_to_fit(tmp_path):
    messages = samples(1, 100)
    work(tmp_path, {"samples": [[], messages]}, model=MajorityClassifier())
    source = MemorySource({"samples": [messages]}, ends=False)

    def until(worker):
        with pytest.raises(ValueError, match="model: got GaussianNB"):
            work(tmp_path, {"samples": [messages, messages]})
        return worker.n_messages >= 100

    Worker(GaussianNB(), source, None, tmp_path, batch_size=50, schema=SCHEMA).run(until=until)
    assert header_of(tmp_path / "partition-00000")["positions"] == {"samples": 100}


def test_what_is_saved_until_the_partition_is_taken_counts(tmp_path, monkeypatch):
    messages = samples(1, 100)
    work(tmp_path, {"samples": [messages[:50]]})
    claim = Checkpoints.claim

    def late(self):  # the one before saves once more
        monkeypatch.setattr(Checkpoints, "claim", claim)
        work(tmp_path, {"samples": [messages[:80]]})
        claim(self)

    monkeypatch.setattr(Checkpoints, "claim", late)
    report = work(tmp_path, {"samples": [messages]})
    assert report.partitions[0]["rows"] == 100
    work(tmp_path / "clean", {"samples": [messages]})
    assert state(tmp_path) == state(tmp_path / "clean")


def test_a_worker_that_was_replaced_says_so_whatever_it_met_first(tmp_path):
    """The files of its models of keys have gone."""
    _, _, _, messages = keyed_messages(400, 20)
    options = {"keyed": True, "max_models": 3, "schema": SCHEMA}
    source, taken = MemorySource({"samples": [messages]}, ends=False), []

    def until(worker):
        if worker.n_messages >= 200 and not taken:
            taken.append(work(tmp_path, {"samples": [messages]}, **options))
        return worker.n_messages >= 400

    worker = Worker(GaussianNB(), source, None, tmp_path, batch_size=20, **options)
    with pytest.raises(FencedError, match="generation 2 has this partition now"):
        worker.run(until=until)
    assert taken[0].partitions[0]["rows"] == 400


def test_a_worker_whose_empty_folder_has_gone_saves_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "partition-00000"
    first = Checkpoints(folder)
    first.claim()
    saved = checkpoints.save

    def late(*args, **options):  # another worker starts while this one writes
        Checkpoints(folder).claim()
        saved(*args, **options)

    monkeypatch.setattr(checkpoints, "save", late)
    with pytest.raises(FencedError, match="generation 2 has this partition now"):
        first.save(GaussianNB(), {"samples": 1}, {}, None)
    assert [path.name for path in folder.iterdir()] == ["00000002"]


def test_a_disk_that_fills_costs_nothing_but_time(tmp_path, monkeypatch):
    """Not once, and not again and again, as where the worker is started at once each time."""
    messages, saved, n_saves = samples(1, 200), checkpoints.save, []
    messages[50] = b"bad"
    options = {"topics": Topics(predictions="out"), "checkpoint_messages": 20, "batch_size": 20}

    def full(*args, **options):
        n_saves.append(1)
        if len(n_saves) in (3, 4, 7):
            raise OSError(28, "No space left on device", "state.onl")
        return saved(*args, **options)

    sink, n_stops = MemorySink(), 0
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "save", full)
        while True:
            try:
                work(tmp_path / "full", {"samples": [messages]}, sink=sink, **options)
                break
            except OSError:
                n_stops += 1
    work(tmp_path / "clean", {"samples": [messages]}, sink=(clean := MemorySink()), **options)
    assert n_stops == 3
    assert state(tmp_path / "full") == state(tmp_path / "clean")
    for topic in ("out", "samples.dlq"):
        assert {r.value for r in sink.topics[topic]} == {r.value for r in clean.topics[topic]}


def test_what_retention_took_is_an_error_or_is_counted(tmp_path):
    def source():
        made = MemorySource({"samples": [samples(1, 100)]})
        made.drop("samples", 0, 30)
        return made

    work(tmp_path, {"samples": [samples(1, 10)]})
    with pytest.raises(LostMessagesError, match="20 messages lost") as error:
        work(tmp_path, source())
    assert "skip_lost" in error.value.__notes__[0]
    report = work(tmp_path, source(), skip_lost=True)
    assert report.partitions[0]["missed"] == 20
    assert report.partitions[0]["rows"] == 80


def test_another_model_than_that_of_the_checkpoint_is_refused(tmp_path):
    work(tmp_path, {"samples": [samples(1, 10)]})
    with pytest.raises(
        ValueError, match=r"model: got GaussianNB\(var_floor=1\), expected GaussianNB"
    ):
        work(tmp_path, {"samples": [samples(1, 10)]}, model=GaussianNB(var_floor=1))


def test_a_damaged_checkpoint_falls_back_on_the_one_before(tmp_path, caplog):
    messages = samples(1, 100)
    work(tmp_path, {"samples": [messages]}, checkpoint_messages=30, batch_size=10)
    path = max((tmp_path / "partition-00000").glob("[0-9]*/state.onl"))
    path.write_bytes(path.read_bytes()[:-9])
    work(tmp_path, {"samples": [messages]})
    assert "loaded" in caplog.text
    work(tmp_path / "clean", {"samples": [messages]})
    assert state(tmp_path) == state(tmp_path / "clean")


# -------------------------------------------------------------------- back-pressure, mistakes


@pytest.mark.parametrize("patience", [0.0, 5.0])
def test_a_slow_sink_holds_the_source(tmp_path, monkeypatch, patience):
    monkeypatch.setattr("onlineml.evaluation.worker.worker._SHORT_WAIT", patience)

    class Slow(MemorySink):
        waiting = 0
        worst = 0

        def write(self, records):
            super().write(records)
            self.waiting += len(records)

        def backlog(self):
            self.worst = max(self.worst, self.waiting)
            self.waiting = max(self.waiting - 3, 0)
            return self.waiting

    sink = Slow()
    work(tmp_path, {"samples": [samples(1, 500)]}, sink=sink, topics=Topics(predictions="out"),
         max_backlog=20, batch_size=10)  # fmt: skip
    assert len(sink.topics["out"]) == 500
    assert sink.worst <= 40


def test_a_topic_that_is_far_ahead_rests(tmp_path, monkeypatch):
    monkeypatch.setattr("onlineml.evaluation.worker.worker._LONGEST_QUEUE", 20)
    first = [(sample(x, None, id=i), None, 10.0 + i) for i, x in enumerate(rows(1, 200)[0])]
    later = [(label(i, 0), None, float(i)) for i in range(200)]
    source = MemorySource({"samples": [first], "labels": [later]})
    rests = []
    pause = source.pause
    monkeypatch.setattr(source, "pause", lambda partitions: (rests.append(1), pause(partitions)))
    work(tmp_path, source, topics=Topics(labels="labels"), batch_size=30)
    assert rests
    assert newest(tmp_path).extra["figures"]["learned"] == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": StandardScaler()}, "a classifier, a regressor or a detector"),
        ({"max_pending": 0}, "max_pending: got 0"),
        ({"maxpending": 1}, "settings: got 'maxpending'"),
        ({"alert_above": 1.0}, "only detectors score"),
        ({"form": "avro"}, "json or arrow"),
        ({"metrics": ["mae"]}, "metrics for classification"),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path, changes, words):
    with pytest.raises(ValueError, match=words):
        work(tmp_path, {"samples": [samples(1, 3)]}, **changes)
    with pytest.raises(ValueError, match="different names"):
        Topics(samples="a", labels="a")


def test_topics_need_the_same_partitions(tmp_path):
    source = {"samples": [samples(1, 3), samples(2, 3)], "labels": [[]]}
    with pytest.raises(ValueError, match="equal numbers of partitions"):
        work(tmp_path, source, topics=Topics(labels="labels"))


# -------------------------------------------------------------------- requests to forget


def test_rows_are_forgotten_by_id_or_by_what_they_were(tmp_path):
    X, y = rows(1, 20)
    first = [(sample(x, c, id=i), None, float(i)) for i, (x, c) in enumerate(zip(X, y))]
    requests = [b'{"id": 3}', b'{"id": 3}', b'{"id": 1}', b"{}", sample(X[7], y[7])]
    forget = [(request, None, 30.0) for request in requests]
    sink, topics = MemorySink(), Topics(forget="forget", receipts="receipts")
    report = work(tmp_path, {"samples": [first], "forget": [forget]}, sink=sink, topics=topics,
                  remember=18)  # fmt: skip
    due = GaussianNB().start(SCHEMA).fit_many(X, y)
    due.unlearn_one(X[3], y[3])
    due.unlearn_one(X[7], y[7])
    assert dumps(newest(tmp_path).model) == dumps(due)
    receipts = written(sink, "receipts")
    assert [line["id"] for line in receipts] == [3, 3, 1, None]
    assert [line["kind"] for line in receipts] == ["exact", "refused", "refused", "exact"]
    assert "row 3 is not known" in receipts[1]["reason"]
    (letter,) = sink.topics["samples.dlq"]
    assert "neither an id nor features" in letter.headers["error"]
    assert (report.partitions[0]["forgotten"], report.partitions[0]["dead"]) == (2, 1)


def test_all_rows_of_an_id_go_those_that_wait_too(tmp_path):
    """Also of an id that waits for its next label, whose earlier rows were learned."""
    X, y = rows(1, 40)
    ids = ["person" if i % 5 == 0 else i for i in range(40)]
    first = [
        (sample(x, None if i == 35 else c, id=d), None, float(i))
        for i, (x, c, d) in enumerate(zip(X, y, ids))
    ]
    forget = [(b'{"id": "person"}', None, 50.0), (b'{"id": "person"}', None, 51.0)]
    later = [(label("person", y[35]), None, 60.0)]
    sink = MemorySink()
    topics = Topics(labels="labels", forget="forget", receipts="receipts")
    given = {"samples": [first], "labels": [later], "forget": [forget]}
    report = work(tmp_path, given, sink=sink, topics=topics, model=KNNClassifier())
    kept = [i for i in range(40) if ids[i] != "person"]
    due = KNNClassifier().start(SCHEMA).fit_many(X[kept], np.array(y)[kept])
    assert newest(tmp_path).model.predict_many(X).tolist() == due.predict_many(X).tolist()
    assert len(newest(tmp_path).attached["replica"]["stage"]["learned"]["ids"]) == 32
    assert [line["kind"] for line in written(sink, "receipts")] == ["exact", "refused"]
    assert (report.partitions[0]["forgotten"], report.partitions[0]["learned"]) == (1, 39)


def test_receipts_say_that_older_rows_of_an_id_may_remain(tmp_path):
    X, y = rows(1, 30)
    first = [(sample(x, c, id="ab"[i % 2]), None, 0.0) for i, (x, c) in enumerate(zip(X, y))]
    sink, topics = MemorySink(), Topics(forget="forget", receipts="receipts")
    given = {"samples": [first], "forget": [[(b'{"id": "a"}', None, 1.0)]]}
    work(tmp_path, given, sink=sink, topics=topics, remember=20)
    due = GaussianNB().start(SCHEMA).fit_many(X, y)
    for i in range(10, 30, 2):
        due.unlearn_one(X[i], y[i])
    assert dumps(newest(tmp_path).model) == dumps(due)
    (receipt,) = written(sink, "receipts")
    assert (receipt["kind"], receipt["rows"]) == ("exact", 10)
    assert receipt["reason"] == "rows of this id before the last 20, if any, remain"


def test_rows_of_an_id_that_a_model_refuses_are_counted(tmp_path):
    X, y = rows(1, 30)
    first = [(sample(x, c, id="a"), None, 0.0) for i, (x, c) in enumerate(zip(X, y))]
    sink, topics = MemorySink(), Topics(forget="forget", receipts="receipts")
    given = {"samples": [first], "forget": [[(b'{"id": "a"}', None, 1.0)]]}
    work(tmp_path, given, sink=sink, topics=topics, model=KNNClassifier(window_size=10))
    (receipt,) = written(sink, "receipts")
    assert (receipt["kind"], receipt["rows"]) == ("exact", 10)
    assert receipt["reason"] == "20 of 30 rows of this id were refused"


@pytest.mark.parametrize("shards", [None, 3])
def test_the_row_of_the_id_is_forgotten_by_replay_too(tmp_path, shards):
    """Not the row whose number in the log is the id."""
    X, y = rows(4, 200)
    ids = np.random.default_rng(0).permutation(200).tolist()
    base = HoeffdingTreeClassifier(grace_period=20)
    model = Replayable(base) if shards is None else Sharded(base, n_shards=shards)
    messages = [(sample(x, label, id=i), None, 0.0) for i, x, label in zip(ids, X, y)]
    requests = [(b'{"id": 17}', None, 1.0), (b'{"id": 17}', None, 2.0)]
    sink = MemorySink()
    topics = Topics(forget="forget", receipts="receipts")
    given = {"samples": [messages], "forget": [requests]}
    work(tmp_path, given, model=model, sink=sink, topics=topics)
    assert [line["kind"] for line in written(sink, "receipts")] == ["replayed", "refused"]
    found = newest(tmp_path).model
    if shards is None:
        rest = [i for i in range(200) if ids[i] != 17]
        gold = base.clone().start(SCHEMA).fit_many(X[rest], np.array(y)[rest])
        assert found.predict_proba_many(X).tobytes() == gold.predict_proba_many(X).tobytes()
    at = ids.index(17)
    assert not found.unlearn_one(X[at], y[at]).forgotten
    assert found.unlearn_one(X[17], y[17]).forgotten
