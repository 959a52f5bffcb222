"""Messages of Kafka through the worker and a model: `python -m benchmarks.kafka --help`.

The brokers are librdkafka's own, in a process of their own, so that only the worker is measured.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import numpy as np
import orjson
from rich.console import Console

from benchmarks.measure import ROOT
from benchmarks.report import figures_table
from onlineml.evaluation.worker import Topics, Worker
from onlineml.evaluation.worker.blocks import encoded
from onlineml.integrations import KafkaSink, KafkaSource, MockCluster
from onlineml.learners import GaussianNB

_FEATURES = [f"f{i}" for i in range(10)]
_PER_MESSAGE = 1000  # rows of a record batch
_SECONDS = 5.0  # between checkpoints


def messages(form: str, n_rows: int) -> Iterator[bytes]:
    """Rows of ten numbers with a label that depends on two of them."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n_rows, len(_FEATURES))).round(4)
    y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)
    if form == "arrow":
        for first in range(0, n_rows, _PER_MESSAGE):
            part = slice(first, first + _PER_MESSAGE)
            columns = {name: X[part, j].copy() for j, name in enumerate(_FEATURES)}
            yield encoded(columns | {"y": y[part]})
        return
    for i, (x, label) in enumerate(zip(X.tolist(), y.tolist())):
        yield orjson.dumps({"id": i, "x": dict(zip(_FEATURES, x)), "y": label})


def host(form: str, n_rows: int, n_partitions: int) -> None:
    """Serve topics until standard input ends: `few` for a warm-up, `rows`, and some for output."""
    from confluent_kafka import Producer

    with MockCluster() as cluster:
        producer = Producer({"bootstrap.servers": cluster.address, "log_level": 0})
        for topic, n in (("few", 20_000), ("rows", n_rows)):
            cluster.create(topic, n_partitions)
            for i, value in enumerate(messages(form, n)):
                producer.produce(topic, value, partition=i % n_partitions)
                if i % 10_000 == 0:
                    producer.flush()
        producer.flush()
        print(cluster.address, flush=True)
        sys.stdin.read()


@contextmanager
def hosted(*arguments: object) -> Iterator[str]:
    """The address of brokers in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.kafka", "--host", *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def worked(address: str, topic: str, form: str, out: str | None, **changes: Any) -> Any:
    """What a worker of its own group reports of all messages of a topic."""
    config = {"bootstrap.servers": address}
    source = KafkaSource(config | {"group.id": f"{topic}-{time.time_ns()}"}, ends=True)
    topics = Topics(samples=topic, predictions=out, dead_letters="dead")
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(GaussianNB(), source, KafkaSink(config), folder, topics=topics, form=form,
                        **changes)  # fmt: skip
        report = worker.run()
    unlearned = sum(f["rows"] - f["learned"] + f["dead"] for f in report.partitions.values())
    assert unlearned == 0, report
    return report


def rate(address: str, form: str, n_rows: int, repeats: int, out: str | None) -> float:
    """Rows per CPU-second of the whole process, the client's threads included."""
    worked(address, "few", form, out)
    reports = [worked(address, "rows", form, out, checkpoint_seconds=1e9) for _ in range(repeats)]
    for report in reports:
        assert sum(f["learned"] for f in report.partitions.values()) == n_rows, report
    return n_rows / statistics.median(report.cpu_seconds for report in reports)


def saving(address: str, n_partitions: int) -> tuple[float, float]:
    """CPU-seconds and wall seconds of a checkpoint of all partitions, synced to the disk."""
    cpu: list[float] = []
    wall: list[float] = []
    save = Worker.save

    def timed(worker: Worker) -> None:
        before, began = time.process_time(), time.perf_counter()
        save(worker)
        cpu.append(time.process_time() - before)
        wall.append(time.perf_counter() - began)

    Worker.save = timed  # type: ignore[method-assign]  # timed for a while
    try:
        worked(address, "rows", "json", None, checkpoint_seconds=0.2)
    finally:
        Worker.save = save  # type: ignore[method-assign]  # timed for a while
    return statistics.median(cpu), statistics.median(wall)


def measured(n_rows: int, n_partitions: int, repeats: int) -> Iterator[tuple[str, str]]:
    """Figures as they come."""
    with hosted("json", n_rows, n_partitions) as address:
        for out, words in ((None, "learned"), ("scores", "learned, predictions written")):
            figure = rate(address, "json", n_rows, repeats, out)
            yield f"JSON messages, {words}", f"{figure:,.0f} per CPU-s"
        cpu, wall = saving(address, n_partitions)
        yield f"a checkpoint of {n_partitions} partitions", f"{1e3 * cpu:.0f} ms of CPU"
        yield f"  as a share of {_SECONDS:g} s: CPU", f"{100 * cpu / _SECONDS:.2f} %"
        yield f"  as a share of {_SECONDS:g} s: on the wall", f"{100 * wall / _SECONDS:.2f} %"
    n_rows = 4 * n_rows // _PER_MESSAGE * _PER_MESSAGE
    with hosted("arrow", n_rows, 2 * n_partitions) as address:
        for out, words in ((None, "learned"), ("scores", "learned, predictions written")):
            figure = rate(address, "arrow", n_rows, repeats, out)
            yield f"rows of Arrow messages, {words}", f"{figure:,.0f} per CPU-s"


@click.command()
@click.option("--rows", default=200_000, show_default=True, help="JSON messages; Arrow: 4x rows.")
@click.option("--partitions", default=8, show_default=True, help="Of the topic; Arrow: twice.")
@click.option("--repeats", default=3, show_default=True, help="Runs of each; the median counts.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(rows: int, partitions: int, repeats: int, as_json: bool) -> None:
    """Measure naive Bayes over messages of ten features: answered, scored, learned."""
    figures = list(measured(rows, partitions, repeats))
    if as_json:
        print(json.dumps(dict(figures)))
    else:
        Console().print(figures_table(figures))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--host"]:
        host(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
