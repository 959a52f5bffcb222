"""Graphs that were evaluated, drawn with the figures of the whole run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from onlineml.evaluation.report.svg import N_COLORS
from onlineml.evaluation.result import Result


def graphs(
    result: Result, models: Sequence[str], colors: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """A figure for each model that is a graph; of several seeds the first."""
    for model in models:
        run = next((run for run in result if run.model == model and run.graph), None)
        if run is not None:
            from onlineml.graph import Drawing

            seed = "" if run.seed is None else f"seed {run.seed}"
            yield {
                "label": model,
                "kind": f"c{colors[model] % N_COLORS}",
                "note": seed,
                "svg": Markup(Drawing.from_plain(run.graph).svg()),
            }
