"""How good scores and alarms are where anomalies are stretches of rows, not single ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.evaluation.metrics.metric import Array
from onlineml.schema import wrong

#: First row of a stretch, and the first one after it.
Stretch = tuple[int, int]
#: Weight of a row at a place of a stretch: `(place, length) -> weight`.
Bias = Callable[[npt.NDArray[np.int64], int], Array]


def stretches(labels: Any) -> list[Stretch]:
    """The runs of rows that are anomalies (1, True), each from its first row to one after its last.

    Time and memory are O(n_rows).

    Parameters
    ----------
    labels
        For each row, in order, whether it is an anomaly; shape `(n_rows,)`.

    Returns
    -------
    list of pairs
        In order.

    Raises
    ------
    ValueError
        For labels that are not one a row, or neither 0 nor 1.

    Examples
    --------
    >>> stretches([0, 1, 1, 0, 1])
    [(1, 3), (4, 5)]
    """
    odd = as_flags(labels, "labels")
    edges = np.flatnonzero(np.diff(np.concatenate([[False], odd, [False]])))
    return [(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2])]


class Detections(NamedTuple):
    """What became of every anomalous stretch, and of the alarms outside.

    Parameters
    ----------
    delays
        Rows from the beginning of each stretch to its first alarm, None where it has none.
    n_false
        Alarms in no stretch.
    n_free
        Rows in no stretch.

    Examples
    --------
    >>> from onlineml.evaluation import Detections
    >>> found = Detections(delays=(2, None), n_false=1, n_free=50)
    >>> found.recall, found.mean_delay, found.false_alarm_rate
    (0.5, 2.0, 0.02)
    """

    delays: tuple[int | None, ...]
    n_false: int
    n_free: int

    @property
    def recall(self) -> float:
        """Share of the stretches that have an alarm; NaN without stretches."""
        found = sum(delay is not None for delay in self.delays)
        return found / len(self.delays) if self.delays else np.nan

    @property
    def mean_delay(self) -> float:
        """Rows to the first alarm, mean over the stretches that have one; NaN without any."""
        found = [delay for delay in self.delays if delay is not None]
        return float(np.mean(found)) if found else np.nan

    @property
    def false_alarm_rate(self) -> float:
        """Share of the rows outside all stretches that raise an alarm; NaN without such rows."""
        return self.n_false / self.n_free if self.n_free else np.nan


def detections(labels: Any, alarms: Any) -> Detections:
    """When each anomalous stretch was first noticed, and how many alarms were false.

    Time and memory are O(n_rows).

    Parameters
    ----------
    labels, alarms
        For each row, in order, whether it is an anomaly, and whether an alarm was raised.

    Returns
    -------
    Detections
        With a delay for each stretch, in order.

    Raises
    ------
    ValueError
        For labels or alarms that are not one a row, or neither 0 nor 1.

    Examples
    --------
    >>> found = detections([0, 0, 1, 1, 1, 0, 1], [1, 0, 0, 1, 1, 0, 0])
    >>> found.delays, found.n_false, found.recall
    ((1, None), 1, 0.5)
    """
    odd, raised = _two(labels, alarms)
    delays = tuple(
        int(raised[first:last].argmax()) if raised[first:last].any() else None
        for first, last in stretches(odd)
    )
    return Detections(delays, int((raised & ~odd).sum()), int((~odd).sum()))


def flat(places: npt.NDArray[np.int64], length: int) -> Array:
    """All rows of a stretch count alike."""
    return np.ones(len(places))


def front(places: npt.NDArray[np.int64], length: int) -> Array:
    """Rows count the more, the nearer they are to the beginning of a stretch."""
    return (length - places).astype(np.float64)


def range_precision(labels: Any, alarms: Any, *, bias: Bias = flat) -> float:
    """Mean over the runs of alarms of the share that lies in anomalies; NaN without alarms.

    Time is O(n_rows + n_alarms * n_anomalies), of runs and stretches, memory O(n_rows).

    Parameters
    ----------
    labels, alarms
        For each row, in order, whether it is an anomaly, and whether an alarm was raised.
    bias
        How much each row of a run counts: `flat`, `front`, or another.

    Returns
    -------
    float
        In [0, 1], or NaN.

    Raises
    ------
    ValueError
        For labels or alarms that are not one a row, or neither 0 nor 1.

    Examples
    --------
    >>> range_precision([0, 1, 1, 0, 0], [1, 1, 0, 0, 1])
    0.25

    Notes
    -----
    Equations 6 and 7 of [1]_, with alpha = 0 as they advise for precision; a run that touches
    several anomalies has its share divided by their number.

    References
    ----------
    .. [1] Tatbul, Lee, Zdonik, Alam, Gottschlich (2018), Precision and recall for time series,
       NeurIPS, section 4. arXiv:1803.03639
    """
    odd, raised = _two(labels, alarms)
    return _mean([_overlap(run, stretches(odd), bias) for run in stretches(raised)])


def range_recall(labels: Any, alarms: Any, *, existence: float = 0.0, bias: Bias = flat) -> float:
    """Mean over the anomalies of how much of each raised alarms; NaN without anomalies.

    Time is O(n_rows + n_alarms * n_anomalies), of runs and stretches, memory O(n_rows).

    Parameters
    ----------
    labels, alarms
        For each row, in order, whether it is an anomaly, and whether an alarm was raised.
    existence
        Weight, in [0, 1], of whether an anomaly has any alarm at all; the rest is for the share of
        its rows.
    bias
        How much each row of an anomaly counts: `flat`, `front`, or another.

    Returns
    -------
    float
        In [0, 1], or NaN.

    Raises
    ------
    ValueError
        For labels or alarms that are not one a row, or neither 0 nor 1, and an `existence` outside
        of [0, 1].

    Examples
    --------
    >>> range_recall([0, 1, 1, 0, 1], [1, 1, 0, 0, 0])
    0.25
    >>> range_recall([0, 1, 1, 0, 1], [1, 1, 0, 0, 0], existence=1.0)
    0.5

    Notes
    -----
    Equations 4 and 5 of [1]_; the share is divided by the number of runs of alarms that an anomaly
    is touched by.

    References
    ----------
    .. [1] Tatbul, Lee, Zdonik, Alam, Gottschlich (2018), Precision and recall for time series,
       NeurIPS, section 4. arXiv:1803.03639
    """
    if not 0 <= existence <= 1:
        raise wrong("existence", existence, "a number in [0, 1]")
    odd, raised = _two(labels, alarms)
    runs = stretches(raised)
    return _mean(
        [
            existence * bool(raised[first:last].any())
            + (1 - existence) * _overlap((first, last), runs, bias)
            for first, last in stretches(odd)
        ]
    )


def _overlap(own: Stretch, others: Sequence[Stretch], bias: Bias) -> float:
    """Weighted share of `own` that lies in `others`, over the number of those that it touches."""
    first, last = own
    places = np.arange(last - first)
    weights = bias(places, last - first)
    touched = [(a, b) for a, b in others if a < last and b > first]
    if not touched:
        return 0.0
    inside = sum(weights[max(a - first, 0) : b - first].sum() for a, b in touched)
    return float(inside / weights.sum() / len(touched))


def as_flags(values: Any, argument: str) -> npt.NDArray[np.bool_]:
    """One flag a row, 0 and 1 or false and true, as an array of the latter."""
    given = np.asarray(values)
    if given.ndim != 1:
        raise wrong(argument, given.shape, "one flag a row, shape (n_rows,)")
    others = given[(given != 0) & (given != 1)]
    if len(others):
        raise wrong(argument, others.tolist()[0], "0 or 1")
    return given.astype(bool)


def _two(labels: Any, alarms: Any) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    odd, raised = as_flags(labels, "labels"), as_flags(alarms, "alarms")
    if raised.shape != odd.shape:
        raise wrong("alarms", raised.shape, f"one flag a row, shape {odd.shape}")
    return odd, raised


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else np.nan
