"""Ensembles of watched classifiers, which vote with their probabilities times their accuracy."""

from __future__ import annotations

import numpy as np

from onlineml.base import Array, Classifier
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field, Ints
from onlineml.learners.members import notice, pool
from onlineml.learners.watched_members import WATCHED_FIELDS, WatchedEnsemble

#: The state that every such ensemble has.
WATCHED_CLASSIFIERS_FIELDS = (*WATCHED_FIELDS, Field("seen_", (1,), np.int64))


class WatchedClassifiers(WatchedEnsemble, Classifier):
    """A watched ensemble of classifiers: an answer is right or wrong."""

    seen_: Ints

    def _errors(self, m: int, answers: Array, y: Array, scale: Array) -> Array:
        errors: Array = (answers[:, 0] != y).astype(np.float64)
        return errors

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        asked = ANSWER_AND_SCORES if serve else ANSWER
        answers, share, _ = self._run_members(X, y, weight, asked, fit)
        if serve:
            pool(answers, share, self.seen_, y, out, serve, fit)
        else:
            notice(self.seen_, y)
