"""From results to the page: what each table cell, figure and note says."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onlineml
from onlineml.evaluation.comparison import Comparison
from onlineml.evaluation.metrics import metric as metric_named
from onlineml.evaluation.report.alerts import alert_figures
from onlineml.evaluation.report.curves import averaged
from onlineml.evaluation.report.graphs import graphs
from onlineml.evaluation.report.inside import inside_models
from onlineml.evaluation.report.labels import bought_labels, labels_fact
from onlineml.evaluation.report.svg import N_COLORS, Bar, bars, lines, short_bytes, short_number
from onlineml.evaluation.report.words import (
    breakable,
    environment_facts,
    is_share,
    known,
    number,
    title_of,
)
from onlineml.evaluation.result import Result
from onlineml.words import counted

_MAX_POINTS = 300  # of a curve: more than a screen shows

Row = Mapping[str, Any]

_NAMED = 4  # streams that a headline names


def write_report(
    results: Result | Sequence[Result],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    configs: Sequence[str] = (),
) -> Path:
    """Write `page` to `path`, whole or not at all."""
    return written_whole(Path(path), page(results, title=title, configs=configs))


def written_whole(path: Path, text: str) -> Path:
    """Write `text` to `path`, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
    return path


def page(
    results: Result | Sequence[Result], *, title: str | None = None, configs: Sequence[str] = ()
) -> str:
    """The HTML of one result, or of several below each other.

    Parameters
    ----------
    title
        Headline; None: the streams' names, or how many there are.
    configs
        What each result came from, as text to show.
    """
    found = [results] if isinstance(results, Result) else list(results)
    if title is None:
        title = _headline([result.stream for result in found])
    colors = _colors(found)
    blocks = [
        _Block(result, configs[i] if i < len(configs) else "", f"r{i}", colors)
        for i, result in enumerate(found)
    ]
    text: str = template("page.html.j2").render(
        title=title,
        lead=_lead(found),
        created=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
        version=onlineml.__version__,
        n_colors=N_COLORS,
        blocks=[block.view() for block in blocks],
        overview=_overview(found) if len(found) > 1 else None,
        environment=list(environment_facts()),
    )
    return text


def template(name: str) -> Any:
    """A template of this folder."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("onlineml.evaluation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment.get_template(name)


def _headline(streams: list[str]) -> str:
    different = list(dict.fromkeys(streams))
    return ", ".join(different) if len(different) <= _NAMED else f"{len(different)} streams"


def _lead(results: Sequence[Result]) -> str:
    if all(result.task == "control" for result in results):
        return "Agents act, and learn from every step once, as it comes."
    return "Every row is predicted, then scored, then learned."


def _colors(results: Sequence[Result]) -> dict[str, int]:
    """Number of each model's color: the same on the whole page."""
    runs = [run for result in results for run in result]
    own = dict.fromkeys(run.model for run in runs if not run.baseline)
    others = dict.fromkeys(run.model for run in runs)
    return dict.fromkeys(others, 0) | {model: i for i, model in enumerate(own)}


def _overview(results: Sequence[Result]) -> dict[str, Any]:
    """Models x results for the first metric, with mean ranks."""
    named: dict[str, Result] = {}
    for result in results:
        n = sum(1 for other in named.values() if other.stream == result.stream)
        named[result.stream if n == 0 else f"{result.stream} {n + 1}"] = result
    metric = results[0].metrics[0]
    comparison = Comparison(named)
    ranks, table = comparison.ranks(metric), comparison.table(metric)
    baselines = {run.model for result in results for run in result if run.baseline}
    own = [model for model in table if model not in baselines]
    best = {stream: _best([table[model][stream][0] for model in own], metric) for stream in named}
    return {
        "metric": title_of(metric),
        "streams": list(named),
        "rows": [
            {
                "name": model,
                "baseline": model in baselines,
                "rank": f"{ranks[model]:.2f}",
                "cells": [
                    {
                        "text": number(mean, metric),
                        "spread": "" if math.isnan(sd) else number(sd, metric),
                        "best": model in own and number(mean, metric) == best[stream],
                    }
                    for stream, (mean, sd) in table[model].items()
                ],
            }
            for model in sorted(table, key=lambda model: (model in baselines, ranks[model]))
        ],
    }


