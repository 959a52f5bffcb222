"""Detectors that learn a batch, of other libraries, as detectors of a stream."""

from __future__ import annotations

import copy
import threading
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Detector, DriftDetector
from onlineml.integrations.batch_window import (
    in_order,
    medians,
    push,
    ranked,
    rounded,
    seeded,
)
from onlineml.kernels.arena import ANSWER_AND_SCORES, Field, Ints
from onlineml.parameters import whole
from onlineml.schema import Schema, wrong
from onlineml.transforms import ConformalCalibrator

# Of the counts: rows held and the place of the next, the same of the recent ones; rows and columns
# of the present fit; rows since the last try, fits, failures; rows judged, those found strange.
_HELD, _NEXT, _RECENT, _NEXT_RECENT, _ROWS, _COLUMNS = range(6)
_SINCE, _FITS, _FAILED, _JUDGED, _STRANGE, _HOW = range(6, 12)
_IN_BLOCKS, _SINGLY, _WITH_WINDOW = range(3)  # how the library's detector is to be asked
_N_PROBED = 8  # rows by which that is found out
_NOISE, _OTHER = 1e-13, 1e-6  # relative differences: of rounding, and of another meaning


class _Fit(NamedTuple):
    """A model of the library, its training scores in order, and what stands for missing values."""

    model: Any
    scores: Array
    middle: Array


