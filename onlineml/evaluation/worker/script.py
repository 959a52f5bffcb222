"""The order in which rows are answered and learned, made of samples and labels as they came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.evaluation.worker.events import Label, Reward, Sample
from onlineml.evaluation.worker.pending import Pending, Waiting


class Script:
    """Steps, each with a row: some are asked, some are lessons; and what can be scored after them.

    A row is that of a sample by number or, where negative, `-1 - slot` of one that waited. What is
    scored is an answer, given in a step or, where negative, in `-1 - slot`, and its label. Every
    sample is asked in one step, in order. Rewards are steps of their own, without a row.
    """

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.y: list[Any] = []
        self.lesson: list[bool] = []
        self.asked: list[bool] = []
        self.keys: list[str | None] = []
        self.events: list[Any] = []
        self.questions: list[int] = []
        self.scored: Sequence[Any] | npt.NDArray[Any] = []
        self.by_step: list[int] = []  # the step that a scored label belongs to; -1: to none
        self.slots: list[int] = []
        #: Whether every row is asked, learned and scored at once.
        self.is_plain = False

    @classmethod
    def of(
        cls,
        events: Sequence[Sample | Label | Reward],
        pending: Pending,
        *,
        waits: bool,
        from_labels: bool,
    ) -> Script:
        """The script of samples and labels in order.

        Parameters
        ----------
        waits
            Whether samples without a label wait for it.
        from_labels
            Whether the model learns from labels; if not, from every sample at once.
        """
        if not pending.early and all(isinstance(e, Sample) and e.y is not None for e in events):
            return cls.plain([event.y for event in events if isinstance(event, Sample)], events)
        script = cls()
        scored: list[Any] = []
        n_samples = 0
        for event in events:
            if isinstance(event, Sample):
                y = event.y
                if y is None and event.id is not None and event.id in pending.early:
                    y = pending.early.pop(event.id)
                if y is not None:
                    script._score(scored, y, len(script.rows), len(script.rows))
                elif waits and event.id is not None:
                    pending.wait(event.id, len(script.rows), event.key)
                lesson = y is not None if from_labels else True
                script._add(n_samples, y, lesson, True, event.key, event)
                n_samples += 1
                continue
            if isinstance(event, Reward):
                script._add(0, event.value, False, False, event.key, event)
                continue
            found = pending.pop(event.id)
            if found is None:
                pending.come_early(event.id, event.y)
            else:
                script._label(scored, event, found, from_labels)
        script.scored = scored
        return script

    @classmethod
    def plain(cls, y: Any, events: Sequence[Any]) -> Script:
        """The script of samples that bring their labels."""
        script = cls()
        script.is_plain = True
        script.scored, script.events = y, list(events)
        return script

    def _label(self, scored: list[Any], event: Label, found: Waiting, is_lesson: bool) -> None:
        """The label of a sample that waits, or came earlier in this script."""
        row = question = -1 - found.slot
        if question >= 0:  # it came in this script
            row = self.rows[question]
        else:
            self.slots.append(found.slot)
        self._score(scored, event.y, question, len(self.rows) if is_lesson else -1)
        if is_lesson:
            self._add(row, event.y, True, False, found.key, event)

    def _add(
        self, row: int, y: Any, lesson: bool, asked: bool, key: str | None, event: Any
    ) -> None:
        self.rows.append(row)
        self.y.append(y)
        self.lesson.append(lesson)
        self.asked.append(asked)
        self.keys.append(key)
        self.events.append(event)

    def _score(self, scored: list[Any], y: Any, question: int, step: int) -> None:
        self.questions.append(question)
        scored.append(y)
        self.by_step.append(step)


def as_targets(y: Sequence[Any] | npt.NDArray[Any], *, regression: bool) -> npt.NDArray[Any]:
    """Labels as an array that keeps their types; None, for rows that are not learned, too."""
    if regression:
        return np.array([np.nan if value is None else value for value in y], np.float64)
    if isinstance(y, np.ndarray):
        return y
    kinds = set(map(type, y))
    if kinds == {int} or kinds == {float} or kinds == {bool}:
        array = np.array(y)
        if array.dtype.kind in "ifb":
            return array
    listed = np.empty(len(y), object)
    listed[:] = y
    return listed
