"""A graph that runs row by row, with plain calls of its nodes' verbs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from onlineml.active.query_strategy import QueryStrategy
from onlineml.base import Classifier, Detector, DriftDetector, Regressor, Transformer
from onlineml.rl.agent import Agent, Transition
from onlineml.schema import Schema

Nodes = list[tuple[str, Any, tuple[str, ...]]]


class NaiveGraph:
    """Nodes in order; a row is answered, learned, and then signals act."""

    def __init__(self, nodes: Nodes, signals: list[tuple[Any, ...]]) -> None:
        self.after = {name: after for name, _, after in nodes}
        self.signals = signals
        self.nodes: dict[str, Any] = {name: made.clone() for name, made, _ in nodes}
        self.read: dict[str, list[Any]] = {name: [] for name in self.after}  # all that they learned
        self.classes: list[Any] = []
        self.layout: dict[str, list[tuple[str, int]]] = {name: [] for name in self.after}
        self.n_alarms = self.n_samples = 0
        self.acted: dict[Any, Any] = {}
        self.waiting: dict[Any, Any] = {}  # what was read and said of rows whose label may come

    def late(self, name: str) -> bool:
        return any(
            text.startswith("error_of") or (text != "x" and self.late(text))
            for text in self.after[name]
        )

    # ---------------------------------------------------------------- one row

    def answers(self, x: Any) -> dict[str, Any]:
        """What each node that is there when the row comes answers, and what each of them reads."""
        gives, self.reads, said = {"x": list(x)}, {}, {}
        for name, node in self.nodes.items():
            if self.late(name) or isinstance(node, QueryStrategy | Agent):
                continue
            self.reads[name] = self.row_of(name, gives)
            if isinstance(node, Transformer):
                gives[name] = said[name] = node.transform_one(self.reads[name]).tolist()
            elif isinstance(node, Detector):
                said[name] = node.score_one(self.reads[name])
                gives[name] = [said[name]]
            elif isinstance(node, Regressor):
                said[name] = node.predict_one(self.reads[name])
                gives[name] = [said[name]]
            elif isinstance(node, Classifier):
                said[name] = node.predict_one(self.reads[name])
                shares = node.predict_proba_one(self.reads[name]).tolist()
                gives[name] = shares + [np.nan] * (max(2, len(self.classes)) - len(shares))
        self.gives = gives
        return said

    def row_of(self, name: str, gives: dict[str, list[float]]) -> Any:
        """Columns of the sources, in the order in which they appeared."""
        layout = self.layout[name]
        for source in self.after[name]:
            layout += [(source, j) for j in range(len(gives[source])) if (source, j) not in layout]
        return np.array([gives[source][j] for source, j in layout])

    def sample(self, x: Any) -> dict[str, Any]:
        """Answer; then those that need no label learn."""
        said = self.answers(x)
        for name, node in self.nodes.items():
            if name in self.reads and not isinstance(node, Classifier | Regressor):
                self.learn(name, self.reads[name], None)
        return said

    def label(self, reads: dict[str, Any], said: dict[str, Any], y: Any) -> None:
        """Learners learn, then those that read errors."""
        before = len(self.classes)
        if any(isinstance(node, Classifier) for node in self.nodes.values()):
            self.classes += [y] if y not in self.classes else []
        for name, node in self.nodes.items():
            if isinstance(node, Classifier | Regressor):
                if isinstance(node, Classifier):
                    self.know_classes(node, reads[name])
                self.learn(name, reads[name], y)
        errors = {f"error_of({name})": [self.error(name, said, y)] for name in said}
        for name, node in self.nodes.items():
            if self.late(name):
                read = self.row_of(name, errors)
                if isinstance(node, Transformer):
                    errors[name] = node.transform_one(read).tolist()
                elif isinstance(node, Detector):
                    errors[name] = [node.score_one(read)]
                self.learn(name, read, None)
        if len(self.classes) > max(before, 2):
            self.widen()

    def error(self, name: str, said: dict[str, Any], y: Any) -> float:
        if isinstance(self.nodes[name], Classifier):
            return float(said[name] != y)
        return abs(said[name] - y) if isinstance(self.nodes[name], Regressor) else 0.0

    def know_classes(self, node: Any, read: Any) -> None:
        if not node.is_started:
            node.start(Schema(len(read)))
        node._admit_targets(list(self.classes))

    def widen(self) -> None:
        """A class has come: those that read what classifiers say have a column more."""
        rows = {"x": 0} | {
            name: len(self.classes)
            for name, node in self.nodes.items()
            if isinstance(node, Classifier)
        }
        for name, node in self.nodes.items():
            if isinstance(node, QueryStrategy):
                continue
            grown = [source for source in self.after[name] if rows.get(source, 0) > 2]
            for source in grown:
                if (source, rows[source] - 1) not in self.layout[name]:
                    self.layout[name].append((source, rows[source] - 1))
            if grown:
                node._admit(Schema(len(self.layout[name])))
            if grown and isinstance(node, Transformer):
                rows[name] = node.transform_one(np.zeros(len(self.layout[name]))).size

    def learn(self, name: str, read: Any, y: Any) -> None:
        self.read[name].append((read, y))
        node = self.nodes[name]
        read = self.padded(node, read)
        if isinstance(node, DriftDetector) and len(read) == 1:
            node.fit_one(float(read[0]))
        else:
            node.fit_one(read) if y is None else node.fit_one(read, y)

    def padded(self, node: Any, read: Any) -> Any:
        """What was read before columns came lacks them."""
        if not node.is_started:
            return read
        whole = np.full(node.schema_.n_features, np.nan)
        whole[: len(read)] = read
        return whole

    # ---------------------------------------------------------------- events

    def decide(self, x: Any) -> bool:
        """Whether the strategy, if there is one, wants the label of the row."""
        for name, node in self.nodes.items():
            if isinstance(node, QueryStrategy):
                (learner,) = self.after[name]
                shares = self.nodes[learner].predict_proba_one(self.reads[learner])
                self.ask_id = self.n_samples
                query = node.query_fit_one(self.reads[learner], shares, id=self.n_samples)
                return bool(query.ask)
        return True

    def take_sample(self, x: Any, id: Any) -> tuple[Any, bool, Any]:
        """A row whose label may come later; with the action of the agent."""
        said = self.answers(x)
        ask = self.decide(x)
        action = None
        for name, node in self.nodes.items():
            if isinstance(node, Agent):
                read = self.row_of(name, self.gives)
                action = node.act_one(read, explore=True)
                self.acted[id] = read, action
        for name, node in self.nodes.items():
            if name in self.reads and not isinstance(node, Classifier | Regressor):
                self.learn(name, self.reads[name], None)
        self.n_samples += 1
        if ask:
            self.waiting[id] = dict(self.reads), said, self.n_samples - 1
        self.act(lambda name: not self.late(name))
        return said, ask, action

    def take_label(self, id: Any, y: Any) -> bool:
        """The label of a row that came before."""
        if id not in self.waiting:
            return False
        reads, said, number = self.waiting.pop(id)
        for node in self.nodes.values():
            if isinstance(node, QueryStrategy):
                node.answer_one(number, y)
        self.label(reads, said, y)
        self.act(self.late)
        return True

    def take_reward(self, id: Any, value: float) -> None:
        """What came of an action."""
        read, action = self.acted.pop(id)
        for node in self.nodes.values():
            if isinstance(node, Agent):
                node.fit_one(Transition(read, action, value, read, terminated=True))

    # ---------------------------------------------------------------- signals

    def act(self, which: Callable[[str], bool]) -> None:
        """Do what signals say whose detector `which` has just learned, and raised an alarm."""
        alarmed = {
            name
            for name, node in self.nodes.items()
            if isinstance(node, DriftDetector) and which(name) and node.drift_detected
        }
        for source, action, *more in self.signals:
            if source not in alarmed:
                continue
            self.n_alarms += 1
            if action == "reset":
                for name in more:
                    self.reset(name)
            elif action == "replace":
                self.nodes[more[0]].set_state(self.nodes[more[1]].get_state())
                self.reset(more[1])
            elif action == "refund":
                self.nodes[more[0]].refund(more[1])
            else:
                self.reset(more[0])
                rows = self.read[more[0]][-more[1] :]
                for read, y in rows:
                    whole = self.padded(self.nodes[more[0]], read)
                    self.nodes[more[0]].fit_one(whole, *([] if y is None else [y]))

    def reset(self, name: str) -> None:
        node = self.nodes[name]
        schema = node.schema_
        node.reset().start(schema)
        if isinstance(node, Classifier):
            node._admit_targets(list(self.classes))

    def fit_one(self, x: Any, y: Any) -> dict[str, Any]:
        """A row and its label at once: one event."""
        said = self.sample(x)
        self.label(dict(self.reads), said, y)
        self.act(lambda name: True)
        return said
