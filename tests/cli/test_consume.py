"""`onlineml consume`: on files, on brokers inside this process, and everything it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from onlineml.cli import main
from onlineml.cli.config import resolve
from onlineml.cli.mistakes import Mistake
from onlineml.cli.pipeline import Pipeline
from onlineml.evaluation.worker import header_of
from onlineml.learners import GaussianNB
from onlineml.persistence import save
from tests.evaluation.worker.messages import label, rows, samples

ROOT = Path(__file__).resolve().parents[2]


def call(*words):
    return CliRunner().invoke(main, ["consume", *map(str, words)])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, lines):
    Path(name).write_bytes(b"\n".join(lines) + b"\n")
    return name


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def positions(folder, number=0):
    return header_of(Path(folder) / f"partition-{number:05d}")["positions"]


# -------------------------------------------------------------------- files


def test_files_are_answered_and_learned_once():
    write("samples.jsonl", [*samples(1, 300), b"no JSON"])
    done = call("--model", "GaussianNB", "--source", "samples.jsonl")
    assert done.exit_code == 0, done.output
    assert "301 messages, 1 partition, 1 dead letter, accuracy 0.8" in done.stderr
    out = lines("consumed/predictions.jsonl")
    assert [line["offset"] for line in out] == list(range(300))
    assert lines("consumed/samples.dlq.jsonl")[0]["headers"]["error"].startswith("not JSON")
    assert positions("consumed/checkpoints") == {"samples": 301}
    again = call("--model", "GaussianNB", "--source", "samples.jsonl")
    assert "Nothing was new" in again.stderr
    assert len(lines("consumed/predictions.jsonl")) == 300


def test_a_file_without_a_message_is_told_from_one_that_was_read():
    Path("samples.jsonl").touch()
    assert "No message came." in call("--model", "GaussianNB", "--source", "samples.jsonl").stderr


def test_a_file_that_was_made_anew_is_read_where_that_is_wanted():
    words = ["-m", "GaussianNB", "-s", "samples.jsonl"]
    write("samples.jsonl", samples(1, 300))
    assert call(*words).exit_code == 0
    write("samples.jsonl", samples(2, 100))
    done = call(*words)
    assert done.exit_code == 1
    assert "it was made anew" in done.stderr
    done = call(*words, "--set", "skip_lost=true")
    assert done.exit_code == 0
    assert len(lines("consumed/predictions.jsonl")) == 400
    assert positions("consumed/checkpoints") == {"samples": 100}
    assert "Nothing was new" in call(*words).stderr


def test_a_pipeline_for_kafka_is_tried_on_files(monkeypatch):
    monkeypatch.setenv("BROKERS", "nowhere:1")
    X, _ = rows(1, 200)
    flat = [json.dumps({"id": i, "a": a, "b": b}).encode() for i, (a, b, _) in enumerate(X)]
    write("rows.jsonl", flat)
    write("labels.jsonl", [label(i, bool(a > 0)) for i, (a, *_) in enumerate(X)])
    Path("pipeline.yaml").write_text(
        yaml.safe_dump(
            {
                "model": "StandardScaler | LogisticRegression(learning_rate=0.1)",
                "kafka": {"bootstrap.servers": "${BROKERS}", "group.id": "g"},
                "topics": {"samples": "payments", "labels": "fraud", "predictions": "scores"},
                "fields": {"x": None},
                "checkpoints": "never-here",
                "drift": "ADWIN(delta=0.01)",
            }
        )
    )
    done = call("pipeline.yaml", "-s", "samples=rows.jsonl", "-s", "labels=labels.jsonl",
                "--out", "tried", "--set", "probabilities=true")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert {"False", "True"} <= set(lines("tried/scores.jsonl")[-1]["probabilities"])
    assert positions("tried/checkpoints") == {"payments": 200, "fraud": 200}
    assert not Path("never-here").exists()


def test_a_column_may_begin_with_null():
    content = [b'{"x": {"a": null, "b": 1}, "y": 0}', b'{"x": {"a": "text", "b": 2}, "y": 1}'] * 2
    done = call("-m", "GaussianNB", "-s", write("x.jsonl", content), "--set", "poison_limit=1")
    assert done.exit_code == 0, done.output
    assert "4 messages, 1 partition, accuracy" in done.stderr


def test_a_saved_model_goes_on_learning():
    X, y = rows(1, 100)
    save(GaussianNB().fit_many(X, y), "model.onl")
    content = [json.dumps({"x": list(x)}).encode() for x in X]
    done = call("--model", "model.onl", "--source", write("x.jsonl", content))
    assert done.exit_code == 0, done.output
    assert {line["prediction"] for line in lines("consumed/predictions.jsonl")} == {0, 1}


def test_the_readme_works_as_it_stands(monkeypatch):
    readme = (ROOT / "README.md").read_text()
    block = next(b for b in re.findall(r"```bash\n(.*?)```", readme, re.S) if "--source" in b)
    making, command, looking = re.fullmatch(
        r"(.*)\nonlineml consume (.*?)\n(.*)\n", block, re.S
    ).groups()
    subprocess.run(["bash", "-ec", making], check=True)
    assert "300 messages, 1 partition, accuracy 0.9" in call(*command.split()).stderr
    seen = subprocess.run(["bash", "-ec", looking], check=True, capture_output=True, text=True)
    assert '"prediction":0' in seen.stdout
    config = re.search(r"```yaml\n(.*?)```", readme, re.S)[1]
    Path("pipeline.yaml").write_text(config)
    monkeypatch.setenv("KAFKA_PASSWORD", "geheim")
    pipeline = resolve(Pipeline, Path("pipeline.yaml"), {}, [])
    assert pipeline.kafka["sasl.password"] == "geheim"
    assert pipeline.settings().drift is not None


def test_files_need_no_secret_of_the_broker(monkeypatch):
    monkeypatch.delenv("KAFKA_PASSWORD", raising=False)
    write("a.jsonl", samples(1, 5))
    kafka = 'kafka: {"bootstrap.servers": "away:1", "sasl.password": "${KAFKA_PASSWORD}"}'
    Path("p.yaml").write_text(f"model: GaussianNB\n{kafka}\n")
    assert "1 partition" in call("p.yaml", "--source", "a.jsonl").stderr
    with pytest.raises(Mistake, match="no KAFKA_PASSWORD"):
        resolve(Pipeline, Path("p.yaml"), {}, [])


# -------------------------------------------------------------------- mistakes, failures


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-m", "GausianNB", "-s", "a.jsonl"], "did you mean GaussianNB"),
        (["-m", "GaussianNB"], "what is to be read? kafka: settings or --brokers, or --source"),
        (["-s", "a.jsonl"], "'model' is missing (a config key, or --model)"),
        (["-m", "GaussianNB", "-s", "labls=a.jsonl"], "'labls': did you mean labels?"),
        (["-m", "GaussianNB", "-s", "none.jsonl"], "'none.jsonl', expected a file that exists"),
        (["-m", "ADWIN", "-s", "a.jsonl"], "expected a classifier, a regressor or a detector"),
        (["-m", "GaussianNB", "-b", "here:1"], "kafka.group.id is missing"),
        (["-m", "GaussianNB", "-s", "a.jsonl", "--set", "drift=GaussianNB"], "no detector of"),
        (["-m", "GaussianNB", "-s", "a.jsonl", "--set", "topics.sampels=b"], "did you mean"),
        (["-m", "GaussianNB", "-s", "a.jsonl", "--set", "form=arrow"], "record batches come from"),
        (["-m", "GaussianNB", "-s", "a.jsonl", "--set", "topics.labels=b"], "--source labels=FILE"),
        (["-m", "GaussianNB", "-s", "a.jsonl", "--set", "poison_limit=0"], "poison_limit: got 0"),
        (["-m", "GaussianNB", "-b", "${NONE}:1", "-g", "g"], "the environment has no NONE"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(words, says):
    write("a.jsonl", samples(1, 5))
    done = call(*words)
    assert done.exit_code == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_too_many_unusable_messages_end_the_work():
    write("a.jsonl", [b"nothing"] * 20)
    done = call("-m", "GaussianNB", "-s", "a.jsonl", "--set", "poison_limit=5")
    assert done.exit_code == 1
    assert "Error: samples/0, offset 5: more than 5 messages in a row cannot be used" in done.stderr


def test_a_full_disk_is_no_mistake_of_the_configuration(monkeypatch):
    """Code 1: to be started again when there is room. The file is named."""
    write("a.jsonl", samples(1, 300))
    Path("consumed").mkdir()
    Path("consumed/predictions.jsonl").symlink_to("/dev/full")
    done = call("-m", "GaussianNB", "-s", "a.jsonl")
    assert done.exit_code == 1
    assert "predictions.jsonl: [Errno 28] No space left on device" in done.stderr
    Path("consumed/predictions.jsonl").unlink()

    def full(*given, **more):
        raise OSError(28, "No space left on device", "state.onl")

    with monkeypatch.context() as patched:
        patched.setattr("onlineml.evaluation.worker.checkpoints.save", full)
        done = call("-m", "GaussianNB", "-s", "a.jsonl")
    assert done.exit_code == 1
    assert "Error: state.onl: No space left on device" in done.stderr
    assert call("-m", "GaussianNB", "-s", "a.jsonl").exit_code == 0
    assert positions("consumed/checkpoints") == {"samples": 300}


@pytest.mark.parametrize(
    "wrong", [{"kafka": "geheim"}, {"windw": 1}, {"window": "x"}, {"files": 3}, {"model": 3}]
)
def test_mistakes_do_not_show_secrets(wrong):
    config = {"model": "GaussianNB", "kafka": {"group.id": "g", "sasl": {"password": "geheim"}}}
    Path("p.yaml").write_text(yaml.safe_dump(config | wrong))
    done = call("p.yaml")
    assert done.exit_code == 2
    assert "geheim" not in done.output


def test_settings_of_kafka_may_be_nested_and_overruled():
    Path("p.yaml").write_text(
        "model: GaussianNB\nkafka: {bootstrap.servers: 'a:1', sasl: {username: me}, group.id: g}\n"
    )
    pipeline = resolve(Pipeline, Path("p.yaml"), {}, ["kafka.bootstrap.servers=b:2"])
    due = {"bootstrap.servers": "b:2", "sasl.username": "me", "group.id": "g"}
    assert pipeline.kafka == due


def test_defaults_are_those_of_the_worker():
    from onlineml.evaluation.worker import Settings

    settings = Pipeline.model_validate({"model": "GaussianNB"}).settings()
    assert settings == Settings()


# -------------------------------------------------------------------- Kafka


@pytest.fixture
def cluster():
    pytest.importorskip("confluent_kafka")
    from onlineml.integrations import MockCluster

    with MockCluster() as made:
        yield made


def test_kafka_until_the_end_and_until_told_to_stop(cluster):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": cluster.address})

    def fill(first):
        for i, value in enumerate(samples(first, 200)):
            producer.produce("rows", value, partition=i % 2)
        assert producer.flush(10) == 0

    cluster.create("rows", 2)
    cluster.create("scores", 1)
    fill(1)
    words = ["-m", "GaussianNB", "-b", cluster.address, "-g", "g", "--set", "topics.samples=rows",
             "--set", "topics.predictions=scores"]  # fmt: skip
    done = call(*words, "--until-end", "--set", "partitions=[0, 1]")
    assert done.exit_code == 0, done.output
    assert [positions("checkpoints", n) for n in (0, 1)] == [{"rows": 100}] * 2
    fill(2)
    command = [sys.executable, "-c", "from onlineml.cli import main; main()", "consume", *words,
               "--set", "status=0.1"]  # fmt: skip
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                             env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    while "200 messages" not in (line := child.stderr.readline()):
        assert line, "the worker ended"
    child.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert child.wait(20) == 0
    assert time.monotonic() - began < 15
    assert "200 messages, 2 partitions, accuracy" in child.stderr.read()
    child.stderr.close()
    assert [positions("checkpoints", n) for n in (0, 1)] == [{"rows": 200}] * 2
