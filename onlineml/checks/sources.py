"""What every source of messages must do; for those of the package and for your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from onlineml.datasets.messages import (
    Batch,
    End,
    Listener,
    LostMessagesError,
    MessageSource,
    Partition,
)

Values = Mapping[Partition, Sequence[bytes]]
_PATIENCE = 30.0  # seconds until messages that do not come are missed


class Reader(Listener):
    """Keeps the next offset of each partition, and what it is told."""

    def __init__(self, starts: Mapping[Partition, int | None] | None = None) -> None:
        self.next: dict[Partition, int | None] = dict(starts or {})
        self.owned: set[Partition] = set()
        self.told: list[str] = []
        self.values: dict[Partition, list[bytes | None]] = {}
        self.ended: set[Partition] = set()

    def on_assign(self, partitions: Sequence[Partition]) -> Mapping[Partition, int | None]:
        """Take partitions at the offsets that are kept."""
        self.told.append("assign")
        self.owned |= set(partitions)
        return {partition: self.next.get(partition) for partition in partitions}

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        """Give partitions up."""
        self.told.append("revoke")
        self.owned -= set(partitions)

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Drop partitions."""
        self.told.append("lost")
        self.owned -= set(partitions)

    def take(self, items: Sequence[Batch | End]) -> int:
        """Keep the values of what a poll gave, once each; the number of messages."""
        n = 0
        for item in items:
            if isinstance(item, End):
                self.ended.add(item.partition)
                continue
            offsets, lengths = item.offsets, {len(column) for column in item[1:]}
            assert lengths == {len(offsets)}, "columns of a batch are of different lengths"
            assert offsets == sorted(set(offsets)), f"offsets {offsets[:5]} do not rise"
            due = self.next.get(item.partition)
            for offset, value in zip(offsets, item.values):
                if due is None or offset >= due:
                    due = offset + 1
                    self.values.setdefault(item.partition, []).append(value)
                    n += 1
            self.next[item.partition] = due
        return n

    def read(self, source: MessageSource, n: int, *, at_a_time: int = 7) -> None:
        """Poll until so many messages have come."""
        late = monotonic() + _PATIENCE
        while n > 0:
            assert monotonic() < late, f"{n} messages did not come in {_PATIENCE:g} s"
            got = source.poll(at_a_time, 0.1)
            size = sum(len(item.offsets) for item in got if isinstance(item, Batch))
            assert size <= at_a_time, f"a poll for {at_a_time} messages gave {size}"
            n -= self.take(got)


def check_source(make: Callable[[], MessageSource], values: Values) -> None:
    """Raise `AssertionError` unless a source does what a worker relies on.

    Parameters
    ----------
    make
        A new source over the same messages, which ends after them.
    values
        All of its messages: at least two partitions of one topic, ten in each.
    """
    for check in (
        _gives_every_message_in_order,
        _begins_where_it_is_told,
        _goes_back,
        _rests,
        _names_what_is_lost,
    ):
        source = make()
        try:
            check(source, values)
        finally:
            source.close()


def _topics(values: Values) -> list[str]:
    return sorted({partition.topic for partition in values})


def _gives_every_message_in_order(source: MessageSource, values: Values) -> None:
    reader = Reader()
    source.subscribe(_topics(values), reader)
    reader.read(source, sum(map(len, values.values())))
    assert reader.values == {p: list(v) for p, v in values.items()}, "messages differ"
    late = monotonic() + _PATIENCE
    while reader.ended != set(values):
        assert reader.take(source.poll(7, 0.1)) == 0, "more messages than there are"
        assert monotonic() < late, f"ended: {reader.ended}, due: {set(values)}"
    assert reader.owned == set(values)
    assert all(source.is_caught_up(partition) for partition in values)
    source.close()
    assert reader.told[-1] == "revoke", f"told {reader.told}, the last one is to be revoke"
    assert not reader.owned, "closing leaves partitions with the reader"


def _begins_where_it_is_told(source: MessageSource, values: Values) -> None:
    reader = Reader({partition: 4 for partition in values})
    source.subscribe(_topics(values), reader)
    reader.read(source, sum(map(len, values.values())) - 4 * len(values))
    for partition, due in values.items():
        assert reader.values[partition] == list(due)[4:], f"{partition} did not begin at 4"


def _goes_back(source: MessageSource, values: Values) -> None:
    reader = Reader()
    source.subscribe(_topics(values), reader)
    reader.read(source, sum(map(len, values.values())))
    back, *_ = values
    source.seek(back, 2)
    again = Reader()
    again.read(source, len(values[back]) - 2)
    assert again.values == {back: list(values[back])[2:]}, "after a seek other messages came"


def _rests(source: MessageSource, values: Values) -> None:
    reader = Reader()
    source.subscribe(_topics(values), reader)
    reader.read(source, 1, at_a_time=1)
    resting, *others = values
    source.pause([resting])
    reader.read(source, sum(len(values[p]) - len(reader.values.get(p, [])) for p in others))
    for _ in range(5):
        assert reader.take(source.poll(7, 0.02)) == 0, f"{resting} is paused"
    source.resume([resting])
    reader.read(source, len(values[resting]) - len(reader.values.get(resting, [])))
    assert reader.values == {p: list(v) for p, v in values.items()}, "messages differ"


def _names_what_is_lost(source: MessageSource, values: Values) -> None:
    beyond, *_ = values
    reader = Reader({beyond: 10_000_000})
    source.subscribe(_topics(values), reader)
    error = _lost(source)
    assert (error.partition, error.wanted) == (beyond, 10_000_000), str(error)
    source.seek(beyond, None)
    again = Reader()
    late = monotonic() + _PATIENCE
    while len(again.values.get(beyond, [])) < len(values[beyond]):
        assert monotonic() < late, "after a seek to the first offset nothing came"
        again.take(source.poll(7, 0.1))
    assert again.values[beyond] == list(values[beyond])


def _lost(source: MessageSource) -> LostMessagesError:
    late = monotonic() + _PATIENCE
    while monotonic() < late:
        try:
            source.poll(7, 0.1)
        except LostMessagesError as error:
            return error
    raise AssertionError("an offset that is not there was not named")
