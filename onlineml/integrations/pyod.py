"""Detectors of PyOD on a stream."""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import Any

from onlineml.base import Array
from onlineml.integrations.batch_detector import BatchDetector
from onlineml.schema import wrong


class PyODDetector(BatchDetector):
    """Any tabular detector of PyOD, fitted again and again to a window of the last rows.

    Between fits, rows are scored in blocks. The score is the rank among the scores of the rows
    that the model was fitted on, from 0 to 1, with straight lines between them; it goes on towards
    1 beyond the greatest, so that a new fit does not move the scale. It is 0 until `min_rows` rows
    have come. Rows with the highest scores are kept out of the window, all but one in `one_in`.
    Time per event is that of the model; memory is 24 bytes * window_size * n_features and the
    model.

    Parameters
    ----------
    model
        Name of a detector ("IForest", "KNN", "ECOD", ...), or an unfitted detector of PyOD; None
        for IForest. With a name, files hold no pickle; with an object they need
        `trusted_pickle=True`.
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
    ImportError
        PyOD is not installed: `pip install "onlineml[anomaly]"`.
    ValueError
        At the first row, for a `model` that is none of PyOD's detectors and `params` that do not
        fit it; a `min_rows` or `window_size` that is not a whole number >= 2, a window shorter than
        `min_rows`, a `refit_every`, `block_size` or `one_in` not one >= 1, a `quantile` outside of
        (0, 1), and a `drift` that is no drift detector.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.integrations import PyODDetector
    >>> X = np.random.default_rng(0).normal(size=(600, 3))
    >>> model = PyODDetector(model="KNN", params={"n_neighbors": 10}).fit_many(X)
    >>> model.score_one([0.0, 0.1, 0.0]) < 0.5 < 0.99 < model.score_one([6.0, 6.0, -6.0])
    True

    Notes
    -----
    Missing values become the median of the window; a row without any value scores 0. Detectors
    that compare the rows of a block with each other (ECOD, COPOD, SOS, LOCI and others: found
    out at the first fit) get each row together with the window, at the cost of as many rows; those
    that round a block otherwise than a row get single rows. Scores are rounded to 24 bits, as
    what is left of such differences must not show. The library's model is fitted anew from its rows
    when a state or a file is loaded; `nbytes` counts the rows, not the model. A weight other than 0
    counts as 1. Codes of nominal values are taken as numbers. Where the library refuses to fit,
    the former model stays, and a `RuntimeWarning` says why.

    All 29 detectors of rows and of numbers in PyOD 3.6 that need no other package are tested. Of
    RGraph, PyOD's own scores of a batch rank outliers last; here they are what they are there.

    References
    ----------
    .. [1] Zhao, Nasrullah, Li (2019), PyOD: a Python toolbox for scalable outlier detection, JMLR
       20(96). arXiv:1901.01588
    """

    def _kind(self, name: str | None) -> Any:
        name = name or "IForest"
        _needed()
        try:  # the module of a detector is called like it, in small letters
            return getattr(importlib.import_module(f"pyod.models.{name.lower()}"), name)
        except (ImportError, AttributeError):
            due = "the name of a detector of PyOD, such as 'IForest'"
            raise wrong("model", name, due) from None

    def _prepared(self, model: Any) -> Any:
        if not isinstance(model, _needed()):
            raise wrong("model", self.model, "a detector of PyOD, or the name of one")
        return model

    def _trained(self, model: Any, rows: Array) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):  # some tell of their progress
            model.fit(rows)
        return model.decision_scores_

    def _asked(self, model: Any, rows: Array) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            return model.decision_function(rows)


def _needed() -> Any:
    try:
        from pyod.models.base import BaseDetector
    except ImportError as error:
        raise ImportError("PyODDetector needs PyOD: pip install 'onlineml[anomaly]'") from error
    return BaseDetector
