"""Rows learned by a compiled model and written into its log in one call of a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.estimator import BLOCK
from onlineml.kernels import Entry, entry, inlined
from onlineml.kernels.arena import (
    ANSWER,
    ANSWER_AND_SCORES,
    FIRST,
    KEPT,
    Array,
    Call,
    Descriptor,
    f1,
    f2,
    i1,
    i2,
    opened,
    pass_on,
)
from onlineml.kernels.stacked import run_kernel
from onlineml.unlearning.certificate import note
from onlineml.unlearning.log import cells
from onlineml.unlearning.rotation import rotate
from onlineml.unlearning.writing import NEXT, TAGGED, write, write_marks

# What the kernel is told: where the model's kernel begins, and its descriptors for a single row, to
# answer, to tell scores and to learn, and to learn many; rows that the log may hold, and between
# two states; whether more is noted of rows; whether these are known to have no gaps; and whether a
# state is due that Python has to keep.
KERNEL, ANSWERING, SCORING, LEARNING, MANY, CAPACITY, GAP, NOTES, WHOLE, DUE = range(10)
# The arrays: what the kernel is told, from which target on there is more to do, fingerprints of the
# rows' ids (the first is -1: they have none), the cells of the model's descriptor to learn many,
# those of the log, what is noted, and states that may be written over (`unlearning.rotation`).
WORDS, MET, TAGS, SLOTS, CELLS, LOG = range(6)
CURSOR, EXTREMES, STATES, PACE = range(LOG + 4, LOG + 8)
Rows = tuple[Array, Array, Array, Array]
_ONE = np.ones(1)


@entry
def _learn_and_write(d: int) -> int:
    """Rows of which the log has more to do than to write them are left, with those behind."""
    call, words = opened(d), i1(d, WORDS)
    if call.fit:
        return _learn_one(d, call) if call.X.shape[0] == 1 else _learn_many(d, call)
    done: int = run_kernel(words[KERNEL], words[ANSWERING if call.serve == ANSWER else SCORING])
    return done


@inlined
def _learn_many(d: int, call: Call) -> int:
    words, cursor = i1(d, WORDS), i1(d, CURSOR)
    done, gap, words[DUE] = call.first, words[GAP], 0
    while done < call.last and not words[DUE]:
        before, done = done, _learn_some(d, call, done)
        if done == before:
            return done
        if cursor[NEXT] % gap == 0:
            words[DUE] = not rotate(i2(d, STATES), i1(d, PACE), cursor[NEXT], gap)
    return done


@inlined
def _learn_some(d: int, call: Call, first: int) -> int:
    """Rows from `first` on, none of them beyond one at which a state is due."""
    words, last = i1(d, WORDS), _end(d, call, first)
    if last == first:
        return first
    rows, place = f2(d, LOG), i1(d, CURSOR)[NEXT] % f2(d, LOG).shape[0]
    pass_on(call, first, last, i2(d, SLOTS), i1(d, CELLS), rows, place)
    done: int = run_kernel(words[KERNEL], words[MANY])
    if done <= first:
        return first
    if i1(d, CELLS)[KEPT] < done:
        write(rows.reshape(-1), place * rows.shape[1], call.X[first:done].reshape(-1))
    _mark(d, call, first, done)
    return done


@inlined
def _learn_one(d: int, call: Call) -> int:
    """As many, with less ado; who learns rows one by one keeps no states."""
    words, rows, number = i1(d, WORDS), f2(d, LOG), i1(d, CURSOR)[NEXT]
    if _end(d, call, 0) == 0 or (number + 1) % words[GAP] == 0:
        return 0
    if run_kernel(words[KERNEL], words[LEARNING]) != 1:
        return 0
    place = number % rows.shape[0]
    for j in range(rows.shape[1]):
        rows[place, j] = call.X[0, j]
    _mark(d, call, 0, 1)
    return 1


@inlined
def _end(d: int, call: Call, first: int) -> int:
    """The row up to which there is no more to do than to write rows into the log."""
    words, cursor, room, met = i1(d, WORDS), i1(d, CURSOR), f2(d, LOG).shape[0], f1(d, MET)[0]
    number = int(cursor[NEXT])
    if i1(d, TAGS)[0] >= 0 and cursor[TAGGED] != number:
        return first
    last: int = min(call.last, first + words[GAP] - number % words[GAP])
    if room < words[CAPACITY]:
        last = min(last, first + max(0, room - number))
    targets, n_known = call.y[first:last], 0
    for i in range(targets.shape[0]):
        n_known += targets[i] < met
    if n_known == last - first:
        return last
    while call.y[first] < met:
        first += 1
    return first


@inlined
def _mark(d: int, call: Call, first: int, done: int) -> None:
    """Write all of rows that the model has learned but the rows themselves."""
    words, tags = i1(d, WORDS), i1(d, TAGS)
    log = f1(d, LOG + 1), f1(d, LOG + 2), i1(d, LOG + 3), i1(d, CURSOR)
    own = tags[first:done] if tags[0] >= 0 else tags[:0]
    write_marks(log, call.y[first:done], call.weight[first:done], own)
    if words[NOTES]:
        note(call, first, done, f1(d, EXTREMES), words[WHOLE] == 1)


class Straight:
    """The calls of a log, straight to the kernel of its model.

    They hold as long as the arrays of both do, and the classes that the model knows.
    """

    def __init__(self, log: Any, kernel: Entry, held: Descriptor) -> None:
        self._held, self._n_met = held, log._n_met()
        rows = log._row.reshape(1, -1), log._target, _ONE, log._out.reshape(1, -1)
        hows = (ANSWER, False), (ANSWER_AND_SCORES, False), (0, True)
        *self._twins, many = (held.twin() for _ in (*hows, "many"))
        aims = [twin.aim(rows, serve=s, fit=f) for twin, (s, f) in zip(self._twins, hows)]
        aims.append(many.aim(rows, serve=0, fit=True))
        notes, limits = log._noter is not None, (log._capacity(), log._gap())
        words = np.array([kernel.address, *aims, *limits, notes, 0, 0])
        met, self.tags = np.array([self._n_met], np.float64), np.full(BLOCK, -1)
        self.cells = many._header
        told = words, met, self.tags, many._slots, self.cells
        log._rotate(held)
        states = log._rotation.states, log._rotation.pace
        self._many = Descriptor([*told, *log._arrays(), log.cursor_, log.extremes_, *states])
        self._own = [self._many.twin() for _ in hows]
        self.answering, self.scoring, self.learning = (
            own.aim(rows, serve=s, fit=f, checked=True) for own, (s, f) in zip(self._own, hows)
        )
        self.call, self.tag = _learn_and_write.call, cells(self.tags)
        self._words, self._header = cells(words), cells(self._many._header)

    def aim(self, rows: Rows, serve: int, whole: bool) -> None:
        """Make rows ready to be learned; in `tags` are the fingerprints of their ids, if any."""
        self._address = self._many.aim(rows, serve=serve, fit=True, checked=True)
        self._words[WHOLE] = whole

    def learn(self, first: int) -> tuple[int, int]:
        """Let the model learn rows from `first` on, and write them: the first that is left.

        And whether its state is due to be kept.
        """
        self._header[FIRST] = first
        done = self.call(self._address)
        return done, self._words[DUE]

    def rest(self) -> None:
        """What was said of many rows is not so of those that follow."""
        self._words[WHOLE], self.tag[0] = 0, -1

    def holds(self, log: Any) -> bool:
        """Whether it can go on."""
        work = log.model_._work()
        return work is not None and work[1] is self._held and bool(log._n_met() == self._n_met)


def straight(log: Any) -> Straight | None:
    """None for a model that learns a row by more than one kernel."""
    model = log.model_
    work = model._work()
    if work is None or "reached_" in vars(log):
        return None
    alike = len(model._out) == len(log._out) and len(model._row) == len(log._row)
    return Straight(log, *work) if alike else None
