"""What `onlineml consume` is made of: a model, topics, and where they are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from onlineml.cli import specs
from onlineml.cli.config import Chain, Step, Strict, Wiring, as_plain, model_kind
from onlineml.cli.mistakes import Mistake, unknown

if TYPE_CHECKING:
    from onlineml.evaluation.worker import Settings

_READ = ("samples", "labels", "rewards", "forget")
_WRITTEN = ("predictions", "alerts", "receipts")


class Saved(Strict):
    """A model in a file."""

    file: Path = Field(description="File that `onlineml.save` wrote.")


def _model_kind(value: Any) -> str:
    if isinstance(value, Saved) or (isinstance(value, Mapping) and "file" in value):
        return "Saved"
    return model_kind(value)


Model = Annotated[
    Annotated[Step, Tag("Step")]
    | Annotated[Chain, Tag("Chain")]
    | Annotated[Wiring, Tag("Wiring")]
    | Annotated[Saved, Tag("Saved")],
    Discriminator(_model_kind),
]


class TopicNames(Strict):
    """Names of topics; one that is not named is neither read nor written."""

    samples: str = Field(default="samples", description="Rows to answer and to learn.")
    labels: str | None = Field(default=None, description="Labels that come later, by id.")
    rewards: str | None = Field(default=None, description="What came of actions, by id.")
    forget: str | None = Field(default=None, description="Requests to forget rows.")
    predictions: str | None = Field(default=None, description="Answers to samples.")
    queries: str | None = Field(default=None, description="Samples whose labels are wanted.")
    alerts: str | None = Field(default=None, description="High scores, and drifts.")
    receipts: str | None = Field(default=None, description="What was done to forget.")
    dead_letters: str | None = Field(default=None, description="Unusable messages [SAMPLES.dlq].")


class FieldNames(Strict):
    """Names of the parts of a message."""

    x: str | None = Field(default="x", description="Features; null: all that is not named here.")
    y: str | None = Field(default="y", description="Label or target.")
    id: str | None = Field(default="id", description="What later messages refer to.")
    key: str | None = Field(default=None, description="Whose model; null: the message's key.")
    time: str | None = Field(default=None, description="Seconds; null: the message's time.")
    reward: str = Field(default="reward", description="What came of an action.")


class Pipeline(Strict):
    """`onlineml consume`: a model at work on topics."""

    model: Model = Field(description="Name(key=value), A | B, or a file.")
    files: dict[str, list[Path]] = Field(  # before `kafka`, whose reading looks at it
        default_factory=dict, description="JSON lines to read instead of Kafka."
    )
    kafka: dict[str, Any] = Field(default_factory=dict, description="Settings of librdkafka.")
    partitions: list[int] | None = Field(default=None, description="Those of the group if unset.")
    follow: bool = Field(default=False, description="Wait for more lines in files.")
    until_end: bool = Field(default=False, description="Stop after the last message there is.")
    topics: TopicNames = Field(default_factory=TopicNames)
    fields: FieldNames = Field(default_factory=FieldNames)
    columns: list[str] | None = Field(default=None, description="Those of the first sample.")
    form: Literal["json", "arrow"] = Field(default="json", description="Form of samples.")
    ray: bool = Field(default=False, description="Share the partitions out to actors of Ray.")
    ray_address: str | None = Field(default=None, description="A running cluster of Ray.")
    actors: int = Field(default=2, ge=1, description="Actors of Ray, each with one core.")
    checkpoints: Path = Field(default=Path("checkpoints"), description="Folder of the state.")
    out: Path = Field(default=Path("consumed"), description="Folder of all results of files.")
    status: float = Field(default=10.0, gt=0, description="Seconds between lines of progress.")
    drift: Step | None = Field(default=None, description="A detector that watches errors.")

    metrics: list[str] | None = None
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
    checkpoint_seconds: float = 5.0
    checkpoint_messages: int | None = None
    batch_size: int = 2000
    max_backlog: int = 100_000
    skip_lost: bool = False
    remember: int = 10_000

    @field_validator("model", "drift", mode="before")
    @classmethod
    def _read_model(cls, value: Any) -> Any:
        if isinstance(value, str) and specs.is_file(value) and not specs.is_graph_file(value):
            return {"file": value}
        value = as_plain(value)
        if value is not None and not isinstance(value, Mapping | Step | Chain | Wiring | Saved):
            raise Mistake(f"model: got {value!r}, expected a name, or name and params")
        return value

    @field_validator("files", mode="before")
    @classmethod
    def _read_files(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        for kind in value:
            if kind not in _READ:
                raise unknown("kind of topic", str(kind), _READ)
        return {kind: [p] if isinstance(p, str | Path) else p for kind, p in value.items()}

    @field_validator("kafka", mode="before")
    @classmethod
    def _read_kafka(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, Mapping):  # what came may be secret
            raise Mistake("kafka: expected settings of librdkafka, such as bootstrap.servers")
        settings = dict(_flat(value, ""))
        if info.data.get("files"):  # no broker is asked: secrets need not be at hand
            return settings
        return {
            name: _filled(text, name) if isinstance(text, str) else text
            for name, text in settings.items()
        }

    def settings(self) -> Settings:
        """All that the worker is told."""
        from dataclasses import fields as parts

        from onlineml.evaluation.worker import Fields, Settings, Topics
        from onlineml.schema import Schema

        named = self.topics.model_dump()
        if self.files:
            named |= {name: named[name] or name for name in (*self.files, *_WRITTEN)}
        values = {
            part.name: getattr(self, part.name)
            for part in parts(Settings)
            if part.name not in ("topics", "fields", "schema", "drift")
        }
        columns = None if self.columns is None else Schema(len(self.columns), tuple(self.columns))
        return Settings(
            topics=Topics(**named),
            fields=Fields(**self.fields.model_dump()),
            schema=columns,
            drift=self._drift(),
            **values,
        )

    def _drift(self) -> Any:
        from onlineml.base import DriftDetector
        from onlineml.registry import estimator, estimators

        if self.drift is None:
            return None
        if estimator(self.drift.name) is None:
            known = [name for name, kind in estimators().items() if issubclass(kind, DriftDetector)]
            raise unknown("detector of drift", self.drift.name, known)
        made = specs.build_model(self.drift.model_dump())
        if not isinstance(made, DriftDetector):
            raise Mistake(f"drift: {self.drift.name} is no detector of drift, such as ADWIN")
        return made


def _flat(value: Mapping[Any, Any], above: str) -> Iterator[tuple[str, Any]]:
    """Settings by their full names."""
    for key, inner in value.items():
        name = f"{above}{key}"
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{name}.")
        else:
            yield name, inner


def _filled(text: str, setting: str) -> str:
    """A text with what the environment holds in place of `${NAME}`."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise Mistake(f"kafka.{setting}: the environment has no {found[1]}")
        return os.environ[found[1]]

    return re.sub(r"\$\{(\w+)\}", value, text)
