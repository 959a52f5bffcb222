"""Scores in order, in bounded space: what totals of rankings are worked out from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from onlineml.evaluation.metrics.metric import Array
from onlineml.kernels import jit

CAPACITY = 16_384  # scores of one weight


@jit
def areas(
    hits: Array, hit_weights: Array, misses: Array, miss_weights: Array
) -> tuple[float, float]:
    """ROC-AUC and average precision of scores that are sorted upwards; NaN without both kinds.

    Rows of equal score are one step of the curve.
    """
    i, j = hits.shape[0] - 1, misses.shape[0] - 1
    above, false, area, precision = 0.0, 0.0, 0.0, 0.0
    while i >= 0 or j >= 0:
        score = hits[i] if i >= 0 and (j < 0 or hits[i] > misses[j]) else misses[j]
        new_hits, new_misses = 0.0, 0.0
        while i >= 0 and hits[i] == score:
            new_hits += hit_weights[i]
            i -= 1
        while j >= 0 and misses[j] == score:
            new_misses += miss_weights[j]
            j -= 1
        area += new_misses * (above + 0.5 * new_hits)
        above += new_hits
        false += new_misses
        if new_hits > 0.0:
            precision += new_hits * (above / (above + false))
    if above == 0.0 or false == 0.0:
        return np.nan, np.nan
    return area / (above * false), precision / above


@jit
def _merge(
    scores: Array, weights: Array, news: Array, merged: Array, merged_weights: Array
) -> None:
    """Merge sorted `news`, of weight 1, into sorted scores."""
    i = 0
    for k in range(merged.shape[0]):
        j = k - i
        if i < scores.shape[0] and (j >= news.shape[0] or scores[i] <= news[j]):
            merged[k], merged_weights[k] = scores[i], weights[i]
            i += 1
        else:
            merged[k], merged_weights[k] = news[j], 1.0


class Ranked:
    """Scores in order: all of them as long as there is room, then fewer with weights.

    Scores have the weights 1, 2, 4, ... Where there are `capacity` of one weight, the higher half
    of them stays and of the others every second one goes, the first or the second by turns; its
    neighbor's weight is doubled. So the `capacity / 2` highest scores are always exact, and the
    memory of n scores is at most `16 * capacity * (1 + log2(n / capacity))` bytes.

    Notes
    -----
    A step of weight w moves no rank by more than w: n scores have at most 2 n / capacity of them
    for each weight, hence the ranks of all are off by a share of
    `2 * log2(n / capacity) / capacity` at the worst, 0.0007 after a million scores. As steps take
    turns, errors mostly cancel. `error` is the bound for the steps that were taken.

    References
    ----------
    .. [1] Manku, Rajagopalan, Lindsay (1998), Approximate medians and other quantiles in one pass
       and with limited memory, SIGMOD, section 3. doi:10.1145/276304.276342
    .. [2] Cormode, Karnin, Liberty, Thaler, Vesely (2021), Relative error streaming quantiles,
       PODS, section 2: compactors that keep one end. doi:10.1145/3452021.3458323
    """

    def __init__(self) -> None:
        self._scores, self._weights = np.empty(0), np.empty(0)
        self._turns = np.zeros(0, np.int64)  # steps taken for each weight
        self._pending: list[Array] = []
        self._n_pending = 0

    def add(self, scores: Array, capacity: int = CAPACITY) -> None:
        """Take in some scores. What is kept does not depend on how they are grouped."""
        first = 0
        while first < len(scores):
            last = first + capacity - int((self._weights == 1.0).sum()) - self._n_pending
            part = scores[first : max(last, first + 1)]
            self._pending.append(part)
            self._n_pending += len(part)
            first += len(part)
            if first >= last:
                self._gather()
                self._thin_out(capacity)

    def add_zeros(self, n: int) -> None:
        """Take in `n` scores of 0 at once."""
        powers = 2.0 ** np.flatnonzero([n >> k & 1 for k in range(n.bit_length())])
        scores = np.concatenate([np.zeros(len(powers)), self._scores])
        order = np.argsort(scores, kind="stable")
        self._scores, self._weights = scores[order], np.concatenate([powers, self._weights])[order]

    def _gather(self) -> None:
        """Bring what came since the last time into order."""
        if self._pending:
            news = np.sort(np.concatenate(self._pending))
            n = len(self._scores) + len(news)
            merged, weights = np.empty(n), np.empty(n)
            _merge(self._scores, self._weights, news, merged, weights)
            self._scores, self._weights = merged, weights
            self._pending, self._n_pending = [], 0

    def _thin_out(self, capacity: int) -> None:
        level = 0
        while len(alike := np.flatnonzero(self._weights == 2.0**level)) >= capacity:
            if level == len(self._turns):
                self._turns = np.append(self._turns, 0)
            lower = alike[: (len(alike) - capacity // 2) // 2 * 2]
            turn = int(self._turns[level]) % 2
            self._weights[lower[turn::2]] *= 2.0
            gone = lower[1 - turn :: 2]
            self._scores = np.delete(self._scores, gone)
            self._weights = np.delete(self._weights, gone)
            self._turns[level] += 1
            level += 1

    @property
    def content(self) -> tuple[Array, Array]:
        """Scores, sorted upwards, and their weights."""
        self._gather()
        return self._scores, self._weights

    @property
    def error(self) -> float:
        """Most by which the rank of any score can be off, as a share of all scores."""
        total = float(self.content[1].sum())
        return float((self._turns * 2.0 ** np.arange(len(self._turns))).sum()) / max(total, 1.0)

    def get_state(self) -> dict[str, Any]:
        """Scores, weights and turns."""
        scores, weights = self.content
        return {"scores": scores, "weights": weights, "turns": self._turns}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Ranked:
        """What `get_state` described."""
        made = cls()
        made._scores, made._weights = np.array(state["scores"]), np.array(state["weights"])
        made._turns = np.array(state["turns"])
        return made
