"""Figures of results with matplotlib; imported only when one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from onlineml.evaluation.metrics import metric as metric_named
from onlineml.evaluation.report.curves import n_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from onlineml.evaluation.result import Result, Run

# Okabe, Ito (2008), Color universal design; the yellow is left out: too pale on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS = ("-", "-.", ":")  # with more models than colors, the next kind of line


def curves(result: Result, metric: str, *, cumulative: bool = False) -> Figure:
    """Curves of one metric over rows: see `Result.plot`."""
    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    models = dict.fromkeys(run.model for run in result.runs)
    n_drawn = n_baselines = 0
    for model in models:
        runs = [run for run in result.runs if run.model == model and run.n_rows]
        if not runs:
            continue
        if runs[0].baseline:
            dashes = (0, (4 + 2 * n_baselines, 2))
            _draw(axes, runs, metric, cumulative, color="0.55", dashes=dashes)
            n_baselines += 1
        else:
            color, mark = COLORS[n_drawn % len(COLORS)], MARKS[n_drawn // len(COLORS) % len(MARKS)]
            _draw(axes, runs, metric, cumulative, color=color, dashes=mark)
            n_drawn += 1
    for drift in result.drifts:
        if drift <= result.n_rows:
            axes.axvline(drift, color="0.8", linewidth=1.0, zorder=0)
    _label(axes, result, metric, cumulative)
    return figure


def _draw(
    axes: Axes,
    runs: list[Run],
    metric: str,
    cumulative: bool,
    *,
    color: str,
    dashes: str | tuple[int, tuple[int, int]],
) -> None:
    n = min(len(run.n_rows) for run in runs) if cumulative else n_to_draw(runs)
    rows = runs[0].n_rows[:n]
    values = np.array([(run.cumulative if cumulative else run.window)[metric][:n] for run in runs])
    mean = values.mean(0)
    point = "o" if n == 1 else None
    axes.plot(
        rows, mean, marker=point, color=color, linestyle=dashes, linewidth=1.4, label=runs[0].model
    )
    if len(runs) > 1:
        sd = values.std(0, ddof=1)
        axes.fill_between(rows, mean - sd, mean + sd, color=color, alpha=0.15, linewidth=0)


def _label(axes: Axes, result: Result, metric: str, cumulative: bool) -> None:
    title = metric_named(metric).title
    over = "all rows so far" if cumulative else f"windows of {result.window} rows"
    axes.set_title(f"{title} on {result.stream}, {over}", loc="left", fontsize="medium")
    axes.set_xlabel("rows")
    axes.set_ylabel(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    if axes.lines:
        axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
