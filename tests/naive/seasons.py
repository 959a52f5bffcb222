"""Seasonal decomposition and the generalized ESD test, each time anew from lists."""

from typing import Any

import numpy as np
from scipy import stats


def clearest_period(values: Any, present: int) -> int:
    """The period in the autocorrelation of a window of values, cut to their usual range."""
    known = np.sort(values[~np.isnan(values)])
    if len(known) == 0:
        return 1
    out = min(int(np.ceil(0.05 * len(known))), (len(known) - 1) // 2)
    low, high = known[out], known[-1 - out]
    if low == high:
        low, high = known[0], known[-1]
    cut = np.clip(values, low, high)
    cut = np.nan_to_num(cut - np.nanmean(cut))
    total, n = (cut * cut).sum(), len(cut)

    def correlation(lag: int) -> float:
        return float(cut[lag:] @ cut[: n - lag] / total * n / (n - lag)) if total > 0 else 0.0

    if present > 1 and correlation(present) > 0.1:
        return present
    found = [correlation(lag) if lag else 0.0 for lag in range(n // 3 + 2)]
    peaks = [k for k in range(2, n // 3 + 1) if found[k - 1] < found[k] >= found[k + 1]]
    highest = max([0.3, *(found[k] for k in peaks)])
    return next((k for k in peaks if found[k] > 0.3 and found[k] >= 0.95 * highest), 1)


class Decomposer:
    """One series."""

    def __init__(self, period: Any, window: int, n_cycles: int) -> None:
        self.given, self.window, self.n_cycles = period, window, n_cycles
        self.n, self.period = 0, 1
        self.clear()

    def clear(self) -> None:
        self.values: list[float] = []  # since the present period was found
        self.detrended: list[float] = []
        self.rests: list[float] = []

    def span(self) -> int:
        if self.period == 1:
            return min(100, self.window)
        most = self.window // self.period * self.period
        return min(self.period * int(np.ceil(20 / self.period)), most)

    def parts(self) -> tuple[float, float]:
        """Trend and season of the next value."""
        past = np.array(self.values[-self.span() :])
        if not (past == past).any():
            return np.nan, 0.0
        trend, season = float(np.nanmedian(past)), 0.0
        if self.period > 1:
            ages = [k * self.period for k in range(1, self.n_cycles + 1)]
            ages = [a for a in ages if a <= min(self.window, len(self.values))]
            same = [self.detrended[-a] for a in ages if not np.isnan(self.detrended[-a])]
            season = float(np.median(same)) if same else 0.0
        return trend, season

    def learn(self, x: float) -> None:
        self.append(x)
        self.n += 1
        if self.n % self.window == 0:
            last = self.values[-self.window :]
            found = self.given or clearest_period(np.array(last), self.period)
            if found != self.period:
                self.period = found
                self.clear()
                for value in last:
                    self.append(value)

    def append(self, x: float) -> None:
        trend, season = self.parts()
        trend = x if np.isnan(trend) else trend
        self.values.append(x)
        self.detrended.append(x - trend)
        self.rests.append(x - trend - season)


def esd(values: Any, share: float, alpha: float, robust: bool) -> float:
    """For the last of `values`: the greatest ratio to a critical value from where it goes."""
    left, own = list(values), len(values) - 1
    ids, ratios, gone = list(range(len(left))), [], False
    for _ in range(max(int(share * len(values)), 1) + 1):
        v, m = np.array(left), len(left)
        middle, spread = v.mean(), v.std(ddof=1)
        if robust:
            middle = np.median(v)
            spread = 1.4826 * np.median(np.abs(v - middle))
        t = stats.t.ppf(1 - alpha / (2 * m), m - 2)
        critical = (m - 1) * t / np.sqrt((m - 2 + t * t) * m)
        ratio = np.abs(v - middle) / max(spread, 1e-12) / critical
        if len(values) - m == max(int(share * len(values)), 1):
            return max(ratios) if gone else float(ratio[ids.index(own)])
        at = int(np.argmax(ratio))
        gone = gone or ids[at] == own
        if gone:
            ratios.append(float(ratio[at]))
        del left[at], ids[at]
    raise AssertionError
