"""Scripts played: rows answered, learned and scored by the models of one partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Classifier, Estimator
from onlineml.evaluation.at_work import Answers, Bools, Ints
from onlineml.evaluation.worker.keyed import KeyedModels
from onlineml.evaluation.worker.learned import Learned
from onlineml.evaluation.worker.models import Models, OneModel, Problems
from onlineml.evaluation.worker.pending import Pending
from onlineml.evaluation.worker.scoreboard import Scoreboard
from onlineml.evaluation.worker.script import Script, as_targets
from onlineml.evaluation.worker.settings import Settings
from onlineml.graph.wired import Wired
from onlineml.schema import Array, Schema


class Stage:
    """The models of a partition, the samples that wait for labels, and the scores."""

    def __init__(self, model: Estimator, settings: Settings, folder: Path, generation: int) -> None:
        self.board = Scoreboard(model, settings)
        self.labels = self.board.labels
        self.pending = Pending(settings.max_pending)
        self.learned = Learned(_most_learned(model, settings))
        self.counts = {"rows": 0, "learned": 0, "scored": 0}
        self.drifts: list[int] = []  # found since they were last told
        self.last_code = -1  # of the label that was learned last
        wanted = settings.probabilities and self.board.task == "classification"
        in_full = self.board.needs_probabilities or wanted
        if isinstance(model, Classifier) and model.is_started:
            self.labels.encode(list(model.classes_))
        if settings.keyed:
            self.models: Models = KeyedModels(
                model, self.labels, folder / "keys", in_full=in_full, generation=generation,
                max_models=settings.max_models, max_keys=settings.max_keys,
            )  # fmt: skip
        else:
            self.models = OneModel(model, self.labels, in_full=in_full)

    def play(self, schema: Schema | None, script: Script, X: Array) -> tuple[Answers, Problems]:
        """Answers to the samples, whose rows are `X`, and the steps that a model refused."""
        regression = self.board.task == "regression"
        targets = as_targets(script.scored, regression=regression)
        codes = self.labels.encode(targets)
        if script.is_plain:
            asked = lesson = np.ones(len(X), bool)
            rows, y = X, targets
        else:
            asked, lesson = np.array(script.asked, bool), np.array(script.lesson, bool)
            rows, y = self._rows(script, X), as_targets(script.y, regression=regression)
        answers = Answers(np.empty(0, np.int64))
        refused: Problems = {}
        keys, wanted = self._keys(script), self.models.n_wanted()
        if len(asked) and schema is not None:  # without columns there are rewards of no rows only
            ids = [getattr(event, "id", None) for event in script.events]
            answers, refused = self.models.follow(schema, keys, rows, y, lesson, asked, ids)
        before = self._before(codes, lesson, asked)
        self._score(script, codes, answers, before, refused)
        if not script.is_plain:
            place = {step: row for step, row in enumerate(script.rows) if script.asked[step]}
            self.pending.keep(X, answers, before, place)
            self.pending.release(script.slots)
        self._remember(script, rows, keys, lesson, refused)
        self.counts["rows"] += int(asked.sum())
        now = self.models.n_wanted()
        learned = int(lesson.sum()) - sum(bool(lesson[i]) for i in refused)
        self.counts["learned"] += learned if now is None or wanted is None else now - wanted
        return answers, refused

    def _keys(self, script: Script) -> Sequence[str | None]:
        """The key of each step, where each key has a model of its own."""
        if script.is_plain and isinstance(self.models, KeyedModels):
            return [event.key for event in script.events]
        return script.keys

    def _rows(self, script: Script, X: Array) -> Array:
        """The row of each step; what it is for a reward does not matter."""
        if not len(X) and not script.slots:
            return np.zeros((len(script.rows), X.shape[1]))
        if not script.slots:
            return X[np.array(script.rows, np.int64)]
        waited = self.pending.rows(script.slots)
        first = len(X)
        place = {-1 - slot: first + i for i, slot in enumerate(script.slots)}
        at = np.array([place[row] if row < 0 else row for row in script.rows], np.int64)
        together: Array = (np.concatenate([X, waited]) if first else waited)[at]
        return together

    def _before(self, codes: npt.NDArray[Any], lesson: Bools, asked: Bools) -> Ints:
        """For each row that is asked, the class that was learned last before it."""
        if self.board.task != "classification":
            return np.zeros(int(asked.sum()), np.int64)
        if not len(lesson):
            return np.empty(0, np.int64)
        by_step = np.zeros(len(lesson), np.int64)
        by_step[lesson] = codes
        last = np.maximum.accumulate(np.where(lesson, np.arange(len(lesson)), -1))
        before = np.concatenate([[-1], last[:-1]]).astype(np.int64)
        known = np.where(before >= 0, by_step[before], self.last_code)[: len(lesson)]
        if len(codes):
            self.last_code = int(codes[-1])
        found: Ints = known[asked]
        return found

    def _score(
        self,
        script: Script,
        codes: npt.NDArray[Any],
        answers: Answers,
        before: Ints,
        refused: Problems,
    ) -> None:
        if not script.is_plain:
            answers, before = self._answers_scored(script, answers, before)
        if refused:
            steps = range(len(codes)) if script.is_plain else script.by_step
            asked_in = steps if script.is_plain else script.questions
            kept = [
                i
                for i, (step, question) in enumerate(zip(steps, asked_in))
                if step not in refused and question not in refused
            ]
            codes, answers, before = codes[kept], answers.at(kept), before[kept]
        self.counts["scored"] += len(codes)
        self.drifts += self.board.score(codes, answers, before)

    def _answers_scored(
        self, script: Script, answers: Answers, before: Ints
    ) -> tuple[Answers, Ints]:
        """The answers that labels have come for, given in this script or in one before."""
        place = np.cumsum(np.array(script.asked, bool)) - 1
        questions = np.array(script.questions, np.int64)
        here, earlier = np.flatnonzero(questions >= 0), np.flatnonzero(questions < 0)
        at = place[questions[here]] if len(here) else here
        new, order = answers.at(at), np.argsort(np.concatenate([here, earlier]))
        if not len(earlier):
            return new, before[at]
        old, old_before = self.pending.answers((-1 - questions[earlier]).tolist())
        together = new.then(old) if len(here) else old
        return together.at(order), np.concatenate([before[at], old_before])[order]

    def _remember(
        self,
        script: Script,
        rows: Array,
        keys: Sequence[str | None],
        lesson: Bools,
        refused: Problems,
    ) -> None:
        if not self.learned.most:
            return
        for step in np.flatnonzero(lesson).tolist():
            event = script.events[step]
            if event.id is not None and step not in refused:
                key = keys[step] if keys else None
                self.learned.add(event.id, rows[step], event.y, key)

    # ---------------------------------------------------------------- state

    def get_state(self) -> dict[str, Any]:
        """Everything but the main model, as plain values and arrays."""
        return {
            "board": self.board.get_state(),
            "pending": self.pending.get_state(),
            "learned": self.learned.get_state(),
            "models": self.models.get_state(),
            "counts": dict(self.counts),
            "last_code": self.last_code,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` gave."""
        self.board.set_state(state["board"])
        self.pending.set_state(state["pending"])
        self.learned.set_state(state["learned"])
        if isinstance(self.models, KeyedModels):
            self.models.set_state(state["models"])
        self.counts = dict(state["counts"])
        self.last_code = state["last_code"]


def _most_learned(model: Estimator, settings: Settings) -> int:
    """Rows to keep for requests to forget; a graph keeps them itself."""
    return settings.remember if settings.topics.forget and not isinstance(model, Wired) else 0
