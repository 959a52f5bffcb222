"""Signals: what is done to nodes when a drift detector has raised an alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onlineml.base import Classifier
from onlineml.graph import kept
from onlineml.graph.wiring import CONSOLIDATE, REFIT, REFUND, REPLACE, RESET, Signal
from onlineml.kernels.arena import Array

if TYPE_CHECKING:
    from onlineml.graph.wired import Wired


def reset(*names: str) -> tuple[str, ...]:
    """The signal that makes nodes forget all that they have learned.

    Parameters
    ----------
    *names
        The nodes; `Graph.on` refuses what is none.

    Examples
    --------
    >>> from onlineml.graph import reset
    >>> reset("scale", "learner")
    ('reset', 'scale', 'learner')
    """
    return (RESET, *names)


def replace(name: str, *, by: str) -> tuple[str, str, str]:
    """The signal that gives node `name` what node `by` has learned; `by` then begins anew.

    Both are of one class and read the same. A node that was reset at an earlier, weaker alarm is
    thus a successor that has seen only the newer rows.

    Parameters
    ----------
    name, by
        The nodes; `Graph.on` refuses what is none, and two that differ in class or sources.

    Examples
    --------
    >>> from onlineml.graph import replace
    >>> replace("learner", by="successor")
    ('replace', 'learner', 'successor')
    """
    return (REPLACE, name, by)


def refit(name: str, *, last: int) -> tuple[str, str, int]:
    """The signal that resets a node and lets it learn again the `last` rows that it has learned.

    The graph keeps these rows for it.

    Parameters
    ----------
    name
        The node; `Graph.on` refuses what is none, strategies and agents.
    last
        How many rows, at least 1.

    Examples
    --------
    >>> from onlineml.graph import refit
    >>> refit("learner", last=500)
    ('refit', 'learner', 500)
    """
    return (REFIT, name, last)


def refund(name: str, *, n_labels: int) -> tuple[str, str, int]:
    """The signal that lets query strategy `name` buy so many labels from now on, ahead of its pace.

    They are paid back later.

    Parameters
    ----------
    name
        The strategy; `Graph.on` refuses what is none.
    n_labels
        How many labels, at least 0.

    Examples
    --------
    >>> from onlineml.graph import refund
    >>> refund("ask", n_labels=50)
    ('refund', 'ask', 50)
    """
    return (REFUND, name, n_labels)


def consolidate(*names: str) -> tuple[str, ...]:
    """The signal that says to networks with a penalty (`EWC`, `LwF`) that another task begins.

    They then guard what they knew before the alarm.

    Parameters
    ----------
    *names
        The networks; `Graph.on` refuses what is none, or has no penalty.

    Examples
    --------
    >>> from onlineml.graph import consolidate
    >>> consolidate("network")
    ('consolidate', 'network')
    """
    return (CONSOLIDATE, *names)


def act(graph: Wired, number: int) -> None:
    """Carry out signal `number`."""
    signal: Signal = graph._wiring.signals[number]
    graph._note_alarm(number)
    if callable(signal.action):
        signal.action(graph)
        graph._rewire()
        return
    if signal.action == REPLACE:
        old, by = signal.targets
        graph.nodes_[old].set_state(graph.nodes_[by].get_state())
        graph.resets_[old] += 1
        begin_anew(graph, by)
        return
    for k in signal.targets:
        if signal.action == REFUND:
            strategy: Any = graph.nodes_[k]
            strategy.refund(signal.last)
            continue
        if signal.action == CONSOLIDATE:
            network: Any = graph.nodes_[k]
            network.consolidate()
            continue
        begin_anew(graph, k)
        if signal.action == REFIT:
            learn_again(graph, k, signal.last)


def begin_anew(graph: Wired, k: int) -> None:
    """Node `k` as it was before any data, of the present columns and classes."""
    node: Any = graph.nodes_[k]
    schema, classes = node.schema_, list(node.classes_) if isinstance(node, Classifier) else None
    width = node._n_outputs()
    node.reset()
    node._begin(schema)
    if classes:
        node._admit_targets(classes)
    graph.resets_[k] += 1
    if node._n_outputs() != width:
        graph._rewire()


def learn_again(graph: Wired, k: int, last: int) -> None:
    """Let node `k` learn the last rows that were kept for it."""
    rows, y, weight = kept.last_rows(graph, k, last)
    if len(rows):
        nothing: Array = rows[:0]
        graph.nodes_[k]._run(rows, y, weight, nothing, 0, True)
