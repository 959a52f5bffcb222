from .dm_env import FromDMEnv
from .gymnasium import Rollout
from .kafka import KafkaSource
from .kafka_sink import KafkaSink
from .mlflow import load_model, log_model
from .mock_kafka import MockCluster
from .outward import to_pysad, to_river, to_sklearn
from .pyod import PyODDetector
from .pysad import PySADDetector
from .ray import RayExecutor, supervise
from .river import RiverClassifier, RiverDetector, RiverDriftDetector, RiverRegressor
from .sklearn import SklearnDetector

__all__ = [
    "FromDMEnv",
    "KafkaSink",
    "KafkaSource",
    "MockCluster",
    "PyODDetector",
    "PySADDetector",
    "RayExecutor",
    "RiverClassifier",
    "RiverDetector",
    "RiverDriftDetector",
    "RiverRegressor",
    "Rollout",
    "SklearnDetector",
    "load_model",
    "log_model",
    "supervise",
    "to_pysad",
    "to_river",
    "to_sklearn",
]
