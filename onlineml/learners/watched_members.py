"""Ensembles whose members are each watched, and replaced by one that learned in the background."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from onlineml.base import Array, Classifier, Estimator
from onlineml.kernels import adwin, jit
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field, Ints
from onlineml.learners.members import (
    GENERATORS,
    MEMBER_FIELDS,
    N_SIZES,
    NO_ANSWERS,
    Ensemble,
    draw,
    notice,
    pool,
    window_rule,
)
from onlineml.schema import Schema, wrong

_NOTHING, _WARNING, _DRIFT = range(3)

#: The state that every such ensemble has.
WATCHED_FIELDS = (
    *MEMBER_FIELDS,
    GENERATORS,
    Field("drift_windows_", ("M", adwin.row_length(N_SIZES))),
    Field("warning_windows_", ("M", adwin.row_length(N_SIZES))),
    Field("judged_", ("M", 2)),  # rows that a member was judged by, and those it got right
    Field("warned_", ("M",), np.int64),  # whether the background member learns
    Field("n_drifts_", ("M",), np.int64),
    Field("seen_", (1,), np.int64),
)


class WatchedEnsemble(Ensemble, Classifier):
    """Members that do not touch each other, each with two windows over its errors.

    At the warning of the first window a background member begins to learn, at the alarm of the
    second it takes the member's place. Members vote with their probabilities times their accuracy.
    """

    delta_warning: float
    delta_drift: float
    poisson_mean: float
    weighted: bool
    seen_: Ints
    generators_: Ints
    drift_windows_: Array
    warning_windows_: Array
    judged_: Array
    warned_: Ints
    n_drifts_: Ints
    background_: list[Estimator]

    def _check(self) -> None:
        super()._check()
        for name in ("delta_warning", "delta_drift"):
            if not 0 < getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number between 0 and 1")
        if not 0 < self.poisson_mean <= 100:
            raise wrong("poisson_mean", self.poisson_mean, "a number in (0, 100]")

    def _start(self, schema: Schema) -> None:
        super()._start(schema)
        self.background_ = [self._made(m, schema) for m in range(self._n_watched())]

    def _n_watched(self) -> int:
        """How many members, the first ones, are watched: all."""
        return int(self.n_members)

    def _share(self) -> int:
        return super()._share() // 2

    def _admit(self, schema: Schema) -> None:
        if self.is_started and schema is not self.schema_:
            for m, member in enumerate(self.background_):
                member._admit(self._part_of(schema, m, background=True))
        super()._admit(schema)

    def _look(self, X: Array, m: int, *, background: bool = False) -> Array:
        """Rows as a member sees them: as they are."""
        return X

    def _promote(self, m: int) -> None:
        """Let the background member take the place of member `m`."""
        self.members_[m] = self.background_[m]

    def _times(self, m: int, weight: Array) -> Array:
        """Weights that member `m` learns rows with."""
        drawn = np.zeros(len(weight))
        draw(self.generators_, m, float(self.poisson_mean), weight, drawn)
        return drawn

    def _admit_targets(self, news: list[Hashable]) -> None:
        for member in self.background_:
            member._admit_targets(news)
        super()._admit_targets(news)

    @property
    def n_replaced(self) -> int:
        """How often a member has been replaced, by one of the background or a fresh one."""
        return int(self.n_drifts_.sum()) if self.is_started else 0

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        asked = ANSWER_AND_SCORES if serve else ANSWER
        answers, share = self._run_members(X, y, weight, asked, fit)
        if serve:
            pool(answers, share, self.seen_, y, out, serve, fit)
        else:
            notice(self.seen_, y)

    def _run_members(
        self, X: Array, y: Array, weight: Array, asked: int, fit: bool
    ) -> tuple[Array, Array]:
        """All members over a chunk: their answers, and the accuracies that they had by then."""
        answers, share = self._room(len(X)), np.ones((int(self.n_members), len(X)))

        def task(m: int) -> None:
            if fit and m < len(self.background_):
                self._follow(m, X, y, weight, answers[m], share[m], asked)
                return
            self.members_[m]._run(self._look(X, m), y, weight, answers[m], asked, fit)
            share[m] = _accuracy(self.judged_[m], self.weighted)

        self._each(task, len(X))
        return answers, share

    def _follow(
        self, m: int, X: Array, y: Array, weight: Array, answers: Array, share: Array, asked: int
    ) -> None:
        """One member and its background member over a chunk.

        The member runs ahead to the end. Where its windows find a drift, what it did beyond is
        dropped with it, and its successor runs from there.
        """
        drawn = self._times(m, weight)
        self.members_[m]._run(self._look(X, m), y, drawn, answers, asked, True)
        row = begun = 0
        while True:
            row, event = _watch(
                self.drift_windows_[m], self.warning_windows_[m], window_rule(self.delta_drift),
                window_rule(self.delta_warning), self.judged_[m], bool(self.weighted), answers, y,
                weight, share, row,
            )  # fmt: skip
            if event == _NOTHING:
                break
            if event == _DRIFT:
                self._learn_behind(m, X[begun:row], y[begun:row], drawn[begun:row])
                self._promote(m)
                self.warned_[m] = 0
                self.n_drifts_[m] += 1
                if row < len(X):
                    rest = y[row:], drawn[row:], answers[row:]
                    self.members_[m]._run(self._look(X[row:], m), *rest, asked, True)
            else:
                self.warned_[m] = 1
            self.background_[m] = member = self._made(m, self.schema_)
            member._admit_targets(self.classes_)
            begun = row
        self._learn_behind(m, X[begun:], y[begun:], drawn[begun:])

    def _learn_behind(self, m: int, X: Array, y: Array, drawn: Array) -> None:
        """Let the background tree learn rows, if there was a warning."""
        if self.warned_[m] and len(X):
            rows = self._look(X, m, background=True)
            self.background_[m]._run(rows, y, drawn, NO_ANSWERS, 0, True)


@jit
def _accuracy(judged: Array, weighted: bool) -> float:
    return judged[1] / judged[0] if weighted and judged[1] > 0.0 else 1.0


@jit
def _watch(
    drift: Array, warning: Array, drift_rule: Array, warning_rule: Array, judged: Array,
    weighted: bool, answers: Array, y: Array, weight: Array, share: Array, first: int,
) -> tuple[int, int]:  # fmt: skip
    """Judge answers from row `first` on; the row after the next event, and what it was."""
    for i in range(first, y.shape[0]):
        share[i] = _accuracy(judged, weighted)
        if weight[i] <= 0.0:
            continue
        error = 1.0 if answers[i, 0] != y[i] else 0.0
        judged[0] += 1.0
        judged[1] += 1.0 - error
        drifted = adwin.update(drift, drift_rule, error) > 0
        warned = adwin.update(warning, warning_rule, error) > 0
        if drifted:
            adwin.restart(drift)
            judged[:] = 0.0
        if drifted or warned:
            adwin.restart(warning)
            return i + 1, _DRIFT if drifted else _WARNING
    return y.shape[0], _NOTHING
