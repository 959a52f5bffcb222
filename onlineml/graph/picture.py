"""A drawing as SVG: nodes in columns from left to right, signals run back below them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from onlineml.graph.wiring import AGENT, CLASSIFIER, DETECTOR, DRIFT, REGRESSOR, STRATEGY

if TYPE_CHECKING:
    from onlineml.graph.drawing import Arrow, Box, Drawing

_WIDE, _GAP, _NARROW, _BELOW = 200, 64, 44, 20  # box, between columns, the row, between boxes
_LINE, _TOP, _MARGIN, _LANE = 17, 44, 20, 20  # a line of text, the head, around all, a signal
_LETTERS = 27  # of a line in a box
_COLORS = {
    DETECTOR: "--c1, #d55e00",
    CLASSIFIER: "--c0, #0072b2",
    REGRESSOR: "--c0, #0072b2",
    STRATEGY: "--c2, #009e73",
    DRIFT: "--c3, #b5478c",
    AGENT: "--c6, #6a51a3",
}
_STYLE = """
.graph text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  fill: var(--soft, #5d6878); }
.graph .head { font-size: 13px; } .graph .name { font-weight: 640; font-size: 13.5px; }
.graph .name, .graph .head tspan { fill: var(--ink, #1b2330); font-weight: 640; }
.graph .back { fill: var(--card, #ffffff); }
.graph .box { fill: var(--page, #f6f7f9); stroke: var(--rule, #d5dbe3); }
.graph .wire { fill: none; stroke: var(--faint, #8d97a6); stroke-width: 1.5; }
.graph .error { stroke-dasharray: 5 4; }
.graph .signal { fill: none; stroke: var(--mark, #a15c00); stroke-width: 1.5; }
.graph text.said { fill: var(--mark, #a15c00); font-size: 11.5px; paint-order: stroke;
  stroke: var(--card, #ffffff); stroke-width: 4px; }
.graph .share { opacity: .85; }
"""


class _Place(NamedTuple):
    """Where a box, or the point where a wire passes a column, is."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def svg(drawing: Drawing) -> str:
    """The picture as text."""
    columns = _columns(drawing)
    places = _places(drawing, columns)
    bottom = max(place.y + place.height for place in places.values()) + _BELOW
    width = max(place.x + place.width for place in places.values()) + 2 * _MARGIN
    height = bottom + _LANE * len(drawing.arrows) + _MARGIN / 2
    parts = [
        f'<rect class="back" width="{width:.0f}" height="{height:.0f}" rx="10"/>',
        _head(drawing),
    ]
    for i, arrow in enumerate(drawing.arrows):
        parts += _signal(arrow, places, bottom + _LANE * i, i)
    for box in drawing.boxes:
        for wire in box.wires:
            parts.append(_wire(wire.source, box.name, wire.error, columns, places))
    parts += [_row(places["x"]), *(_box(box, places[box.name]) for box in drawing.boxes)]
    return (
        f'<svg class="graph" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px">'
        f"<title>{_escaped(drawing.name)}</title><style>{_STYLE}</style>{''.join(parts)}</svg>"
    )


# -------------------------------------------------------------------- places


def _columns(drawing: Drawing) -> dict[str, int]:
    """Each node one column behind the last of those that it reads."""
    columns = {"x": 0}
    for box in drawing.boxes:
        columns[box.name] = 1 + max(columns[wire.source] for wire in box.wires)
    return columns


def _places(drawing: Drawing, columns: dict[str, int]) -> dict[str, _Place]:
    """Boxes of a column below each other, near what they read; wires pass between them."""
    heights = {"x": 30.0} | {box.name: _height(box) for box in drawing.boxes}
    reads = {box.name: [wire.source for wire in box.wires] for box in drawing.boxes}
    for box in drawing.boxes:  # points where long wires pass a column
        for source in dict.fromkeys(reads[box.name]):
            before = source
            for column in range(columns[source] + 1, columns[box.name]):
                point = _point(source, box.name, column)
                heights[point], reads[point] = 10.0, [before]
                before = point
            reads[box.name] = [before if name == source else name for name in reads[box.name]]
    where = columns | {
        name: int(name.rpartition(" ")[2]) for name in heights if name not in columns
    }
    places: dict[str, _Place] = {}
    tallest = max(
        sum(heights[n] + _BELOW for n in where if where[n] == c) - _BELOW for c in where.values()
    )
    for column in range(max(where.values()) + 1):
        names = [name for name in where if where[name] == column]
        if column:
            names.sort(key=lambda n: sum(places[r].middle for r in reads[n]) / len(reads[n]))
        y = _TOP + (tallest - sum(heights[n] + _BELOW for n in names) + _BELOW) / 2
        x = _MARGIN + (column > 0) * (_NARROW + _GAP) + max(column - 1, 0) * (_WIDE + _GAP)
        for name in names:
            places[name] = _Place(x, y, _WIDE if column else _NARROW, heights[name])
            y += heights[name] + _BELOW
    return places


def _point(source: str, target: str, column: int) -> str:
    return f"{source} {target} {column}"  # names have no blanks


def _height(box: Box) -> float:
    return _LINE * (2 + len(box.figures)) + 18.0


# -------------------------------------------------------------------- what is drawn


def _head(drawing: Drawing) -> str:
    figures = "".join(f" · {_escaped(figure)}" for figure in drawing.figures)
    name = f"<tspan>{_escaped(drawing.name)}</tspan>"
    return f'<text class="head" x="{_MARGIN}" y="27">{name}{figures}</text>'


def _row(place: _Place) -> str:
    return (
        f'<rect class="box" x="{place.x}" y="{place.y:.1f}" width="{place.width}" '
        f'height="{place.height}" rx="15"/><text class="name" x="{place.x + place.width / 2}" '
        f'y="{place.middle + 4.5:.1f}" text-anchor="middle">x</text>'
    )


def _box(box: Box, place: _Place) -> str:
    x, y, high = place.x, place.y, place.height
    color = f"var({_COLORS.get(box.role, '--base, #9aa4b1')})"
    parts = [
        f"<g><title>{_escaped(f'{box.name}: {box.what}, a {box.role}')}</title>"
        f'<rect class="box" x="{x}" y="{y:.1f}" width="{place.width}" height="{high}" rx="8"/>'
        f'<rect x="{x}" y="{y + 8:.1f}" width="4" height="{high - 16}" rx="2" fill="{color}"/>'
        f'<text class="name" x="{x + 14}" y="{y + 20:.1f}">{_escaped(box.name)}'
        f"{' ▸' if box.answers else ''}</text>"
    ]
    for i, line in enumerate([_cut(box.what), *box.figures], 1):
        at = y + 20 + _LINE * i
        parts.append(f'<text x="{x + 14}" y="{at:.1f}">{_escaped(line)}</text>')
    if box.share is not None:
        share = f"{100 * box.share:.0f} %"
        parts.append(
            f'<text x="{x + place.width - 12}" y="{y + 20:.1f}" text-anchor="end">{share}</text>'
            f'<rect class="share" x="{x + 14}" y="{y + high - 6:.1f}" height="3" rx="1.5" '
            f'width="{max(box.share * (place.width - 26), 1):.1f}" fill="{color}"/>'
        )
    return "".join(parts) + "</g>"


def _wire(
    source: str, target: str, error: bool, columns: dict[str, int], places: dict[str, _Place]
) -> str:
    """A curve from box to box, through the points between."""
    between = range(columns[source] + 1, columns[target])
    stops = [places[source], *(places[_point(source, target, c)] for c in between), places[target]]
    path = f"M{stops[0].x + stops[0].width} {stops[0].middle:.1f}"
    for i, (a, b) in enumerate(pairwise(stops)):
        left, bend = a.x + a.width, _GAP / 2
        path += f"C{left + bend} {a.middle:.1f} {b.x - bend} {b.middle:.1f} {b.x} {b.middle:.1f}"
        if i < len(stops) - 2:
            path += f"H{b.x + b.width}"
    kind = "wire error" if error else "wire"
    said = f"the errors of {source}" if error else f"{source} to {target}"
    return f'<path class="{kind}" d="{path}"><title>{_escaped(said)}</title></path>'


def _signal(arrow: Arrow, places: dict[str, _Place], lane: float, number: int) -> list[str]:
    """From a detector's box down, back below all boxes, and up into the left of the targets."""
    source, shift = places[arrow.source], 10 + 4 * (number % 8)
    out = source.x + source.width
    low = source.y + source.height - 12
    parts = []
    left = out
    for target in arrow.targets:
        place = places[target]
        y, into = place.y + place.height - 12, place.x - shift
        left = min(left, into)
        parts.append(
            f'<path class="signal" d="M{out} {low:.1f}h{shift}V{lane:.1f}H{into}V{y:.1f}H{place.x}'
            f'm-6 -3.5l6 3.5l-6 3.5"/>'
        )
    if not arrow.targets:
        left = source.x
        parts.append(f'<path class="signal" d="M{out} {low:.1f}h{shift}V{lane:.1f}H{left}"/>')
    said = f"{arrow.action}, on an alarm of {arrow.source}"
    parts.append(
        f'<text class="said" x="{left + 6}" y="{lane - 4:.1f}">{_escaped(arrow.action)}'
        f"<title>{_escaped(said)}</title></text>"
    )
    return parts


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"


def _escaped(text: str) -> str:
    for letter, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(letter, entity)
    return text
