"""What a worker writes: predictions, alerts, receipts, dead letters."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import orjson

from onlineml.datasets.sinks import Record
from onlineml.evaluation.at_work import Answers
from onlineml.evaluation.worker.blocks import Block, encoded
from onlineml.evaluation.worker.events import Event, Forget, Sample
from onlineml.evaluation.worker.settings import Settings
from onlineml.receipt import Receipt
from onlineml.schema import Array

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY


class Outputs:
    """Makes the messages of one partition; they say which message they are about.

    After a kill some are written again: consumers take those of the same partition and offset once.
    """

    def __init__(self, settings: Settings, partition: int, task: str) -> None:
        self._settings, self._partition, self._task = settings, partition, task
        self.topics = settings.topics

    def predictions(
        self, samples: Sequence[Sample], answers: Answers, classes: Sequence[Hashable]
    ) -> list[Record]:
        """One message a sample."""
        topic = self.topics.predictions
        if topic is None:
            return []
        name, values = self._values(answers, classes)
        tables = self._tables(answers, classes)
        number, dumps = self._partition, orjson.dumps
        records = []
        for i, (sample, value) in enumerate(zip(samples, values)):
            plain = {"id": sample.id, "partition": number, "offset": sample.offset, name: value}
            if tables is not None:
                plain["probabilities"] = tables[i]
            if answers.decisions is not None:
                plain |= _decided(answers.decisions[i])
            records.append(Record(topic, dumps(plain, option=_OPTIONS), sample.source[0]))
        return records

    def block(self, block: Block, answers: Answers, classes: Sequence[Hashable]) -> list[Record]:
        """One message for all rows of a message."""
        topic = self.topics.predictions
        if topic is None:
            return []
        name, values = self._values(answers, classes, as_array=True)
        columns: dict[str, Any] = {} if block.ids is None else {"id": block.ids}
        columns[name] = values
        if self._settings.probabilities and answers.probabilities is not None:
            for code, label in enumerate(classes):
                columns[f"p({label})"] = np.ascontiguousarray(answers.probabilities[:, code])
        if answers.decisions is not None:
            decided = [_decided(decision) for decision in answers.decisions]
            columns |= {part: [row.get(part) for row in decided] for part in decided[0]}
        headers = {"partition": str(self._partition), "offset": str(block.offset)}
        return [Record(topic, encoded(columns), block.source[0], headers)]

    def queries(self, samples: Sequence[Sample], answers: Answers) -> list[Record]:
        """One message a sample whose label is asked for."""
        topic = self.topics.queries
        if topic is None or answers.decisions is None:
            return []
        records = []
        for sample, (ask, chance, _) in zip(samples, answers.decisions):
            if ask and sample.y is None and sample.id is not None:
                plain = {"id": sample.id, "partition": self._partition, "offset": sample.offset}
                value = orjson.dumps(plain | {"probability": chance})
                records.append(Record(topic, value, sample.source[0]))
        return records

    def _values(
        self, answers: Answers, classes: Sequence[Hashable], *, as_array: bool = False
    ) -> tuple[str, Any]:
        """The name of an answer, and the answers as plain values."""
        if self._task == "anomaly":
            assert answers.probabilities is not None
            scores = np.ascontiguousarray(answers.probabilities[:, 0])
            return "score", scores if as_array else scores.tolist()
        if self._task == "regression":
            return "prediction", answers.answer if as_array else answers.answer.tolist()
        table = [*classes, None]
        if as_array and classes and {type(label) for label in classes} == {int}:
            codes = answers.answer
            if len(codes) and codes.min() >= 0:
                return "prediction", np.array(classes, np.int64)[codes]
        return "prediction", [table[code] for code in answers.answer.tolist()]

    def _tables(self, answers: Answers, classes: Sequence[Hashable]) -> Any:
        if not self._settings.probabilities or self._task != "classification":
            return None
        assert answers.probabilities is not None
        names = [str(label) for label in classes]
        return [dict(zip(names, row)) for row in answers.probabilities.tolist()]

    def alerts_of_scores(self, events: Sequence[Sample | Block], scores: Array) -> list[Record]:
        """An alert for every score above the threshold; `events` has one entry a score."""
        topic, limit = self.topics.alerts, self._settings.alert_above
        if topic is None or limit is None:
            return []
        above = np.flatnonzero(scores > limit).tolist()
        return [self._alert(topic, events[i], float(scores[i]), limit) for i in above]

    def _alert(self, topic: str, event: Sample | Block, score: float, limit: float) -> Record:
        plain = {"kind": "score", "partition": self._partition, "offset": event.offset}
        if isinstance(event, Sample):
            plain["id"] = event.id
        plain |= {"score": score, "above": limit}
        return Record(topic, orjson.dumps(plain), event.source[0])

    def alerts_of_drift(self, places: Iterable[int]) -> list[Record]:
        """An alert for every drift, at so many scored rows before it."""
        topic = self.topics.alerts
        if topic is None:
            return []
        return [
            Record(
                topic,
                orjson.dumps({"kind": "drift", "partition": self._partition, "row": place}),
            )
            for place in places
        ]

    def receipt(self, event: Forget, receipt: Receipt) -> list[Record]:
        """What was done about a request to forget."""
        topic = self.topics.receipts
        if topic is None:
            return []
        plain = {"id": event.id, "partition": self._partition, "offset": event.offset}
        plain |= receipt._asdict()
        return [Record(topic, orjson.dumps(plain), event.source[0])]

    def dead_letter(self, topic: str, event: Event | Block, reason: str) -> Record:
        """A message as it came, with where it came from and why it cannot be used."""
        assert self.topics.dead_letters is not None
        headers = {
            "error": reason[:1000],
            "topic": topic,
            "partition": str(self._partition),
            "offset": str(event.offset),
        }
        key, value = event.source
        return Record(self.topics.dead_letters, value, key, headers)


def _decided(decision: tuple[bool, float, Any]) -> dict[str, Any]:
    """What a graph has decided on a sample."""
    ask, chance, action = decision
    plain = {"ask": ask, "ask_probability": chance}
    return plain if action is None else {**plain, "action": action}
