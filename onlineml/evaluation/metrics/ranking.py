"""Metrics of rankings: how well scores put one class before the others.

Rows of equal score are one step of the curve. With two classes the positive one is the greater
label (the later to appear where labels have no order); with more, the value is the mean over the
classes that occur, each against the rest. A window of one class has no ranking: its value is NaN.

Windows are exact, by sorting. Totals compare the scores of all rows with each other: a model whose
scores change their meaning in the course of the stream pays for it, as one threshold would not do.
They are exact until a class has 16,384 rows (fewer with more than two classes: the room is shared);
then the highest 8,192 scores of each class stay exact, and the others are thinned out
(`ranked.Ranked`). ROC-AUC is off by less than 0.0015 after a million rows of each class at the very
worst, and by less than 0.00005 in measurements. Totals are worked out anew at the end of each
window, in 0.1 to 0.5 ms.

References
----------
.. [1] Fawcett (2006), An introduction to ROC analysis, Pattern Recognition Letters 27(8), sections
   7 and 9. doi:10.1016/j.patrec.2005.10.010
.. [2] Davis, Goadrich (2006), The relationship between precision-recall and ROC curves, ICML.
   doi:10.1145/1143844.1143874
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from onlineml.evaluation.metrics.metric import Array, Ints, Metric, Scored, Summary
from onlineml.evaluation.metrics.ranked import CAPACITY, Ranked, areas


class Rankings(Summary):
    """The rows of the window by score; of absorbed windows, what was kept of all their scores."""

    _kept = ("_rows", "_n", "n_skipped")

    def __init__(self, classes: list[Hashable]) -> None:
        self._occurred: set[int] = set()  # classes so far, across windows
        super().__init__(classes)

    def clear(self) -> None:
        """Forget all rows."""
        self._rows: list[tuple[Ints, Array]] = []
        self._areas: tuple[float, float] | None = None
        self._all: list[tuple[Ranked, Ranked]] = []  # by class: its scores in its rows, in others
        self._n = 0  # rows absorbed
        self.n_skipped = 0

    def add(self, rows: Scored) -> None:
        """Keep some rows until the end of the window."""
        assert rows.probabilities is not None
        self._occurred.update(np.unique(rows.y).tolist())
        self._rows.append((rows.y, np.nan_to_num(rows.probabilities)))
        self._areas = None

    def absorb(self, window: Rankings) -> None:
        """Take in the scores of a window."""
        window._gather()
        self._occurred |= window._occurred
        self.n_skipped += bool(np.isnan(window.areas[0]))
        for y, scores in window._rows:
            self._make_room(max(*self._occurred, *np.flatnonzero(scores.any(axis=0)).tolist(), 1))
            capacity = max(CAPACITY >> ((len(self._all) - 1).bit_length() - 1), 512)
            for code, (own, others) in enumerate(self._all):
                column, hit = _column(scores, code), y == code
                own.add(column[hit], capacity)
                others.add(column[~hit], capacity)
            self._n += len(y)
        self._areas = None

    def _make_room(self, last: int) -> None:
        """Follow the classes up to `last`; for a new one, all rows until now have the score 0."""
        for _ in range(len(self._all), last + 1):
            self._all.append((Ranked(), Ranked()))
            self._all[-1][1].add_zeros(self._n)

    def get_state(self) -> dict[str, Any]:
        """The open window and what is kept of all rows, as plain values and arrays."""
        self._gather()
        kept = [[ranked.get_state() for ranked in pair] for pair in self._all]
        return {**super().get_state(), "all": kept, "occurred": sorted(self._occurred)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` gave."""
        super().set_state(state)
        self._all = [(Ranked.from_state(a), Ranked.from_state(b)) for a, b in state["all"]]
        self._occurred = set(state["occurred"])

    def _gather(self) -> None:
        """Make one piece of the rows: no trace is left of how they came."""
        if len(self._rows) > 1:
            width = max(scores.shape[1] for _, scores in self._rows)
            scores = [np.pad(s, ((0, 0), (0, width - s.shape[1]))) for _, s in self._rows]
            y = np.concatenate([y for y, _ in self._rows])
            self._rows = [(y, np.concatenate(scores))]

    @property
    def areas(self) -> tuple[float, float]:
        """ROC-AUC and average precision: of the window, or of all rows that were absorbed."""
        if self._areas is None:
            parts = self._of_window() if self._rows else self._of_all()
            known = [part for part in parts if not np.isnan(part[0])]
            roc_auc, precision = np.mean(known, axis=0) if known else (np.nan, np.nan)
            self._areas = float(roc_auc), float(precision)
        return self._areas

    def _of_window(self) -> Iterator[tuple[float, float]]:
        self._gather()
        ((y, scores),) = self._rows
        for code in self._positives(np.unique(y).tolist()):
            column, hit = _column(scores, code), y == code
            own, others = np.sort(column[hit]), np.sort(column[~hit])
            yield areas(own, np.ones(len(own)), others, np.ones(len(others)))

    def _of_all(self) -> Iterator[tuple[float, float]]:
        for code in self._positives(sorted(self._occurred)):
            own, others = self._all[code]
            yield areas(*own.content, *others.content)

    def _positives(self, present: list[int]) -> list[int]:
        """The classes that are each set against the rest."""
        if len(present) < 2:
            return []
        two = len(self._occurred) == 2
        return [positive(self._occurred, self.classes)] if two else present


def positive(two: Iterable[int], classes: Sequence[Hashable]) -> int:
    """Which of two codes is that of the greater label, or of the later without an order."""
    first, second = sorted(two)
    try:
        return first if classes[first] > classes[second] else second  # type: ignore[operator]  # may raise
    except TypeError:
        return second


def _column(scores: Array, code: int) -> Array:
    """Scores of one class; 0 where the model did not know it."""
    return scores[:, code] if code < scores.shape[1] else np.zeros(len(scores))


def _roc_auc(rankings: Rankings) -> float:
    """Chance that a row of the class is scored above a row of another, ties counting half [1]_."""
    return rankings.areas[0]


def _average_precision(rankings: Rankings) -> float:
    """`sum_t (R[t] - R[t-1]) P[t]` over the thresholds from the highest: recall, precision [2]_."""
    return rankings.areas[1]


METRICS = (
    Metric("roc_auc", "ROC-AUC", "classification", Rankings, _roc_auc, needs_probabilities=True),
    Metric(
        "average_precision",
        "Average precision",
        "classification",
        Rankings,
        _average_precision,
        needs_probabilities=True,
    ),
)
