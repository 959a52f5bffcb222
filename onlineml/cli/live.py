"""What a run shows while it goes on: a live table on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.live import Live

    from onlineml.evaluation import Result, WindowRecord

_INTERVAL = 0.25  # seconds between updates of a terminal
_NAME = 23  # least width of a column of models: few classes have longer names
_LINES = 10  # about so many lines for a whole run elsewhere


class Trackers:
    """Several trackers as one."""

    def __init__(self, trackers: Iterable[Any]) -> None:
        self.trackers = list(trackers)

    def on_window(self, record: WindowRecord) -> None:
        """Tell all of a window."""
        for tracker in self.trackers:
            tracker.on_window(record)

    def on_end(self, result: Result) -> None:
        """Tell all of the result."""
        for tracker in self.trackers:
            tracker.on_end(result)


class View:
    """Shows the last window of every model, and how far the run is."""

    def __init__(
        self, metrics: Sequence[str], titles: Sequence[str], total: int | None, unit: str = "rows"
    ) -> None:
        self.unit = unit
        self.metrics, self.titles, self.total = metrics, titles, total
        self.latest: dict[tuple[str, int | None], WindowRecord] = {}
        self.n_rows, self.began, self._shown = 0, time.monotonic(), 0.0
        self.console = Console(stderr=True, highlight=False)
        self.live: Live | None = None

    def __enter__(self) -> View:
        if self.console.is_terminal:
            from rich.live import Live

            self.live = Live(console=self.console, auto_refresh=False, transient=True)
            self.live.start()
            self.live.update(Text("compiling and reading ..."), refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self.live is not None:
            self.live.stop()

    def on_window(self, record: WindowRecord) -> None:
        """Keep a model's window to show it."""
        self.latest[record.model, record.seed] = record

    def on_end(self, result: Result) -> None:
        """Nothing more to show here: the summary follows."""

    def on_progress(self, n_rows: int, total: int | None) -> None:
        """Show how far the run is, a few times a second at most."""
        self.n_rows, self.total = n_rows, total or self.total
        now = time.monotonic()
        if self.live is not None:
            if now - self._shown >= _INTERVAL:
                self._shown = now
                self.live.update(self._table(), refresh=True)
        elif self._line_is_due(now):
            self._shown = now
            self.console.print(self._line(), soft_wrap=True)

    def _line_is_due(self, now: float) -> bool:
        if now - max(self._shown, self.began) < 2.0:
            return False
        share = self.n_rows / self.total if self.total else 0.0
        pace = (now - self.began) / share if share else 60.0
        return now - max(self._shown, self.began) >= pace / _LINES

    def _line(self) -> str:
        far = f"{self.n_rows:>11,} {self.unit}"
        if self.total:
            far += f" {100 * self.n_rows // self.total:>3} %"
        metric = self.metrics[0]
        values = [
            f"{name} {record.window.get(metric, float('nan')):.4f}"
            for (name, _), record in self.latest.items()
            if not record.baseline
        ]
        return f"{far}  {metric}: {', '.join(values)}"

    def _table(self) -> Group:
        fitting = most_that_fit(self._of_metrics, len(self.metrics), self.console)
        return Group(fitting[1], self._bar())

    def _of_metrics(self, n: int) -> Table:
        """The table of the first `n` metrics."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("model, last window", overflow="fold", min_width=_NAME, max_width=48)
        for title in (*self.titles[:n], f"{self.unit}/s"):
            table.add_column(title, justify="right", no_wrap=True)
        for (name, seed), record in self.latest.items():
            values = (record.window.get(metric, float("nan")) for metric in self.metrics[:n])
            cells = [f"{value:.4f}" for value in values]
            speed = record.n_rows / record.cpu_seconds if record.cpu_seconds > 0 else 0.0
            label = name if seed is None else f"{name}, seed {seed}"
            style = "dim" if record.baseline else ""
            table.add_row(label, *cells, f"{speed:,.0f}", style=style)
        return table

    def _bar(self) -> Table:
        from rich.progress_bar import ProgressBar

        seconds = time.monotonic() - self.began
        pace = self.n_rows / seconds if seconds > 0 else 0.0
        text = f"{self.n_rows:,} {self.unit}"
        if self.total:
            left = (self.total - self.n_rows) / pace if pace else 0.0
            text = f"{self.n_rows:,} of {self.total:,} {self.unit}, {left:.0f} s left"
        row = Table.grid(padding=(0, 2, 0, 0))
        bar = ProgressBar(total=self.total, completed=self.n_rows, width=40, pulse=not self.total)
        row.add_row(bar, text, f"{pace:,.0f} {self.unit}/s overall")
        return row


def most_that_fit(make: Callable[[int], Table], n: int, console: Console) -> tuple[int, Table]:
    """The table of as many of `n` columns as there is room for, at least one; and how many."""
    endless = console.options.update(width=10**6)  # or the measure is cut to what there is
    for shown in range(n, 1, -1):
        table = make(shown)
        names = console.measure(_first_column(table), options=endless).maximum
        spare = max(names - _NAME, 0)  # names may be broken, numbers not
        if console.measure(table, options=endless).maximum - spare <= console.width:
            return shown, table
    return 1, make(1)


def _first_column(table: Table) -> Table:
    alone = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    alone.add_column(table.columns[0].header)
    for cell in table.columns[0].cells:
        alone.add_row(cell)
    return alone


def print_summary(result: Result, console: Console) -> None:
    """Print the summary with as many metrics as the terminal has room for."""
    n = len(result.metrics)
    shown, table = most_that_fit(lambda n: summary(result, result.metrics[:n]), n, console)
    console.print(table)
    if shown < n:
        console.print(f"({n - shown} more metrics in the report)", style="dim")


def summary(result: Result, metrics: Sequence[str]) -> Table:
    """Models x metrics, with costs: best values bold, baselines dim."""
    from onlineml.evaluation.metrics import metric as metric_named
    from onlineml.evaluation.report.page import best_models
    from onlineml.evaluation.report.svg import short_bytes, short_number
    from onlineml.evaluation.report.words import number

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("model", overflow="fold", min_width=_NAME)
    labels = ("labels",) if any(run.strategy for run in result) else ()
    for title in (*labels, *(metric_named(name).title for name in metrics)):
        table.add_column(title, justify="right", no_wrap=True)
    for title in (f"{result.unit}/s", "CPU s", "size"):
        table.add_column(title, justify="right", no_wrap=True)
    best = {name: best_models(result.summary(), name) for name in metrics}
    for row in sorted(result.summary(), key=lambda row: bool(row["baseline"])):
        cells: list[str | Text] = [f"{row['n_labels']:,.0f}" for _ in labels]
        for name in metrics:
            spread = row[f"{name}_sd"]
            cell = number(row[name], name)
            cell += "" if spread != spread else f" ±{number(spread, name)}"
            cells.append(Text(cell, "bold green") if row["model"] in best[name] else cell)
        speed = row["rows_per_second"]
        costs = ("-" if speed != speed else short_number(speed), f"{row['cpu_seconds']:.2f}")
        style = "dim" if row["baseline"] else ""
        table.add_row(row["model"], *cells, *costs, short_bytes(row["nbytes"]), style=style)
    return table


def stdout() -> Console:
    """Where results go: wide enough for a table where there is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=180)
