"""Ensembles of watched regressors, which answer with their mean."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Regressor
from onlineml.kernels import faded_moments, jit
from onlineml.kernels.arena import Field, Ints
from onlineml.learners.watched_members import WATCHED_FIELDS, WatchedEnsemble

_NOW, _NEXT = 0, 1  # the member, or the background member
_WORST = 3.0  # deviations of the target that count as an error of 1
_LEAST, _CLIP = 1e-3, 5.0  # of the moments: share of a row, deviations at which it is cut

#: The state that every such ensemble has.
WATCHED_REGRESSORS_FIELDS = (
    *WATCHED_FIELDS,
    Field("learned_", ("M", 2), np.int64),  # whether member and background have learned a row
    Field("target_", (3, 1)),  # weight, mean and variance of late
)


class WatchedRegressors(WatchedEnsemble, Regressor):
    """A watched ensemble of regressors: errors are measured by the deviation of the target of late.

    Members that have learned nothing do not count, unless there is no other.
    """

    weighted = False
    learned_: Ints
    target_: Array

    def _scale(self, y: Array, weight: Array) -> Array:
        scale = np.zeros(len(y))
        _measure(y, weight, self.target_, scale)
        return scale

    def _errors(self, m: int, answers: Array, y: Array, scale: Array) -> Array:
        errors = np.zeros(len(y))
        gaps = np.abs(answers[:, 0] - y)
        np.divide(gaps, scale, out=errors, where=scale > 0.0)
        return np.minimum(errors, 1.0, out=errors)

    def _settle(self, m: int, drawn: Array, share: Array) -> None:
        _leave_out(self.learned_[m], drawn, share)

    def _learn_behind(self, m: int, X: Array, y: Array, drawn: Array) -> None:
        super()._learn_behind(m, X, y, drawn)
        if self.warned_[m] and drawn.any():
            self.learned_[m, _NEXT] = 1

    def _promote(self, m: int) -> None:
        super()._promote(m)
        self.learned_[m, _NOW] = self.learned_[m, _NEXT]

    def _renew(self, m: int) -> None:
        super()._renew(m)
        self.learned_[m, _NEXT] = 0

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        answers, share, _ = self._run_members(X, y, weight, 1, fit)
        if serve:
            _average(answers, share, out)


@jit
def _measure(y: Array, weight: Array, target: Array, scale: Array) -> None:
    """Follow the target; `scale` of a row is the size of an error that counts as 1 from there."""
    for i in range(y.shape[0]):
        if weight[i] > 0.0:
            faded_moments.learn(
                y[i : i + 1], weight[i], _LEAST, _CLIP, target[0], target[1], target[2]
            )
        scale[i] = _WORST * np.sqrt(target[2, 0])


@jit
def _leave_out(learned: Ints, drawn: Array, share: Array) -> None:
    """No share where a member had learned nothing before the row."""
    for i in range(share.shape[0]):
        if not learned[_NOW]:
            share[i] = 0.0
            learned[_NOW] = drawn[i] > 0.0


@jit
def _average(answers: Array, share: Array, out: Array) -> None:
    for i in range(share.shape[1]):
        total, n, whole = 0.0, 0, 0.0
        for m in range(share.shape[0]):
            whole += answers[m, i, 0]
            if share[m, i] > 0.0:
                total += answers[m, i, 0]
                n += 1
        out[i, 0] = total / n if n > 0 else whole / share.shape[0]
