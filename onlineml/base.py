"""The roles: what each kind of estimator can be asked, its public verbs written once.

`x` is one row, `(n_features,)` numbers or a mapping of names to values, with NaN (or None, or an
absent name) where a value is missing; `X` is many rows: an array `(n_rows, n_features)`, a list of
mappings, or a pandas, polars or Arrow table. Feeding rows one by one or in chunks gives the same
answers and the same state. Serving changes nothing; a call that fails leaves the state as it was.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from onlineml.estimator import Diagnostics, Estimator
from onlineml.kernels.alarms import DRIFT, WARNING
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Array
from onlineml.labels import codes_of, label_array, labels_of
from onlineml.schema import Schema, as_floats, as_row, wrong
from onlineml.watching import Detector, DriftDetector

__all__ = [
    "DRIFT",
    "WARNING",
    "Array",
    "Classifier",
    "Detector",
    "Diagnostics",
    "DriftDetector",
    "Estimator",
    "Regressor",
    "Schema",
    "Transformer",
]

Labels = npt.NDArray[Any]
MANY_CLASSES = 1_000
_MANY = (
    f"y: {MANY_CLASSES:,} different classes have come; time and memory grow with each. "
    "Are the labels ids, or numbers that a regressor should learn?"
)
_LEAST, _MOST = -math.inf, math.inf  # names: to negate a number at each row takes a while


class Classifier(Estimator):
    """Predicts a class label. Classes may appear at any time; `classes_` is in that order.

    Raises
    ------
    ValueError
        As `Estimator`; where a row is learned, for a label that is missing or no number, text or
        bool.

    Warns
    -----
    UserWarning
        When the 1,000th class is learned. There is no limit, but models and metrics grow with the
        classes: labels of which each is new, such as ids, fill any memory.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB
    >>> model = GaussianNB()
    >>> model.predict_fit_many([[1.0], [2.0], [9.0]], ["low", "low", "high"]).tolist()
    [None, 'low', 'low']
    >>> model.classes_, model.predict_proba_one([5.0]).shape
    (['low', 'high'], (2,))
    """

    classes_: list[Hashable]
    _codes: Mapping[Hashable, int] = MappingProxyType({})
    #: Whether rows without labels teach it something: see `notice_one`.
    _notices: ClassVar[bool] = False

    def fit_one(self, x: Any, y: Any, *, weight: float = 1.0) -> Self:
        """Learn one row `x` with label `y`.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            For a row or a weight that cannot be used (see `Estimator`), and a missing label, or one
            that is neither number, text nor bool; nothing is learned.
        """
        code = self._codes.get(y) if y.__hash__ else None
        if code is not None and weight == 1.0 and self._read(x):
            self._y[0] = code
            if self._call(self._fitting) != 1:
                self._fit_row_again()
        else:
            self._learn(x, [y], weight, one=True)
        return self

    def predict_one(self, x: Any) -> Any:
        """The most probable label, or None before any class is known.

        Returns
        -------
        Hashable
            A member of `classes_`, or None.

        Raises
        ------
        ValueError
            For a row that cannot be used (see `Estimator`).
        """
        if self._read(x) or self._read_slowly(x):
            if self._call(self._serving) != 1:
                self._refuse_row()
            return self._labels[int(self._answer[0])]
        return None

    def predict_proba_one(self, x: Any) -> Array:
        """Class probabilities, shape `(n_classes,)`, in the order of `classes_`.

        Returns
        -------
        array
            Shape `(n_classes,)`, `(0,)` before any class is known; a copy.

        Raises
        ------
        ValueError
            For a row that cannot be used (see `Estimator`).
        """
        if self._read(x) or self._read_slowly(x):
            if self._call(self._scoring) != 1:
                self._refuse_row()
            probabilities: Array = self._out[1 : 1 + len(self.classes_)].copy()
            return probabilities
        return np.empty(0)

    def fit_many(self, X: Any, y: Any, *, weight: Any = None) -> Self:
        """Learn rows `X` with labels `y`, in order.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            As `fit_one`, and for labels or weights that are not one a row; no row is learned.
        """
        self._learn(X, y, weight)
        return self

    def predict_many(self, X: Any) -> Labels:
        """Labels, shape `(n_rows,)`; None where no class was known yet.

        Raises
        ------
        ValueError
            For rows that cannot be used (see `Estimator`).
        """
        return self._to_labels(self._serve(X, ANSWER))

    def predict_proba_many(self, X: Any) -> Array:
        """Class probabilities, shape `(n_rows, n_classes)`.

        Raises
        ------
        ValueError
            For rows that cannot be used (see `Estimator`).
        """
        return self._to_probabilities(self._serve(X, ANSWER_AND_SCORES))

    def predict_fit_many(self, X: Any, y: Any, *, weight: Any = None) -> Labels:
        """What the loop "predict a row, then fit it" would have predicted, in one pass.

        Returns
        -------
        array
            Labels, shape `(n_rows,)`; None where no class was known yet.

        Raises
        ------
        ValueError
            As `fit_many`.
        """
        return self._to_labels(self._learn(X, y, weight, serve=ANSWER))

    def predict_proba_fit_many(self, X: Any, y: Any, *, weight: Any = None) -> Array:
        """What the loop "predict_proba a row, then fit it" would have given, in one pass.

        A class that appears within `X` has probability 0 in the rows before.

        Returns
        -------
        array
            Shape `(n_rows, n_classes)`, the classes those that are known at the end.

        Raises
        ------
        ValueError
            As `fit_many`.
        """
        return self._to_probabilities(self._learn(X, y, weight, serve=ANSWER_AND_SCORES))

    def notice_one(self, x: Any) -> Self:
        """Take note of a row whose label may never come; most classifiers learn nothing from it.

        It changes no answer: what was noticed is of use when a label comes.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            For a row that cannot be used (see `Estimator`).
        """
        return self.notice_many([x])

    def notice_many(self, X: Any) -> Self:
        """Take note of rows `X`, in order.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            For rows that cannot be used (see `Estimator`).
        """
        schema, rows = self._rows(X, fit=True)
        self._admit(schema)
        self._notice(rows)
        return self

    def _notice(self, X: Array) -> None:
        """The hook of `notice_one`, where `_notices`."""

    def _first_classes(self) -> list[Hashable]:
        """Classes that are known before any data, of the parameters alone."""
        return []

    def _serve(self, X: Any, serve: int) -> Array:
        rows = self._rows(X, fit=False)[1]
        if not self.is_started:
            return np.full(len(rows), -1.0) if serve == ANSWER else np.empty((len(rows), 1))
        return self._pass(rows, None, None, serve, fit=False)

    def _to_labels(self, codes: Array) -> Labels:
        return labels_of(codes, getattr(self, "classes_", []))

    def _to_probabilities(self, out: Array) -> Array:
        return out[:, 1 : 1 + len(getattr(self, "classes_", []))].copy()

    def _targets(self, y: Any, n_rows: int) -> tuple[Array, list[Hashable]]:
        classes = self.classes_ if self.is_started else self._first_classes()
        codes, found = codes_of(y, {label: code for code, label in enumerate(classes)})
        if len(codes) != n_rows:
            raise wrong("y", len(codes), f"{n_rows} labels, one a row")
        return codes, list(found)

    def _known_target(self, y: Any) -> float | None:
        code = self._codes.get(y) if y.__hash__ else None
        if code is None:  # not plain, or never learned
            codes, news = self._targets([y], 1)
            return float(codes[0]) if len(news) == len(self.classes_) else None
        return code

    def _admit_targets(self, news: list[Hashable]) -> None:
        if len(news) > len(self.classes_):
            if len(self.classes_) < MANY_CLASSES <= len(news):
                warnings.warn(_MANY, stacklevel=1)  # one place: told once, whatever is inside
            self.classes_ = news
            self._make_room(len(news))
            self._forget_caches()

    def _begin(self, schema: Schema) -> None:
        super()._begin(schema)
        self.classes_ = self._first_classes()

    def _make_room(self, n_classes: int) -> None:
        """See that there is room for `n_classes` classes."""
        if n_classes > self._size("C") > 0:
            self._enlarge_by_doubling("C", n_classes)

    def _n_outputs(self) -> int:
        return 1 + max(self._size("C"), len(getattr(self, "classes_", [])))

    def _prepare(self) -> None:
        super()._prepare()
        self._codes = {label: code for code, label in enumerate(self.classes_)}
        self._labels = [*label_array(self.classes_).tolist(), None]  # code -1: no class yet


class Regressor(Estimator):
    """Predicts a number.

    Raises
    ------
    ValueError
        As `Estimator`; where a row is learned, for a target that is no finite number.

    Examples
    --------
    >>> from onlineml.learners import MeanRegressor
    >>> MeanRegressor().predict_fit_many([[0.0], [0.0], [0.0]], [3.0, 5.0, 7.0]).tolist()
    [0.0, 3.0, 4.0]
    """

    def fit_one(self, x: Any, y: float, *, weight: float = 1.0) -> Self:
        """Learn one row `x` with target `y`.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            For a row or a weight that cannot be used (see `Estimator`), and a target that is no
            finite number; nothing is learned.
        """
        try:
            fast = weight == 1.0 and _LEAST < y < _MOST and self._read(x)
            if fast:
                self._y[0] = y
        except (TypeError, ValueError, OverflowError):
            fast = False
        if not fast:
            self._learn(x, [y], weight, one=True)
        elif self._call(self._fitting) != 1:
            self._fit_row_again()
        return self

    def predict_one(self, x: Any) -> float:
        """The expected target; 0 before any data.

        Raises
        ------
        ValueError
            For a row that cannot be used (see `Estimator`).
        """
        if self._read(x) or self._read_slowly(x):
            if self._call(self._serving) != 1:
                self._refuse_row()
            answer: float = self._answer[0]
            return answer
        return 0.0

    def fit_many(self, X: Any, y: Any, *, weight: Any = None) -> Self:
        """Learn rows `X` with targets `y`, in order.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            As `fit_one`, and for targets or weights that are not one a row; no row is learned.
        """
        self._learn(X, y, weight)
        return self

    def predict_many(self, X: Any) -> Array:
        """Expected targets, shape `(n_rows,)`.

        Raises
        ------
        ValueError
            For rows that cannot be used (see `Estimator`).
        """
        rows = self._rows(X, fit=False)[1]
        if not self.is_started:
            return np.zeros(len(rows))
        return self._pass(rows, None, None, ANSWER, fit=False)

    def predict_fit_many(self, X: Any, y: Any, *, weight: Any = None) -> Array:
        """What the loop "predict a row, then fit it" would have predicted, in one pass.

        Returns
        -------
        array
            Predictions, shape `(n_rows,)`.

        Raises
        ------
        ValueError
            As `fit_many`.
        """
        return self._learn(X, y, weight, serve=ANSWER)

    def _known_target(self, y: Any) -> float | None:
        plain = y.__class__ is float and _LEAST < y < _MOST
        return y if plain else float(self._targets([y], 1)[0][0])

    def _targets(self, y: Any, n_rows: int) -> tuple[Array, None]:
        targets = as_floats(y, "y")
        if targets.shape != (n_rows,):
            raise wrong("y", targets.shape, f"one number a row, shape ({n_rows},)")
        if not np.isfinite(targets).all():
            raise wrong("y", float(targets[~np.isfinite(targets)][0]), "finite numbers")
        return targets, None


class Transformer(Estimator):
    """Turns a row into another row. Most need no target.

    Raises
    ------
    ValueError
        As `Estimator`.

    Examples
    --------
    >>> from onlineml.transforms import MinMaxScaler
    >>> MinMaxScaler().transform_fit_many([[1.0], [3.0], [2.0]]).ravel().tolist()
    [0.0, 0.0, 0.5]
    """

    def fit_one(self, x: Any, y: Any = None, *, weight: float = 1.0) -> Self:
        """Learn one row `x`.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            For a row or a weight that cannot be used (see `Estimator`); nothing is learned.
        """
        if weight == 1.0 and self._read(x):
            if self._call(self._fitting) != 1:
                self._fit_row_again()
        else:
            self._learn(x, y, weight, one=True)
        return self

    def transform_one(self, x: Any) -> Array:
        """The new row, shape `(n_outputs,)`.

        Raises
        ------
        ValueError
            For a row that cannot be used (see `Estimator`); before any data also for parameters
            that cannot.
        """
        if self._read(x) or self._read_slowly(x):
            if self._call(self._serving) != 1:
                self._refuse_row()
            return self._out.copy()
        return self._unfitted(x).transform_one(x)

    def fit_many(self, X: Any, y: Any = None, *, weight: Any = None) -> Self:
        """Learn rows `X`, in order.

        Returns
        -------
        Self
            The estimator.

        Raises
        ------
        ValueError
            As `fit_one`, and for weights that are not one a row; no row is learned.
        """
        self._learn(X, y, weight)
        return self

    def transform_many(self, X: Any) -> Array:
        """New rows, shape `(n_rows, n_outputs)`.

        Raises
        ------
        ValueError
            For rows that cannot be used (see `Estimator`); before any data also for parameters that
            cannot.
        """
        if not self.is_started:
            return self._unfitted(X).transform_many(X)
        rows = self._rows(X, fit=False)[1]
        return self._pass(rows, None, None, ANSWER_AND_SCORES, fit=False)

    def transform_fit_many(self, X: Any, y: Any = None, *, weight: Any = None) -> Array:
        """What the loop "transform a row, then fit it" would have given, in one pass.

        Returns
        -------
        array
            New rows, shape `(n_rows, n_outputs)`.

        Raises
        ------
        ValueError
            As `fit_many`.
        """
        return self._learn(X, y, weight, serve=ANSWER_AND_SCORES)

    def _stretches(self, schema: Schema, X: Any, serve: int) -> list[slice]:
        return [] if serve else super()._stretches(schema, X, serve)  # new rows are of one width

    def _unfitted(self, x: Any) -> Self:
        """A twin started on the columns of `x`, but not its texts: what serves before any data."""
        schema = self._first_schema(as_row(x))
        return self.clone().start(replace(schema, nominal=dict.fromkeys(schema.nominal, ())))

    def output_schema(self) -> Schema:
        """Names and kinds of the new rows.

        Raises
        ------
        AttributeError
            Before any data, when no schema is known.
        """
        return self.schema_
