"""The updates of our agents in plain, eager torch, observation by observation.

Autograd for gradients, one tensor a layer, NumPy for the running statistics: what one writes who
follows the papers. Statistics of observations and rewards, initial sparsity, traces, the bounded
(`ObGD`) and the intentional step are those of the agents in `onlineml.rl`.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

GAMMA, LAMBDA, ENTROPY = 0.99, 0.8, 0.01
_FADE = GAMMA * LAMBDA


def network(shape: list[int], map_shape: tuple[int, int, int] | None = None) -> nn.Sequential:
    """Linear, normalized, leaky, ...; before that, where there is a map, 16 channels by 3 x 3."""
    parts: list[nn.Module] = []
    if map_shape is not None:
        rows, columns, channels = map_shape
        sides = 16, rows - 2, columns - 2
        parts += [nn.Unflatten(0, map_shape), Channels(), _sparse(nn.Conv2d(channels, 16, 3))]
        parts += [nn.LayerNorm(sides, elementwise_affine=False), nn.LeakyReLU(0.01)]
        parts += [nn.Flatten(0)]
        shape = [math.prod(sides), *shape[1:]]
    for n_in, n_out in pairwise(shape):
        parts += [_sparse(nn.Linear(n_in, n_out))]
        parts += [nn.LayerNorm(n_out, elementwise_affine=False), nn.LeakyReLU(0.01)]
    return nn.Sequential(*parts[:-2])


class Channels(nn.Module):
    """From rows, columns, channels to channels, rows, columns."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Move the channels."""
        return x.permute(2, 0, 1)


