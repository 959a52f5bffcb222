"""Scores of a detector against a threshold, row by row, and what became of the alerts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from onlineml.evaluation.metrics.metric import Array, Ints
from onlineml.evaluation.metrics.ranking import positive
from onlineml.kernels import jit
from onlineml.kernels.ranks import N, kth, levels_for, slide

N_BINS = 512  # points of the curves, at most
_WINDOW = 1000  # scores that a threshold is drawn from, at least
# Columns of the bins: rows, greatest and least score, sum and number of the thresholds; then for
# each of the two labels: rows, alerts, greatest score of these, stretches that begin, that are
# found, rows from their beginning until then.
_ROWS, _HIGH, _LOW, _SUM, _KNOWN, _LABEL = range(6)
_OF_LABEL, _RAISED, _HIGHEST, _BEGUN, _FOUND, _WAITED, _PER_LABEL = range(7)
_GREATEST = [_HIGH, _LABEL + _HIGHEST, _LABEL + _PER_LABEL + _HIGHEST]


@dataclass
class AlertRecord:
    """Alerts of a detector over a run, and the course of its scores in at most 512 bins of rows.

    An alert is a row whose score reaches the threshold that stood before the row was learned.

    Attributes
    ----------
    rule
        Where the threshold comes from, in words.
    n_alerts, n_hits
        Alerts, and those on anomalies.
    n_anomalies, n_normal
        Rows of either kind.
    n_stretches, n_found, mean_delay
        Stretches of anomalies, those with an alert in them, and the rows from a stretch's beginning
        to its first alert on average (NaN where none is found).
    curves
        By bin: `n_rows` scored until its end, `high` and `low` scores, mean `threshold` (NaN where
        there was none), `n_hits`, `n_false` alerts and `n_anomalies` in it, `high_hit` and
        `high_false`, the greatest scores of these alerts (NaN where there are none), stretches of
        anomalies that begin (`n_begun`) and that are found (`n_found`).

    Examples
    --------
    >>> from onlineml.evaluation import AlertRecord
    >>> found = AlertRecord("a threshold", n_alerts=4, n_hits=3, n_normal=100)
    >>> found.precision, found.false_alarm_rate
    (0.75, 0.01)
    """

    rule: str
    n_alerts: int = 0
    n_hits: int = 0
    n_anomalies: int = 0
    n_normal: int = 0
    n_stretches: int = 0
    n_found: int = 0
    mean_delay: float = np.nan
    curves: dict[str, list[float]] = field(default_factory=dict)

    @property
    def precision(self) -> float:
        """Share of the alerts that are on anomalies; NaN without alerts."""
        return self.n_hits / self.n_alerts if self.n_alerts else np.nan

    @property
    def recall(self) -> float:
        """Share of the stretches of anomalies that have an alert; NaN without stretches."""
        return self.n_found / self.n_stretches if self.n_stretches else np.nan

    @property
    def false_alarm_rate(self) -> float:
        """Share of the normal rows that raise an alert; NaN without such rows."""
        return (self.n_alerts - self.n_hits) / self.n_normal if self.n_normal else np.nan

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> AlertRecord:
        """The record that `dataclasses.asdict` described; None stands for NaN."""
        curves = {name: [_known(v) for v in curve] for name, curve in plain["curves"].items()}
        mean_delay = _known(plain["mean_delay"])
        return cls(**{**plain, "curves": curves, "mean_delay": mean_delay})


class ConformalLimit:
    """The score that at most a share `rate` of the last scores exceeds, before each new one.

    As long as scores do not change in distribution, at most that share of them lies above. There
    is no limit, infinity, until 1 / rate scores are known. Time per score is O(log(window)).
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        window = max(_WINDOW, round(10 / rate))
        n_levels = levels_for(window)
        self._list = (
            np.zeros(window), np.full((n_levels, window + 1), -1),
            np.ones((n_levels, window + 1), np.int64), np.zeros(2, np.int64),
            np.zeros((2, n_levels), np.int64), np.zeros(1, np.int64),
        )  # fmt: skip

    def before(self, scores: Array) -> Array:
        """The least score that is an alert, at each row; then the scores are taken in."""
        limits = np.empty(len(scores))
        _limits(scores, self.rate, *self._list, limits)
        return limits


@jit
def _limits(
    scores: Array, rate: float, values: Array, links: Ints, leaps: Ints, places: Ints, path: Ints,
    random: Ints, limits: Array,
) -> None:  # fmt: skip
    for i in range(scores.shape[0]):
        above = int(rate * (places[N] + 1) + 1e-9) - 1  # scores that may be as great
        limits[i] = np.inf
        if above >= 0:
            limit = kth(values, links, leaps, places[N] - 1 - above)
            limits[i] = np.nextafter(limit, np.inf)
        if not np.isnan(scores[i]):
            slide(values, links, leaps, places, path, random, 0, scores[i])


