"""The combiners of a mixture in NumPy, one row at a time."""

import numpy as np


def top(values):
    return int(np.argmax(values))


class Mixing:
    """State by name, as in the kernel; everything is a formula over whole arrays."""

    def __init__(self, n_experts, n_features, n_classes, lags):
        self.lags, self.last = lags, -1
        self.accuracy = np.full(n_experts, 0.5)
        self.W = {
            "gate": np.zeros((n_experts, n_features)),
            "bias": np.zeros(n_experts),
            "lag": np.zeros((n_experts, n_classes)),
            "pool": np.full(n_experts, 2 / n_experts),
            "stack": np.zeros((n_experts, n_classes)),
            "sbias": np.zeros(n_classes),
            "slag": np.zeros((n_classes, n_classes)),
        }
        self.S = {name: np.zeros_like(values) for name, values in self.W.items()}
        self.hedge = np.full(n_experts, 1 / n_experts)
        self.losses = np.zeros(7)
        self.n = 0

    def answers(self, P, z):
        """Rows: vote, accurate, gated, pooled, stacked, hedged, best."""
        z = np.clip(np.nan_to_num(z), -4, 4)
        logs, trust = np.log(np.maximum(P, 1e-3)), self.accuracy**12 + 1e-12
        logits = 12 * np.log(self.accuracy + 1e-12) + self.W["bias"] + self.W["gate"] @ z
        stacked = ((self.W["stack"][:, : self.n] + 1 / len(P)) * logs).sum(0)
        stacked += self.W["sbias"][: self.n]
        if self.last >= 0:
            logits = logits + self.W["lag"][:, self.last]
            stacked = stacked + self.W["slag"][: self.n, self.last]
        gate = np.exp(logits - logits.max())
        gate /= gate.sum()
        rows = [P.sum(0), trust @ P, gate @ P, np.exp(self.W["pool"] @ logs), np.exp(stacked)]
        rows += [self.hedge @ P, P[top(self.accuracy)]]
        return np.array([row / row.sum() for row in rows]), gate, logs, z

    def step(self, name, where, slope, rate):
        self.S[name][where] += slope**2
        self.W[name][where] -= rate * slope / np.sqrt(self.S[name][where] + 1e-8)

    def learn(self, P, z, y):
        if y < self.n:
            P = P[:, : self.n]
            said, gate, logs, z = self.answers(P, z)
            error = np.array([top(row) != y for row in said]) - 0.1 * np.log(
                np.maximum(said[:, y], 1e-3)
            )
            self.losses = 0.999 * self.losses + 0.001 * error
            likely = np.maximum(P[:, y], 1e-12)
            slope = gate * (1 - likely / (gate @ likely))
            hit = np.arange(self.n) == y
            self.step("gate", np.s_[:], np.outer(slope, z), 0.05)
            self.step("bias", np.s_[:], slope, 0.05)
            off = said[4] - hit
            if self.last >= 0:
                self.step("lag", np.s_[:, self.last], slope, 0.05)
                self.step("slag", np.s_[: self.n, self.last], off, 0.02)
            self.step("sbias", np.s_[: self.n], off, 0.02)
            own = off * logs + 1e-4 * self.W["stack"][:, : self.n]
            self.step("stack", np.s_[:, : self.n], own, 0.02)
            self.step("pool", np.s_[:], logs @ (said[3] - hit), 0.02)
            self.W["pool"] = np.maximum(self.W["pool"], 0)
            hedge = self.hedge * np.maximum(P[:, y], 1e-3)
            self.hedge = 0.98 * hedge / hedge.sum() + 0.02 / len(P)
            right = np.array([top(p) == y for p in P])
            self.accuracy = 0.995 * self.accuracy + 0.005 * right
        if self.lags:
            self.last = y
        self.n = max(self.n, y + 1)
