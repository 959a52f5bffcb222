"""Kafka on brokers inside this process: real connections on loopback, nothing to install."""

from __future__ import annotations

import json
import logging

import pytest

from onlineml.checks.sources import Reader, check_source
from onlineml.datasets.messages import LostMessagesError, Partition
from onlineml.datasets.sinks import Record, SinkError

pytest.importorskip("confluent_kafka")
from onlineml.evaluation.worker import Topics, Worker
from onlineml.integrations import KafkaSink, KafkaSource, MockCluster
from onlineml.integrations.kafka import SourceError
from onlineml.learners import GaussianNB
from tests.evaluation.worker.messages import samples
from tests.integrations.brokers import content, fill, new, open_cluster, source


@pytest.fixture(scope="module", params=["mock", "real"])
def cluster(request):
    yield from open_cluster(request.param)


@pytest.fixture
def mock(cluster):
    if not isinstance(cluster, MockCluster):
        pytest.skip("this broker cannot be made to fail")
    return cluster


@pytest.mark.parametrize("partitions", [None, range(3)], ids=["group", "fixed"])
def test_kafka_conforms(cluster, partitions):
    topic = new("events")
    values = {
        Partition(topic, number): [b'{"n": %d}' % (100 * number + i) for i in range(20)]
        for number in range(3)
    }
    fill(cluster, topic, list(values.values()))
    check_source(lambda: source(cluster, ends=True, partitions=partitions), values)


def test_a_message_comes_with_key_time_and_nothing(cluster):
    topic = new("parts")
    cluster.create(topic, 1)
    sink = KafkaSink({"bootstrap.servers": cluster.address})
    sink.write([Record(topic, b"1", b"k", {"why": "x"}), Record(topic, None)])
    sink.flush()
    assert sink.backlog() == 0
    sink.close()
    one, reader = source(cluster, partitions=[0]), Reader()
    one.subscribe([topic], reader)
    while not (found := one.poll(10, 0.2)):
        pass
    (batch,) = found
    assert batch[1:4] == ([0, 1], [b"k", None], [b"1", None])
    assert all(1.7e9 < time < 5e9 for time in batch.times)
    one.close()


def test_partitions_move_to_readers_that_join_and_back(cluster):
    topic = new("moving")
    fill(cluster, topic, [[b"%d" % i for i in range(50)] for _ in range(4)])
    group = {"group.id": new("group")}
    readers = [Reader(), Reader()]
    readers[1].next = readers[0].next  # what a checkpoint folder is
    first, second = (source(cluster, config=group) for _ in range(2))
    first.subscribe([topic], readers[0])
    readers[0].read(first, 120)
    assert len(readers[0].owned) == 4
    second.subscribe([topic], readers[1])
    while not len(readers[0].owned) == len(readers[1].owned) == 2:
        readers[0].take(first.poll(7, 0.05))
        readers[1].take(second.poll(7, 0.05))
    second.close()
    assert readers[1].told[-1] == "revoke"
    while len(readers[0].owned) < 4:
        readers[0].take(first.poll(7, 0.05))
    left = 200 - sum(len(v) for r in readers for v in r.values.values())
    readers[0].read(first, left)
    assert {p: readers[0].next[p] for p in readers[0].owned} == dict.fromkeys(
        (Partition(topic, n) for n in range(4)), 50
    )
    first.close()


def test_what_retention_drops_is_named_and_can_be_skipped(mock):
    fill(mock, "short", [[b"%d" % i for i in range(50)]])
    mock.drop("short", 0, 30)
    one, reader = source(mock), Reader({Partition("short", 0): 10})
    one.subscribe(["short"], reader)
    with pytest.raises(LostMessagesError, match=r"short/0: got offset 10 .* 30 to 50: 20 messages"):
        reader.read(one, 1)
    one.seek(Partition("short", 0), None)
    reader.read(one, 20)
    assert reader.values[Partition("short", 0)][0] == b"30"
    one.close()


def test_an_offset_that_is_there_after_all_is_read_on():
    with MockCluster() as own:  # whose errors no other reader gets
        fill(own, "doubtful", [[b"%d" % i for i in range(50)]])
        one, reader, place = source(own), Reader(), Partition("doubtful", 0)
        one.subscribe(["doubtful"], reader)
        reader.read(one, 7)
        sought, seek = [], one.seek
        one.seek = lambda partition, offset: (sought.append(offset), seek(partition, offset))
        own.fail("fetch", [1, 1, 1, 1])  # "out of range", also to what was asked before
        seek(place, 7)
        reader.read(one, 43)
        assert set(sought) == {7}
        assert reader.values[place] == [b"%d" % i for i in range(50)]
        one.close()


