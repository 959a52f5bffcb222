"""Bandits: pulls and updates per second, and the regret of those whose arms come once."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from benchmarks.measure import timed

ARMS, CONTEXT = 10, 10
STRATEGIES = ("uniform", "king", "log_star")


def bandits(n: int, repeats: int) -> dict[str, float]:
    """Pulls and updates per CPU-second, two calls of Python for each."""
    from onlineml import rl

    rng = np.random.default_rng(0)
    rewards, rows = (rng.random((n, ARMS)) < np.linspace(0.3, 0.7, ARMS)).astype(float), None
    contexts = list(rng.normal(size=(n, CONTEXT)))
    rates = {}
    for name in ("EpsilonGreedy", "UCB", "BayesUCB", "ThompsonSampling", "Exp3", "LinUCB", "LinTS"):
        bandit = getattr(rl, name)(n_actions=ARMS)
        rows = contexts if name.startswith("Lin") else [None] * n

        def work(bandit: Any = bandit, rows: Any = rows) -> None:
            act, fit, made = bandit.act_one, bandit.fit_one, rl.Transition
            for x, row in zip(rows, rewards.tolist()):
                arm = act(x, explore=True)
                fit(made(x, arm, row[arm]))

        cpu, _, _ = timed(work, repeats + 1)
        rates[name] = n / statistics.median(cpu[1:])
    return rates


def regret(strategy: str, n_arms: int, horizon: int, seed: int) -> float:
    """Regret in `horizon` pulls of arms that come once: one pays .75, the others .5."""
    from onlineml.rl import StreamingArmsBandit, Transition

    rng = np.random.default_rng(seed)
    good, lost, pulls = int(rng.integers(n_arms)), 0, 0
    bandit = StreamingArmsBandit(n_actions=n_arms, horizon=horizon, strategy=strategy)
    arm = bandit.act_one(explore=True)
    while pulls < horizon:
        draws = rng.random(min(2_000, horizon - pulls))
        for draw in draws.tolist():
            lost += arm != good
            paid = float(draw < (0.75 if arm == good else 0.5))
            arm = bandit.fit_act_one(Transition(None, arm, paid))
        pulls += len(draws)
        if bandit.diagnostics()["settled"]:  # the same arm from here on
            return 0.25 * (lost + (arm != good) * (horizon - pulls))
    return 0.25 * lost


def regrets(n_arms: int, horizon: int, runs: int) -> dict[str, list[float]]:
    """Regret of each strategy in each run, on the same arms."""
    return {
        strategy: [regret(strategy, n_arms, horizon, seed) for seed in range(runs)]
        for strategy in STRATEGIES
    }
