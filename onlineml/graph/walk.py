"""Many rows through a graph: node by node, in stretches where signals act.

Nodes that no signal reaches take a chunk at a time. The others run ahead over a stretch of rows;
if an alarm comes within it, those that ran too far are put back to where the stretch began and run
up to the alarm, the signal acts, and the next stretch begins behind it. Bits are those of the loop
by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

from onlineml.base import DRIFT as ALARM
from onlineml.base import Classifier
from onlineml.graph import kept, signals
from onlineml.graph.plan import noticing
from onlineml.graph.wiring import CLASSIFIER, DRIFT, SUPERVISED, TRANSFORMER, Source
from onlineml.kernels.arena import ANSWER, Array

if TYPE_CHECKING:
    from onlineml.active.query_strategy import QueryStrategy
    from onlineml.graph.wired import Wired
    from onlineml.rl.agent import Agent

SHORTEST, LONGEST = 16, 4096  # rows of a stretch: twice those of the last one, or up to its alarm
_NOTHING = np.empty((0, 1))


class Batch:
    """Rows, what is known of them and what is wanted.

    `early`: transformers and detectors learn; `late`: labels are here, learners learn, errors are
    read. `outs` takes the answers of nodes. Where the rows were answered before, `reads` and
    `answers` are what nodes had read and said then.
    """

    def __init__(
        self, X: Array, y: Array, weight: Array, outs: dict[int, Array], serve: int,
        *, early: bool, late: bool,
    ) -> None:  # fmt: skip
        self.y, self.weight, self.outs, self.serve = y, weight, outs, serve
        self.early, self.late = early, late
        self.n = len(y)
        self.zeros = np.zeros(self.n) if early or late else y
        self.values: dict[int, Array] = {-1: X}  # what nodes hand over
        self.answers: dict[int, Array] = {}  # what learners said: class codes or numbers
        self.flags: dict[int, Array] = {}  # what drift detectors said
        self.shares: dict[int, Array] = {}  # probabilities that a strategy judges
        self.reads: dict[int, Array] = {}
        self.others: dict[int, Array] = {}  # what the outputs but the first have said
        self.asks: Array | None = None  # what the strategy said, where rows wait for labels
        self.actions: list[object] = []
        self.due: list[int] | None = None  # signals, where they are not carried out at once
        self.n_classes = -1  # known before the batch, where others read what classifiers say

    def store(self, where: dict[int, Array], k: int, found: Array, a: int, b: int) -> None:
        """Keep what node `k` gave for rows `a` to `b`."""
        if b - a == self.n:
            where[k] = found
        else:
            if k not in where:
                where[k] = np.empty((self.n, *found.shape[1:]))
            where[k][a:b] = found


def run(graph: Wired, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
    """For each row in order: where `serve`, write the answer; where `fit`, learn."""
    wiring = graph._wiring
    output = wiring.outputs[0]
    late = fit and wiring.nodes[output].role in SUPERVISED
    which = wiring.walked if late else wiring.early
    for a, b, n_classes in stretches(graph, y) if late else [(0, len(X), -1)]:
        outs = {output: out[a:b]} if serve else {}
        batch = Batch(X[a:b], y[a:b], weight[a:b], outs, serve, early=fit, late=late)
        batch.n_classes = n_classes
        if fit:
            walk(graph, batch, which)
        else:
            _nodes(graph, batch, wiring.serving, 0, batch.n)


def stretches(graph: Wired, y: Array) -> Iterator[tuple[int, int, int]]:
    """All rows, or, where others read what classifiers say, up to each one that brings a class.

    The others meet the new column behind that row. Yields the classes known before, too.
    """
    a = 0
    while a < len(y):
        known = len(graph._classes())
        if not graph._wiring.widens:
            if graph._tells_late and y.max() >= known:
                graph._admit_one_class(int(y.max()))
            yield a, len(y), -1
            return
        new = np.flatnonzero(y[a:] >= known)[:1]
        b = a + int(new[0]) + 1 if len(new) else len(y)
        if len(new):
            graph._admit_one_class(int(y[b - 1]))
        yield a, b, known
        if len(new):
            graph._rewire()
        a = b


def walk(graph: Wired, batch: Batch, which: Sequence[int]) -> None:
    """Run nodes `which` over the batch, and let signals act."""
    wiring = graph._wiring
    sources = [signal.source for signal in wiring.signals if signal.source in which]
    if not sources:
        _nodes(graph, batch, which, 0, batch.n)
        _settle(graph, batch, which, 0, batch.n)
        return
    free = [k for k in which if k in wiring.free]
    bound = tuple(k for k in which if k in wiring.bound)
    _nodes(graph, batch, free, 0, batch.n)
    known = _alarms(batch, [k for k in sources if k in wiring.free], 0, batch.n)
    watched = [k for k in sources if k in wiring.bound]
    a = 0
    while a < batch.n:
        at = np.searchsorted(known, a)
        b = int(known[at]) + 1 if at < len(known) else batch.n
        if watched:
            b = _run_ahead(graph, batch, bound, watched, a, min(b, a + graph._stride))
        else:
            _nodes(graph, batch, bound, a, b)
        _settle(graph, batch, which, a, b)
        a = b


def _run_ahead(
    graph: Wired, batch: Batch, bound: Sequence[int], watched: Sequence[int], a: int, b: int
) -> int:
    """Run up to the first alarm or the end of the stretch; returns the row behind."""
    changing = [k for k in bound if learns(graph, batch, k)]
    before = graph._snapshot(changing) if b - a > 1 else []
    _nodes(graph, batch, bound, a, b)
    alarms = _alarms(batch, watched, a, b)
    end = int(alarms[0]) + 1 if len(alarms) else b
    if end < b:
        graph._restore(before)
        _nodes(graph, batch, bound, a, end)
    graph._stride = min(max(2 * (end - a), SHORTEST), LONGEST)
    return end


def _alarms(batch: Batch, sources: Sequence[int], a: int, b: int) -> np.typing.NDArray[np.intp]:
    """Rows from `a` to `b` at which one of the drift detectors raised an alarm."""
    found = np.zeros(b - a, bool)
    for k in sources:
        found |= batch.flags[k][a:b] == ALARM
    return a + np.flatnonzero(found)


def _settle(graph: Wired, batch: Batch, which: Sequence[int], a: int, b: int) -> None:
    """Rows `a` to `b` are done: count them, keep what a refit needs, let signals act."""
    wiring = graph._wiring
    _decide(graph, batch, a, b)
    _count(graph, batch, b - a)
    for k, flags in batch.flags.items():
        graph.raised_[k] += int((flags[a:b] == ALARM).sum())
    for k in wiring.kept:
        if k in which and learns(graph, batch, k):
            y = batch.y if wiring.nodes[k].role in SUPERVISED else batch.zeros
            kept.keep(graph, k, rows_of(graph, batch, k, a, b), y[a:b], batch.weight[a:b])
    for number, signal in enumerate(wiring.signals):
        if signal.source in which and batch.flags[signal.source][b - 1] == ALARM:
            if batch.due is None:
                signals.act(graph, number)
            else:
                batch.due.append(number)


def _decide(graph: Wired, batch: Batch, a: int, b: int) -> None:
    """Rows `a` to `b` wait for labels and rewards: which are wanted, and what is done about them.

    Strategy and agent have not read them before, as nothing follows from that for other nodes.
    """
    wiring, spent = graph._wiring, graph._clock()
    if batch.asks is None:
        return
    before = perf_counter_ns()
    if wiring.strategy is not None:
        k, judged = wiring.strategy, wiring.judged
        strategy: QueryStrategy = graph.nodes_[k]  # type: ignore[assignment]  # as wired
        proba = None if judged < 0 else batch.shares[judged][a:b]
        rows = rows_of(graph, batch, k, a, b)
        numbers = range(graph.n_samples_, graph.n_samples_ + b - a)
        said = strategy.query_fit_many(rows, proba, weight=batch.weight[a:b], ids=numbers)
        batch.asks[a:b] = np.stack([*said], axis=1)
        batch.asks[a:b, 0] *= batch.weight[a:b] > 0.0
        spent[k] += perf_counter_ns() - before
        _notice(graph, batch, a, b)
        before = perf_counter_ns()
    if wiring.agent is not None:
        agent: Agent = graph.nodes_[wiring.agent]  # type: ignore[assignment]  # as wired
        rows = rows_of(graph, batch, wiring.agent, a, b)
        batch.actions[a:b] = [*agent.act_many(rows, explore=True)]
        spent[wiring.agent] += perf_counter_ns() - before


def _notice(graph: Wired, batch: Batch, a: int, b: int) -> None:
    """Classifiers that learn something from rows without labels take note of them."""
    for k, node in noticing(graph):
        before = perf_counter_ns()
        node._notice(rows_of(graph, batch, k, a, b)[batch.weight[a:b] > 0.0])
        graph._clock()[k] += perf_counter_ns() - before


def learns(graph: Wired, batch: Batch, k: int) -> bool:
    """Whether node `k` learns the rows of the batch."""
    node = graph._wiring.nodes[k]
    return batch.late if node.role in SUPERVISED or node.late else batch.early


def _count(graph: Wired, batch: Batch, n: int) -> None:
    if batch.early:
        graph.n_samples_ += n
    if batch.late:
        graph.n_labels_ += n


# -------------------------------------------------------------------- one node after another


def _nodes(graph: Wired, batch: Batch, which: Sequence[int], a: int, b: int) -> None:
    """Rows `a` to `b` through nodes, in order."""
    spent = graph._clock()
    for k in which:
        before = perf_counter_ns()
        try:
            _node(graph, batch, k, a, b)
        except Exception as error:
            graph._name_node(k, error)
            raise
        spent[k] += perf_counter_ns() - before


def _node(graph: Wired, batch: Batch, k: int, a: int, b: int) -> None:
    wiring = graph._wiring
    node, made = wiring.nodes[k], graph.nodes_[k]
    rows, weight, fit = rows_of(graph, batch, k, a, b), batch.weight[a:b], learns(graph, batch, k)
    if node.role == DRIFT:
        flags = np.empty((b - a, 1))
        made._run(rows, batch.zeros[a:b], weight, flags, ANSWER, True)
        batch.store(batch.flags, k, flags[:, 0], a, b)
        return
    level = 0 if k in batch.reads else wiring.levels[k]
    wanted = batch.outs.get(k)
    if wanted is not None:
        level = max(level, batch.serve)
    y = batch.y[a:b] if node.role in SUPERVISED else batch.zeros[a:b]
    if not level:
        if fit:
            made._run(rows, y, weight, _NOTHING, 0, True)
        return
    width = made._n_outputs()
    mine = wanted[a:b] if wanted is not None and wanted.shape[1] == width else None
    out = np.empty((b - a, width)) if mine is None else mine
    made._run(rows, y, weight, out, level, fit)
    if wanted is not None and mine is None:
        wanted[a:b, :width] = out[:, : wanted.shape[1]]
        wanted[a:b, width:] = 0.0
    if k in wiring.watched:
        batch.store(batch.answers, k, out[:, 0].copy(), a, b)
    if batch.asks is not None and k in wiring.outputs[1:]:
        batch.store(batch.others, k, out.copy(), a, b)
    if k == wiring.judged:
        assert isinstance(made, Classifier)
        batch.store(batch.shares, k, out[:, 1 : 1 + len(made.classes_)].copy(), a, b)
    if k in wiring.handing:
        batch.store(batch.values, k, _handed(graph, k, out, batch.n_classes), a, b)


def _handed(graph: Wired, k: int, out: Array, n_classes: int) -> Array:
    """What node `k` hands over of its answers."""
    role, made = graph._wiring.nodes[k].role, graph.nodes_[k]
    if role == TRANSFORMER:
        return out
    if role != CLASSIFIER:
        return np.ascontiguousarray(out[:, :1])
    assert isinstance(made, Classifier)
    known = len(made.classes_) if n_classes < 0 else n_classes
    shares = np.full((len(out), max(2, known)), np.nan)
    shares[:, :known] = out[:, 1 : 1 + known]
    return shares


def rows_of(graph: Wired, batch: Batch, k: int, a: int, b: int) -> Array:
    """What node `k` reads in rows `a` to `b`."""
    if k in batch.reads:
        return batch.reads[k][a:b]
    node = graph._wiring.nodes[k]
    parts = [_source(graph, batch, source, a, b) for source in node.sources]
    if len(parts) == 1:
        return parts[0]
    extents = graph.layout_[k]
    return np.concatenate([parts[i][:, lo:hi] for i, lo, hi in extents], axis=1)


def _source(graph: Wired, batch: Batch, source: Source, a: int, b: int) -> Array:
    if not source.error:
        return batch.values[source.node][a:b]
    said, y = batch.answers[source.node][a:b], batch.y[a:b]
    by_class = graph._wiring.nodes[source.node].role == CLASSIFIER
    found: Array = (said != y).astype(np.float64) if by_class else np.abs(said - y)
    return found[:, None]
