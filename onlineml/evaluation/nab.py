"""The score of the Numenta Anomaly Benchmark: early alarms in windows against false ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from onlineml.evaluation.metrics.metric import Array
from onlineml.schema import wrong


class Profile(NamedTuple):
    """What a false alarm and a missed window cost; a window found at its beginning is worth 1."""

    false_alarm: float
    miss: float


#: The profiles of the benchmark.
PROFILES = {
    "standard": Profile(0.11, 1.0),
    "reward_low_fp": Profile(0.22, 1.0),
    "reward_low_fn": Profile(0.11, 2.0),
}


class NABScore(NamedTuple):
    """A score, 100 for all windows found at once and 0 for no alarms, and its threshold.

    Parameters
    ----------
    score
        At most 100; below 0 where false alarms cost more than was found.
    threshold
        Rows that score at least this much raise an alarm; infinite where none should.

    Examples
    --------
    >>> from onlineml.evaluation import nab_score
    >>> nab_score([([0.0] * 100, [(60, 79)])])  # all rows alike: better no alarm at all
    NABScore(score=0.0, threshold=inf)
    """

    score: float
    threshold: float


def nab_score(
    series: Iterable[tuple[Any, Sequence[tuple[int, int]]]],
    *,
    profile: str = "standard",
    threshold: float | None = None,
) -> NABScore:
    """The score of detectors of numbers over several series with windows of anomalies.

    The first 15 % of a series, 750 rows at most, are not judged. Alarms in a window count once: the
    earliest, which is worth the more the earlier it is. Other alarms cost the more the longer
    after a window they come. Time is O(n log n), memory O(n), of the
    rows of all series.

    Parameters
    ----------
    series
        For each series the scores of its rows, and its windows: first and last row.
    profile
        "standard", "reward_low_fp" (false alarms cost double) or "reward_low_fn" (misses do).
    threshold
        Where an alarm is raised, the same in all series; None for the one that gives the best
        score, as the benchmark does.

    Returns
    -------
    NABScore
        Score and threshold.

    Raises
    ------
    ValueError
        For an unknown `profile`, a `threshold` that is NaN, scores that are not one a row or NaN,
        windows beyond the rows, and series without a window to be judged.

    Examples
    --------
    >>> scores = [0.0] * 100
    >>> scores[60] = scores[85] = 1.0
    >>> found = nab_score([(scores, [(60, 79)])])
    >>> round(found.score, 1), found.threshold
    (96.4, 1.0)

    Notes
    -----
    The score is 100 (s - null) / (perfect - null), s summing over the windows and the false alarms
    of all series. Windows within the rows that are not judged do not count.

    References
    ----------
    .. [1] Lavin, Ahmad (2015), Evaluating real-time anomaly detection algorithms: the Numenta
       Anomaly Benchmark, IEEE ICMLA, section III. doi:10.1109/ICMLA.2015.141
    """
    if profile not in PROFILES:
        raise wrong("profile", profile, f"one of {list(PROFILES)}")
    if threshold is not None and np.isnan(threshold):
        raise wrong("threshold", threshold, "a number, or None")
    costs = PROFILES[profile]
    parts = [_judged(*one, costs) for one in series]
    if not parts or not sum(n for *_, n in parts):
        raise wrong("series", len(parts), "series with at least one window to be judged")
    scores = np.concatenate([part[0] for part in parts])
    worth = np.concatenate([part[1] for part in parts])
    first = np.cumsum([0, *(part[3] for part in parts)])  # windows are numbered over all series
    windows = [np.where(w >= 0, w + k, -1) for (_, _, w, _), k in zip(parts, first, strict=False)]
    n_windows = int(first[-1])
    null, perfect = -costs.miss * n_windows, float(n_windows)
    found = _swept(scores, worth, np.concatenate(windows), null, costs.miss, threshold)
    return NABScore(100.0 * (found[0] - null) / (perfect - null), found[1])


def _judged(
    scores: Any, windows: Sequence[tuple[int, int]], costs: Profile
) -> tuple[Array, Array, Any, int]:
    """Of the judged rows: scores, worth of an alarm, window (-1 none); how many windows."""
    values = np.asarray(scores, np.float64)
    n = len(values)
    if values.ndim != 1 or np.isnan(values).any():
        raise wrong("series", values.shape, "one score a row, none of them NaN")
    rows = np.arange(n)
    worth, window = np.full(n, -costs.false_alarm), np.full(n, -1)
    probation = min(int(0.15 * n), 750)
    k = 0
    for first, last in sorted((int(a), int(b)) for a, b in windows):
        if not 0 <= first <= last < n:
            raise wrong("windows", (first, last), f"rows from 0 to {n - 1}")
        width = last - first + 1
        after = rows > last
        behind = (rows[after] - last) / max(width - 1, 1)
        worth[after] = costs.false_alarm * _sigmoid(behind)
        inside = slice(first, last + 1)
        position = -(last - rows[inside] + 1) / width
        worth[inside] = _sigmoid(position) / _sigmoid(np.array(-1.0))
        window[inside] = -1
        if last >= probation:
            window[inside] = k
            k += 1
    return values[probation:], worth[probation:], window[probation:], k


def _sigmoid(position: Any) -> Array:
    """Worth of an alarm by its place: -1 is a window's beginning, 0 its end."""
    worth = 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 4.0))) - 1.0
    return np.where(np.asarray(position) > 3.0, -1.0, worth)


def _swept(
    scores: Array, worth: Array, window: Any, null: float, miss: float, threshold: float | None
) -> tuple[float, float]:
    """The best total and its threshold, or the total at the threshold given."""
    total, best, best_at = null, null, np.inf
    parts: dict[int, float] = {}
    order = np.argsort(-scores, kind="stable")
    columns = (scores[order].tolist(), worth[order].tolist(), window[order].tolist())
    ahead = [*columns[0][1:], -np.inf]
    for score, gain, k, following in zip(*columns, ahead, strict=True):
        if threshold is not None and score < threshold:
            break
        if k < 0:
            total += gain
        else:
            before = parts.get(k, -miss)
            parts[k] = max(before, gain)
            total += parts[k] - before
        if following < score and total > best:
            best, best_at = total, score
    return (best, best_at) if threshold is None else (total, threshold)
