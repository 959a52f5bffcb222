"""A model at work: rows are answered and learned in the order that a script says."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.base import Classifier, Detector, Estimator
from onlineml.graph import ChainClassifier, ChainDetector, ChainRegressor
from onlineml.graph.compiled import compile_kernels
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Array
from onlineml.labels import codes_of
from onlineml.schema import wrong

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Targets = npt.NDArray[Any]


class Answers(NamedTuple):
    """What a model said: class codes of the evaluation or numbers, and class probabilities.

    Of a detector, the probabilities of both classes are its scores; `thresholds` are those that
    stood when the rows came.

    Graphs also decide: whether to ask for the label, with which chance, and what to do. Where
    members of a model answer too, `each` has a column for every one.
    """

    answer: npt.NDArray[Any]
    probabilities: Array | None = None
    decisions: npt.NDArray[Any] | None = None
    thresholds: Array | None = None
    each: npt.NDArray[Any] | None = None

    def at(self, rows: Any) -> Answers:
        """The answers to some of the rows."""
        return Answers(*(None if column is None else column[rows] for column in self))  # type: ignore[arg-type]

    def then(self, more: Answers) -> Answers:
        """These answers, followed by `more`; those of either may know more classes."""
        scores = None
        if self.probabilities is not None and more.probabilities is not None:
            n, width = self.probabilities.shape
            scores = np.zeros((n + len(more.answer), max(width, more.probabilities.shape[1])))
            scores[:n, :width] = self.probabilities
            scores[n:, : more.probabilities.shape[1]] = more.probabilities
        decided = _joined(self.decisions, more.decisions)
        limits = _joined(self.thresholds, more.thresholds)
        each = _joined(self.each, more.each)
        return Answers(np.concatenate([self.answer, more.answer]), scores, decided, limits, each)


def _joined(ours: Any, theirs: Any) -> Any:
    return None if ours is None or theirs is None else np.concatenate([ours, theirs])


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


class AtWork:
    """A started model, its answers in the codes of `labels`, and the CPU time that it has used."""

    def __init__(self, model: Estimator, labels: Labels, *, in_full: bool) -> None:
        self.model: Any = model
        self.labels = labels
        self.cpu_seconds = 0.0
        self._in_full = in_full
        #: Whether the model tells, beside each score, the threshold of its own for alerts.
        self.raises_alerts = _raises_alerts(model)
        self._table = np.array([-1], np.int64)
        self._maps = False  # whether the model's codes differ from those of the evaluation
        if isinstance(model, Classifier):
            self._know_classes()
        self.is_compiled = _is_compiled(model)
        compile_kernels(model)

    def answer_and_learn(self, X: Array, y: Targets) -> Answers:
        """Each row is answered, then learned."""
        return self._both(X, y)

    def _both(self, X: Array, y: Targets) -> Answers:
        return self._read(self._learn(X, y, None, self._serving))

    def follow(self, X: Array, y: Targets, lesson: Bools, asked: Bools | None = None) -> Answers:
        """In order: rows that are `asked` are answered, then lessons are learned.

        Unless it is said which are asked, those are that are no lessons. Returns their answers.
        """
        asked = ~lesson if asked is None else asked
        first = int(lesson.argmax()) if lesson.any() else len(lesson)
        answers = self._answer(X[:first])
        if first == len(lesson):
            return answers
        X, y, lesson, asked = X[first:], y[first:], lesson[first:], asked[first:]
        if not asked.any():
            self._learn(X, y, None, 0)
        elif lesson.all() and asked.all():
            answers = answers.then(self._both(X, y))
        elif self.is_compiled:
            answers = answers.then(self._follow_fused(X, y, lesson, asked))
        else:
            for last in self._follow_in_turns(X, y, lesson, asked):
                answers = answers.then(last)
        return answers

    def _follow_fused(self, X: Array, y: Targets, lesson: Bools, asked: Bools) -> Answers:
        """One pass: a question is a row of weight 0, which changes nothing, lessons' answers fall.

        Its label has to be one that is known at that point: that of the lesson before.
        """
        before = np.maximum.accumulate(np.where(lesson, np.arange(len(lesson)), 0))
        out = self._learn(X, y[before], lesson.astype(np.float64), self._serving)
        return self._read(out[asked])

    def _follow_in_turns(
        self, X: Array, y: Targets, lesson: Bools, asked: Bools
    ) -> Iterator[Answers]:
        """A model that may not be told to skip a row is called whenever the turn changes."""
        for turn in turns(lesson, asked):
            if lesson[turn.start] and asked[turn.start]:
                yield self._both(X[turn], y[turn])
            elif lesson[turn.start]:
                self._learn(X[turn], y[turn], None, 0)
            else:
                yield self._answer(X[turn])

    def no_answer(self) -> Answers:
        """What stands where a row could not be answered."""
        scores = np.zeros((1, len(self.labels.classes)))
        if isinstance(self.model, Detector):
            return Answers(np.full(1, -1), np.full((1, 2), np.nan))
        if not isinstance(self.model, Classifier):
            return Answers(np.full(1, np.nan))
        return Answers(np.full(1, -1), scores if self._in_full else None)

    @property
    def _serving(self) -> int:
        in_full = self._in_full and not isinstance(self.model, Detector)
        return ANSWER_AND_SCORES if in_full or self.raises_alerts else ANSWER

    def _learn(self, X: Array, y: Targets, weight: Array | None, serve: int) -> Array:
        """The pass that all verbs of an estimator end in, without making labels of its codes."""
        before = process_time()
        out: Array = self.model._learn(X, y, weight, serve=serve)
        self.cpu_seconds += process_time() - before
        return out

    def _answer(self, X: Array) -> Answers:
        before = process_time()
        out = self._serve(X)
        self.cpu_seconds += process_time() - before
        return self._read(out)

    def _serve(self, X: Array) -> Array:
        rows = self.model._rows(X, fit=False)[1]
        out: Array = self.model._pass(rows, None, None, self._serving, fit=False)
        return out

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

    def _ranked(self, out: Array) -> Answers:
        """A detector's scores stand for the probability of either class: rankings read one."""
        if len(self.labels.classes) > 2:
            due = "two labels, the greater that of an anomaly, as detectors take part"
            raise wrong("stream", self.labels.classes, due)
        scores, limits = (out[:, 0], out[:, 1]) if self.raises_alerts else (out, None)
        return Answers(np.full(len(out), -1), np.column_stack([scores, scores]), thresholds=limits)

    def _know_classes(self) -> None:
        assert isinstance(self.model, Classifier)
        if len(self.model.classes_) != len(self._table) - 1:
            self._table = self.labels.code_table(self.model.classes_)
            self._maps = bool((self._table[:-1] != np.arange(len(self._table) - 1)).any())


def turns(lesson: Bools, asked: Bools) -> list[slice]:
    """Stretches of steps that are all alike: learned or not, answered or not."""
    starts = (np.flatnonzero(np.diff(lesson) | np.diff(asked)) + 1).tolist()
    return [slice(first, last) for first, last in zip([0, *starts], [*starts, len(lesson)])]


def _is_compiled(model: Estimator) -> bool:
    """Whether a row of weight 0 surely changes nothing: the rule for kernels."""
    if isinstance(model, ChainClassifier | ChainDetector | ChainRegressor):
        return all(map(_is_compiled, model.steps))
    return model._kernel is not None


def _raises_alerts(model: Estimator) -> bool:
    """Whether a detector, or the last step of a chain, has a threshold of its own."""
    last = model.steps[-1] if isinstance(model, ChainDetector) else model
    return isinstance(last, Detector) and callable(getattr(last, "alerts_fit_many", None))
