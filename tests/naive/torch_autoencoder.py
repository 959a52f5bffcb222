"""An autoencoder in bare torch that is stepped every few rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.naive.faded import meet, share, strangeness

Array = npt.NDArray[np.float64]


class TorchAutoencoder:
    def __init__(
        self, n: int, hidden: tuple[int, ...], batch: int, rate: float, loss: str, fading: float,
        weights: dict[str, Any],
    ) -> None:  # fmt: skip
        import torch

        self.torch, self.batch, self.least, self.rows = torch, batch, 1 - fading, []  # type: ignore[var-annotated]
        self.n, self.mean, self.variance, self.n_left, self.left = (np.zeros(n) for _ in "12345")
        layers, width = [], n
        for size in (*hidden, n):
            layers += [torch.nn.Linear(width, size), torch.nn.Tanh()]
            width = size
        self.net = torch.nn.Sequential(*layers[:-1])
        self.net.load_state_dict(
            {k[7:]: torch.tensor(v) for k, v in weights.items() if k.startswith("module.")}
        )
        self.steps = torch.optim.Adam(self.net.parameters(), lr=rate)
        kinds = {"mse": torch.nn.MSELoss, "huber": torch.nn.SmoothL1Loss}
        self.loss = kinds[loss](reduction="none")

    def standard(self, x: Array) -> Array:
        z = np.full(len(x), np.nan)
        for j in range(len(x)):
            if self.variance[j] > 1e-24 and not math.isnan(x[j]):
                z[j] = np.clip((x[j] - self.mean[j]) / math.sqrt(self.variance[j]), -100, 100)
        return z

    def found(self, z: Array) -> Any:
        entering = np.clip(np.nan_to_num(z), -10, 10).astype(np.float32)
        return self.net(self.torch.tensor(entering))

    def contributions(self, x: Array) -> Array:
        z, parts = self.standard(x), np.zeros(len(x))
        found = self.found(z).detach().numpy()
        for j in range(len(x)):
            if not math.isnan(z[j]) and self.left[j] > 0:
                parts[j] = (z[j] - found[j]) ** 2 / max(self.left[j], 1e-3)
        shares: Array = strangeness(parts)
        return shares

    def score(self, x: Array) -> float:
        return float(self.contributions(x).sum())

    def fit(self, x: Array, w: float) -> None:
        if np.isnan(x).all() or w == 0:
            return
        self.rows.append((np.clip(self.standard(x), -3, 3), w))
        meet(self.n, self.mean, self.variance, x, w, self.least)
        if len(self.rows) == self.batch:
            self.step()
            self.rows.clear()

    def step(self) -> None:
        total, n, rests = self.torch.zeros(()), 0, []
        for z, w in self.rows:
            found = self.found(z)
            rests.append((z - found.detach().numpy(), w))
            for j in np.flatnonzero(~np.isnan(z)):
                total = total + w * self.loss(found[j], self.torch.tensor(z[j]).float())
                n += 1
        if n:
            self.steps.zero_grad()
            (total / n).backward()
            self.torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            self.steps.step()
        for rest, w in rests:
            for j in np.flatnonzero(~np.isnan(rest)):
                self.n_left[j] += w
                step = share(w / self.n_left[j], w, self.least)
                self.left[j] += step * (min(rest[j] ** 2, 9.0) - self.left[j])
