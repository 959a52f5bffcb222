"""Bandits: pulls and updates per second, regret: `python -m benchmarks.rl_bandits --help`."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measure import timed

ARMS, CONTEXT = 10, 10
STRATEGIES = ("uniform", "king", "log_star")
K, HORIZON = 1000, 1_000_000  # of the arms that come once
GROWTHS = (1, 4, 16)  # a setting, relative to its least, over which regret's growth is measured
WHEEL_ARMS, WHEEL_SIGMA = 5, 0.01
WHEEL_SEEDS = range(100, 110)  # those of which NeuralLinear's settings were not chosen


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


def growth(strategy: str, cells: list[tuple[int, int]], runs: int, seed: int = 0) -> float:
    """Slope of log regret over cells of (arms, horizon) that grow by GROWTHS."""
    means = [
        statistics.fmean(regret(strategy, n_arms, horizon, seed + run) for run in range(runs))
        for n_arms, horizon in cells
    ]
    return float(np.polyfit(np.log(GROWTHS), np.log(means), 1)[0])


# -------------------------------------------------------------------- contexts


def wheel(bandit: Any, delta: float, n: int, seed: int) -> float:
    """Regret on the wheel, in percent of that of arms drawn at random.

    Contexts are uniform on a disk of radius 1. The first arm pays 1.2, the others 1; beyond
    `delta` from the middle one of the others, another in each quarter, pays 50. Deviation 0.01.
    """
    from onlineml.rl import Transition

    rng, lost, chance = np.random.default_rng(seed), 0.0, 0.0
    for _ in range(n):
        radius, angle = np.sqrt(rng.random()), rng.uniform(-np.pi, np.pi)
        x = radius * np.array([np.cos(angle), np.sin(angle)])
        means = np.array([1.2, 1.0, 1.0, 1.0, 1.0])
        if radius > delta:
            means[1 + 2 * (x[0] < 0) + (x[1] < 0)] = 50.0
        arm = bandit.act_one(x, explore=True)
        reward = means[arm] + WHEEL_SIGMA * rng.normal()
        bandit.fit_one(Transition(x, arm, reward))
        lost += means.max() - means[arm]
        chance += means.max() - means.mean()
    return 100.0 * lost / chance


def wheels(names: tuple[str, ...], delta: float, n: int, seeds: range) -> dict[str, list[float]]:
    """Of each bandit, on each seed."""
    from onlineml import rl

    return {
        name: [
            wheel(getattr(rl, name)(n_actions=WHEEL_ARMS, seed=seed), delta, n, seed)
            for seed in seeds
        ]
        for name in names
    }


# -------------------------------------------------------------------- lines


def lines(arms: int, horizon: int, runs: int, steps: int, wheel_steps: int) -> Iterator[list[str]]:
    """What is measured, the figure, and what it is measured against."""
    found = regrets(arms, horizon, runs)
    base = statistics.fmean(found["uniform"])
    for name in STRATEGIES[1:]:
        share = statistics.fmean(found[name]) / base
        yield [f"{name}: regret, of uniform's", f"{share:.2f}", "<= 0.25"]
    over_horizons = [(arms // 16, horizon // 16 * n) for n in GROWTHS]
    over_arms = [(arms // 16 * n, horizon) for n in GROWTHS]
    for name in STRATEGIES:
        for what, cells, due in (("horizon", over_horizons, "2/3"), ("arms", over_arms, "1/3")):
            yield [f"{name}: slope over {what}", f"{growth(name, cells, runs):.2f}", due]
    rate = bandits(steps, 3)["LinUCB"]
    yield [f"LinUCB, {CONTEXT} features: pulls and updates a second", f"{rate:,.0f}", ">= 200,000"]
    for delta in (0.5, 0.9, 0.95):
        lost = wheels(("LinTS", "NeuralLinear"), delta, wheel_steps, WHEEL_SEEDS)
        for name, shares in lost.items():
            what = f"{name}: regret on the wheel {delta}, of chance"
            yield [what, f"{statistics.fmean(shares):.1f} %", "-"]


@click.command()
@click.option("--arms", default=K, show_default=True, help="Arms that come once.")
@click.option("--horizon", default=HORIZON, show_default=True, help="Pulls of them.")
@click.option("--runs", default=20, show_default=True, help="Of each strategy for such arms.")
@click.option("--steps", default=10_000, show_default=True, help="Pulls that are timed.")
@click.option("--wheel", "wheel_steps", default=10_000, show_default=True, help="Pulls on it.")
def main(**n: int) -> None:
    """A line for each bar of the bandits."""
    shown = Table("", "figure", "bar", title="Bandits")
    for line in lines(**n):
        shown.add_row(*line)
    Console(width=100).print(shown)


if __name__ == "__main__":
    main()
