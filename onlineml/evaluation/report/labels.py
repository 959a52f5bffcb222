"""Labels that were bought: the section of the page on what they are worth and when they were."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from onlineml.evaluation.report.curves import mean_curve
from onlineml.evaluation.report.svg import N_COLORS, Curve, lines
from onlineml.evaluation.report.words import is_share, title_of
from onlineml.evaluation.result import Result, Run

_MAX_POINTS = 200
_WIDE, _HIGH = 1100, 280  # of a figure


def bought_labels(
    result: Result, models: Sequence[str], colors: Mapping[str, int], key: str
) -> Iterator[dict[str, Any]]:
    """Figures: the first metric against labels, and labels over rows; none if all were learned."""
    bought = {model: _runs(result, model) for model in models}
    bought = {model: runs for model, runs in bought.items() if runs}
    if not bought:
        return
    name = result.metrics[0]
    worth, note = _by_budget(bought, colors, name), "over the whole stream, a point a budget"
    if not worth:
        worth, note = _by_window(bought, colors, name), f"in windows of {result.window:,} rows"
    taught = list(_with_all(result, name, worth))
    note += "; dotted: all labels and rows" if taught else ""
    bounds = (-1.0, 1.0) if is_share(name) else (-math.inf, math.inf)
    svg = lines(
        [*worth, *taught],
        title=f"{title_of(name)} against labels", key=f"{key}l0", bounds=bounds,
        width=_WIDE, height=_HIGH,
    )  # fmt: skip
    yield _figure(f"{title_of(name)} against labels bought", svg, note, worth)
    spent = [_averaged(runs)._replace(color=colors[model]) for model, runs in bought.items()]
    svg = lines(
        spent, title="labels over rows", key=f"{key}l1", drifts=result.drifts,
        bounds=(0.0, math.inf), width=_WIDE, height=_HIGH,
    )  # fmt: skip
    yield _figure("Labels bought over rows", svg, "of the rows scored by then", spent)


def labels_fact(result: Result) -> dict[str, str] | None:
    """How many labels were bought, for the head of the page."""
    counts = [run.n_labels for run in result if run.strategy]
    if not counts:
        return None
    few, many = min(counts), max(counts)
    value = f"{few:,}" if few == many else f"{few:,} to {many:,}"
    shares = " to ".join(dict.fromkeys(f"{n / max(result.n_rows, 1):.1%}" for n in (few, many)))
    return {"label": "labels bought", "value": value, "note": f"{shares} of the rows"}


def _runs(result: Result, model: str) -> list[Run]:
    return [run for run in result if run.model == model and run.strategy and run.n_rows]


def _figure(label: str, svg: Markup, note: str, curves: Sequence[Curve]) -> dict[str, Any]:
    legend = [{"kind": f"c{c.color % N_COLORS}", "text": c.name} for c in curves]
    return {"label": label, "svg": svg, "note": note, "legend": legend}


def _averaged(runs: Sequence[Run]) -> Curve:
    curve = mean_curve(runs, lambda run: [float(n) for n in run.labels], _MAX_POINTS)
    return curve._replace(
        x=np.concatenate([[0.0], curve.x]),
        y=np.concatenate([[0.0], curve.y]),
        spread=np.concatenate([[0.0], curve.spread]),
    )


def _by_budget(
    bought: Mapping[str, Sequence[Run]], colors: Mapping[str, int], name: str
) -> list[Curve]:
    """A line for each learner and strategy, a point for each budget; none if all have one only."""
    groups: dict[tuple[str, str], list[tuple[float, float, float, int]]] = {}
    for model, runs in bought.items():
        values = [run.totals[name] for run in runs]
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        point = float(np.mean([run.n_labels for run in runs])), float(np.mean(values)), spread
        group = groups.setdefault((runs[0].learner, runs[0].strategy), [])
        group.append((*point, colors[model]))
    if all(len(points) < 2 for points in groups.values()):
        return []
    curves = []
    for (learner, strategy), points in groups.items():
        x, y, spreads, numbers = (np.array(column) for column in zip(*sorted(points)))
        label = f"{learner} with {strategy}"
        curves.append(Curve(label, x, y, spreads, int(numbers.min())))
    return curves


def _by_window(
    bought: Mapping[str, Sequence[Run]], colors: Mapping[str, int], name: str
) -> list[Curve]:
    """A line for each model: windowed values against the labels bought by their ends."""
    curves = []
    for model, runs in bought.items():
        values = mean_curve(runs, lambda run: run.window.get(name), _MAX_POINTS)
        counts = mean_curve(runs, lambda run: [float(n) for n in run.labels], _MAX_POINTS)
        curves.append(values._replace(x=counts.y, color=colors[model]))
    return curves


def _with_all(result: Result, name: str, worth: Sequence[Curve]) -> Iterator[Curve]:
    """Level lines of the models that learned all labels."""
    learners = dict.fromkeys(run.learner for run in result if run.strategy)
    most = max(float(curve.x.max()) for curve in worth)
    for learner in learners:
        label = f"{learner} with all labels"
        values = [run.totals[name] for run in result if run.model == label]
        if values:
            level = np.full(2, np.mean(values))
            x = np.array([0.0, most])
            yield Curve(label, x, level, np.full(2, np.nan), baseline=True)
