"""Detectors of PySAD as ours."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from onlineml.base import Array, Detector
from onlineml.integrations.held import EXCUSES, Held
from onlineml.kernels.arena import Field, Ints
from onlineml.schema import Schema, wrong

_CHANGED = ("KitNet",)  # counts the rows that it scores


class PySADDetector(Detector):
    """A detector of anomalies of PySAD.

    Missing values become the mean of the feature so far, as many of PySAD's detectors break on
    them; a row without any value scores 0 and is not learned. Time per event and memory are those
    of the detector.

    Parameters
    ----------
    model
        Name of a class in `pysad.models` ("xStream", "LODA", ...), or an unfitted detector.
    params
        Arguments of the class that was named, such as the limits that some detectors need.

    Raises
    ------
    ImportError
        PySAD is not installed: `pip install "onlineml[anomaly]"`.
    ValueError
        At the first row, for a `model` that is none of PySAD, and `params` that do not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.integrations import PySADDetector
    >>> X = np.random.default_rng(0).normal(size=(300, 3))
    >>> model = PySADDetector(model="LODA", params={"random_state": 1}).fit_many(X)
    >>> model.score_one([0.0, 0.1, 0.0]) < model.score_one([6.0, 6.0, -6.0])
    True

    Notes
    -----
    KitNet changes when it is asked, so that copies of it are. A weight other than 0 counts as 1; a
    score that is NaN becomes 0; codes of nominal values are taken as numbers. Detectors keep the
    width of the first row: features that come later do not reach them. Files need
    `trusted_pickle=True`. Whether memory is bounded is up to the detector, and errors that it
    raises leave it as it is then.

    References
    ----------
    .. [1] Yilmaz, Kozat (2020), PySAD: a streaming anomaly detection framework in Python.
       arXiv:2009.02572
    """

    _excuses = EXCUSES
    _state = (
        Field("means_", ("F",)),
        Field("n_", ("F",), np.int64),
        Field("width_", (1,), np.int64),
    )

    means_: Array
    n_: Ints
    width_: Ints
    model_: Held

    def __init__(self, *, model: Any, params: Mapping[str, Any] | None = None) -> None:
        self.model = model
        self.params = params

    def get_state(self) -> dict[str, Any]:
        """Learned state: a copy of the detector, and the means of the features."""
        return deepcopy(super().get_state())

    def _check(self) -> None:
        self._made()

    def _start(self, schema: Schema) -> None:
        self.model_ = Held(self._made())
        self.width_[0] = schema.n_features

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        model, width = self.model_.model, int(self.width_[0])
        for i, x in enumerate(X[:, :width]):
            known = ~np.isnan(x)
            row = np.where(known, x, self.means_[:width])
            if serve:
                asked = deepcopy(model) if type(model).__name__ in _CHANGED else model
                score = float(np.ravel(asked.score_partial(row))[0]) if known.any() else 0.0
                out[i, 0] = np.nan_to_num(score)
            if fit and weight[i] > 0.0 and known.any():
                self._learn_means(x, known)
                model.fit_partial(np.where(known, x, self.means_[:width]))

    def _learn_means(self, x: Array, known: Any) -> None:
        columns = np.flatnonzero(known)
        self.n_[columns] += 1
        self.means_[columns] += (x[columns] - self.means_[columns]) / self.n_[columns]

    def _made(self) -> Any:
        models = _needed()
        if not isinstance(self.model, str):
            made = deepcopy(self.model)
        elif isinstance(kind := getattr(models, self.model, None), type):
            try:
                made = kind(**(self.params or {}))
            except TypeError as error:
                due = f"arguments of {self.model} ({error})"
                raise wrong("params", self.params, due) from None
        else:
            raise wrong("model", self.model, "the name of a class in pysad.models, such as 'LODA'")
        if not (hasattr(made, "fit_partial") and hasattr(made, "score_partial")):
            raise wrong("model", self.model, "a detector of PySAD, or the name of one")
        return made


def _needed() -> Any:
    try:
        from pysad import models
    except ImportError as error:
        raise ImportError("PySADDetector needs PySAD: pip install 'onlineml[anomaly]'") from error
    return models
