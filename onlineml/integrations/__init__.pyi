from .gymnasium import Rollout
from .kafka import KafkaSource
from .kafka_sink import KafkaSink
from .mlflow import load_model, log_model
from .mock_kafka import MockCluster
from .outward import to_river, to_sklearn
from .pyod import PyODDetector
from .river import RiverClassifier, RiverDetector, RiverDriftDetector, RiverRegressor
from .sklearn import SklearnDetector

__all__ = [
    "KafkaSink",
    "KafkaSource",
    "MockCluster",
    "PyODDetector",
    "RiverClassifier",
    "RiverDetector",
    "RiverDriftDetector",
    "RiverRegressor",
    "Rollout",
    "SklearnDetector",
    "load_model",
    "log_model",
    "to_river",
    "to_sklearn",
]
