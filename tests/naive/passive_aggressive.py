"""Passive-aggressive learning as the paper's figures have it."""

from collections import defaultdict
from typing import Any

from tests.naive.linear import dot, entries


def tau(variant: str, C: float, loss: float, norm: float) -> float:
    if variant == "PA":
        return loss / norm
    return min(C, loss / norm) if variant == "PA-I" else loss / (norm + 1 / (2 * C))


class Binary:
    """Labels -1 and 1, one weight vector."""

    def __init__(self, variant: str, C: float) -> None:
        self.variant, self.C = variant, C
        self.w: Any = defaultdict(float)

    def predict_one(self, x: Any) -> int:
        return 1 if dot(self.w, entries(x, (), True)) > 0 else -1

    def fit_one(self, x: Any, y: int) -> None:
        shown = entries(x, (), True)
        loss = max(0.0, 1 - y * dot(self.w, shown))
        step = tau(self.variant, self.C, loss, sum(v * v for v in shown.values()))
        for k, v in shown.items():
            self.w[k] += step * y * v


class Multiclass:
    """One weight vector a class; `C` is twice that of the paper's section 8."""

    def __init__(self, nominal: Any, variant: str, C: float) -> None:
        self.nominal, self.variant, self.C = nominal, variant, C
        self.w: dict[Any, Any] = {}

    def scores(self, x: Any) -> dict[Any, float]:
        return {y: dot(w, entries(x, self.nominal, True)) for y, w in self.w.items()}

    def fit_one(self, x: Any, y: Any, weight: float) -> None:
        self.w.setdefault(y, defaultdict(float))
        if len(self.w) == 1 or weight == 0:
            return
        shown, scores = entries(x, self.nominal, True), self.scores(x)
        own = scores.pop(y)
        rival = max(scores, key=lambda c: scores[c])
        loss = max(0.0, 1 - (own - scores[rival]))
        norm = sum(v * v for v in shown.values())
        if self.variant == "PA":
            step = loss / (2 * norm)
        elif self.variant == "PA-I":
            step = min(self.C * weight / 2, loss / (2 * norm))
        else:
            step = loss / (2 * norm + 1 / (2 * self.C * weight / 2))
        for k, v in shown.items():
            self.w[y][k] += step * v
            self.w[rival][k] -= step * v


class Regressor:
    def __init__(self, nominal: Any, variant: str, C: float, epsilon: float) -> None:
        self.nominal, self.variant, self.C, self.epsilon = nominal, variant, C, epsilon
        self.w: Any = defaultdict(float)

    def predict_one(self, x: Any) -> float:
        return dot(self.w, entries(x, self.nominal, True))

    def fit_one(self, x: Any, y: float, weight: float) -> None:
        shown, error = entries(x, self.nominal, True), y - self.predict_one(x)
        loss = max(0.0, abs(error) - self.epsilon)
        if weight > 0:
            norm = sum(v * v for v in shown.values())
            step = tau(self.variant, self.C * weight, loss, norm) * (1 if error > 0 else -1)
            for k, v in shown.items():
                self.w[k] += step * v
