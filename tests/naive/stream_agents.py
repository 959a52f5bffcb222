"""Agents with networks and traces in torch: autograd, one tensor a layer, no cached anything."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

Tensors = list[torch.Tensor]


class Net(nn.Module):
    """Linear or convolved, normalized, leaky, ...; the last layer linear. Weights are ours."""

    def __init__(self, shape: Any, flat: Any, dtype: torch.dtype) -> None:
        super().__init__()
        self.layers, start = nn.ModuleList(), 0
        maps, widths = shape.maps.reshape(-1, 6).tolist(), shape.widths.tolist()
        self.sides = maps[0][:3] if maps else None
        for k, (n_in, n_out) in enumerate(pairwise(widths)):
            layer: Any = nn.Linear(n_in, n_out, dtype=dtype)
            if k < len(maps):
                _, _, n_in, n_out, kernel, stride = maps[k]
                layer = nn.Conv2d(n_in, n_out, kernel, stride, dtype=dtype)
                n_in *= kernel * kernel
            matrix = torch.tensor(np.array(flat[start : start + n_in * n_out])).to(dtype)
            last = k == len(widths) - 2
            matrix = matrix.reshape(n_out, n_in) if last else matrix.reshape(n_in, n_out).T
            if k < len(maps):
                matrix = matrix.reshape(n_out, kernel, kernel, -1).permute(0, 3, 1, 2)
            start += n_in * n_out
            with torch.no_grad():
                layer.weight.copy_(matrix)
                layer.bias.copy_(torch.tensor(np.array(flat[start : start + n_out])))
            start += n_out
            self.layers.append(layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.sides:
            x = x.reshape(self.sides).permute(2, 0, 1)
        for layer, following in pairwise(self.layers):
            x = layer(x)
            x = nn.functional.leaky_relu(nn.functional.layer_norm(x, x.shape, eps=1e-5), 0.01)
            if x.ndim == 3 and isinstance(following, nn.Linear):
                x = x.permute(1, 2, 0).reshape(-1)  # as NumPy flattens rows, columns, channels
        return self.layers[-1](x)

    def flat(self) -> Any:
        parts = []
        for layer in self.layers:
            matrix = layer.weight if layer is self.layers[-1] else layer.weight.movedim(0, -1)
            if matrix.ndim == 4:
                matrix = matrix.movedim(0, 2)
            parts += [matrix.reshape(-1), layer.bias]
        return torch.cat(parts).detach().numpy()


class Traces:
    """Traces of a network's gradients, and one rule that steps along them."""

    def __init__(self, net: Net, rule: str, numbers: dict[str, float], fade: float) -> None:
        self.parameters, self.rule, self.numbers = list(net.parameters()), rule, numbers
        self.fade, self.t, self.sigma, self.error_2, self.error_1 = fade, 0, 0.0, 0.0, 0.0
        self.z, self.m, self.nu = ([torch.zeros_like(p) for p in self.parameters] for _ in range(3))

    def learn(self, f: torch.Tensor, error: float, anew: bool) -> None:
        gradient = list(torch.autograd.grad(f, self.parameters))
        self.t += 1
        fade = 0.0 if anew else self.fade
        self.z = [fade * z + g for z, g in zip(self.z, gradient)]
        with torch.no_grad():
            for p, step in zip(self.parameters, getattr(self, self.rule)(gradient, error)):
                p += step

    def sgd(self, gradient: Tensors, error: float) -> Tensors:
        return [self.numbers["learning_rate"] * error * z for z in self.z]

    def adam(self, gradient: Tensors, error: float) -> Tensors:
        if clip := self.numbers.get("clip"):
            error = min(max(error, -clip), clip)
        b1, b2 = self.numbers["beta_1"], self.numbers["beta_2"]
        self.m = [b1 * m + (1 - b1) * error * z for m, z in zip(self.m, self.z)]
        self.nu = [b2 * v + (1 - b2) * (error * z) ** 2 for v, z in zip(self.nu, self.z)]
        c1, c2, rate = 1 - b1**self.t, 1 - b2**self.t, self.numbers["learning_rate"]
        return [rate * (m / c1) / ((v / c2).sqrt() + 1e-8) for m, v in zip(self.m, self.nu)]

    def obgd(self, gradient: Tensors, error: float) -> Tensors:
        return self._bounded(self.z, error)

    def _bounded(self, along: Tensors, error: float) -> Tensors:
        rate = self.numbers["learning_rate"]
        norm = sum(float(z.abs().sum()) for z in along)
        reach = rate * self.numbers["kappa"] * max(abs(error), 1.0) * norm
        return [rate / max(reach, 1.0) * error * z for z in along]

    def adaptive_obgd(self, gradient: Tensors, error: float) -> Tensors:
        b2 = self.numbers["beta_2"]
        self.nu = [b2 * v + (1 - b2) * (error * z) ** 2 for v, z in zip(self.nu, self.z)]
        c2 = 1 - b2**self.t
        scaled = [z / (v / c2 + 1e-8).sqrt() for z, v in zip(self.z, self.nu)]
        return self._bounded(scaled, error)

    def intentional(self, gradient: Tensors, error: float) -> Tensors:
        b2, fade = self.numbers["beta_2"], self.fade
        self.nu = [b2 * v + (1 - b2) * g**2 for v, g in zip(self.nu, gradient)]
        root = [(v / (1 - b2**self.t)).sqrt() + 1e-8 for v in self.nu]
        gain = sum(float((g**2 / d).sum()) for g, d in zip(gradient, root))
        length = sum(float((z**2 / d).sum()) for z, d in zip(self.z, root))
        self.sigma += (1 - fade) * (gain - self.sigma)
        sigma = self.sigma / (1 - fade**self.t)
        keep = self.numbers["error_decay"]
        self.error_2 = keep * self.error_2 + (1 - keep) * error**2
        limit = self.numbers["clip"] * math.sqrt(self.error_2 / (1 - keep**self.t))
        error = min(max(error, -limit), limit)
        if self.numbers["of_policy"]:
            self.error_1 = keep * self.error_1 + (1 - keep) * abs(error)
            error /= self.error_1 / (1 - keep**self.t)
        step = self.numbers["share"] / math.sqrt(sigma * length)
        return [step * error * z / d for z, d in zip(self.z, root)]


