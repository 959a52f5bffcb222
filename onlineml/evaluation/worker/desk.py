"""One partition of a worker: its replica, what has come and not been taken, its checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from onlineml.base import Estimator
from onlineml.datasets.messages import Batch
from onlineml.datasets.sinks import Record
from onlineml.evaluation.worker.checkpoints import Checkpoints
from onlineml.evaluation.worker.events import read
from onlineml.evaluation.worker.inbox import Inbox
from onlineml.evaluation.worker.models import twin
from onlineml.evaluation.worker.replica import Replica
from onlineml.evaluation.worker.settings import Settings
from onlineml.schema import wrong

_LOG = logging.getLogger("onlineml.worker")


class Desk:
    """Keeps, for every topic, the offset of the next message that is to have an effect.

    That offset, the model and all else go into one checkpoint: a message has its effect once.
    Nothing is taken from another worker before `claim`: who cannot go on from what was saved, such
    as with another model, is refused before.
    """

    def __init__(self, model: Estimator, settings: Settings, number: int, folder: Path) -> None:
        self.settings, self.number = settings, number
        self.positions: dict[str, int] = {}
        self.missed = 0
        self._kinds = settings.topics.read
        self._read_to: dict[str, int] = {}
        self._inbox = Inbox(list(self._kinds), settings.max_idle)
        self._model, self._folder = model, folder
        self._checkpoints = Checkpoints(folder)
        self._saved = self._checkpoints.load(model)
        self._check()

    def _check(self) -> None:
        """Raise where what was saved is of another model."""
        saved, where = self._saved, f"of the checkpoint in {self._folder}"
        if saved is None:
            return
        if repr(saved.model) != repr(self._model):
            raise wrong("model", self._model, f"{saved.model!r}, {where}")
        keyed = saved.attached["replica"]["stage"]["models"] is not None
        if keyed != self.settings.keyed:
            raise wrong("keyed", self.settings.keyed, f"{keyed}, {where}")

    def claim(self) -> None:
        """Take the partition from who has it, and go on from what was saved."""
        self._checkpoints.claim()
        if self._checkpoints.has_changed():  # it went on until now
            self._saved = self._checkpoints.load(self._model)
            self._check()
        saved, self._saved = self._saved, None
        model = twin(self._model) if saved is None else saved.model
        generation = self._checkpoints.generation
        self._replica = Replica(model, self.settings, self.number, self._folder, generation)
        if saved is not None:
            self._replica.set_state(saved.attached["replica"])
            self.missed = saved.attached["missed"]
            self.positions = {t: n for t, n in saved.extra["positions"].items() if t in self._kinds}
            self._read_to = dict(self.positions)
        self.saved_at, self.n_unsaved = monotonic(), 0
        words = "partition %d: generation %d, from %s"
        _LOG.info(words, self.number, generation, self.positions or "0")

    def check_fence(self) -> None:
        """Raise where another worker has taken the partition."""
        self._checkpoints.check_fence()

    # ---------------------------------------------------------------- messages in, records out

    def put(self, batch: Batch) -> None:
        """Take messages; those that came before are left out."""
        topic = batch.partition.topic
        due = self._read_to.get(topic, 0)
        if batch.offsets[0] < due:
            kept = [i for i, offset in enumerate(batch.offsets) if offset >= due]
            if not kept:
                return
            batch = _from(batch, kept[0])
        self._read_to[topic] = batch.offsets[-1] + 1
        kind = self._kinds[topic]
        form = self.settings.form if kind == "samples" else "json"
        self._inbox.put(topic, read(batch, kind, form, self.settings.fields))

    def begin_anew(self, topic: str) -> None:
        """A topic was made anew: its offsets are none that were met before."""
        for positions in (self.positions, self._read_to):
            positions.pop(topic, None)
        self._checkpoints.begin_anew(topic)

    def end(self, topic: str) -> None:
        """Nothing more will come of a topic."""
        self._inbox.end(topic)

    def waiting(self, topic: str) -> int:
        """Messages of a topic that wait for those of others."""
        return self._inbox.waiting(topic)

    def work(self, is_caught_up: Callable[[str], bool]) -> list[Record]:
        """Let those messages have their effects whose turn has come."""
        runs = self._inbox.take(is_caught_up, monotonic())
        if not runs:
            return []
        events: list[Any] = []
        for topic, run in runs:
            events += run
            self._advance(topic, run)
        self.n_unsaved += len(events)
        return self._replica.take(events)

    def _advance(self, topic: str, events: list[Any]) -> None:
        """Move the position behind events, one a message; offsets that never came are missed."""
        position = self.positions.get(topic)
        last = events[-1].offset
        first = events[0].offset if position is None else position
        missing = last + 1 - first - len(events)
        if missing:
            before, self.missed = self.missed, self.missed + missing
            if self.missed.bit_length() > before.bit_length():  # transactions miss one each
                _LOG.warning(
                    "%s/%d: offsets before %d never came; %d in all, told as they double",
                    topic, self.number, last, self.missed,
                )  # fmt: skip
        self.positions[topic] = last + 1

    @property
    def is_done(self) -> bool:
        """Whether all topics have ended and everything has been taken."""
        return self._inbox.is_done

    # ---------------------------------------------------------------- checkpoints

    def is_due(self, now: float) -> bool:
        """Whether it is time to save."""
        most = self.settings.checkpoint_messages
        if most is not None and self.n_unsaved >= most:
            return True
        return self.n_unsaved > 0 and now - self.saved_at >= self.settings.checkpoint_seconds

    def save(self) -> None:
        """Write a checkpoint, where anything has happened since the last one."""
        if not self.n_unsaved:
            return
        models = self._replica.stage.models
        attached = {"replica": self._replica.get_state(), "missed": self.missed}
        self._checkpoints.save(models.main, self.positions, self.figures(), attached)
        models.saved()
        self.saved_at, self.n_unsaved = monotonic(), 0

    def figures(self) -> dict[str, Any]:
        """Counts and metrics."""
        return {"missed": self.missed, **self._replica.figures()}


def _from(batch: Batch, i: int) -> Batch:
    """Without the first messages."""
    partition, offsets, keys, values, times = batch
    return Batch(partition, offsets[i:], keys[i:], values[i:], times[i:])
