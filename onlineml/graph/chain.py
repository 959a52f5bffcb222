"""Estimators wired one after another into one estimator."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import numpy as np

from onlineml.base import Array, Classifier, Detector, Estimator, Regressor, Transformer
from onlineml.estimator import Diagnostics
from onlineml.graph.chained import Chained, chained
from onlineml.kernels import Entry
from onlineml.kernels.arena import ANSWER_AND_SCORES, FIT, Descriptor
from onlineml.schema import Schema, wrong
from onlineml.shared_budget import Claim, all_foretell, permit, shares_budget

__all__ = ["ChainClassifier", "ChainDetector", "ChainRegressor", "ChainTransformer", "chain"]


class _Chain(Estimator):
    """Transformers, then a last step; a chain is an estimator of the last step's role."""

    #: The role that the last step must have.
    _role: ClassVar[type[Estimator]]

    steps_: list[Estimator]
    _chained: Chained | None = None  # the steps' kernels in one call, where that is possible
    _is_apart = False  # whether a shared budget may refuse a step of a row half way

    def __init__(self, *, steps: tuple[Estimator, ...]) -> None:
        self.steps = steps

    def _check(self) -> None:
        if not (isinstance(self.steps, Sequence) and self.steps):
            raise wrong("steps", self.steps, "at least one estimator")
        if not isinstance(self.steps[-1], self._role):
            due = f"a last step that is a {self._role.__name__.lower()}"
            raise wrong("steps", self.steps[-1], due)
        for step in self.steps[:-1]:
            if not isinstance(step, Transformer):
                raise wrong("steps", step, "transformers before the last step")

    def _start(self, schema: Schema) -> None:
        self.steps_ = [step.clone() for step in self.steps]
        for step in self.steps_:
            step._begin(schema)
            schema = _output_of(step)

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        for step in self.steps_:
            step._admit(schema)
            schema = _output_of(step)
        if self._width >= 0 and self._out.shape[0] != self._n_outputs():
            self._forget_caches()

    def _outlasts_values(self) -> bool:
        return True  # it looks whether the calls of its steps hold

    def _n_outputs(self) -> int:
        return self.steps_[-1]._n_outputs()

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if self._width < 0:
            self._prepare()
        way = self._way_of_chunks()
        if way is not None:
            way.run((X, y, weight, out), serve, fit)
            return
        *transformers, last = self.steps_
        for step in transformers:
            rows = np.empty((len(X), step._n_outputs()))
            step._run(X, y, weight, rows, ANSWER_AND_SCORES, fit)
            X = rows
        last._run(X, y, weight, out, serve, fit)

    def _stages(self) -> Sequence[Estimator]:
        return self.steps_

    def _claims(self, weights: Array | None, n_rows: int) -> Sequence[Claim]:
        if not self.is_started:
            self._check()
        steps = self.steps_ if self.is_started else self.steps
        return [claim for step in steps for claim in step._claims(weights, n_rows)]

    def _foretells(self) -> bool:
        return all_foretell(self.steps_)

    def _prepare(self) -> None:
        super()._prepare()
        self._is_apart = shares_budget(self) and not self._foretells()
        self._long = self._call  # by Python
        if not self._spends:
            self._link()

    def _link(self) -> None:
        """Let rows pass through the kernels of the steps in one call, where they can."""
        way = chained(self.steps_, self._row, self._target, self._out, self._call_long)
        self._chained, self._call = way, self._long if way is None else way.call

    def _way_of_chunks(self) -> Chained | None:
        """Through the kernels of the steps in one call, where they can."""
        if self._chained is not None and not self._chained.holds():
            self._link()
        way = self._chained
        return way if way is not None and way.is_whole else None

    def _work(self) -> tuple[Entry, Descriptor] | None:
        self._ready()
        way = self._way_of_chunks()
        return None if way is None else (way.kernel, way.many)

    def _call_long(self, what: int, holds: bool) -> int:
        if not holds:
            self._link()  # the next row finds the arrays that the steps have now
        return self._long(what)

    def _awaits_values(self) -> bool:
        return self.steps[0]._awaits_values()

    def _call_python(self, rows: tuple[Array, Array, Array, Array], what: int) -> int:
        """One row, through the one-row calls of the steps; the way of chunks where one balks."""
        if what & FIT and self._is_apart:
            return super()._call_python(rows, what)
        row, y, out = rows[0][0], rows[1], rows[3]
        for step in self.steps_:
            step._ready()
            step._row[...] = row
            step._target[0] = y[0]
            call = step._scoring if what & ANSWER_AND_SCORES else step._serving
            if step._call(call) != 1:
                return super()._call_python(rows, what)
            row = step._out
        out[0] = row[: out.shape[1]]
        if not what & FIT:
            return 1
        if self._spends:
            permit(self, None, 1)
        for step in self.steps_:
            if step._call(step._fitting) != 1:  # wants room
                step._run(step._row[None].copy(), y, rows[2], out[:0], 0, True)
        return 1

    def diagnostics(self) -> Diagnostics:
        """Those of the steps; a name that an earlier step has too gets the step's number before."""
        found: Diagnostics = {}
        for i, step in enumerate(self.steps_ if self.is_started else ()):
            for name, value in step.diagnostics().items():
                found[name if name not in found else f"{i}.{name}"] = value
        return found

    def __repr__(self) -> str:
        return f"chain({', '.join(map(repr, self.steps))})"


