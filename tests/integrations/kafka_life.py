"""A worker on Kafka that may be doomed: `python -m tests.integrations.kafka_life JSON`."""

from __future__ import annotations

import sys
from typing import Any

import orjson

from onlineml.detectors import ADWIN
from onlineml.evaluation.worker import FencedError, Fields, Topics, Worker
from onlineml.integrations import KafkaSink, KafkaSource
from onlineml.learners import GaussianNB
from tests.evaluation.worker.dying import Doom

#: What every life has in common, and a quiet run too.
SETTINGS: dict[str, Any] = {
    "fields": Fields(time="time"),
    "window": 50,
    "drift": ADWIN(),
    "max_idle": float("inf"),
    "checkpoint_seconds": 1e9,
}


def live(given: dict[str, Any]) -> str:
    """How it ended, unless it was killed: "done", or "fenced" where another has its partitions."""
    doom = Doom(given["seed"], given["most_rows"])
    source = KafkaSource(given["reader"], partitions=given["partitions"], ends=given["ends"])
    topics = Topics(**given["topics"])
    sink, folder = KafkaSink(given["writer"]), given["folder"]
    changes = SETTINGS | doom.changes() | given["changes"]
    worker = Worker(GaussianNB(), source, sink, folder, topics=topics, **changes)
    try:
        worker.run(until=doom.at_row)
    except FencedError:
        return "fenced"
    return "done"


if __name__ == "__main__":
    print(live(orjson.loads(sys.argv[1])), flush=True)
