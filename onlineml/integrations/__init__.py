"""The only files that know another project's API."""

from onlineml.integrations.kafka import KafkaSource
from onlineml.integrations.kafka_sink import KafkaSink
from onlineml.integrations.mock_kafka import MockCluster
from onlineml.integrations.pyod import PyODDetector
from onlineml.integrations.sklearn import SklearnDetector

__all__ = ["KafkaSink", "KafkaSource", "MockCluster", "PyODDetector", "SklearnDetector"]
