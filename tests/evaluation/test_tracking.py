"""MLflow: what arrives in the store, how much of it, and what happens when there is none."""

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before MLflow is imported anywhere

from onlineml import load
from onlineml.evaluation import Result, prequential
from onlineml.evaluation.tracking import MAX_POINTS, MLflowTracker
from onlineml.learners import GaussianNB

pytest.importorskip("mlflow")

N = 2500


def stream(n: int = N) -> tuple[Any, Any]:
    y = np.arange(n) // 5 % 2
    return np.random.default_rng(1).normal(size=(n, 2)) + y[:, None], y


def evaluate(tracker: Any, n: int = N, window: int = 10) -> Result:
    return prequential(
        GaussianNB(), stream(n), metrics=["accuracy", "kappa"], window=window, track=tracker
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store that lives as long as these tests: making one takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    before = Path.cwd()
    os.chdir(folder)
    try:
        tracker = MLflowTracker(experiment="first")
        evaluate(tracker, n=100)
    finally:
        os.chdir(before)
    assert tracker.failure is None
    return f"sqlite:///{folder / 'mlflow.db'}"


def runs_of(store: str, experiment: str) -> tuple[Any, dict[str, Any]]:
    from mlflow import MlflowClient

    client = MlflowClient(store)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return client, {
        run.data.tags["model"]: run for run in client.search_runs([found.experiment_id])
    }


def test_the_store_is_a_file_in_the_working_folder(store: str):
    assert Path(store.removeprefix("sqlite:///")).is_file()


@pytest.mark.parametrize("n_windows", [None, N // 10])
def test_a_run_arrives_whole_with_thinned_curves(store: str, tmp_path: Path, n_windows):
    name = f"whole {n_windows}"
    tracker = MLflowTracker(
        experiment=name, tracking_uri=store, n_windows=n_windows, config={"a": {"b": 3}}
    )
    result = evaluate(tracker)
    assert tracker.failure is None
    client, runs = runs_of(store, name)
    assert set(runs) == {"GaussianNB", "NoChangeClassifier", "MajorityClassifier"}
    run = runs["GaussianNB"]
    assert run.info.status == "FINISHED"
    assert run.data.params["a.b"] == "3"
    assert run.data.params["model.var_floor"] == "1e-12"
    assert run.data.tags["baseline"] == "false"
    assert run.data.tags["task"] == result.task == "classification"
    assert run.data.metrics["accuracy"] == result.run("GaussianNB").totals["accuracy"]
    curve = client.get_metric_history(run.info.run_id, "accuracy_window")
    assert 100 < len(curve) <= MAX_POINTS
    whole = dict(zip(result.run("GaussianNB").n_rows, result.run("GaussianNB").window["accuracy"]))
    assert all(whole[point.step] == point.value for point in curve)


def test_artifacts_hold_the_whole_curve_the_report_and_the_model(store: str, tmp_path: Path):
    import pyarrow.parquet as pq

    tracker = MLflowTracker(experiment="artifacts", tracking_uri=store)
    result = evaluate(tracker)
    client, runs = runs_of(store, "artifacts")
    run_id = runs["GaussianNB"].info.run_id
    names = {file.path for file in client.list_artifacts(run_id)}
    assert names == {"curves.parquet", "model.oml", "report.html"}
    table = pq.read_table(client.download_artifacts(run_id, "curves.parquet", str(tmp_path)))
    assert table["accuracy"].to_pylist() == result.run("GaussianNB").window["accuracy"]
    model = load(client.download_artifacts(run_id, "model.oml", str(tmp_path)))
    X, _ = stream()
    trained = result.estimators["GaussianNB", None]
    assert model.predict_many(X).tolist() == trained.predict_many(X).tolist()


def test_runs_go_on_where_they_ended(store: str):
    first = MLflowTracker(experiment="resumed", tracking_uri=store, config={"rows": 105})
    evaluate(first, n=105)
    client, before = runs_of(store, "resumed")
    again = MLflowTracker(
        experiment="resumed", tracking_uri=store, config={"rows": 50, "new": 1}, resume=True
    )
    evaluate(again, n=50)
    assert again.failure is None
    client, runs = runs_of(store, "resumed")
    assert {m: run.info.run_id for m, run in runs.items()} == {
        m: run.info.run_id for m, run in before.items()
    }
    run = runs["GaussianNB"]
    steps = [one.step for one in client.get_metric_history(run.info.run_id, "accuracy_window")]
    assert steps == [*range(10, 101, 10), 105, *range(115, 156, 10)]
    assert run.info.status == "FINISHED"
    assert (run.data.params["rows"], run.data.params["new"]) == ("105", "1")


def test_an_interrupted_run_is_marked(store: str):
    tracker = MLflowTracker(experiment="interrupted", tracking_uri=store)

    def interrupt(n_rows: int) -> bool:
        raise KeyboardInterrupt

    prequential(GaussianNB(), stream(), window=10, until=interrupt, track=tracker)
    _, runs = runs_of(store, "interrupted")
    assert runs["GaussianNB"].info.status == "KILLED"
    assert runs["GaussianNB"].data.tags["interrupted"] == "true"


def test_a_store_that_fails_is_said_once_and_the_run_goes_on(tmp_path: Path):
    said: list[str] = []
    place = tmp_path / "no" / "folder" / "mlflow.db"
    (tmp_path / "no").write_text("a file where a folder should be")
    tracker = MLflowTracker(tracking_uri=f"sqlite:///{place}", say=said.append, n_windows=9)
    result = evaluate(tracker)
    assert result.n_rows == N
    assert len(said) == 1
    assert "the evaluation goes on" in said[0].lower()
    assert tracker.failure is not None


def test_a_store_that_fails_later_does_no_harm_either(store: str, monkeypatch: pytest.MonkeyPatch):
    from mlflow import MlflowClient

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    said: list[str] = []
    tracker = MLflowTracker(experiment="later", tracking_uri=store, say=said.append)
    monkeypatch.setattr(MlflowClient, "log_batch", broken)
    assert evaluate(tracker).n_rows == N
    assert len(said) == 1
    assert "disk full" in said[0]


def test_a_store_that_does_not_answer_is_not_waited_for(
    store: str, monkeypatch: pytest.MonkeyPatch
):
    from mlflow import MlflowClient

    answer = threading.Event()
    said: list[str] = []
    tracker = MLflowTracker(experiment="slow", tracking_uri=store, say=said.append)
    tracker.patience = 0.2
    monkeypatch.setattr(MlflowClient, "create_run", lambda *_, **__: answer.wait(30))
    assert evaluate(tracker).n_rows == N
    answer.set()
    assert "no answer within" in said[0]


def test_by_default_a_failure_is_a_warning(tmp_path: Path):
    (tmp_path / "no").write_text("")
    with pytest.warns(RuntimeWarning, match="MLflow tracking failed"):
        evaluate(MLflowTracker(tracking_uri=f"sqlite:///{tmp_path}/no/mlflow.db"))


def test_without_mlflow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("onlineml.evaluation.tracking.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"onlineml\[tracking\]"):
        MLflowTracker()
