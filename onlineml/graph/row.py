"""One row through a graph, by the one-row calls of its nodes: what an event costs in Python."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter_ns
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from onlineml.base import DRIFT as ALARM
from onlineml.graph import kept, signals
from onlineml.graph.plan import Ask, Lesson, Plan
from onlineml.graph.store import NOTHING, Taken
from onlineml.kernels.arena import Array

if TYPE_CHECKING:
    from onlineml.active.query_strategy import Query, QueryStrategy
    from onlineml.graph.wired import Wired
    from onlineml.rl.agent import Agent

_ONE, _NOTHING = np.ones(1), np.empty((0, 1))


class Sampled(NamedTuple):
    """What has come of rows before their labels: answers, decisions, and what nodes have read."""

    out: Array
    taken: Taken
    asks: Array  # (n_rows, 3): whether to ask for the label, chance, score
    actions: list[object]
    alarms: list[int]  # signals that are due when the event is over
    others: Mapping[int, Array] = MappingProxyType({})  # what further outputs have said

    @classmethod
    def none(cls, width: int) -> Sampled:
        """Nothing came of no rows."""
        return cls(np.empty((0, width)), NOTHING, np.empty((0, 3)), [], [])


def sample(graph: Wired, x: Array, level: int) -> Sampled | None:
    """A row without its label; None, with nothing changed, where a node balks.

    Signals that are due are told, not carried out.
    """
    graph._row[...] = x
    if not graph._row_plan.checked and np.isinf(x).any():
        return None
    plan = asked(graph, "early", level)
    if plan is None:
        return None
    out = plan.found[None].copy()
    others = {k: graph.nodes_[k]._out[None].copy() for k in plan.wiring.outputs[1:]}
    query = decide(graph, plan)
    asks = np.array([query or (1.0, 1.0, 0.0)], np.float64)
    own: dict[int, Array] = {}
    actions = _acted(graph, plan, own)
    taken = take(graph, plan, graph.n_samples_, own)
    return Sampled(out, taken, asks, actions, learn_row(graph, plan), others)


def learn_row(graph: Wired, plan: Plan) -> list[int]:
    """Those nodes learn that need no label; signals that are due."""
    rows_kept = kept_rows(plan, (False,)) if plan.kept else None
    learn(graph, plan.first_lessons, 0.0)
    graph.n_samples_ += 1
    if rows_kept:
        keep_rows(graph, rows_kept, 0.0)
    return alarmed(graph, plan, late=False) if plan.drifts else []


def take(graph: Wired, plan: Plan, number: int, own: dict[int, Array]) -> Taken:
    """What nodes have read of the row and said; `own`: what is not in a node's own row."""
    return Taken(
        [_taken(graph, plan, k, own) for k in plan.stored],
        [np.array([plan.said[k]]) for k in plan.stored],
        np.array([float(number)]),
    )


def _taken(graph: Wired, plan: Plan, k: int, own: dict[int, Array]) -> Array:
    """What node `k` has read; nothing yet, where it reads errors."""
    if graph._wiring.nodes[k].late:
        return np.empty((1, 0))
    if k == plan.wiring.strategy:
        return plan.judged_row[None].copy()
    return own[k][None] if k in own else graph.nodes_[k]._row[None].copy()


def lesson(graph: Wired, taken: Taken, target: float) -> list[int] | None:
    """The label of a row that was taken before; None, with nothing changed, where a node balks.

    Returns the signals that are due.
    """
    plan, nodes = _planned(graph), graph.nodes_
    for i, k in enumerate(plan.stored):
        if k not in plan.wiring.supervised:
            continue
        if len(taken.reads[i][0]) != len(nodes[k]._row):
            return None  # columns have come meanwhile
        nodes[k]._row[...] = taken.reads[i][0]
        plan.said[k] = float(taken.said[i][0])
    return learn_label(graph, plan, target, taken)


def learn_label(
    graph: Wired, plan: Plan, target: float, taken: Taken | None = None
) -> list[int] | None:
    """Learners learn what is in their rows, then those that read errors; signals that are due.

    None, with nothing changed, where one balks. What those that read errors have read is put to
    what was `taken`.
    """
    if plan.late and not ask_late(graph, plan, target):
        return None
    for i, k in enumerate(plan.stored if taken else ()):
        if taken and plan.wiring.nodes[k].late:
            taken.reads[i] = graph.nodes_[k]._row[None].copy()
    rows_kept = kept_rows(plan, (True,)) if plan.kept else None
    learn(graph, plan.late_lessons, target)
    graph.n_labels_ += 1
    if rows_kept:
        keep_rows(graph, rows_kept, target)
    return alarmed(graph, plan, late=True) if plan.drifts else []


