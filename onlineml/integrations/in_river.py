"""Our estimators as models of river: in its pipelines, evaluations and ensembles."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from river import base

try:
    from river.base import AnomalyDetector
except ImportError:  # where it was before version 0.26
    from river.anomaly.base import AnomalyDetector

from onlineml.estimator import Estimator

Row = Mapping[Hashable, Any]


class _InRiver:
    """What they share: an unfitted estimator, and its twin that learns."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.model_: Any = model.clone()

    @property
    def _raw_memory_usage(self) -> int:
        """Bytes that were learned; river would count all that compiled code refers to as well."""
        return int(self.model_.nbytes) if self.model_.is_started else 0

    @classmethod
    def _unit_test_params(cls) -> Any:
        """What river's own checks make one of."""
        yield {"model": cls._example()}

    @classmethod
    def _example(cls) -> Estimator:
        from onlineml.learners import GaussianNB

        return GaussianNB()


class InRiverClassifier(_InRiver, base.MiniBatchClassifier):  # type: ignore[misc]  # Any to mypy
    """A classifier as one of river; made by `to_river`."""

    @property
    def _multiclass(self) -> bool:
        return True

    def learn_one(self, x: Row, y: Any, w: float = 1.0) -> None:
        """Learn a row and its label."""
        self.model_.fit_one(dict(x), y, weight=w)

    def predict_one(self, x: Row, **kwargs: Any) -> Any:
        """The most probable label, None before any data."""
        return self.model_.predict_one(dict(x)) if self.model_.is_started else None

    def predict_proba_one(self, x: Row, **kwargs: Any) -> dict[Any, float]:
        """Label -> probability; empty before any data."""
        if not self.model_.is_started:
            return {}
        shares = self.model_.predict_proba_one(dict(x)).tolist()
        return dict(zip(self.model_.classes_, shares))

    def learn_many(self, X: pd.DataFrame, y: pd.Series) -> None:
        """Learn the rows of a table, in order."""
        self.model_.fit_many(X, y.to_numpy())

    def predict_many(self, X: pd.DataFrame) -> pd.Series:
        """Most probable labels; empty before any data."""
        if not self.model_.is_started:
            return pd.Series(dtype="object")
        return pd.Series(self.model_.predict_many(X).tolist(), index=X.index)

    def predict_proba_many(self, X: pd.DataFrame) -> pd.DataFrame:
        """A column of probabilities for each label; empty before any data."""
        if not self.model_.is_started:
            return pd.DataFrame(index=X.index)
        shares = self.model_.predict_proba_many(X)
        return pd.DataFrame(shares, index=X.index, columns=self.model_.classes_)


class InRiverRegressor(_InRiver, base.MiniBatchRegressor):  # type: ignore[misc]  # Any to mypy
    """A regressor as one of river; made by `to_river`."""

    @classmethod
    def _example(cls) -> Estimator:
        from onlineml.learners import MeanRegressor

        return MeanRegressor()

    def learn_one(self, x: Row, y: float, w: float = 1.0) -> None:
        """Learn a row and its target."""
        self.model_.fit_one(dict(x), y, weight=w)

    def predict_one(self, x: Row, **kwargs: Any) -> float:
        """The expected target, 0 before any data."""
        return float(self.model_.predict_one(dict(x)))

    def learn_many(self, X: pd.DataFrame, y: pd.Series) -> None:
        """Learn the rows of a table, in order."""
        self.model_.fit_many(X, y.to_numpy(np.float64))

    def predict_many(self, X: pd.DataFrame) -> pd.Series:
        """Expected targets."""
        return pd.Series(self.model_.predict_many(X), index=X.index)


class InRiverDetector(_InRiver, AnomalyDetector):  # type: ignore[misc]  # Any to mypy
    """A detector of anomalies as one of river; made by `to_river`."""

    @classmethod
    def _example(cls) -> Estimator:
        from onlineml.detectors import DeviationFromMean

        return DeviationFromMean()

    def learn_one(self, x: Row) -> None:
        """Learn a row."""
        self.model_.fit_one(dict(x))

    def score_one(self, x: Row) -> float:
        """How strange a row is, higher = stranger; 0 before any data."""
        return float(self.model_.score_one(dict(x)))


class InRiverDriftDetector(_InRiver, base.DriftAndWarningDetector):  # type: ignore[misc]  # Any to mypy
    """A detector of drift as one of river; made by `to_river`."""

    def __init__(self, model: Any) -> None:
        base.DriftAndWarningDetector.__init__(self)
        super().__init__(model)

    @classmethod
    def _example(cls) -> Estimator:
        from onlineml.detectors import ADWIN

        return ADWIN()

    def update(self, x: float) -> None:
        """Learn a value; `drift_detected` and `warning_detected` are about it."""
        self.model_.fit_one(float(x))
        self._drift_detected = self.model_.drift_detected
        self._warning_detected = self.model_.warning_detected


class InRiverTransformer(_InRiver, base.Transformer):  # type: ignore[misc]  # Any to mypy
    """A transformer as one of river, without a target; made by `to_river`."""

    @classmethod
    def _example(cls) -> Estimator:
        from onlineml.transforms import StandardScaler

        return StandardScaler()

    def learn_one(self, x: Row) -> None:
        """Learn a row."""
        self.model_.fit_one(dict(x))

    def transform_one(self, x: Row) -> dict[Any, float]:
        """The new row, by the names of its columns."""
        row = dict(x)
        model = self.model_ if self.model_.is_started else self.model_._unfitted(row)
        values = model.transform_one(row).tolist()
        names = model.output_schema().names or range(len(values))
        return dict(zip(names, values))
