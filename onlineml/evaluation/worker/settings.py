"""What a worker is told: topics, formats, bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from onlineml.base import DriftDetector
from onlineml.evaluation.worker.blocks import Block
from onlineml.evaluation.worker.events import Bad, Fields, Forget, Format, Label, Reward, Sample
from onlineml.schema import Schema, wrong

_KINDS = {Sample: "samples", Block: "samples", Label: "labels", Reward: "rewards", Forget: "forget"}


@dataclass(frozen=True)
class Topics:
    """Names of the topics that are read and written; None for those that are not.

    All topics that are read have as many partitions: a model reads those of one number.

    Parameters
    ----------
    samples
        Rows to answer, with their labels where these are known.
    labels
        Labels by id.
    rewards
        What came of actions, by the id of the sample; for graphs with an agent.
    forget
        Requests to forget rows, by id, or with features and label.
    predictions
        Answers to samples: labels, numbers or scores, and actions of an agent.
    queries
        Samples whose labels are asked for; for graphs with a query strategy.
    alerts
        Scores above a threshold, and drifts.
    receipts
        What was done about requests to forget.
    dead_letters
        Messages that cannot be used, with the reason; `samples` + ".dlq" when unset.
    """

    samples: str = "samples"
    labels: str | None = None
    rewards: str | None = None
    forget: str | None = None
    predictions: str | None = None
    queries: str | None = None
    alerts: str | None = None
    receipts: str | None = None
    dead_letters: str | None = None

    def __post_init__(self) -> None:
        if self.dead_letters is None:
            object.__setattr__(self, "dead_letters", f"{self.samples}.dlq")
        names = [getattr(self, one.name) for one in fields(self)]
        given = [name for name in names if name is not None]
        if len(set(given)) < len(given):
            raise wrong("topics", given, "different names")

    def of(self, event: Any) -> str:
        """The topic that an event came from."""
        kind = event.kind if isinstance(event, Bad) else _KINDS[type(event)]
        name: str = getattr(self, kind)
        return name

    @property
    def read(self) -> dict[str, str]:
        """Topic -> kind of what it brings, in the order in which equal times are taken."""
        kinds = ("samples", "labels", "rewards", "forget")
        names = {getattr(self, kind): kind for kind in kinds}
        return {name: kind for name, kind in names.items() if name is not None}


@dataclass(frozen=True)
class Settings:
    """Everything that a worker is told but the model, where messages come from and where they go.

    Parameters
    ----------
    topics
        Topics that are read and written.
    fields
        Names of the parts of a message.
    form
        "json", or "arrow" for samples as record batches.
    schema
        Columns of the samples; those of the first one when unset.
    metrics
        Metrics by name; those usual for the task when unset, none when empty.
    window
        Rows in a window of the metrics.
    probabilities
        Whether predictions tell the probability of each class.
    max_pending
        Most samples of a partition that wait for their labels, and most labels for samples.
    max_values
        Most values of a column of text.
    max_idle
        Seconds that messages wait for earlier ones of another topic; infinity makes a replay take
        all topics in the same order as the first time.
    keyed
        Whether each key has a model of its own.
    max_models
        With `keyed`: most models in memory.
    max_keys
        With `keyed`: most keys; beyond, the model that was not used for longest is forgotten.
    poison_limit
        Unusable messages in a row at which the worker stops.
    alert_above
        For detectors: scores above are alerts.
    drift
        A detector of drift that watches errors (1 wrong, 0 right; absolute ones of numbers), or the
        scores of a detector.
    checkpoint_seconds
        Seconds between checkpoints.
    checkpoint_messages
        Messages of a partition after which it is saved, whatever the time.
    batch_size
        Most messages that are asked for at a time.
    max_backlog
        Messages on their way out beyond which nothing is read.
    skip_lost
        Whether to go on where messages have been dropped by the source before they were read.
    remember
        Rows kept for requests to forget by id; all that are kept of an id are forgotten.
    """

    topics: Topics = field(default_factory=Topics)
    fields: Fields = field(default_factory=Fields)
    form: Format = "json"
    schema: Schema | None = None
    metrics: Sequence[str] | None = None
    window: int = 1000
    probabilities: bool = False
    max_pending: int = 10_000
    max_values: int = 1000
    max_idle: float = 1.0
    keyed: bool = False
    max_models: int = 1000
    max_keys: int = 100_000
    poison_limit: int = 100
    alert_above: float | None = None
    drift: DriftDetector | None = None
    checkpoint_seconds: float = 5.0
    checkpoint_messages: int | None = None
    batch_size: int = 2000
    max_backlog: int = 100_000
    skip_lost: bool = False
    remember: int = 10_000

    def __post_init__(self) -> None:
        for name in (
            "window", "max_pending", "max_values", "max_models", "max_keys", "poison_limit",
            "batch_size", "max_backlog", "remember",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "at least 1")
        if self.form not in ("json", "arrow"):
            raise wrong("form", self.form, "json or arrow")
        if not self.max_idle >= 0:
            raise wrong("max_idle", self.max_idle, "seconds >= 0")
        if not self.checkpoint_seconds >= 0:
            raise wrong("checkpoint_seconds", self.checkpoint_seconds, "seconds >= 0")

    @classmethod
    def of(cls, given: Settings | None, changes: Mapping[str, Any]) -> Settings:
        """`given` with some changes by name."""
        known = [one.name for one in fields(cls)]
        for name in changes:
            if name not in known:
                raise wrong("settings", name, f"one of {', '.join(known)}")
        values = {} if given is None else {name: getattr(given, name) for name in known}
        return cls(**{**values, **changes})
