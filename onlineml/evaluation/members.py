"""A model under evaluation whose members answer too: as many seeds in one pass over the stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from onlineml.base import Classifier
from onlineml.evaluation.at_work import Answers, Ints
from onlineml.evaluation.contender import Contender
from onlineml.evaluation.metrics import Metric, Scored
from onlineml.evaluation.result import Run, WindowRecord
from onlineml.evaluation.scoring import Scores
from onlineml.kernels.arena import ANSWER_AND_SCORES, Array


class MembersContender(Contender):
    """A model that is scored as a whole, and each of its members by what it says alone.

    Members have runs of their own, under the seed that each began with. They give no
    probabilities: metrics that need them are NaN. The CPU time and the bytes are shared out.
    """

    def __init__(self, entrant: Any, metrics: Sequence[Metric], window: int, *others: Any) -> None:
        super().__init__(entrant, metrics, window, *others)
        self._in_full = True
        plain = [metric for metric in metrics if not metric.needs_probabilities]
        self._others = {m.name: np.nan for m in metrics if m.needs_probabilities}
        seed = entrant.seed or 0
        self._members = [
            (
                Run(f"{entrant.name}, each", seed + i, self.run.estimator, entrant.baseline),
                Scores(plain, window, self.labels.classes),
            )
            for i in range(self.model._n_each)
        ]
        for run, _ in self._members:
            run.window = {metric.name: [] for metric in metrics}
            run.cumulative = {metric.name: [] for metric in metrics}

    def runs(self) -> list[Run]:
        """The run of the whole, and those of its members."""
        return [self.run, *(run for run, _ in self._members)]

    @property
    def _serving(self) -> int:
        return ANSWER_AND_SCORES

    def _read(self, out: Array) -> Answers:
        each: npt.NDArray[Any] = out[:, -len(self._members) :]
        if not isinstance(self.model, Classifier):
            return Answers(out[:, 0], each=each)
        answers = super()._read(out)
        return answers._replace(each=self._table[each.astype(np.int64)])

    def score(self, y: npt.NDArray[Any], answers: Answers, no_change: Ints | None) -> None:
        """Score answers whose labels have come, those of the members too."""
        super().score(y, answers, no_change)
        assert answers.each is not None
        for i, (run, scores) in enumerate(self._members):
            for window in scores.add(Scored(y, answers.each[:, i], no_change, None)):
                self._tell_of(run, scores, *window)

    def finish(self) -> None:
        """Close the last window, which may be short, and take stock."""
        super().finish()
        for run, scores in self._members:
            if scores.is_open:
                self._tell_of(run, scores, *scores.close())
            run.cpu_seconds = self.cpu_seconds / len(self._members)
            run.nbytes = self.run.nbytes // len(self._members)

    def _tell_of(
        self, run: Run, scores: Scores, n: int, window: dict[str, float], total: dict[str, float]
    ) -> None:
        record = WindowRecord(
            run.model, run.seed, run.baseline, scores.n_rows, n, window | self._others,
            total | self._others, self.cpu_seconds / len(self._members),
        )  # fmt: skip
        run.take(record)
        self.on_window(record)
