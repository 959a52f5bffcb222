"""One row through a graph, by the one-row calls of its nodes: what an event costs in Python."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from onlineml.base import DRIFT as ALARM
from onlineml.base import Classifier, Estimator
from onlineml.graph import signals
from onlineml.graph.wiring import CLASSIFIER, SUPERVISED, TRANSFORMER, X
from onlineml.kernels.arena import ANSWER_AND_SCORES, FIT, Array

if TYPE_CHECKING:
    from onlineml.graph.wired import Wired

_ONE, _ZERO, _NOTHING = np.ones(1), np.zeros(1), np.empty((0, 1))


_ALL, _NUMBER, _SHARES = range(3)  # what a node hands over: its row, a number, probabilities


class Step(NamedTuple):
    """A node's turn: where its columns come from, how it is asked, what it hands over."""

    k: int
    source: int  # the only one, when it is no error; else SEVERAL
    pulls: tuple[tuple[int, int, int, bool, int, int], ...]  # to, to, source, error, from, from
    level: int  # how it is asked for the sake of others
    hands: int
    learns: bool  # from labels too, where the graph gets them
    supervised: bool
    watched: bool


class Plan(NamedTuple):
    """The turns of an event, and what nodes hand over meanwhile."""

    serving: tuple[Step, ...]
    learning: tuple[Step, ...]
    output: int
    whole: bool  # whether the answer is a row
    late: bool  # whether labels come with the rows
    classes: bool
    checked: bool  # whether a node that is asked reads the row, and so looks for infinities
    signals: tuple[tuple[int, int], ...]  # number, source
    kept: frozenset[int]
    handed: list[Array]  # the last one is the row
    said: list[float]


SEVERAL = -2


def planned(graph: Wired) -> Plan:
    """The turns of an event in the present state of `graph`."""
    wiring = graph._wiring
    output = wiring.outputs[0]
    late = wiring.nodes[output].role in SUPERVISED
    steps = [_step(graph, k, late) for k in wiring.everything]
    learning = tuple(step for step in steps if late or not wiring.nodes[step.k].late)
    return Plan(
        serving=tuple(steps[k] for k in wiring.serving),
        learning=learning,
        output=output,
        whole=wiring.nodes[output].role == TRANSFORMER,
        late=late,
        classes=wiring.nodes[output].role == CLASSIFIER,
        checked=any(step.level and step.source == X for step in learning),
        signals=tuple(
            (number, signal.source)
            for number, signal in enumerate(wiring.signals)
            if late or not wiring.nodes[signal.source].late
        ),
        kept=frozenset(wiring.kept),
        handed=[_NOTHING[:, 0]] * (1 + len(steps)),
        said=[0.0] * len(steps),
    )


def _step(graph: Wired, k: int, late: bool) -> Step:
    wiring = graph._wiring
    node, pulls, at = wiring.nodes[k], [], 0
    for i, lo, hi in graph.layout_[k]:
        source = node.sources[i]
        pulls.append((at, at + hi - lo, source.node, source.error, lo, hi))
        at += hi - lo
    single = len(node.sources) == 1 and not node.sources[0].error
    hands = {TRANSFORMER: _ALL, CLASSIFIER: _SHARES}
    return Step(
        k,
        node.sources[0].node if single else SEVERAL,
        tuple(pulls),
        wiring.levels[k],
        hands.get(node.role, _NUMBER),
        late or node.role not in SUPERVISED,
        node.role in SUPERVISED,
        k in wiring.watched,
    )


def run(graph: Wired, rows: tuple[Array, Array, Array, Array], what: int) -> bool:
    """Serve or learn one row; False, with nothing changed, where a node balks."""
    plan, learn = graph._row_plan, (what & FIT) != 0
    x, target = rows[0][0], rows[1]
    if learn and not plan.checked and np.isinf(x).any():
        return False
    plan.handed[-1] = x
    if not _ask_all(graph, plan, plan.learning if learn else plan.serving, target, what):
        return False
    if learn:
        _learn(graph, plan, target)
        return True
    out, found = rows[3][0], graph.nodes_[plan.output]._out
    if plan.whole or what & ANSWER_AND_SCORES:
        n = min(len(out), len(found))
        out[:n], out[n:] = found[:n], 0.0
    else:
        out[0] = found[0]
    return True


def _ask_all(graph: Wired, plan: Plan, steps: tuple[Step, ...], target: Array, what: int) -> bool:
    """Give each node what it reads, and ask those whose answers count."""
    nodes, spent, handed = graph.nodes_, graph._clock(), plan.handed
    output = plan.output if what & 3 else -1
    before = perf_counter_ns()
    for step in steps:
        k = step.k
        node = nodes[k]
        if node._width < 0:
            node._prepare()
        if step.source != SEVERAL:
            node._row[...] = handed[step.source]
        else:
            _pull(node, step, plan, target)
        level = step.level
        if k == output:
            level = max(level, what & 3)
        if level and not _ask(node, step, plan, level):
            return False
        now = perf_counter_ns()
        spent[k] += now - before
        before = now
    return True


def _pull(node: Estimator, step: Step, plan: Plan, target: Array) -> None:
    for a, b, source, error, lo, hi in step.pulls:
        if not error:
            node._row[a:b] = plan.handed[source][lo:hi]
        elif plan.classes:
            node._row[a] = plan.said[source] != target[0]
        else:
            node._row[a] = abs(plan.said[source] - target[0])


def _ask(node: Estimator, step: Step, plan: Plan, level: int) -> bool:
    """Ask a node, and hand over what it says."""
    if node._call(node._scoring if level == ANSWER_AND_SCORES else node._serving) != 1:
        return False
    if step.watched:
        plan.said[step.k] = node._answer[0]
    if step.hands == _ALL:
        plan.handed[step.k] = node._out
    elif step.hands == _NUMBER:
        plan.handed[step.k] = node._out[:1]
    elif step.level == ANSWER_AND_SCORES:
        assert isinstance(node, Classifier)
        known = len(node.classes_)
        plan.handed[step.k] = node._out[1 : 1 + known]
        return known >= 2  # those of fewer are filled up, which the way of chunks does
    return True


def _learn(graph: Wired, plan: Plan, target: Array) -> None:
    """Each node learns what it has read; then signals act."""
    nodes, spent = graph.nodes_, graph._clock()
    kept = {k: nodes[k]._row.copy() for k in plan.kept}
    before = perf_counter_ns()
    for step in plan.learning:
        if not step.learns:
            continue
        node = nodes[step.k]
        if step.supervised:
            node._target[0] = target[0]
        if node._call(node._fitting) != 1:  # wants room
            y = target if step.supervised else _ZERO
            node._run(node._row[None].copy(), y.copy(), _ONE, _NOTHING, 0, True)
        now = perf_counter_ns()
        spent[step.k] += now - before
        before = now
    graph.n_samples_ += 1
    graph.n_labels_ += plan.late
    for k, row in kept.items():
        y = target if graph._wiring.nodes[k].role in SUPERVISED else _ZERO
        graph._keep(k, row[None], y, _ONE)
    alarmed = [
        number for number, source in plan.signals if vars(nodes[source])["flag_"][0] == ALARM
    ]
    for number in alarmed:
        signals.act(graph, number)
