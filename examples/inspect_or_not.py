"""A detector says how strange a machine is; an agent learns when to send a mechanic.

The right threshold depends on what an inspection and a breakdown cost, and on scores that drift.
The agent is a node of the graph; what its choice has brought is known a day later, as an event. It
is set beside thresholds on the same scores. Ends with a picture: what has been spent.
"""

import tempfile
from collections import deque
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from onlineml.detectors import HalfSpaceTrees
from onlineml.graph import Graph, Reward, Sample
from onlineml.rl import NeuralLinear
from onlineml.transforms import MinMaxScaler

N, DAY = 12_000, 96  # readings; how many there are a day
INSPECTION, BREAKDOWN = 1.0, 12.0  # costs
RUN, INSPECT = 0, 1  # the actions


def readings(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Six sensors, and whether the machine is about to break: one reading in twelve."""
    rng = np.random.default_rng(seed)
    faulty = rng.random(N) < 1 / 12
    X = rng.normal(size=(N, 6)) @ rng.normal(size=(6, 6))
    X += 4.0 * faulty[:, None] * rng.normal(size=(N, 6))
    X += np.linspace(0.0, 3.0, N)[:, None] * rng.normal(size=6)  # the sensors drift
    return X, faulty


def cost(action: int, faulty: bool) -> float:
    """What a choice costs: an inspection, or a breakdown that none prevented."""
    return INSPECTION if action == INSPECT else BREAKDOWN * faulty


def mechanic() -> Graph:
    """Sensors are scaled and scored; the agent sees the score, in which costs are not linear."""
    g = Graph("mechanic")
    g.add("scale", MinMaxScaler(), after="x")
    g.add("strange", HalfSpaceTrees(seed=1), after="scale")
    g.add("agent", NeuralLinear(n_actions=2, seed=1), after="strange")
    g.output("strange")
    return g


def main() -> None:
    """Run, and draw."""
    X, faulty = readings(seed=1)
    g, waiting = mechanic(), deque[tuple[int, float]]()
    scores, spent = np.empty(N), np.empty(N)
    for i, x in enumerate(X):
        answer = g.take_one(Sample(x, i))
        scores[i], spent[i] = answer.answer, cost(answer.action, faulty[i])
        waiting.append((i, -spent[i]))
        if len(waiting) > DAY:  # bills come a day later
            g.take_one(Reward(*waiting.popleft()))
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    thresholds = np.quantile(scores, [0.5, 0.8, 0.9, 0.95])
    others = {"always inspect": np.full(N, INSPECTION), "never": BREAKDOWN * faulty}
    for threshold in thresholds:
        others[f"above {threshold:.3f}"] = np.where(
            scores > threshold, INSPECTION, BREAKDOWN * faulty
        )
    for name, costs in {"agent": spent, **others}.items():
        print(f"{name:15} {costs.sum():8,.0f}   last half {costs[N // 2 :].sum():8,.0f}")
        axes.plot(np.cumsum(costs), label=name, lw=2.5 if name == "agent" else 1.0)
    axes.set_xlabel("readings")
    axes.set_ylabel("spent")
    axes.legend(frameon=False)
    folder = Path(tempfile.mkdtemp())
    figure.savefig(folder / "spent.png", dpi=120)
    print("picture:", folder / "spent.png")


if __name__ == "__main__":
    main()
