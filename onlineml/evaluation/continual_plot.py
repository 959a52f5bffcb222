"""Figures of continual protocols with matplotlib; imported only when one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from onlineml.evaluation.plotting import COLORS, MARKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from onlineml.evaluation.continual import ContinualResult, ContinualRun

_MOST_WRITTEN = 6  # tasks, beyond which cells are too small for figures


def drawn(result: ContinualResult) -> Figure:
    """Courses above, the matrix of each model below: see `ContinualResult.plot`."""
    models = result.by_model()
    n = len(models)
    figure = Figure(figsize=(max(2.6 * n, 6.4), 6.0), layout="constrained")
    grid = figure.add_gridspec(2, n, height_ratios=(1.0, 1.0))
    course = figure.add_subplot(grid[0, :])
    for k, (name, runs) in enumerate(models.items()):
        color, mark = COLORS[k % len(COLORS)], MARKS[k // len(COLORS) % len(MARKS)]
        values = np.array([run.accuracy for run in runs])
        steps = np.arange(1, values.shape[1] + 1)
        course.plot(steps, values.mean(0), color=color, linestyle=mark, linewidth=1.4, label=name)
        if len(runs) > 1:
            low, high = (values.mean(0) + sign * values.std(0, ddof=1) for sign in (-1.0, 1.0))
            course.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)
        _matrix(figure.add_subplot(grid[1, k]), name, runs, first=k == 0)
    course.set_title("Accuracy on the tasks so far", loc="left", fontsize="medium")
    course.set_xlabel("tasks learned")
    course.set_ylabel("accuracy")
    course.set_ylim(0.0, 1.02)
    course.xaxis.set_major_locator(MaxNLocator(integer=True))
    course.spines[["top", "right"]].set_visible(False)
    course.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _matrix(axes: Axes, name: str, runs: list[ContinualRun], *, first: bool) -> None:
    """Rows are what was learned last, columns what is tested."""
    mean = np.mean([run.matrix for run in runs], axis=0)
    n = len(mean)
    axes.imshow(mean, vmin=0.0, vmax=1.0, cmap="Blues")
    axes.set_title(name, loc="left", fontsize="small")
    shared = all(run.tasks == runs[0].tasks for run in runs)  # by seed, orders may differ
    words = [str(task) for task in runs[0].tasks] if shared else [str(j + 1) for j in range(n)]
    axes.set_xticks(range(n), words, fontsize="x-small", rotation=90 if shared else 0)
    axes.set_yticks(range(n), words if first else [""] * n, fontsize="x-small")
    axes.set_xlabel("tested on", fontsize="small")
    if first:
        axes.set_ylabel("after learning", fontsize="small")
    for i, j in np.ndindex(n, n) if n <= _MOST_WRITTEN else ():
        color = "white" if mean[i, j] > 0.6 else "black"
        words_of_cell = f"{100.0 * mean[i, j]:.0f}"
        axes.text(j, i, words_of_cell, ha="center", va="center", color=color, fontsize="x-small")
