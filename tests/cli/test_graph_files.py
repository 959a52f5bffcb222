"""Graphs in YAML files: run as they are, or named as models among others."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from onlineml import load
from onlineml.cli import main
from onlineml.evaluation import Result as Evaluated
from onlineml.graph import GraphClassifier

GRAPH = """\
graph: fraud
nodes:
  scale: StandardScaler
  learner: {model: GaussianNB, after: scale}
  ask: {model: MarginSampling(budget=0.2), after: learner}
  drift: {model: ADWIN, after: error_of(learner)}
signals:
  drift: [{reset: learner}]
output: learner
"""
STREAM = ["--stream", "phishing", "--rows", "300", "--window", "100", "--out", "out"]


def call(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("graph.yaml").write_text(GRAPH)


def result_in(folder: str) -> Evaluated:
    return Evaluated.from_json(Path(folder, "result.json"))


def test_a_graph_is_run_from_its_file() -> None:
    done = call("run", "graph.yaml", *STREAM)
    assert done.exit_code == 0, done.output
    run = result_in("out").run("fraud")
    assert run.graph["name"] == "fraud"
    assert 'class="graph"' in Path("out", "report.html").read_text()
    model = load(Path("out", "models", "fraud.oml"))
    assert isinstance(model, GraphClassifier)
    assert (model["ask"].seed, model.n_samples_) == (1, 300)
    assert model.n_labels_ == model["ask"].n_asked < 100
    again = call("run", "out/config.yaml", "--out", "again")
    assert again.exit_code == 0, again.output
    assert result_in("again").run("fraud").totals == run.totals
    assert GraphClassifier.from_yaml(model.to_yaml()).nodes[1][0] == "learner"


def test_a_file_may_name_the_stream_too_and_flags_win() -> None:
    Path("both.yaml").write_text(GRAPH + "stream: bananas\nrows: 900\nwindow: 300\n")
    words = ["--rows", "600", "--set", "nodes.ask.model=MarginSampling(budget=0.5)", "--out", "o"]
    done = call("run", "both.yaml", *words)
    assert done.exit_code == 0, done.output
    found = result_in("o")
    assert (found.stream, found.n_rows) == ("bananas", 600)
    assert "budget=0.5" in found.run("fraud").estimator


def test_a_graph_among_models() -> None:
    done = call("run", "-m", "graph.yaml", "-m", "GaussianNB", *STREAM)
    assert done.exit_code == 0, done.output
    assert {run.model for run in result_in("out") if not run.baseline} == {"fraud", "GaussianNB"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("nodes:", "nods:"), "unknown key 'nods': did you mean nodes or models?"),
        (("signals:", "sigals:"), "unknown key 'sigals': did you mean signals?"),
        (("model: GaussianNB", "model: GausianNB"), "node 'learner': unknown model 'GausianNB'"),
        (("after: scale", "after: scal"), "after of 'learner': got 'scal'"),
        (("reset: learner", "reset: lerner"), "reset: got 'lerner'"),
        (("budget=0.2", "budget=2.0"), "node 'ask' of graph 'fraud': "),
        (("output: learner", "output: scale"), "expected a Classifier"),
        (("output: learner", "model: GaussianNB"), "nodes or models, not both"),
        (("graph: fraud", "graph: [fraud"), ", column "),
    ],
)
def test_a_mistake_is_one_line(change: tuple[str, str], words: str) -> None:
    Path("bad.yaml").write_text(GRAPH.replace(*change))
    done = call("run", "bad.yaml", *STREAM)
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert words in line
