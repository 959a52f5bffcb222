"""Models of river as ours: classifiers, regressors, detectors of anomalies and of drift."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Literal

import numpy as np

from onlineml.base import DRIFT, WARNING, Array, Classifier, Detector, DriftDetector, Regressor
from onlineml.integrations.held import EXCUSES, Held
from onlineml.integrations.river_models import has_role, made, reader, takes_weight_of
from onlineml.kernels.arena import Field, Ints
from onlineml.schema import Schema, wrong

_STRANGE = ("AnomalyDetector", "AnomalyFilter", "SupervisedAnomalyDetector")


class RiverClassifier(Classifier):
    """A classifier of river, or a pipeline that ends in one.

    Rows reach it as mappings, without the features that are missing. The answer is the most
    probable class. Time per event and memory are those of the model and of one mapping.

    Parameters
    ----------
    model
        Name of a class within river ("tree.HoeffdingTreeClassifier"), or an unfitted classifier.
    params
        Arguments of the class that was named.
    nominal
        What the model is given of nominal features: their "values", which many models of river do
        not take, or their "codes".

    Raises
    ------
    ValueError
        At the first event, for a `model` that is no classifier of river, and `params` that do not
        fit it, and a `nominal` that is neither "values" nor "codes".

    Examples
    --------
    >>> from onlineml.integrations import RiverClassifier
    >>> model = RiverClassifier(model="naive_bayes.GaussianNB")
    >>> rows, labels = [[1.0], [9.0], [2.0], [8.0]] * 10, ["low", "high"] * 20
    >>> model.fit_many(rows, labels).predict_one([7.0])
    'high'

    Notes
    -----
    A weight of 0 is not learned; others are handed on where the model's `learn_one` takes `w`, and
    count as 1 where not. Probabilities are scaled to a sum of 1 (all alike where the model has
    none). Files need `trusted_pickle=True`. Whether memory is bounded is up to the model, and
    errors that it raises leave it as it is then.
    """

    _excuses = EXCUSES
    _state = (Field("n_known_", (1,), np.int64),)
    n_known_: Ints  # classes that were learned so far
    model_: Held

    def __init__(
        self,
        *,
        model: Any,
        params: Mapping[str, Any] | None = None,
        nominal: Literal["values", "codes"] = "values",
    ) -> None:
        self.model = model
        self.params = params
        self.nominal = nominal

    def get_state(self) -> dict[str, Any]:
        """Learned state: a copy of the model, and what is known of rows and labels."""
        return deepcopy(super().get_state())

    def _check(self) -> None:
        made(self, "Classifier")

    def _start(self, schema: Schema) -> None:
        self.model_ = Held(made(self, "Classifier"))

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        model, to_mapping = self.model_.model, reader(self)
        takes_weight = takes_weight_of(model)
        for i, row in enumerate(X.tolist()):
            x = to_mapping(row)
            if serve:
                shares = self._shares(model, x)
                out[i, 0] = shares.argmax() if len(shares) else -1
                out[i, 1:] = 0.0
                out[i, 1 : 1 + len(shares)] = shares[: out.shape[1] - 1]
            if fit:
                self.n_known_[0] = max(self.n_known_[0], int(y[i]) + 1)
            if fit and weight[i] > 0.0:
                more = {"w": float(weight[i])} if takes_weight else {}
                model.learn_one(x, int(y[i]), **more)

    def _shares(self, model: Any, x: dict[Any, Any]) -> Array:
        """Probabilities of the classes that are known."""
        n = int(self.n_known_[0])
        try:
            found = model.predict_proba_one(x)
        except NotImplementedError:
            found = {model.predict_one(x): 1.0}
        shares = np.array([found.get(code) or 0.0 for code in range(n)], np.float64)
        shares = np.where(shares > 0.0, shares, 0.0)  # NaN too
        total = shares.sum()
        uniform = np.full(n, 1.0 / max(n, 1))
        return shares / total if 0.0 < total < np.inf else uniform


class RiverRegressor(Regressor):
    """A regressor of river, or a pipeline that ends in one.

    Rows reach it as mappings, without the features that are missing. Time per event and
    memory are those of the model and of one mapping.

    Parameters
    ----------
    model
        Name of a class within river ("tree.HoeffdingTreeRegressor"), or an unfitted regressor.
    params
        Arguments of the class that was named.
    nominal
        What the model is given of nominal features: their "values", which many models of river do
        not take, or their "codes".

    Raises
    ------
    ValueError
        At the first event, for a `model` that is no regressor of river, and `params` that do not
        fit it, and a `nominal` that is neither "values" nor "codes".

    Examples
    --------
    >>> from onlineml.integrations import RiverRegressor
    >>> model = RiverRegressor(model="linear_model.LinearRegression", params={"l2": 0.0})
    >>> rows = [[float(i % 5)] for i in range(2000)]
    >>> model = model.fit_many(rows, [2.0 * row[0] + 1.0 for row in rows])
    >>> round(model.predict_one([3.0]), 2)
    7.0

    Notes
    -----
    As `RiverClassifier`: weights where `learn_one` takes `w`; files need `trusted_pickle=True`.
    """

    _excuses = EXCUSES
    model_: Held

    def __init__(
        self,
        *,
        model: Any,
        params: Mapping[str, Any] | None = None,
        nominal: Literal["values", "codes"] = "values",
    ) -> None:
        self.model = model
        self.params = params
        self.nominal = nominal

    def get_state(self) -> dict[str, Any]:
        """Learned state: a copy of the model, and what is known of rows."""
        return deepcopy(super().get_state())

    def _check(self) -> None:
        made(self, "Regressor")

    def _start(self, schema: Schema) -> None:
        self.model_ = Held(made(self, "Regressor"))

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        model, to_mapping = self.model_.model, reader(self)
        takes_weight = takes_weight_of(model)
        for i, row in enumerate(X.tolist()):
            x = to_mapping(row)
            if serve:
                out[i, 0] = model.predict_one(x) or 0.0  # None before any data
            if fit and weight[i] > 0.0:
                more = {"w": float(weight[i])} if takes_weight else {}
                model.learn_one(x, float(y[i]), **more)


class RiverDetector(Detector):
    """A detector of anomalies of river, or a pipeline that ends in one.

    Rows reach it as mappings, without the features that are missing. A row without any value scores
    0 and is not learned. Those of river's detectors that judge a target (such as GaussianScorer)
    take rows of one feature, which is that target. Time per event and memory are those of the
    model and of one mapping.

    Parameters
    ----------
    model
        Name of a class within river ("anomaly.HalfSpaceTrees"), or an unfitted detector.
    params
        Arguments of the class that was named.
    nominal
        What the model is given of nominal features: their "values", which many models of river do
        not take, or their "codes".

    Raises
    ------
    ValueError
        At the first event, for a `model` that is no detector of anomalies of river, and `params`
        that do not fit it, and a `nominal` that is neither "values" nor "codes".

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.integrations import RiverDetector
    >>> X = np.random.default_rng(0).random((600, 2)) / 2
    >>> model = RiverDetector(model="anomaly.HalfSpaceTrees", params={"seed": 1}).fit_many(X)
    >>> model.score_one([0.3, 0.2]) < model.score_one([0.99, 0.99])
    True

    Notes
    -----
    A weight other than 0 counts as 1; a score that is NaN becomes 0. Files need
    `trusted_pickle=True`.
    """

    _excuses = EXCUSES
    model_: Held

    def __init__(
        self,
        *,
        model: Any,
        params: Mapping[str, Any] | None = None,
        nominal: Literal["values", "codes"] = "values",
    ) -> None:
        self.model = model
        self.params = params
        self.nominal = nominal

    def get_state(self) -> dict[str, Any]:
        """Learned state: a copy of the model, and what is known of rows."""
        return deepcopy(super().get_state())

    def _check(self) -> None:
        made(self, *_STRANGE)

    def _start(self, schema: Schema) -> None:
        model = made(self, *_STRANGE)
        if has_role(model, _STRANGE[-1]) and schema.n_features != 1:
            raise wrong(
                "X", schema.n_features, f"one feature, as {type(model).__name__} judges one"
            )
        self.model_ = Held(model)

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        model, to_mapping = self.model_.model, reader(self)
        of_target = has_role(model, _STRANGE[-1])
        for i, row in enumerate(X.tolist()):
            x = to_mapping(row)
            event = (None, row[0]) if of_target else (x,)
            if serve:
                out[i, 0] = np.nan_to_num(float(model.score_one(*event))) if x else 0.0
            if fit and x and weight[i] > 0.0:
                model.learn_one(*event)


class RiverDriftDetector(DriftDetector):
    """A detector of drift of river.

    A missing value, or one of weight 0, changes nothing but the last flag. Time per event and
    memory are those of the detector.

    Parameters
    ----------
    model
        Name of a class within river ("drift.ADWIN", "drift.binary.DDM"), or an unfitted detector.
    params
        Arguments of the class that was named.

    Raises
    ------
    ValueError
        At the first event, for a `model` that is no drift detector of river, and `params` that do
        not fit it.

    Examples
    --------
    >>> from onlineml.integrations import RiverDriftDetector
    >>> model = RiverDriftDetector(model="drift.ADWIN", params={"delta": 0.01})
    >>> model.fit_many([0.0] * 500 + [1.0] * 100).tolist()
    [511]

    Notes
    -----
    Files need `trusted_pickle=True`.
    """

    _excuses = EXCUSES
    _state = (Field("flag_", (1,), np.int64),)
    flag_: Ints
    model_: Held

    def __init__(self, *, model: Any, params: Mapping[str, Any] | None = None) -> None:
        self.model = model
        self.params = params

    def get_state(self) -> dict[str, Any]:
        """Learned state: a copy of the detector, and its last flag."""
        return deepcopy(super().get_state())

    def _check(self) -> None:
        made(self, "DriftDetector", "BinaryDriftDetector")

    def _start(self, schema: Schema) -> None:
        self.model_ = Held(made(self, "DriftDetector", "BinaryDriftDetector"))

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        model = self.model_.model
        for i, value in enumerate(X[:, 0].tolist()):
            if fit:
                self.flag_[0] = 0
            if fit and weight[i] > 0.0 and value == value:
                model.update(value)
                warned = getattr(model, "warning_detected", False)
                self.flag_[0] = DRIFT if model.drift_detected else WARNING if warned else 0
            if serve:
                out[i, 0] = self.flag_[0]
