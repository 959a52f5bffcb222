"""A row taken back from all nodes that have learned it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from onlineml.graph import kept, replay
from onlineml.graph.store import Taken
from onlineml.graph.wiring import AGENT, SUPERVISED
from onlineml.receipt import Receipt, refused, worst

if TYPE_CHECKING:
    from onlineml.graph.wired import Wired

_INFINITY = float("inf")


def forget(graph: Wired, id: Hashable) -> Receipt:
    """Let every node forget the rows of that id; where one refuses, none does.

    A graph that replays goes back to before the first of them. Otherwise the receipt is the worst
    of theirs; nodes that read what others have learned to say have met the row through them in all
    later rows, too: then it is approximate at best.
    """
    if id is None:
        return refused("a graph finds a row by the id that it came with")
    if not graph.remember:
        return refused("rows are not kept (remember=0)")
    if graph.replay:
        return replay.forget(graph, id)
    store = graph._store
    rows = [(store.at([slot]), store.target(slot)) for slot in store.remembered(id)]
    if not rows:
        return refused(f"row {id!r} is not known: never met, or too long ago")
    who = [_who_learned(graph, taken, target) for taken, target in rows]
    nodes = sorted(set().union(*who))
    before = graph._snapshot(nodes)
    receipts = []
    for (taken, target), learned in zip(rows, who):
        for k in learned:
            receipt = _by_node(graph, k, taken, target)
            if not receipt.forgotten:
                graph._restore(before)
                name = graph._wiring.nodes[k].name
                return refused(f"node {name!r}: {receipt.reason}; a graph with replay=True can")
            receipts.append(receipt)
    for (taken, _), learned in zip(rows, who):
        _drop_kept(graph, learned, taken)
    store.forget(id)
    return _as_read(graph, nodes, worst(receipts) if receipts else Receipt("exact", 0.0, 0, 0, ""))


def _who_learned(graph: Wired, taken: Taken, target: float) -> list[int]:
    """Nodes that have learned something of a row, whose label may not have come."""
    wiring, labeled = graph._wiring, target == target
    found = []
    for i, k in enumerate(graph._stored):
        node = wiring.nodes[k]
        if node.role == AGENT:
            learned = bool(taken.said[i][0] == 1.0)
        else:
            learned = labeled if k in wiring.lessons else True
        found += [k] if learned else []
    return found


def _by_node(graph: Wired, k: int, taken: Taken, target: float) -> Receipt:
    node, made = graph._wiring.nodes[k], graph.nodes_[k]
    row = np.full(made.schema_.n_features, np.nan)
    read = taken.reads[graph._stored.index(k)][0][: len(row)]
    row[: len(read)] = read
    y = graph._label_of(target) if node.role in SUPERVISED else None
    receipt: Receipt = graph._named(node.name, made.unlearn_one, row, y)
    return receipt


def _as_read(graph: Wired, nodes: list[int], receipt: Receipt) -> Receipt:
    """The receipt, knowing that later rows were read through nodes that had learned the row."""
    for k in nodes:
        for source in graph._wiring.nodes[k].sources:
            if source.node in nodes and receipt.kind != "approximate":
                name = graph._wiring.nodes[source.node].name
                reason = f"later rows were read through {name!r}, which had learned the row"
                return receipt._replace(kind="approximate", bound=_INFINITY, reason=reason)
    return receipt


def _drop_kept(graph: Wired, nodes: list[int], taken: Taken) -> None:
    """What is kept for a refit does not bring the row back."""
    for k in nodes:
        if k in graph._wiring.kept:
            kept.drop(graph, k, taken.reads[graph._stored.index(k)][0])
