"""A graph as a picture: its nodes, wires and signals, and what has happened to them so far."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from onlineml.graph.wiring import (
    AGENT,
    CONSOLIDATE,
    DRIFT,
    ERROR,
    REFIT,
    REFUND,
    REPLACE,
    RESET,
    STRATEGY,
    Signal,
    Wiring,
)
from onlineml.words import counted

if TYPE_CHECKING:
    from onlineml.graph.graph import Graph
    from onlineml.graph.wired import Wired

_WIDEST = 44  # letters of what an estimator is


class Wire(NamedTuple):
    """What a node reads: the answer of `source` ("x": the row), or the error of that answer."""

    source: str
    error: bool


class Box(NamedTuple):
    """A node, and figures of it: words, and the share of the graph's time that it took."""

    name: str
    what: str
    role: str
    wires: tuple[Wire, ...]
    answers: bool
    figures: tuple[str, ...]
    share: float | None


class Arrow(NamedTuple):
    """A signal: what happens to the targets when there is an alarm."""

    source: str
    action: str
    targets: tuple[str, ...]


class Drawing(NamedTuple):
    """A graph to look at: `print` it, or write it as SVG.

    Notebooks show the picture by themselves. Made by `Graph.draw`.

    Parameters
    ----------
    name
        Name of the graph.
    figures
        What has happened to the whole graph, in words; empty before data.
    boxes
        The nodes, in order.
    arrows
        The signals, in order.

    Examples
    --------
    >>> from onlineml.graph import Graph
    >>> from onlineml.learners import GaussianNB
    >>> from onlineml.transforms import StandardScaler
    >>> g = Graph("mine")
    >>> g.add("scale", StandardScaler())
    >>> g.add("learner", GaussianNB(), after="scale")
    >>> drawing = g.draw()
    >>> drawing.name, [box.name for box in drawing.boxes], drawing.svg().startswith("<svg")
    ('mine', ['scale', 'learner'], True)
    """

    name: str
    figures: tuple[str, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]

    def text(self) -> str:
        """Lines for a terminal: wires to the left, then nodes, what they are, and their figures."""
        from onlineml.graph.lines import lines

        return "\n".join(lines(self))

    def svg(self) -> str:
        """The picture; colors follow the page that it is put into, if that has a theme."""
        from onlineml.graph.picture import svg

        return svg(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file.

        Raises
        ------
        OSError
            Where the file cannot be written.
        """
        path = Path(path)
        path.write_text(self.svg(), encoding="utf-8")
        return path

    def __str__(self) -> str:
        return self.text()

    def _repr_svg_(self) -> str:
        return self.svg()

    def to_plain(self) -> dict[str, Any]:
        """The same as lists, mappings, text and numbers."""
        boxes = [
            {**box._asdict(), "wires": [list(wire) for wire in box.wires]} for box in self.boxes
        ]
        arrows = [arrow._asdict() for arrow in self.arrows]
        return {**self._asdict(), "boxes": boxes, "arrows": arrows}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Drawing:
        """The drawing that `to_plain` described."""
        boxes = tuple(
            Box(**box)._replace(
                wires=tuple(Wire(*wire) for wire in box["wires"]), figures=tuple(box["figures"])
            )
            for box in plain["boxes"]
        )
        arrows = tuple(
            Arrow(**arrow)._replace(targets=tuple(arrow["targets"])) for arrow in plain["arrows"]
        )
        return cls(str(plain["name"]), tuple(plain["figures"]), boxes, arrows)


def drawing_of(graph: Graph) -> Drawing:
    """What there is to see of a graph now."""
    from onlineml.graph.wired import Wired

    live = graph if isinstance(graph, Wired) and graph.is_started else None
    wiring = live._wiring if live else Wiring(graph.nodes, graph.signals, graph.outputs)
    spent = live._clock() if live else []
    boxes = [
        Box(
            node.name,
            _short(repr(node.estimator)),
            node.role,
            tuple(map(_wire, after)),
            k in wiring.outputs,
            tuple(_figures(live, k, node.role)) if live else (),
            spent[k] / sum(spent) if sum(spent) else None,
        )
        for k, (node, (_, _, after)) in enumerate(zip(wiring.nodes, graph.nodes))
    ]
    arrows = [
        Arrow(wiring.nodes[signal.source].name, *_done(wiring, signal)) for signal in wiring.signals
    ]
    return Drawing(graph.name, tuple(_whole(live)) if live else (), tuple(boxes), tuple(arrows))


def _wire(text: str) -> Wire:
    error = ERROR.fullmatch(text)
    return Wire(error[1] if error else text, error is not None)


def _done(wiring: Wiring, signal: Signal) -> tuple[str, tuple[str, ...]]:
    """What a signal does, and to whom."""
    if callable(signal.action):
        return f"call {getattr(signal.action, '__name__', 'a function')}", ()
    names = tuple(wiring.nodes[k].name for k in signal.targets)
    if signal.action == REPLACE:
        return f"replace {names[0]} by {names[1]}", names[:1]
    if signal.action == REFIT:
        return f"refit {names[0]} on {signal.last} rows", names
    if signal.action == REFUND:
        return f"refund {signal.last} labels to {names[0]}", names
    verb = CONSOLIDATE if signal.action == CONSOLIDATE else RESET
    return f"{verb} {', '.join(names)}", names


def _short(text: str) -> str:
    text = text.removesuffix("()")
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def _whole(graph: Wired) -> Iterator[str]:
    """Figures of the whole graph."""
    yield counted(graph.n_samples_, "row(s)")
    if graph._learns_labels:
        yield counted(graph.n_labels_, "label(s)")
    waiting, lost = graph.n_waiting, graph.n_expired_
    yield from [f"{waiting:,} waiting"] * bool(waiting) + [f"{lost:,} given up"] * bool(lost)
    seconds = sum(graph._clock()) / 1e9
    if seconds and graph._n_timed:
        yield f"{1e6 * seconds / graph._n_timed:.1f} µs a row"


def _figures(graph: Wired, k: int, role: str) -> Iterator[str]:
    """Figures of a node: what it did, and what it costs."""
    node: Any = graph.nodes_[k]
    if role == DRIFT:
        yield _count(graph.raised_[k], "alarm")
    if role == STRATEGY:
        yield f"{node.n_asked:,} of {node.n_rows:,} asked"
    if role == AGENT:
        yield _count(graph.n_rewards_, "reward")
    if graph.resets_[k]:
        yield f"begun anew {graph.resets_[k]} times" if graph.resets_[k] > 1 else "begun anew once"
    if graph._clock()[k] and graph._n_timed:
        yield f"{graph._clock()[k] / 1e3 / graph._n_timed:.1f} µs a row"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" + "s" * (n != 1)
