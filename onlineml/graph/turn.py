"""One row served, learned or both, with as little Python as possible: the verbs of an estimator.

Where a strategy buys labels, the row is judged before any node has learned it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onlineml.graph import halves, row
from onlineml.graph.plan import Plan
from onlineml.kernels.arena import ANSWER_AND_SCORES, FIT, Array

if TYPE_CHECKING:
    from onlineml.active.query_strategy import Query
    from onlineml.graph.wired import Wired


def run(graph: Wired, rows: tuple[Array, Array, Array, Array], what: int) -> bool:
    """Serve or learn the graph's own row, or both; False, with nothing changed, where a node balks.

    Both are one event: each node is asked once, also where a row is served and then learned.
    """
    plan, serve = graph._row_plan, what & 3
    standing, plan.standing = plan.standing, None
    if not what & FIT:
        found = row.asked(graph, "serving", serve)
        if found is not None:
            _answer(found, rows[3][0], serve)
            found.standing = None if graph._lent else graph._bytes[:]
        return found is not None
    if plan.is_apart or (not plan.checked and np.isinf(plan.x).any()):
        return False
    as_served = not serve and standing == graph._bytes and not plan.is_stale
    found = row.asked(graph, "further" if as_served else "early", serve)
    if found is None:
        return False
    if found.wiring.strategy is not None:
        if serve:
            _answer(found, rows[3][0], serve)
        buy(graph, found, graph._y[0])
        return True
    plan, target = found, graph._y[0]
    if plan.labeled and plan.late and not row.ask_late(graph, plan, target):
        return False
    if serve:
        _answer(plan, rows[3][0], serve)
    _learn(graph, plan, target)
    return True


def _answer(plan: Plan, out: Array, serve: int) -> None:
    """Write what the node said that answers."""
    if plan.whole or serve == ANSWER_AND_SCORES:
        n = min(len(out), len(plan.found))
        out[:n], out[n:] = plan.found[:n], 0.0
    else:
        out[0] = plan.answer[0]


def _learn(graph: Wired, plan: Plan, target: float) -> None:
    """All nodes learn what they have read; signals act."""
    rows_kept = row.kept_rows(plan, (False, plan.labeled)) if plan.kept else None
    row.learn(graph, plan.first_lessons, target)
    graph.n_samples_ += 1
    if plan.labeled:
        row.learn(graph, plan.late_lessons, target)
        graph.n_labels_ += 1
    if rows_kept:
        row.keep_rows(graph, rows_kept, target)
    if plan.drifts:
        late = row.alarmed(graph, plan, late=True) if plan.labeled else []
        row.act(graph, row.alarmed(graph, plan, late=False) + late)


# -------------------------------------------------------------------- labels that are bought


def buy(graph: Wired, plan: Plan, target: float) -> Query:
    """Learn the row that nodes have been asked about, its label where the strategy wants it."""
    query, number = row.decide(graph, plan), graph.n_samples_
    assert query is not None
    due = row.learn_row(graph, plan)
    if query.ask:
        halves.tell_strategy(graph, number, graph._label_of(target))
        more = row.learn_label(graph, plan, target) if plan.knows(target) else None
        if more is None:
            y, taken = np.array([target]), row.take(graph, plan, number, {})
            halves.learn(graph, taken, y, np.ones(1), also=due)
            return query
        due += more
    if due:
        row.act(graph, due)
    return query
