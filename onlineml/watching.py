"""The roles of detectors: what strangeness and change are asked of, event by event.

Events are rows, as of every estimator, or plain numbers where a detector watches a single one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from onlineml.estimator import Estimator
from onlineml.kernels.alarms import DRIFT, WARNING
from onlineml.kernels.arena import ANSWER, Array
from onlineml.receipt import Receipt
from onlineml.schema import as_floats, is_frame


class Watcher(Estimator):
    """What detectors share: events are rows or, where `_n_inputs` is 1, plain numbers."""

    def fit_one(self, x: Any, y: Any = None, *, weight: float = 1.0) -> Self:
        """Learn one event `x`.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            For an event or a weight that cannot be used (see `Estimator`), and a row where the
            event is one number; nothing is learned.
        """
        if weight == 1.0 and (self._read_number(x) or self._read(x)):
            if self._call(self._fitting) != 1:
                self._fit_row_again()
        else:
            self._learn(self._as_row(x), None, weight, one=True)
        return self

    def _unlearn(self, x: Any, y: Any, id: Hashable, weight: float) -> Receipt:
        if not (x.__class__ is np.ndarray or x is None or isinstance(x, Mapping)):
            x = self._as_row(x)
        return super()._unlearn(x, y, id, weight)

    def _as_row(self, x: Any) -> Any:
        x = self._as_one(x)
        return x if isinstance(x, Mapping) else np.atleast_1d(x)

    def _as_rows(self, X: Any) -> Any:
        """Numbers, one an event, as rows; everything else as it is."""
        mappings = isinstance(X, Sequence) and len(X) > 0 and isinstance(X[0], Mapping)
        if is_frame(X) or mappings:
            return X
        values = as_floats(X, "X")
        return values.reshape(-1, 1) if values.ndim < 2 else values

    def _read_number(self, value: Any) -> bool:
        if self._plain != 1 or not isinstance(value, float | int):
            return False
        self._cell[0] = value
        return True

    def _prepare(self) -> None:
        super()._prepare()
        self._cell = memoryview(self._bytes).cast("d")


class Detector(Watcher):
    """Scores how strange an event is; the higher, the stranger.

    The score is 0 before any data: kernels give it in the state that they begin with. Scoring
    never changes the detector. Those whose kernel can tell say what each feature
    contributed (`explain_one`).

    Raises
    ------
    ValueError
        As `Estimator`, and for rows of several numbers where the detector watches one.
    TypeError
        From `explain_one`, where the method cannot tell.

    Examples
    --------
    >>> from onlineml.detectors import WindowedGaussian
    >>> model = WindowedGaussian().fit_many([1.0, 2.0, 1.0, 2.0])
    >>> bool(model.score_one(9.0) > model.score_one(2.0))
    True
    """

    #: Whether the kernel writes, beside the score, one contribution a feature.
    _explains: ClassVar[bool] = False
    #: Where scores end that do not go as far as rows do; instances may say otherwise.
    _greatest: float = math.inf

    def score_one(self, x: Any) -> float:
        """How strange the event `x` is, before it is learned.

        Returns
        -------
        float
            The score; 0 before any data.

        Raises
        ------
        ValueError
            For an event that cannot be used (see `Estimator`).
        """
        if not self._serves(x):
            return 0.0
        if self._call(self._serving) != 1:
            self._refuse_row()
        answer: float = self._answer[0]
        return answer

    def explain_one(self, x: Any) -> Array:
        """What each feature contributes to the score of `x`, shape `(n_features,)`.

        Shape `(0,)` before any data.

        Raises
        ------
        TypeError
            For methods that cannot tell.
        ValueError
            For an event that cannot be used (see `Estimator`).
        """
        if not self._explains:
            raise TypeError(f"{type(self).__name__} does not tell what features contribute")
        if not self._serves(x):
            return np.zeros(0)
        if self._call(self._scoring) != 1:
            self._refuse_row()
        contributions: Array = self._out[1:].copy()
        return contributions

    def fit_many(self, X: Any, y: Any = None, *, weight: Any = None) -> Self:
        """Learn events `X`, in order.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            As `fit_one`, and for weights that are not one an event; none is learned.
        """
        self._learn(self._as_rows(X), None, weight)
        return self

    def score_many(self, X: Any) -> Array:
        """Scores, shape `(n_rows,)`.

        Raises
        ------
        ValueError
            For events that cannot be used (see `Estimator`).
        """
        rows = self._rows(self._as_rows(X), fit=False)[1]
        if not self.is_started:
            return np.zeros(len(rows))
        return self._pass(rows, None, None, ANSWER, fit=False)

    def score_fit_many(self, X: Any, *, weight: Any = None) -> Array:
        """What the loop "score an event, then fit it" would have given, in one pass.

        Returns
        -------
        array
            Scores, shape `(n_rows,)`.

        Raises
        ------
        ValueError
            As `fit_many`.
        """
        return self._learn(self._as_rows(X), None, weight, serve=ANSWER)

    def _serves(self, x: Any) -> bool:
        return self._read_number(x) or self._read(x) or self._read_slowly(self._as_row(x))

    def _n_outputs(self) -> int:
        return 1 + self.schema_.n_features if self._explains else 1


class DriftDetector(Watcher):
    """Says after each value whether the stream that it came from has changed.

    Most watch one number per event, such as the error of a model (0 right, 1 wrong); those that
    watch data take rows. A missing value changes nothing.

    The kernel answers after it has learned the row: 0 nothing, 1 drift, 2 warning; it keeps the
    last answer in `flag_`. `drift_detected` and `warning_detected` are about the last value.

    Raises
    ------
    ValueError
        As `Estimator`, and for rows of several numbers where the detector watches one.

    Examples
    --------
    >>> from onlineml.detectors import ADWIN
    >>> errors = [0.0, 1.0] * 500 + [1.0] * 500
    >>> bool(ADWIN().fit_many(errors)[0] > 1000)
    True
    """

    flag_: npt.NDArray[np.int64]
    _n_inputs: ClassVar[int | None] = 1

    def fit_many(self, X: Any, y: Any = None, *, weight: Any = None) -> npt.NDArray[np.int64]:
        """Learn values, in order; returns the positions of those that raised an alarm.

        Returns
        -------
        array
            Positions in `X`, whole numbers, in order.

        Raises
        ------
        ValueError
            For values or weights that cannot be used (see `Estimator`); none is learned.
        """
        return np.flatnonzero(self.flags_of(X, weight=weight) == DRIFT)

    def flags_of(self, X: Any, *, weight: Any = None) -> Array:
        """Learn values, in order; returns the flag after each: 0 none, 1 drift, 2 warning.

        Returns
        -------
        array
            Flags, shape `(n_rows,)`.

        Raises
        ------
        ValueError
            As `fit_many`.
        """
        return self._learn(self._as_rows(X), None, weight, serve=ANSWER)

    def _awaits_values(self) -> bool:
        return True  # it answers when it has learned a row

    @property
    def drift_detected(self) -> bool:
        """Whether the last value raised an alarm."""
        return self.is_started and bool(self.flag_[0] == DRIFT)

    @property
    def warning_detected(self) -> bool:
        """Whether the last value raised a warning (less sure than an alarm)."""
        return self.is_started and bool(self.flag_[0] == WARNING)