class Corrections:
    """Gradient TD with regularized corrections: a second network foretells the error."""

    def __init__(self, net: Net, second: Net, numbers: dict[str, float], fade: float) -> None:
        self.net, self.second, self.numbers, self.fade = net, second, numbers, fade
        self.z, self.y = ([torch.zeros_like(p) for p in n.parameters()] for n in (net, second))
        self.trace = 0.0

    def learn(
        self, v: torch.Tensor, change: torch.Tensor, h: torch.Tensor, error: float, anew: bool
    ) -> None:
        """`change` has the gradient of the error, the others of the two networks' outputs."""
        of_value = torch.autograd.grad(v, list(self.net.parameters()), retain_graph=True)
        of_error = torch.autograd.grad(change, list(self.net.parameters()))
        of_second = torch.autograd.grad(h, list(self.second.parameters()))
        fade, foretold = 0.0 if anew else self.fade, float(h.detach())
        self.trace = fade * self.trace + foretold
        self.z = [fade * z + g for z, g in zip(self.z, of_value)]
        self.y = [fade * y + g for y, g in zip(self.y, of_second)]
        rate, beta = self.numbers["learning_rate"], self.numbers["beta"]
        with torch.no_grad():
            for p, z, g, e in zip(self.net.parameters(), self.z, of_value, of_error):
                p += rate * (error * z - foretold * g - self.trace * e)
            for p, y, g in zip(self.second.parameters(), self.y, of_second):
                p += rate * self.numbers["ratio"] * (error * y - foretold * g - beta * p)


