"""Answers that a learner did not expect: a drift detector watches them, and the budget heeds it.

A strategy knows the learner's classes by number only. What a number means it finds from the answers
themselves: the label that came most often where that class was the most probable.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from onlineml.kernels.arena import Array

if TYPE_CHECKING:
    from onlineml.active.query_strategy import QueryStrategy


def start(strategy: QueryStrategy) -> None:
    """Give the strategy what its budget asks for: a detector, and counts of answers."""
    detector = strategy._budget().detector
    if detector is not None:
        strategy.detector_ = detector.clone()
        strategy.answers_ = {}


def note(strategy: QueryStrategy, row: Array, y: Any) -> None:
    """The label of `row`, which is `[x | proba]`, has come; after an alarm, plan labels ahead."""
    shares = row[strategy.schema_.n_features :]
    budget = strategy._budget()
    if budget.detector is None or not (shares > 0.0).any():
        return
    counts: dict[Hashable, int] = strategy.answers_.setdefault(int(np.nanargmax(shares)), {})
    usual = max(counts, key=lambda label: counts[label]) if counts else y
    counts[y] = counts.get(y, 0) + 1
    strategy.detector_.fit_one(float(y != usual))
    if strategy.detector_.drift_detected:
        strategy.refund(budget.n_refund)
