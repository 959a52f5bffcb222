"""Honest measurement: prequential evaluation, its metrics and its results."""

from onlineml.evaluation.alerts import AlertRecord
from onlineml.evaluation.anomaly_scoring import (
    Detections,
    detections,
    range_precision,
    range_recall,
    stretches,
)
from onlineml.evaluation.by_chunk import CHUNK_METRICS, ChunkScores, test_then_train
from onlineml.evaluation.class_incremental import class_incremental
from onlineml.evaluation.compare import compare
from onlineml.evaluation.comparison import Comparison
from onlineml.evaluation.continual import ContinualResult, ContinualRun
from onlineml.evaluation.domain_incremental import domain_incremental
from onlineml.evaluation.episodes import play
from onlineml.evaluation.film import film
from onlineml.evaluation.metrics import METRICS, Metric, metric
from onlineml.evaluation.nab import NABScore, nab_score
from onlineml.evaluation.off_policy import PolicyValue, policy_value
from onlineml.evaluation.prequential import Tracker, prequential
from onlineml.evaluation.result import Result, Run, WindowRecord
from onlineml.evaluation.vus import VUS, vus

__all__ = [
    "CHUNK_METRICS",
    "METRICS",
    "VUS",
    "AlertRecord",
    "ChunkScores",
    "Comparison",
    "ContinualResult",
    "ContinualRun",
    "Detections",
    "Metric",
    "NABScore",
    "PolicyValue",
    "Result",
    "Run",
    "Tracker",
    "WindowRecord",
    "class_incremental",
    "compare",
    "detections",
    "domain_incremental",
    "film",
    "metric",
    "nab_score",
    "play",
    "policy_value",
    "prequential",
    "range_precision",
    "range_recall",
    "stretches",
    "test_then_train",
    "vus",
]
