"""An online network in plain Python: lists of weights, one formula after the other."""

from __future__ import annotations

import math
from typing import Any

from onlineml.kernels.random import seeded, uniform

ACTIVATIONS: dict[str, Any] = {
    "relu": (lambda s: max(s, 0.0), lambda s: 1.0 if s > 0 else 0.0),
    "leaky_relu": (lambda s: s if s > 0 else 0.01 * s, lambda s: 1.0 if s > 0 else 0.01),
    "tanh": (math.tanh, lambda s: 1.0 - math.tanh(s) ** 2),
}


class Weight:
    """One weight and its moments."""

    def __init__(self, value: float = 0.0, decays: bool = True) -> None:
        self.value, self.decays, self.mean, self.square = value, decays, 0.0, 0.0

    def shrink(self, factor: float) -> None:
        self.value *= factor if self.decays else 1.0

    def step(self, rule: str, rate: float, l2: float, w: float, t: int, gradient: float) -> None:
        if self.decays:
            self.value /= 1 + rate * l2 * w
        if rule == "sgd":
            self.value -= rate * gradient
        elif rule == "momentum":
            self.mean = 0.9 * self.mean + gradient
            self.value -= rate * self.mean
        else:
            self.mean = 0.9 * self.mean + 0.1 * gradient
            self.square = 0.999 * self.square + 0.001 * gradient**2
            mean, square = self.mean / (1 - 0.9**t), self.square / (1 - 0.999**t)
            self.value -= rate * mean / (math.sqrt(square) + 1e-8)


class Running:
    """Mean and variance by their definition, of values that are at most 10 deviations out."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []

    def mean(self) -> float:
        return sum(v * w for v, w in self.seen) / sum(w for _, w in self.seen) if self.seen else 0.0

    def std(self) -> float:
        if not self.seen:
            return 0.0
        squares = sum(w * (v - self.mean()) ** 2 for v, w in self.seen)
        std = math.sqrt(squares / sum(w for _, w in self.seen))
        return std if std > 1e-10 * abs(self.mean()) else 0.0

    def add(self, value: float, w: float) -> None:
        mean, reach = self.mean(), 10 * self.std() or math.inf
        self.seen.append((max(mean - reach, min(mean + reach, value)), w))

    def standardized(self, value: float) -> float:
        z = (value - self.mean()) / self.std() if self.std() > 0 else 0.0
        return max(-10.0, min(10.0, z))


class Network:
    """`forward` and `learn`; a row is a mapping of inputs to values."""

    def __init__(
        self, hidden: Any, activation: str, rule: str, rate: float, l2: float, seed: int,
        layer_norm: bool = False,
    ) -> None:  # fmt: skip
        self.layer_norm, self.square_error = layer_norm, 0.0
        self.bounded = rule in ("obgd", "intentional")
        self.act, self.slope = ACTIVATIONS[activation]
        self.rule, self.rate, self.l2, self.t = rule, rate, l2, 0
        self.random, self.hidden = seeded(seed, 2), list(hidden)
        self.first: dict[Any, list[Weight]] = {}
        self.middle = [
            [[self._drawn(n) for _ in range(m)] for _ in range(n)]
            for n, m in zip(self.hidden, self.hidden[1:])
        ]
        self.intercepts = [[Weight(decays=False) for _ in range(m)] for m in self.hidden]
        self.last: list[list[Weight]] = []  # one row an output, its intercept at the end

    def _drawn(self, n_in: int) -> Weight:
        return Weight(math.sqrt(6 / n_in) * (2 * uniform(self.random, 1) - 1))

    def add_output(self) -> None:
        self.last.append([*(Weight() for _ in range(self.hidden[-1])), Weight(decays=False)])

    def forward(self, row: dict[Any, float]) -> list[float]:
        nothing = [Weight()] * self.hidden[0]
        self.sums = [
            [
                b.value + sum(v * self.first.get(k, nothing)[o].value for k, v in row.items())
                for o, b in enumerate(self.intercepts[0])
            ]
        ]
        self.scales = [self.normalize(self.sums[-1])]
        for matrix, intercepts in zip(self.middle, self.intercepts[1:]):
            before = [self.act(s) for s in self.sums[-1]]
            self.sums.append(
                [
                    b.value + sum(u * line[o].value for u, line in zip(before, matrix))
                    for o, b in enumerate(intercepts)
                ]
            )
            self.scales.append(self.normalize(self.sums[-1]))
        self.top = [self.act(s) for s in self.sums[-1]]
        return [sum(w.value * u for w, u in zip(line, [*self.top, 1.0])) for line in self.last]

    def normalize(self, sums: list[float]) -> float:
        """Bring `sums` to mean 0 and variance 1; what they were multiplied by."""
        if not self.layer_norm:
            return 1.0
        mean = sum(sums) / len(sums)
        scale = 1 / math.sqrt(sum((s - mean) ** 2 for s in sums) / len(sums) + 1e-5)
        sums[:] = [scale * (s - mean) for s in sums]
        return scale

    def through_norm(self, deltas: list[float], k: int) -> list[float]:
        """Derivatives by the sums of layer `k` before they were normalized."""
        if not self.layer_norm:
            return deltas
        hats, n = self.sums[k], len(deltas)
        mean, along = sum(deltas) / n, sum(d * h for d, h in zip(deltas, hats)) / n
        return [self.scales[k] * (d - mean - h * along) for d, h in zip(deltas, hats)]

    def bounded_step(self, todo: list[tuple[Weight, float]], w: float, error: float) -> None:
        """`todo` has derivatives z of the answer."""
        for weight, _ in todo:
            weight.shrink(1 / (1 + self.rate * self.l2 * w))
        if self.rule == "obgd":
            bound = 2 * max(abs(error), 1) * sum(abs(z) for _, z in todo) or math.inf
            step = min(w * self.rate / max(self.rate * bound, 1), 1 / bound)
            for weight, z in todo:
                weight.value -= step * error * z
            return
        self.square_error = 0.9998 * self.square_error + 0.0002 * error**2
        most = 20 * math.sqrt(self.square_error / (1 - 0.9998**self.t))
        for weight, z in todo:
            weight.square = 0.999 * weight.square + 0.001 * z**2
        roots = [math.sqrt(weight.square / (1 - 0.999**self.t)) + 1e-8 for weight, _ in todo]
        gain = sum(z**2 / root for (_, z), root in zip(todo, roots))
        step = min(w * self.rate, 1) / (gain or math.inf) * max(-most, min(most, error))
        for (weight, z), root in zip(todo, roots):
            weight.value -= step * z / root

    def meet(self, row: dict[Any, float]) -> None:
        for key in row:
            if key not in self.first:
                self.first[key] = [self._drawn(len(row)) for _ in range(self.hidden[0])]

    def learn(
        self, row: dict[Any, float], slopes: list[float], w: float, loss: float, error: float = 0.0
    ) -> None:
        """Step against the outputs' `slopes`, those of z for bounded rules, after `forward`."""
        self.t += 1
        deltas = [
            self.slope(s) * sum(d * line[i].value for d, line in zip(slopes, self.last))
            for i, s in enumerate(self.sums[-1])
        ]
        deltas = self.through_norm(deltas, len(self.middle))
        todo = [
            (weight, d * u)
            for d, line in zip(slopes, self.last)
            for weight, u in zip(line, [*self.top, 1.0])
        ]
        for k in range(len(self.middle), -1, -1):
            todo += zip(self.intercepts[k], deltas)
            if k == 0:
                todo += [
                    (self.first[i][o], v * d) for i, v in row.items() for o, d in enumerate(deltas)
                ]
                break
            before, matrix = self.sums[k - 1], self.middle[k - 1]
            todo += [
                (matrix[i][o], self.act(s) * d)
                for i, s in enumerate(before)
                for o, d in enumerate(deltas)
            ]
            deltas = [
                self.slope(s) * sum(d * weight.value for d, weight in zip(deltas, matrix[i]))
                for i, s in enumerate(before)
            ]
            deltas = self.through_norm(deltas, k - 1)
        if self.bounded:
            self.bounded_step(todo, w, error)
            return
        reach = {"sgd": 1, "momentum": 10, "adam": 0}[self.rule] * self.rate / 2
        decline = reach * sum(gradient**2 for _, gradient in todo)
        part = loss / decline if decline > loss else 1.0
        for weight, gradient in todo:
            weight.step(self.rule, self.rate, self.l2, w, self.t, part * gradient)


