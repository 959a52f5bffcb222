"""One model under evaluation: its answers, its scores and its time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import reduce
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.base import Classifier, Detector, Estimator
from onlineml.evaluation.course import Course
from onlineml.evaluation.entrants import Entrant
from onlineml.evaluation.metrics import Metric, Scored
from onlineml.evaluation.result import Run, WindowRecord
from onlineml.evaluation.scoring import Scores
from onlineml.graph import ChainClassifier, ChainDetector, ChainRegressor
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Array
from onlineml.labels import codes_of
from onlineml.schema import wrong

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Targets = npt.NDArray[Any]


class Answers(NamedTuple):
    """What a model said: class codes of the evaluation or numbers, and class probabilities."""

    answer: npt.NDArray[Any]
    probabilities: Array | None = None

    def at(self, rows: Any) -> Answers:
        """The answers to some of the rows."""
        scores = self.probabilities
        return Answers(self.answer[rows], None if scores is None else scores[rows])

    def then(self, more: Answers) -> Answers:
        """These answers, followed by `more`, which may know more classes."""
        scores = None
        if self.probabilities is not None and more.probabilities is not None:
            new = more.probabilities.shape[1] - self.probabilities.shape[1]
            old = np.pad(self.probabilities, ((0, 0), (0, new)))
            scores = np.concatenate([old, more.probabilities])
        return Answers(np.concatenate([self.answer, more.answer]), scores)


class Labels:
    """Class labels of an evaluation and their codes; targets of a regression pass unchanged."""

    def __init__(self, task: str) -> None:
        self.classes: list[Hashable] = []
        self._known: dict[Hashable, int] = {}
        self.is_regression = task == "regression"

    def encode(self, y: Any) -> npt.NDArray[Any]:
        """Codes of labels (int64), or targets (float64)."""
        if self.is_regression:
            return np.array(y, np.float64)
        codes, self._known = codes_of(y, self._known)
        self.classes.extend(list(self._known)[len(self.classes) :])
        return codes.astype(np.int64)

    def code_table(self, classes: Sequence[Hashable]) -> Ints:
        """Codes of a model's classes; the last cell is for its code -1, no answer."""
        if not all(label in self._known for label in classes):
            self.encode(list(classes))
        return np.array([*(self._known[label] for label in classes), -1], np.int64)


