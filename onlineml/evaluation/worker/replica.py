"""One partition at work: events in, records out, and everything that a checkpoint holds of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from onlineml.base import Estimator
from onlineml.datasets.sinks import Record
from onlineml.evaluation.at_work import Answers
from onlineml.evaluation.worker.blocks import Block
from onlineml.evaluation.worker.events import (
    LONGEST,
    Bad,
    Event,
    Forget,
    Id,
    Label,
    Reward,
    Sample,
    key_check,
    row_check,
)
from onlineml.evaluation.worker.learned import Row
from onlineml.evaluation.worker.outputs import Outputs
from onlineml.evaluation.worker.rows import Problems, Rows
from onlineml.evaluation.worker.script import Script
from onlineml.evaluation.worker.settings import Settings
from onlineml.evaluation.worker.stage import Stage
from onlineml.graph.wired import Wired
from onlineml.receipt import Receipt, refused, worst
from onlineml.schema import Array, Schema

_ROWS = frozenset({Sample, Label, Reward})
#: Types of labels that need no look at each.
_EASY: dict[str, set[type]] = {
    "classification": {int, str, bool, type(None)},
    "regression": {int, type(None)},
}


class PoisonError(RuntimeError):
    """So many messages in a row cannot be used that something else must be wrong."""


class Replica:
    """Takes the events of one partition in order; knows nothing of offsets to come.

    The answers and the state do not depend on how the events were grouped into calls.
    """

    def __init__(
        self, model: Estimator, settings: Settings, number: int, folder: Path, generation: int
    ) -> None:
        self.settings, self.number = settings, number
        self.stage = Stage(model, settings, folder, generation)
        self.rows = Rows(_schema_of(model, settings), settings.max_values)
        self.counts = {"dead": 0, "dead_in_a_row": 0, "alerts": 0, "drifts": 0, "forgotten": 0}
        self._task = self.stage.board.task
        self._is_graph = isinstance(model, Wired)
        self._outputs = Outputs(settings, number, self._task)
        self._waits = settings.topics.labels is not None

    # ---------------------------------------------------------------- events in, records out

    def take(self, events: Sequence[Event | Block]) -> list[Record]:
        """Everything that follows from events, in order."""
        records: list[Record] = []
        for is_row, run in groupby(events, lambda event: type(event) in _ROWS):
            if is_row:
                rows: list[Any] = list(run)
                records += self._rows_and_labels(rows)
                continue
            for event in run:
                if isinstance(event, Block):
                    records += self._block(event)
                elif isinstance(event, Forget):
                    records += self._forget(event)
                else:
                    assert isinstance(event, Bad)
                    records.append(self._dead(event, event.reason))
        return records

    def _rows_and_labels(self, events: list[Any]) -> list[Record]:
        samples = [event for event in events if type(event) is Sample]
        X, problems = self._rows_of(samples)
        if problems:
            places = [i for i, event in enumerate(events) if type(event) is Sample]
            problems = {places[i]: reason for i, reason in problems.items()}
        problems |= self._label_problems([getattr(event, "y", None) for event in events])
        if not problems:
            return self._run(events, samples, X)
        records: list[Record] = []
        first = n_before = 0
        for i in [*sorted(problems), len(events)]:
            inside = [event for event in events[first:i] if type(event) is Sample]
            if first < i:
                records += self._run(events[first:i], inside, X[n_before : n_before + len(inside)])
            n_before += len(inside)
            if i < len(events):
                records.append(self._dead(events[i], problems[i]))
                n_before += type(events[i]) is Sample
            first = i + 1
        return records

    def _rows_of(self, samples: Sequence[Sample]) -> tuple[Array, Problems]:
        if not samples:
            return np.empty((0, 1)), {}
        X, problems = self.rows.of([sample.x for sample in samples])
        if self.settings.keyed:
            for i, sample in enumerate(samples):
                if (problem := key_check(sample.key)) is not None:
                    problems.setdefault(i, problem)
        return X, problems

    def _label_problems(self, ys: Sequence[Any]) -> Problems:
        """What is wrong with labels, by place; None is a label that has not come."""
        kinds = set(map(type, ys))
        if kinds <= _EASY.get(self._task, {type(None)}) and not (str in kinds and _has_long(ys)):
            return {}
        found = {i: self._label_problem(y) for i, y in enumerate(ys) if y is not None}
        return {i: problem for i, problem in found.items() if problem is not None}

    def _label_problem(self, y: Any) -> str | None:
        problem = row_check(y, regression=self._task == "regression")
        classes = self.stage.labels.classes
        if problem is None and self._task == "anomaly" and y not in classes:
            if len(classes) == 2:
                return f"y: got {y!r}, expected {classes[0]!r} or {classes[1]!r}"
            self.stage.labels.encode([y])
        return problem

    def _run(self, events: list[Any], samples: list[Sample], X: Array) -> list[Record]:
        script = Script.of(
            events, self.stage.pending, waits=self._waits, from_labels=self._task != "anomaly"
        )
        answers, refused = self.stage.play(self.rows.schema, script, X)
        records = [self._dead(script.events[i], reason) for i, reason in sorted(refused.items())]
        if refused:
            steps = range(len(X)) if script.is_plain else np.flatnonzero(script.asked).tolist()
            kept = [n for n, step in enumerate(steps) if step not in refused]
            samples, answers = [samples[n] for n in kept], answers.at(kept)
        if samples or len(script.events) > len(refused):
            self.counts["dead_in_a_row"] = 0
        if samples:
            classes = self.stage.labels.classes
            records += self._outputs.predictions(samples, answers, classes)
            records += self._outputs.queries(samples, answers)
        return records + self._alerts(samples, answers)

    def _alerts(self, events: Sequence[Any], answers: Answers) -> list[Record]:
        """Alerts about the answers to `events`, and about drift."""
        alerts: list[Record] = []
        if self._task == "anomaly" and len(events):
            assert answers.probabilities is not None
            scores = answers.probabilities[:, 0]
            alerts += self._outputs.alerts_of_scores(events, scores)
            self.stage.drifts += self.stage.board.watch(scores)
        self.counts["drifts"] += len(self.stage.drifts)
        alerts += self._outputs.alerts_of_drift(self.stage.drifts)
        self.stage.drifts = []
        self.counts["alerts"] += len(alerts)
        return alerts

    def _dead(self, event: Any, reason: str) -> Record:
        topic = self.settings.topics.of(event)
        self.counts["dead"] += 1
        self.counts["dead_in_a_row"] += 1
        if self.counts["dead_in_a_row"] > self.settings.poison_limit:
            raise PoisonError(
                f"{topic}/{self.number}, offset {event.offset}: more than "
                f"{self.settings.poison_limit} messages in a row cannot be used; the last one: "
                f"{reason}"
            )
        return self._outputs.dead_letter(topic, event, reason)

    # ---------------------------------------------------------------- record batches

    def _block(self, block: Block) -> list[Record]:
        """All rows of a message, or none where one of them cannot be used."""
        X, problem = self._rows_of_block(block)
        if problem is None:
            problem = self._problem_of_block(block)
        if problem is not None:
            return [self._dead(block, problem)]
        if not len(X):
            return []
        script = self._script_of(block, len(X))
        answers, refused = self.stage.play(self.rows.schema, script, X)
        classes = self.stage.labels.classes
        records = [self._dead(block, f"row {i}: {why}") for i, why in sorted(refused.items())[:1]]
        self.counts["dead_in_a_row"] = 0 if len(refused) < len(X) else len(records)
        records += self._outputs.block(block, answers, classes)
        if not script.is_plain:
            samples = [event for event, asked in zip(script.events, script.asked) if asked]
            records += self._outputs.queries(samples, answers)
        return records + self._alerts([block] * len(X), answers)

    def _rows_of_block(self, block: Block) -> tuple[Array, str | None]:
        schema = self.rows.schema
        if schema is None and not block.columns:
            self.rows = Rows(Schema.of_names(block.names), self.settings.max_values)
            schema = self.rows.schema
        if schema is None or block.columns or schema.nominal:
            return self._rows_of_text(block)
        if schema.names == block.names:
            X = block.X
        elif schema.names is None:
            return block.X, f"x: got columns {block.names[:5]}, expected lists of numbers"
        else:
            X = np.full((len(block.X), schema.n_features), np.nan)
            for j, name in enumerate(block.names):
                if name in schema.names:
                    X[:, schema.names.index(name)] = block.X[:, j]
        if np.isinf(X).any():
            i, j = np.argwhere(np.isinf(X))[0]
            return X, f"row {i}: x[{schema.name_of(j)!r}]: got {X[i, j]}, expected a finite number"
        self.rows.admit(X)
        return X, None

    def _rows_of_text(self, block: Block) -> tuple[Array, str | None]:
        listed = {name: block.X[:, j].tolist() for j, name in enumerate(block.names)}
        listed |= block.columns
        xs = [dict(zip(listed, values)) for values in zip(*listed.values())]
        if not xs:
            return np.empty((0, 1)), None
        X, problems = self.rows.of(xs)
        first = min(problems, default=None)
        return X, None if first is None else f"row {first}: {problems[first]}"

    def _problem_of_block(self, block: Block) -> str | None:
        if self.settings.keyed:
            checked = map(key_check, block.keys or [None])
            if (why := next(filter(None, checked), None)) is not None:
                return why
        if block.y is None or (block.y.dtype.kind in "iu" and self._task != "anomaly"):
            return None
        problems = self._label_problems(block.y.tolist())
        first = min(problems, default=None)
        return None if first is None else f"row {first}: {problems[first]}"

    def _script_of(self, block: Block, n_rows: int) -> Script:
        plain = block.y is not None and block.y.dtype.kind != "O" and self._task != "anomaly"
        apart = self.settings.keyed or self._waits or self.stage.learned.most or self._is_graph
        if plain and not apart:
            return Script.plain(block.y, [block] * n_rows)
        ys = [None] * n_rows if block.y is None else block.y.tolist()
        ids = block.ids or [None] * n_rows
        keys = block.keys or [None] * n_rows
        samples = [
            Sample(block.offset, block.time, block.source, None, y, row_id, key)
            for y, row_id, key in zip(ys, ids, keys)
        ]
        return Script.of(
            samples, self.stage.pending, waits=self._waits, from_labels=self._task != "anomaly"
        )

    # ---------------------------------------------------------------- requests to forget

    def _forget(self, event: Forget) -> list[Record]:
        """Let the model forget a row that is kept by its id, or that the request brings."""
        receipt = self._forgotten(event)
        if isinstance(receipt, str):
            return [self._dead(event, receipt)]
        self.counts["dead_in_a_row"] = 0
        self.counts["forgotten"] += receipt.forgotten
        return self._outputs.receipt(event, receipt)

    def _forgotten(self, event: Forget) -> Receipt | str:
        """What was done, or why the request cannot be used."""
        waited = self.stage.pending.forget(event.id)
        if self._is_graph:
            if event.id is None:
                return "no id: a graph forgets rows by their ids"
            graph = self.stage.models.of(event.key)
            if graph is None:
                return refused(f"there is no model of key {event.key!r}")
            return graph.unlearn_one(id=event.id)
        rows = self.stage.learned.pop(event.id)
        if not rows and waited and self._task != "anomaly":
            return Receipt("exact", 0.0, 0.0, 0, "it had not been learned")
        if not rows and event.x is not None:
            X, problems = self.rows.of([event.x])
            problems |= self._label_problems([event.y])
            if problems:
                return problems[0]
            rows = [(X[0], event.y, event.key)]
        try:
            return self._without(rows, event.id)
        except ValueError as error:
            return str(error)

    def _without(self, rows: Sequence[Row], row_id: Id | None) -> Receipt:
        """Let models forget rows of one id, each as far as it can."""
        receipts = []
        for x, y, key in rows:
            model = self.stage.models.of(key)
            if model is not None:
                receipts.append(model.unlearn_one(x, y))  # to the model, ids are numbers of rows
        gone = [receipt for receipt in receipts if receipt.forgotten]
        if not gone:
            unknown = f"row {row_id!r} is not known: not learned, or too long ago"
            return receipts[0] if receipts else refused(unknown)
        found = worst(gone)
        said = [found.reason] if found.reason else []
        if len(gone) < len(rows):
            said.append(f"{len(rows) - len(gone)} of {len(rows)} rows of this id were refused")
        if row_id is not None and self.stage.learned.has_dropped:
            said.append(
                f"rows of this id before the last {self.stage.learned.most}, if any, remain"
            )
        return found._replace(reason="; ".join(said))

    # ---------------------------------------------------------------- state

    def figures(self) -> dict[str, Any]:
        """Counts and metrics."""
        pending = self.stage.pending
        return {
            **self.stage.counts,
            **self.counts,
            "waiting": len(pending),
            "expired": pending.n_expired,
            "early": len(pending.early),
            "early_expired": pending.n_early_expired,
            "left_out": self.rows.n_left_out,
            **self.stage.board.values(),
        }

    def get_state(self) -> dict[str, Any]:
        """Everything but the main model, as plain values and arrays."""
        schema = self.rows.schema
        return {
            "schema": None if schema is None else schema.to_plain(),
            "left_out": self.rows.n_left_out,
            "counts": dict(self.counts),
            "stage": self.stage.get_state(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` gave."""
        schema = state["schema"]
        if schema is not None:
            self.rows = Rows(Schema.from_plain(schema), self.settings.max_values)
        self.rows.n_left_out = state["left_out"]
        self.counts = dict(state["counts"])
        self.stage.set_state(state["stage"])


def _has_long(ys: Sequence[Any]) -> bool:
    return any(type(y) is str and len(y) > LONGEST for y in ys)


def _schema_of(model: Estimator, settings: Settings) -> Schema | None:
    return model.schema_ if model.is_started else settings.schema
