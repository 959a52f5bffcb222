"""Our detectors as models of PySAD: in its ensembles, calibrators and evaluations."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from pysad.core.base_model import BaseModel

from onlineml.base import Array


class InPySADModel(BaseModel):  # type: ignore[misc]  # Any to mypy
    """A detector of anomalies as a model of PySAD; made by `to_pysad`."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.model_: Any = model.clone()

    def fit_partial(self, X: Any, y: Any = None) -> Self:
        """Learn a row; labels are not looked at."""
        self.model_.fit_one(np.asarray(X, np.float64))
        return self

    def score_partial(self, X: Any) -> float:
        """How strange a row is; 0 before any data."""
        return float(self.model_.score_one(np.asarray(X, np.float64)))

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn rows, in order."""
        self.model_.fit_many(np.asarray(X, np.float64))
        return self

    def score(self, X: Any) -> Array:
        """Scores of rows, which are not learned."""
        scores: Array = self.model_.score_many(np.asarray(X, np.float64))
        return scores

    def fit_score(self, X: Any, y: Any = None) -> Array:
        """Scores of rows, each given before the row is learned."""
        scores: Array = self.model_.score_fit_many(np.asarray(X, np.float64))
        return scores
