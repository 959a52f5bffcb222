"""The examples run as they stand, and the demonstration's configuration is one that loads."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from onlineml.cli.build import models_of, stream_of
from onlineml.cli.config import RunConfig, resolve

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LAST_WORDS = {
    "quickstart": "NoChangeClassifier",
    "compare_models": "comparison.html",
    "own_estimator": "saved and loaded",
    "resume": "the same with and without the interruption",
    "fraud_pipeline": "fraud.png",
    "drift_monitor": "drift.png",
    "scarce_labels": "labels.png",
    "inspect_or_not": "spent.png",
}


def test_every_example_is_run_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(LAST_WORDS)


@pytest.mark.parametrize("name", sorted(LAST_WORDS))
def test_an_example_runs(name, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert LAST_WORDS[name] in done.stdout.splitlines()[-1]


def test_the_demonstration_names_models_and_streams_that_exist():
    runs = re.findall(r'onlineml run "\$demo"(.*)', (EXAMPLES / "demo.sh").read_text())
    streams = ["phishing", *re.findall(r"--stream (\w+)", " ".join(runs))]
    assert len(streams) == len(runs) >= 3
    for name in streams:
        config = resolve(RunConfig, EXAMPLES / "demo.yaml", {"stream": {"name": name}}, [])
        stream, _ = stream_of(config.stream, 2000)
        assert len(models_of(config.models, stream, seeded=True)) >= 5
