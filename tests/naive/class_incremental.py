"""Learners of classes that come one by one, in plain numpy: whole rows, one formula each."""

import math
from typing import Any

import numpy as np


def soften(scores: Any) -> Any:
    shares = np.exp(np.array(scores) - max(scores))
    return shares / shares.sum()


class OneHot:
    """Rows with column `nominal` spread out to the `room` places of each feature."""

    def __init__(self, n_features: int, nominal: set[int], room: int) -> None:
        self.n_features, self.nominal, self.room = n_features, nominal, room
        self.n_values = dict.fromkeys(nominal, 0)

    def meet(self, x: Any) -> None:
        for j in self.nominal:
            if not math.isnan(x[j]):
                self.n_values[j] = max(self.n_values[j], int(x[j]) + 1)

    def __call__(self, x: Any) -> Any:
        z = np.full((self.n_features, self.room), np.nan)
        for j, value in enumerate(x):
            if j not in self.nominal:
                z[j, 0] = value
            elif value < self.n_values[j]:
                z[j, : self.n_values[j]] = np.arange(self.n_values[j]) == value
        return z


class NearestClassMean:
    def __init__(self, n_features: int, nominal: set[int], room: int, scaled: bool) -> None:
        self.spread_out, self.scaled = OneHot(n_features, nominal, room), scaled
        self.rows: dict[Any, list[Any]] = {}

    def fit_one(self, x: Any, y: Any, weight: float) -> None:
        self.rows.setdefault(y, [])
        if weight > 0:
            self.spread_out.meet(x)
            self.rows[y].append((x, weight))

    def predict_proba_one(self, x: Any) -> Any:
        return soften([-0.5 * self._distance(x, rows) for rows in self.rows.values()])

    def _distance(self, x: Any, rows: list[Any]) -> float:
        z, squares, n_present = self.spread_out(x), [], 0
        for j in range(len(x)):
            if np.isnan(z[j, 0]):
                continue
            n_present += 1
            mine = [(self.spread_out(row)[j], w) for row, w in rows if not math.isnan(row[j])]
            if mine:
                values, weights = (np.array(part) for part in zip(*mine, strict=True))
                gaps = z[j] - np.average(values, axis=0, weights=weights)
                squares.append(np.nansum(gaps**2) * self._unit(j) ** 2)
        return sum(squares) * n_present / len(squares) if squares else 0.0 if rows else 1e300

    def _unit(self, j: int) -> float:
        if j in self.spread_out.nominal or not self.scaled:
            return 1.0
        known = [(r[j], w) for rows in self.rows.values() for r, w in rows if not math.isnan(r[j])]
        values, weights = (np.array(part) for part in zip(*known, strict=True))
        variance = np.average((values - np.average(values, weights=weights)) ** 2, weights=weights)
        return 1 / math.sqrt(variance) if variance > 1e-20 else 0.0


