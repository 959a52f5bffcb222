"""The course of one model over a stream: its curves, window by window, and its costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class WindowRecord(NamedTuple):
    """One model at the end of one window."""

    model: str
    seed: int | None
    baseline: bool
    #: Rows scored so far, and rows of this window (the last one may be shorter).
    n_rows: int
    n_window: int
    #: Metric -> value over the window, and over all rows so far.
    window: dict[str, float]
    cumulative: dict[str, float]
    #: CPU seconds that the model has used so far.
    cpu_seconds: float


@dataclass
class Run:
    """One model with one seed over one stream.

    `n_rows[i]` rows had been scored at the end of window `i`; `window` and `cumulative` hold a list
    per metric. `n_skipped` counts, per metric, windows that it could not judge and left out of
    its total (rankings of one class).
    """

    model: str
    seed: int | None
    estimator: str
    baseline: bool = False
    n_rows: list[int] = field(default_factory=list)
    window: dict[str, list[float]] = field(default_factory=dict)
    cumulative: dict[str, list[float]] = field(default_factory=dict)
    n_skipped: dict[str, int] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    nbytes: int = 0

    @property
    def n_scored(self) -> int:
        """Rows that were scored."""
        return self.n_rows[-1] if self.n_rows else 0

    @property
    def totals(self) -> dict[str, float]:
        """Metric -> value over all rows."""
        return {name: curve[-1] if curve else np.nan for name, curve in self.cumulative.items()}

    @property
    def rows_per_second(self) -> float:
        """Rows per CPU second of the model alone."""
        return self.n_scored / self.cpu_seconds if self.cpu_seconds > 0 else np.nan

    def take(self, record: WindowRecord) -> None:
        """Append a window."""
        self.n_rows.append(record.n_rows)
        for curves, values in ((self.window, record.window), (self.cumulative, record.cumulative)):
            for name, value in values.items():
                curves.setdefault(name, []).append(value)
        self.cpu_seconds = record.cpu_seconds

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Run:
        """The run that `dataclasses.asdict` described; None stands for NaN."""
        curves = {
            kind: {
                name: [np.nan if value is None else value for value in curve]
                for name, curve in plain[kind].items()
            }
            for kind in ("window", "cumulative")
        }
        return cls(**{**plain, **curves})
