"""The combiners of a mixture in NumPy, one row at a time."""

import numpy as np


def top(values):
    return int(np.argmax(values))


def softmax(values):
    powers = np.exp(values - values.max())
    return powers / powers.sum()


class Mixing:
    """Weights by name; everything is a formula over whole arrays.

    `first` are the first weights of the gate's hidden layer, (n_features, n_hidden).
    """

    def __init__(self, n_experts, n_classes, n_lags, first):
        n_features, n_hidden = first.shape
        self.accuracy = np.full(n_experts, 0.5)
        self.W = {
            "hidden": first.copy(),
            "hidden lag": np.zeros((n_lags, n_classes, n_hidden)),
            "hidden bias": np.zeros(n_hidden),
            "gate": np.zeros((n_hidden, n_experts)),
            "gate bias": np.zeros(n_experts),
            "pool": np.full(n_experts, 1.5 / n_experts),
            "stack": np.full(n_experts, 1.5 / n_experts),
            "stack class": np.zeros((n_classes, n_experts)),
            "stack input": np.zeros((n_features, n_classes)),
            "stack lag": np.zeros((n_lags, n_classes, n_classes)),
            "stack bias": np.zeros(n_classes),
        }
        self.S = {name: np.zeros_like(values) for name, values in self.W.items()}
        self.hedge = np.full(n_experts, 1 / n_experts)
        self.losses = np.zeros(7)
        self.previous = [-1] * n_lags
        self.n = 0

    def _lag(self, name, n):
        known = [(p, c) for p, c in enumerate(self.previous) if c >= 0]
        return sum((self.W[name][p, c][..., :n] for p, c in known), np.zeros(n))

    def answers(self, P, z):
        """Rows: vote, accurate, gated, pooled, stacked, hedged, best; P is (experts, classes)."""
        n, W = self.n, self.W
        seen = np.isfinite(z)
        x = np.where(seen, np.clip(np.nan_to_num(z), -5, 5), 0) / np.sqrt(max(seen.sum(), 1))
        P = 0.99 * P + 0.01 / n
        logs = np.log(P)
        inside = x @ W["hidden"] + W["hidden bias"] + self._lag("hidden lag", len(W["hidden bias"]))
        inside = np.maximum(inside, 0)
        gate = softmax(inside @ W["gate"] + W["gate bias"] + 12 * np.log(self.accuracy + 1e-12))
        powers = W["stack"] + W["stack class"][:n]
        stacked = (powers * logs.T).sum(1) + W["stack bias"][:n] + x @ W["stack input"][:, :n]
        stacked = stacked + self._lag("stack lag", n)
        trust = self.accuracy**12 + 1e-12
        rows = [P.sum(0), trust @ P, gate @ P, softmax(W["pool"] @ logs), softmax(stacked)]
        rows += [self.hedge @ P, P[top(self.accuracy)]]
        return np.array([row / row.sum() for row in rows]), P, logs, x, inside, gate

    def blend(self, said):
        return said.T @ softmax(-self.losses / 2)

    def step(self, name, where, slope, rate, early=0.01):
        self.S[name][where] += slope**2
        self.W[name][where] -= rate * slope / np.sqrt(self.S[name][where] + early)

    def learn(self, P, z, y, right, weight=1.0):
        if y < self.n and weight > 0:
            said, P, logs, x, inside, gate = self.answers(P, z)
            wrong = np.array([top(row) != y for row in said])
            self.losses = 0.995 * self.losses + weight * wrong
            pace = min(0.005 * weight, 1)
            self.accuracy = self.accuracy + pace * (right - self.accuracy)
            hedge = self.hedge * P[:, y]
            self.hedge = 0.98 * hedge / hedge.sum() + 0.02 / len(P)
            self._learn_gate(P, x, inside, gate, said[2, y], y, weight)
            hit = np.arange(self.n) == y
            self.step("pool", np.s_[:], weight * logs @ (said[3] - hit), 0.1)
            self.W["pool"] = np.maximum(self.W["pool"], 0)
            self._learn_stack(weight * (said[4] - hit), logs, x)
        self.n = max(self.n, y + 1)
        self.previous = [y, *self.previous][: len(self.previous)]

    def _learn_gate(self, P, x, inside, gate, mixed, y, weight):
        slope = weight * gate * (1 - P[:, y] / mixed)
        open_ = inside > 0
        below = np.where(open_, self.W["gate"] @ slope, 0)
        self.step("gate", open_, np.outer(inside, slope)[open_], 0.1)
        self.step("gate bias", np.s_[:], slope, 0.1)
        self.step("hidden bias", np.s_[:], below, 0.1)
        self.step("hidden", np.s_[:], np.outer(x, below), 0.1)
        for p, c in enumerate(self.previous):
            if c >= 0:
                self.step("hidden lag", (p, c), below, 0.1)

    def _learn_stack(self, off, logs, x):
        n = self.n
        self.step("stack class", np.s_[:n], off[:, None] * logs.T, 0.03, 0.1)
        self.W["stack class"][:n] *= 1 - 0.03 * 1e-4
        self.step("stack", np.s_[:], logs @ off, 0.1)
        self.step("stack bias", np.s_[:n], off, 0.03, 0.1)
        self.step("stack input", np.s_[:, :n], np.outer(x, off), 0.03, 0.1)
        for p, c in enumerate(self.previous):
            if c >= 0:
                self.step("stack lag", (p, c, np.s_[:n]), off, 0.03, 0.1)
