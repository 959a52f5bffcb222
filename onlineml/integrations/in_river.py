"""Our estimators as models of river: in its pipelines, evaluations and ensembles."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from river import base
from river.base import AnomalyDetector

from onlineml.base import Classifier, Detector, DriftDetector, Regressor, Transformer
from onlineml.estimator import Estimator
from onlineml.schema import wrong

Row = Mapping[Hashable, Any]


def to_river(model: Estimator) -> Any:
    """An unfitted estimator as a model of river.

    Rows are mappings: columns are those of the first row, in its order; names that come later are
    added, absent ones are missing values, text and booleans of the first row are nominal. Learning,
    predicting and scoring cost what they cost in ours and one mapping a row.

    Parameters
    ----------
    model
        A classifier, a regressor, a detector of anomalies or of drift, or a transformer. It is
        cloned, not changed.

    Returns
    -------
    A model of river of the same role, whose `model_` is the trained estimator. Classifiers and
    regressors also take tables (`learn_many`, `predict_many`, `predict_proba_many`).

    Raises
    ------
    ValueError
        For an estimator of another role.

    Examples
    --------
    >>> from river import compose, preprocessing
    >>> from onlineml.integrations import to_river
    >>> from onlineml.learners import GaussianNB
    >>> model = compose.Pipeline(preprocessing.StandardScaler(), to_river(GaussianNB()))
    >>> for i in range(40):
    ...     model.learn_one({"size": float(i % 2)}, "big" if i % 2 else "small")
    >>> model.predict_one({"size": 1.0})
    'big'
    """
    kinds: dict[type[Estimator], type[Any]] = {
        Classifier: InRiverClassifier,
        Regressor: InRiverRegressor,
        Detector: InRiverDetector,
        DriftDetector: InRiverDriftDetector,
        Transformer: InRiverTransformer,
    }
    for role, kind in kinds.items():
        if isinstance(model, role):
            return kind(model.clone())
    due = "a classifier, a regressor, a detector of anomalies or of drift, or a transformer"
    raise wrong("model", model, due)


class _InRiver:
    """What they share: an unfitted estimator, and its twin that learns."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.model_: Any = model.clone()

    @classmethod
    def _unit_test_params(cls) -> Any:
        yield {"model": cls._example()}

    @classmethod
    def _example(cls) -> Estimator:
        from onlineml.learners import GaussianNB

        return GaussianNB()


class InRiverClassifier(_InRiver, base.MiniBatchClassifier):  # type: ignore[misc]
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


class InRiverRegressor(_InRiver, base.MiniBatchRegressor):  # type: ignore[misc]
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


class InRiverDetector(_InRiver, AnomalyDetector):  # type: ignore[misc]
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


class InRiverDriftDetector(_InRiver, base.DriftAndWarningDetector):  # type: ignore[misc]
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


class InRiverTransformer(_InRiver, base.Transformer):  # type: ignore[misc]
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
