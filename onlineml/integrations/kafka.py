"""Topics of Kafka as sources of messages, by confluent-kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from onlineml.datasets.messages import (
    Batch,
    End,
    Listener,
    LostMessagesError,
    MessageSource,
    Partition,
)
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
from onlineml.schema import wrong

_USUAL = USUAL | {
    "group.id": "onlineml",  # where partitions are named
    "queued.min.messages": 20_000,  # per partition; the model is slower than the network
    "queued.max.messages.kbytes": 32_768,
}
_FIXED = {
    "enable.auto.commit": False,  # truth is the checkpoint
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # never skip what is lost without a word
    "enable.partition.eof": True,
    "partition.assignment.strategy": "range",  # partitions of a number go to one reader
}
_AT_A_TIME = 100_000  # messages: a bound of the client's is a million


class SourceError(RuntimeError):
    """Messages cannot be read, now or later."""


class KafkaSource(MessageSource):
    """Messages of Kafka topics, shared out among the readers of a group, or of fixed partitions.

    Where to begin is said by the reader (the worker's checkpoint), never by the broker; offsets are
    committed for monitors only. A reader that begins anew begins at the oldest message.

    Time per event, a message, is about a microsecond; memory is that of what the client fetches
    ahead.

    Parameters
    ----------
    config
        Settings of librdkafka by name: `bootstrap.servers`, `group.id`, those of TLS and SASL ...
        They are never written anywhere.
    partitions
        Numbers of the partitions to read; None takes those that the group is given.
    ends
        Whether a partition ends with the last message that is there; if not, more is waited for.
    patience
        Seconds to wait for brokers at the start.

    Raises
    ------
    ValueError
        For settings that the client refuses or that cannot be combined with exactly-once reading,
        and topics that are not there.
    SourceError
        Where no broker answers, or reading is not allowed.

    Examples
    --------
    >>> from onlineml.integrations.mock_kafka import MockCluster
    >>> with MockCluster() as cluster:
    ...     config = {"bootstrap.servers": cluster.address, "group.id": "readers"}
    ...     KafkaSource(config)
    KafkaSource({'bootstrap.servers': '127.0.0.1:...', 'group.id': 'readers'})
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        partitions: Sequence[int] | None = None,
        ends: bool = False,
        patience: float = 30.0,
    ) -> None:
        self.config, self.ends, self.patience = dict(config), ends, patience
        self.partitions = None if partitions is None else sorted(set(partitions))
        if partitions is None and not config.get("group.id"):
            raise wrong("config['group.id']", None, "a name that all readers of a group share")
        self._kafka = client()
        self._failure: BaseException | None = None
        self._complaints = Complaints()
        self._next: dict[Partition, int | None] = {}  # offset that is due, by partition owned
        self._at_end: set[Partition] = set()
        self._lost: list[Partition] = []
        self._paused: set[Partition] = set()
        calls = {"error_cb": self._on_error, "on_commit": _on_commit}
        usual = _USUAL | _heartbeat(config)
        self._consumer = made(
            self._kafka.Consumer, settled(config, usual=usual, fixed=_FIXED) | calls
        )

    def __repr__(self) -> str:
        return f"KafkaSource({shown(self.config)})"

    def n_partitions(self, topics: Sequence[str]) -> int:
        """How many partitions each of these topics has.

        Raises
        ------
        ValueError
            For topics that are not there, or differ in it.
        SourceError
            No broker answers.
        """
        return next(iter(self._counts(topics).values()))

    # ---------------------------------------------------------------- partitions come and go

    def subscribe(self, topics: Sequence[str], listener: Listener) -> None:
        """Join the group, or take the partitions that were named."""
        self._listener = listener
        counts = self._counts(topics)
        if self.partitions is None:
            self._consumer.subscribe(
                list(topics),
                on_assign=self._guarded(self._assign),
                on_revoke=self._guarded(self._revoke),
                on_lost=self._guarded(self._lose),
            )
            return
        for topic, n in counts.items():
            if self.partitions and not 0 <= self.partitions[0] <= self.partitions[-1] < n:
                raise wrong("partitions", self.partitions, f"numbers below {n}, as {topic} has")
        wanted = [Partition(topic, number) for number in self.partitions for topic in topics]
        self._assign(wanted)

    def _counts(self, topics: Sequence[str]) -> dict[str, int]:
        """Numbers of partitions, which have to be equal."""
        late, found = monotonic() + self.patience, None
        while found is None:
            left = max(0.1, late - monotonic())
            try:
                found = self._consumer.list_topics(timeout=left).topics
            except self._kafka.KafkaException as error:
                self._consumer.poll(0.1)  # brings what the connections had to say
                if monotonic() > late:
                    why = self._complaints.last or reason(error)
                    servers = self.config["bootstrap.servers"]
                    raise SourceError(f"no broker answers at {servers}: {why}") from None
        for topic in topics:
            if topic not in found or not found[topic].partitions:
                due = f"one of {sorted(name for name in found if not name.startswith('__'))}"
                raise wrong("topics", topic, due)
        counts = {topic: len(found[topic].partitions) for topic in topics}
        if len(set(counts.values())) > 1:
            raise wrong("topics", counts, "topics with equal numbers of partitions")
        return counts

    def _guarded(self, act: Callable[[list[Partition]], None]) -> Callable[[Any, Any], None]:
        """A callback whose failure is raised by `poll` or `close`, not lost in the client."""

        def call(consumer: Any, given: Any) -> None:
            if self._failure is not None:
                return
            try:
                act([Partition(item.topic, item.partition) for item in given])
            except BaseException as failure:
                self._failure = failure

        return call

    def _assign(self, partitions: list[Partition]) -> None:
        starts = self._listener.on_assign(partitions) if partitions else {}
        self._next = {partition: starts.get(partition) for partition in partitions}
        self._at_end, self._lost, self._paused = set(), [], set()
        self._consumer.assign([self._place(p, start) for p, start in self._next.items()])

    def _revoke(self, partitions: list[Partition]) -> None:
        self._listener.on_revoke(partitions)
        self._forget(partitions)

    def _lose(self, partitions: list[Partition]) -> None:
        self._listener.on_lost(partitions)
        self._forget(partitions)

    def _forget(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._next.pop(partition, None)
            self._paused.discard(partition)

    def _place(self, partition: Partition, offset: int | None = None) -> Any:
        start = self._kafka.OFFSET_BEGINNING if offset is None else offset
        return self._kafka.TopicPartition(partition.topic, partition.number, start)

    # ---------------------------------------------------------------- messages

    def poll(self, max_messages: int, timeout: float) -> list[Batch | End]:
        """Messages that have come; waits only for the first."""
        consume, most = self._consume, min(max_messages, _AT_A_TIME)
        messages = consume(most, 0.0)
        if not messages and timeout:
            messages = consume(1, timeout)
            if messages and most > 1:
                messages += consume(most - 1, 0.0)
        found: list[Batch | End] = []
        good = [message for message in messages if message.error() is None]
        for partition, part in _by_partition(good):
            if partition in self._next:
                batch = _batch(partition, part)
                found.append(batch)
                self._next[partition] = batch.offsets[-1] + 1
                self._at_end.discard(partition)
        if len(good) < len(messages):
            found += [End(p) for p in self._events(messages) if self.ends]
        if self._lost and not found:
            self._tell_lost(self._lost.pop())
        return found

    def _consume(self, most: int, timeout: float) -> list[Any]:
        try:
            messages: list[Any] = self._consumer.consume(most, timeout)
        except self._kafka.KafkaException as error:
            raise SourceError(reason(error)) from None
        if self._failure is not None:
            raise self._failure
        return messages

    def _events(self, messages: Iterable[Any]) -> list[Partition]:
        """Take note of what is no message; the partitions whose end has been reached."""
        codes, ended = self._kafka.KafkaError, []
        for message in messages:
            error = message.error()
            if error is None:
                continue
            partition, code = Partition(message.topic(), message.partition()), error.code()
            if code == codes._PARTITION_EOF:
                if message.offset() >= (self._next.get(partition) or 0):
                    self._at_end.add(partition)
                    ended.append(partition)
            elif code in (codes._AUTO_OFFSET_RESET, codes._LOG_TRUNCATION):
                if partition in self._next:
                    self._lost.append(partition)
            elif error.fatal() or code in (
                codes.UNKNOWN_TOPIC_OR_PART,
                codes._UNKNOWN_TOPIC,
                codes._UNKNOWN_PARTITION,
                codes.TOPIC_AUTHORIZATION_FAILED,
                codes.GROUP_AUTHORIZATION_FAILED,
            ):
                raise SourceError(f"{message.topic() or 'group'}: {reason(error)}")
            else:
                LOG.warning("%s", reason(error))
        return ended

    def _tell_lost(self, partition: Partition) -> None:
        """Raise where the broker does not have the next offset of a partition."""
        try:
            first, end = self._consumer.get_watermark_offsets(self._place(partition), self.patience)
        except self._kafka.KafkaException as error:
            raise SourceError(f"{partition}: {reason(error)}") from None
        due = self._next.get(partition)
        if due is not None and not first <= due <= end:
            raise LostMessagesError(partition, due, first, end)
        if partition in self._next:  # by now it has
            self.seek(partition, due)

    def is_caught_up(self, partition: Partition) -> bool:
        """Whether the end was reached and nothing has come since."""
        return partition in self._at_end

    def seek(self, partition: Partition, offset: int | None) -> None:
        """Go on reading a partition elsewhere."""
        self._next[partition] = offset
        self._at_end.discard(partition)
        # The client's own `seek` fails on partitions that it has not begun to fetch, or has given
        # up. Messages that were fetched and not given are fetched again.
        self._consumer.assign([self._place(p, due) for p, due in self._next.items()])
        self.pause(self._paused)

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Give no messages of these partitions; those that were fetched are fetched again."""
        owned = [p for p in partitions if p in self._next]
        self._paused |= set(owned)
        self._consumer.pause([self._place(p) for p in owned])

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Give messages of these partitions again."""
        owned = [p for p in partitions if p in self._next]
        self._paused -= set(owned)
        self._consumer.resume([self._place(p) for p in owned])

    # ---------------------------------------------------------------- monitors, errors, the end

    def note_progress(self, positions: Mapping[Partition, int]) -> None:
        """Commit offsets, so that the usual tools show how far the group is behind."""
        places = [self._place(p, offset) for p, offset in positions.items() if p in self._next]
        if places:
            try:
                self._consumer.commit(offsets=places, asynchronous=True)
            except self._kafka.KafkaException as error:
                LOG.debug("commit: %s", reason(error))

    def _on_error(self, error: Any) -> None:
        """Errors that concern no partition: brokers that are away are waited for."""
        self._complaints.note(error)
        if error.fatal() and self._failure is None:
            self._failure = SourceError(reason(error))

    def close(self) -> None:
        """Leave the group; the listener is told, and what it raises is raised."""
        failed_before = self._failure
        if self.partitions is not None and self._next:
            self._guarded(self._revoke)(None, [self._place(p) for p in self._next])
        self._consumer.close()
        if self._failure is not failed_before and self._failure is not None:
            raise self._failure


def _heartbeat(config: Mapping[str, Any]) -> dict[str, int]:
    """Signs of life often enough for a session that was made shorter than usual."""
    session = config.get("session.timeout.ms")
    if session is None:
        return {}
    return {"heartbeat.interval.ms": max(1, min(3000, int(session) // 3))}


def _by_partition(messages: Sequence[Any]) -> list[tuple[Partition, list[Any]]]:
    """Messages of each partition, in order."""
    parts: dict[tuple[str, int], list[Any]] = {}
    for message in messages:
        place = message.topic(), message.partition()
        if place in parts:
            parts[place].append(message)
        else:
            parts[place] = [message]
    return [(Partition(*place), part) for place, part in parts.items()]


def _batch(partition: Partition, messages: Sequence[Any]) -> Batch:
    stamps = [message.timestamp() for message in messages]
    return Batch(
        partition,
        [message.offset() for message in messages],
        [message.key() for message in messages],
        [message.value() for message in messages],
        [stamp / 1000 if kind else None for kind, stamp in stamps],  # kind 0: there is none
    )


def _on_commit(error: Any, partitions: Any) -> None:
    if error is not None:
        LOG.debug("commit: %s", reason(error))
