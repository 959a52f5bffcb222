"""Scores, threshold and alerts of detectors over the stream, and the anomalies that they missed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from onlineml.evaluation.alerts import AlertRecord
from onlineml.evaluation.report.svg import N_COLORS, Frame, figure, short_number, tick_label
from onlineml.evaluation.result import Result
from onlineml.schema import Array
from onlineml.words import counted

_WIDTH, _HEIGHT, _STRIP = 1100, 290, 16  # of a figure, and of the strip of anomalies in it
_TICK = 9  # height of a tick in it
_DOT = 3.4


def alert_figures(
    result: Result, models: Sequence[str], colors: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """A figure for each detector, the first seed's where there are several."""
    for model in models:
        runs = [run for run in result if run.model == model]
        record = runs[0].alerts
        if record is None or not record.curves.get("n_rows"):
            continue
        label = model if len(runs) == 1 else f"{model}, seed {runs[0].seed}"
        yield {
            "label": label,
            "kind": f"c{colors[model] % N_COLORS}",
            "svg": scores_and_alerts(record, title=f"alerts of {label}", drifts=result.drifts),
            "legend": list(_legend(record)),
            "note": " ".join(_in_words(record)),
        }


def scores_and_alerts(record: AlertRecord, *, title: str, drifts: Sequence[int] = ()) -> Markup:
    """The scores' range in each bin of rows, the threshold, a mark for alerts, anomalies below."""
    curves = {name: np.array(curve) for name, curve in record.curves.items()}
    ends = curves["n_rows"]
    begins = np.concatenate([[0.0], ends[:-1]])
    low, high = _range_of(curves)
    room = (high - low) * _STRIP / (_HEIGHT - 40 - _STRIP)
    frame = Frame(float(ends[-1]), low - room, high, _WIDTH, _HEIGHT)
    x = np.array([frame.to_x(row) for row in (begins + ends) / 2])
    parts = [*_anomalies(frame, begins, ends, curves), *_axes(frame, low, high)]
    parts += frame.drifts(drifts)
    clipped = {name: np.clip(curves[name], low, high) for name in curves}
    parts += _scores(frame, x, clipped["high"], clipped["low"])
    parts += _threshold(frame, begins, ends, clipped["threshold"])
    notes = [_note(begins[i], ends[i], curves, i) for i in range(len(ends))]
    for name in ("high_false", "high_hit"):  # the latter on top
        kind = "false" if name == "high_false" else "hit"
        for i in np.flatnonzero(np.isfinite(curves[name])):
            y = frame.to_y(clipped[name][i])
            parts.append(_mark(kind, x[i], y, notes[i], over=curves[name][i] > high))
    return figure(parts, title, _WIDTH, _HEIGHT)


def _range_of(curves: Mapping[str, Array]) -> tuple[float, float]:
    """Least and greatest value that is drawn; what lies far beyond is marked at the edge."""
    lows, highs = (curves[name][np.isfinite(curves[name])] for name in ("low", "high"))
    limits = curves["threshold"][np.isfinite(curves["threshold"])]
    if not len(highs):
        return 0.0, 1.0
    low, top = float(lows.min()), float(highs.max())
    usual = max(float(np.quantile(highs, 0.98)), float(limits.max(initial=-np.inf)))
    if top - low > 3.0 * (usual - low) > 0.0:
        top = usual + 0.5 * (usual - low)
    if low < 0.0 and float(np.quantile(lows, 0.02)) - low > 3.0 * (top - low) / 4.0:
        low = float(np.quantile(lows, 0.02))
    pad = 0.06 * (top - low) or max(abs(top), 1.0) * 0.06
    return low, top + pad


def _axes(frame: Frame, low: float, high: float) -> list[str]:
    """Lines and labels where scores are, not in the strip below."""
    plain = Frame(frame.last, low, high, frame.width, frame.height)
    shift = frame.bottom - frame.to_y(low)
    lifted = plain._replace(height=round(frame.height - shift))
    return [*lifted.value_ticks(), *frame.row_ticks()]


def _scores(frame: Frame, x: Array, high: Array, low: Array) -> Iterator[str]:
    there = np.isfinite(high)
    upper = [f"{a:.1f} {frame.to_y(b):.1f}" for a, b in zip(x[there], high[there])]
    lower = [f"{a:.1f} {frame.to_y(b):.1f}" for a, b in zip(x[there], low[there])]
    if upper:
        yield f'<path class="range" d="M{"L".join(upper + lower[::-1])}Z"/>'
        yield f'<path class="score" d="M{"L".join(upper)}"/>'


