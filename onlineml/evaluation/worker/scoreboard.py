"""Scores of the answers whose labels have come, and a watch for drift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Classifier, Detector, Estimator, Regressor
from onlineml.evaluation.at_work import Answers, Labels
from onlineml.evaluation.metrics import Metric, Scored, chosen
from onlineml.evaluation.metrics.of_river import RowByRow
from onlineml.evaluation.scoring import Scores
from onlineml.evaluation.worker.settings import Settings
from onlineml.kernels.alarms import DRIFT
from onlineml.schema import wrong


def task_of(model: Estimator) -> str:
    """The task of a model that can work on a stream."""
    for role, task in {Classifier: "classification", Regressor: "regression"}.items():
        if isinstance(model, role):
            return task
    if isinstance(model, Detector):
        return "anomaly"
    raise wrong("model", model, "a classifier, a regressor or a detector of anomalies")


class Scoreboard:
    """Metrics over windows and in all, and positions of drift."""

    def __init__(self, model: Estimator, settings: Settings) -> None:
        self.task = task_of(model)
        self.labels = Labels(self.task)
        self.metrics = self._metrics(settings)
        self._scores = Scores(self.metrics, settings.window, self.labels.classes)
        self._drift = None if settings.drift is None else settings.drift.clone()
        self.last_window: dict[str, float] = {}
        self.n_watched = 0

    def _metrics(self, settings: Settings) -> tuple[Metric, ...]:
        if settings.metrics is not None and not settings.metrics:
            return ()
        found = chosen(settings.metrics, self.task, detectors=self.task == "anomaly")
        for one in found:
            if issubclass(one.summary, RowByRow):
                raise wrong("metrics", one.name, "the package's own: river's cannot be saved")
        return found

    def _described(self) -> list[Any]:
        drift = None if self._drift is None else repr(self._drift)
        return [[metric.name for metric in self.metrics], self._scores.window, drift]

    @property
    def needs_probabilities(self) -> bool:
        """Whether labels alone do not do."""
        return any(metric.needs_probabilities for metric in self.metrics)

    def score(
        self, y: npt.NDArray[Any], answers: Answers, before: npt.NDArray[np.int64]
    ) -> list[int]:
        """Score answers to rows in the order in which their labels came; places of drift."""
        if not len(y):
            return []
        if self.metrics:
            rows = Scored(y, answers.answer, before, answers.probabilities)
            for _, window, _ in self._scores.add(rows):
                self.last_window = window
        if self.task == "anomaly":
            return []
        wrong_by = y - answers.answer if self.task == "regression" else y != answers.answer
        return self.watch(np.abs(np.asarray(wrong_by, np.float64)))

    def watch(self, values: npt.NDArray[np.float64]) -> list[int]:
        """Give values to the detector of drift; which of them, counted from 0, raised an alarm."""
        first, self.n_watched = self.n_watched, self.n_watched + len(values)
        if self._drift is None or not len(values):
            return []
        flags = self._drift.flags_of(values)
        return (first + np.flatnonzero(flags == DRIFT)).tolist()

    def values(self) -> dict[str, float]:
        """The metrics over all rows that were scored."""
        return self._scores.values() if self.metrics else {}

    def get_state(self) -> dict[str, Any]:
        """Everything as plain values and arrays."""
        return {
            "classes": list(self.labels.classes),
            "metrics": self._described(),
            "scores": self._scores.get_state(),
            "last_window": dict(self.last_window),
            "n_watched": self.n_watched,
            "drift": None if self._drift is None else self._drift.get_state(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` gave."""
        if state["classes"]:
            self.labels.encode(list(state["classes"]))
        if state["metrics"] != self._described():
            return  # others were asked for: they begin now
        self._scores.set_state(state["scores"])
        self.last_window, self.n_watched = dict(state["last_window"]), state["n_watched"]
        if self._drift is not None and state["drift"] is not None:
            self._drift.set_state(state["drift"])
