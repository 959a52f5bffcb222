"""What an evaluation found: curves, totals and costs, for tables, files and figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onlineml.evaluation.metrics import metric as metric_named
from onlineml.evaluation.parquet import write_parquet
from onlineml.evaluation.run import Run, WindowRecord
from onlineml.evaluation.written import made_of_json
from onlineml.registry import nearest
from onlineml.schema import wrong

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from onlineml.base import Estimator

__all__ = ["Result", "Run", "WindowRecord"]

FORMAT = 1  # of the JSON file


@dataclass
class Result:
    """What `prequential` found.

    Attributes
    ----------
    stream, task
        The stream's name and its task; "anomaly" for classes that only detectors were shown.
    metrics
        Names of the metrics; the first one orders the summary.
    window
        Rows in a window.
    runs
        One for each model and seed, baselines last.
    n_rows
        Rows read from the stream.
    drifts
        Rows at which the stream's concept is known to change.
    label_delay
        How late labels came, in words.
    n_unlabeled
        Rows whose label never came.
    n_dropped
        Rows that were neither scored nor learned, as too many others were waiting for labels.
    n_broken
        Broken rows that the stream left out, as it was told to.
    n_pending
        Most rows that waited for their labels at one time.
    interrupted
        Whether Ctrl-C ended the evaluation; everything up to there is in the result.
    estimators
        (model, seed) -> the trained estimator; not written to files.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.evaluation import prequential
    >>> from onlineml.learners import GaussianNB
    >>> y = np.arange(2000) // 50 % 2
    >>> X = np.random.default_rng(1).normal(size=(2000, 2)) + 2.0 * y[:, None]
    >>> result = prequential(GaussianNB(), (X, y), metrics=["accuracy", "kappa_t"])
    >>> [round(run.totals["accuracy"], 2) for run in result]
    [0.93, 0.98, 0.5]
    """

    stream: str
    task: str
    metrics: list[str]
    window: int
    runs: list[Run]
    n_rows: int = 0
    drifts: list[int] = field(default_factory=list)
    label_delay: str = "none"
    n_unlabeled: int = 0
    n_dropped: int = 0
    n_broken: int = 0
    n_pending: int = 0
    interrupted: bool = False
    estimators: dict[tuple[str, int | None], Estimator] = field(
        default_factory=dict, repr=False, compare=False
    )

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    @property
    def unit(self) -> str:
        """What was counted: rows, or the steps of agents."""
        return "steps" if self.task == "control" else "rows"

    def run(self, model: str, seed: int | None = None) -> Run:
        """The run of a model; with `seed` None, the first one.

        Raises
        ------
        ValueError
            For a model or a seed that was not evaluated.
        """
        found = [run for run in self.runs if run.model == model]
        if not found:
            raise wrong("model", model, f"a known name; {nearest(model, self._names())}")
        if seed is None:
            return found[0]
        seeded = [run for run in found if run.seed == seed]
        if not seeded:
            raise wrong("seed", seed, f"one of {[run.seed for run in found]}")
        return seeded[0]

    def _names(self) -> list[str]:
        return list(dict.fromkeys(run.model for run in self.runs))

    # ---------------------------------------------------------------- tables

    def summary(self) -> list[dict[str, Any]]:
        """One row a model, best first: means over seeds, and their standard deviations.

        Keys: `model`, `baseline`, `n_seeds`, `n_rows`, each metric, `<metric>_sd` (sample standard
        deviation, NaN for one seed), `rows_per_second`, `cpu_seconds`, `nbytes`, `n_labels`.
        """
        first = metric_named(self.metrics[0])
        rows = [self._summary_row(model) for model in dict.fromkeys(run.model for run in self.runs)]

        def rank(row: dict[str, Any]) -> float:
            value = float(row[first.name])
            return np.inf if np.isnan(value) else -value if first.rises else value

        return sorted(rows, key=rank)

    def _summary_row(self, model: str) -> dict[str, Any]:
        runs = [run for run in self.runs if run.model == model]
        row: dict[str, Any] = {
            "model": model,
            "baseline": runs[0].baseline,
            "n_seeds": len(runs),
            "n_rows": min(run.n_scored for run in runs),
        }
        for name in self.metrics:
            row[name], row[f"{name}_sd"] = mean_and_sd(
                [run.totals.get(name, np.nan) for run in runs]
            )
        for name in ("rows_per_second", "cpu_seconds", "nbytes", "n_labels"):
            row[name] = mean_and_sd([getattr(run, name) for run in runs])[0]
        return row

    def columns(self) -> dict[str, list[Any]]:
        """The windowed table, one row a run and window, as columns.

        `model`, `seed`, `baseline`, `n_rows` (scored so far), `n_labels` (learned so far), then for
        each metric its value in the window (`accuracy`) and over all rows so far
        (`accuracy_cumulative`), then what models told of themselves (`diagnostics.gate_entropy`,
        `diagnostics.expert_shares.<part>`), NaN for those that did not.
        """
        columns: dict[str, list[Any]] = {
            name: [getattr(run, name) for run in self.runs for _ in run.n_rows]
            for name in ("model", "seed", "baseline")
        }
        columns["n_rows"] = [n for run in self.runs for n in run.n_rows]
        columns["n_labels"] = [n for run in self.runs for n in run.labels or run.n_rows]
        for name in self.metrics:
            columns[name] = [v for run in self.runs for v in run.window.get(name, ())]
            columns[f"{name}_cumulative"] = [
                v for run in self.runs for v in run.cumulative.get(name, ())
            ]
        return columns | self._told()

    def _told(self) -> dict[str, list[float]]:
        """Columns of what models told of themselves."""
        columns: dict[str, list[float]] = {}
        told = {(name, part): None for run in self.runs for name in run.diagnostics
                for part in run.diagnostics[name]}  # fmt: skip
        for name, part in told:
            columns[f"diagnostics.{name}.{part}".rstrip(".")] = [
                value
                for run in self.runs
                for value in run.diagnostics.get(name, {}).get(part, [np.nan] * len(run.n_rows))
            ]
        return columns

    def to_pandas(self) -> pd.DataFrame:
        """The windowed table (see `columns`) as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.columns()).astype({"seed": "Int64"})

    def to_parquet(self, path: str | Path) -> None:
        """Write the windowed table (see `columns`); the rest goes into its metadata."""
        head = self.to_plain()
        for run in head["runs"]:
            told = "n_rows", "labels", "window", "cumulative", "diagnostics", "alerts"
            for curve in told:
                del run[curve]
        write_parquet(path, self.columns(), _to_bytes(head))

    # ---------------------------------------------------------------- files

    def to_plain(self) -> dict[str, Any]:
        """Everything but the estimators as plain values, curves included."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "estimators"}
        return {"format": FORMAT, **plain, "runs": [dict(vars(run)) for run in self.runs]}

    def to_json(self, path: str | Path | None = None) -> str:
        """Everything but the estimators as JSON, NaN as null; written to `path` where given."""
        text = _to_bytes(self.to_plain())
        if path is not None:
            Path(path).write_bytes(text)
        return text.decode()

    @classmethod
    def from_json(cls, source: str | Path) -> Result:
        """The result that `to_json` wrote, from its text or its file.

        Raises
        ------
        ValueError
            For a text that is no such result.
        OSError
            Where the file cannot be read.
        """
        return made_of_json(source, cls.from_plain, "a result that to_json wrote")

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Result:
        """The result that `to_plain` described.

        Raises
        ------
        ValueError
            For another format.
        """
        rest = dict(plain)
        if rest.pop("format") != FORMAT:
            raise wrong("format", plain["format"], f"a result of format {FORMAT}")
        return cls(**{**rest, "runs": [Run.from_plain(run) for run in rest["runs"]]})

    # ---------------------------------------------------------------- to look at

    def __repr__(self) -> str:
        head = f"{self.stream}: {self.n_rows} {self.unit}, window {self.window}"
        if self.label_delay != "none":
            head += f", labels late by {self.label_delay}"
        notes = [
            f"{count} {what}"
            for count, what in (
                (self.n_broken, "broken rows left out"),
                (self.n_unlabeled, "rows never got a label"),
                (self.n_dropped, "rows dropped while others waited for labels"),
                (max((n for run in self.runs for n in run.n_skipped.values()), default=0),
                 "windows of one class, without a ranking"),
            )
            if count
        ]  # fmt: skip
        if self.interrupted:
            notes.append("interrupted")
        return "\n".join([head, *as_lines(self._shown()), *notes])

    def _shown(self) -> list[list[str]]:
        """Header and rows of the summary, as text."""
        titles = [metric_named(m).title for m in self.metrics]
        buys = any(run.strategy for run in self.runs)
        table = [["model", *["labels"] * buys, *titles, f"{self.unit}/s", "bytes"]]
        for row in self.summary():
            cells = [f"{row[m]:.4g}" + _spread(row[f"{m}_sd"]) for m in self.metrics]
            speed = "-" if np.isnan(row["rows_per_second"]) else f"{row['rows_per_second']:,.0f}"
            labels = [f"{row['n_labels']:,.0f}"] * buys
            table.append([row["model"], *labels, *cells, speed, f"{row['nbytes']:,.0f}"])
        return table

    def plot(self, metric: str | None = None, *, cumulative: bool = False) -> Figure:
        """Curves of a metric (the first one, unless named) over rows, as a matplotlib figure.

        Runs of several seeds are drawn as their mean and a band of one standard deviation;
        baselines are dashed gray, known drifts vertical lines. Colors suit color-blind readers.

        Raises
        ------
        ValueError
            For a metric that was not taken.
        """
        from onlineml.evaluation.plotting import curves

        name = self.metrics[0] if metric is None else metric
        if name not in self.metrics:
            raise wrong("metric", name, f"a known name; {nearest(name, self.metrics)}")
        return curves(self, name, cumulative=cumulative)


def mean_and_sd(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and sample standard deviation (NaN for a single value)."""
    sd = np.std(values, ddof=1) if len(values) > 1 else np.nan
    return float(np.mean(values)), float(sd)


def as_lines(table: list[list[str]]) -> list[str]:
    """Aligned lines of a table of text: first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table)]
    return [
        "  ".join(
            cell.rjust(width) if j else cell.ljust(width)
            for j, (cell, width) in enumerate(zip(row, widths))
        )
        for row in table
    ]


def _spread(sd: float) -> str:
    return "" if np.isnan(sd) else f" ±{sd:.2g}"


def _to_bytes(plain: dict[str, Any]) -> bytes:
    import orjson

    try:
        return orjson.dumps(plain, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:  # a whole number, such as a seed, that JSON has no room for
        return orjson.dumps(_without_long(plain), option=orjson.OPT_SERIALIZE_NUMPY)


def _without_long(plain: Any) -> Any:
    """Whole numbers of more than 64 bits as text."""
    if isinstance(plain, dict):
        return {name: _without_long(value) for name, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [_without_long(value) for value in plain]
    return str(plain) if isinstance(plain, int) and plain.bit_length() > 63 else plain
