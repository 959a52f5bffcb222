"""Brokers for tests: in this process, and real ones that `ONLINEML_TEST_KAFKA=host:port` names."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from onlineml.integrations import KafkaSource, MockCluster

#: Settings under which nobody waits long.
QUICK: dict[str, Any] = {
    "session.timeout.ms": 2000, "heartbeat.interval.ms": 300, "reconnect.backoff.max.ms": 100,
    "fetch.error.backoff.ms": 20, "fetch.wait.max.ms": 10,
}  # fmt: skip
_NUMBERS = itertools.count()


class RealCluster:
    """Brokers outside of the tests, of which nothing is deleted."""

    def __init__(self, address: str) -> None:
        self.address = address

    def create(self, topic: str, n_partitions: int) -> None:
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": self.address})
        for done in admin.create_topics([NewTopic(topic, n_partitions, 1)]).values():
            done.result(30)


def open_cluster(kind: str) -> Iterator[Any]:
    """The body of a fixture: "mock", or "real" where there is one."""
    if kind == "real":
        address = os.environ.get("ONLINEML_TEST_KAFKA")
        if not address:
            pytest.skip("ONLINEML_TEST_KAFKA=host:port names no broker")
        yield RealCluster(address)
        return
    try:
        made = MockCluster()
    except ImportError as error:
        pytest.skip(str(error))
    with made:
        yield made


def new(name: str) -> str:
    """A name that no topic or group has yet."""
    return f"{name}-{next(_NUMBERS)}-{uuid.uuid4().hex[:8]}"


def fill(cluster: Any, topic: str, partitions: Sequence[Any], *, create: bool = True) -> None:
    """Put values, or `(value, key)`, one list a partition, into a topic."""
    from confluent_kafka import Producer

    if create:
        cluster.create(topic, len(partitions))
    producer = Producer({"bootstrap.servers": cluster.address, "log_level": 0})
    for number, values in enumerate(partitions):
        for i, value in enumerate(values):
            producer.produce(topic, value, partition=number)
            if i % 10_000 == 9999:
                producer.flush(30)
    assert producer.flush(30) == 0


def source(cluster: Any, **options: Any) -> KafkaSource:
    """A source of a group of its own."""
    config = {"bootstrap.servers": cluster.address, "group.id": new("g"), **QUICK}
    return KafkaSource({**config, **options.pop("config", {})}, **options)


def content(cluster: Any, topic: str) -> list[tuple[bytes | None, dict[str, str]]]:
    """Values and headers of all messages of a topic."""
    from confluent_kafka import Consumer, KafkaError, TopicPartition

    consumer = Consumer(
        {"bootstrap.servers": cluster.address, "group.id": new("g"), "log_level": 0, **QUICK,
         "enable.partition.eof": True}
    )  # fmt: skip
    numbers = set(consumer.list_topics(topic, 10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
    found = []
    while numbers:
        for message in consumer.consume(1000, 0.2):
            if message.error() is None:
                headers = {name: text.decode() for name, text in message.headers() or ()}
                found.append((message.value(), headers))
            elif message.error().code() == KafkaError._PARTITION_EOF:
                numbers.discard(message.partition())
    consumer.close()
    return found
