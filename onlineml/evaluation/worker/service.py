"""A model at work on requests: one at a time, its state in one file."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from time import time
from typing import Any

import numpy as np
import orjson

from onlineml.base import Estimator
from onlineml.datasets.sinks import Record
from onlineml.evaluation.at_work import Answers, AtWork
from onlineml.evaluation.worker.events import Event, Forget, Id, Label, Sample
from onlineml.evaluation.worker.history import History
from onlineml.evaluation.worker.models import begin, twin
from onlineml.evaluation.worker.outputs import Outputs
from onlineml.evaluation.worker.replica import Replica
from onlineml.evaluation.worker.scoreboard import task_of
from onlineml.evaluation.worker.settings import Settings, Topics
from onlineml.graph.compiled import compile_kernels
from onlineml.graph.wired import Wired
from onlineml.persistence import load_all, save
from onlineml.schema import Array, wrong

_TOPICS = Topics(
    labels="labels", forget="forget", predictions="predictions", alerts="alerts",
    receipts="receipts", dead_letters="refused",
)  # fmt: skip
_SOURCE = (None, None)  # there is no message to be sent back


class UnusableError(ValueError):
    """Nothing of a request could be used."""


class UnknownIdError(UnusableError):
    """No answer that a label is for waits for it."""


class Service:
    """Answers, learns and forgets rows on request; calls from any thread wait for each other.

    To predict changes nothing that was learned. Answers that were given an id wait for their
    labels, the oldest are given up when there are too many; each answer is scored when its label
    comes, a row that is learned is answered and scored first. The columns are those of the
    model or, where it has seen no row, of the first one that comes; other features are left out.

    Parameters
    ----------
    model
        A classifier, a regressor, a detector, or a graph without an agent; it is copied.
    path
        File of the state, gone on from where it exists; None keeps none.
    changes
        Fields of `Settings` that matter here: `metrics`, `window`, `max_pending`, `max_values`,
        `drift`, `remember`.

    Raises
    ------
    ValueError
        For a model that is not that of the file.

    Notes
    -----
    A graph keeps rows by itself, so its late labels are not taken: rows have to be learned with
    their labels.

    Examples
    --------
    >>> from onlineml.learners import GaussianNB
    >>> service = Service(GaussianNB())
    >>> service.learn([({"load": i % 9}, i % 9 > 4, None) for i in range(90)])["accepted"]
    90
    >>> service.predict([({"load": 8}, "a")])[0]["prediction"]
    True
    >>> service.label([("a", True)])
    {'accepted': 1, 'refused': []}
    >>> service.figures()["scored"]
    91
    """

    def __init__(
        self, model: Estimator, path: str | PathLike[str] | None = None, **changes: Any
    ) -> None:
        base = Settings(topics=_TOPICS, probabilities=True, poison_limit=sys.maxsize)
        self.settings = Settings.of(base, changes)
        self.path = None if path is None else Path(path)
        self.task = task_of(model)
        self.saved_at = time()
        self.history = History(self.settings.window)
        self._is_graph = isinstance(model, Wired)
        self._lock = threading.Lock()
        self._work: AtWork | None = None
        self._n_unsaved = 0
        self.resumed = self.path is not None and self.path.exists()
        self._begin(model)

    def _begin(self, model: Estimator) -> None:
        saved = None
        if self.path is not None and self.resumed:
            saved = load_all(self.path, classes=[type(model)])
            if repr(saved.model) != repr(model) or not isinstance(saved.attached, dict):
                raise wrong("model", model, f"{saved.model!r}, whose state is in {self.path}")
        self.model = twin(model) if saved is None else saved.model
        self._replica = Replica(self.model, self.settings, 0, Path(), 0)
        for part in (self.model, self.settings.drift):
            if part is not None:  # the first request should not wait for it
                compile_kernels(part)
        self._stamp = self._file_now()
        self._window = self._replica.stage.board.last_window
        self._outputs = Outputs(self.settings, 0, self.task)
        if saved is not None:
            self._replica.set_state(saved.attached["replica"])
            self.history.set_state(saved.attached["history"])
            self._window = self._replica.stage.board.last_window

    # ---------------------------------------------------------------- requests

    def predict(self, rows: Sequence[tuple[Any, Id | None]]) -> list[dict[str, Any]]:
        """Answers to rows (features, and an id where the label may come later).

        Raises
        ------
        ValueError
            For rows that do not fit the columns; none is answered then.
        """
        with self._lock:
            X = self._rows([x for x, _ in rows])
            self._replica.rows.admit(X[[id is not None for _, id in rows]])  # what will be learned
            answers = self._answers(X)
            samples = [
                Sample(i, None, _SOURCE, x, None, id, None) for i, (x, id) in enumerate(rows)
            ]
            self._wait(samples, X, answers)
            classes = self._replica.stage.labels.classes
            records = self._outputs.predictions(samples, answers, classes)
            return [_said(record) for record in records]

    def learn(self, rows: Sequence[tuple[Any, Any, Id | None]]) -> dict[str, Any]:
        """Answer, score and learn rows (features, label, id), each by itself, in order.

        Raises
        ------
        UnusableError
            None of them could be used.
        """
        due = self.task != "anomaly"
        with self._lock:
            events = [
                Sample(i, None, _SOURCE, x, y, id, None)
                for i, (x, y, id) in enumerate(rows)
                if y is not None or not due
            ]
            for event in events:
                self._replica.stage.pending.forget(event.id)
            refused = [
                {"row": i, "reason": "y: got none, expected a label"}
                for i, (_, y, _) in enumerate(rows)
                if y is None and due
            ]
            refused += self._taken(events)
        return _reply(len(rows), sorted(refused, key=lambda one: one["row"]))

    def label(self, labels: Sequence[tuple[Id, Any]]) -> dict[str, Any]:
        """Score and learn answers that waited for these labels, by their ids.

        Raises
        ------
        UnknownIdError
            No answer waits for any of them.
        UnusableError
            None of them could be used.
        """
        refused: list[dict[str, Any]] = []
        n_unknown = 0
        with self._lock:
            for i, (row_id, y) in enumerate(labels):
                if row_id in self._replica.stage.pending:
                    refused += self._taken([Label(i, None, _SOURCE, row_id, y)])
                    continue
                n_unknown += 1
                why = f"id {row_id!r}: no answer waits for it (never given, labelled, or too old)"
                refused.append({"row": i, "reason": why})
        if n_unknown == len(labels):
            hint = "; a graph learns rows that come with their labels" if self._is_graph else ""
            raise UnknownIdError(refused[0]["reason"] + hint)
        return _reply(len(labels), refused)

    def forget(self, rows: Iterable[tuple[Id | None, Any, Any]]) -> list[dict[str, Any]]:
        """Receipts of requests to forget rows, by id, or by features and label."""
        receipts = []
        with self._lock:
            for i, (row_id, x, y) in enumerate(rows):
                self._n_unsaved += 1
                (record,) = self._replica.take([Forget(i, None, _SOURCE, row_id, x, y, None)])
                if record.topic == _TOPICS.receipts:
                    receipts.append(_said(record))
                else:
                    reason = _headers(record)["error"]
                    receipts.append({"id": row_id, "kind": "refused", "reason": reason})
        return receipts

    # ---------------------------------------------------------------- how

    def _rows(self, xs: Sequence[Any]) -> Array:
        """Rows of numbers; text and features that were never learned are missing values."""
        schema = self._replica.rows.schema
        if schema is None:
            X, problems = self._replica.rows.of(xs)
            for i, problem in problems.items():
                raise UnusableError(f"rows[{i}]: {problem}")
            return X
        for i, x in enumerate(xs):
            if isinstance(x, Mapping) == (schema.names is None):
                due = "features by name" if schema.names else f"{schema.n_features} numbers"
                raise UnusableError(f"rows[{i}]: got {type(x).__name__}, expected {due}")
        return schema.rows(xs)

    def _answers(self, X: Array) -> Answers:
        if not self.model.is_started:
            schema = self._replica.rows.schema
            assert schema is not None
            begin(self.model, schema)
        if self._work is None:
            labels = self._replica.stage.labels
            self._work = AtWork(self.model, labels, in_full=self.task == "classification")
        n = len(X)
        return self._work.follow(X, np.zeros(n), np.zeros(n, bool), np.ones(n, bool))

    def _wait(self, samples: Sequence[Sample], X: Array, answers: Answers) -> None:
        """Keep rows and answers that have an id until their labels come."""
        named = {i: i for i, sample in enumerate(samples) if sample.id is not None}
        if self._is_graph or not named:
            return
        stage = self._replica.stage
        for i in named:
            row_id = samples[i].id
            assert row_id is not None
            stage.pending.wait(row_id, i, None)
        before = np.full(len(X), stage.last_code, np.int64)
        stage.pending.keep(X, answers, before, named)
        self._n_unsaved += len(named)

    def _taken(self, events: Sequence[Event]) -> list[dict[str, Any]]:
        """Let events have their effects; those that could not be used, and why."""
        self._n_unsaved += len(events)
        history, stage, refused = self.history, self._replica.stage, []
        for record in self._replica.take(events):
            if record.topic == _TOPICS.dead_letters:
                headers = _headers(record)
                refused.append({"row": int(headers["offset"]), "reason": headers["error"]})
            elif record.topic == _TOPICS.alerts:
                history.drift(_said(record)["row"])
            elif self.task == "anomaly":
                history.score(_said(record)["score"])
        if stage.board.last_window is not self._window:
            self._window = stage.board.last_window
            history.quality(stage.counts["scored"], self._window)
        history.look(self.model, stage.counts["learned"])
        return refused

    # ---------------------------------------------------------------- state

    def figures(self) -> dict[str, Any]:
        """Counts, and metrics over all scored rows and over the last whole window."""
        with self._lock:
            board = self._replica.stage.board
            figures = {**self._replica.figures(), "model_bytes": self.model.nbytes}
            for name in board.values():
                figures.pop(name)
            return {
                **figures,
                "rows": self._replica.stage.counts["rows"],
                "metrics": board.values(),
                "window": dict(board.last_window),
                "windows": list(self.history.windows),
                "scores": list(self.history.scores),
                "insides": list(self.history.insides),
                "window_size": self.settings.window,
                "drift_rows": list(self.history.drifts),
                "watches_drift": self.settings.drift is not None,
                "kept": self.path is not None,
                "unsaved": self._n_unsaved,
                "checkpoint_age_seconds": time() - self.saved_at,
            }

    def save(self) -> None:
        """Write the state, where it is to be kept and anything has changed since the last time.

        Raises
        ------
        OSError
            It cannot be written, or another service has written the file.
        """
        with self._lock:
            if self.path is not None and self._n_unsaved:
                if self._file_now() != self._stamp:
                    raise OSError(f"{self.path}: another service writes it; nothing was saved")
                figures = {"figures": self._replica.figures()}
                attached = {
                    "replica": self._replica.get_state(),
                    "history": self.history.get_state(),
                }
                save(self.model, self.path, extra=figures, attached=attached)
                self._stamp = self._file_now()
            self._n_unsaved, self.saved_at = 0, time()

    def _file_now(self) -> tuple[int, int] | None:
        """What tells whether somebody else has written the state."""
        if self.path is None or not self.path.exists():
            return None
        found = self.path.stat()
        return found.st_ino, found.st_mtime_ns


def _said(record: Record) -> dict[str, Any]:
    """What a record says, but for the message that it answers."""
    plain: dict[str, Any] = orjson.loads(record.value or b"")
    return {name: value for name, value in plain.items() if name not in ("partition", "offset")}


def _headers(record: Record) -> Mapping[str, str]:
    assert record.headers is not None
    return record.headers


def _reply(n: int, refused: list[dict[str, Any]]) -> dict[str, Any]:
    if len(refused) == n:
        raise UnusableError(
            "; ".join(f"rows[{one['row']}]: {one['reason']}" for one in refused[:5])
        )
    return {"accepted": n - len(refused), "refused": refused}
