"""Pools of networks by the book: losses, estimates, turns and trust in lists."""

from __future__ import annotations

import math
from typing import Any

from tests.naive.adwin import NaiveADWIN


class Pool:
    """What both kinds share; `nets` are networks of `tests.naive.mlp` that learn when told to."""

    def __init__(
        self, nets: list[Any], n_trained: int, hedged: bool, discount: float, smoothing: float,
        least_loss: float, warm_up: int, delta: float,
    ) -> None:  # fmt: skip
        self.nets, self.n_trained, self.hedged = nets, n_trained, hedged
        self.discount, self.smoothing = discount, smoothing
        self.least_loss, self.warm_up = least_loss, warm_up
        self.windows = [NaiveADWIN(delta) for _ in nets]
        self.trust = [1 / len(nets)] * len(nets)
        self.n_learned, self.n_rows = [0] * len(nets), 0

    def weights(self) -> list[float]:
        if self.hedged:
            return self.trust
        estimates = [window.mean() for window in self.windows]
        best = estimates.index(min(estimates))
        return [float(m == best) for m in range(len(self.nets))]

    def chosen(self) -> list[int]:
        ranked = sorted(range(len(self.nets)), key=lambda m: self.windows[m].mean())
        if self.n_rows < self.warm_up:
            return ranked
        n_best = math.ceil(self.n_trained / 2)
        best, rest = ranked[:n_best], ranked[n_best:]
        turns = range(self.n_rows + n_best, self.n_rows + self.n_trained)
        return best + [rest[turn % len(rest)] for turn in turns]

    def settle(self, losses: list[float], w: float, unit: float = 1.0) -> None:
        for window, loss in zip(self.windows, losses):
            window.update(loss)
        least = min(losses)
        raw = [
            share * self.discount ** (w * (loss - least) / unit)
            for share, loss in zip(self.trust, losses)
        ]
        floor = self.smoothing / len(raw)
        floored = [max(share / sum(raw), floor) for share in raw]
        self.trust = [share / sum(floored) for share in floored]
        self.n_rows += 1


class CANDClassifier(Pool):
    def predict_proba_one(self, x: Any) -> list[float]:
        said = [net.predict_proba_one(x) for net in self.nets]
        return [
            sum(w * shares[c] for w, shares in zip(self.weights(), said))
            for c in range(len(said[0]))
        ]

    def fit_one(self, x: Any, y: int, w: float) -> None:
        for net in self.nets:
            while net.n_classes <= y:
                net.net.add_output()
                net.n_classes += 1
        if w <= 0:
            return
        losses = []
        for net in self.nets:
            net.net.meet(net.row(x))
            losses.append(-math.log(net.predict_proba_one(x)[y]))
        for m in self.chosen():
            if losses[m] >= self.least_loss:
                self.nets[m].step(x, y, w)
                self.n_learned[m] += 1
        for net in self.nets:
            net.notice(x, w)
        self.settle(losses, w)


class CANDRegressor(Pool):
    def predict_one(self, x: Any) -> float:
        return sum(w * net.predict_one(x) for w, net in zip(self.weights(), self.nets))

    def fit_one(self, x: Any, y: float, w: float) -> None:
        if w <= 0:
            return
        unit = max(min(window.mean() for window in self.windows), 1e-12) if self.n_rows else 1.0
        losses = []
        for net in self.nets:
            net.net.meet(net.row(x))
            losses.append((net.net.forward(net.row(x))[0] - net.target.standardized(y)) ** 2 / 2)
        for m in self.chosen():
            if losses[m] >= self.least_loss:
                self.nets[m].step(x, y, w)
                self.n_learned[m] += 1
        for net in self.nets:
            net.target.add(y, w)
            net.notice(x, w)
        self.settle(losses, w, unit)
