"""Figures of the report as SVG; their colors come from the page's style sheet and its theme."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape

from onlineml.schema import Array

N_COLORS = 8  # of the style sheet: --c0 .. --c7, told apart by color-blind readers
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 14, 26


class Curve(NamedTuple):
    """One line: `y` at `x`, and the half-width `spread` of the band around it, NaN where none."""

    name: str
    x: Array
    y: Array
    spread: Array
    color: int = 0
    baseline: bool = False


class Bar(NamedTuple):
    """One bar: its length, and the text at its end."""

    name: str
    value: float
    text: str
    color: int = 0
    baseline: bool = False


class Frame(NamedTuple):
    """Where rows from 0 to `last` and values from `low` to `high` are drawn."""

    last: float
    low: float
    high: float
    width: int
    height: int

    @property
    def left(self) -> int:
        """Where row 0 is."""
        return _LEFT

    @property
    def right(self) -> int:
        """Where the last row is."""
        return self.width - _RIGHT

    @property
    def bottom(self) -> int:
        """Where the lowest value is."""
        return self.height - _BOTTOM

    def to_x(self, row: float) -> float:
        """Place of a row."""
        return _LEFT + row / max(self.last, 1) * (self.right - _LEFT)

    def to_y(self, value: float) -> float:
        """Place of a value."""
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - _TOP)

    def axes(self) -> list[str]:
        """Lines and labels at round values, labels at round rows."""
        return self.value_ticks() + self.row_ticks()

    def value_ticks(self) -> list[str]:
        """Lines and labels at round values."""
        parts, ticks = [], nice_ticks(self.low, self.high, 5)
        for tick in ticks:
            y = self.to_y(tick)
            parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{self.right}"/>')
            label = tick_label(tick, ticks)
            parts.append(f'<text class="tick end" x="{_LEFT - 8}" y="{y + 4:.1f}">{label}</text>')
        return parts

    def row_ticks(self) -> list[str]:
        """Labels at round rows."""
        return [
            f'<text class="tick mid" x="{self.to_x(tick):.1f}" y="{self.height - 8}">'
            f"{short_number(tick)}</text>"
            for tick in nice_ticks(0.0, self.last, 6)
            if tick <= self.last
        ]

    def drifts(self, rows: Iterable[int]) -> list[str]:
        """A mark at each of the rows."""
        return [
            f'<g class="drift"><title>drift at row {row:,}</title>'
            f'<path d="M{x:.1f} {_TOP - 2}V{self.bottom}"/>'
            f'<path class="flag" d="M{x - 4:.1f} {_TOP - 8}h8l-4 7z"/></g>'
            for row in rows
            if 0 <= row <= self.last
            for x in [self.to_x(row)]
        ]


def lines(
    curves: Sequence[Curve],
    *,
    title: str,
    key: str = "",
    drifts: Iterable[int] = (),
    bounds: tuple[float, float] = (-math.inf, math.inf),
    width: int = 860,
    height: int = 300,
) -> Markup:
    """Curves over rows, with a mark at every known drift; `key` tells figures of a page apart."""
    low, high = _value_range(curves, bounds)
    frame = Frame(_last_row(curves), low, high, width, height)
    right, bottom = frame.right, frame.bottom
    clip = f"clip{key}"
    parts = [f'<clipPath id="{clip}"><rect x="{_LEFT - 4}" y="{_TOP - 4}" '
             f'width="{right - _LEFT + 8}" height="{bottom - _TOP + 8}"/></clipPath>']  # fmt: skip
    parts += [*frame.axes(), *frame.drifts(drifts)]
    behind = sorted(curves, key=lambda curve: not curve.baseline)
    parts.extend(_line(curve, clip, frame.to_x, frame.to_y) for curve in behind)
    return figure(parts, title, width, height)


def _line(
    curve: Curve, clip: str, to_x: Callable[[float], float], to_y: Callable[[float], float]
) -> str:
    kind = "baseline" if curve.baseline else f"c{curve.color % N_COLORS}"
    dash = f" dash{curve.color // N_COLORS}" if curve.color >= N_COLORS else ""
    name = escape(curve.name)
    parts = [f'<g class="curve {kind}{dash}" data-name="{name}" clip-path="url(#{clip})">']
    parts.append(f"<title>{name}</title>")
    for start, stop in _unbroken(curve.y):
        xs = [to_x(row) for row in curve.x[start:stop]]
        middle, spread = curve.y[start:stop], np.nan_to_num(curve.spread[start:stop])
        if spread.any():
            upper = [f"{x:.1f} {to_y(y):.1f}" for x, y in zip(xs, middle + spread)]
            lower = [f"{x:.1f} {to_y(y):.1f}" for x, y in zip(xs, middle - spread)]
            parts.append(f'<path class="band" d="M{"L".join(upper + lower[::-1])}Z"/>')
        points = [f"{x:.1f} {to_y(y):.1f}" for x, y in zip(xs, middle)]
        if len(points) == 1:
            x, y = points[0].split()
            parts.append(f'<circle class="point" cx="{x}" cy="{y}" r="3"/>')
        else:
            parts.append(f'<path class="line" d="M{"L".join(points)}"/>')
    return "".join([*parts, "</g>"])


def _unbroken(y: Array) -> Iterable[tuple[int, int]]:
    """Stretches of values between the gaps that NaN leaves."""
    there = np.concatenate([[False], np.isfinite(y), [False]])
    edges = np.flatnonzero(there[1:] != there[:-1])
    return zip(edges[::2].tolist(), edges[1::2].tolist())


def bars(rows: Sequence[Bar], *, title: str, width: int = 420, logarithmic: bool = False) -> Markup:
    """Horizontal bars with their names above them: names may be long."""
    step, height = 36, 36 * len(rows) + 4
    longest = max((bar.value for bar in rows), default=1.0) or 1.0
    shortest = min((bar.value for bar in rows if bar.value > 0), default=1.0)
    room = width - 84

    def length(value: float) -> float:
        if value <= 0:
            return 0.0
        if not logarithmic or longest == shortest:
            return value / longest * room
        span = max(math.log10(longest / shortest), 2.0)  # near values look near
        return (1.0 - 0.88 * math.log10(longest / value) / span) * room

    parts = []
    for i, bar in enumerate(rows):
        kind = "baseline" if bar.baseline else f"c{bar.color % N_COLORS}"
        y, end = i * step, max(length(bar.value), 2)
        parts.append(
            f'<g class="bar {kind}" data-name="{escape(bar.name)}">'
            f'<text class="name" x="0" y="{y + 13}">{escape(_cut(bar.name, 60))}</text>'
            f'<rect x="0" y="{y + 19}" width="{end:.1f}" height="9" rx="3"/>'
            f'<text class="value" x="{end + 7:.1f}" y="{y + 28}">{escape(bar.text)}</text></g>'
        )
    return figure(parts, title, width, height)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def figure(parts: Iterable[str], title: str, width: int, height: int) -> Markup:
    """A picture of `parts`, named `title`."""
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


# -------------------------------------------------------------------- ranges and numbers


def _value_range(curves: Sequence[Curve], bounds: tuple[float, float]) -> tuple[float, float]:
    """From the models' values; baselines widen it only where that does not squash the models."""
    models = [curve.y for curve in curves if not curve.baseline] or [curve.y for curve in curves]
    values = np.concatenate([y[np.isfinite(y)] for y in models] or [np.zeros(0)])
    if not len(values):
        return 0.0, 1.0
    low, high = float(np.quantile(values, 0.005)), float(np.quantile(values, 0.995))
    room = max(high - low, 1e-3 * max(abs(high), 1e-9))
    for curve in curves:
        level = float(np.nanmedian(curve.y)) if np.isfinite(curve.y).any() else low
        if curve.baseline and low - room < level < high + room:
            low, high = min(low, level), max(high, level)
    pad = 0.08 * (high - low or abs(high) or 1.0)
    low, high = max(low - pad, bounds[0]), min(high + pad, bounds[1])
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _last_row(curves: Sequence[Curve]) -> float:
    rows = np.concatenate([curve.x for curve in curves] or [np.zeros(1)])
    return float(rows.max()) if len(rows) else 1.0