def _sparse(layer: Any) -> Any:
    """Nine in ten of the first weights are 0."""
    with torch.no_grad():
        weights = layer.weight.view(len(layer.weight), -1)
        n_out, n_in = weights.shape
        nn.init.uniform_(weights, -1 / math.sqrt(n_in), 1 / math.sqrt(n_in))
        weights.scatter_(1, torch.rand(n_out, n_in).argsort(1)[:, n_in // 10 :], 0.0)
        layer.bias.zero_()
    return layer


class Bounded:
    """The step of `ObGD`."""

    def __init__(self, parameters: list[Any], of_policy: bool) -> None:
        self.parameters, self.kappa = parameters, 3.0 if of_policy else 2.0
        self.z = [torch.zeros_like(p) for p in parameters]

    def learn(self, gradient: Any, error: float) -> None:
        """One step along the traces, which take the gradient in first."""
        norm = 0.0
        for z, g in zip(self.z, gradient):
            z.mul_(_FADE).add_(g)
            norm += float(z.abs().sum())
        step = 1.0 / max(self.kappa * max(abs(error), 1.0) * norm, 1.0)
        for p, z in zip(self.parameters, self.z):
            p.data.add_(z, alpha=step * error)


class Intent:
    """The step of `Intentional`, every root computed in every step."""

    def __init__(self, parameters: list[Any], of_policy: bool) -> None:
        self.parameters, self.of_policy = parameters, of_policy
        self.share = 0.05 if of_policy else 0.5
        self.z, self.nu = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        self.t, self.sigma, self.error_1, self.error_2 = 0, 0.0, 0.0, 0.0

    def learn(self, gradient: Any, error: float) -> None:
        """One step along the traces, which take the gradient in first."""
        self.t += 1
        gain = length = 0.0
        roots = []
        for z, nu, g in zip(self.z, self.nu, gradient):
            z.mul_(_FADE).add_(g)
            nu.mul_(0.999).addcmul_(g, g, value=0.001)
            roots.append((nu / (1 - 0.999**self.t)).sqrt_().add_(1e-8))
            gain += float((g * g / roots[-1]).sum())
            length += float((z * z / roots[-1]).sum())
        self.sigma += (1 - _FADE) * (gain - self.sigma)
        error = self._cut(error)
        sigma = self.sigma / (1 - _FADE**self.t)
        step = self.share / math.sqrt(max(sigma * length, 1e-30))
        for p, z, root in zip(self.parameters, self.z, roots):
            p.data.addcdiv_(z, root, value=step * error)

    def _cut(self, error: float) -> float:
        """The error within limits, of a policy relative to what is usual."""
        keep, met = 0.9998, 1 - 0.9998**self.t
        self.error_2 = keep * self.error_2 + (1 - keep) * error**2
        limit = 20.0 * math.sqrt(self.error_2 / met)
        error = min(max(error, -limit), limit)
        if self.of_policy:
            self.error_1 = keep * self.error_1 + (1 - keep) * abs(error)
            error /= max(self.error_1 / met, 1e-30)
        return error


RULES = {"ObGD": Bounded, "Intentional": Intent}


class Running:
    """Mean and variance of what came, by Welford."""

    def __init__(self, n: int) -> None:
        self.n, self.mean, self.m2 = 0, np.zeros(n), np.zeros(n)

    def add(self, x: Any) -> None:
        """Take one in."""
        self.n += 1
        gap = x - self.mean
        self.mean += gap / self.n
        self.m2 += gap * (x - self.mean)

    def deviation(self) -> Any:
        """The standard deviation; 1 before there is one."""
        return np.sqrt(self.m2 / (self.n - 1) + 1e-8) if self.n > 1 else np.ones_like(self.mean)


class TorchAgent:
    """StreamTD, StreamQ or StreamAC (Gaussian), by `kind`: learns, then acts or predicts."""

    def __init__(
        self,
        kind: str,
        rule: str,
        n_features: int,
        n_outputs: int,
        map_shape: tuple[int, int, int] | None = None,
    ) -> None:
        torch.manual_seed(0)
        self.kind, self.random = kind, np.random.default_rng(0)
        shape = [n_features, 128] if map_shape else [n_features, 128, 128]
        self.critic = network([*shape, n_outputs if kind == "StreamQ" else 1], map_shape)
        self.critic_rule = RULES[rule](list(self.critic.parameters()), False)
        if kind == "StreamAC":
            self.actor = network([*shape, 2 * n_outputs])
            self.actor_rule = RULES[rule](list(self.actor.parameters()), True)
        self.seen, self.rewards, self.sum = Running(n_features), Running(1), 0.0
        self.begins = True

    def step(self, transition: Any) -> Any:
        """Learn a transition; then act, as in training, on what follows."""
        x, action, reward, following, terminated, truncated, _ = transition
        inputs = self._enter(x)
        if self.begins:
            self.seen.add(x)
        self.begins = terminated or truncated
        self.seen.add(following)
        self.sum = GAMMA * self.sum + reward
        self.rewards.add(self.sum)
        after = self._enter(following)
        values = self.critic(inputs)
        value = values[action] if self.kind == "StreamQ" else values[0]
        error = reward / float(self.rewards.deviation()[0]) - value.item()
        if not terminated:
            with torch.no_grad():
                error += GAMMA * self.critic(after).max().item()
        if self.kind == "StreamAC":
            policy = self._policy(inputs)
            goal = policy.log_prob(torch.as_tensor(action, dtype=torch.float32)).sum()
            goal = goal + ENTROPY * float(np.sign(error)) * policy.entropy().sum()
            gradient = torch.autograd.grad(goal, self.actor_rule.parameters)
            self.actor_rule.learn(gradient, error)
        greedy = self.kind != "StreamQ" or value.item() == values.max().item()
        self.critic_rule.learn(torch.autograd.grad(value, self.critic_rule.parameters), error)
        if terminated or truncated:
            self.sum = 0.0
        self._begin_traces(terminated or truncated, greedy)
        with torch.no_grad():
            return self._answer(after)

    def _begin_traces(self, ended: bool, greedy: bool) -> None:
        if ended or not greedy:
            for z in self.critic_rule.z:
                z.zero_()
        if ended and self.kind == "StreamAC":
            for z in self.actor_rule.z:
                z.zero_()

    def _answer(self, inputs: Any) -> Any:
        if self.kind == "StreamAC":
            return self._policy(inputs).sample().numpy()
        values = self.critic(inputs)
        if self.kind == "StreamTD":
            return values.item() * self.rewards.deviation()[0]
        if self.random.random() < 0.01:
            return int(self.random.integers(len(values)))
        return int(values.argmax())

    def _enter(self, x: Any) -> Any:
        scaled = (x - self.seen.mean) / self.seen.deviation() if self.seen.n else np.zeros_like(x)
        return torch.as_tensor(scaled.clip(-100.0, 100.0), dtype=torch.float32)

    def _policy(self, inputs: Any) -> Any:
        mean, raw = self.actor(inputs).chunk(2)
        return torch.distributions.Normal(mean, nn.functional.softplus(raw) + 1e-5)
