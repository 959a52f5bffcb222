"""One row through a graph, by the one-row calls of its nodes: what an event costs in Python."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from onlineml.base import DRIFT as ALARM
from onlineml.base import Classifier, Estimator
from onlineml.graph import kept, signals
from onlineml.graph.plan import ALL, NUMBER, SEVERAL, SHARES, Plan, Step
from onlineml.graph.store import NOTHING, Taken
from onlineml.graph.wiring import SUPERVISED, X
from onlineml.kernels.arena import ANSWER_AND_SCORES, FIT, Array

if TYPE_CHECKING:
    from onlineml.active.query_strategy import QueryStrategy
    from onlineml.graph.wired import Wired
    from onlineml.rl.agent import Agent

_ONE, _ZERO, _NOTHING = np.ones(1), np.zeros(1), np.empty((0, 1))


class Sampled(NamedTuple):
    """What has come of rows before their labels: answers, decisions, and what nodes have read."""

    out: Array
    taken: Taken
    asks: Array  # (n_rows, 3): whether to ask for the label, chance, score
    actions: list[object]
    alarms: list[int]  # signals that are due when the event is over

    @classmethod
    def none(cls, width: int) -> Sampled:
        """Nothing came of no rows."""
        return cls(np.empty((0, width)), NOTHING, np.empty((0, 3)), [], [])


# -------------------------------------------------------------------- the verbs of an estimator


def run(graph: Wired, rows: tuple[Array, Array, Array, Array], what: int) -> bool:
    """Serve or learn one row; False, with nothing changed, where a node balks."""
    plan, learn = graph._row_plan, (what & FIT) != 0
    x, target = rows[0][0], rows[1]
    plan.handed[-1] = x
    if not learn:
        if not _ask_all(graph, plan, plan.serving, what & 3):
            return False
        out, found = rows[3][0], graph.nodes_[plan.output]._out
        if plan.whole or what & ANSWER_AND_SCORES:
            n = min(len(out), len(found))
            out[:n], out[n:] = found[:n], 0.0
        else:
            out[0] = found[0]
        return True
    if plan.strategy is not None or (not plan.checked and np.isinf(x).any()):
        return False
    if not _ask_all(graph, plan, plan.early, 0):
        return False
    if plan.labeled and not _ask_late(graph, plan, target):
        return False
    rows_kept = _kept(graph, (False, plan.labeled))
    _learn(graph, [step for step in plan.early if not step.supervised], _ZERO)
    if plan.labeled:
        _learn(graph, plan.lessons, target)
    graph.n_samples_ += 1
    graph.n_labels_ += plan.labeled
    _keep(graph, rows_kept, target)
    act(graph, [*alarmed(graph, plan, late=False), *_late_alarms(graph, plan)])
    return True


def _late_alarms(graph: Wired, plan: Plan) -> list[int]:
    return alarmed(graph, plan, late=True) if plan.labeled else []


# -------------------------------------------------------------------- the two halves of an event


def sample(graph: Wired, x: Array, level: int) -> Sampled | None:
    """A row without its label; None, with nothing changed, where a node balks.

    Signals that are due are told, not carried out.
    """
    plan, nodes = graph._row_plan, graph.nodes_
    plan.handed[-1] = x
    if not plan.checked and np.isinf(x).any():
        return None
    if not _ask_all(graph, plan, plan.early, level):
        return None
    out = nodes[plan.output]._out[None].copy()
    own: dict[int, Array] = {}
    asks = _decided(graph, plan, own)
    actions = _acted(graph, plan, own)
    taken = Taken(
        [_taken(graph, k, own) for k in plan.stored],
        [np.array([plan.said[k]]) for k in plan.stored],
        np.array([float(graph.n_samples_)]),
    )
    rows_kept = _kept(graph, (False,))
    _learn(graph, [step for step in plan.early if not step.supervised], _ZERO)
    graph.n_samples_ += 1
    _keep(graph, rows_kept, _ZERO)
    return Sampled(out, taken, asks, actions, alarmed(graph, plan, late=False))


def _taken(graph: Wired, k: int, own: dict[int, Array]) -> Array:
    """What node `k` has read; nothing yet, where it reads errors."""
    if graph._wiring.nodes[k].late:
        return np.empty((1, 0))
    return own[k][None] if k in own else graph.nodes_[k]._row[None].copy()


def lesson(graph: Wired, taken: Taken, target: Array) -> list[int] | None:
    """The label of a row that was taken before; None, with nothing changed, where a node balks.

    Returns the signals that are due.
    """
    plan, nodes = graph._row_plan, graph.nodes_
    for i, k in enumerate(plan.stored):
        if graph._wiring.nodes[k].role not in SUPERVISED:
            continue
        node = nodes[k]._ready()
        if len(taken.reads[i][0]) != len(node._row):
            return None  # columns have come meanwhile
        node._row[...] = taken.reads[i][0]
        plan.said[k] = float(taken.said[i][0])
    if not _ask_late(graph, plan, target):
        return None
    for i, k in enumerate(plan.stored):
        if graph._wiring.nodes[k].late:
            taken.reads[i] = nodes[k]._row[None].copy()
    rows_kept = _kept(graph, (True,))
    _learn(graph, plan.lessons, target)
    graph.n_labels_ += 1
    _keep(graph, rows_kept, target)
    return alarmed(graph, plan, late=True)


def _decided(graph: Wired, plan: Plan, own: dict[int, Array]) -> Array:
    """What the strategy says of the row, and takes note of."""
    if plan.strategy is None:
        return np.array([[1.0, 1.0, 0.0]])
    strategy: QueryStrategy = graph.nodes_[plan.strategy.k]  # type: ignore[assignment]
    own[plan.strategy.k] = x = _gathered(plan.strategy, plan)
    judged, proba = graph._wiring.judged, None
    if judged != X:
        learner = graph.nodes_[judged]
        assert isinstance(learner, Classifier)
        proba = learner._out[1 : 1 + len(learner.classes_)].copy()
    before = perf_counter_ns()
    query = strategy.query_fit_one(x, proba, id=graph.n_samples_)
    graph._clock()[plan.strategy.k] += perf_counter_ns() - before
    return np.array([query], np.float64)


def _acted(graph: Wired, plan: Plan, own: dict[int, Array]) -> list[object]:
    """What the agent does about the row."""
    if plan.agent is None:
        return [None]
    agent: Agent = graph.nodes_[plan.agent.k]  # type: ignore[assignment]
    x, before = _gathered(plan.agent, plan), perf_counter_ns()
    action = agent.act_one(x, explore=True)
    own[plan.agent.k] = np.append(x, action)
    graph._clock()[plan.agent.k] += perf_counter_ns() - before
    return [action]


# -------------------------------------------------------------------- asking and learning


def _ask_all(graph: Wired, plan: Plan, steps: tuple[Step, ...], serve: int) -> bool:
    """Give each node what it reads, and ask those whose answers count; `serve`: the output's."""
    nodes, spent, handed = graph.nodes_, graph._clock(), plan.handed
    output = plan.output if serve else -1
    before = perf_counter_ns()
    for step in steps:
        k = step.k
        node = nodes[k]
        if node._width < 0:
            node._prepare()
        if step.source != SEVERAL:
            node._row[...] = handed[step.source]
        else:
            _pull(node._row, step, plan)
        level = step.level
        if k == output:
            level = max(level, serve)
        if level and not _ask(node, step, plan, level):
            return False
        now = perf_counter_ns()
        spent[k] += now - before
        before = now
    return True


