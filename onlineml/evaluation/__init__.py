"""Honest measurement: prequential evaluation, its metrics and its results."""

from onlineml.evaluation.by_chunk import CHUNK_METRICS, ChunkScores, test_then_train
from onlineml.evaluation.class_incremental import (
    ClassIncrementalResult,
    ClassIncrementalRun,
    class_incremental,
)
from onlineml.evaluation.compare import compare
from onlineml.evaluation.comparison import Comparison
from onlineml.evaluation.metrics import METRICS, Metric, metric
from onlineml.evaluation.prequential import Tracker, prequential
from onlineml.evaluation.result import Result, Run, WindowRecord

__all__ = [
    "CHUNK_METRICS",
    "METRICS",
    "ChunkScores",
    "ClassIncrementalResult",
    "ClassIncrementalRun",
    "Comparison",
    "Metric",
    "Result",
    "Run",
    "Tracker",
    "WindowRecord",
    "class_incremental",
    "compare",
    "metric",
    "prequential",
    "test_then_train",
]