def nice_ticks(low: float, high: float, about: int) -> list[float]:
    """About so many round numbers between `low` and `high`.

    Examples
    --------
    >>> nice_ticks(0.0, 1.0, 5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [round((first + i) * step, 12) for i in range(count)]


def tick_label(tick: float, ticks: Sequence[float]) -> str:
    """A tick with as many decimals as tell it from its neighbors."""
    if max(map(abs, ticks)) >= 1e4:
        return short_number(tick)
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(tick) or 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if abs(step * 10**decimals - round(step * 10**decimals)) > 1e-6:
        decimals += 1
    return f"{tick:.{decimals}f}"


def short_number(value: float) -> str:
    """A number with a unit letter.

    Examples
    --------
    >>> short_number(250_000), short_number(1_500_000), short_number(80)
    ('250k', '1.5M', '80')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def short_bytes(value: float) -> str:
    """A size in bytes with its unit.

    Examples
    --------
    >>> short_bytes(512), short_bytes(2048), short_bytes(3_500_000)
    ('512 B', '2 kB', '3.34 MB')
    """
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if abs(value) >= 1024**power:
            amount = value / 1024**power
            return f"{amount:.3g} {unit}" if amount < 1000 else f"{amount:.0f} {unit}"
    return f"{value:.0f} B"
