"""The volume under the surface: areas under curves whose anomalies have edges of all widths."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from onlineml.evaluation.anomaly_scoring import Stretch, as_flags, stretches
from onlineml.evaluation.metrics.metric import Array
from onlineml.parameters import whole
from onlineml.schema import as_floats, wrong


class VUS(NamedTuple):
    """Volumes under the surfaces of the ROC and of the precision-recall curve.

    Parameters
    ----------
    roc, pr
        In [0, 1], the more the better; NaN where labels are all alike.

    Examples
    --------
    >>> from onlineml.evaluation import vus
    >>> vus([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], buffer=0)
    VUS(roc=1.0, pr=1.0)
    """

    roc: float
    pr: float


def vus(labels: Any, scores: Any, *, buffer: int) -> VUS:
    """How well scores rank stretches of anomalies, some rows too early or too late forgiven.

    The areas under the two curves are taken with edges of 0, 1, ..., `buffer` rows around each
    stretch, in which rows count as anomalies in part, the less the further away; the volume is the
    mean. Recall is multiplied by the share of the stretches that are found at all. NaN where the
    labels are all alike.

    Time is O(n (log n + buffer)), memory O(n + buffer).

    Parameters
    ----------
    labels, scores
        For each row, in order, whether it is an anomaly (1, True), and how strange it is.
    buffer
        Greatest width of the edges, in rows, half of it before a stretch and half after it: such as
        the period of the series, or the usual length of an anomaly.

    Returns
    -------
    VUS
        The two volumes.

    Raises
    ------
    ValueError
        For labels that are not one a row, or neither 0 nor 1; scores that are not one a row, or
        NaN; and a `buffer` that is not a whole number >= 0.

    Examples
    --------
    >>> labels = [0] * 20 + [1] * 5 + [0] * 20
    >>> scores = [0.0] * 23 + [1.0] * 5 + [0.0] * 17  # three rows late
    >>> strict, lenient = (vus(labels, scores, buffer=rows) for rows in (0, 10))
    >>> round(strict.pr, 2), round(lenient.pr, 2)
    (0.43, 0.66)

    Notes
    -----
    Every score is a threshold, where the authors' program takes 250 of them; the area under the
    precision-recall curve is that of its trapezoids, as theirs, and thus not average precision even
    for `buffer=0`. Precision is 1 where nothing is found yet.

    References
    ----------
    .. [1] Paparrizos, Boniol, Palpanas, Tsay, Elmore, Franklin (2022), Volume under the surface: a
       new accuracy evaluation measure for time-series anomaly detection, PVLDB 15(11), section 4.
       doi:10.14778/3551793.3551830
    """
    odd, values = as_flags(labels, "labels"), as_floats(scores, "scores")
    if values.shape != odd.shape or np.isnan(values).any():
        raise wrong("scores", values.shape, f"one score a row, shape {odd.shape}, none of them NaN")
    whole("buffer", buffer, 0, unit="rows")
    if odd.all() or not odd.any():
        return VUS(np.nan, np.nan)
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.diff(values[order], append=-np.inf))  # last row of each threshold
    areas = [_areas(odd, _softened(odd, width), order, ends) for width in range(buffer + 1)]
    roc, pr = np.mean(areas, axis=0)
    return VUS(float(roc), float(pr))


def _softened(odd: Any, width: int) -> Array:
    """Labels with edges: sqrt(1 - distance / width) up to half the width away, 1 at the most."""
    soft = odd.astype(np.float64)
    for first, last in stretches(odd):
        before = np.arange(max(first - width // 2, 0), first)
        after = np.arange(last, min(last + width // 2, len(odd)))
        soft[before] += np.sqrt(1.0 - (first - before) / max(width, 1))
        soft[after] += np.sqrt(1.0 - (after - last + 1) / max(width, 1))
    capped: Array = np.minimum(soft, 1.0)
    return capped


def _areas(odd: Any, soft: Array, order: Any, ends: Any) -> tuple[float, float]:
    """Areas under the ROC and the precision-recall curve of soft labels."""
    n, said = len(odd), ends + 1
    true = np.cumsum(soft[order])[ends]
    positives = (odd.sum() + soft.sum()) / 2
    found = np.minimum(true / positives, 1.0) * _share_found(stretches(soft > 0), order, ends)
    roc = _trapezoids([0.0, *((said - true) / (n - positives)), 1.0], [0.0, *found, 1.0])
    return roc, _trapezoids([0.0, *found], [1.0, *(true / said)])


def _share_found(spans: list[Stretch], order: Any, ends: Any) -> Array:
    """At each threshold, the share of the stretches of which a row is found."""
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    first = np.sort([place[a:b].min() for a, b in spans])
    shares: Array = np.searchsorted(first, ends, side="right") / len(spans)
    return shares


def _trapezoids(x: Any, y: Any) -> float:
    return float(np.trapezoid(y, x))
