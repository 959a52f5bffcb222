"""One row, learned by a compiled model and written into its log, in one call of a kernel."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from onlineml.estimator import Estimator
from onlineml.kernels import entry
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Descriptor, f1, f2, i1, opened
from onlineml.kernels.stacked import run_kernel
from onlineml.unlearning.certificate import note
from onlineml.unlearning.writing import FIRST, NAMED, NEXT, NUMBER, TAGGED, WEIGHED

# What the kernel is told: where the model's kernel begins, and its descriptors to answer, to tell
# scores and to learn; the fingerprint of the row's id, or -1; rows that the log may hold, and
# between two states; whether more is noted of rows.
KERNEL, ANSWERING, SCORING, LEARNING, TAG, CAPACITY, GAP, NOTES = range(8)
_ONE = np.ones(1)


@entry
def _learn_and_write(d: int) -> int:
    """Arrays are what the kernel is told, from which target on there is more to do, and the log's.

    Nothing is done, and 0 returned, where the log has more to do than to write a row.
    """
    call, words = opened(d), i1(d, 0)
    if not call.fit:
        asked = ANSWERING if call.serve == ANSWER else SCORING
        done: int = run_kernel(words[KERNEL], words[asked])
        return done
    rows, cursor, tag = f2(d, 2), i1(d, 6), words[TAG]
    number, room = cursor[NEXT], rows.shape[0]
    if not call.y[0] < f1(d, 1)[0] or (number >= room and room < words[CAPACITY]):
        return 0
    if (number + 1) % words[GAP] == 0 or (tag >= 0 and cursor[TAGGED] != number):
        return 0
    if run_kernel(words[KERNEL], words[LEARNING]) != 1:
        return 0
    place = number % room
    for j in range(rows.shape[1]):
        rows[place, j] = call.X[0, j]
    f1(d, 3)[place] = call.y[0]
    if cursor[WEIGHED]:
        f1(d, 4)[place] = 1.0
    if tag >= 0:
        i1(d, 5)[place] = tag
        cursor[NAMED], cursor[TAGGED] = 1, number + 1
    if words[NOTES]:
        note(call, f1(d, 7))
    cursor[NEXT] += 1
    cursor[NUMBER] += 1
    cursor[FIRST] = max(cursor[FIRST], number + 1 - room)
    return 1


class OneRow:
    """The calls of a log's one-row verbs, straight to the kernel of its model.

    They hold as long as the arrays of both do, and the classes that the model knows.
    """

    def __init__(self, log: Any) -> None:
        model = log.model_
        self._held, self._n_met = model._many, log._n_met()
        rows = log._row.reshape(1, -1), log._target, _ONE, log._out.reshape(1, -1)
        hows = (ANSWER, False), (ANSWER_AND_SCORES, False), (0, True)
        self._twins = [model._many.twin() for _ in hows]
        aims = [twin.aim(rows, serve=s, fit=f) for twin, (s, f) in zip(self._twins, hows)]
        notes = log._noter is not None
        words = [model._kernel.address, *aims, -1, log._capacity(), log._gap(), notes]
        self.words = np.array(words, np.int64)
        met = np.array([self._n_met], np.float64)
        many = Descriptor([self.words, met, *log._arrays(), log.cursor_, log.extremes_])
        self._own = [many.twin() for _ in hows]
        self.call = _learn_and_write.call
        self.answering, self.scoring, self.learning = (
            own.aim(rows, serve=s, fit=f, checked=True) for own, (s, f) in zip(self._own, hows)
        )

    def holds(self, log: Any) -> bool:
        """Whether it can go on."""
        held = vars(log.model_).get("_many") is self._held
        return held and bool(log._n_met() == self._n_met)


def one_row(log: Any) -> OneRow | None:
    """None for a model that learns a row by more than one kernel."""
    model = log.model_._ready()
    compiled = model._kernel is not None and not numba.config.DISABLE_JIT
    plain = compiled and type(model)._run is Estimator._run and model._call is model._kernel.call
    alike = len(model._out) == len(log._out) and len(model._row) == len(log._row)
    return OneRow(log) if plain and alike and "reached_" not in vars(log) else None