def _best(values: Sequence[float], metric: str) -> str:
    """The best value as it is shown; nothing where fewer than two can be compared."""
    finite = [value for value in values if not math.isnan(value)]
    if len(finite) < 2:
        return ""
    return number(max(finite) if metric_named(metric).rises else min(finite), metric)


class _Block:
    """One result on the page."""

    def __init__(self, result: Result, config: str, key: str, colors: Mapping[str, int]) -> None:
        self.result, self.config, self.key = result, config, key
        self.rows = sorted(result.summary(), key=lambda row: bool(row["baseline"]))
        self.own = [row for row in self.rows if not row["baseline"]]
        self.colors = colors
        self.buys = any(run.strategy for run in result)
        self.n_seeds = max((row["n_seeds"] for row in self.rows), default=1)

    def view(self) -> dict[str, Any]:
        result = self.result
        mine = result, [row["model"] for row in self.own], self.colors, self.key
        spread = " Mean ± standard deviation over the seeds." if self.n_seeds > 1 else ""
        return {
            "stream": result.stream,
            "what": f"{result.task}, {result.n_rows:,} {result.unit}",
            "alerts": list(self._alerts()),
            "facts": list(self._facts()),
            "acts": result.task == "control",
            "columns": list(self._columns()),
            "table": [
                {
                    "name": row["model"],
                    "baseline": row["baseline"],
                    "kind": self._kind(row),
                    "cells": list(self._cells(row)),
                }
                for row in self.rows
            ],
            "table_note": "The best value of each metric is highlighted; baselines are gray; "
            f"costs are the models' own.{spread}",
            "charts": list(self._charts()),
            "chart_note": self._chart_note(),
            "drifts": result.drifts,
            "alert_figures": list(alert_figures(*mine[:3])),
            "labels": list(bought_labels(*mine)),
            "graphs": list(graphs(*mine[:3])),
            "inside": list(inside_models(*mine)),
            "figures": list(self._figures()),
            "config": self.config,
        }

    def _kind(self, row: Row) -> str:
        return "baseline" if row["baseline"] else f"c{self.colors[row['model']] % N_COLORS}"

    def _alerts(self) -> Iterator[str]:
        result = self.result
        if result.interrupted:
            where = f"{result.n_rows:,} {result.unit}"
            yield f"Interrupted after {where}: everything up to there is here."
        if result.n_broken:
            broken = counted(result.n_broken, "broken row(s)")
            yield f"The stream left out {broken}, as it was told to."
        if result.n_dropped:
            dropped = counted(result.n_dropped, "row(s)")
            yield f"Dropped while too many others awaited labels: {dropped}."
        if result.n_unlabeled:
            yield f"{counted(result.n_unlabeled, 'row(s)')} never got a label."
        skipped = max((n for run in result for n in run.n_skipped.values()), default=0)
        if skipped:
            yield (
                f"Windows that held rows of one class only: {skipped:,}. Curves of ranking metrics "
                "have gaps there, totals do not."
            )

    def _facts(self) -> Iterator[dict[str, str]]:
        result = self.result
        late = result.label_delay != "none"
        note = f"labels late by {result.label_delay}" if late else "labels at once"
        control = result.task == "control"
        if control:
            note = "rewards at once"
        yield {"label": "task", "value": result.task, "note": note}
        bought = labels_fact(result)
        if bought is not None:
            yield bought
        n = len(result.drifts)
        drifts = f"{n} known drifts" if n > 1 else "no known drift"
        if n == 1:
            drifts = f"known drift at row {result.drifts[0]:,}"
        what = "steps of a run" if control else result.unit
        yield {"label": what, "value": f"{result.n_rows:,}", "note": drifts}
        if not self.own:
            return
        first = result.metrics[0]
        value = number(self.own[0][first], first)
        yield {"label": f"best {title_of(first)}", "value": value, "note": self.own[0]["model"]}
        fastest = max(self.own, key=lambda row: known(row["rows_per_second"], 0.0))
        speed = short_number(known(fastest["rows_per_second"], 0.0))
        yield {"label": f"fastest, {result.unit} a CPU second", "value": speed,
               "note": fastest["model"]}  # fmt: skip

    def _columns(self) -> Iterator[dict[str, Any]]:
        if self.buys:
            yield {"label": "labels", "title": "labels that were learned", "group": False}
        for name in self.result.metrics:
            better, arrow = ("higher", "↑") if metric_named(name).rises else ("lower", "↓")
            yield {
                "label": f"{title_of(name)} {arrow}",
                "title": f"{name}: {better} is better",
                "group": False,
            }
        unit = self.result.unit
        title = f"{unit} a CPU second of the model"
        yield {"label": f"{unit}/s", "title": title, "group": True}
        yield {"label": "CPU s", "title": "CPU seconds of the model", "group": False}
        yield {"label": "size", "title": "learned state at the end", "group": False}

    def _cells(self, row: Row) -> Iterator[dict[str, Any]]:
        if self.buys:
            count = f"{row['n_labels']:,.0f}"
            yield {"text": count, "spread": "", "best": False, "group": False}
        for name in self.result.metrics:
            spread = row[f"{name}_sd"]
            yield {
                "text": number(row[name], name),
                "spread": "" if math.isnan(spread) else number(spread, name),
                "best": row["model"] in best_models(self.rows, name),
                "group": False,
            }
        for name, form in _COSTS.items():
            text = "-" if math.isnan(row[name]) else form(row[name])
            yield {"text": text, "spread": "", "best": False, "group": name == "rows_per_second"}

    def _chart_note(self) -> str:
        n_windows = max((len(run.n_rows) for run in self.result), default=0)
        many = math.ceil(n_windows / _MAX_POINTS)
        note = f"in windows of {self.result.window:,} {self.result.unit}"
        note += f", mean of {many} windows a point" if many > 1 else ""
        return note + ("; bands: ± one standard deviation" if self.n_seeds > 1 else "")

    def _charts(self) -> Iterator[dict[str, Any]]:
        n = len(self.result.metrics)
        for i, name in enumerate(self.result.metrics):
            curves = [
                averaged(
                    [run for run in self.result if run.model == row["model"]],
                    name,
                    color=self.colors[row["model"]],
                    max_points=_MAX_POINTS,
                )
                for row in self.rows
            ]
            if not any(len(curve.x) for curve in curves):
                continue
            wide = i == 0 or (i == n - 1 and n % 2 == 0)  # the last one fills its row
            drawn = lines(
                [curve for curve in curves if len(curve.x)],
                title=f"{title_of(name)} over the {self.result.unit} of {self.result.stream}",
                key=f"{self.key}m{i}",
                drifts=self.result.drifts,
                bounds=(-1.0, 1.0) if is_share(name) else (-math.inf, math.inf),
                width=1100 if wide else 540,
                height=330 if i == 0 else 230,
            )
            yield {"label": title_of(name), "svg": drawn, "wide": wide}

    def _figures(self) -> Iterator[dict[str, Any]]:
        for name, title, note in (
            ("rows_per_second", "Throughput", f"{self.result.unit} a CPU second, logarithmic"),
            ("nbytes", "Model size", "at the end, logarithmic"),
        ):
            found = [
                Bar(row["model"], row[name], _COSTS[name](row[name]), self.colors[row["model"]])
                for row in sorted(self.own, key=lambda row: -known(row[name], 0.0))
                if not math.isnan(row[name])
            ]
            if found:
                yield {"label": title, "note": note,
                       "svg": bars(found, title=title, logarithmic=True)}  # fmt: skip


# -------------------------------------------------------------------- words and numbers


_COSTS = {
    "rows_per_second": short_number,
    "cpu_seconds": lambda seconds: f"{seconds:.2f}" if seconds >= 0.01 else f"{seconds:.4f}",
    "nbytes": short_bytes,
}


def best_models(rows: Sequence[Row], name: str) -> set[str]:
    """Models with the best value of a metric, as far as is shown; none where only one model is."""
    own = [row for row in rows if not row["baseline"]]
    best = _best([row[name] for row in own], name)
    return {row["model"] for row in own if number(row[name], name) == best}
