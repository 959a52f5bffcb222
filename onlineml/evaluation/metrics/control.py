"""What episodes of an agent came to."""

from __future__ import annotations

import numpy as np

from onlineml.evaluation.metrics.metric import Metric, Scored, Summary


class Ended(Summary):
    """Sums over the episodes that ended: how many, their returns, their lengths."""

    _kept = ("sums",)

    def clear(self) -> None:
        """Forget all episodes."""
        self.sums = np.zeros(3)

    def add(self, rows: Scored) -> None:
        """Take in some episodes: returns as `y`, lengths as `answer`."""
        self.sums += len(rows.y), rows.y.sum(), rows.answer.sum()

    def absorb(self, window: Ended) -> None:
        """Add the sums of a window."""
        self.sums += window.sums


def _return(ended: Ended) -> float:
    """Mean sum of rewards of an episode; NaN where none ended."""
    return float(ended.sums[1] / ended.sums[0]) if ended.sums[0] else np.nan


def _length(ended: Ended) -> float:
    """Mean steps of an episode; NaN where none ended."""
    return float(ended.sums[2] / ended.sums[0]) if ended.sums[0] else np.nan


METRICS = (
    Metric("episode_return", "Return", "control", Ended, _return),
    Metric("episode_length", "Episode length", "control", Ended, _length),
)
