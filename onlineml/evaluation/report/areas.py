"""Figures of what goes on inside a model: shares as stacked areas, events as marks in lanes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape

from onlineml.evaluation.report.svg import N_COLORS, Frame, figure
from onlineml.schema import Array

_LANE = 34  # height of a lane


class Lane(NamedTuple):
    """Events of one kind: how many came up to each of the rows `x`, and notes on them."""

    name: str
    x: Array
    n: Array
    notes: Sequence[str]


def kind_of(part: str) -> str:
    """What parts that differ by their numbers only have in common.

    Examples
    --------
    >>> kind_of("3 HoeffdingTreeClassifier"), kind_of("vote")
    ('HoeffdingTreeClassifier', 'vote')
    """
    return re.sub(r"^\d+ ", "", part)


def kinds_of(parts: Iterable[str]) -> dict[str, list[str]]:
    """Kind -> its parts, in order of appearance."""
    kinds: dict[str, list[str]] = {}
    for part in parts:
        kinds.setdefault(kind_of(part), []).append(part)
    return kinds


def areas(
    x: Array,
    shares: Mapping[str, Array],
    *,
    title: str,
    drifts: Iterable[int] = (),
    width: int = 1100,
    height: int = 220,
) -> Markup:
    """Shares of parts over rows, stacked; parts of one kind have the color of that kind."""
    frame = Frame(float(x[-1]), 0.0, 1.0, width, height)
    first = np.concatenate([[0.0], x])  # the first window began at row 0
    values = np.array([np.nan_to_num(curve) for curve in shares.values()])
    values = np.concatenate([values[:, :1], values], axis=1)
    total = values.sum(axis=0)
    tops = np.cumsum(values, axis=0) / np.where(total > 0, total, 1.0)
    bottoms = np.concatenate([np.zeros((1, tops.shape[1])), tops[:-1]])
    kinds = kinds_of(shares)
    numbers = {kind: number for number, kind in enumerate(kinds)}
    parts = frame.axes()
    for part, low, high in zip(shares, bottoms, tops):
        kind = kind_of(part)
        upper = [f"{frame.to_x(row):.1f} {frame.to_y(y):.1f}" for row, y in zip(first, high)]
        lower = [f"{frame.to_x(row):.1f} {frame.to_y(y):.1f}" for row, y in zip(first, low)]
        shade = kinds[kind].index(part) % 2
        parts.append(
            f'<path class="area c{numbers[kind] % N_COLORS} shade{shade}" '
            f'd="M{"L".join(upper + lower[::-1])}Z">'
            f"<title>{escape(part)}: {float(high[-1] - low[-1]):.0%} at the end</title></path>"
        )
    return figure([*parts, *frame.drifts(drifts)], title, width, height)


def lanes(
    rows: Sequence[Lane], *, title: str, drifts: Iterable[int] = (), width: int = 1100
) -> Markup:
    """A lane for each kind of event, with a mark where some were; taller where there were more."""
    height = _LANE * len(rows) + 30
    last = max(float(lane.x[-1]) for lane in rows)
    frame = Frame(last, 0.0, 1.0, width, height)
    parts = [*frame.row_ticks(), *frame.drifts(drifts)]
    for i, lane in enumerate(rows):
        base, most = 14 + _LANE * (i + 1) - 4, float(lane.n.max())
        parts.append(f'<path class="grid" d="M{frame.left} {base}H{frame.right}"/>')
        parts.append(
            f'<text class="lane" x="{frame.left}" y="{base - 17}">'
            f"{escape(lane.name)}: {lane.n.sum():,.0f}</text>"
        )
        for row, count, note in zip(lane.x, lane.n, lane.notes):
            if count > 0:
                x, top = frame.to_x(row), base - 4 - 9 * count / most
                parts.append(
                    f'<path class="event c{i % N_COLORS}" d="M{x:.1f} {base}V{top:.1f}">'
                    f"<title>{escape(note)}</title></path>"
                )
    return figure(parts, title, width, height)
