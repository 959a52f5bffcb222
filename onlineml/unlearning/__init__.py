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
from onlineml.unlearning.shards import Sharded, ShardedClassifier, ShardedRegressor

__all__ = [
    "KINDS",
    "Receipt",
    "Replayable",
    "ReplayableClassifier",
    "ReplayableDetector",
    "ReplayableDriftDetector",
    "ReplayableRegressor",
    "ReplayableTransformer",
    "Sharded",
    "ShardedClassifier",
    "ShardedRegressor",
    "worst",
]
