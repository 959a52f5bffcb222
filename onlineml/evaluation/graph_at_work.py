"""A graph at work: rows, and labels that come later, reach it as the events that they are.

Nodes that need no label learn a row when it comes; learners learn what they read then, if the label
is bought.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import reduce
from time import process_time
from typing import Any

import numpy as np

from onlineml.base import Classifier
from onlineml.evaluation.at_work import Answers, AtWork, Bools, Ints, Targets
from onlineml.evaluation.contender import Contender
from onlineml.graph import Label, Reward, Sample
from onlineml.graph.intake import take
from onlineml.graph.row import Sampled
from onlineml.kernels.arena import Array

Problems = dict[int, str]  # step -> why the graph refused it


def taken(
    work: AtWork, X: Array, y: Targets, lesson: Bools, asked: Bools, ids: Sequence[Hashable]
) -> tuple[Answers, Problems]:
    """In order: rows that are `asked` are samples, lessons are their labels, found by `ids`.

    What is neither is a reward.
    """
    events: list[Any] = []
    for i, (is_lesson, is_asked) in enumerate(zip(lesson.tolist(), asked.tolist())):
        if is_asked:
            events.append(Sample(X[i], ids[i], y[i] if is_lesson else None))
        elif is_lesson:
            events.append(Label(ids[i], y[i]))
        else:
            events.append(Reward(ids[i], float(y[i])))
    problems: Problems = {}
    before = process_time()
    found = take(work.model, events, work._serving, problems)
    work.cpu_seconds += process_time() - before
    said = [_said(work, item) for item in found if isinstance(item, Sampled)]
    said = said or [_said(work, Sampled.none(work.model._n_outputs()))]
    return _with_gaps(work, reduce(Answers.then, said), asked, problems), problems


def _said(work: AtWork, found: Sampled) -> Answers:
    whole = work._in_full and isinstance(work.model, Classifier)
    answers = work._read(found.out if whole else found.out[:, 0])
    asks = found.asks.tolist()
    decided = np.empty(len(asks), object)
    decided[:] = [(ask == 1.0, chance, done) for (ask, chance, _), done in zip(asks, found.actions)]
    return answers._replace(decisions=decided)


def _with_gaps(work: AtWork, answers: Answers, asked: Bools, problems: Problems) -> Answers:
    """Something stands where a row could not be answered."""
    bad = np.isin(np.flatnonzero(asked), list(problems))
    if not bad.any():
        return answers
    nothing = np.empty(1, object)
    nothing[0] = (False, 0.0, None)
    gap = work.no_answer()._replace(decisions=nothing)
    return answers.then(gap).at(np.where(bad, len(answers.answer), np.cumsum(~bad) - 1))


class GraphContender(Contender):
    """A graph under evaluation; labels that come late find their rows in it."""

    def play(self, X: Array, y: Targets, numbers: Ints, lesson: Bools) -> Answers:
        """In order: rows that are no lessons are answered, lessons are learned if wanted."""
        if not self._needs_labels:
            return super().play(X, y, numbers, lesson)
        ids = numbers.tolist()
        parts = []
        for rows in self._course.stretches(lesson):
            answers, problems = taken(
                self, X[rows], y[rows], lesson[rows], ~lesson[rows], ids[rows]
            )
            if problems:
                raise ValueError(next(iter(problems.values())))
            parts.append(answers)
        return self._judged(reduce(Answers.then, parts))

    def give_up(self, numbers: Ints) -> None:
        """The labels of these rows never come; those that were bought are paid all the same."""
        for number in numbers.tolist():
            self.model._store.drop(number)

    def finish(self) -> None:
        """Close the last window and take stock."""
        super().finish()
        self.run.graph = self.model.draw().to_plain()
