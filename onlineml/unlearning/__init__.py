"""Forgetting rows that were learned: receipts, replay, a record of requests, privacy budgets."""

from onlineml.odometer import BudgetSpentError, PrivacyOdometer
from onlineml.receipt import KINDS, Receipt, worst
from onlineml.unlearning.audit import AuditLog
from onlineml.unlearning.roles import (
    Replayable,
    ReplayableClassifier,
    ReplayableDetector,
    ReplayableDriftDetector,
    ReplayableRegressor,
    ReplayableTransformer,
)
from onlineml.unlearning.shards import Sharded, ShardedClassifier, ShardedRegressor
from onlineml.unlearning.streaming import StreamingUnlearner

__all__ = [
    "KINDS",
    "AuditLog",
    "BudgetSpentError",
    "PrivacyOdometer",
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
    "StreamingUnlearner",
    "worst",
]
