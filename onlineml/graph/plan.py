"""The turns of an event: which nodes are asked, what they read, and what they hand over.

A plan holds the nodes' own rows and answers, so that an event is a few copies and calls. It is out
of date as soon as a node has made new ones, which is looked at in every turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onlineml.base import Classifier, Estimator
from onlineml.graph.wiring import CLASSIFIER, DRIFT, REGRESSOR, SUPERVISED, TRANSFORMER, X
from onlineml.kernels.arena import ANSWER_AND_SCORES, Array

if TYPE_CHECKING:
    from onlineml.graph.wired import Wired


class Ask(NamedTuple):
    """A node's turn to be asked."""

    k: int
    node: Estimator
    row: Array  # the node's own
    pulls: tuple[tuple[Array, Array], ...]  # parts of it, and where they come from
    errors: tuple[tuple[int, int], ...]  # cells of it, and whose errors they are
    call: Callable[[int], int]
    how: int  # what it is called with; 0: it only reads
    answer: Any  # the cell of its answer, where errors are read from it; else None


class Lesson(NamedTuple):
    """A node's turn to learn what it has read."""

    k: int
    node: Estimator
    call: Callable[[int], int]
    how: int
    target: Any  # the cell for the label, where it learns one; else None


def noticing(graph: Wired) -> list[tuple[int, Classifier]]:
    """Classifiers that learn something from rows without labels."""
    nodes = [(k, graph.nodes_[k]) for k in graph._wiring.supervised]
    return [(k, node) for k, node in nodes if isinstance(node, Classifier) and node._notices]


