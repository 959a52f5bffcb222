"""SwiftTD as its paper runs it: one loop over time, half of which waits for the next reward."""

import math
from typing import Any


class SwiftTD:
    def __init__(
        self, n: int, gamma: float, lambda_: float, rate: float, meta: float, eta: float,
        decay: float, least: float,
    ) -> None:  # fmt: skip
        self.n, self.gamma, self.lambda_, self.meta = n + 1, gamma, lambda_, meta
        self.eta, self.decay, self.least = eta, decay, least
        self.beta = [math.log(rate)] * self.n
        self.w, self.h, self.h_old, self.h_temp = ([0.0] * self.n for _ in range(4))
        self.begins = True

    def features(self, x: Any) -> list[float]:
        return [*x, 1.0]

    def value(self, x: Any) -> float:
        return sum(w * phi for w, phi in zip(self.w, self.features(x)))

    def fit(self, x: Any, reward: float, following: Any, terminated: bool, ends: bool) -> None:
        if self.begins:
            self.z, self.z_bar, self.z_delta, self.p, self.delta_w = (
                [0.0] * self.n for _ in range(5)
            )
            self.v_old = self.value(x)
            self.observe(self.features(x))
        v = 0.0 if terminated else self.value(following)
        self.correct(reward + self.gamma * v - self.v_old)
        self.v_old, self.begins = v, ends
        if not ends:
            self.observe(self.features(following))

    def correct(self, delta: float) -> None:
        """The first half of the loop's body."""
        low, high = math.log(self.least), math.log(self.eta)
        for i in range(self.n):
            self.delta_w[i] = delta * self.z[i] - self.z_delta[i] * self.v_delta
            self.w[i] += self.delta_w[i]
            slope = (delta - self.v_delta) * self.p[i]
            self.beta[i] += self.meta / math.exp(self.beta[i]) * slope
            self.beta[i] = min(max(self.beta[i], low), high)
            self.h_old[i] = self.h[i]
            self.h[i] = self.h_temp[i] + delta * self.z_bar[i] - self.z_delta[i] * self.v_delta
            self.h_temp[i] = self.h[i]
            self.z_delta[i] = 0.0
            for trace in (self.z, self.p, self.z_bar):
                trace[i] *= self.gamma * self.lambda_

    def observe(self, phi: list[float]) -> None:
        """The second half."""
        alpha = [math.exp(b) for b in self.beta]
        tau = sum(a * f * f for a, f in zip(alpha, phi))
        t = sum(z * f for z, f in zip(self.z, phi))
        self.v_delta = sum(c * f for c, f in zip(self.delta_w, phi))
        for i, f in enumerate(phi):
            if f == 0.0:
                continue
            self.z_delta[i] = self.eta / max(self.eta, tau) * alpha[i] * f
            self.z[i] += self.z_delta[i] * (1 - t)
            self.p[i] += self.h_old[i] * f
            self.z_bar[i] += self.z_delta[i] * (1 - t - self.z_bar[i] * f)
            self.h_temp[i] = (
                self.h[i]
                - self.h_old[i] * f * (self.z[i] - self.z_delta[i])
                - self.h[i] * self.z_delta[i] * f
            )
            if tau > self.eta:
                self.z_bar[i] = self.h[i] = self.h_temp[i] = 0.0
                shorter = self.beta[i] + math.log(self.decay) * f * f
                self.beta[i] = max(shorter, math.log(self.least))


class SwiftSARSA(SwiftTD):
    """The same of pairs of observation and action: a row of features for each action."""

    def features(self, x: Any) -> list[float]:
        observation, action = x
        row = [*observation, 1.0]
        return [f * (k == action) for k in range(self.n // len(row)) for f in row]