class SLDA:
    """Inverts the covariance of the places that are left, each time."""

    def __init__(
        self, n_features: int, nominal: set[int], room: int, shrinkage: float, observed: bool
    ) -> None:
        self.spread_out, self.shrinkage = OneHot(n_features, nominal, room), shrinkage
        self.observed = observed
        self.mean: dict[Any, Any] = {}
        self.n: dict[Any, Any] = {}
        self.weight: dict[Any, float] = {}
        size = n_features * room
        self.scatter, self.used = np.zeros((size, size)), np.zeros(size, bool)
        self.ridge = 0.0

    def fit_one(self, x: Any, y: Any, weight: float) -> None:
        n_places = len(self.used)
        self.mean.setdefault(y, np.zeros(n_places))
        self.n.setdefault(y, np.zeros(n_places))
        self.weight[y] = self.weight.get(y, 0.0) + weight
        if weight == 0:
            return
        self.spread_out.meet(x)
        z = self.spread_out(x)
        shown = np.repeat(~np.isnan(z[:, 0]), self.spread_out.room)
        z = z.ravel()
        self.used |= ~np.isnan(z)
        n = self.n[y]
        gap = np.where(np.isnan(z), 0.0, z - self.mean[y])
        part = np.sqrt(weight * n / (n + weight)) * gap
        self.scatter += np.outer(part, part)
        self.mean[y] = self.mean[y] + weight / (n + weight) * gap
        self.n[y] = n + weight * shown
        total = sum(self.weight.values())
        quarter = 2.0 ** math.floor(math.log2(total)) / 4
        self.ridge = self.shrinkage / (1 - self.shrinkage) * (total // quarter * quarter)

    def predict_proba_one(self, x: Any) -> Any:
        z = self.spread_out(x).ravel()
        left = np.flatnonzero(self.used & ~np.isnan(z))
        a = self.scatter[np.ix_(left, left)] + self.ridge * np.eye(len(left))
        scale = sum(self.weight.values()) / (1 - self.shrinkage)
        scores = []
        for y, mean in self.mean.items():
            gap = (z - mean)[left]
            score = -0.5 * scale * gap @ np.linalg.solve(a, gap)
            if self.observed and self.weight[y]:
                score += math.log(self.weight[y])
            scores.append(score if self.weight[y] else -1e300)
        return soften(scores)


def transported(cosine: Any, k: int, epsilon: float, n_steps: int = 20000) -> Any:
    """Share of each that goes to 0, by Sinkhorn steps on logarithms, literally."""
    distance = 1 - np.array(cosine)
    cost = np.column_stack([distance**2, (distance - 1) ** 2]) / epsilon
    n = len(distance)
    log_targets = np.log(np.array([k / n, (n - k) / n]))
    f, g = np.zeros(n), np.zeros(2)
    for _ in range(n_steps):
        f = -np.log(n) - np.logaddexp.reduce(g - cost, axis=1)
        g = log_targets - np.logaddexp.reduce(f[:, None] - cost, axis=0)
    return n * np.exp(f + g[0] - cost[:, 0])


class DEE:
    """Takes the keys, which are random, from its twin; sums over the rows of each expert."""

    def __init__(self, n_features: int, nominal: set[int], room: int, **params: Any) -> None:
        self.spread_out = OneHot(n_features, nominal, room)
        self.params = params
        self.squares: list[list[tuple[float, float]]] = [[] for _ in range(n_features)]
        self.experts: dict[Any, dict[int, Any]] = {}
        self.weights: dict[Any, dict[int, float]] = {}

    def fit_one(self, x: Any, y: Any, weight: float, keys: Any) -> None:
        experts = self.experts.setdefault(y, {})
        weights = self.weights.setdefault(y, {})
        if weight == 0:
            return
        self.spread_out.meet(x)
        for j, value in enumerate(x):
            if not math.isnan(value):
                self.squares[j].append((value**2, weight))
        z = self._read(x)
        rate, decay = self.params["learning_rate"], self.params["weight_decay"]
        for e in self._route(z, keys)[0]:
            old = experts.get(e, np.zeros(len(z)))
            weights[e] = weights.get(e, 0.0) + weight
            if self.params["averaged"]:
                old = old / (1 + rate * decay * weight)
                experts[e] = old + weight / weights[e] * (rate * np.sign(z) - old)
            else:
                kept = np.where(z == 0, old, old / (1 + rate * decay * weight))
                experts[e] = kept + rate * weight * np.sign(z)

    def predict_proba_one(self, x: Any, keys: Any) -> Any:
        z = self._read(x)
        chosen, shares, cosines = self._route(z, keys)
        says = shares * np.maximum(cosines, 1e-6)
        votes = []
        for experts in self.experts.values():
            logits = np.array([experts.get(e, np.zeros(len(z))) @ z for e in chosen])
            votes.append(says @ (250 * np.tanh(logits / 250)) / says.sum())
        return soften(votes)

    def _read(self, x: Any) -> Any:
        z = self.spread_out(x)
        for j, squares in enumerate(self.squares):
            if squares and j not in self.spread_out.nominal:
                values, weights = zip(*squares, strict=True)
                z[j] /= math.sqrt(np.average(values, weights=weights))
            elif not squares:
                z[j] = 0.0
        return np.nan_to_num(z).ravel()

    def _route(self, z: Any, keys: Any) -> tuple[Any, Any, Any]:
        k = self.params["n_chosen"]
        norm = np.linalg.norm(z)
        cosine = z @ keys / (norm * np.linalg.norm(keys, axis=0)) if norm else 0 * keys[0]
        if self.params["routing"] == "hard":
            chosen = np.argsort(-cosine, kind="stable")[:k]
            return chosen, np.ones(k), cosine[chosen]
        shares = transported(cosine, k, self.params["epsilon"], 2000)
        chosen = np.flatnonzero(shares >= 0.3)
        return chosen, shares[chosen], cosine[chosen]