class ChainClassifier(_Chain, Classifier):
    """Transformers before a classifier; made by `chain`.

    Time per event and memory are those of the steps together.

    Parameters
    ----------
    steps
        Unfitted estimators, the last a classifier, the others transformers.

    Raises
    ------
    ValueError
        At the first row, without steps, for a last one that is no classifier, and for others that
        are no transformers.

    Examples
    --------
    >>> from onlineml.graph import chain
    >>> from onlineml.learners import GaussianNB
    >>> from onlineml.transforms import StandardScaler
    >>> type(chain(StandardScaler(), GaussianNB())).__name__
    'ChainClassifier'
    """

    _role = Classifier

    def _admit_targets(self, news: list[Hashable]) -> None:
        super()._admit_targets(news)
        self._last()._admit_targets(news)

    def _first_classes(self) -> list[Hashable]:
        last = self.steps[-1]
        return last._first_classes() if isinstance(last, Classifier) else []

    @property
    def _notices(self) -> bool:  # type: ignore[override]  # of others it is their class's
        last = self.steps[-1]
        return isinstance(last, Classifier) and last._notices

    def _notice(self, X: Array) -> None:
        if self._notices:
            for step in self.steps_[:-1]:
                rows = np.empty((len(X), step._n_outputs()))
                step._run(X, np.zeros(len(X)), np.ones(len(X)), rows, ANSWER_AND_SCORES, False)
                X = rows
            self._last()._notice(X)

    def _last(self) -> Classifier:
        last = self.steps_[-1]
        assert isinstance(last, Classifier)
        return last


class ChainRegressor(_Chain, Regressor):
    """Transformers before a regressor; made by `chain`.

    Time per event and memory are those of the steps together.

    Parameters
    ----------
    steps
        Unfitted estimators, the last a regressor, the others transformers.

    Raises
    ------
    ValueError
        At the first row, without steps, for a last one that is no regressor, and for others that
        are no transformers.

    Examples
    --------
    >>> from onlineml.graph import chain
    >>> from onlineml.learners import LinearRegression
    >>> from onlineml.transforms import StandardScaler
    >>> type(chain(StandardScaler(), LinearRegression())).__name__
    'ChainRegressor'
    """

    _role = Regressor


class ChainDetector(_Chain, Detector):
    """Transformers before a detector of anomalies; made by `chain`.

    `explain_one` tells what each of the numbers that reach the detector contributes.

    Time per event and memory are those of the steps together.

    Parameters
    ----------
    steps
        Unfitted estimators, the last a detector, the others transformers.

    Raises
    ------
    ValueError
        At the first row, without steps, for a last one that is no detector, and for others that are
        no transformers.

    Examples
    --------
    >>> from onlineml.graph import chain
    >>> from onlineml.detectors import HalfSpaceTrees
    >>> from onlineml.transforms import StandardScaler
    >>> type(chain(StandardScaler(), HalfSpaceTrees())).__name__
    'ChainDetector'
    """

    _role = Detector

    @property
    def _explains(self) -> bool:  # type: ignore[override]  # of others it is their class's
        last = self.steps[-1]
        return isinstance(last, Detector) and last._explains


class ChainTransformer(_Chain, Transformer):
    """Transformers one after another; made by `chain`.

    Time per event and memory are those of the steps together.

    Parameters
    ----------
    steps
        Unfitted transformers.

    Raises
    ------
    ValueError
        At the first row, without steps, and for steps that are no transformers.

    Examples
    --------
    >>> from onlineml.graph import chain
    >>> from onlineml.transforms import Shingle, StandardScaler
    >>> type(chain(StandardScaler(), Shingle())).__name__
    'ChainTransformer'
    """

    _role = Transformer

    def output_schema(self) -> Schema:
        """Names and kinds of the new rows."""
        return _output_of(self.steps_[-1])


def chain(*steps: Estimator) -> Any:
    """One estimator of `steps`: each transforms the row for the next, the last one answers.

    When a row is fitted, each step learns it in the form that it had when it was served: as
    transformed before the steps in front have learned it. Time per event and memory are those of
    the steps together.

    Parameters
    ----------
    *steps
        Unfitted estimators; all but the last are transformers. They are cloned, not changed.

    Returns
    -------
    An estimator of the last step's role. Parameters of step `i` are named `steps__i__name`.

    Raises
    ------
    ValueError
        Without steps, for a last one that has none of the four roles, and for others that are no
        transformers.

    Examples
    --------
    >>> from onlineml.graph import chain
    >>> from onlineml.learners import GaussianNB
    >>> from onlineml.transforms import StandardScaler
    >>> model = chain(StandardScaler(), GaussianNB())
    >>> rows, labels = [[1.0], [9.0], [2.0], [8.0]] * 10, ["low", "high"] * 20
    >>> model.fit_many(rows, labels).predict_one([7.0])
    'high'
    """
    kinds = {
        Classifier: ChainClassifier,
        Regressor: ChainRegressor,
        Detector: ChainDetector,
        Transformer: ChainTransformer,
    }
    for role, kind in kinds.items():
        if steps and isinstance(steps[-1], role):
            made = kind(steps=steps)
            made._accept_parameters()
            return made
    due = "estimators, the last a classifier, a regressor, a detector or a transformer"
    raise wrong("steps", steps, due)


def _output_of(step: Estimator) -> Schema:
    return step.output_schema() if isinstance(step, Transformer) else step.schema_