def test_the_end_of_a_partition_is_known(cluster):
    topic = new("ending")
    fill(cluster, topic, [[b"1"]])
    one, reader, place = source(cluster), Reader(), Partition(topic, 0)
    one.subscribe([topic], reader)
    reader.read(one, 1)
    while not one.is_caught_up(place):
        assert one.poll(5, 0.1) == []
    fill(cluster, topic, [[b"2"]], create=False)
    reader.read(one, 1)
    one.seek(place, 0)
    assert not one.is_caught_up(place)
    one.close()


def test_a_reader_that_fails_in_a_callback_is_heard(cluster):
    topic = new("failing")
    fill(cluster, topic, [[b"1"]])

    class Failing(Reader):
        def on_assign(self, partitions):
            raise ValueError("no room")

    one = source(cluster)
    one.subscribe([topic], Failing())
    with pytest.raises(ValueError, match="no room"):
        Reader().read(one, 1)
    one.close()

    class FailsAtTheEnd(Reader):
        def on_revoke(self, partitions):
            raise OSError("disk full")

    for partitions in (None, [0]):
        one, reader = source(cluster, partitions=partitions), FailsAtTheEnd()
        one.subscribe([topic], reader)
        reader.read(one, 1)
        with pytest.raises(OSError, match="disk full"):
            one.close()


def test_a_broker_that_goes_and_comes_back_is_waited_for(tmp_path):
    with MockCluster() as own:
        fill(own, "events", [[b"%d" % i for i in range(30)]])
        own.fail("fetch", [3, 6, 7, 19])
        one, reader = source(own), Reader()
        one.subscribe(["events"], reader)
        reader.read(one, 10)
        sink = KafkaSink({"bootstrap.servers": own.address, "reconnect.backoff.max.ms": 100})
        own.set_down()
        sink.write([Record("events", b"%d" % i) for i in range(30, 40)])
        reader.read(one, 30 - len(reader.values[Partition("events", 0)]))
        assert one.poll(1, 0.3) == []
        own.set_up()
        sink.flush()
        reader.read(one, 10)
        assert reader.values[Partition("events", 0)] == [b"%d" % i for i in range(40)]
        sink.close()
        one.close()


# -------------------------------------------------------------------- what is refused


def test_settings_that_cannot_be_are_named(cluster):
    good = {"bootstrap.servers": cluster.address, "group.id": "g"}
    for change, words in (
        ({"bootstrap.servers": ""}, "expected brokers, such as"),
        ({"group.id": None}, r"group\.id.* a name that all readers"),
        ({"auto.offset.reset": "latest"}, "got 'latest', expected 'error'"),
        ({"partition.assignment.strategy": "cooperative-sticky"}, "expected 'range'"),
        ({"grup.id": "x"}, 'config: .*"grup.id"'),
    ):
        with pytest.raises(ValueError, match=words):
            KafkaSource({**good, **change})
    with pytest.raises(ValueError, match=r"delivery.report"):
        KafkaSink({**good, "delivery.report.only.error": False})
    assert KafkaSource({**good, "auto.offset.reset": "error"}).config["group.id"] == "g"


def test_topics_need_equal_numbers_of_partitions(cluster):
    three, two = new("three"), new("two")
    cluster.create(three, 3)
    cluster.create(two, 2)
    with pytest.raises(ValueError, match=rf"'{three}': 3, '{two}': 2.*equal numbers"):
        source(cluster).subscribe([three, two], Reader())
    with pytest.raises(ValueError, match="numbers below 2, as two-"):
        source(cluster, partitions=[2]).subscribe([two], Reader())


def test_no_broker_is_said_at_once(caplog):
    config = {"bootstrap.servers": "127.0.0.1:1", "group.id": "g"}
    with pytest.raises(SourceError, match=r"no broker answers at 127.0.0.1:1: .*refused"):
        KafkaSource(config, patience=0.5).subscribe(["events"], Reader())
    sink = KafkaSink({"bootstrap.servers": "127.0.0.1:1"}, patience=0.3)
    sink.write([Record("out", b"1")])
    with pytest.raises(SinkError, match=r"out: .*timed out|1 message not written"):
        sink.flush()
    sink.close()


def test_secrets_are_never_shown(mock, caplog):
    secret = "geheim-1234"
    config = {
        "bootstrap.servers": mock.address, "group.id": "g", "sasl.password": secret,
        "ssl.key.password": secret, "sasl.username": "me", "security.protocol": "sasl_plaintext",
        "sasl.mechanisms": "PLAIN", "debug": "all", "log_level": 7,
    }  # fmt: skip
    with caplog.at_level(logging.DEBUG):
        one = KafkaSource(config, patience=0.5)
        with pytest.raises(SourceError) as failure:
            one.subscribe(["events"], Reader())
        sink = KafkaSink({k: v for k, v in config.items() if k != "group.id"}, patience=0.3)
        sink.write([Record("out", b"1")])
        with pytest.raises(SinkError):
            sink.flush()
        with pytest.raises(ValueError, match=r"config: .*compression") as refused:
            KafkaSink({"bootstrap.servers": secret, "sasl.password": secret,
                       "compression.type": secret})  # fmt: skip
        assert secret not in str(refused.value)
    assert "me" in repr(one)
    assert secret not in repr(one) + repr(sink) + str(failure.value) + caplog.text


