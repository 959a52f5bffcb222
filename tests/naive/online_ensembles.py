"""Online ensembles as plain loops by row over members, as the papers write them."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml.detectors import ADWIN
from onlineml.kernels.random import normal, poisson, seeded


def pooled(members: list[Any], x: Any, shares: list[float]) -> dict[Any, float]:
    """Summed probabilities by label."""
    votes: dict[Any, float] = {}
    for member, share in zip(members, shares):
        for label, p in zip(getattr(member, "classes_", []), member.predict_proba_one(x).tolist()):
            votes[label] = votes.get(label, 0.0) + share * p
    return votes


def winner(votes: dict[Any, float]) -> Any:
    """The label with most votes; labels are numbers that appear in order, the least wins a tie."""
    return max(sorted(votes), key=lambda label: votes[label]) if votes else None


def fresh(base: Any, model: Any) -> Any:
    """A clone of `base` whose classes have the order that they have in `model`."""
    member = base.clone().start(model.schema_)
    member._admit_targets(model.classes_)
    return member


class Bagging:
    """Oza and Russell 2001; with `delta`, the worst member is replaced when errors rise."""

    def __init__(
        self, base: Any, n_members: int, seed: int, mean: float = 1.0, delta: float | None = None
    ) -> None:
        self.base, self.mean, self.delta = base, mean, delta
        self.members = [base.clone() for _ in range(n_members)]
        self.windows = [ADWIN(delta=delta or 0.002) for _ in range(n_members)]
        self.generators = seeded(seed, 1 + n_members)[1:].copy()
        self.n_replaced = 0

    def predict(self, x: Any) -> Any:
        return winner(pooled(self.members, x, [1.0] * len(self.members)))

    def fit(self, x: Any, y: Any, weight: float = 1.0) -> None:
        alarm = False
        for m, member in enumerate(self.members):
            times = poisson(self.generators, m, self.mean)
            member.fit_one(x, y, weight=weight * times)
            wrong = member.predict_one(x) != y
            alarm |= self.delta is not None and self.windows[m].fit_one(wrong).drift_detected
        if alarm:
            worst = int(np.argmax([window.mean for window in self.windows]))
            self.members[worst] = fresh(self.base, self.members[worst])
            self.windows[worst] = ADWIN(delta=self.delta or 0.002)
            self.n_replaced += 1


class Boosting:
    """Oza and Russell 2001."""

    def __init__(self, base: Any, n_members: int, seed: int) -> None:
        self.members = [base.clone() for _ in range(n_members)]
        self.right, self.wrong = [0.0] * n_members, [0.0] * n_members
        self.generators = seeded(seed, 1 + n_members)[1:].copy()
        self.n = 0.0

    def predict(self, x: Any) -> Any:
        shares = [
            max(float(np.log((r + 0.5) / (w + 0.5))), 0.0) for r, w in zip(self.right, self.wrong)
        ]
        if sum(shares) == 0.0:
            shares = [1.0] * len(shares)
        return winner(pooled(self.members, x, shares))

    def fit(self, x: Any, y: Any) -> None:
        self.n += 1.0
        mean = 1.0
        for m, member in enumerate(self.members):
            if mean <= 30.0:
                times = float(poisson(self.generators, m, mean))
            else:
                draw = normal(self.generators, m)
                times = max(float(np.floor(mean + np.sqrt(mean) * draw + 0.5)), 0.0)
            right = member.predict_one(x) == y
            member.fit_one(x, y, weight=times)
            if right:
                self.right[m] += mean
                mean *= self.n / (2.0 * self.right[m])
            else:
                self.wrong[m] += mean
                mean *= self.n / (2.0 * self.wrong[m])


class SmoothBoost:
    """Chen, Lin and Lu 2012, algorithm 1."""

    def __init__(self, base: Any, n_members: int, gamma: float) -> None:
        self.members, self.gamma = [base.clone() for _ in range(n_members)], gamma

    def predict(self, x: Any) -> Any:
        return winner(pooled(self.members, x, [1.0] * len(self.members)))

    def fit(self, x: Any, y: Any) -> None:
        margin, weight = 0.0, 1.0
        for member in self.members:
            sign = 1.0 if member.predict_one(x) == y else -1.0
            member.fit_one(x, y, weight=weight)
            margin += sign - self.gamma / (2.0 + self.gamma)
            weight = min((1.0 - self.gamma) ** (margin / 2.0), 1.0)


class WeightedMajority:
    """Kolter and Maloof 2007, figure 1, with `n_members` places; a share of 0 is an empty one."""

    def __init__(self, base: Any, n_members: int, period: int, beta: float, theta: float) -> None:
        self.base, self.period, self.beta, self.theta = base, period, beta, theta
        self.experts = [base.clone() for _ in range(n_members)]
        self.shares = [1.0] + [0.0] * (n_members - 1)
        self.t = 0

    def predict(self, x: Any) -> Any:
        votes: dict[Any, float] = {}
        for expert, share in zip(self.experts, self.shares):
            label = expert.predict_one(x) if share else None
            if label is not None:
                votes[label] = votes.get(label, 0.0) + share
        return winner(votes)

    def fit(self, x: Any, y: Any) -> None:
        self.t += 1
        if self.t % self.period == 0:
            self._judge(x, y)
        for expert, share in zip(self.experts, self.shares):
            if share:
                expert.fit_one(x, y)

    def _judge(self, x: Any, y: Any) -> None:
        for m, expert in enumerate(self.experts):
            if self.shares[m] and expert.predict_one(x) != y:
                self.shares[m] *= self.beta
        said, top = self.predict(x), max(self.shares)
        for m, share in enumerate(self.shares):
            self.shares[m] = share / top if share / top >= self.theta else 0.0
        if said != y:
            place = self.shares.index(min(self.shares))
            self.experts[place], self.shares[place] = fresh(self.base, self.experts[0]), 1.0


class GradientBoosting:
    """Newton boosting of the softmax loss, the first label's margin being 0.

    `included[m]` says which features tree `m` sees; labels are 0, 1, ... and appear in order.
    """

    def __init__(self, base: Any, n_steps: int, rate: float, included: Any) -> None:
        n_trees = len(included)
        self.rate, self.n_steps, self.included = rate, n_steps, included
        self.trees = [base.clone() for _ in range(n_trees)]
        self.n_seen = 0

    def _answer(self, m: int, x: Any) -> float:
        return float(self.trees[m].predict_one(np.where(self.included[m], x, np.nan)))

    def margins(self, x: Any, n_steps: int) -> Any:
        margins = np.zeros(self.n_seen)
        for k in range(n_steps):
            for c in range(1, self.n_seen):
                margins[c] += self.rate * self._answer((c - 1) * self.n_steps + k, x)
        return margins

    def predict(self, x: Any) -> Any:
        return int(np.argmax(self.margins(x, self.n_steps))) if self.n_seen else None

    def fit(self, x: Any, y: int) -> None:
        self.n_seen = max(self.n_seen, y + 1)
        todo = []
        for k in range(self.n_steps):
            margins = self.margins(x, k)
            shares = np.exp(margins) / np.exp(margins).sum()
            for c in range(1, self.n_seen):
                curvature = shares[c] * (1.0 - shares[c])
                due = np.clip(((y == c) - shares[c]) / curvature, -4.0, 4.0)
                todo.append(((c - 1) * self.n_steps + k, due, curvature))
        for m, due, curvature in todo:
            self.trees[m].fit_one(np.where(self.included[m], x, np.nan), due, weight=curvature)
