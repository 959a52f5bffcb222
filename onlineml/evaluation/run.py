"""The course of one model over a stream: its curves, window by window, and its costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from onlineml.evaluation.alerts import AlertRecord


class WindowRecord(NamedTuple):
    """One model at the end of one window.

    Parameters
    ----------
    model, seed, baseline
        Which model; whether it is a baseline.
    n_rows, n_window
        Rows scored so far, and rows of this window (the last one may be shorter).
    window, cumulative
        Metric -> value over the window, and over all rows so far.
    cpu_seconds
        CPU seconds that the model has used so far.
    diagnostics
        What the model told of itself at the end of the window (see `Estimator.diagnostics`).
    n_labels
        Labels of the scored rows that were bought; None where all rows are learned.

    Examples
    --------
    >>> from onlineml.evaluation import WindowRecord
    >>> record = WindowRecord("nb", None, False, 500, 500, {"mae": 1.2}, {"mae": 1.2}, 0.01)
    >>> record.window["mae"]
    1.2
    """

    model: str
    seed: int | None
    baseline: bool
    n_rows: int
    n_window: int
    window: dict[str, float]
    cumulative: dict[str, float]
    cpu_seconds: float
    diagnostics: Mapping[str, float | dict[str, float]] = MappingProxyType({})
    n_labels: int | None = None


@dataclass
class Run:
    """One model with one seed over one stream.

    `n_rows[i]` rows had been scored at the end of window `i`; `window` and `cumulative` hold a list
    per metric. `n_skipped` counts, per metric, windows that it could not judge (rankings of one
    class). `diagnostics[name][part]` is what the model told of itself at the end of each window,
    NaN where nothing; a number without parts has the part "". `alerts` is
    what became of a detector's alerts, None for other models.

    Where labels are bought, `learner` and `strategy` are the names of both and `budget` that of
    the budget, `labels[i]` is how many labels of the rows scored by then were bought, and `n_asked`
    counts the questions of the whole run, those that were never answered too. Of a graph, `graph`
    is its drawing, with the figures of the whole run (see `Graph.draw`). `cpu_seconds` and
    `nbytes` are time and size of the model alone, in seconds and bytes.

    Examples
    --------
    >>> from onlineml.evaluation import Run
    >>> run = Run("nb", 1, "GaussianNB()", n_rows=[500, 800], cumulative={"accuracy": [0.7, 0.8]})
    >>> run.n_scored, run.totals
    (800, {'accuracy': 0.8})
    """

    model: str
    seed: int | None
    estimator: str
    baseline: bool = False
    n_rows: list[int] = field(default_factory=list)
    window: dict[str, list[float]] = field(default_factory=dict)
    cumulative: dict[str, list[float]] = field(default_factory=dict)
    diagnostics: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    n_skipped: dict[str, int] = field(default_factory=dict)
    alerts: AlertRecord | None = None
    cpu_seconds: float = 0.0
    nbytes: int = 0
    learner: str = ""
    strategy: str = ""
    budget: str = ""
    labels: list[int] = field(default_factory=list)
    n_asked: int = 0
    graph: dict[str, Any] = field(default_factory=dict)

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

    @property
    def n_labels(self) -> int:
        """Labels of the scored rows that the model has learned."""
        return self.labels[-1] if self.labels else self.n_scored

    def take(self, record: WindowRecord) -> None:
        """Append a window."""
        self.n_rows.append(record.n_rows)
        for curves, values in ((self.window, record.window), (self.cumulative, record.cumulative)):
            for name, value in values.items():
                if name not in curves:
                    curves[name] = []
                curves[name].append(value)
        self._note(record.diagnostics)
        if record.n_labels is not None:
            self.labels.append(record.n_labels)
        self.cpu_seconds = record.cpu_seconds

    def _note(self, diagnostics: Mapping[str, float | Mapping[str, float]]) -> None:
        n = len(self.n_rows)
        for name, told in diagnostics.items():
            for part, value in (told if isinstance(told, Mapping) else {"": told}).items():
                curve = self.diagnostics.setdefault(name, {}).setdefault(part, [])
                curve += [np.nan] * (n - 1 - len(curve))
                curve.append(float(value))
        for parts in self.diagnostics.values():
            for curve in parts.values():
                curve += [np.nan] * (n - len(curve))

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Run:
        """The run that `dataclasses.asdict` described; None stands for NaN."""
        told = plain.get("diagnostics", {}).items()
        curves: dict[str, Any] = {kind: _curves(plain[kind]) for kind in ("window", "cumulative")}
        curves["diagnostics"] = {name: _curves(parts) for name, parts in told}
        alerts = plain.get("alerts")
        curves["alerts"] = None if alerts is None else AlertRecord.from_plain(alerts)
        return cls(**{**plain, **curves})


def _curves(plain: Mapping[str, Sequence[float | None]]) -> dict[str, list[float]]:
    return {
        name: [np.nan if value is None else value for value in curve]
        for name, curve in plain.items()
    }
