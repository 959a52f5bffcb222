"""Models in MLflow: logged, registered, served, and loaded to go on."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before MLflow is imported anywhere
from onlineml import prequential
from onlineml.detectors import HalfSpaceTrees
from onlineml.evaluation.tracking import MLflowTracker
from onlineml.integrations import load_model, log_model
from onlineml.learners import HoeffdingTreeClassifier

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's parts warn about each other
mlflow = pytest.importorskip("mlflow")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2_000, 3))
Y = np.where(X[:, 0] > X[:, 1], "yes", "no")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store that lives as long as these tests; nothing in it may be unpickled."""
    folder = tmp_path_factory.mktemp("mlflow")
    before = Path.cwd(), mlflow.get_tracking_uri()
    os.chdir(folder)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    yield uri
    del os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"]
    mlflow.set_tracking_uri(before[1])
    os.chdir(before[0])


def test_a_registered_model_goes_on_learning_where_it_stopped(store: str) -> None:
    model = HoeffdingTreeClassifier().fit_many(X[:1_000], Y[:1_000])
    with mlflow.start_run() as run:
        log_model(model, registered_model_name="tree")
    for uri in ("models:/tree/1", f"runs:/{run.info.run_id}/model"):
        again = load_model(uri)
        expected = model.clone().set_state(model.get_state())
        np.testing.assert_array_equal(
            again.predict_fit_many(X[1_000:], Y[1_000:]),
            expected.predict_fit_many(X[1_000:], Y[1_000:]),
        )


def test_a_run_is_resumed(store: str) -> None:
    with mlflow.start_run() as run:
        log_model(HoeffdingTreeClassifier().fit_many(X[:500], Y[:500]))
    model = load_model(f"runs:/{run.info.run_id}/model").fit_many(X[500:], Y[500:])
    info = log_model(model, "later", run_id=run.info.run_id)
    assert info.run_id == run.info.run_id
    whole = HoeffdingTreeClassifier().fit_many(X, Y)
    np.testing.assert_array_equal(load_model(info.model_uri).predict_many(X), whole.predict_many(X))


def test_pyfunc_serves_labels_and_scores(store: str) -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    tree = HoeffdingTreeClassifier().fit_many(frame, Y)
    served = mlflow.pyfunc.load_model(log_model(tree, input_example=frame[:3]).model_uri)
    np.testing.assert_array_equal(served.predict(frame), tree.predict_many(frame))
    detector = HalfSpaceTrees(seed=1).fit_many(X)
    scored = mlflow.pyfunc.load_model(log_model(detector).model_uri)
    np.testing.assert_array_equal(scored.predict(X), detector.score_many(X))


def test_the_model_of_a_tracked_evaluation_is_loaded(store: str) -> None:
    tracker = MLflowTracker(experiment="tracked", tracking_uri=store)
    result = prequential(HoeffdingTreeClassifier(), (X, Y), baselines=False, track=tracker)
    (run,) = mlflow.search_runs(experiment_names=["tracked"], output_format="list")
    again = load_model(f"runs:/{run.info.run_id}/model.oml")
    (estimator,) = result.estimators.values()
    np.testing.assert_array_equal(again.predict_many(X), estimator.predict_many(X))


def test_what_another_flavor_logged_is_refused(store: str) -> None:
    with mlflow.start_run() as run:
        mlflow.log_text("nothing", "other/artifacts/file.txt")
    with pytest.raises(FileNotFoundError, match="no model of onlineml"):
        load_model(f"runs:/{run.info.run_id}/other")
