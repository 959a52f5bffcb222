"""The turns of an event: which nodes are asked, what they read, and what they hand over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from onlineml.graph.wiring import CLASSIFIER, DRIFT, SUPERVISED, TRANSFORMER, X
from onlineml.kernels.arena import Array

if TYPE_CHECKING:
    from onlineml.graph.wired import Wired

ALL, NUMBER, SHARES, NONE = range(4)  # what is handed over: a row, a number, probabilities
SEVERAL = -2  # sources, or an error


class Step(NamedTuple):
    """A node's turn: where its columns come from, how it is asked, what it hands over."""

    k: int
    source: int  # the only one, when it is no error; else SEVERAL
    pulls: tuple[tuple[int, int, int, bool, int, int], ...]  # to, to, source, error, from, from
    level: int  # how it is asked for the sake of others
    hands: int
    supervised: bool
    watched: bool


class Plan(NamedTuple):
    """The turns of an event, and what nodes hand over meanwhile."""

    serving: tuple[Step, ...]
    early: tuple[Step, ...]  # asked when a row comes
    lessons: tuple[Step, ...]  # those that learn its label, and those that read errors
    late: tuple[Step, ...]  # of these, those that read errors
    strategy: Step | None
    agent: Step | None
    stored: tuple[int, ...]
    output: int
    whole: bool  # whether the answer is a row
    labeled: bool  # whether labels come with the rows
    classes: bool
    checked: bool  # whether a node that is asked reads the row, and so looks for infinities
    drifts: tuple[tuple[int, bool], ...]  # detectors of drift, whether they are late
    signals: tuple[tuple[int, int], ...]  # number, source
    handed: list[Array]  # the last one is the row
    said: list[float]


def planned(graph: Wired) -> Plan:
    """The turns of an event in the present state of `graph`."""
    wiring = graph._wiring
    output = wiring.outputs[0]
    role = wiring.nodes[output].role
    steps = [_step(graph, k) for k in wiring.everything]
    early = tuple(steps[k] for k in wiring.early)
    return Plan(
        serving=tuple(steps[k] for k in wiring.serving),
        early=early,
        lessons=tuple(steps[k] for k in wiring.lessons),
        late=tuple(steps[k] for k in wiring.lessons if wiring.nodes[k].late),
        strategy=None if wiring.strategy is None else steps[wiring.strategy],
        agent=None if wiring.agent is None else steps[wiring.agent],
        stored=graph._stored,
        output=output,
        whole=role == TRANSFORMER,
        labeled=role in SUPERVISED,
        classes=role == CLASSIFIER,
        checked=any(step.level and step.source == X for step in early),
        drifts=tuple((k, node.late) for k, node in enumerate(wiring.nodes) if node.role == DRIFT),
        signals=tuple((number, signal.source) for number, signal in enumerate(wiring.signals)),
        handed=[np.empty(0)] * (1 + len(steps)),
        said=[0.0] * len(steps),
    )


def _step(graph: Wired, k: int) -> Step:
    wiring = graph._wiring
    node, pulls, at = wiring.nodes[k], [], 0
    for i, lo, hi in graph.layout_[k]:
        source = node.sources[i]
        pulls.append((at, at + hi - lo, source.node, source.error, lo, hi))
        at += hi - lo
    single = len(node.sources) == 1 and not node.sources[0].error
    hands = {TRANSFORMER: ALL, CLASSIFIER: SHARES}
    return Step(
        k,
        node.sources[0].node if single else SEVERAL,
        tuple(pulls),
        wiring.levels[k],
        hands.get(node.role, NUMBER) if k in wiring.handing else NONE,
        node.role in SUPERVISED,
        k in wiring.watched,
    )
