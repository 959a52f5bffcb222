"""A drawing as lines of text: wires run down on the left, each node has a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onlineml.graph.drawing import Box, Drawing

_BARS = 10  # letters of the longest bar


def lines(drawing: Drawing) -> Iterator[str]:
    """The lines."""
    yield " · ".join([drawing.name, *drawing.figures])
    yield ""
    rails = _rails(drawing)
    names = ["x", *(box.name + " *" * box.answers for box in drawing.boxes)]
    whats = ["", *(box.what for box in drawing.boxes)]
    tails = ["", *(_tail(box) for box in drawing.boxes)]
    left, middle, right = (max(map(len, column)) for column in (rails, names, whats))
    for rail, name, what, tail in zip(rails, names, whats, tails):
        yield f"  {rail:{left}}  {name:{middle}}  {what:{right}}  {tail}".rstrip()
    if drawing.arrows:
        yield ""
    for source, action, _ in drawing.arrows:
        yield f"  on {source}: {action}"


def _tail(box: Box) -> str:
    """Figures of a node, and its share of the time."""
    figures = ", ".join(box.figures)
    if box.share is None:
        return figures
    bar = "█" * round(_BARS * box.share) or "▏"
    return f"{bar:{_BARS}} {100 * box.share:3.0f} %  {figures}"


def _rails(drawing: Drawing) -> list[str]:
    """Left of each line: a dot for the node, under it the wire to those that read it.

    A wire has a column of its own as long as somebody further down reads it; errors come along
    dotted lines.
    """
    names = ["x", *(box.name for box in drawing.boxes)]
    reads = [{}, *({wire.source: wire.error for wire in box.wires} for box in drawing.boxes)]
    last = {name: max((i for i, r in enumerate(reads) if name in r), default=-1) for name in names}
    columns: dict[str, int] = {}
    rails = []
    for i, name in enumerate(names):
        taken = set(columns.values())
        mine = next(c for c in range(len(names)) if c not in taken)
        if reads[i]:  # to the right of what it reads, so that wires run down and right
            mine = next(
                c for c in range(len(names) + 1)
                if c not in taken and c > max(columns[source] for source in reads[i])
            )  # fmt: skip
        rails.append(_rail(columns, reads[i], mine, {s for s in reads[i] if last[s] == i}))
        for source in [source for source in columns if last[source] <= i]:
            del columns[source]
        if last[name] > i:
            columns[name] = mine
    return rails


def _rail(columns: dict[str, int], reads: dict[str, bool], mine: int, ending: set[str]) -> str:
    width = max([mine, *columns.values()]) + 1
    line = [" "] * (2 * width)
    for column in columns.values():
        line[2 * column] = "│"
    if reads:
        begin = min(columns[source] for source in reads)
        dash = "┄" if all(reads.values()) else "─"
        for at in range(2 * begin + 1, 2 * mine):
            line[at] = dash if line[at] == " " else line[at]
    for source in reads:
        at = 2 * columns[source]
        first = columns[source] == min(columns[s] for s in reads)
        if source in ending:
            line[at] = "╰" if first else "┴"
        else:
            line[at] = "├" if first else "┼"
    line[2 * mine] = "●"
    return "".join(line).rstrip()
