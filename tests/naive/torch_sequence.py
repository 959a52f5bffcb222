"""Recurrent networks of torch walked row by row, their windows stepped by autograd."""

from __future__ import annotations

from typing import Any

import numpy as np


def walked(cell: str, weights: dict[str, Any], x: Any, state: Any) -> tuple[Any, Any]:
    """Output and state after one row, as the equations say it; `weights` by name."""
    import torch

    w = weights
    if cell == "ssm":
        size, phase = torch.exp(-torch.exp(w["log_rate"])), w["phase"]
        a = torch.polar(size, phase)
        into = w["enter.weight"] @ x
        entered = torch.complex(into[: len(a)], into[len(a) :])
        before = 0.0 if state is None else state
        after = a * before + torch.sqrt(1 - size**2) * entered
        seen = torch.cat([after.real, after.imag, x])
        mixed = torch.relu(w["mix.weight"] @ seen + w["mix.bias"])
        return w["head.weight"] @ mixed + w["head.bias"], after
    n = w["cell.weight_hh_l0"].shape[1]
    h, c = (torch.zeros(n), torch.zeros(n)) if state is None else state
    into = w["cell.weight_ih_l0"] @ x + w["cell.bias_ih_l0"]
    back = w["cell.weight_hh_l0"] @ h + w["cell.bias_hh_l0"]
    if cell == "lstm":
        i, f, g, o = (into + back).split(n)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    else:
        (r1, z1, n1), (r2, z2, n2) = into.split(n), back.split(n)
        z, new = torch.sigmoid(z1 + z2), torch.tanh(n1 + torch.sigmoid(r1 + r2) * n2)
        h = (1 - z) * new + z * h
    return w["head.weight"] @ h + w["head.bias"], (h, c)


def detached(state: Any) -> Any:
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


class TorchSequence:
    """A regressor, one state and one window a key; features are taken as they are."""

    def __init__(self, cell: str, weights: dict[str, Any], truncation: int, rate: float) -> None:
        import torch

        self.torch, self.cell, self.truncation = torch, cell, truncation
        self.weights = {
            name[7:]: torch.tensor(value, requires_grad=True)
            for name, value in weights.items()
            if name.startswith("module.")
        }
        self.steps = torch.optim.SGD(list(self.weights.values()), lr=rate)
        self.states: dict[float, Any] = {}
        self.windows: dict[float, list[tuple[Any, float]]] = {}
        self.targets: list[float] = []  # of all windows that were learned

    def outputs(self, key: float, rows: list[Any]) -> tuple[list[Any], Any]:
        state, found = self.states.get(key), []
        for x in rows:
            out, state = walked(self.cell, self.weights, self.torch.tensor(x), state)
            found.append(out[0])
        return found, state

    def predict(self, key: float, x: Any) -> float:
        rows = [row for row, _ in self.windows.get(key, [])]
        out = self.outputs(key, [*rows, x])[0][-1].detach().numpy()
        return float(np.mean(self.targets) + np.std(self.targets) * out) if self.targets else 0.0

    def fit(self, key: float, x: Any, y: float) -> None:
        window = self.windows.setdefault(key, [])
        window.append((x, y))
        if len(window) < self.truncation:
            return
        found, state = self.outputs(key, [row for row, _ in window])
        self.targets += [target for _, target in window]
        mean, deviation = float(np.mean(self.targets)), float(np.std(self.targets))
        loss = sum((out - (y - mean) / deviation) ** 2 for out, (_, y) in zip(found, window))
        self.steps.zero_grad()
        (loss / len(window)).backward()
        self.torch.nn.utils.clip_grad_norm_(list(self.weights.values()), 1.0)
        self.steps.step()
        self.states[key] = detached(state)
        window.clear()
