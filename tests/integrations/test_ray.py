"""Actors of Ray: killed, told to stop, dying for ever; evaluations as tasks."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

pytest.importorskip("ray")
pytest.importorskip("confluent_kafka")
from click.testing import CliRunner

from onlineml.cli import main
from onlineml.datasets.messages import MemorySource
from onlineml.datasets.sinks import MemorySink
from onlineml.evaluation import compare
from onlineml.evaluation.worker import Topics, Worker
from onlineml.integrations import KafkaSink, KafkaSource, MockCluster, RayExecutor, supervise
from onlineml.learners import GaussianNB, HoeffdingTreeClassifier
from tests.evaluation.worker.messages import rows, sample, state
from tests.integrations.brokers import QUICK, content, fill

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
TOPICS = Topics(samples="samples", predictions="predictions")
N = 20_000


def worker(address, folder, ends, partitions, kind=Worker):
    config = {"bootstrap.servers": address, "group.id": "g", **QUICK}
    source = KafkaSource(config, partitions=partitions, ends=ends)
    sink = KafkaSink({"bootstrap.servers": address})
    changes = {"checkpoint_messages": 500, "batch_size": 100}
    return kind(GaussianNB(), source, sink, folder, topics=TOPICS, **changes)


class Mortal(Worker):
    """Is killed amid its work, unless there is a tomb of its partitions."""

    tomb = None

    def run(self, *, until=None):
        return super().run(until=self.die)

    def die(self, worker):
        if self.n_messages > 3000 and not self.tomb.exists():
            self.tomb.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return False


def mortal(address, folder, tombs, partitions):
    made = worker(address, folder, True, partitions, kind=Mortal)
    made.tomb = tombs / str(list(partitions))
    return made


def doomed(partitions):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def cluster():
    with MockCluster() as made:
        yield made


@pytest.fixture
def messages(cluster):
    content = []
    for number in range(4):
        X, y = rows(number + 1, N)
        content.append([sample(x, label, id=i) for i, (x, label) in enumerate(zip(X, y))])
    fill(cluster, "samples", content)
    cluster.create("predictions", 2)
    return content


def test_each_partition_is_killed_once_and_nothing_shows(cluster, messages, tmp_path):
    source, sink = MemorySource({"samples": messages}), MemorySink()
    Worker(GaussianNB(), source, sink, tmp_path / "quiet", topics=TOPICS).run()
    folder, tombs = tmp_path / "killed", tmp_path / "tombs"
    tombs.mkdir()
    make = partial(mortal, cluster.address, folder, tombs)
    reports = supervise(make, range(4), folder, n_actors=2)
    assert sorted(tomb.name for tomb in tombs.iterdir()) == ["[0, 2]", "[1, 3]"]
    assert sorted(number for report in reports for number in report.partitions) == [0, 1, 2, 3]
    for number in range(4):
        assert state(tmp_path / "quiet", number) == state(folder, number)
    due = {record.value for record in sink.topics["predictions"]}
    assert {value for value, _ in content(cluster, "predictions")} == due


def test_they_stop_when_they_are_told_to(cluster, messages, tmp_path):
    make = partial(worker, cluster.address, tmp_path, False)

    told = []

    def stop(lives):
        if not told and lives and all(life.messages for life in lives):
            told.append(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    reports = supervise(make, range(2), tmp_path, n_actors=2, on_status=stop)
    assert all(report.messages for report in reports)
    assert signal.getsignal(signal.SIGTERM) == before


def test_one_that_keeps_dying_is_given_up(tmp_path):
    with pytest.raises(RuntimeError, match=r"partitions \(0,\): died 2 times at the same place"):
        supervise(doomed, [0], tmp_path, n_actors=1, max_deaths=1)


def test_mistakes_come_as_they_are(cluster, messages, tmp_path):
    make = partial(worker, cluster.address, tmp_path, True)
    with pytest.raises(ValueError, match="partitions: got"):
        supervise(make, [7], tmp_path, n_actors=1)
    with pytest.raises(ValueError, match="n_actors: got 0, expected a whole number >= 1"):
        supervise(make, [0], tmp_path, n_actors=0)


def test_the_command(cluster, messages, tmp_path):
    words = ["-m", "GaussianNB", "-b", cluster.address, "-g", "g", "--ray", "--actors", "2",
             "--until-end", "--checkpoints", str(tmp_path / "state")]  # fmt: skip
    done = CliRunner().invoke(main, ["consume", *words])
    assert done.exit_code == 0, done.output
    assert f"{4 * N:,} messages, 4 partitions" in done.output
    done = CliRunner().invoke(main, ["consume", "-m", "GaussianNB", "-s", "x.jsonl", "--ray"])
    assert done.exit_code == 2
    assert "actors read Kafka, not files" in done.output


def test_comparisons_are_the_same_as_in_processes():
    models = [GaussianNB(), HoeffdingTreeClassifier()]
    here = compare(models, ["sea_a", "rbf_m"], max_rows=2000)
    there = compare(models, ["sea_a", "rbf_m"], max_rows=2000, executor=RayExecutor(n_jobs=2))
    assert there.table("accuracy") == here.table("accuracy")
    with pytest.raises(ValueError, match="no_such"):
        compare(models, ["sea_a"], metrics=["no_such"], executor=RayExecutor(n_jobs=1))
