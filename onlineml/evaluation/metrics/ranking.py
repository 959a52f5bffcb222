"""Metrics of rankings: how well scores put one class before the others.

Both are exact within a window, by sorting; rows of equal score are one step of the curve. With two
classes the positive one is the greater label (the later to appear where labels have no order);
with more, the value is the mean over the classes that occur in the window, each against the rest.
A window of one class has no ranking: its value is NaN and it is left out of the total, which is
the mean of the windows' values weighted by their rows. A total over all rows at once would
compare scores across concept drifts, and would need all rows.

References
----------
.. [1] Fawcett (2006), An introduction to ROC analysis, Pattern Recognition Letters 27(8), sections
   7 and 9. doi:10.1016/j.patrec.2005.10.010
.. [2] Davis, Goadrich (2006), The relationship between precision-recall and ROC curves, ICML.
   doi:10.1145/1143844.1143874
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from onlineml.evaluation.metrics.metric import Array, Ints, Metric, Scored, Summary
from onlineml.kernels import jit


@jit
def _areas(scores: Array, order: Ints, y: Ints, positive: int) -> tuple[float, float]:
    """ROC-AUC and average precision; `order` sorts `scores` upwards. NaN without both classes."""
    n = y.shape[0]
    hits, misses, area, precision = 0, 0, 0.0, 0.0
    i = n - 1
    while i >= 0:
        score, new_hits, new_misses = scores[order[i]], 0, 0
        while i >= 0 and scores[order[i]] == score:
            if y[order[i]] == positive:
                new_hits += 1
            else:
                new_misses += 1
            i -= 1
        area += new_misses * (hits + 0.5 * new_hits)
        hits += new_hits
        misses += new_misses
        precision += new_hits * (hits / (hits + misses))
    if hits == 0 or misses == 0:
        return np.nan, np.nan
    return area / (hits * misses), precision / hits


class Rankings(Summary):
    """The rows of the window by score; of absorbed windows, the sums of their values."""

    _kept = ("_rows", "_sums", "_n", "n_skipped")

    def __init__(self, classes: list[Hashable]) -> None:
        self._occurred: set[int] = set()  # classes so far, across windows
        super().__init__(classes)

    def clear(self) -> None:
        """Forget all rows."""
        self._rows: list[tuple[Ints, Array]] = []
        self._areas: tuple[float, float] | None = None
        self._sums, self._n = np.zeros(2), 0
        self.n_skipped = 0

    def add(self, rows: Scored) -> None:
        """Keep some rows until the end of the window."""
        assert rows.probabilities is not None
        self._occurred.update(np.unique(rows.y).tolist())
        self._rows.append((rows.y, np.nan_to_num(rows.probabilities)))
        self._areas = None

    def absorb(self, window: Rankings) -> None:
        """Add the values of a window, weighted by its rows."""
        areas = np.array(window.areas)
        if np.isnan(areas[0]):
            self.n_skipped += 1
        else:
            n = sum(len(y) for y, _ in window._rows)
            self._sums += n * areas
            self._n += n

    def get_state(self) -> dict[str, Any]:
        """The open window and the sums, as plain values and arrays."""
        self._gather()
        return {**super().get_state(), "occurred": sorted(self._occurred)}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` gave."""
        super().set_state(state)
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
        """ROC-AUC and average precision: of the window, or the mean of those absorbed."""
        if self._n:
            return float(self._sums[0] / self._n), float(self._sums[1] / self._n)
        if self._areas is None:
            self._areas = self._ranked() if self._rows else (np.nan, np.nan)
        return self._areas

    def _ranked(self) -> tuple[float, float]:
        y = np.concatenate([y for y, _ in self._rows])
        present = np.unique(y).tolist()
        if len(present) < 2:
            return np.nan, np.nan
        positives = [self._positive()] if len(self._occurred) == 2 else present
        values = []
        for positive in positives:
            column = np.concatenate([_column(s, positive) for _, s in self._rows])
            values.append(_areas(column, np.argsort(column), y, positive))
        return float(np.mean([v[0] for v in values])), float(np.mean([v[1] for v in values]))

    def _positive(self) -> int:
        first, second = sorted(self._occurred)
        try:
            return first if self.classes[first] > self.classes[second] else second  # type: ignore[operator]
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
