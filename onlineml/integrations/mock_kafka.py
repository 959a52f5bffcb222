"""A Kafka cluster inside this process, for tests: real connections, nothing to install."""

from __future__ import annotations

import ctypes
from typing import Any

from onlineml.parameters import whole
from onlineml.schema import wrong

#: Kinds of requests that can be made to fail, by the number that the protocol gives them.
REQUESTS = {"produce": 0, "fetch": 1, "offsets": 2, "metadata": 3, "join": 11, "heartbeat": 12}


class MockCluster:
    """Brokers on ports of 127.0.0.1 that keep messages in memory until `close`.

    They are those that librdkafka has for its own tests: groups, offsets, rebalances and faults are
    real, transactions and administration are not there, and a partition keeps its last 5 MB only.
    Nor do they check the sequence numbers of idempotent producers, as those of Kafka do: where a
    request fails and a later one, on its way already, does not, the client takes both for written.
    Let producers that must lose nothing have one request on its way
    (`"max.in.flight.requests.per.connection": 1`). Time per event is that of the clients; memory is
    what the partitions keep.

    Parameters
    ----------
    n_brokers
        How many.

    Raises
    ------
    ImportError
        Where confluent-kafka is missing (`pip install "onlineml[kafka]"`), or was built without
        these brokers.
    ValueError
        For an `n_brokers` that is not a whole number >= 1.
    RuntimeError
        Where the library makes no client; from the methods, once the cluster is closed.

    Examples
    --------
    >>> with MockCluster() as cluster:
    ...     cluster.create("samples", n_partitions=2)
    ...     print(cluster.address.partition(":")[0])
    127.0.0.1
    """

    def __init__(self, n_brokers: int = 1) -> None:
        whole("n_brokers", n_brokers, 1)
        self._library = _library()
        reason = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        for name, value in {"bootstrap.servers": "127.0.0.1:1", "log_level": "0"}.items():
            self._library.rd_kafka_conf_set(conf, name.encode(), value.encode(), reason, 512)
        self._client = self._library.rd_kafka_new(0, conf, reason, 512)
        if not self._client:
            raise RuntimeError(reason.value.decode())
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, n_brokers)
        self._call("group_initial_rebalance_delay_ms", 0)
        #: What `bootstrap.servers` is to be.
        self.address = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def _call(self, name: str, *values: Any) -> None:
        if self._cluster is None:
            raise RuntimeError("the cluster is closed")
        function = getattr(self._library, f"rd_kafka_mock_{name}")
        code = function(self._cluster, *values)
        if function.restype is not None and code:
            raise RuntimeError(f"{name}{values}: error {code}")

    def create(self, topic: str, n_partitions: int) -> None:
        """Make a topic; one that a client asks for first is made with four partitions."""
        self._call("topic_create", topic.encode(), n_partitions, 1)

    def drop(self, topic: str, number: int, before: int) -> None:
        """Keep only offsets from `before` on, as retention does."""
        self._call("partition_delete_records", topic.encode(), number, before)

    def set_down(self, broker: int = -1) -> None:
        """Cut all connections to a broker, or to all (-1), and take no new ones."""
        self._call("broker_set_down", broker)

    def set_up(self, broker: int = -1) -> None:
        """Take connections again."""
        self._call("broker_set_up", broker)

    def set_delay(self, milliseconds: int, broker: int = -1) -> None:
        """Let answers to requests take so long."""
        self._call("broker_set_rtt", broker, milliseconds)

    def fail(self, request: str, codes: list[int]) -> None:
        """Answer the next requests of a kind (a key of `REQUESTS`) with these error codes.

        Raises
        ------
        ValueError
            For an unknown kind.
        """
        if request not in REQUESTS:
            raise wrong("request", request, f"one of {', '.join(REQUESTS)}")
        errors = (ctypes.c_int * len(codes))(*codes)
        self._call("push_request_errors_array", REQUESTS[request], len(codes), errors)

    def close(self) -> None:
        """End the brokers; their messages are gone."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = None

    def __enter__(self) -> MockCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_POINTER, _TEXT, _INT, _SHORT = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int16

#: Function -> what it returns, and its parameters.
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "conf_new": (_POINTER, []),
    "conf_set": (_INT, [_POINTER, _TEXT, _TEXT, _TEXT, ctypes.c_size_t]),
    "new": (_POINTER, [_INT, _POINTER, _TEXT, ctypes.c_size_t]),
    "destroy": (None, [_POINTER]),
    "mock_cluster_new": (_POINTER, [_POINTER, _INT]),
    "mock_cluster_destroy": (None, [_POINTER]),
    "mock_cluster_bootstraps": (_TEXT, [_POINTER]),
    "mock_group_initial_rebalance_delay_ms": (None, [_POINTER, ctypes.c_int32]),
    "mock_topic_create": (_INT, [_POINTER, _TEXT, _INT, _INT]),
    "mock_partition_delete_records": (_INT, [_POINTER, _TEXT, ctypes.c_int32, ctypes.c_int64]),
    "mock_broker_set_down": (_INT, [_POINTER, ctypes.c_int32]),
    "mock_broker_set_up": (_INT, [_POINTER, ctypes.c_int32]),
    "mock_broker_set_rtt": (_INT, [_POINTER, ctypes.c_int32, _INT]),
    "mock_push_request_errors_array": (None, [_POINTER, _SHORT, ctypes.c_size_t, _POINTER]),
}


def _library() -> ctypes.CDLL:
    """The librdkafka that confluent-kafka has loaded, with the types of what is used of it."""
    try:
        from confluent_kafka import cimpl
    except ImportError as error:
        raise ImportError("MockCluster needs confluent-kafka: pip install 'onlineml[kafka]'") from (
            error
        )
    # a wheel brings the library under a name of its own; the extension knows where it is
    library = ctypes.CDLL(cimpl.__file__)
    try:
        for name, (result, parameters) in _FUNCTIONS.items():
            function = getattr(library, f"rd_kafka_{name}")
            function.restype, function.argtypes = result, parameters
    except AttributeError as error:
        raise ImportError(f"MockCluster: this librdkafka has no brokers for tests: {error}") from (
            error
        )
    return library
