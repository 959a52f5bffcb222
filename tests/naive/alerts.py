"""Alerts row by row: the whole past in lists, bins cut at the end."""

import math
from bisect import bisect_right


def limits(scores, rate, window):
    """The least past score such that the conformal p-value of any greater one is within `rate`."""
    found = []
    for i in range(len(scores)):
        past = sorted(scores[max(i - window, 0) : i])
        limit = math.inf
        for value in reversed(past):
            # p-value of a score just above `value`
            p = (1 + len(past) - bisect_right(past, value)) / (len(past) + 1)
            if p > rate + 1e-12:
                break
            limit = value
        found.append(limit)
    return found


def record(labels, scores, thresholds, n_bins):
    raised = [s >= t for s, t in zip(scores, thresholds)]
    n, size = len(labels), 1
    while n // size >= n_bins:
        size *= 2
    begun = [i for i in range(n) if labels[i] and not (i and labels[i - 1])]
    delays = []
    for begin in begun:
        end = next((i for i in range(begin, n) if not labels[i]), n)
        delays.append(next((i - begin for i in range(begin, end) if raised[i]), None))
    found = {begin + delay for begin, delay in zip(begun, delays) if delay is not None}
    bins = [range(first, min(first + size, n)) for first in range(0, n, size)]
    return {
        "n_rows": [rows[-1] + 1 for rows in bins],
        "high": [max(scores[i] for i in rows) for rows in bins],
        "low": [min(scores[i] for i in rows) for rows in bins],
        "threshold": [mean(t for i in rows if (t := thresholds[i]) < math.inf) for rows in bins],
        "n_hits": [sum(raised[i] and labels[i] for i in rows) for rows in bins],
        "n_false": [sum(raised[i] and not labels[i] for i in rows) for rows in bins],
        "n_anomalies": [sum(labels[i] for i in rows) for rows in bins],
        "n_begun": [sum(i in begun for i in rows) for rows in bins],
        "n_found": [sum(i in found for i in rows) for rows in bins],
        "high_hit": [highest(scores[i] for i in rows if raised[i] and labels[i]) for rows in bins],
        "high_false": [
            highest(scores[i] for i in rows if raised[i] and not labels[i]) for rows in bins
        ],
    }, delays


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else math.nan


def highest(values):
    return max(values, default=math.nan)
