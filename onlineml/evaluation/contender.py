"""One model under evaluation: its answers, its scores and its time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Classifier, Detector
from onlineml.evaluation.alerts import AlertTrace, ConformalLimit
from onlineml.evaluation.at_work import Answers, AtWork, Bools, Ints, Labels, Targets
from onlineml.evaluation.course import Course
from onlineml.evaluation.entrants import Entrant
from onlineml.evaluation.metrics import Metric, Scored
from onlineml.evaluation.result import Run, WindowRecord
from onlineml.evaluation.scoring import Scores
from onlineml.kernels.arena import Array

__all__ = ["Answers", "Contender", "Labels"]


class Contender(AtWork):
    """A model, what it is scored by, and the CPU time that it has used.

    `on_window` is told of every window that is complete. `alert_rate` is the share of the rows that
    a detector without a threshold of its own is to raise alerts on.
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
        in_full = any(metric.needs_probabilities for metric in metrics)
        buys = entrant.strategy is not None and isinstance(entrant.estimator, Classifier)
        super().__init__(entrant.estimator, labels, in_full=in_full or buys)
        self.entrant, self.on_window = entrant, on_window
        self.run = Run(entrant.name, entrant.seed, repr(entrant.estimator), entrant.baseline)
        self.run.window = {metric.name: [] for metric in metrics}
        self.run.cumulative = {metric.name: [] for metric in metrics}
        self._scores = Scores(metrics, window, labels.classes)
        self._course = Course(self.model, window)
        self._needs_labels = not isinstance(self.model, Detector)
        self._limit = None if self._needs_labels else ConformalLimit(alert_rate)
        self._alerts = AlertTrace()

    def runs(self) -> list[Run]:
        """The runs of the evaluation that it makes."""
        return [self.run]

    def answer_and_learn(self, X: Array, y: Targets) -> Answers:
        """Each row is answered, then learned."""
        parts = [
            super(Contender, self).answer_and_learn(X[rows], y[rows])
            for rows in self._course.stretches(np.ones(len(X), bool))
        ]
        return self._judged(reduce(Answers.then, parts))

    def follow(self, X: Array, y: Targets, lesson: Bools, asked: Bools | None = None) -> Answers:
        """In order: rows that are `asked` are answered, then lessons are learned."""
        asked = ~lesson if asked is None else asked
        parts = [
            super(Contender, self).follow(X[rows], y[rows], lesson[rows], asked[rows])
            for rows in self._course.stretches(lesson)
        ]
        return self._judged(reduce(Answers.then, parts))

    def _judged(self, answers: Answers) -> Answers:
        """Scores get thresholds, where the detector has none of its own."""
        if self._limit is None or self.raises_alerts:
            return answers
        assert answers.probabilities is not None
        limits = self._limit.before(answers.probabilities[:, 0])
        return answers._replace(thresholds=limits)

    def play(self, X: Array, y: Targets, numbers: Ints, lesson: Bools) -> Answers:
        """In order: rows that are no lessons are answered, lessons are learned.

        `numbers` are those that the rows have in the stream. A detector learns a row when it comes.
        """
        if self._needs_labels:
            return self.follow(X, y, lesson)
        return self.answer_and_learn(X[~lesson], y[~lesson])

    def give_up(self, numbers: Ints) -> None:
        """The labels of these rows never come."""

    # ---------------------------------------------------------------- its scores

    def score(self, y: npt.NDArray[Any], answers: Answers, no_change: Ints | None) -> None:
        """Score answers whose labels have come."""
        rows = Scored(y, answers.answer, no_change, answers.probabilities)
        if answers.thresholds is not None and answers.probabilities is not None:
            self._alerts.add(y, answers.probabilities[:, 0], answers.thresholds)
        for window in self._scores.add(rows):
            self._tell(*window)

    def finish(self) -> None:
        """Close the last window, which may be short, and take stock."""
        if self._scores.is_open:
            self._course.end()
            self._tell(*self._scores.close())
        self.run.n_skipped = self._scores.n_skipped()
        if self._limit is not None:
            rule = f"exceeded by {100 * self._limit.rate:.3g} % of the scores before"
            rule = "the detector's own" if self.raises_alerts else rule
            self.run.alerts = self._alerts.record(self.labels.classes, rule)
        self.run.cpu_seconds = self.cpu_seconds
        self.run.nbytes = self.model.nbytes

    def _tell(self, n: int, window: dict[str, float], cumulative: dict[str, float]) -> None:
        run, n_rows = self.run, self._scores.n_rows
        record = WindowRecord(
            run.model, run.seed, run.baseline, n_rows, n, window, cumulative, self.cpu_seconds,
            self._course.seen(), self._count_labels(n),
        )  # fmt: skip
        run.take(record)
        self.on_window(record)

    def _count_labels(self, n: int) -> int | None:
        """Labels bought of the rows scored so far, `n` of them since it was asked last."""
        return None