class AlertTrace:
    """Takes down scores, thresholds and labels; where bins run out, two become one."""

    def __init__(self, n_bins: int = N_BINS) -> None:
        self._bins = _empty(n_bins)
        # the bin, rows that make it full, rows so far, label, beginning and alert of the stretch
        self._cursor = np.array([0, 1, 0, -1, 0, 0])

    def add(self, codes: Ints, scores: Array, thresholds: Array) -> None:
        """Take down some rows; `codes` of the two labels are 0 and 1."""
        first = 0
        while first < len(codes):
            first = _note(codes, scores, thresholds, first, self._bins, self._cursor)
            if self._cursor[0] == len(self._bins):
                self._halve()

    def _halve(self) -> None:
        merged = self._bins[::2] + self._bins[1::2]
        merged[:, _GREATEST] = np.maximum(self._bins[::2], self._bins[1::2])[:, _GREATEST]
        merged[:, _LOW] = np.minimum(self._bins[::2], self._bins[1::2])[:, _LOW]
        half = len(merged)
        self._bins[:half], self._bins[half:] = merged, _empty(half)
        self._cursor[:2] = half, 2 * self._cursor[1]

    def record(self, classes: Sequence[Hashable], rule: str) -> AlertRecord:
        """What was taken down so far; the greater of the two labels is that of an anomaly."""
        bins = self._bins[self._bins[:, _ROWS] > 0]
        odd = positive({0, 1}, classes) if len(classes) == 2 else 1
        ours, others = _LABEL + _PER_LABEL * odd, _LABEL + _PER_LABEL * (1 - odd)
        total = bins.sum(axis=0)
        n_found = int(total[ours + _FOUND])
        curves = {
            "n_rows": np.cumsum(bins[:, _ROWS]),
            "high": bins[:, _HIGH],
            "low": bins[:, _LOW],
            "threshold": bins[:, _SUM] / np.where(bins[:, _KNOWN] > 0, bins[:, _KNOWN], np.nan),
            "n_hits": bins[:, ours + _RAISED],
            "n_false": bins[:, others + _RAISED],
            "n_anomalies": bins[:, ours + _OF_LABEL],
            "high_hit": bins[:, ours + _HIGHEST],
            "high_false": bins[:, others + _HIGHEST],
            "n_begun": bins[:, ours + _BEGUN],
            "n_found": bins[:, ours + _FOUND],
        }
        return AlertRecord(
            rule=rule,
            n_alerts=int(total[ours + _RAISED] + total[others + _RAISED]),
            n_hits=int(total[ours + _RAISED]),
            n_anomalies=int(total[ours + _OF_LABEL]),
            n_normal=int(total[others + _OF_LABEL]),
            n_stretches=int(total[ours + _BEGUN]),
            n_found=n_found,
            mean_delay=float(total[ours + _WAITED]) / n_found if n_found else np.nan,
            curves={name: _finite(curve).tolist() for name, curve in curves.items()},
        )


@jit
def _note(
    codes: Ints, scores: Array, thresholds: Array, first: int, bins: Array, cursor: Ints
) -> int:
    """Take down rows from `first` on until the bins are full; how far it came."""
    for i in range(first, codes.shape[0]):
        place, label, score = cursor[0], codes[i], scores[i]
        here = bins[place]
        raised = score >= thresholds[i]
        here[_ROWS] += 1
        here[_HIGH], here[_LOW] = max(here[_HIGH], score), min(here[_LOW], score)
        if thresholds[i] < np.inf:
            here[_SUM] += thresholds[i]
            here[_KNOWN] += 1
        own = _LABEL + _PER_LABEL * label
        here[own + _OF_LABEL] += 1
        if label != cursor[3]:
            here[own + _BEGUN] += 1
            cursor[3], cursor[4], cursor[5] = label, cursor[2], 0
        if raised:
            here[own + _RAISED] += 1
            here[own + _HIGHEST] = max(here[own + _HIGHEST], score)
            if not cursor[5]:
                here[own + _FOUND] += 1
                here[own + _WAITED] += cursor[2] - cursor[4]
                cursor[5] = 1
        cursor[2] += 1
        if here[_ROWS] == cursor[1]:
            cursor[0] += 1
            if cursor[0] == bins.shape[0]:
                return i + 1
    return int(codes.shape[0])


def _empty(n_bins: int) -> Array:
    bins = np.zeros((n_bins, _LABEL + 2 * _PER_LABEL))
    bins[:, _GREATEST], bins[:, _LOW] = -np.inf, np.inf
    return bins


def _finite(curve: Array) -> Array:
    return np.where(np.isfinite(curve), curve, np.nan)


def _known(value: float | None) -> float:
    return np.nan if value is None else value
