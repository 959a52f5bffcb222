"""A model under evaluation that learns only what a query strategy buys."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence
from functools import reduce
from time import process_time
from typing import Any

import numpy as np

from onlineml.active.query_strategy import QueryStrategy
from onlineml.base import Classifier, Estimator
from onlineml.evaluation.at_work import Answers, Bools, Ints, Labels, Targets
from onlineml.evaluation.contender import Contender
from onlineml.evaluation.entrants import Entrant
from onlineml.evaluation.metrics import Metric
from onlineml.evaluation.result import WindowRecord
from onlineml.graph.compiled import compile_kernels
from onlineml.kernels.arena import Array

_FEWEST, _MOST = 8, 256  # rows that are answered at a time, while no label comes


class Buyer(Contender):
    """A model and its strategy: all rows are answered and scored, those that were bought learned.

    The strategy decides when a row comes, on what the model says of it then; the label is learned
    when it comes. The CPU time is that of both.
    """

    def __init__(
        self,
        entrant: Entrant,
        metrics: Sequence[Metric],
        window: int,
        labels: Labels,
        on_window: Callable[[WindowRecord], None],
        alert_rate: float,
    ) -> None:
        super().__init__(entrant, metrics, window, labels, on_window, alert_rate)
        assert entrant.strategy is not None
        self.strategy: QueryStrategy = entrant.strategy
        self.run.learner, self.run.strategy = entrant.learner, entrant.strategy_name
        self.run.budget = entrant.budget
        compile_kernels(self.strategy)
        self._n_rows = 0
        self._bought: set[int] = set()  # rows whose labels are expected, by number
        self._learned: deque[bool] = deque()  # of the lessons that are not counted yet
        self._n_labels = 0

    def answer_and_learn(self, X: Array, y: Targets) -> Answers:
        """Each row is answered, then learned if it was bought."""
        numbers = np.repeat(np.arange(self._n_rows, self._n_rows + len(X)), 2)
        lesson = np.tile([False, True], len(X))
        return self.play(np.repeat(X, 2, axis=0), np.repeat(y, 2), numbers, lesson)

    def play(self, X: Array, y: Targets, numbers: Ints, lesson: Bools) -> Answers:
        """In order: rows that are no lessons are answered, lessons are learned if bought."""
        self._n_rows += int((~lesson).sum())
        parts = [
            self._walk(X[rows], y[rows], numbers[rows].tolist(), lesson[rows])
            for rows in self._course.stretches(lesson)
        ]
        return reduce(Answers.then, parts)

    def _walk(self, X: Array, y: Targets, numbers: list[int], lesson: Bools) -> Answers:
        """Rows are answered ahead, in blocks that end where a label is learned."""
        before = process_time()
        asked = np.flatnonzero(~lesson)
        first = last = n = 0  # of the block among those asked; asked so far
        ahead, parts = _FEWEST, [self._read(self._serve(X[:0]))]
        for i, number in enumerate(numbers):
            if not lesson[i]:
                if n == last:
                    first, last = n, min(n + ahead, len(asked))
                    ahead = min(2 * ahead, _MOST)
                    out = self._serve(X[asked[first:last]])
                    parts.append(self._read(out))
                self._ask(X[i], out[n - first], number)
                n += 1
            elif self._is_delivered(number):
                if n < last:  # the model changes: the rest of the block is answered anew
                    parts[-1], last = parts[-1].at(slice(n - first)), n
                ahead = _FEWEST
                self.model._learn(X[i : i + 1], y[i : i + 1], None, serve=0)
                self.strategy.answer_one(number, y[i])
        self.cpu_seconds += process_time() - before
        return reduce(Answers.then, parts)

    def _ask(self, x: Array, said: Array, number: int) -> None:
        """Let the strategy decide on a row of which the model said so."""
        proba = None
        if isinstance(self.model, Classifier):
            proba = said[1 : 1 + len(self.model.classes_)]
            if self.model._notices:
                self.model._notice(x[None])
        if self.strategy.query_fit_one(x, proba, id=number).ask:
            self._bought.add(number)

    def _is_delivered(self, number: int) -> bool:
        """Whether the row, whose label would come now, was bought; takes note of it."""
        bought = number in self._bought
        self._learned.append(bought)
        self._bought.discard(number)
        return bought

    def give_up(self, numbers: Ints) -> None:
        """The labels of these rows never come; those that were bought are paid all the same."""
        self._bought.difference_update(numbers.tolist())

    def finish(self) -> None:
        """Close the last window and take stock."""
        super().finish()
        self.run.n_asked = self.strategy.n_asked

    def _count_labels(self, n: int) -> int | None:
        self._n_labels += sum(self._learned.popleft() for _ in range(n))
        return self._n_labels


def contender_of(entrant: Entrant, *arguments: Any) -> Contender:
    """The entrant at work: with a strategy, with members, as a graph, or neither."""
    if entrant.strategy is not None:
        return Buyer(entrant, *arguments)
    if getattr(entrant.estimator, "_n_each", 0):
        from onlineml.evaluation.members import MembersContender

        return MembersContender(entrant, *arguments)
    if _is_graph(entrant.estimator):
        from onlineml.evaluation.graph_at_work import GraphContender

        return GraphContender(entrant, *arguments)
    return Contender(entrant, *arguments)


def _is_graph(model: Estimator) -> bool:
    """Whether it is a graph; the code of graphs is loaded only where there may be one."""
    if "onlineml.graph.wired" not in sys.modules:
        return False
    from onlineml.graph.wired import Wired

    return isinstance(model, Wired)
