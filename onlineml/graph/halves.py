"""The two halves of an event: a row that comes, and its label, with it or later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from onlineml.graph import row, walk
from onlineml.graph.row import Sampled
from onlineml.graph.store import Taken, wider
from onlineml.graph.wiring import SUPERVISED
from onlineml.kernels.arena import ANSWER, Array

if TYPE_CHECKING:
    from onlineml.active.query_strategy import QueryStrategy
    from onlineml.graph.wired import Wired


def labeled(graph: Wired, X: Array, y: Array, weight: Array, out: Array, serve: int) -> None:
    """For each row in order: where `serve`, answer; learn it where the strategy buys its label.

    Learner and strategy wait for each other, so that rows go one by one.
    """
    for i in range(len(X)):
        one = slice(i, i + 1)
        said = both(graph, X[one], y[one], weight[one], max(serve, ANSWER))
        if serve:
            n = min(out.shape[1], said.out.shape[1])
            out[i, :n], out[i, n:] = said.out[0, :n], 0.0


def both(graph: Wired, X: Array, y: Array, weight: Array, level: int) -> Sampled:
    """One row with its label: what it was answered, and whether the label was bought."""
    said = sample(graph, X, weight, level=level, defer=True)
    if said.asks[0, 0]:
        lesson(graph, said.taken, y, weight, also=said.alarms)
    else:
        row.act(graph, said.alarms)
    return said


def sample(graph: Wired, X: Array, weight: Array, *, level: int, defer: bool = False) -> Sampled:
    """Rows without their labels: all is done that needs none.

    Where signals are deferred (of one row), those that are due are told, not carried out.
    """
    if len(X) == 1 and weight[0] == 1.0:
        graph._ready()
        said = row.sample(graph, X[0], level)
        if said is not None:
            if not defer:
                row.act(graph, said.alarms)
            return said
    wiring, n = graph._wiring, len(X)
    output = wiring.outputs[0]
    numbers = np.arange(graph.n_samples_, graph.n_samples_ + n, dtype=np.float64)
    outs = {output: np.empty((n, graph.nodes_[output]._n_outputs()))}
    batch = walk.Batch(X, np.zeros(n), weight, outs, level, early=True, late=False)
    batch.asks, batch.actions = undecided(n)
    batch.due = [] if defer else None
    walk.walk(graph, batch, wiring.early)
    reads = [_read(graph, batch, k) for k in graph._stored]
    said_by = [batch.answers.get(k, np.zeros(n)) for k in graph._stored]
    taken = Taken(reads, said_by, numbers)
    others = {k: batch.others[k] for k in wiring.outputs[1:]}
    return Sampled(outs[output], taken, batch.asks, batch.actions, batch.due or [], others)


def undecided(n: int) -> tuple[Array, list[object]]:
    """Of `n` rows, whether to ask for their labels, and what is done: while nobody has decided."""
    return np.tile([1.0, 1.0, 0.0], (n, 1)), [None] * n


def _read(graph: Wired, batch: walk.Batch, k: int) -> Array:
    """What node `k` has read of the rows, and what an agent then did."""
    if graph._wiring.nodes[k].late:
        return np.empty((batch.n, 0))
    rows = walk.rows_of(graph, batch, k, 0, batch.n)
    if k != graph._wiring.agent:
        return rows
    return np.column_stack([rows, np.array(batch.actions, np.float64).reshape(batch.n, -1)])


def lesson(
    graph: Wired, taken: Taken, y: Array, weight: Array, *, also: Sequence[int] = ()
) -> None:
    """Labels of rows that were taken before; `also`: signals that are due as one row came.

    What those that read errors of one row have read is put to what was `taken`.
    """
    if graph._wiring.strategy is not None:
        for number, target in zip(taken.numbers.tolist(), y.tolist()):
            tell_strategy(graph, int(number), graph._label_of(target))
    learn(graph, taken, y, weight, also=also)


def learn(graph: Wired, taken: Taken, y: Array, weight: Array, *, also: Sequence[int]) -> None:
    """What `lesson` does when the strategy has been told."""
    for a, b, _ in walk.stretches(graph, y):
        due = None
        if len(y) == 1 and weight[0] == 1.0:
            graph._ready()
            due = row.lesson(graph, taken, float(y[0]))
        if due is None:
            due = _by_chunk(graph, taken, y, weight, slice(a, b))
        row.act(graph, [*also, *due])


def _by_chunk(graph: Wired, taken: Taken, y: Array, weight: Array, part: slice) -> list[int]:
    """Some of the labels; signals that are due, if it is one."""
    n, one = part.stop - part.start, len(y) == 1
    batch = walk.Batch(np.empty((n, 0)), y[part], weight[part], {}, 0, early=False, late=True)
    batch.due = [] if one else None
    for i, k in enumerate(graph._stored):
        if graph._wiring.nodes[k].role in SUPERVISED:
            batch.reads[k] = wider(taken.reads[i][part], graph.nodes_[k].schema_.n_features)
            batch.answers[k] = taken.said[i][part]
    walk.walk(graph, batch, graph._wiring.lessons)
    for i, k in enumerate(graph._stored):
        if one and graph._wiring.nodes[k].late:
            taken.reads[i] = walk.rows_of(graph, batch, k, 0, 1)
    return batch.due or []


def tell_strategy(graph: Wired, number: int, y: Any) -> None:
    """The label of sample `number` has come; None: it never will."""
    assert graph._wiring.strategy is not None
    strategy: QueryStrategy = graph.nodes_[graph._wiring.strategy]  # type: ignore[assignment]  # as wired
    if not strategy._keeps_rows or number in strategy.waiting_:
        strategy.answer_one(number, y)
