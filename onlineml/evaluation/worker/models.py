"""The models of a partition: one, or one a key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy.typing as npt

from onlineml.base import Estimator
from onlineml.evaluation.at_work import Answers, AtWork, Bools, Labels, turns
from onlineml.evaluation.graph_at_work import taken
from onlineml.graph.wired import Wired
from onlineml.schema import Array, Schema

Problems = dict[int, str]  # step -> why the model refused it


class Models(ABC):
    """Answers and learns the steps of a script: rows, in order, some asked, some lessons."""

    @abstractmethod
    def follow(
        self,
        schema: Schema,
        keys: Sequence[str | None],
        X: Array,
        y: npt.NDArray[Any],
        lesson: Bools,
        asked: Bools,
        ids: Sequence[Hashable],
    ) -> tuple[Answers, Problems]:
        """Answers of the steps that are asked, and the steps that a model refused."""

    @abstractmethod
    def of(self, key: str | None) -> Estimator | None:
        """The model that a key means, where there is one."""

    @property
    @abstractmethod
    def main(self) -> Estimator:
        """What a checkpoint holds as its model."""

    def get_state(self) -> Any:
        """What a checkpoint holds beside the main model."""
        return None

    def saved(self) -> None:  # noqa: B027 - only keyed models keep files
        """The state that was asked for last is safe."""

    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of all models in memory."""

    def n_wanted(self) -> int | None:
        """Labels that were learned because they were asked for; None where all are learned."""
        return None


class OneModel(Models):
    """One model for all rows."""

    def __init__(self, model: Estimator, labels: Labels, *, in_full: bool) -> None:
        self._model, self._labels, self._in_full = model, labels, in_full
        self._work: AtWork | None = None

    def follow(
        self,
        schema: Schema,
        keys: Sequence[str | None],
        X: Array,
        y: npt.NDArray[Any],
        lesson: Bools,
        asked: Bools,
        ids: Sequence[Hashable],
    ) -> tuple[Answers, Problems]:
        """Answer and learn in order."""
        if self._work is None:
            begin(self._model, schema)
            self._work = AtWork(self._model, self._labels, in_full=self._in_full)
        begin(self._model, schema)
        return followed(self._work, X, y, lesson, asked, ids)

    def of(self, key: str | None) -> Estimator:
        """The model."""
        return self._model

    @property
    def main(self) -> Estimator:
        """The model."""
        return self._model

    def nbytes(self) -> int:
        """Bytes of the model."""
        return self._model.nbytes

    def n_wanted(self) -> int | None:
        """Labels that a graph's query strategy has let through."""
        if not isinstance(self._model, Wired) or self._model._wiring.strategy is None:
            return None
        return int(self._model.n_labels_) if self._model.is_started else 0


def twin(model: Estimator) -> Estimator:
    """A copy of a model, fitted or not."""
    copy = model.clone()
    return copy.set_state(model.get_state()) if model.is_started else copy


def begin(model: Estimator, schema: Schema) -> None:
    """See that a model knows all columns, and all values of text in them."""
    if not model.is_started or model.schema_ != schema:
        model._admit(schema)


def followed(
    work: AtWork,
    X: Array,
    y: npt.NDArray[Any],
    lesson: Bools,
    asked: Bools,
    ids: Sequence[Hashable],
) -> tuple[Answers, Problems]:
    """`work.follow`; where that fails, step by step, so that one bad row harms no other.

    Each call that learns leaves the model as it was when it fails. Graphs are told the `ids`.
    """
    if isinstance(work.model, Wired):
        return taken(work, X, y, lesson, asked, ids)
    problems: Problems = {}
    parts: list[Answers] = []
    for part in _calls(work, lesson, asked):
        try:
            parts.append(work.follow(X[part], y[part], lesson[part], asked[part]))
        except ValueError:
            parts += _singly(work, part, (X, y, lesson, asked), problems)
    return joined(parts), problems


def _calls(work: AtWork, lesson: Bools, asked: Bools) -> Iterable[slice]:
    """Stretches of steps that are learned in one call."""
    n = len(lesson)
    return [slice(0, n)] if work.is_compiled or n < 2 else turns(lesson, asked)


def _singly(
    work: AtWork, part: slice, steps: tuple[Any, ...], problems: Problems
) -> Iterable[Answers]:
    X, y, lesson, asked = steps
    for i in range(part.start, part.stop):
        one = slice(i, i + 1)
        try:
            yield work.follow(X[one], y[one], lesson[one], asked[one])
        except ValueError as error:
            problems[i] = str(error)
            if asked[i]:
                yield work.no_answer()


def joined(parts: Sequence[Answers]) -> Answers:
    """Answers one after another."""
    answers = parts[0]
    for more in parts[1:]:
        if len(more.answer):
            answers = answers.then(more) if len(answers.answer) else more
    return answers
