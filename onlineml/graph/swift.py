"""Events with as little Python as possible, where a graph keeps nothing but rows without labels.

Whatever needs a closer look (a first class, a new column, an infinity, room in an array) is left to
the longer way, with nothing changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onlineml.graph import halves, row, turn
from onlineml.graph.events import Answer, Label, Sample
from onlineml.graph.plan import Plan
from onlineml.graph.store import LABEL
from onlineml.kernels.arena import ANSWER, FIT

if TYPE_CHECKING:
    from onlineml.graph.wired import Wired

_BOTH = ANSWER | FIT
_INFINITY = float("inf")


def sample(graph: Wired, event: Sample) -> Answer | None:
    """A row, with its label or without; None where it is left to the longer way."""
    if not graph._read(event.x):
        return None
    if event.y is None:
        return _alone(graph, event.id)
    target = _target(graph, graph._row_plan, event.y)
    if target is None:
        return None
    if graph._row_plan.wiring.strategy is not None:
        return _bought(graph, target)
    graph._y[0] = target
    return _said(graph, graph._answer[0]) if graph._call(_BOTH) == 1 else None


def label(graph: Wired, event: Label) -> bool | None:
    """The label of a row that waits; None where it is left to the longer way."""
    plan, store = graph._row_plan, graph._store
    slot = store.slot(LABEL, event.id)
    target = None if slot is None else _target(graph, plan, event.y)
    if slot is None or target is None or plan.is_stale:
        return None
    said = store.said[slot]
    for i, (k, own) in enumerate(plan.waiting):
        read = store.reads[i]
        if read.shape[1] != len(own):
            return None  # columns have come meanwhile
        own[...] = read[slot]
        plan.said[k] = said[i]
    if not plan.knows(target):
        return None
    due = row.learn_label(graph, plan, target)
    if due is None:
        return None
    if plan.wiring.strategy is not None:
        halves.tell_strategy(graph, int(store.numbers[slot]), graph._label_of(target))
    store.release(LABEL, event.id)
    if due:
        row.act(graph, due)
    return True


def _alone(graph: Wired, id: Any) -> Answer | None:
    """A row without its label."""
    plan = _asked(graph)
    if plan is None:
        return None
    answer, query = _said(graph, plan.answer[0]), row.decide(graph, plan)
    if query is not None:
        answer = answer._replace(ask=query.ask, probability=query.probability)
    if id is not None and answer.ask:
        rows = [own for _, own in plan.waiting]
        said = [plan.said[k] for k, _ in plan.waiting]
        graph.n_expired_ += graph._store.put_one(id, LABEL, rows, said, graph.n_samples_)
    due = row.learn_row(graph, plan)
    if due:
        row.act(graph, due)
    return answer


def _bought(graph: Wired, target: float) -> Answer | None:
    """A row with its label, which is learned where the strategy wants it."""
    plan = _asked(graph)
    if plan is None:
        return None
    answer = plan.answer[0]
    query = turn.buy(graph, plan, target)
    return _said(graph, answer)._replace(ask=query.ask, probability=query.probability)


def _asked(graph: Wired) -> Plan | None:
    """Ask the nodes about the row, before they learn it."""
    if not graph._row_plan.checked and np.isinf(graph._row).any():
        return None
    return row.asked(graph, "early", ANSWER)


def _target(graph: Wired, plan: Plan, y: Any) -> float | None:
    """A label as the number that nodes learn, where that needs no thought."""
    if plan.regression:
        return y if y.__class__ is float and -_INFINITY < y < _INFINITY else None
    code = graph._codes.get(y) if y.__class__.__hash__ else None
    return None if code is None else float(code)


def _said(graph: Wired, answer: float) -> Answer:
    return Answer(answer if graph._row_plan.regression else graph._labels[int(answer)])