class Plan:
    """The turns of an event in the present state of a graph."""

    def __init__(self, graph: Wired) -> None:
        wiring = graph._wiring
        self.graph, self.wiring = graph, wiring
        self.x: Array = graph._row
        self.output = wiring.outputs[0]
        role = wiring.nodes[self.output].role
        self.whole = role == TRANSFORMER  # whether the answer is a row
        self.labeled, self.classes = role in SUPERVISED, role == CLASSIFIER
        self.stored = graph._stored
        self.said = [0.0] * len(wiring.nodes)
        #: The row, as bytes, that was served last, if nothing has happened since: what nodes that
        #: the answer depends on have read and said still stands.
        self.standing: bytearray | None = None
        self.balks = False  # whether fewer shares are there than are read: the way of chunks does
        for k in wiring.walked:
            graph.nodes_[k]._ready()
        self._handed = {X: self.x} | {k: self._hand(k) for k in wiring.walked}
        self._rows = {k: graph.nodes_[k]._row for k in wiring.walked}
        self._pulls = {k: self._pull(k, row) for k, row in self._rows.items()}
        self.made: dict[tuple[str, int], list[Ask]] = {}
        self.late = self.asks("late", 0)
        first = [k for k in wiring.early if k not in wiring.supervised]
        self.first_lessons = [self._lesson(k) for k in first]
        self.late_lessons = [self._lesson(k) for k in wiring.lessons]
        self.found, self.answer = graph.nodes_[self.output]._out, graph.nodes_[self.output]._answer
        #: Whether a node that is asked reads the row, and so looks for infinities.
        self.checked = any(
            wiring.levels[k] and any(source.node == X for source in wiring.nodes[k].sources)
            for k in wiring.early
        )
        #: Whether labels are all that comes beside rows.
        unkept = wiring.agent is None and not graph._keeps_reads
        self.plain = self.labeled and unkept and len(wiring.outputs) == 1
        #: Whether rows that are fitted, with a label or without, go the way of chunks.
        lonely = wiring.agent is None and self.labeled
        self.is_apart = wiring.strategy is not None and not lonely
        self._judge(graph)
        self.regression = role == REGRESSOR
        flags = [(k, node.late) for k, node in enumerate(wiring.nodes) if node.role == DRIFT]
        self.drifts = [(k, memoryview(vars(graph.nodes_[k])["flag_"]), late) for k, late in flags]
        self.signals = [(number, signal.source) for number, signal in enumerate(wiring.signals)]
        self.waiting = [(k, self._rows[k]) for k in wiring.supervised]  # learners, their own rows
        self.kept = [(k, k in wiring.lessons) for k in wiring.kept]
        #: Classifiers that learn something from rows without labels.
        self.noticing = noticing(graph)

    def asks(self, kind: str, serve: int) -> list[Ask]:
        """Turns of nodes, in order; the one that answers is asked to `serve`, if not 0.

        Kinds: "serving", those that the answer depends on; "early", those that read when a row
        comes; "further", those of them that it does not depend on; "late", those that read errors.
        """
        made = self.made.get((kind, serve))
        if made is None:
            wiring = self.wiring
            late = [k for k in wiring.lessons if wiring.nodes[k].late]
            further = tuple(k for k in wiring.early if k not in wiring.serving)
            which = {
                "serving": wiring.serving, "early": wiring.early, "further": further, "late": late
            }[kind]  # fmt: skip
            made = self.made[kind, serve] = [
                self._ask(k, serve if k == self.output else 0) for k in which if k != X
            ]
        return made

    @property
    def is_stale(self) -> bool:
        """Whether a node has made a new row, so that what is held here is no longer its own."""
        nodes = self.graph.nodes_
        return any(nodes[k]._width < 0 or nodes[k]._row is not row for k, row in self._rows.items())

    def knows(self, target: float) -> bool:
        """Whether learners know the class of that number; any number, where they are no classes."""
        return target < self.n_known

    def own_row(self, k: int) -> Array:
        """What an agent reads now, as a row of its own."""
        n = sum(hi - lo for _, lo, hi in self.graph.layout_[k])
        row = np.empty(n)
        for part, source in self._pull(k, row)[0]:
            part[...] = source
        return row

    # ---------------------------------------------------------------- how it is made

    def _judge(self, graph: Wired) -> None:
        """The row that the strategy reads, and the probabilities that it judges."""
        self.n_known = len(graph._classes()) if self.classes else np.inf
        self.judged_row, self.judged_shares = np.empty(0), None
        self.judged_pulls: tuple[Any, ...] = ()
        k, judged = self.wiring.strategy, self.wiring.judged
        if k is not None:
            self.judged_row = np.empty(sum(hi - lo for _, lo, hi in graph.layout_[k]))
            self.judged_pulls = self._pull(k, self.judged_row)[0]
        if judged != X:
            self.judged_shares = self._handed[judged]

    def _hand(self, k: int) -> Array:
        """The part of a node's answers that it hands over."""
        made, role = self.graph.nodes_[k], self.wiring.nodes[k].role
        if role == TRANSFORMER:
            return made._out
        if role != CLASSIFIER:
            return made._out[:1]
        assert isinstance(made, Classifier)
        return made._out[1 : 1 + len(made.classes_)]

    def _pull(self, k: int, row: Array) -> tuple[Any, Any]:
        """Parts of a row with their sources, and cells of errors."""
        node, pulls, errors, at = self.wiring.nodes[k], [], [], 0
        for i, lo, hi in self.graph.layout_[k]:
            source = node.sources[i]
            if source.error:
                errors.append((at, source.node))
            else:
                given = self._handed[source.node][lo:hi]
                self.balks |= len(given) < hi - lo
                pulls.append((row[at : at + len(given)], given))
            at += hi - lo
        return tuple(pulls), tuple(errors)

    def _ask(self, k: int, serve: int) -> Ask:
        made, level = self.graph.nodes_[k], max(self.wiring.levels[k], serve)
        how = made._scoring if level == ANSWER_AND_SCORES else made._serving
        answer = made._answer if k in self.wiring.watched else None
        pulls, errors = self._pulls[k]
        return Ask(k, made, made._row, pulls, errors, made._call, how if level else 0, answer)

    def _lesson(self, k: int) -> Lesson:
        made = self.graph.nodes_[k]
        target = made._y if k in self.wiring.supervised else None
        return Lesson(k, made, made._call, made._fitting, target)
