"""Our estimators as those of other projects, which are loaded only when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from onlineml.base import Classifier, Detector, DriftDetector, Regressor, Transformer
from onlineml.estimator import Estimator
from onlineml.schema import wrong


def to_river(model: Estimator) -> Any:
    """An unfitted estimator as a model of river.

    Rows are mappings: columns are those of the first row, in its order; names that come later are
    added, absent ones are missing values, text and booleans of the first row are nominal. Time per
    event and memory are those of ours, and one mapping a row.

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
    from onlineml.integrations import in_river

    kinds: dict[type[Estimator], Any] = {
        Classifier: in_river.InRiverClassifier,
        Regressor: in_river.InRiverRegressor,
        Detector: in_river.InRiverDetector,
        DriftDetector: in_river.InRiverDriftDetector,
        Transformer: in_river.InRiverTransformer,
    }
    due = "a classifier, a regressor, a detector of anomalies or of drift, or a transformer"
    return _kind_for(model, kinds, due)(model.clone())


def to_sklearn(model: Estimator, *, contamination: float = 0.1) -> Any:
    """An unfitted estimator as one of scikit-learn.

    `fit` starts anew and learns the rows in their order; `partial_fit` goes on. Rows are numbers,
    NaN where missing. Parameters of `model` are named `model__name`. Time per event and memory are
    those of `model`.

    Parameters
    ----------
    model
        A classifier, a regressor, a detector of anomalies or a transformer. It is cloned when
        fitting begins, not changed.
    contamination
        Of a detector: the share of the rows that `predict` calls outliers.

    Returns
    -------
    An estimator of scikit-learn whose `model_` is the trained one of ours. A classifier's
    `classes_` are in order, as scikit-learn has it.

    Raises
    ------
    ValueError
        For an estimator of another role.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.datasets import load_iris
    >>> from onlineml.integrations import to_sklearn
    >>> from onlineml.learners import GaussianNB
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), to_sklearn(GaussianNB()))
    >>> bool(cross_val_score(model, X, y).mean() > 0.9)
    True
    """
    from onlineml.integrations import in_sklearn

    kinds: dict[type[Estimator], Any] = {
        Classifier: in_sklearn.InSklearnClassifier,
        Regressor: in_sklearn.InSklearnRegressor,
        Detector: partial(in_sklearn.InSklearnDetector, contamination=contamination),
        Transformer: in_sklearn.InSklearnTransformer,
    }
    due = "a classifier, a regressor, a detector of anomalies or a transformer"
    return _kind_for(model, kinds, due)(model)


def to_pysad(model: Detector) -> Any:
    """An unfitted detector of anomalies as a model of PySAD.

    Time per event and memory are those of `model`.

    Parameters
    ----------
    model
        A detector of rows or of numbers. It is cloned, not changed.

    Returns
    -------
    A model of PySAD whose `model_` is the trained detector. `fit_score` of many rows is one
    compiled pass. As all of PySAD's since its version 0.7, it scores a row before it learns it.

    Raises
    ------
    ImportError
        PySAD is not installed: `pip install "onlineml[anomaly]"`.
    ValueError
        For an estimator of another role.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import DeviationFromMean
    >>> from onlineml.integrations import to_pysad
    >>> model = to_pysad(DeviationFromMean())
    >>> for x in np.random.default_rng(0).normal(size=(200, 2)):
    ...     score = model.fit_score_partial(x)
    >>> model.score_partial(np.array([9.0, 0.0])) > 4.0
    True
    """
    try:
        from onlineml.integrations.in_pysad import InPySADModel
    except ImportError as error:
        raise ImportError("to_pysad needs PySAD: pip install 'onlineml[anomaly]'") from error
    return _kind_for(model, {Detector: InPySADModel}, "a detector of anomalies")(model)


def _kind_for(model: Any, kinds: Mapping[type[Estimator], Any], due: str) -> Any:
    for role, kind in kinds.items():
        if isinstance(model, role):
            return kind
    raise wrong("model", model, due)
