"""Sensors of a machine, where a label is a laboratory's: one in fifty can be paid.

Values are missing and drift. Three graphs differ in the strategy alone that decides which labels
are bought, and one has all of them. Ends with a picture: accuracy, and how the labels were spent.
"""

import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from onlineml.active import MarginSampling, RandomSampling, VeSSAL
from onlineml.active.query_strategy import QueryStrategy
from onlineml.graph import Graph, Sample
from onlineml.learners import SoftmaxRegression
from onlineml.transforms import MeanImputer, StandardScaler

N, WINDOW, BUDGET = 8_000, 400, 0.02
STATES = ("idle", "normal", "worn", "broken")


def readings(seed: int) -> tuple[np.ndarray, list[str]]:
    """Eight sensors of a machine in one of four states; some values are missing, all drift."""
    rng = np.random.default_rng(seed)
    state = rng.choice(len(STATES), N, p=(0.3, 0.5, 0.15, 0.05))
    centers = rng.normal(size=(len(STATES), 8)) * 1.2
    X = centers[state] + rng.normal(size=(N, 8))
    X += np.linspace(0.0, 1.5, N)[:, None] * rng.normal(size=8)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, [STATES[s] for s in state]


def pipeline(strategy: QueryStrategy | None) -> Graph:
    """Missing values are filled in, sensors scaled, labels bought; `None` buys all of them."""
    g = Graph("sensors")
    g.add("fill", MeanImputer(), after="x")
    g.add("scale", StandardScaler(), after="fill")
    g.add("learner", SoftmaxRegression(), after="scale")
    if strategy is not None:
        g.add("ask", strategy, after="learner")
    g.output("learner")
    return g


def main() -> None:
    """Run, and draw."""
    X, y = readings(seed=1)
    strategies = {
        "all labels": None,
        "margin": MarginSampling(budget=BUDGET, seed=1),
        "VeSSAL": VeSSAL(budget=BUDGET, seed=1),
        "at random": RandomSampling(budget=BUDGET, seed=1),
    }
    figure = Figure(figsize=(9, 5), layout="constrained")
    top, bottom = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    for name, strategy in strategies.items():
        g = pipeline(strategy)
        answers = g.take_many([Sample(x, i, label) for i, (x, label) in enumerate(zip(X, y))])
        right = np.array([answer.answer == label for answer, label in zip(answers, y)])
        rate = np.convolve(right, np.full(WINDOW, 1 / WINDOW), "valid")
        top.plot(np.arange(WINDOW, N + 1), rate, label=f"{name}: {right.mean():.1%}")
        if strategy is not None:
            bottom.plot(np.cumsum([answer.ask for answer in answers]), label=name)
        print(f"{name:10} {g.n_labels_:5,} labels  accuracy {right.mean():.1%}")
    print(g.draw())
    top.set_ylabel("accuracy")
    top.legend(frameon=False)
    bottom.set_ylabel("labels bought")
    bottom.set_xlabel("readings")
    folder = Path(tempfile.mkdtemp())
    figure.savefig(folder / "labels.png", dpi=120)
    print("picture:", folder / "labels.png")


if __name__ == "__main__":
    main()
