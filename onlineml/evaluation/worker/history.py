"""What a service remembers of its way, to be drawn: a few hundred points of each curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onlineml.base import Diagnostics, Estimator

_MOST = 300  # points of a curve, and drifts


class History:
    """Drifts, and by window: metrics, anomaly scores, and what the model told of itself.

    Parameters
    ----------
    window
        Rows from one point to the next, at least.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.drifts: list[int] = []  # numbers of scored rows
        self.windows: list[list[Any]] = []  # scored rows, metrics of the window that ended there
        self.scores: list[list[float]] = []  # answered rows; mean and highest score of a window
        self.insides: list[list[Any]] = []  # learned rows, diagnostics
        self._scored = [0, 0.0, float("-inf")]  # rows in all; sum and highest of the window

    def drift(self, row: int) -> None:
        """A drift was found after so many scored rows."""
        self.drifts = [*self.drifts, row][-_MOST:]

    def quality(self, n_scored: int, metrics: Mapping[str, float]) -> None:
        """A window of scored rows ended."""
        self.windows = [*self.windows, [n_scored, dict(metrics)]][-_MOST:]

    def score(self, value: float) -> None:
        """The anomaly score of the next row."""
        rows, total, highest = self._scored
        self._scored = [rows + 1, total + value, max(highest, value)]
        if (rows + 1) % self.window == 0:
            self.scores.append([rows + 1, self._scored[1] / self.window, self._scored[2]])
            self.scores, self._scored[1:] = self.scores[-_MOST:], [0.0, float("-inf")]

    def look(self, model: Estimator, n_learned: int) -> None:
        """Look inside the model, where a window of learned rows has passed."""
        if n_learned < (self.insides[-1][0] if self.insides else 0) + self.window:
            return
        told = model.diagnostics()
        if told:
            self.insides = [*self.insides, [n_learned, _plain(told)]][-_MOST:]

    def get_state(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {name: list(values) for name, values in vars(self).items() if name != "window"}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` gave."""
        vars(self).update({name: list(values) for name, values in state.items()})


def _plain(told: Diagnostics) -> dict[str, dict[str, float]]:
    """Numbers by name and part; the only part of a single number has no name."""
    return {
        name: {part: float(number) for part, number in value.items()}
        if isinstance(value, Mapping)
        else {"": float(value)}
        for name, value in told.items()
    }
