"""Honest measurement: prequential evaluation, its metrics and its results."""

from onlineml.evaluation.metrics import METRICS, Metric, metric
from onlineml.evaluation.prequential import Tracker, prequential
from onlineml.evaluation.result import Result, Run, WindowRecord

__all__ = [
    "METRICS",
    "Metric",
    "Result",
    "Run",
    "Tracker",
    "WindowRecord",
    "metric",
    "prequential",
]
