"""Scores of one model: every metric over the present window, and over all rows so far."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from onlineml.evaluation.metrics import Metric, Scored, Summary


class Scores:
    """Fills windows of rows and gives the metrics' values at the end of each.

    Metrics with the same summary share one, so that five metrics of a confusion matrix cost about
    as much as one.
    """

    def __init__(self, metrics: Sequence[Metric], window: int, classes: list[Hashable]) -> None:
        self.metrics, self.window = metrics, window
        kinds = dict.fromkeys(metric.summary for metric in metrics)
        self._window: dict[type[Summary], Summary] = {kind: kind(classes) for kind in kinds}
        self._total: dict[type[Summary], Summary] = {kind: kind(classes) for kind in kinds}
        self.n_rows = 0
        self._n_open = 0  # rows of the window that is not complete yet

    def add(self, rows: Scored) -> Iterator[tuple[int, dict[str, float], dict[str, float]]]:
        """Score some rows; yields what `close` gives for every window that they complete."""
        first, n = 0, len(rows.y)
        while first < n:
            last = min(n, first + self.window - self._n_open)
            part = rows.part(first, last)
            for summary in self._window.values():
                summary.add(part)
            self._n_open += last - first
            first = last
            if self._n_open == self.window:
                yield self.close()

    def close(self) -> tuple[int, dict[str, float], dict[str, float]]:
        """End the window: its number of rows, the metrics over it, and those over all rows."""
        n, self._n_open = self._n_open, 0
        self.n_rows += n
        for kind, window in self._window.items():
            self._total[kind].absorb(window)
        values = self._values(self._window), self._values(self._total)
        for window in self._window.values():
            window.clear()
        return n, *values

    @property
    def is_open(self) -> bool:
        """Whether rows have come since the last window was closed."""
        return self._n_open > 0

    def n_skipped(self) -> dict[str, int]:
        """Metric -> windows that it could not judge."""
        counts = {m.name: getattr(self._total[m.summary], "n_skipped", 0) for m in self.metrics}
        return {name: count for name, count in counts.items() if count}

    def values(self) -> dict[str, float]:
        """The metrics over all rows, those of the window that is not complete too."""
        if not self.is_open:
            return self._values(self._total)
        together = copy.deepcopy(self._total)
        for kind, window in self._window.items():
            together[kind].absorb(window)
        return self._values(together)

    def get_state(self) -> dict[str, Any]:
        """Windows and totals, as plain values and arrays."""
        return {
            "n_rows": self.n_rows,
            "n_open": self._n_open,
            "window": [summary.get_state() for summary in self._window.values()],
            "total": [summary.get_state() for summary in self._total.values()],
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` of scores with the same metrics gave."""
        self.n_rows, self._n_open = state["n_rows"], state["n_open"]
        for summary, kept in zip(self._window.values(), state["window"], strict=True):
            summary.set_state(kept)
        for summary, kept in zip(self._total.values(), state["total"], strict=True):
            summary.set_state(kept)

    def _values(self, summaries: dict[type[Summary], Summary]) -> dict[str, float]:
        return {m.name: m.formula(summaries[m.summary]) for m in self.metrics}
