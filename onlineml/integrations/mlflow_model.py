"""What MLflow runs to serve a model that `log_model` logged; MLflow copies this file."""

from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel

from onlineml.base import Detector, Transformer
from onlineml.persistence import load


class ServedModel(PythonModel):  # type: ignore[misc]  # MLflow has no types here
    """An estimator behind MLflow's `predict`; it does not learn there."""

    def load_context(self, context: Any) -> None:
        """Read the safe file."""
        self.estimator = load(context.artifacts["model"])

    # The type is for MLflow, which warns of any other; arrays come through as well.
    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> Any:
        """Answers to many rows: labels, numbers, scores, or rows."""
        if isinstance(self.estimator, Detector):
            return self.estimator.score_many(model_input)
        if isinstance(self.estimator, Transformer):
            return self.estimator.transform_many(model_input)
        return self.estimator.predict_many(model_input)


mlflow.models.set_model(ServedModel())
