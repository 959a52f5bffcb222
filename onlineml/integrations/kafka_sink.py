"""Topics of Kafka as places to write messages to, by confluent-kafka."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
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
from onlineml.words import counted


class KafkaSink(Sink):
    """Writes messages to Kafka topics, each once and in order where nothing dies.

    That is what brokers grant that check the sequence numbers of idempotent producers, as Kafka's
    do. Where others do not, `"max.in.flight.requests.per.connection": 1` loses nothing.

    A message of more than `message.max.bytes` (1,000,000 unless set) is left out, logged and
    counted in `n_left_out`; of one with headers, such as a dead letter, these are written, with
    `left_out`. So is one that brokers, whose bounds may be lower, refuse as too large. As they
    refuse whole batches, those of it that are not are sent again one by one, which is slow and may
    put them behind later ones: let `batch.size` be no more than the brokers take.

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
        self._refused: list[Record] = []  # by brokers, as too large
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
                if headers is None:
                    produce(topic, value, key)
                else:
                    self._produce(record)
            except BufferError:
                self._wait_for_room(record)
            except self._kafka.KafkaException as error:
                if error.args[0].code() != self._kafka.KafkaError.MSG_SIZE_TOO_LARGE:
                    raise SinkError(f"{topic}: {reason(error)}") from None
                short = self._in_short(record, "message.max.bytes allows")
                if short is not None:
                    self._wait_for_room(short)
        self._producer.poll(0)
        self._check()
        if self._refused:
            self._flush()

    def _produce(self, record: Record) -> None:
        """Hand over a message whose headers are still known where it comes back."""
        topic, value, key, headers = record
        back = partial(self._on_delivery, headers=headers)
        self._producer.produce(topic, value, key, headers=headers, on_delivery=back)

    def _in_short(self, record: Record, bound: str) -> Record | None:
        """Leave out what is too large: who stopped for it would stop again at each start.

        Of a dead letter the headers are to be written, which say where it lies.
        """
        size = len(record.value or b"") + len(record.key or b"")
        said = f"{counted(size, 'byte(s)')}, more than {bound}"
        self.n_left_out += 1
        LOG.error("%s: a message is left out: %s", record.topic, said)
        if record.headers is None:
            return None
        return Record(record.topic, None, None, {**record.headers, "left_out": said})

    def _send_alone(self) -> None:
        """Send again, one by one, what came back as too large: its batch may have been that."""
        records, self._refused = self._refused, []
        topics = ", ".join(sorted({record.topic for record in records}))
        words = "%s: brokers refuse %s as too large; each is sent again, alone"
        LOG.warning(words, topics, counted(len(records), "message(s)"))
        for record in records:
            if not self._is_taken(record):
                short = self._in_short(record, "the broker takes")
                if short is not None:
                    self._is_taken(short)

    def _is_taken(self, record: Record) -> bool:
        """Whether the broker takes a message that is sent alone."""
        self._wait_for_room(record)
        self._wait_for_all()
        refused, self._refused = self._refused, []
        return not refused

    def _wait_for_room(self, record: Record) -> None:
        late = monotonic() + self.patience
        while True:
            self._producer.poll(0.05)
            self._check()
            try:
                self._produce(record)
                return
            except BufferError:
                if monotonic() > late:
                    raise SinkError(f"{record.topic}: {self._left(len(self._producer))}") from None

    def flush(self) -> None:
        """Wait until the brokers have all messages."""
        self._flush()

    def _flush(self) -> None:
        self._wait_for_all()
        if self._refused:
            self._send_alone()

    def _wait_for_all(self) -> None:
        left = self._producer.flush(self.patience)
        self._check()
        if left:
            raise SinkError(self._left(left))

    def _left(self, n: int) -> str:
        why = f": {self._complaints.last}" if self._complaints.last else ""
        return f"{counted(n, 'message(s)')} not written within {self.patience:g} s{why}"

    def _check(self) -> None:
        if self._problem:
            raise SinkError(self._problem)

    def _on_delivery(
        self, error: Any, message: Any, headers: Mapping[str, str] | None = None
    ) -> None:
        if error is None:
            return
        if error.code() == self._kafka.KafkaError.MSG_SIZE_TOO_LARGE:
            record = Record(message.topic(), message.value(), message.key(), headers)
            self._refused.append(record)
        elif not self._problem:
            self._problem = f"{message.topic()}: {reason(error)}"

    def backlog(self) -> int:
        """Number of messages on their way."""
        self._producer.poll(0)
        return len(self._producer)

    def close(self) -> None:
        """End the client; what is on its way is given up."""
        self._producer.purge()
        self._producer.close()
