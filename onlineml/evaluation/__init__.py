"""Honest measurement: prequential evaluation, its metrics and its results."""

from onlineml.evaluation.compare import compare
from onlineml.evaluation.comparison import Comparison
from onlineml.evaluation.metrics import METRICS, Metric, metric
from onlineml.evaluation.prequential import Tracker, prequential
from onlineml.evaluation.result import Result, Run, WindowRecord

__all__ = [
    "METRICS",
    "Comparison",
    "Metric",
    "Result",
    "Run",
    "Tracker",
    "WindowRecord",
    "compare",
    "metric",
    "prequential",
]
