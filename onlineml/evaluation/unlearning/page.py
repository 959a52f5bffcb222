"""The report of `unlearn_bench` as one HTML page."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from onlineml.evaluation.report.page import template, written_whole
from onlineml.evaluation.report.svg import N_COLORS, Curve, lines
from onlineml.evaluation.report.words import environment_facts
from onlineml.evaluation.unlearning.result import UnlearnResult, UnlearnRun

_WORDS = {
    "uniform": "any row, at any time after it",
    "poisson": "any row so far, at the times of a Poisson process",
    "burst": "many rows at once, when three quarters have come",
    "newest": "rows asked for right after they were learned",
    "oldest": "the oldest rows there are, at even times",
    "one_class": "rows of one class, at the end",
    "leverage": "the rows that a linear fit depends on most, at the end",
    "adaptive": "each time the row that the model of that time knows best",
    "duplicates": "rows that came twice, whose second copies stay, at the end",
}

#: Of both tables, without the model: name -> what it says.
_COLUMNS = {
    "receipts": "how many requests were answered how: exact (taken out of sums), replayed (learned "
    "again without the row), certified, approximate, refused",
    "distance from gold": "of the answers to test rows: nats of their probabilities, or units of "
    "the target; marked where the rows are as good as never seen",
    "of a second gold": "how far two golds are apart that never saw the rows either, and differ in "
    "their seed or in the order of the rows: what is nearer cannot be told from gold",
    "untouched": "distance from gold of the model that forgets nothing",
    "on forgotten": "distance from gold on the forgotten rows",
    "agreement": "share of test rows that are answered as gold answers them",
    "test": "accuracy, or mean absolute error, on test rows: of the model / of gold",
    "forgotten": "the same on the forgotten rows",
    "membership": "AUC of telling forgotten rows from test rows by their loss; 0.5 is chance",
    "shadow attack": "AUC of telling forgotten rows from test rows by shadow models that met them "
    "and shadow models that did not; 0.5 is chance",
    "relearning": "passes over the forgotten rows until they are known again",
    "p50": "time of a request that half of them took at most",
    "p99": "time that 99 of 100 took at most",
    "retraining": "time to learn all other rows anew",
    "break-even": "requests, one by one, that cost as much as one retraining",
}


def write_unlearn_report(result: UnlearnResult, path: str | os.PathLike[str]) -> Path:
    """Write the page of `result` to `path`, whole or not at all."""
    return written_whole(Path(path), unlearn_page(result))


def unlearn_page(result: UnlearnResult) -> str:
    """The HTML: a section a schedule, with a table of the models and their course."""
    models = list(dict.fromkeys(run.model for run in result))
    colors = {model: i % N_COLORS for i, model in enumerate(models)}
    text: str = template("unlearning.html.j2").render(
        title=f"Forgetting rows of {result.stream}" if result.stream else "Forgetting rows",
        created=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0"),
        n_colors=N_COLORS,
        blocks=list(_blocks(result, colors)),
        columns=list(_COLUMNS.items()),
        environment=list(environment_facts()),
    )
    return text


def _blocks(result: UnlearnResult, colors: dict[str, int]) -> Iterator[dict[str, Any]]:
    for i, schedule in enumerate(dict.fromkeys(run.schedule for run in result)):
        runs = [run for run in result if run.schedule == schedule]
        yield {
            "schedule": schedule.replace("_", " "),
            "words": _WORDS.get(schedule, ""),
            "n_rows": f"{runs[0].n_rows:,}",
            "n_requests": f"{runs[0].n_requests:,}",
            "rows": [row(run) | {"color": colors[run.model]} for run in runs],
            "svg": _course(runs, colors, f"u{i}"),
        }


def row(run: UnlearnRun) -> dict[str, Any]:
    """What the table says of one run."""
    return {
        "name": run.model,
        "kinds": ", ".join(f"{n} {kind}" for kind, n in run.kinds.items()) or "none",
        "verdict": verdict(run),
        "good": _is_forgotten(run) and (run.gap <= 1e-9 or run.ratio <= 2.0),
        "distance": number(run.distance),
        "floor": f"{number(run.floor)} ({run.floor_by})",
        "untouched": number(run.untouched),
        "forgotten": number(run.distance_forgotten),
        "agreement": share(run.agreement),
        "quality": _beside(run, "test"),
        "quality_forgotten": _beside(run, "forgotten"),
        "membership": f"{run.membership:.3f} / {run.membership_gold:.3f}",
        "attack": f"{share(run.attack)} / {share(run.attack_gold)}",
        "relearn": f"{run.relearn} / {run.relearn_gold}",
        "p50": seconds(run.latency(50)),
        "p99": seconds(run.latency(99)),
        "retraining": seconds(run.retraining),
        "break_even": f"{run.break_even:,.0f}" if math.isfinite(run.break_even) else "-",
    }


def verdict(run: UnlearnRun) -> str:
    """In a word, what has become of the rows."""
    if run.identical:
        return "as if never seen, bit for bit"
    if not _is_forgotten(run):
        return "nothing was forgotten"
    if run.gap <= 1e-9:
        return "as if never seen, but for rounding"
    if run.kinds.get("refused"):
        return "some rows were refused"
    if run.distance == 0.0:
        return "answers as if never seen"
    return f"{run.ratio:.2g} times as far as a second gold"


def _is_forgotten(run: UnlearnRun) -> bool:
    return any(n for kind, n in run.kinds.items() if kind != "refused")


def _beside(run: UnlearnRun, part: str) -> str:
    return f"{share(run.quality[part])} / {share(run.quality_gold[part])}"


def _course(runs: list[UnlearnRun], colors: dict[str, int], key: str) -> str:
    """What is left of the rows over the requests: 0 is gold, 1 the model that forgets nothing."""
    curves = []
    for run in runs:
        at, mine, untouched = (np.array(column[1:], float) for column in zip(*run.course))
        left = np.round(mine / np.where(untouched > 0.0, untouched, np.nan), 9)
        curves.append(Curve(run.model, at, left, np.full(len(at), np.nan), colors[run.model]))
    nothing = np.ones(len(at))
    curves.append(Curve("forgets nothing", at, nothing, nothing * np.nan, N_COLORS - 1))
    return lines(curves, title="What is left of the rows", key=key, width=1100, height=230)


def number(value: float) -> str:
    """Few digits, powers of ten where that is shorter."""
    if math.isnan(value) or value == 0.0 or math.isinf(value):
        return {True: "-"}.get(math.isnan(value), "0" if value == 0.0 else "∞")
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def share(value: float) -> str:
    """Three decimals, or a dash."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def seconds(value: float) -> str:
    """Seconds in the unit that suits."""
    if math.isnan(value):
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"