def _threshold(frame: Frame, begins: Array, ends: Array, limits: Array) -> Iterator[str]:
    """Steps from bin to bin, with gaps where there was none."""
    path, gap = [], True
    for begin, end, limit in zip(begins, ends, limits):
        if np.isfinite(limit):
            y = frame.to_y(limit)
            path.append(f"{'M' if gap else 'L'}{frame.to_x(begin):.1f} {y:.1f}")
            path.append(f"H{frame.to_x(end):.1f}")
        gap = not np.isfinite(limit)
    if path:
        yield f'<path class="limit" d="{"".join(path)}"/>'


def _anomalies(
    frame: Frame, begins: Array, ends: Array, curves: Mapping[str, Array]
) -> Iterator[str]:
    """Where anomalies are: a faint band, and a tick below, in part of the color of those missed."""
    odd = np.concatenate([[False], curves["n_anomalies"] > 0, [False]])
    edges = np.flatnonzero(odd[1:] != odd[:-1]).reshape(-1, 2)
    for first, last in edges.tolist():
        left, right = frame.to_x(begins[first]), frame.to_x(ends[last - 1])
        width = max(right - left, 1.4)
        bins = slice(first, last)
        begun, found = (curves[name][bins].sum() for name in ("n_begun", "n_found"))
        words = (
            f"{_rows(begins[first], ends[last - 1])}: {curves['n_anomalies'][bins].sum():,.0f} "
            f"anomalous rows in {begun:,.0f} stretches, {found:,.0f} found"
        )
        height = _TICK * min(found / max(begun, 1), 1.0)
        yield (
            f'<g class="truth"><title>{words}</title>'
            f'<path class="behind" d="M{left:.1f} 14h{width:.1f}V{frame.bottom}h-{width:.1f}z"/>'
            f'<path class="missed" d="M{left:.1f} {frame.bottom - _TICK}h{width:.1f}'
            f'v{_TICK - height:.1f}h-{width:.1f}z"/>'
            f'<path class="found" d="M{left:.1f} {frame.bottom - height:.1f}h{width:.1f}'
            f'V{frame.bottom}h-{width:.1f}z"/></g>'
        )


def _mark(kind: str, x: float, y: float, note: str, *, over: bool) -> str:
    """A dot, or a peak where the score lies beyond the figure."""
    shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_DOT}"/>'
    if over:
        shape = f'<path d="M{x - 4:.1f} {y + 5:.1f}h8l-4 -8z"/>'
    return f'<g class="alert-mark {kind}"><title>{escape(note)}</title>{shape}</g>'


def _note(begin: float, end: float, curves: Mapping[str, Array], i: int) -> str:
    n = int(curves["n_hits"][i] + curves["n_false"][i])
    hits = int(curves["n_hits"][i])
    words = f"{n:,} alerts, {hits:,} on anomalies" if n != 1 else "alert on an anomaly"
    if n == 1 and not hits:
        words = "false alert"
    high = float(curves["high"][i])
    return f"{_rows(begin, end)}: {words}; score up to {short_number(high)}"


def _rows(begin: float, end: float) -> str:
    return f"row {end:,.0f}" if end - begin == 1 else f"rows {begin + 1:,.0f} to {end:,.0f}"


def _legend(record: AlertRecord) -> Iterator[dict[str, str]]:
    yield {"kind": "score", "text": "score"}
    yield {"kind": "limit", "text": f"threshold: {record.rule}"}
    yield {"kind": "hit", "text": f"alerts on anomalies: {record.n_hits:,}"}
    yield {"kind": "false", "text": f"false alerts: {record.n_alerts - record.n_hits:,}"}
    if record.n_anomalies:
        yield {"kind": "found", "text": f"stretches of anomalies found: {record.n_found:,}"}
        yield {"kind": "missed", "text": f"missed: {record.n_stretches - record.n_found:,}"}


def _in_words(record: AlertRecord) -> Iterator[str]:
    rows = record.n_anomalies + record.n_normal
    yield f"{counted(record.n_alerts, 'alert(s)')} in {counted(rows, 'row(s)')}."
    if record.n_stretches:
        yield (
            f"Stretches of anomalies found: {record.n_found:,} of {record.n_stretches:,} "
            f"({record.recall:.0%})" + _after(record.mean_delay) + "."
        )
        if record.n_alerts:
            yield f"{record.precision:.0%} of the alerts lie on anomalies."
    if not math.isnan(record.false_alarm_rate):
        yield f"{record.false_alarm_rate:.2%} of the normal rows raised one."
    n_bins = len(record.curves["n_rows"])
    if rows > n_bins:
        size = int(record.curves["n_rows"][0])
        yield f"Each point is the range of {size:,} rows: no peak is left out."


def _after(delay: float) -> str:
    if math.isnan(delay):
        return ""
    if delay == 0.0:
        return ", each at its first row"
    return f", after {tick_label(round(delay, 1), [0.0, 0.1])} rows on average"