class Contender:
    """A model, what it is scored by, and the CPU time that it has used.

    `on_window` is told of every window that is complete.
    """

    def __init__(
        self,
        entrant: Entrant,
        metrics: Sequence[Metric],
        window: int,
        labels: Labels,
        on_window: Callable[[WindowRecord], None],
    ) -> None:
        self.entrant, self.model = entrant, entrant.estimator
        self.labels, self.on_window = labels, on_window
        self.run = Run(entrant.name, entrant.seed, repr(entrant.estimator), entrant.baseline)
        self.run.window = {metric.name: [] for metric in metrics}
        self.run.cumulative = {metric.name: [] for metric in metrics}
        self.cpu_seconds = 0.0
        self._scores = Scores(metrics, window, labels.classes)
        self._course = Course(self.model, window)
        self._in_full = any(metric.needs_probabilities for metric in metrics)
        self._table = np.array([-1], np.int64)
        self._maps = False  # whether the model's codes differ from those of the evaluation
        if isinstance(self.model, Classifier):
            self._know_classes()
        self._is_compiled = _is_compiled(self.model)
        _compile(self.model)

    # ---------------------------------------------------------------- the model at work

    def answer_and_learn(self, X: Array, y: Targets) -> Answers:
        """Each row is answered, then learned."""
        parts = [
            self._read(self._learn(X[rows], y[rows], None, self._serving))
            for rows in self._course.stretches(np.ones(len(X), bool))
        ]
        return reduce(Answers.then, parts)

    def follow(self, X: Array, y: Targets, lesson: Bools) -> Answers:
        """Lessons are learned, the other rows answered, in order; the answers to those."""
        parts = [
            self._follow(X[rows], y[rows], lesson[rows]) for rows in self._course.stretches(lesson)
        ]
        return reduce(Answers.then, parts)

    def _follow(self, X: Array, y: Targets, lesson: Bools) -> Answers:
        first = int(lesson.argmax()) if lesson.any() else len(lesson)
        answers = self._answer(X[:first])
        if first == len(lesson):
            return answers
        X, y, lesson = X[first:], y[first:], lesson[first:]
        if lesson.all():
            self._learn(X, y, None, 0)
        elif self._is_compiled:
            answers = answers.then(self._follow_fused(X, y, lesson))
        else:
            for last in self._follow_in_turns(X, y, lesson):
                answers = answers.then(last)
        return answers

    def _follow_fused(self, X: Array, y: Targets, lesson: Bools) -> Answers:
        """One pass: a question is a row of weight 0, which changes nothing, lessons' answers fall.

        Its label has to be one that is known at that point: that of the lesson before.
        """
        before = np.maximum.accumulate(np.where(lesson, np.arange(len(lesson)), 0))
        out = self._learn(X, y[before], lesson.astype(np.float64), self._serving)
        return self._read(out[~lesson])

    def _follow_in_turns(self, X: Array, y: Targets, lesson: Bools) -> Iterator[Answers]:
        """A model that may not be told to skip a row is called whenever the turn changes."""
        turns = np.flatnonzero(np.diff(lesson)) + 1
        for first, last in zip([0, *turns.tolist()], [*turns.tolist(), len(lesson)]):
            if lesson[first]:
                self._learn(X[first:last], y[first:last], None, 0)
            else:
                yield self._answer(X[first:last])

    @property
    def _serving(self) -> int:
        in_full = self._in_full and not isinstance(self.model, Detector)
        return ANSWER_AND_SCORES if in_full else ANSWER

    def _learn(self, X: Array, y: Targets, weight: Array | None, serve: int) -> Array:
        """The pass that all verbs of an estimator end in, without making labels of its codes."""
        before = process_time()
        out = self.model._learn(X, y, weight, serve=serve)
        self.cpu_seconds += process_time() - before
        return out

    def _answer(self, X: Array) -> Answers:
        before = process_time()
        rows = self.model._rows(X, fit=False)[1]
        out = self.model._pass(rows, None, None, self._serving, fit=False)
        self.cpu_seconds += process_time() - before
        return self._read(out)

    def _read(self, out: Array) -> Answers:
        """A pass's output in the codes of the evaluation."""
        if isinstance(self.model, Detector):
            return self._ranked(out)
        if not isinstance(self.model, Classifier):
            return Answers(out)
        self._know_classes()
        codes = (out[:, 0] if self._in_full else out).astype(np.int64)
        answer = self._table[codes] if self._maps else codes
        if not self._in_full:
            return Answers(answer)
        columns = self._table[:-1]
        probabilities = np.zeros((len(out), len(self.labels.classes)))
        probabilities[:, columns] = out[:, 1 : 1 + len(columns)]
        return Answers(answer, probabilities)

    def _ranked(self, scores: Array) -> Answers:
        """A detector's scores stand for the probability of either class: rankings read one."""
        if len(self.labels.classes) > 2:
            due = "two labels, the greater that of an anomaly, as detectors take part"
            raise wrong("stream", self.labels.classes, due)
        return Answers(np.full(len(scores), -1), np.column_stack([scores, scores]))

    def _know_classes(self) -> None:
        assert isinstance(self.model, Classifier)
        if len(self.model.classes_) != len(self._table) - 1:
            self._table = self.labels.code_table(self.model.classes_)
            self._maps = bool((self._table[:-1] != np.arange(len(self._table) - 1)).any())

    # ---------------------------------------------------------------- its scores

    def score(self, y: npt.NDArray[Any], answers: Answers, no_change: Ints | None) -> None:
        """Score answers whose labels have come."""
        rows = Scored(y, answers.answer, no_change, answers.probabilities)
        for window in self._scores.add(rows):
            self._tell(*window)

    def finish(self) -> None:
        """Close the last window, which may be short, and take stock."""
        if self._scores.is_open:
            self._course.end()
            self._tell(*self._scores.close())
        self.run.n_skipped = self._scores.n_skipped()
        self.run.cpu_seconds = self.cpu_seconds
        self.run.nbytes = self.model.nbytes

    def _tell(self, n: int, window: dict[str, float], cumulative: dict[str, float]) -> None:
        run, n_rows = self.run, self._scores.n_rows
        record = WindowRecord(
            run.model, run.seed, run.baseline, n_rows, n, window, cumulative, self.cpu_seconds,
            self._course.seen(),
        )  # fmt: skip
        run.take(record)
        self.on_window(record)


def _is_compiled(model: Estimator) -> bool:
    """Whether a row of weight 0 surely changes nothing: the rule for kernels."""
    if isinstance(model, ChainClassifier | ChainDetector | ChainRegressor):
        return all(map(_is_compiled, model.steps))
    return model._kernel is not None


def _compile(model: Estimator) -> None:
    """Compile the kernels of a model and its parts, so that its time is that of its work."""
    if model._kernel is not None:
        _ = model._kernel.call
    for value in vars(model).values():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, Estimator):
                _compile(part)
