"""Our estimators as scikit-learn's: in its pipelines, searches and cross-validations."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    OutlierMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from onlineml.base import Array, Classifier, Detector, Regressor, Transformer
from onlineml.estimator import Estimator
from onlineml.schema import wrong

_RECENT = 1000  # scores that a threshold is drawn from


class _InSklearn(BaseEstimator):  # type: ignore[misc]  # Any to mypy
    """What they share: rows are checked as scikit-learn does, and the model is made anew."""

    model: Any
    model_: Any

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _rows(self, X: Any, *, first: bool) -> Array:
        """Checked rows; of the `first` ones names and number of the columns are kept."""
        if not first:
            check_is_fitted(self, "model_")
        rows: Array = validate_data(
            self, X, reset=first, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        return rows

    def _forget(self) -> None:
        if "model_" in vars(self):
            del self.model_

    def _begin(self, default: type[Estimator], role: type[Estimator]) -> None:
        model = default() if self.model is None else self.model
        if not isinstance(model, role):
            raise wrong("model", model, f"a {role.__name__} of onlineml, or None")
        self.model_ = model.clone()

    def _weights(self, sample_weight: Any, rows: Array) -> Array | None:
        if sample_weight is None:
            return None
        weights: Array = _check_sample_weight(
            sample_weight, rows, dtype=np.float64, ensure_non_negative=True
        )
        if not weights.any():
            raise wrong("sample_weight", "zeros", "at least one row that counts")
        return weights


class InSklearnClassifier(ClassifierMixin, _InSklearn):  # type: ignore[misc]  # Any to mypy
    """A classifier as one of scikit-learn; made by `to_sklearn`, GaussianNB where None."""

    def __init__(self, model: Any = None) -> None:
        self.model = model

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn rows from the beginning."""
        self._forget()
        return self.partial_fit(X, y, sample_weight=sample_weight)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn more rows; `classes` may name labels that come later, others may come too."""
        from onlineml.learners import GaussianNB

        first = "model_" not in vars(self)
        rows, labels = validate_data(
            self, X, y, reset=first, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        check_classification_targets(labels)
        weights = self._weights(sample_weight, rows)
        if first:
            self._begin(GaussianNB, Classifier)
            self.classes_ = np.unique(labels if classes is None else classes)
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            self.classes_ = np.unique(np.concatenate([self.classes_, unknown]))
        self.model_.fit_many(rows, labels, weight=weights)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Probabilities, shape `(n_rows, n_classes)`, in the order of `classes_`."""
        rows = self._rows(X, first=False)
        shares = np.zeros((len(rows), len(self.classes_)))
        known = np.asarray(self.model_.classes_)
        shares[:, np.searchsorted(self.classes_, known)] = self.model_.predict_proba_many(rows)
        return shares

    def predict(self, X: Any) -> Any:
        """The most probable labels."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


class InSklearnRegressor(RegressorMixin, _InSklearn):  # type: ignore[misc]  # Any to mypy
    """A regressor as one of scikit-learn; made by `to_sklearn`, LinearRegression where None."""

    def __init__(self, model: Any = None) -> None:
        self.model = model

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn rows from the beginning."""
        self._forget()
        return self.partial_fit(X, y, sample_weight=sample_weight)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn more rows."""
        from onlineml.learners import LinearRegression

        first = "model_" not in vars(self)
        rows, targets = validate_data(
            self, X, y, reset=first, dtype=np.float64, ensure_all_finite="allow-nan",
            y_numeric=True,
        )  # fmt: skip
        weights = self._weights(sample_weight, rows)
        if first:
            self._begin(LinearRegression, Regressor)
        self.model_.fit_many(rows, targets, weight=weights)
        return self

    def predict(self, X: Any) -> Array:
        """Expected targets."""
        rows = self._rows(X, first=False)
        targets: Array = self.model_.predict_many(rows)
        return targets


class InSklearnDetector(OutlierMixin, _InSklearn):  # type: ignore[misc]  # Any to mypy
    """A detector as one of outliers of scikit-learn; made by `to_sklearn`, RankEnsemble where None.

    After `fit` a share `contamination` of its rows are outliers; after `partial_fit`, that of the
    last 1,000 scores, each given before its row was learned.
    """

    def __init__(self, model: Any = None, *, contamination: float = 0.1) -> None:
        self.model = model
        self.contamination = contamination

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn rows from the beginning."""
        self._forget()
        self.partial_fit(X, sample_weight=sample_weight)
        self.offset_ = float(np.quantile(self.score_samples(X), self.contamination))
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn more rows."""
        from onlineml.detectors import RankEnsemble

        if not 0.0 < self.contamination <= 0.5:
            raise wrong("contamination", self.contamination, "a share in (0, 0.5]")
        first = "model_" not in vars(self)
        rows = self._rows(X, first=first)
        weights = self._weights(sample_weight, rows)
        if first:
            self._begin(RankEnsemble, Detector)
            self.recent_ = np.zeros(0)
        scores = -self.model_.score_fit_many(rows, weight=weights)
        self.recent_ = np.concatenate([self.recent_, scores])[-_RECENT:]
        self.offset_ = float(np.quantile(self.recent_, self.contamination))
        return self

    def score_samples(self, X: Any) -> Array:
        """Minus the scores: as scikit-learn has it, lower is stranger."""
        rows = self._rows(X, first=False)
        scores: Array = -self.model_.score_many(rows)
        return scores

    def decision_function(self, X: Any) -> Array:
        """`score_samples` above the threshold; negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Any:
        """-1 for outliers, 1 for others."""
        return np.where(self.decision_function(X) < 0.0, -1, 1)


class InSklearnTransformer(TransformerMixin, _InSklearn):  # type: ignore[misc]  # Any to mypy
    """A transformer as one of scikit-learn; made by `to_sklearn`, StandardScaler where None."""

    def __init__(self, model: Any = None) -> None:
        self.model = model

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn rows from the beginning."""
        self._forget()
        return self.partial_fit(X, sample_weight=sample_weight)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn more rows."""
        from onlineml.transforms import StandardScaler

        first = "model_" not in vars(self)
        rows = self._rows(X, first=first)
        weights = self._weights(sample_weight, rows)
        if first:
            self._begin(StandardScaler, Transformer)
        self.model_.fit_many(rows, weight=weights)
        return self

    def transform(self, X: Any) -> Array:
        """New rows."""
        rows = self._rows(X, first=False)
        made: Array = self.model_.transform_many(rows)
        return made

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Names of the new columns: those of the rows where their number stays, else counted."""
        check_is_fitted(self, "model_")
        n = self.model_.output_schema().n_features
        given = getattr(self, "feature_names_in_", input_features)
        if n == self.n_features_in_:
            names = given if given is not None else [f"x{j}" for j in range(n)]
        else:
            names = [f"{type(self.model_).__name__.lower()}{j}" for j in range(n)]
        return np.asarray(names, object)
