"""Workers on Kafka, killed, shut out and cut off, end up as a quiet one does, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import orjson
import pytest

pytest.importorskip("confluent_kafka")
from onlineml.datasets.messages import MemorySource
from onlineml.datasets.sinks import MemorySink
from onlineml.evaluation.worker import Topics, Worker
from onlineml.integrations import MockCluster
from onlineml.learners import GaussianNB
from tests.evaluation.worker.messages import ENVIRONMENT, label, rows, sample, state
from tests.integrations.brokers import QUICK, content, fill, new, open_cluster
from tests.integrations.kafka_life import SETTINGS, live

#: How long the worker's memory is watched.
SOAK_SECONDS = float(os.environ.get("ONLINEML_SOAK_SECONDS", "600"))
#: Errors that brokers recover from, by the request that is refused with them; -195 cuts it off.
ERRORS = {
    "fetch": [6, 7, -195], "produce": [6, 7, 19, -195], "offsets": [6, -195], "metadata": [-195],
    "heartbeat": [15, 16, 27], "join": [15, 16],
}  # fmt: skip


class Arena:
    """Topics full of messages, a folder for the state, and what a quiet run makes of them."""

    def __init__(self, cluster, folder, n_partitions, n_rows, *, grouped):
        self.cluster, self.folder, self.n_partitions = cluster, folder, n_partitions
        self.topics = {
            name: new(name) for name in ("samples", "labels", "predictions", "dead_letters")
        }
        content = [_messages(number, n_rows) for number in range(n_partitions)]
        samples, labels = zip(*content)
        fill(cluster, self.topics["samples"], samples)
        fill(cluster, self.topics["labels"], labels)
        for name in ("predictions", "dead_letters"):
            cluster.create(self.topics[name], 2)
        self.given = {
            "reader": {"bootstrap.servers": cluster.address, "group.id": new("group"), **QUICK},
            "writer": {
                "bootstrap.servers": cluster.address,
                "reconnect.backoff.max.ms": 100,
                "max.in.flight.requests.per.connection": 1,  # see MockCluster
            },
            "partitions": None if grouped else list(range(n_partitions)),
            "ends": True,
            "changes": {},
            "folder": str(folder / "killed"),
            "topics": self.topics,
            "most_rows": n_rows,
        }
        self._quiet(samples, labels)

    def _quiet(self, samples, labels):
        """The same messages from memory, in one life."""
        topics = Topics(**self.topics)
        source = MemorySource({topics.samples: samples, topics.labels: labels})
        self.sink = MemorySink()
        folder = self.folder / "quiet"
        Worker(GaussianNB(), source, self.sink, folder, topics=topics, **SETTINGS).run()

    def life(self, seed):
        """A worker that dies as `seed` says."""
        text = orjson.dumps(self.given | {"seed": seed}).decode()
        command = [sys.executable, "-m", "tests.integrations.kafka_life", text]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT)

    def compare(self):
        """Nothing may be lost, and nothing may count twice."""
        for number in range(self.n_partitions):
            assert state(self.folder / "quiet", number) == state(self.folder / "killed", number)
        name = self.topics["predictions"]
        due = [record.value for record in self.sink.topics[name]]
        assert len(due) == len(set(due))
        assert {value for value, _ in content(self.cluster, name)} == set(due)
        name = self.topics["dead_letters"]
        due = [(record.value, record.headers) for record in self.sink.topics[name]]
        got = content(self.cluster, name)
        assert {_place(*letter) for letter in got} == {_place(*letter) for letter in due}
        assert len({_place(*letter) for letter in due}) == len(due)


def _place(value, headers):
    return headers["topic"], headers["partition"], headers["offset"], headers["error"], value


def _messages(number, n):
    """Samples, some of them bad, and their labels, which come late, in the order of time."""
    X, y = rows(number + 1, n)
    chance = random.Random(number)
    samples = [sample(x, None, id=i, time=float(i)) for i, x in enumerate(X)]
    for i in range(50, n, 97):
        samples[i] = b'{"x": {"a": "bad"}}' if i % 2 else b"\xff\x00"
    late = sorted((i + chance.expovariate(1 / 20), i) for i in range(n))
    return samples, [label(i, y[i])[:-1] + b', "time": %f}' % time for time, i in late]


def ended(process):
    """How a life ended: the moment of its death, "done" or "fenced"."""
    out, errors = process.communicate(timeout=120)
    assert process.returncode in (0, -9), errors
    return out.split()[-1]


class Trouble(threading.Thread):
    """Takes brokers away and lets requests fail, at random, until told to stop."""

    def __init__(self, cluster, seed):
        super().__init__(daemon=True)
        self.cluster, self.chance, self.over = cluster, random.Random(seed), threading.Event()
        self.n_times = 0

    def run(self):
        while not self.over.wait(self.chance.uniform(0.3, 1.5)):
            self.n_times += 1
            if self.chance.random() < 0.3:
                self.cluster.set_down()
                self.over.wait(self.chance.uniform(0.1, 0.8))
                self.cluster.set_up()
                continue
            request = self.chance.choice(list(ERRORS))
            self.cluster.fail(request, self.chance.choices(ERRORS[request], k=3))

    def stop(self):
        self.over.set()
        self.join()


@pytest.fixture(params=["mock", "real"])
def cluster(request):
    yield from open_cluster(request.param)


def test_kills_leave_no_trace(cluster, tmp_path):
    arena = Arena(cluster, tmp_path, 2, 500, grouped=False)
    assert [ended(arena.life(seed)) for seed in (39, 36, 2)] == ["torn", "before", "row"]
    if isinstance(cluster, MockCluster):
        cluster.fail("fetch", [6, -195])
        cluster.fail("produce", [7, -195])
    assert live(arena.given | {"seed": 0}) == "done"
    arena.compare()


@pytest.mark.slow
@pytest.mark.parametrize("run", range(3))
def test_many_kills_in_a_group_amid_trouble(cluster, tmp_path, run):
    arena = Arena(cluster, tmp_path, 4, 8000, grouped=True)
    trouble = Trouble(cluster, run) if isinstance(cluster, MockCluster) else None
    if trouble is not None:
        trouble.start()
    try:
        ends = _many_lives(arena, 18, first_seed=1 + 1000 * run)
    finally:
        if trouble is not None:
            trouble.stop()
    assert trouble is None or trouble.n_times > 10
    assert live(arena.given | {"seed": 0}) == "done"
    arena.compare()
    print(f"{len(ends)} lives: {', '.join(ends)}")


def _many_lives(arena, n_kills, first_seed):
    """How the lives of a group of two ended, until so many were killed."""
    seed, ends = first_seed + 1, []
    members = [arena.life(first_seed), arena.life(first_seed + 1)]
    try:
        while sum(end not in ("done", "fenced") for end in ends) < n_kills:
            over = [i for i, member in enumerate(members) if member.poll() is not None]
            for i in over:
                ends.append(ended(members[i]))
                seed += 1
                assert seed < first_seed + 5 * n_kills, ends
                members[i] = arena.life(seed)
            threading.Event().wait(0.05)
        return ends
    finally:
        for member in members:
            member.kill()
            member.communicate()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is looked up in /proc")
def test_memory_stays_flat(cluster, tmp_path):
    arena = Arena(cluster, tmp_path, 4, 200, grouped=True)
    changes = {"checkpoint_messages": None, "checkpoint_seconds": 2.0, "batch_size": 2000}
    arena.given |= {"ends": False, "changes": changes}
    worker, began = arena.life(0), time.monotonic()
    sizes, first = [], 200
    while (passed := time.monotonic() - began) < SOAK_SECONDS:
        assert worker.poll() is None, worker.communicate()
        _more(arena, first, first + 500)
        first += 500
        if passed > 0.2 * SOAK_SECONDS:
            pages = int(Path(f"/proc/{worker.pid}/statm").read_text().split()[1])
            sizes.append(pages * os.sysconf("SC_PAGESIZE") / 2**20)
        time.sleep(0.4)
    worker.send_signal(signal.SIGTERM)
    assert ended(worker) == "done"
    quarter = len(sizes) // 4
    early, late = np.percentile(sizes[:quarter], 90), np.percentile(sizes[-quarter:], 90)
    print(f"{8 * first:,} messages, {early:.1f} MB at first, {late:.1f} MB in the end")
    assert late - early < 4.0


def _more(arena, first, end):
    """Further samples in all partitions, and the labels of those that came 100 before."""
    X, y = rows(1, 1000)
    ids = range(first, end)
    samples = [sample(X[i % 1000], None, id=i, time=float(i)) for i in ids]
    labels = [
        label(i - 100, y[(i - 100) % 1000])[:-1] + b', "time": %d}' % i for i in ids if i >= 300
    ]
    fill(arena.cluster, arena.topics["samples"], [samples] * 4, create=False)
    fill(arena.cluster, arena.topics["labels"], [labels] * 4, create=False)
