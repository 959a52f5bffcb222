from .gymnasium import Rollout
from .kafka import KafkaSource
from .kafka_sink import KafkaSink
from .mlflow import load_model, log_model
from .mock_kafka import MockCluster
from .pyod import PyODDetector
from .sklearn import SklearnDetector

__all__ = [
    "KafkaSink",
    "KafkaSource",
    "MockCluster",
    "PyODDetector",
    "Rollout",
    "SklearnDetector",
    "load_model",
    "log_model",
]