class Model:
    """What classifier and regressor share: inputs of a row."""

    def __init__(self, nominal: set[int], net: Network) -> None:
        self.nominal, self.net = nominal, net
        self.running: dict[int, Running] = {}

    def row(self, x: Any) -> dict[Any, float]:
        return {
            (j, value if j in self.nominal else None): 1.0
            if j in self.nominal
            else self.running.setdefault(j, Running()).standardized(value)
            for j, value in enumerate(x)
            if not math.isnan(value)
        }

    def notice(self, x: Any, w: float) -> None:
        for j, value in enumerate(x):
            if j not in self.nominal and not math.isnan(value):
                self.running.setdefault(j, Running()).add(value, w)


class MLPClassifier(Model):
    n_classes = 0

    def predict_proba_one(self, x: Any) -> list[float]:
        scores = self.net.forward(self.row(x))
        shares = [math.exp(score - max(scores)) for score in scores]
        return [share / sum(shares) for share in shares]

    def fit_one(self, x: Any, y: int, w: float) -> None:
        """Labels are 0, 1, ... in the order in which they appear."""
        while self.n_classes <= y:
            self.net.add_output()
            self.n_classes += 1
        if w > 0:
            self.net.meet(self.row(x))
            self.step(x, y, w)
            self.notice(x, w)

    def step(self, x: Any, y: int, w: float) -> None:
        shares = self.predict_proba_one(x)
        error = 1 - shares[y]
        factor = 1 / (error or math.inf) if self.net.bounded else w
        slopes = [factor * (share - (c == y)) for c, share in enumerate(shares)]
        self.net.learn(self.row(x), slopes, w, -w * math.log(shares[y]), error)


class MLPRegressor(Model):
    def __init__(self, nominal: set[int], net: Network) -> None:
        super().__init__(nominal, net)
        self.target = Running()
        net.add_output()

    def predict_one(self, x: Any) -> float:
        return self.target.mean() + self.target.std() * self.net.forward(self.row(x))[0]

    def fit_one(self, x: Any, y: float, w: float) -> None:
        if w > 0:
            self.net.meet(self.row(x))
            self.step(x, y, w)
            self.target.add(y, w)
            self.notice(x, w)

    def step(self, x: Any, y: float, w: float) -> None:
        error = self.net.forward(self.row(x))[0] - self.target.standardized(y)
        slope = 1.0 if self.net.bounded else w * error
        self.net.learn(self.row(x), [slope], w, w * error**2 / 2, error)
