"""What follows from a graph's nodes and signals alone, before any data: order, reach, faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from onlineml.active.query_strategy import QueryStrategy
from onlineml.base import Classifier, Detector, DriftDetector, Estimator, Regressor, Transformer
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES
from onlineml.rl.agent import Agent
from onlineml.schema import wrong

X = -1  # the source that is the row itself: the last of a list with one place a node, and one more
TRANSFORMER, DETECTOR, CLASSIFIER, REGRESSOR, DRIFT, STRATEGY, AGENT = (
    "transformer", "detector", "classifier", "regressor", "drift detector", "query strategy",
    "agent",
)  # fmt: skip
ROLES: dict[str, type[Estimator]] = {
    TRANSFORMER: Transformer,
    DETECTOR: Detector,
    CLASSIFIER: Classifier,
    REGRESSOR: Regressor,
    DRIFT: DriftDetector,
    STRATEGY: QueryStrategy,
    AGENT: Agent,
}
ANSWERING = (TRANSFORMER, DETECTOR, CLASSIFIER, REGRESSOR)
SUPERVISED = (CLASSIFIER, REGRESSOR)
ONCE = (STRATEGY, AGENT)  # at most one of each: a row has one label and one reward
RESET, REPLACE, REFIT, REFUND = "reset", "replace", "refit", "refund"
CONSOLIDATE = "consolidate"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
ERROR = re.compile(r"error_of\((\w+)\)")


class Source(NamedTuple):
    """What a node reads: the answer of `node` (`X`: the row), or the error of that answer."""

    node: int
    error: bool = False


class Node(NamedTuple):
    """A node: `late` where it reads errors, and so runs when labels come.

    A query strategy judges the probabilities that node `judged` gives.
    """

    name: str
    estimator: Estimator
    role: str
    sources: tuple[Source, ...]
    late: bool
    judged: int = X


class Signal(NamedTuple):
    """When drift detector `source` raises an alarm, do `action` to the nodes `targets`."""

    source: int
    action: str | Callable[[Any], Any]
    targets: tuple[int, ...]
    last: int = 0  # rows that a refit learns again, labels that a refund plans


def check_name(name: object) -> None:
    """Raise `ValueError` for a name of a graph that is no text."""
    if not isinstance(name, str) or not name:
        raise wrong("name", name, "text; nodes come by `add`")


class Wiring:
    """Nodes in order, and who reaches whom."""

    def __init__(
        self, nodes: Iterable[Any], signals: Iterable[Any], outputs: Sequence[str]
    ) -> None:
        self.nodes: list[Node] = []
        self.index: dict[str, int] = {}
        for name, estimator, after in nodes:
            self._add(name, estimator, after)
        self.outputs = tuple(map(self._answering, outputs)) or self._last_answering()
        self.signals = [self._signal(*signal) for signal in signals]
        self._ask_once()
        self._follow()

    # ---------------------------------------------------------------- one by one

    def _add(self, name: str, estimator: Estimator, after: tuple[str, ...]) -> None:
        if not (isinstance(name, str) and _NAME.fullmatch(name)) or name == "x":
            raise wrong("name", name, "letters, digits and single underscores, other than 'x'")
        if name in self.index:
            raise wrong("name", name, f"a name other than those of {', '.join(self.index)}")
        role = next((role for role, kind in ROLES.items() if isinstance(estimator, kind)), None)
        if role is None:
            known = ", ".join(f"an {role}" if role[0] in "aeiou" else f"a {role}" for role in ROLES)
            raise wrong(f"node {name!r}", estimator, f"an estimator: {known}")
        sources = tuple(self._source(name, text) for text in after)
        judged = X
        if role == STRATEGY:
            sources, judged = self._judging(name, estimator, after, sources)
        late = {self._is_late(source) for source in sources}
        if len(late) != 1:
            due = "sources, all known when the row comes or all when its label comes"
            raise wrong(f"after of {name!r}", after, due)
        if late == {True} and role in (*SUPERVISED, *ONCE):
            due = "an estimator that needs no label after errors, nor a reward"
            raise wrong(f"node {name!r}", estimator, due)
        if role in ONCE and any(node.role == role for node in self.nodes):
            raise wrong(f"node {name!r}", estimator, f"one {role} in a graph")
        self.index[name] = len(self.nodes)
        self.nodes.append(Node(name, estimator, role, sources, late.pop(), judged))
        roles = {node.role for node in self.nodes} & set(SUPERVISED)
        if len(roles) > 1:
            raise wrong(f"node {name!r}", estimator, "learners of one kind: they share the label")

    def _judging(
        self, name: str, strategy: Estimator, after: tuple[str, ...], sources: tuple[Source, ...]
    ) -> tuple[tuple[Source, ...], int]:
        """What a strategy reads as the row, and the classifier that it judges.

        Where no other source makes the row, it is what the classifier reads.
        """
        classifiers = [
            source.node
            for source in sources
            if source.node != X and self._is(source.node, CLASSIFIER) and not source.error
        ]
        due = "a classifier, whose probabilities it judges, and what else makes the row"
        assert isinstance(strategy, QueryStrategy)
        if len(classifiers) > 1 or (not classifiers and strategy._needs_proba):
            raise wrong(f"after of {name!r}", after, due)
        if not classifiers:
            return sources, X
        rest = tuple(source for source in sources if source.node != classifiers[0])
        return rest or self.nodes[classifiers[0]].sources, classifiers[0]

    def _source(self, name: str, text: str) -> Source:
        if text == "x":
            return Source(X)
        error = ERROR.fullmatch(text)
        k = self.known(error[1] if error else text, f"after of {name!r}")
        role = self.nodes[k].role
        if error and role not in SUPERVISED:
            raise wrong(f"after of {name!r}", text, "the error of a classifier or regressor")
        if not error and role not in ANSWERING:
            raise wrong(f"after of {name!r}", text, f"no {role}: others do not read it")
        return Source(k, error is not None)

    def _is_late(self, source: Source) -> bool:
        return source.error or (source.node != X and self.nodes[source.node].late)

    def known(self, name: str, argument: str) -> int:
        """Place of the node of that name."""
        if name not in self.index:
            raise wrong(argument, name, f"one of x, {', '.join(self.index) or 'no node yet'}")
        return self.index[name]

    def _answering(self, name: str) -> int:
        k = self.known(name, "outputs")
        if self.nodes[k].role not in ANSWERING or self.nodes[k].late:
            raise wrong("outputs", name, "a node that answers when the row comes")
        return k

    def _last_answering(self) -> tuple[int, ...]:
        answering = [
            k for k, node in enumerate(self.nodes) if node.role in ANSWERING and not node.late
        ]
        return tuple(answering[-1:])

    def _signal(self, source: str, action: Any, *more: Any) -> Signal:
        k = self.known(source, "signal")
        if self.nodes[k].role != DRIFT:
            raise wrong("signal", source, "the name of a drift detector")
        if callable(action) and not more:
            return Signal(k, action, tuple(range(len(self.nodes))))
        if action == RESET and more:
            return Signal(k, RESET, tuple(self.known(name, "reset") for name in more))
        if action == CONSOLIDATE and more:
            return Signal(k, CONSOLIDATE, tuple(map(self._guarded, more)))
        if action == REPLACE and len(more) == 2:
            old, by = (self.known(name, "replace") for name in more)
            ours, theirs = self.nodes[old], self.nodes[by]
            if type(ours.estimator) is not type(theirs.estimator) or ours.sources != theirs.sources:
                raise wrong("replace", more[1], f"a node of the class and sources of {more[0]!r}")
            return Signal(k, REPLACE, (old, by))
        if action in (REFIT, REFUND) and len(more) == 2:
            return Signal(k, action, (self._target(action, *more),), last=more[1])
        due = "reset(...), replace(...), refit(...), refund(...), consolidate(...) or a callable"
        raise wrong("signal", (action, *more), due)

    def _guarded(self, name: str) -> int:
        """The node of that name, a network with a penalty."""
        from onlineml.learners.torch_learner import TorchLearner

        k = self.known(name, CONSOLIDATE)
        model = self.nodes[k].estimator
        if not isinstance(model, TorchLearner) or model.penalty is None:
            raise wrong(CONSOLIDATE, name, "the name of a network of torch with a penalty")
        return k

    def _target(self, action: str, name: str, n: Any) -> int:
        """The node that is refitted on `n` rows, or given back the price of `n` labels."""
        k = self.known(name, action)
        if (self.nodes[k].role == STRATEGY) != (action == REFUND) or self._is(k, AGENT):
            due = "a query strategy" if action == REFUND else "a node that learns rows"
            raise wrong(action, name, f"the name of {due}")
        least = 0 if action == REFUND else 1
        if not (isinstance(n, int) and n >= least):
            rows = "labels to buy" if action == REFUND else "rows to learn again"
            raise wrong(action, n, f"a number of {rows}, at least {least}")
        return k

    # ---------------------------------------------------------------- all together

    def _ask_once(self) -> None:
        """How much of its answer each node is asked for when others need it."""
        handing = {
            source.node for node in self.nodes for source in node.sources if not source.error
        }
        watched = {source.node for node in self.nodes for source in node.sources if source.error}
        self.handing, self.watched = frozenset(handing), frozenset(watched)
        self.levels = [0] * len(self.nodes)
        for k, node in enumerate(self.nodes):
            if k in handing:
                full = node.role in (TRANSFORMER, CLASSIFIER)
                self.levels[k] = ANSWER_AND_SCORES if full else ANSWER
            elif k in watched:
                self.levels[k] = ANSWER
            if k in self.outputs[1:]:
                whole = node.role == TRANSFORMER
                self.levels[k] = max(self.levels[k], ANSWER_AND_SCORES if whole else ANSWER)
            if any(other.judged == k for other in self.nodes):
                self.levels[k] = ANSWER_AND_SCORES
        self.widens = any(self.nodes[k].role == CLASSIFIER for k in handing if k != X)
        self.supervised = tuple(k for k, node in enumerate(self.nodes) if node.role in SUPERVISED)
        self.strategy = self._only(STRATEGY)
        self.agent = self._only(AGENT)
        self.judged = X if self.strategy is None else self.nodes[self.strategy].judged
        #: Nodes that a sample waits for: their label, or their reward.
        self.waiting = tuple(
            k for k, node in enumerate(self.nodes) if node.role in (*SUPERVISED, AGENT)
        )
        self.walked = tuple(k for k, node in enumerate(self.nodes) if node.role not in ONCE)
        self.early = tuple(k for k in self.walked if not self.nodes[k].late)
        self.lessons = tuple(k for k in self.walked if k in self.supervised or self.nodes[k].late)

    def _only(self, role: str) -> int | None:
        return next((k for k, node in enumerate(self.nodes) if node.role == role), None)

    def check(self) -> None:
        """Raise for what can only be judged of the whole graph."""
        classifiers = {k for k in self.handing if k != X and self._is(k, CLASSIFIER)}
        for k in self.outputs:
            if self._is(k, TRANSFORMER) and k in self._after(classifiers):
                due = "no transformer of a classifier's answers: their number may grow"
                raise wrong("outputs", self.nodes[k].name, due)

    def _is(self, k: int, role: str) -> bool:
        return self.nodes[k].role == role

    def _after(self, some: set[int]) -> set[int]:
        """`some` nodes, and all that follow them."""
        found = set(some)
        for k, node in enumerate(self.nodes):
            if any(source.node in found for source in node.sources):
                found.add(k)
        return found

    def _follow(self) -> None:
        """What serving needs, and what signals reach."""
        needed = set(self.outputs[:1])
        for k in reversed(range(len(self.nodes))):
            if k in needed:
                needed |= {source.node for source in self.nodes[k].sources}
        self.serving = tuple(k for k in range(len(self.nodes)) if k in needed)
        bound = self._after({target for signal in self.signals for target in signal.targets})
        self.everything = tuple(range(len(self.nodes)))
        self.bound = tuple(k for k in self.everything if k in bound)
        self.free = tuple(k for k in self.everything if k not in bound)
        self.sources = frozenset(signal.source for signal in self.signals)
        self.loops = bool(self.sources & bound)
        self.kept = {  # rows that a refit of the node needs
            k: max(signal.last for signal in self.signals if k in signal.targets)
            for signal in self.signals
            if signal.action == REFIT
            for k in signal.targets
        }
