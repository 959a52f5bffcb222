"""What models told of themselves: the section of the page that draws their diagnostics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from onlineml.evaluation.report.areas import Lane, areas, kinds_of, lanes
from onlineml.evaluation.report.curves import mean_curve, merged
from onlineml.evaluation.report.svg import N_COLORS, Curve, lines
from onlineml.evaluation.result import Result, Run
from onlineml.schema import Array

_MAX_POINTS = 200
_WIDE, _HIGH, _LOW = 1100, 230, 150  # of a figure


def inside_models(
    result: Result, models: Sequence[str], colors: Mapping[str, int], key: str
) -> Iterator[dict[str, Any]]:
    """Groups of figures: one for each model that has shares, parts or events, one for numbers."""
    told = {model: _told(result, model) for model in models}
    for number, model in enumerate(models):
        figures = [
            *_stacks(result, told[model]),
            *_parts(result, told[model], f"{key}i{number}"),
            *_events(result, told[model]),
        ]
        if figures:
            yield {"label": model, "kind": f"c{colors[model] % N_COLORS}", "figures": figures}
    numbers = list(_numbers(result, told, colors, key))
    if numbers:
        yield {"label": "", "kind": "", "figures": numbers}


def words_of(name: str) -> str:
    """A diagnostic's name in words.

    Examples
    --------
    >>> words_of("n_replaced"), words_of("1.gate_entropy")
    ('replaced', '1: gate entropy')
    """
    step, _, last = name.rpartition(".")
    words = last.removeprefix("n_").replace("_", " ")
    return f"{step}: {words}" if step else words


def _told(result: Result, model: str) -> list[Run]:
    return [run for run in result if run.model == model and run.diagnostics and run.n_rows]


def _names(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.diagnostics))


def _parts_of(runs: Sequence[Run], name: str) -> list[str]:
    return list(dict.fromkeys(part for run in runs for part in run.diagnostics.get(name, {})))


def _curve(runs: Sequence[Run], name: str, part: str) -> Curve:
    return mean_curve(runs, lambda run: run.diagnostics.get(name, {}).get(part), _MAX_POINTS)


def _is_count(name: str) -> bool:
    return name.rpartition(".")[2].startswith("n_")


def _legend(parts: Sequence[str]) -> list[dict[str, str]]:
    """The kinds of parts, their colors and how many there are."""
    return [
        {"kind": f"c{i % N_COLORS}", "text": kind if len(same) == 1 else f"{len(same)} {kind}"}
        for i, (kind, same) in enumerate(kinds_of(parts).items())
    ]


def _figure(label: str, svg: Markup, legend: Sequence[Any] = (), *, wide: bool = True) -> Any:
    return {"label": label, "svg": svg, "legend": legend, "wide": wide}


def _stacks(result: Result, runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    """Shares, stacked; the first ones largest."""
    height = _HIGH
    for name in _names(runs):
        if name.endswith("_shares"):
            parts = _parts_of(runs, name)
            curves = {part: _curve(runs, name, part) for part in parts}
            svg = areas(
                curves[parts[0]].x, {part: curve.y for part, curve in curves.items()},
                title=f"{words_of(name)} of {runs[0].model}", drifts=result.drifts,
                width=_WIDE, height=height,
            )  # fmt: skip
            yield _figure(words_of(name), svg, _legend(parts))
            height = _LOW


def _parts(result: Result, runs: Sequence[Run], key: str) -> Iterator[dict[str, Any]]:
    """Numbers by part that are neither shares nor counts, as lines."""
    for i, name in enumerate(_names(runs)):
        parts = _parts_of(runs, name)
        if name.endswith("_shares") or _is_count(name) or parts == [""]:
            continue
        curves = [
            _curve(runs, name, part)._replace(name=part, color=c, baseline=False)
            for c, part in enumerate(parts)
        ]
        title = f"{words_of(name)} of {runs[0].model}"
        svg = lines(
            curves, title=title, key=f"{key}n{i}", drifts=result.drifts, width=_WIDE, height=_HIGH
        )
        legend = [{"kind": f"c{c % N_COLORS}", "text": part} for c, part in enumerate(parts)]
        yield _figure(words_of(name), svg, legend)


def _events(result: Result, runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    """Counts, as marks in the windows where they rose."""
    found = [_lane(runs, name, result.unit) for name in _names(runs) if _is_count(name)]
    found = [lane for lane in found if lane.n.any()]
    if found:
        title = f"events inside {runs[0].model}"
        note = "in all seeds" if len(runs) > 1 else ""
        svg = lanes(found, title=title, drifts=result.drifts, width=_WIDE)
        yield _figure("events", svg, [{"kind": "", "text": note}] if note else ())


def _lane(runs: Sequence[Run], name: str, unit: str) -> Lane:
    """Events of a count, runs added up."""
    n = min(len(run.n_rows) for run in runs)
    starts, ends = merged(n, _MAX_POINTS)
    rises = {part: _rises(runs, name, part, n, starts) for part in _parts_of(runs, name)}
    rows = np.array(runs[0].n_rows[:n])
    begins = np.concatenate([[0], rows[ends][:-1]])
    notes = []
    for k, (begin, end) in enumerate(zip(begins, rows[ends])):
        who = [part for part, rise in rises.items() if rise[k] > 0 and part]
        names = f" ({', '.join(who)})" if who else ""
        count = sum(rise[k] for rise in rises.values())
        where = f"in {unit} {begin + 1:,} to {end:,}"
        notes.append(f"{words_of(name)} {count:,.0f} {where}{names}")
    total = np.sum([*rises.values()], axis=0)
    return Lane(words_of(name), rows[ends].astype(np.float64), total, notes)


def _rises(
    runs: Sequence[Run], name: str, part: str, n: int, starts: np.typing.NDArray[np.intp]
) -> Array:
    """How much a count rose in each stretch of windows."""
    rises = np.zeros(n)
    for run in runs:
        counts = np.nan_to_num(run.diagnostics.get(name, {}).get(part, [0.0] * n)[:n])
        rises += np.maximum(np.diff(counts, prepend=0.0), 0.0)
    return np.add.reduceat(rises, starts)


def _numbers(
    result: Result, told: Mapping[str, Sequence[Run]], colors: Mapping[str, int], key: str
) -> Iterator[dict[str, Any]]:
    """Numbers without parts: a figure for each, with a line for every model that has it."""
    names = dict.fromkeys(name for runs in told.values() for name in _names(runs))
    for i, name in enumerate(names):
        curves = [
            _curve(runs, name, "")._replace(color=colors[model])
            for model, runs in told.items()
            if not _is_count(name) and _parts_of(runs, name) == [""]
        ]
        if curves:
            svg = lines(
                curves, title=words_of(name), key=f"{key}d{i}", drifts=result.drifts,
                width=540, height=_HIGH,
            )  # fmt: skip
            yield _figure(words_of(name), svg, wide=False)
