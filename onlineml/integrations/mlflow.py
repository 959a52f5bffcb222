"""Models in MLflow's runs and registry, as safe files."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onlineml
from onlineml.estimator import Estimator
from onlineml.persistence import load, save

#: Runs in the place where MLflow serves the model.
_CODE = Path(__file__).with_name("mlflow_model.py")
_FILE = "model.oml"


def log_model(
    model: Estimator,
    name: str = "model",
    *,
    registered_model_name: str | None = None,
    input_example: Any = None,
    run_id: str | None = None,
) -> Any:
    """Log `model` to MLflow: a file without pickle, and code that serves it as a `pyfunc`.

    MLflow's `pyfunc` predicts with it: labels of classifiers, numbers of regressors, scores of
    detectors, rows of transformers. Files and code work where MLflow is forbidden to unpickle
    (`MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false`). Takes about a third of a second of CPU; what time
    and memory come on top are O(`nbytes`) of the model.

    Parameters
    ----------
    model
        The estimator as it is now; it may go on learning.
    name
        What the model is called within its run.
    registered_model_name
        Also make a new version of this model in MLflow's registry.
    input_example
        Rows that MLflow keeps with the model, from which it infers the columns.
    run_id
        The run to log to; by default the active one, or a new one.

    Returns
    -------
    mlflow.models.model.ModelInfo
        Its `model_uri` is what `load_model` takes.

    Raises
    ------
    ImportError
        MLflow is not installed: `pip install "onlineml[tracking]"`.
    ValueError
        For a model that is no estimator, or that cannot be saved without a pickle.
    mlflow.exceptions.MlflowException
        The store cannot be reached, or there is no such run.

    See Also
    --------
    load_model, onlineml.evaluation.tracking.MLflowTracker

    Examples
    --------
    >>> from onlineml.integrations import load_model, log_model
    >>> info = log_model(model, registered_model_name="fraud")  # doctest: +SKIP
    >>> load_model("models:/fraud/1").fit_one(x, y)  # doctest: +SKIP
    """
    mlflow = _mlflow()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's parts about each other
        file = save(model, Path(folder) / _FILE)
        active = mlflow.active_run()
        run = active.info.run_id if active and run_id is None else run_id
        with mlflow.start_run(run_id=run, nested=active is not None):
            return mlflow.pyfunc.log_model(
                name=name,
                python_model=str(_CODE),
                artifacts={"model": str(file)},
                pip_requirements=[f"onlineml=={onlineml.__version__}"],
                registered_model_name=registered_model_name,
                input_example=input_example,
            )


def load_model(
    uri: str, *, classes: Iterable[type[Estimator]] = (), trusted_pickle: bool = False
) -> Any:
    """The estimator that `log_model` or a tracked evaluation left in MLflow, ready to learn on.

    Time and memory are O(size of the file), those of a download and `onlineml.load`.

    Parameters
    ----------
    uri
        Of a model (`models:/fraud/1`, `runs:/<run id>/model`), or of a file in a run, such as
        `runs:/<run id>/model.oml`, which tracked evaluations leave there.
    classes
        Your own estimator classes that the file may name.
    trusted_pickle
        Unpickle foreign objects inside the model, such as PyOD's; only for files that you made.

    Returns
    -------
    Estimator
        As it was when it was logged.

    Raises
    ------
    ImportError
        MLflow is not installed.
    FileNotFoundError
        The model at `uri` was not logged by `log_model`.
    onlineml.persistence.CheckpointError
        The file is damaged, of a newer version, or holds a pickle.

    Examples
    --------
    >>> from onlineml.integrations import load_model
    >>> model = load_model("models:/fraud/1")  # doctest: +SKIP
    >>> model.fit_one(x, y)  # doctest: +SKIP
    """
    mlflow = _mlflow()
    with tempfile.TemporaryDirectory() as folder:
        found = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
        file = found if found.is_file() else found / "artifacts" / _FILE
        if not file.exists():
            raise FileNotFoundError(f"no model of onlineml at {uri}")
        return load(file, classes=classes, trusted_pickle=trusted_pickle)


def _mlflow() -> Any:
    if find_spec("mlflow") is None:
        raise ImportError('models in MLflow need it: pip install "onlineml[tracking]"')
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    return mlflow
