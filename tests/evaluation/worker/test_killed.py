"""SIGKILL at random rows, in torn writes, before and after renames: nothing lost, nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tests.evaluation.worker.messages import ENVIRONMENT, label, rows, sample, state

# What dies: a worker over files.
CHILD = """
    import sys
    from onlineml.datasets.message_files import JSONLinesSource
    from onlineml.datasets.sinks import JSONLinesSink
    from onlineml.detectors import ADWIN
    from onlineml.evaluation.worker import Fields, Topics, Worker
    from onlineml.learners import GaussianNB
    from tests.evaluation.worker.dying import Doom
    folder, out, seed = sys.argv[1:4]
    doom, files = Doom(int(seed), most_rows=1500), sys.argv[4:]
    source = JSONLinesSource({"samples": files[0::2], "labels": files[1::2]})
    topics = Topics(labels="labels", predictions="out")
    fields = Fields(time="time")
    worker = Worker(GaussianNB(), source, JSONLinesSink(out), folder, topics=topics, window=50,
                    fields=fields, checkpoint_seconds=1e9, drift=ADWIN(), **doom.changes())
    worker.run(until=doom.at_row)
    print("done", flush=True)
"""


def write_topics(folder, n_partitions, n):
    paths = []
    for number in range(n_partitions):
        X, y = rows(number + 1, n)
        rng = np.random.default_rng(number)
        lines = [sample(x, None, id=i, time=float(i)) for i, x in enumerate(X)]
        for i in range(50, n, 97):
            lines[i] = b'{"x": {"a": "bad"}}'
        late = sorted((i + float(rng.exponential(20)), i) for i in range(n))
        labels = [label(i, y[i])[:-1] + b', "time": %f}' % time for time, i in late]
        for name, content in (("samples", lines), ("labels", labels)):
            paths.append(folder / f"{name}-{number}.jsonl")
            paths[-1].write_bytes(b"\n".join(content) + b"\n")
    return paths


def life(folder, out, seed, paths):
    """One life of the worker; how it ended."""
    command = [sys.executable, "-c", textwrap.dedent(CHILD), folder, out, str(seed), *paths]
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    assert done.returncode in (0, -9), done.stderr
    return done.stdout.split()[-1]


def check_kills(tmp_path, n_partitions, n_rows, kills, first_seed):
    paths = write_topics(tmp_path, n_partitions, n_rows)
    assert life(tmp_path / "clean", tmp_path / "clean-out", 0, paths) == "done"
    ends, seed = [], first_seed
    while len([end for end in ends if end != "done"]) < kills and seed < first_seed + 3 * kills:
        ends.append(life(tmp_path / "killed", tmp_path / "out", seed, paths))
        seed += 1
    assert life(tmp_path / "killed", tmp_path / "out", 0, paths) == "done"
    for number in range(n_partitions):
        assert state(tmp_path / "clean", number) == state(tmp_path / "killed", number)
    for topic, key in (("out", prediction), ("samples.dlq", letter)):
        due = [key(line) for line in lines_of(tmp_path / "clean-out", topic)]
        got = [key(line) for line in lines_of(tmp_path / "out", topic)]
        assert len(due) == len(set(due))
        assert set(got) == set(due)
    return ends


def lines_of(folder, topic):
    """Whole lines of a topic; a kill may cut one, whose message is written again."""
    for line in (folder / f"{topic}.jsonl").read_bytes().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def prediction(line):
    return line["partition"], line["offset"], line["prediction"]


def letter(line):
    return line["headers"]["partition"], line["headers"]["offset"], line["base64"]


def test_a_few_kills(tmp_path):
    ends = check_kills(tmp_path, 2, 800, kills=3, first_seed=1)
    assert set(ends) - {"done"}


@pytest.mark.slow
@pytest.mark.parametrize("run", range(3))
def test_many_kills(tmp_path, run):
    ends = check_kills(tmp_path, 4, 6000, kills=18, first_seed=1 + 1000 * run)
    assert len([end for end in ends if end != "done"]) >= 17
