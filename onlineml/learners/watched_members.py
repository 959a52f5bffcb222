"""Ensembles whose members are each watched, and replaced by one that learned in the background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from onlineml.base import Array, Diagnostics, Estimator
from onlineml.kernels import adwin, jit
from onlineml.kernels.arena import Field, Ints
from onlineml.kernels.unowned import unowned
from onlineml.learners.members import (
    GENERATORS,
    MEMBER_FIELDS,
    N_SIZES,
    NO_ANSWERS,
    Ensemble,
    draw,
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
    Field("judged_", ("M", 2)),  # rows that a member was judged by, and how many it got right
    Field("warned_", ("M",), np.int64),  # whether the background member learns
    Field("n_drifts_", ("M",), np.int64),
)


class WatchedEnsemble(Ensemble):
    """Members that do not touch each other, each with two windows over its errors in [0, 1].

    At the warning of the first window a background member begins to learn, at the alarm of the
    second it takes the member's place.
    """

    #: Whether an alarm counts only where a member's late errors are above its own mean.
    _guarded: ClassVar[bool] = False

    delta_warning: float
    delta_drift: float
    poisson_mean: float
    weighted: bool
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

    def _errors(self, m: int, answers: Array, y: Array, scale: Array) -> Array:
        """How wrong the answers of member `m` are, from 0 to 1."""
        raise NotImplementedError

    def _scale(self, y: Array, weight: Array) -> Array:
        """Of each row, what errors are measured by; it is told all rows, once."""
        return y

    def _settle(self, m: int, drawn: Array, share: Array) -> None:
        """Told of the rows that a member has learned, which may change its shares there."""

    def _admit_targets(self, news: Any) -> None:
        for member in self.background_:
            member._admit_targets(news)
        super()._admit_targets(news)

    @property
    def n_replaced(self) -> int:
        """How often a member has been replaced, by one of the background or a fresh one."""
        return int(self.n_drifts_.sum()) if self.is_started else 0

    def diagnostics(self) -> Diagnostics:
        """How often members were replaced, each by place, and how many are under a warning."""
        if not self.is_started:
            return {}
        return {
            "n_replaced": by_place(self.members_, self.n_drifts_),
            "warned_members": float(self.warned_.sum()),
        }

    def _run_members(
        self, X: Array, y: Array, weight: Array, asked: int, fit: bool
    ) -> tuple[Array, Array, dict[int, list[int]]]:
        """All members over a chunk: answers, accuracies by then, rows that successors begin at."""
        begins: dict[int, list[int]] = {}
        answers, share = self._room(len(X)), np.ones((int(self.n_members), len(X)))
        scale = self._scale(y, weight) if fit else y

        def task(m: int) -> None:
            if fit and m < len(self.background_):
                rows = y, weight, scale, answers[m], share[m]
                begins[m] = self._follow(m, X, *rows, asked)
                return
            self.members_[m]._run(self._look(X, m), y, weight, answers[m], asked, fit)
            share[m] = _accuracy(self.judged_[m], self.weighted)
            self._settle(m, np.zeros(len(X)), share[m])

        self._each(task, len(X))
        return answers, share, begins

    def _follow(
        self, m: int, X: Array, y: Array, weight: Array, scale: Array, answers: Array,
        share: Array, asked: int,
    ) -> list[int]:  # fmt: skip
        """One member and its background member over a chunk; the rows that successors begin at.

        The member runs ahead to the end. Where its windows find a drift, what it did beyond is
        dropped with it, and its successor runs from there.
        """
        drawn, begins = self._times(m, weight), []
        self.members_[m]._run(self._look(X, m), y, drawn, answers, asked, True)
        errors = self._errors(m, answers, y, scale)
        row = begun = first = 0
        while True:
            row, event = _watch(
                self.drift_windows_[m], self.warning_windows_[m], window_rule(self.delta_drift),
                window_rule(self.delta_warning), self.judged_[m], bool(self.weighted),
                self._guarded, errors, weight, share, row,
            )  # fmt: skip
            if event == _NOTHING:
                break
            if event == _DRIFT:
                self._learn_behind(m, X[begun:row], y[begun:row], drawn[begun:row])
                self._settle(m, drawn[first:row], share[first:row])
                self._promote(m)
                first = row
                begins.append(row)
                self.warned_[m] = 0
                self.n_drifts_[m] += 1
                if row < len(X):
                    rest = y[row:], drawn[row:], answers[row:]
                    self.members_[m]._run(self._look(X[row:], m), *rest, asked, True)
                    errors[row:] = self._errors(m, answers[row:], y[row:], scale[row:])
            else:
                self.warned_[m] = 1
            self._renew(m)
            begun = row
        self._learn_behind(m, X[begun:], y[begun:], drawn[begun:])
        self._settle(m, drawn[first:], share[first:])
        return begins

    def _renew(self, m: int) -> None:
        """Put a fresh member in the background of `m`."""
        self.background_[m] = member = self._made(m, self.schema_)
        member._admit_targets(getattr(self, "classes_", None))

    def _learn_behind(self, m: int, X: Array, y: Array, drawn: Array) -> None:
        """Let the background tree learn rows, if there was a warning."""
        if self.warned_[m] and len(X):
            rows = self._look(X, m, background=True)
            self.background_[m]._run(rows, y, drawn, NO_ANSWERS, 0, True)


def by_place(members: Sequence[Estimator], values: Array | Ints) -> dict[str, float]:
    """Numbers of members under their names: place and class."""
    names = [f"{m} {type(member).__name__}" for m, member in enumerate(members)]
    return dict(zip(names, map(float, values)))


@jit
def _accuracy(judged: Array, weighted: bool) -> float:
    return judged[1] / judged[0] if weighted and judged[1] > 0.0 else 1.0


@jit
def _watch(
    drift: Array, warning: Array, drift_rule: Array, warning_rule: Array, judged: Array,
    weighted: bool, guarded: bool, errors: Array, weight: Array, share: Array, first: int,
) -> tuple[int, int]:  # fmt: skip
    """Judge a member from row `first` on; the row after the next event, and what it was."""
    drift, drift_rule = unowned(drift), unowned(drift_rule)
    warning, warning_rule = unowned(warning), unowned(warning_rule)
    for i in range(first, errors.shape[0]):
        share[i] = _accuracy(judged, weighted)
        if weight[i] <= 0.0:
            continue
        error = errors[i]
        judged[0] += 1.0
        judged[1] += 1.0 - error
        drifted = adwin.update(drift, drift_rule, error) > 0
        warned = adwin.update(warning, warning_rule, error) > 0
        if guarded and adwin.mean(drift) <= 1.0 - judged[1] / judged[0]:
            drifted = False
        if drifted:
            adwin.restart(drift)
            judged[:] = 0.0
        if drifted or warned:
            adwin.restart(warning)
            return i + 1, _DRIFT if drifted else _WARNING
    return errors.shape[0], _NOTHING