def _ask_late(graph: Wired, plan: Plan, target: Array) -> bool:
    """The same of those that read errors."""
    nodes, spent = graph.nodes_, graph._clock()
    for step in plan.late:
        before = perf_counter_ns()
        node = nodes[step.k]._ready()
        for a, b, source, error, lo, hi in step.pulls:
            if not error:
                node._row[a:b] = plan.handed[source][lo:hi]
            elif plan.classes:
                node._row[a] = plan.said[source] != target[0]
            else:
                node._row[a] = abs(plan.said[source] - target[0])
        if step.level and not _ask(node, step, plan, step.level):
            return False
        spent[step.k] += perf_counter_ns() - before
    return True


def _pull(row: Array, step: Step, plan: Plan) -> None:
    for a, b, source, _, lo, hi in step.pulls:
        row[a:b] = plan.handed[source][lo:hi]


def _gathered(step: Step, plan: Plan) -> Array:
    """The row of a node that is asked by its public verbs."""
    row = np.empty(step.pulls[-1][1])
    _pull(row, step, plan)
    return row


def _ask(node: Estimator, step: Step, plan: Plan, level: int) -> bool:
    """Ask a node, and hand over what it says."""
    if node._call(node._scoring if level == ANSWER_AND_SCORES else node._serving) != 1:
        return False
    if step.watched:
        plan.said[step.k] = node._answer[0]
    if step.hands == ALL:
        plan.handed[step.k] = node._out
    elif step.hands == NUMBER:
        plan.handed[step.k] = node._out[:1]
    elif step.hands == SHARES:
        assert isinstance(node, Classifier)
        known = len(node.classes_)
        plan.handed[step.k] = node._out[1 : 1 + known]
        return known >= 2  # those of fewer are filled up, which the way of chunks does
    return True


def _learn(graph: Wired, steps: tuple[Step, ...] | list[Step], target: Array) -> None:
    """Each node learns what it has read."""
    nodes, spent = graph.nodes_, graph._clock()
    before = perf_counter_ns()
    for step in steps:
        node = nodes[step.k]
        if step.supervised:
            node._target[0] = target[0]
        if node._call(node._fitting) != 1:  # wants room
            y = target if step.supervised else _ZERO
            node._run(node._row[None].copy(), y.copy(), _ONE, _NOTHING, 0, True)
        now = perf_counter_ns()
        spent[step.k] += now - before
        before = now


def _kept(graph: Wired, lessons: tuple[bool, ...]) -> dict[int, Array]:
    """What nodes that may be refitted have read: those that learn labels or errors, or others."""
    wiring = graph._wiring
    return {k: graph.nodes_[k]._row.copy() for k in wiring.kept if (k in wiring.lessons) in lessons}


def _keep(graph: Wired, rows: dict[int, Array], target: Array) -> None:
    for k, row in rows.items():
        y = target if graph._wiring.nodes[k].role in SUPERVISED else _ZERO
        kept.keep(graph, k, row[None], y, _ONE)


def alarmed(graph: Wired, plan: Plan, *, late: bool) -> list[int]:
    """Signals whose detectors, of those that learned in this half of an event, are alarmed."""
    nodes = graph.nodes_
    raised = []
    for k, is_late in plan.drifts:
        if is_late == late and vars(nodes[k])["flag_"][0] == ALARM:
            raised.append(k)
            graph.raised_[k] += 1
    return [number for number, k in plan.signals if k in raised] if raised else []


def act(graph: Wired, numbers: list[int]) -> None:
    """Carry out signals, in the order in which they were given."""
    for number in sorted(numbers):
        signals.act(graph, number)
