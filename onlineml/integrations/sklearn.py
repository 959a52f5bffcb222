"""Outlier detectors of scikit-learn on a stream."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from onlineml.base import Array
from onlineml.integrations.batch_detector import BatchDetector
from onlineml.schema import wrong

_MODULES = {
    "EllipticEnvelope": "covariance",
    "IsolationForest": "ensemble",
    "LocalOutlierFactor": "neighbors",
    "OneClassSVM": "svm",
    "SGDOneClassSVM": "linear_model",
}


class SklearnDetector(BatchDetector):
    """An outlier detector of scikit-learn, fitted again and again to a window of the last rows.

    Between fits, rows are scored in blocks. The score is the rank among the scores of the rows
    that the model was fitted on, from 0 to 1, with straight lines between them; it goes on towards
    1 beyond the greatest, so that a new fit does not move the scale. It is 0 until `min_rows` rows
    have come. Rows with the highest scores are kept out of the window, all but one in `one_in`.
    Time per event is that of the model; memory is 24 bytes * window_size * n_features and the
    model.

    Parameters
    ----------
    model
        "IsolationForest", "LocalOutlierFactor", "OneClassSVM", "EllipticEnvelope" or
        "SGDOneClassSVM" (None for the first), or an unfitted estimator with `score_samples`: one of
        these, or a pipeline that ends in one. With a name, files hold no pickle; with an object
        they need `trusted_pickle=True`.
    params
        Arguments of the detector that was named.
    window_size
        Rows that models are fitted to.
    min_rows
        Rows that come before the first fit. Further ones follow whenever there are twice as many,
        until `refit_every` rows lie between two.
    refit_every
        Rows from one fit to the next.
    block_size
        Rows that are scored by one call of the library. With 1, rows are scored singly.
    quantile
        Rows whose score is greater than this share of the last ones are kept out; None for none.
    one_in
        One in so many of these is let in after all: a lasting change becomes normal.
    drift
        A detector of drift that watches the scores: at its alarm, a new model is fitted to the last
        `min_rows` rows, which become the window.
    in_background
        Fit in a thread, and take the new model when it is ready. Answers then depend on time.
    seed
        Seed of detectors that draw; None for a fresh one each time, which a resumed model cannot
        draw again.

    Raises
    ------
    ValueError
        At the first row, for a `model` that is none of scikit-learn's outlier detectors and
        `params` that do not fit it; a `min_rows` or `window_size` that is not a whole number >= 2,
        a window shorter than `min_rows`, a `refit_every`, `block_size` or `one_in` not one >= 1, a
        `quantile` outside of (0, 1), and a `drift` that is no drift detector.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.integrations import SklearnDetector
    >>> X = np.random.default_rng(0).normal(size=(600, 3))
    >>> model = SklearnDetector(model="LocalOutlierFactor").fit_many(X)
    >>> model.score_one([0.0, 0.1, 0.0]) < 0.5 < 0.99 < model.score_one([6.0, 6.0, -6.0])
    True

    Notes
    -----
    As `PyODDetector`: missing values become medians, scores are rounded to 24 bits, models are
    fitted anew from their rows when a state or a file is loaded. The local outlier factor is always
    used for novelties; its scores of the window are those that leave each row out.

    References
    ----------
    .. [1] Pedregosa and others (2011), Scikit-learn: machine learning in Python, JMLR 12,
       2825-2830. arXiv:1201.0490
    """

    def _kind(self, name: str | None) -> Any:
        name = name or "IsolationForest"
        if name not in _MODULES:
            raise wrong("model", name, f"one of {sorted(_MODULES)}, or an estimator")
        return getattr(importlib.import_module(f"sklearn.{_MODULES[name]}"), name)

    def _prepared(self, model: Any) -> Any:
        for name in model.get_params():
            if name.rpartition("__")[2] == "novelty":
                model.set_params(**{name: True})
        if not hasattr(model, "score_samples"):
            raise wrong("model", self.model, "an outlier detector of scikit-learn")
        return model

    def _trained(self, model: Any, rows: Array) -> Any:
        model.fit(rows)
        if hasattr(model, "negative_outlier_factor_"):
            return -model.negative_outlier_factor_
        return self._asked(model, rows)

    def _asked(self, model: Any, rows: Array) -> Any:
        return -np.asarray(model.score_samples(rows))
