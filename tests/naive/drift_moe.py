"""DriftMoE as the released code has it: a torch network, and trees that are called one by one."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch

from onlineml.kernels.random import seeded, uniform
from onlineml.learners import HoeffdingTreeClassifier


class Router:
    """Three layers in torch's arithmetic; weights are drawn in the order of ours."""

    def __init__(self, n_features: int, hidden: tuple[int, int], n_outputs: int, seed: int) -> None:
        self.random, self.known = seeded(seed, 2), set[int]()
        widths = (n_features, *hidden, n_outputs)
        self.layers = [
            torch.nn.Linear(n, m, dtype=torch.float64) for n, m in itertools.pairwise(widths)
        ]
        self.parameters = [p for layer in self.layers for p in layer.parameters()]
        with torch.no_grad():
            for parameter in self.parameters:
                parameter.zero_()
        self.draw(self.layers[1].weight.T, sum(hidden))
        self.descent = torch.optim.Adam(self.parameters, lr=2e-3)
        self.loss = torch.nn.BCEWithLogitsLoss(reduction="none")

    def draw(self, rows: Any, n: int) -> None:
        """Glorot's weights, `rows` one after the other."""
        for row in rows:
            for o in range(len(row)):
                value = math.sqrt(6 / n) * (2 * uniform(self.random, 1) - 1)
                with torch.no_grad():
                    row[o] = value

    def meet(self, x: Any) -> None:
        shown = [j for j in range(len(x)) if not math.isnan(x[j])]
        width = self.layers[0].out_features
        for j in shown:
            if j not in self.known:
                self.known.add(j)
                self.draw(self.layers[0].weight.T[j : j + 1], len(shown) + width)

    def mask(self, state: Any) -> Any:
        """Which units of the first hidden layer dropout leaves, scaled."""
        keep = [uniform(state, 0) >= 0.2 for _ in range(self.layers[0].out_features)]
        return torch.tensor(keep, dtype=torch.float64) / 0.8

    def forward(self, x: Any, mask: Any = 1.0) -> Any:
        first = torch.relu(self.layers[0](torch.tensor(np.nan_to_num(x)))) * mask
        return self.layers[2](torch.relu(self.layers[1](first)))


class Data:
    """`n_experts` trees of all classes; the `top_k` of the largest logits learn."""

    def __init__(
        self, schema: Any, n_experts: int, top_k: int, hidden: Any, batch: int, seed: int,
        last: float = np.inf,
    ) -> None:  # fmt: skip
        self.router = Router(schema.n_features, hidden, n_experts, seed)
        self.router.draw(self.router.layers[2].weight, hidden[1] + n_experts)
        self.trees = [
            HoeffdingTreeClassifier(grace_period=50).start(schema) for _ in range(n_experts)
        ]
        self.top_k, self.batch, self.losses = top_k, batch, []
        self.left = last  # rows that the router is to learn
        self.classes: list[Any] = []

    def shares(self, tree: Any, x: Any) -> Any:
        """A tree's probabilities of all classes; alike if it has learned nothing."""
        shares = np.zeros(len(self.classes))
        if tree.seen_[0] == 0:
            return shares + 1 / max(len(shares), 1)
        known = tree.predict_proba_one(x)
        shares[: len(known)] = known
        return shares

    def predict_proba_one(self, x: Any) -> Any:
        best = int(self.router.forward(x).argmax())
        return self.shares(self.trees[best], x)

    def fit_one(self, x: Any, y: Any, w: float) -> None:
        if y not in self.classes:
            self.classes.append(y)
            for tree in self.trees:
                tree._admit_targets(list(self.classes))
        if w == 0:
            return
        self.left -= 1
        if self.left >= 0:
            self.router.meet(x)
        logits = self.router.forward(x)
        label, shares = self.classes.index(y), [self.shares(tree, x) for tree in self.trees]
        right = [float(p.argmax() == label) for p in shares]
        if not any(right):
            right[int(np.argmax([p[label] for p in shares]))] = 1.0
        loss = self.router.loss(logits, torch.tensor(right, dtype=torch.float64))
        if self.left >= 0:
            self.losses.append(w * loss.sum() / (self.batch * len(right)))
        for e in np.argsort(-logits.detach().numpy(), kind="stable")[: self.top_k]:
            self.trees[e].fit_one(x, y, weight=w)
        if len(self.losses) == self.batch:
            self.router.descent.zero_grad()
            sum(self.losses).backward()
            self.router.descent.step()
            self.losses = []


class Task:
    """The router alone: trees have no part in answers."""

    def __init__(self, schema: Any, hidden: Any, seed: int) -> None:
        self.router = Router(schema.n_features, hidden, 16, seed)
        self.classes: list[Any] = []

    def predict_proba_one(self, x: Any) -> Any:
        logits = self.router.forward(x, self.router.mask(self.router.random.copy()))
        return torch.softmax(logits[: len(self.classes)], 0).detach().numpy()

    def fit_one(self, x: Any, y: Any, w: float) -> None:
        if y not in self.classes:
            self.classes.append(y)
            n = len(self.classes)
            self.router.draw(
                self.router.layers[2].weight[n - 1 : n], self.router.layers[1].out_features + n
            )
        if w == 0:
            return
        self.router.meet(x)
        n = len(self.classes)
        logits = self.router.forward(x, self.router.mask(self.router.random))[:n]
        target = torch.tensor([float(c == y) for c in self.classes], dtype=torch.float64)
        self.router.descent.zero_grad()
        (w * self.router.loss(logits, target).mean()).backward()
        self.router.descent.step()