class BatchDetector(Detector):
    """What `PyODDetector` and `SklearnDetector` share; they say how to make, fit and ask a model.

    The library's model is a cache: it is fitted anew from the rows that it was last fitted on, so
    that states and files hold rows, and no pickle.
    """

    _greatest = 1.0
    _state = (
        Field("held_", ("W", "F"), fill=np.nan),
        Field("recent_", ("M", "F"), fill=np.nan),
        Field("fitted_", ("W", "F"), fill=np.nan),
        Field("scores_", ("W",)),
        Field("middle_", ("F",)),
        Field("counts_", (12,), np.int64),
    )

    held_: Array
    recent_: Array
    fitted_: Array
    scores_: Array
    middle_: Array
    counts_: Ints
    ranks_: ConformalCalibrator
    drift_: DriftDetector | None

    def __init__(
        self,
        *,
        model: Any = None,
        params: Mapping[str, Any] | None = None,
        window_size: int = 512,
        min_rows: int = 64,
        refit_every: int = 256,
        block_size: int = 256,
        quantile: float | None = 0.99,
        one_in: int = 10,
        drift: DriftDetector | None = None,
        in_background: bool = False,
        seed: int | None = 0,
    ) -> None:
        self.model = model
        self.params = params
        self.window_size = window_size
        self.min_rows = min_rows
        self.refit_every = refit_every
        self.block_size = block_size
        self.quantile = quantile
        self.one_in = one_in
        self.drift = drift
        self.in_background = in_background
        self.seed = seed

    # ---------------------------------------------------------------- of the library

    @abstractmethod
    def _kind(self, name: str | None) -> Any:
        """The library's class of that name; None for the usual one."""

    @abstractmethod
    def _prepared(self, model: Any) -> Any:
        """`model` as it is fitted; raises `ValueError` where it is none of the library."""

    @abstractmethod
    def _trained(self, model: Any, rows: Array) -> Any:
        """Fit `model`; the scores of the rows that it was fitted on, higher = stranger."""

    @abstractmethod
    def _asked(self, model: Any, rows: Array) -> Any:
        """Scores of new rows, higher = stranger."""

    # ---------------------------------------------------------------- life

    def _check(self) -> None:
        least_of = {"min_rows": 2, "refit_every": 1, "block_size": 1, "one_in": 1, "window_size": 2}
        for name, least in least_of.items():
            whole(name, getattr(self, name), least)
        if self.window_size < self.min_rows:
            raise wrong("window_size", self.window_size, f"at least min_rows, {self.min_rows}")
        if self.quantile is not None and not 0 < self.quantile < 1:
            raise wrong("quantile", self.quantile, "a number between 0 and 1, or None")
        if not isinstance(self.drift, DriftDetector | None):
            raise wrong("drift", self.drift, "a drift detector of numbers, or None")
        self._made()

    def _sizes(self) -> dict[str, int]:
        return {"W": self.window_size, "M": self.min_rows}

    def _start(self, schema: Schema) -> None:
        self.ranks_ = ConformalCalibrator(window_size=self.window_size)
        self.ranks_._begin(Schema(1))
        self.drift_ = None if self.drift is None else self.drift.clone()
        if self.drift_ is not None:
            self.drift_._begin(Schema(1))

    @property
    def n_fits(self) -> int:
        """How often a model was fitted."""
        return int(self.counts_[_FITS]) if self.is_started else 0

    @property
    def n_failed(self) -> int:
        """How often the library refused to fit; the model before then stayed."""
        return int(self.counts_[_FAILED]) if self.is_started else 0

    # ---------------------------------------------------------------- rows

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        told = (weight > 0.0) & ~np.isnan(X).all(axis=1)
        first = 0
        while first < len(X):
            self._take_what_is_ready()
            last = self._end_of_block(first, told) if fit else first + self.block_size
            rows = slice(first, min(last, len(X)))
            watched = fit and self.counts_[_FITS] > 0
            watched = watched and (self.quantile is not None or self.drift_ is not None)
            scores = self._scored(X[rows]) if serve or watched else np.empty(0)
            first = rows.stop
            if fit:
                first = rows.start + self._learned_of(X[rows], scores, told[rows])
            if serve:
                out[rows.start : first, 0] = scores[: first - rows.start]

    def _end_of_block(self, first: int, told: npt.NDArray[np.bool_]) -> int:
        """Rows are scored at once up to the one after which a fit is due."""
        last = min(first + self.block_size, len(told))
        left = int(self._due_after() - self.counts_[_SINCE])
        learned = np.flatnonzero(told[first:last])
        return last if len(learned) < left else first + int(learned[left - 1]) + 1

    def _due_after(self) -> int:
        """Rows from one fit to the next: more and more until the window is full."""
        n = int(self.counts_[_ROWS])
        return max(min(self.refit_every, n), 1) if n else self.min_rows

    def _learned_of(self, X: Array, scores: Array, told: npt.NDArray[np.bool_]) -> int:
        """Learn rows, to the one after which all has changed; how many were learned."""
        n, drifted = len(X), False
        if self.drift_ is not None and self.counts_[_FITS] > 0:
            n, drifted = self._until_drift(scores, told)
        X, scores, told = X[:n], scores[:n], told[:n]
        if self.drift_ is not None:
            push(self.recent_, self.counts_, _RECENT, X[told])
        admitted = told
        if self.quantile is not None and self.counts_[_FITS] > 0:
            admitted = self._let_in(scores, told)
        push(self.held_, self.counts_, _HELD, X[admitted])
        self.counts_[_SINCE] += told.sum()
        if drifted:
            recent = in_order(self.recent_, self.counts_, _RECENT)
            self.counts_[[_HELD, _NEXT]] = 0
            push(self.held_, self.counts_, _HELD, recent)
        if drifted or self.counts_[_SINCE] >= self._due_after():
            self._refit()
        return n

    def _until_drift(self, scores: Array, told: npt.NDArray[np.bool_]) -> tuple[int, bool]:
        assert self.drift_ is not None
        for i in np.flatnonzero(told).tolist():
            if self.drift_.fit_one(float(scores[i])).drift_detected:
                return i + 1, True
        return len(scores), False

    def _let_in(self, scores: Array, told: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which rows go into the window: not those of the highest scores, or one in `one_in`."""
        said = np.ascontiguousarray(scores[told][:, None])
        n, shares = len(said), np.empty((len(said), 1))
        self.ranks_._run(said, np.zeros(n), np.ones(n), shares, ANSWER_AND_SCORES, True)
        known = 10 * (self.counts_[_JUDGED] + np.arange(n)) >= self.window_size
        strange = known & (shares[:, 0] > (self.quantile or 1.0))
        self.counts_[_JUDGED] += n
        so_far = self.counts_[_STRANGE] + np.cumsum(strange)
        self.counts_[_STRANGE] += strange.sum()
        admitted = told.copy()
        admitted[told] = ~strange | (so_far % self.one_in == 0)
        return admitted

    # ---------------------------------------------------------------- models

    def _made(self) -> Any:
        """A new model of the library, which draws by our seed."""
        if self.model is None or isinstance(self.model, str):
            kind = self._kind(self.model)
            try:
                made = kind(**copy.deepcopy(dict(self.params or {})))
            except TypeError as error:
                due = f"arguments of {kind.__name__} ({error})"
                raise wrong("params", self.params, due) from None
        else:
            made = _copied(self.model)
        made = self._prepared(made)
        for name, value in made.get_params().items():
            if name.rpartition("__")[2] == "random_state" and value is None:
                made.set_params(**{name: self.seed})
        return made

    def _refit(self) -> None:
        self.counts_[_SINCE] = 0
        rows = in_order(self.held_, self.counts_, _HELD)
        if not self.in_background:
            self._take(rows, self._fitted_on(rows))
        elif "_pending" not in vars(self):
            self._pending = _Pending(self, rows)

    def _fitted_on(self, rows: Array) -> _Fit | Exception:
        middle = medians(rows)
        filled = np.where(np.isnan(rows), middle, rows)
        model = self._made()
        try:
            with seeded(None if self.in_background else self.seed):
                scores = np.asarray(self._trained(model, filled), np.float64).ravel()
        except Exception as error:
            return error
        return _Fit(model, np.sort(rounded(scores[~np.isnan(scores)])), middle)

    def _take_what_is_ready(self) -> None:
        pending = vars(self).get("_pending")
        if pending is not None and not pending.thread.is_alive():
            del self._pending
            self._take(pending.rows, pending.found)

    def _take(self, rows: Array, found: _Fit | Exception) -> None:
        """Put a new model in the place of the old one, or say why there is none."""
        if isinstance(found, Exception) or not len(found.scores):
            self.counts_[_FAILED] += 1
            words = f"{type(self._made()).__name__} could not be fitted to {len(rows)} rows"
            warnings.warn(f"{words}: {found!r}", RuntimeWarning, stacklevel=2)
            return
        counts = self.counts_
        counts[_ROWS], counts[_COLUMNS] = rows.shape
        counts[_FITS] += 1
        self.fitted_[: len(rows)] = rows
        self.scores_[:] = np.inf
        self.scores_[: len(found.scores)] = found.scores
        self.middle_[:] = found.middle
        self._model = found.model
        if counts[_FITS] == 1:
            counts[_HOW] = self._how_to_ask(found.model)

    def _how_to_ask(self, model: Any) -> int:
        """Whether rows of a block are scored alike alone, almost alike, or by each other."""
        window = self._filled(self.fitted_[: self.counts_[_ROWS]])
        model = copy.deepcopy(model)
        try:
            rows = (self._ask(model, x[None]) for x in window[:_N_PROBED])
            alone = np.array([np.ravel(row)[0] for row in rows], np.float64)
            together = np.ravel(self._ask(model, window))[: len(alone)].astype(np.float64)
        except Exception:  # it cannot score one row: it compares rows with each other
            return _WITH_WINDOW
        gap = np.abs(alone - together)
        size = np.maximum(np.abs(together), 1e-300)
        if not (gap <= _OTHER * size).all():
            return _WITH_WINDOW
        return _IN_BLOCKS if (gap <= _NOISE * size).all() else _SINGLY

    def _fitted_model(self) -> Any:
        """The present model; fitted anew where only the state is there."""
        if "_model" not in vars(self):
            rows, columns = self.counts_[_ROWS], self.counts_[_COLUMNS]
            found = self._fitted_on(self.fitted_[:rows, :columns])
            if isinstance(found, Exception):
                raise RuntimeError(f"{found!r} when a model was fitted anew") from found
            self._model = found.model
        return self._model

    # ---------------------------------------------------------------- scores

    def _scored(self, X: Array) -> Array:
        """Scores between 0 and 1; 0 before the first fit and for rows without a value."""
        if self.counts_[_FITS] == 0 or not len(X):
            return np.zeros(len(X))
        model, rows = self._fitted_model(), self._filled(X)
        if self.counts_[_HOW] == _IN_BLOCKS:
            raw = np.ravel(self._ask(model, rows))
        elif self.counts_[_HOW] == _SINGLY:
            raw = np.array([np.ravel(self._ask(model, x[None]))[0] for x in rows])
        else:
            raw = np.array([self._among_window(model, x) for x in rows])
        n = int(np.searchsorted(self.scores_, np.inf))
        scores = ranked(rounded(raw.astype(np.float64)), self.scores_[:n])
        return np.where(np.isnan(X[:, : self.counts_[_COLUMNS]]).all(axis=1), 0.0, scores)

    def _ask(self, model: Any, rows: Array) -> Any:
        """Scores of rows; a model that draws when it is asked draws the same each time."""
        held = vars(model).values()
        draws = any(isinstance(one, np.random.RandomState | np.random.Generator) for one in held)
        return self._asked(copy.deepcopy(model) if draws else model, rows)

    def _filled(self, X: Array) -> Array:
        columns = self.counts_[_COLUMNS]
        known = X[:, :columns]
        return np.where(np.isnan(known), self.middle_[:columns], known)

    def _among_window(self, model: Any, x: Array) -> float:
        """The score of a row as one more of the window: some models change when they are asked."""
        window = self._filled(self.fitted_[: self.counts_[_ROWS]])
        return float(np.ravel(self._asked(copy.deepcopy(model), np.vstack([window, x])))[-1])


class _Pending:
    """A fit under way in a thread."""

    def __init__(self, detector: BatchDetector, rows: Array) -> None:
        self.rows = rows
        self.found: _Fit | Exception = RuntimeError("not finished")
        self.thread = threading.Thread(target=self._work, args=(detector,), daemon=True)
        self.thread.start()

    def _work(self, detector: BatchDetector) -> None:
        self.found = detector._fitted_on(self.rows)

    def __deepcopy__(self, memo: Any) -> None:
        return None


def _copied(model: Any) -> Any:
    from sklearn.base import clone

    try:
        return clone(model)
    except TypeError:
        raise wrong("model", model, "the name of a detector, or an unfitted one") from None
