"""Detectors of drift in errors, in plain Python: all values since the last alarm in a list.

Each function takes these values and gives the flag after the last: 0 none, 1 drift, 2 warning.
"""

from collections.abc import Callable, Iterable, Sequence
from math import log, sqrt
from statistics import NormalDist, fmean, stdev

Rule = Callable[[Sequence[float]], int]


def flags(rule: Rule, values: Iterable[float]) -> list[int]:
    """What `rule` says after each value; an alarm forgets all values."""
    found, kept = [], list[float]()
    for value in values:
        kept.append(value)
        found.append(rule(kept))
        if found[-1] == 1:
            kept.clear()
    return found


def _flag(warning: bool, drift: bool) -> int:
    return 1 if drift else 2 if warning else 0


def ddm(values: Sequence[float]) -> int:
    rates = [fmean(values[:n]) for n in range(31, len(values) + 1)]
    bands = [(p, sqrt(p * (1 - p) / n)) for n, p in enumerate(rates, 31)]
    if not bands:
        return 0
    least, unit = min(reversed(bands), key=sum)
    now = sum(bands[-1])
    return _flag(now > least + 2 * unit, now > least + 3 * unit)


def eddm(values: Sequence[float]) -> int:
    errors = [i for i, value in enumerate(values, 1) if value == 1]
    gaps = [b - a for a, b in zip([0, *errors], errors)]
    flag, largest = 0, 0.0
    for n in range(1, len(gaps) + 1):
        if errors[n - 1] <= 30:
            continue
        distance = fmean(gaps[:n]) + 2 * (stdev(gaps[:n]) if n > 1 else 0.0)
        if distance > largest:
            largest, flag = distance, 0
        elif n > 30:
            flag = _flag(distance < 0.95 * largest, distance < 0.9 * largest)
    return flag


def stepd(values: Sequence[float]) -> int:
    old, recent = values[:-30], values[-30:]
    p, unit = fmean(values), 1 / max(len(old), 1) + 1 / 30
    if len(old) < 30 or p * (1 - p) == 0:
        return 0
    statistic = (fmean(recent) - fmean(old) - 0.5 * unit) / sqrt(p * (1 - p) * unit)
    level = 2 * (1 - NormalDist().cdf(statistic))
    return _flag(level < 0.05, level < 0.003)


def fhddm(values: Sequence[float]) -> int:
    shares = [1 - fmean(values[n - 100 : n]) for n in range(100, len(values) + 1)]
    bound = sqrt(log(1e6) / 200)
    return _flag(False, bool(shares) and max(shares) - shares[-1] > bound)


def cusum(values: Sequence[float]) -> int:
    total = 0.0
    for n, value in enumerate(values, 1):
        total = max(0.0, total + value - fmean(values[:n]) - 0.005)
    return _flag(False, len(values) >= 30 and total > 20)


def ewma(values: Sequence[float]) -> int:
    average = 0.0
    for value in values:
        average = 0.2 * value + 0.8 * average
    n, p = len(values), fmean(values)
    limit = 3.97 - 6.56 * p + 48.73 * p**3 - 330.13 * p**5 + 848.18 * p**7
    band = limit * sqrt(p * (1 - p) * 0.2 / 1.8 * (1 - 0.8 ** (2 * n)))
    return _flag(n >= 29 and average > p + band / 2, n >= 29 and average > p + band)
