"""Forgetting rows that were learned: receipts, and models that forget by replay."""

from onlineml.receipt import KINDS, Receipt, worst
from onlineml.unlearning.roles import (
    Replayable,
    ReplayableClassifier,
    ReplayableDetector,
    ReplayableDriftDetector,
    ReplayableRegressor,
    ReplayableTransformer,
)

__all__ = [
    "KINDS",
    "Receipt",
    "Replayable",
    "ReplayableClassifier",
    "ReplayableDetector",
    "ReplayableDriftDetector",
    "ReplayableRegressor",
    "ReplayableTransformer",
    "worst",
]