# -------------------------------------------------------------------- under the worker


def test_a_slow_broker_holds_the_worker_back(tmp_path):
    with MockCluster() as own:
        fill(own, "samples", [samples(number, 400) for number in range(2)])
        own.create("out", 1)
        config = {"bootstrap.servers": own.address, "queue.buffering.max.messages": 60}
        reader = source(own, ends=True, config={"group.id": "slow"})
        sink, backlogs = KafkaSink(config), []
        own.set_delay(20)

        def note(worker):
            backlogs.append(sink.backlog())
            return False

        report = Worker(GaussianNB(), reader, sink, tmp_path, topics=Topics(predictions="out"),
                        batch_size=50, max_backlog=40).run(until=note)  # fmt: skip
        own.set_delay(0)
        assert report.messages == 800
        assert max(backlogs) <= 60
        ids = [(line["partition"], line["offset"]) for line in map(json.loads, values(own, "out"))]
        assert sorted(ids) == [(number, i) for number in range(2) for i in range(400)]
        assert committed(own, "slow", "samples", 2) == [400, 400]


def values(cluster, topic):
    return [value for value, _ in content(cluster, topic)]


def committed(cluster, group, topic, n_partitions):
    """What monitors see."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": cluster.address, "group.id": group})
    places = [TopicPartition(topic, number) for number in range(n_partitions)]
    offsets = [place.offset for place in consumer.committed(places, 10)]
    consumer.close()
    return offsets


def test_what_is_too_large_to_write_does_not_stop_the_work(mock, caplog):
    topic = new("letters")
    mock.create(topic, 1)
    sink = KafkaSink({"bootstrap.servers": mock.address, "message.max.bytes": 2000})
    where = {"error": "not JSON", "topic": "rows", "partition": "0", "offset": "7"}
    letters = [Record(topic, b"x" * 3000, b"k", where), Record(topic, b"y" * 3000)]
    sink.write([*letters, Record(topic, b"last")])
    sink.flush()
    sink.close()
    short = {**where, "left_out": "3,001 bytes, more than message.max.bytes allows"}
    assert content(mock, topic) == [(None, short), (b"last", {})]
    assert caplog.text.count("a message is left out") == sink.n_left_out == 2


TOO_LARGE = 10  # what a broker answers whose bound is lower than the client's


def test_what_brokers_refuse_as_too_large_does_not_stop_the_work(caplog):
    """Batches are refused whole: what is in them is sent again, message by message."""
    with MockCluster() as own:
        own.create("letters", 1)
        sink = KafkaSink({"bootstrap.servers": own.address})
        where = {"error": "not JSON", "topic": "rows", "partition": "0", "offset": "7"}
        own.fail("produce", [TOO_LARGE] * 3)  # the batch, then the first two of it
        letters = [Record("letters", b"y" * 3000), Record("letters", b"x" * 3000, b"k", where)]
        sink.write([*letters, Record("letters", b"z", None, where), Record("letters", b"last")])
        sink.flush()
        sink.close()
        short = {**where, "left_out": "3,001 bytes, more than the broker takes"}
        due = [(None, short), (b"z", where), (b"last", {})]
        assert content(own, "letters") == due
    assert caplog.text.count("a message is left out") == sink.n_left_out == 2
    assert "letters: brokers refuse 4 messages as too large; each is sent again" in caplog.text


def test_letters_whose_headers_are_too_large_are_given_up():
    with MockCluster() as own:
        own.create("letters", 1)
        sink = KafkaSink({"bootstrap.servers": own.address})
        own.fail("produce", [TOO_LARGE] * 3)
        sink.write([Record("letters", b"x", None, {"error": "not JSON"})])
        sink.flush()
        sink.write([Record("letters", b"last")])
        sink.flush()
        sink.close()
        assert content(own, "letters") == [(b"last", {})]


def test_a_worker_goes_on_and_counts_what_was_too_large(tmp_path):
    with MockCluster() as own:
        fill(own, "samples", [samples(1, 50)])
        own.create("out", 1)
        own.fail("produce", [TOO_LARGE, TOO_LARGE])
        sink = KafkaSink({"bootstrap.servers": own.address})
        topics = Topics(predictions="out")
        worker = Worker(GaussianNB(), source(own, ends=True), sink, tmp_path, topics=topics)
        report = worker.run()
        offsets = [line["offset"] for line in map(json.loads, values(own, "out"))]
    assert (report.messages, report.too_large) == (50, 1)
    assert sorted(offsets) == list(range(1, 50))