def decide(graph: Wired, plan: Plan) -> Query | None:
    """What the strategy says of the row, and takes note of; None where there is none."""
    k = plan.wiring.strategy
    if k is None:
        return None
    before = perf_counter_ns()
    for part, source in plan.judged_pulls:
        part[...] = source
    strategy: QueryStrategy = graph.nodes_[k]  # type: ignore[assignment]  # as wired
    query = strategy.query_fit_one(plan.judged_row, plan.judged_shares, id=graph.n_samples_)
    graph._clock()[k] += perf_counter_ns() - before
    for k, node in plan.noticing:
        before = perf_counter_ns()
        node._notice(node._row[None])
        graph._clock()[k] += perf_counter_ns() - before
    return query


def _acted(graph: Wired, plan: Plan, own: dict[int, Array]) -> list[object]:
    """What the agent does about the row."""
    k = plan.wiring.agent
    if k is None:
        return [None]
    agent: Agent = graph.nodes_[k]  # type: ignore[assignment]  # as wired
    x, before = plan.own_row(k), perf_counter_ns()
    action = agent.act_one(x, explore=True)
    own[k] = np.append(x, action)
    graph._clock()[k] += perf_counter_ns() - before
    return [action]


# -------------------------------------------------------------------- asking and learning

_STALE = -1


def _planned(graph: Wired) -> Plan:
    """The plan, made anew where a node has made new caches."""
    if graph._row_plan.is_stale:
        graph._row_plan = Plan(graph)
    return graph._row_plan


def asked(graph: Wired, kind: str, serve: int) -> Plan | None:
    """Ask nodes about the graph's own row; the plan that was followed, None where one balks."""
    plan, spent = graph._row_plan, graph._clock()
    asks = plan.made.get((kind, serve))
    if asks is None:
        plan = _planned(graph)
        asks = plan.asks(kind, serve)
    done = 0 if plan.balks else _ask(plan, asks, spent)
    if done == _STALE:
        plan = graph._row_plan = Plan(graph)
        done = 0 if plan.balks else _ask(plan, plan.asks(kind, serve), spent)
    return plan if done == 1 else None


def _ask(plan: Plan, asks: list[Ask], spent: list[int]) -> int:
    """Give each node what it reads, and ask those whose answers count."""
    before, k = perf_counter_ns(), -1
    try:
        for k, node, row, pulls, _, call, how, answer in asks:
            if node._width < 0 or node._row is not row:
                return _STALE
            for part, source in pulls:
                part[...] = source
            if how:
                if call(how) != 1:
                    return 0
                if answer is not None:
                    plan.said[k] = answer[0]
            now = perf_counter_ns()
            spent[k] += now - before
            before = now
    except Exception as error:
        plan.graph._name_node(k, error)
        raise
    return 1


def ask_late(graph: Wired, plan: Plan, target: float) -> bool:
    """The same of those that read errors."""
    spent, said = graph._clock(), plan.said
    before = perf_counter_ns()
    for k, node, row, pulls, errors, call, how, _ in plan.late:
        if node._width < 0 or node._row is not row:
            return False  # the way of chunks makes it ready
        for cell, source in errors:
            row[cell] = said[source] != target if plan.classes else abs(said[source] - target)
        for part, given in pulls:
            part[...] = given
        if how and call(how) != 1:
            return False
        now = perf_counter_ns()
        spent[k] += now - before
        before = now
    return True


def learn(graph: Wired, lessons: list[Lesson], label: float) -> None:
    """Each node learns what it has read."""
    spent = graph._clock()
    before, k = perf_counter_ns(), -1
    try:
        for k, node, call, how, target in lessons:
            if target is not None:
                target[0] = label
            if call(how) != 1:  # wants room
                y = np.full(1, 0.0 if target is None else label)
                node._run(node._row[None].copy(), y, _ONE, _NOTHING, 0, True)
            now = perf_counter_ns()
            spent[k] += now - before
            before = now
    except Exception as error:
        graph._name_node(k, error)
        raise


def kept_rows(plan: Plan, lessons: tuple[bool, ...]) -> dict[int, Array]:
    """What nodes that may be refitted have read: those that learn labels or errors, or others."""
    nodes = plan.graph.nodes_
    return {k: nodes[k]._row.copy() for k, is_lesson in plan.kept if is_lesson in lessons}


def keep_rows(graph: Wired, rows: dict[int, Array], target: float) -> None:
    """Keep what `kept_rows` gave, now that it is learned."""
    for k, row in rows.items():
        y = target if k in graph._wiring.supervised else 0.0
        kept.keep(graph, k, row[None], np.array([y]), _ONE)


def alarmed(graph: Wired, plan: Plan, *, late: bool) -> list[int]:
    """Signals whose detectors, of those that learned in this half of an event, are alarmed."""
    raised = [k for k, flag, is_late in plan.drifts if is_late == late and flag[0] == ALARM]
    for k in raised:
        graph.raised_[k] += 1
    return [number for number, k in plan.signals if k in raised] if raised else []


def act(graph: Wired, numbers: list[int]) -> None:
    """Carry out signals, in the order in which they were given."""
    for number in sorted(numbers):
        signals.act(graph, number)