class Scaler:
    """Mean and sample variance of rows, by their definition; nothing beyond 100."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def meet(self, x: Any) -> None:
        self.rows.append(np.array(x))

    def __call__(self, x: Any) -> Any:
        if len(self.rows) < 2:
            return x - self.rows[0] if self.rows else np.zeros_like(x)
        rows = np.array(self.rows)
        scaled = (x - rows.mean(0)) / np.sqrt(rows.var(0, ddof=1) + 1e-8)
        return scaled.clip(-100, 100)


class Agent:
    """TD, Q, SARSA or AC(lambda), told the weights that ours begins with."""

    def __init__(self, model: Any, kind: str, rules: dict[str, Any], dtype: torch.dtype) -> None:
        self.kind, self.gamma, self.dtype = kind, model.gamma, dtype
        self.model, self.entropy = model, getattr(model, "entropy", 0.0)
        shapes = model._shapes(model.schema_.n_features)
        fade = model.gamma * model.lambda_
        self.critic = Net(shapes[0], model.critic_weights_, dtype)
        if rules["critic"][0] == "qrc":
            self.second = Net(shapes[0], model.critic_moments_, dtype)
            numbers = rules["critic"][1]
            self.corrections = Corrections(self.critic, self.second, numbers, fade)
        else:
            self.critic_traces = Traces(self.critic, *rules["critic"], fade)
        if kind in ("gaussian", "softmax"):
            self.actor = Net(shapes[1], model.actor_weights_, dtype)
            if model.actor_lambda is not None:
                fade = model.gamma * model.actor_lambda
            self.actor_traces = Traces(self.actor, *rules["actor"], fade)
        self.observations, self.sums, self.sum = Scaler(), Scaler(), 0.0
        self.steps, self.anew = 0, False

    def enter(self, x: Any, steps: int) -> torch.Tensor:
        scaled = self.observations(x) if self.model.normalize_observations else x
        if self.model.time_feature:
            scaled = np.append(scaled, steps / self.model.time_feature - 0.5)
        return torch.tensor(scaled, dtype=self.dtype)

    def fit(
        self, x: Any, action: Any, reward: float, following: Any, end: bool, cut: bool, p: None
    ) -> None:
        inputs = self.enter(x, self.steps)
        if self.steps == 0:
            self.observations.meet(x)
        self.observations.meet(following)
        self.sum = self.gamma * self.sum + reward
        self.sums.meet(self.sum)
        if len(self.sums.rows) > 1:
            reward /= math.sqrt(np.var(self.sums.rows, ddof=1) + 1e-8)
        values = self.critic(inputs)
        value = values[int(action)] if self.kind == "q" else values[0]
        change = -value
        if not end and not (cut and not self.model.bootstrap_on_truncation):
            following_value = self.critic(self.enter(following, self.steps + 1)).max()
            change = self.gamma * following_value - value
        error = reward + float(change.detach())
        if self.kind in ("gaussian", "softmax"):
            policy = self.policy(inputs)
            taken = torch.tensor(action, dtype=self.dtype)
            f = policy.log_prob(taken).sum()
            f = f + self.entropy * float(np.sign(error)) * policy.entropy().sum()
            self.actor_traces.learn(f, error, self.anew)
        greedy = self.kind != "q" or float(value.detach()) == float(values.detach().max())
        if hasattr(self, "corrections"):
            foretold = self.second(inputs)[int(action) if self.kind == "q" else 0]
            self.corrections.learn(value, change, foretold, error, self.anew)
        else:
            self.critic_traces.learn(value, error, self.anew)
        self.anew = end or cut or not greedy
        self.steps = 0 if end or cut else self.steps + 1
        if end or cut:
            self.sum = 0.0

    def policy(self, inputs: torch.Tensor) -> Any:
        outputs = self.actor(inputs)
        if self.kind == "softmax":
            return torch.distributions.Categorical(logits=outputs)
        mean, raw = outputs.chunk(2)
        return torch.distributions.Normal(mean, nn.functional.softplus(raw) + 1e-5)
