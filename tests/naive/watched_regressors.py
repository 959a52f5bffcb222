"""An ensemble of watched regressors as a plain loop by row over its members."""

from __future__ import annotations

from math import sqrt
from typing import Any

from onlineml.kernels.random import poisson, seeded
from tests.naive.adwin import NaiveADWIN


class Watched:
    """Gomes et al. 2018, with errors in units of three deviations of the target of late."""

    def __init__(
        self, base: Any, n_members: int, seed: int, *, mean: float = 6.0, warning: float = 0.01,
        drift: float = 0.001,
    ) -> None:  # fmt: skip
        self.base, self.mean = base, mean
        self.members = [base.clone() for _ in range(n_members)]
        self.background: list[Any] = [None] * n_members
        self.learned = [[False, False] for _ in range(n_members)]
        self.windows = [(NaiveADWIN(drift), NaiveADWIN(warning)) for _ in range(n_members)]
        self.generators = seeded(seed, 1 + n_members)[1:].copy()
        self.n, self.center, self.variance, self.n_replaced = 0.0, 0.0, 0.0, 0

    def predict(self, x: Any) -> float:
        if not any(now for now, _ in self.learned):
            return 0.0
        said = [m.predict_one(x) for m, (now, _) in zip(self.members, self.learned) if now]
        return sum(said) / len(said)

    def fit(self, x: Any, y: float) -> None:
        self.measure(y)
        for m in range(len(self.members)):
            times = float(poisson(self.generators, m, self.mean))
            said = self.members[m].predict_one(x) if self.members[m].is_started else 0.0
            worst = 3.0 * sqrt(self.variance)
            error = min(abs(said - y) / worst, 1.0) if worst > 0 else 0.0
            self.members[m].fit_one(x, y, weight=times)
            self.learned[m][0] |= times > 0
            if self.background[m] is not None:
                self.background[m].fit_one(x, y, weight=times)
                self.learned[m][1] |= times > 0
            self.judge(m, error)

    def judge(self, m: int, error: float) -> None:
        drift, warning = self.windows[m]
        drifted, warned = drift.update(error), warning.update(error)
        if drifted:
            drift.clear()
            successor = self.background[m] or self.base.clone()
            self.members[m], self.background[m] = successor, None
            self.learned[m] = [self.learned[m][1], False]
            self.n_replaced += 1
        elif warned:
            self.background[m], self.learned[m][1] = self.base.clone(), False
        if drifted or warned:
            warning.clear()

    def measure(self, y: float) -> None:
        """Moments of the target that forget, in which far values are cut at five deviations."""
        self.n += 1.0
        step, gap = max(1.0 / self.n, 1e-3), y - self.center
        if self.n > 20 and self.variance > 1e-24:
            most = 5.0 * sqrt(self.variance)
            gap = min(max(gap, -most), most)
        self.center += step * gap
        self.variance = (1.0 - step) * (self.variance + step * gap * gap)
