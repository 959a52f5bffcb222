"""Topics of Kafka as places to write messages to, by confluent-kafka."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from onlineml.datasets.sinks import Record, Sink, SinkError
from onlineml.integrations.kafka_client import (
    LOG,
    USUAL,
    Complaints,
    client,
    made,
    reason,
    settled,
    shown,
)


class KafkaSink(Sink):
    """Writes messages to Kafka topics, each once and in order where nothing dies.

    That is what brokers grant that check the sequence numbers of idempotent producers, as Kafka's
    do. Where others do not, `"max.in.flight.requests.per.connection": 1` loses nothing.

    A message of more than `message.max.bytes` (1,000,000 unless set) is left out and logged; of
    one with headers, such as a dead letter, these are written, with `left_out`.

    Time per event, a message, is about a microsecond; memory is that of messages that are on their
    way.

    Parameters
    ----------
    config
        Settings of librdkafka by name: `bootstrap.servers`, those of TLS and SASL ... They are
        never written anywhere.
    patience
        Seconds after which a message that could not be delivered is a failure.

    Raises
    ------
    ValueError
        For settings that the client refuses.

    Examples
    --------
    >>> from onlineml.integrations import KafkaSink
    >>> sink = KafkaSink({"bootstrap.servers": "localhost:9092"})  # doctest: +SKIP
    """

    def __init__(self, config: Mapping[str, Any], *, patience: float = 120.0) -> None:
        self.config, self.patience = dict(config), patience
        self._kafka = client()
        self._problem, self._complaints = "", Complaints()
        usual = USUAL | {
            "enable.idempotence": True,
            "message.timeout.ms": max(1, int(1000 * patience)),
        }
        fixed = {"delivery.report.only.error": True}
        calls = {"error_cb": self._complaints.note, "on_delivery": self._on_delivery}
        self._producer = made(
            self._kafka.Producer, settled(config, usual=usual, fixed=fixed) | calls
        )

    def __repr__(self) -> str:
        return f"KafkaSink({shown(self.config)})"

    def write(self, records: list[Record]) -> None:
        """Hand messages to the client, which sends them from a thread of its own."""
        produce = self._producer.produce
        for record in records:
            topic, value, key, headers = record
            try:
                produce(topic, value, key, headers=headers)
            except BufferError:
                self._wait_for_room(record)
            except self._kafka.KafkaException as error:
                if error.args[0].code() != self._kafka.KafkaError.MSG_SIZE_TOO_LARGE:
                    raise SinkError(f"{topic}: {reason(error)}") from None
                self._write_in_short(record)
        self._producer.poll(0)
        self._check()

    def _write_in_short(self, record: Record) -> None:
        """Leave out what is too large: who stopped for it would stop again at each start.

        Of a dead letter the headers are written, which say where it lies.
        """
        size = len(record.value or b"") + len(record.key or b"")
        said = f"{size:,} bytes, more than message.max.bytes allows"
        LOG.error("%s: a message is left out: %s", record.topic, said)
        if record.headers is not None:
            headers = {**record.headers, "left_out": said}
            self._wait_for_room(Record(record.topic, None, None, headers))

    def _wait_for_room(self, record: Record) -> None:
        late = monotonic() + self.patience
        while True:
            self._producer.poll(0.05)
            self._check()
            try:
                self._producer.produce(*record[:3], headers=record.headers)
                return
            except BufferError:
                if monotonic() > late:
                    raise SinkError(f"{record.topic}: {self._left(len(self._producer))}") from None

    def flush(self) -> None:
        """Wait until the brokers have all messages."""
        left = self._producer.flush(self.patience)
        self._check()
        if left:
            raise SinkError(self._left(left))

    def _left(self, n: int) -> str:
        why = f": {self._complaints.last}" if self._complaints.last else ""
        return f"{n:,} messages were not written within {self.patience:g} s{why}"

    def _check(self) -> None:
        if self._problem:
            raise SinkError(self._problem)

    def _on_delivery(self, error: Any, message: Any) -> None:
        if error is not None and not self._problem:
            self._problem = f"{message.topic()}: {reason(error)}"

    def backlog(self) -> int:
        """Number of messages on their way."""
        self._producer.poll(0)
        return len(self._producer)

    def close(self) -> None:
        """End the client; what is on its way is given up."""
        self._producer.purge()
        self._producer.close()
