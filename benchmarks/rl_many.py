"""Many agents at once: `StreamAC` with `ObGD`, a transition of each in a call, then its action."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.measure import timed

AGENTS = (1, 16, 256)
FEATURES, ACTIONS = 17, 6  # HalfCheetah's
SLOWER = 8  # times fewer steps for torch


def network(n_inputs: int, n_outputs: int) -> Any:
    """What compiled agents have, in torch."""
    from onlineml.rl.torch_agents import perceptron

    return perceptron([n_inputs, 128, 128, n_outputs])


def made(**params: Any) -> Any:
    """An agent with two networks of 128 and 128 units."""
    from onlineml.rl import ObGD, StreamAC

    rules = {"actor_rule": ObGD(), "critic_rule": ObGD()}
    return StreamAC(action_size=ACTIONS, seed=0, **rules, **params)


def walk(agent: Any, n: int, n_steps: int) -> Callable[[], None]:
    """Steps of n agents, each along features of its own."""
    from onlineml.rl import StackedAgents, Transition

    rng = np.random.default_rng(0)
    agents = StackedAgents(agent=agent, n_agents=n)
    X, noise = rng.normal(size=(n, FEATURES)), rng.normal(size=(64, n, FEATURES))

    def work() -> None:
        x, action = X, agents.act_many(X, explore=True)
        for i in range(n_steps):
            y = 0.9 * x + 0.4 * noise[i % 64]
            reward = y[:, 0] - x[:, 1]
            action = agents.fit_act_many(Transition(x, action, reward, y, False, i % 1000 == 999))
            x = y

    return work


def alone(agent: Any, n: int, n_steps: int) -> Callable[[], None]:
    """The same by a loop over n agents."""
    from onlineml.rl import Transition

    rng = np.random.default_rng(0)
    agents = [agent.clone().set_params(seed=i) for i in range(n)]
    X, noise = rng.normal(size=(n, FEATURES)), rng.normal(size=(64, n, FEATURES))

    def work() -> None:
        x, actions = X, [one.act_one(X[k], explore=True) for k, one in enumerate(agents)]
        for i in range(n_steps):
            y = 0.9 * x + 0.4 * noise[i % 64]
            ended = i % 1000 == 999
            for k, one in enumerate(agents):
                step = Transition(x[k], actions[k], y[k, 0] - x[k, 1], y[k], False, ended)
                actions[k] = one.fit_act_one(step)
            x = y

    return work


def many(n: int, repeats: int) -> dict[str, dict[str, float]]:
    """Agents times steps per CPU-second, by the way it is done and the number of agents."""
    ways: dict[str, Any] = {"a loop over agents": alone, "StackedAgents": walk}
    kinds: dict[str, Any] = {"compiled": {}}
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)
        kinds["of torch"] = {"module": network}
    rates: dict[str, dict[str, float]] = {}
    for kind, params in kinds.items():
        for way, of in ways.items():
            found = rates[f"{way}, {kind}"] = {}
            for agents in AGENTS:
                few = n // SLOWER if params else n
                n_steps = max(few // agents, 2)
                cpu, _, _ = timed(of(made(**params), agents, n_steps), repeats + 1)
                found[str(agents)] = agents * n_steps / statistics.median(cpu[1:])
    return rates
