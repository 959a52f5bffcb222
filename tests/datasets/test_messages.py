"""Sources of messages: the conformance suite on those in memory and in files, and their own."""

import json

import pytest

from onlineml.checks.sources import Reader, check_source
from onlineml.datasets.message_files import JSONLinesSource
from onlineml.datasets.messages import (
    ABORT,
    AbortError,
    Batch,
    LostMessagesError,
    MemorySource,
    Partition,
)
from onlineml.datasets.sinks import JSONLinesSink, MemorySink, Record, SinkError

VALUES = {
    Partition("events", number): [b'{"n": %d}' % (100 * number + i) for i in range(20)]
    for number in range(3)
}


def in_memory():
    return MemorySource({"events": list(VALUES.values())})


def test_memory_conforms():
    check_source(in_memory, VALUES)


def test_files_conform(tmp_path):
    paths = []
    for partition, values in VALUES.items():
        paths.append(tmp_path / f"{partition.number}.jsonl")
        paths[-1].write_bytes(b"\n".join(values) + b"\n")
    check_source(lambda: JSONLinesSource({"events": paths}), VALUES)


@pytest.mark.parametrize("fault", ["order", "seek", "pause", "end", "lost"])
def test_the_suite_finds_faults(fault, monkeypatch):
    monkeypatch.setattr("onlineml.checks.sources._PATIENCE", 0.2)

    class Faulty(MemorySource):
        def poll(self, max_messages, timeout):
            found = super().poll(max_messages, timeout)
            if fault == "end":
                return [item for item in found if isinstance(item, Batch)]
            if fault == "order":
                return [
                    item._replace(values=item.values[::-1]) if isinstance(item, Batch) else item
                    for item in found
                ]
            return found

        def seek(self, partition, offset):
            super().seek(partition, 0 if fault == "seek" else offset)

        def pause(self, partitions):
            super().pause([] if fault == "pause" else partitions)

        def assign(self, partitions):
            super().assign(partitions)
            for partition in partitions if fault == "lost" else ():
                self._logs[partition].next = min(self._logs[partition].next, 0)

    with pytest.raises(AssertionError):
        check_source(lambda: Faulty({"events": list(VALUES.values())}), VALUES)


def test_an_abort_mark_stops_once():
    source = MemorySource({"events": [[b"a", b"b", ABORT, b"c"]]})
    reader = Reader()
    source.subscribe(["events"], reader)
    reader.read(source, 2)
    with pytest.raises(AbortError, match="before offset 2"):
        source.poll(5, 0.0)
    reader.read(source, 1)
    assert reader.values == {Partition("events", 0): [b"a", b"b", b"c"]}


def test_what_retention_drops_is_named():
    source = MemorySource({"events": [[b"%d" % i for i in range(9)]]})
    source.drop("events", 0, 5)
    source.subscribe(["events"], Reader({Partition("events", 0): 2}))
    with pytest.raises(LostMessagesError, match=r"events/0: got offset 2 .* 5 to 9: 3 messages"):
        source.poll(5, 0.0)


def test_a_file_that_grows_is_followed(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2')
    source, reader = JSONLinesSource({"events": path}, follow=True), Reader()
    source.subscribe(["events"], reader)
    reader.read(source, 1)
    assert source.poll(5, 0.01) == []
    with path.open("ab") as file:
        file.write(b'2}\n{"n": 3}\n')
    reader.read(source, 2)
    assert reader.values[Partition("events", 0)] == [b'{"n": 1}', b'{"n": 22}', b'{"n": 3}']
    source.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_was_cut_or_replaced_while_it_is_followed_is_told(tmp_path, replaced):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2}\n')
    source, reader = JSONLinesSource({"events": path}, follow=True), Reader()
    source.subscribe(["events"], reader)
    reader.read(source, 2)
    if replaced:  # as log rotation does
        path.rename(tmp_path / "events.1")
        assert source.poll(5, 0.01) == []
        path.write_bytes(b'{"n": 3}\n{"n": 4}\n{"n": 5}\n')
    else:
        path.write_bytes(b'{"n": 3}\n')
    with pytest.raises(LostMessagesError, match="it was made anew"):
        source.poll(5, 0.01)
    source.seek(Partition("events", 0), None)
    (batch,) = source.poll(5, 0.01)
    assert batch.values[0] == b'{"n": 3}'
    source.close()


def test_unknown_topics_and_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="'evnts', expected one of"):
        in_memory().subscribe(["evnts"], Reader())
    with pytest.raises(ValueError, match="a file that exists"):
        JSONLinesSource({"events": tmp_path / "none.jsonl"})


def test_a_sink_of_files_keeps_what_is_no_json_too(tmp_path):
    sink = JSONLinesSink(tmp_path / "out")
    sink.write(
        [Record("a", b'{"n": 1}'), Record("a", b"\xff\n"), Record("b", None, None, {"h": "1"})]
    )
    sink.flush()
    lines = [json.loads(line) for line in (tmp_path / "out" / "a.jsonl").read_text().splitlines()]
    assert lines == [{"n": 1}, {"headers": {}, "base64": "/wo="}]
    assert json.loads((tmp_path / "out" / "b.jsonl").read_text())["headers"] == {"h": "1"}
    sink.close()


def test_a_sink_in_memory_keeps_topics_apart():
    sink = MemorySink()
    sink.write([Record("a", b"1"), Record("b", b"2")])
    sink.flush()
    assert sink.backlog() == 0
    assert [record.value for record in sink.topics["b"]] == [b"2"]


@pytest.mark.parametrize("whole", [b"", b'{"id":1}\n', b"x" * 200_000 + b"\n"])
def test_a_line_that_was_cut_off_is_taken_away(tmp_path, whole):
    path = tmp_path / "scores.jsonl"
    path.write_bytes(whole + b'{"id":2,"pred')
    for n in range(2):  # and whole lines are left alone
        sink = JSONLinesSink(tmp_path)
        sink.write([Record("scores", b'{"id":2}')])
        sink.flush()
        sink.close()
        assert path.read_bytes() == whole + b'{"id":2}\n' * (n + 1)


def test_a_disk_that_is_full_is_told_of(tmp_path):
    (tmp_path / "scores.jsonl").symlink_to("/dev/full")
    sink = JSONLinesSink(tmp_path)
    with pytest.raises(SinkError, match=r"scores\.jsonl.*No space left"):
        sink.write([Record("scores", b'{"id": 2}' + b" " * 20_000)])
    sink.write([Record("others", b'{"id": 2}')])
    sink.close()
    again = JSONLinesSink(tmp_path)
    again.write([Record("scores", b'{"id": 2}')])
    with pytest.raises(SinkError, match=r"scores\.jsonl.*No space left"):
        again.flush()
    again.close()
