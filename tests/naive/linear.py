"""Linear models in plain Python: weights in dictionaries, one formula after the other."""

import math
from collections import defaultdict
from typing import Any


def entries(x: Any, nominal: Any, intercept: bool) -> dict[Any, float]:
    """What a row shows: feature (or feature and value) -> number."""
    shown = {
        (j, value) if j in nominal else j: 1.0 if j in nominal else float(value)
        for j, value in enumerate(x)
        if not math.isnan(value)
    }
    return shown | ({"intercept": 1.0} if intercept else {})


def dot(w: Any, shown: dict[Any, float]) -> float:
    return sum(w[k] * v for k, v in shown.items())


class Optimizer:
    """Steps of one weight vector; weights of features that a row lacks are left alone."""

    def __init__(self, kind: str, rate: float, l2: float, all_decay: bool = False) -> None:
        self.kind, self.rate, self.l2, self.all_decay = kind, rate, l2, all_decay
        self.m: Any = defaultdict(float)
        self.v: Any = defaultdict(float)

    def step(self, w: Any, gradient: dict[Any, float], t: int, weight: float) -> None:
        for k, g in gradient.items():
            if k != "intercept" or self.all_decay:
                w[k] /= 1 + self.rate * self.l2 * weight
            if self.kind == "sgd":
                w[k] -= self.rate * g
            elif self.kind == "adagrad":
                self.v[k] += g**2
                w[k] -= self.rate * g / (math.sqrt(self.v[k]) + 1e-8)
            else:
                self.m[k] = 0.9 * self.m[k] + 0.1 * g
                self.v[k] = 0.999 * self.v[k] + 0.001 * g**2
                rate = self.rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
                w[k] -= rate * self.m[k] / (math.sqrt(self.v[k]) + 1e-8)


class Softmax:
    """With `reference`, the first class has no weights: (binary) logistic regression."""

    def __init__(
        self, nominal: Any, optimizer: str, rate: float, l2: float, reference: bool, all_decay: bool
    ) -> None:
        self.nominal, self.reference, self.t = nominal, reference, 0
        self.make = lambda: Optimizer(optimizer, rate, l2, all_decay)
        self.rate = rate
        self.w: dict[Any, Any] = {}
        self.optimizers: dict[Any, Optimizer] = {}

    def predict_proba_one(self, x: Any) -> list[float]:
        scores = [dot(w, entries(x, self.nominal, True)) for w in self.w.values()]
        shares = [math.exp(score - max(scores)) for score in scores]
        return [share / sum(shares) for share in shares]

    def fit_one(self, x: Any, y: Any, weight: float) -> None:
        if y not in self.w:
            self.w[y], self.optimizers[y] = defaultdict(float), self.make()
        if weight == 0:
            return
        self.t += 1
        shown = entries(x, self.nominal, True)
        step = min(weight, 2 / (self.rate * sum(v**2 for v in shown.values())))
        probabilities = self.predict_proba_one(x)
        for c, (label, w) in enumerate(self.w.items()):
            if not (self.reference and c == 0):
                slope = step * (probabilities[c] - (label == y))
                gradient = {k: slope * v for k, v in shown.items()}
                self.optimizers[label].step(w, gradient, self.t, weight)


class Linear:
    def __init__(
        self, nominal: Any, optimizer: str, rate: float, l2: float, loss: str, all_decay: bool
    ) -> None:
        self.nominal, self.rate, self.loss, self.t = nominal, rate, loss, 0
        self.optimizer = Optimizer(optimizer, rate, l2, all_decay)
        self.w: Any = defaultdict(float)

    def predict_one(self, x: Any) -> float:
        return dot(self.w, entries(x, self.nominal, True))

    def fit_one(self, x: Any, y: float, weight: float) -> None:
        if weight == 0:
            return
        self.t += 1
        shown = entries(x, self.nominal, True)
        error = self.predict_one(x) - y
        slope = {
            "squared": error,
            "absolute": math.copysign(1.0, error),
            "huber": max(-1.0, min(1.0, error)),
        }[self.loss]
        furthest = abs(error) / (self.rate * sum(v**2 for v in shown.values()))
        slope = math.copysign(min(abs(weight * slope), furthest), error)
        self.optimizer.step(self.w, {k: slope * v for k, v in shown.items()}, self.t, weight)
