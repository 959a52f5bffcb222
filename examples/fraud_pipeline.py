"""Fraud among payments: labels cost money and come late, and fraudsters change their ways.

A graph does it all: rows are scaled, a detector tells what is strange, a mixture of experts learns
from rows and strangeness, VeSSAL buys one label in ten, and ADWIN watches errors and strangeness:
an alarm lets labels be bought ahead, and errors that rise make the detector begin anew. Ends with a
picture of what was found.
"""

import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from onlineml.active import VeSSAL
from onlineml.detectors import ADWIN, HalfSpaceTrees
from onlineml.graph import Graph, Label, Sample, refund, reset
from onlineml.learners import DriftMixture
from onlineml.transforms import StandardScaler

N, CHANGE, LATE, WINDOW = 6_000, 3_000, 100, 500


def payments(seed: int) -> Iterator[tuple[dict[str, float], bool]]:
    """Payments, and whether they are fraud: large ones at night, then many small ones from afar.

    When the fraudsters change their ways, it is also the season in which customers travel.
    """
    rng = np.random.default_rng(seed)
    for i in range(N):
        away = 3.0 if i >= CHANGE else 1.0
        row = {
            "amount": rng.lognormal(3.0, 0.7) * away,
            "hour": rng.normal(14.0, 3.5) % 24,
            "km from home": rng.exponential(8.0 * away),
            "minutes since last": rng.exponential(600.0),
        }
        fraud = bool(rng.random() < 0.05)
        if fraud and i < CHANGE:
            row |= {"amount": rng.lognormal(5.0, 0.5), "hour": rng.normal(2.0, 1.5) % 24}
        elif fraud:
            row |= {"minutes since last": rng.exponential(4.0), "km from home": rng.normal(90, 20)}
        yield row, fraud


def pipeline() -> Graph:
    """The graph: what nodes are called, what they are, and what they read."""
    g = Graph("fraud")
    g.add("scale", StandardScaler(), after="x")
    g.add("strange", HalfSpaceTrees(n_trees=10, seed=1), after="scale")
    g.add("learner", DriftMixture(n_trees=3, seed=1), after=("scale", "strange"))
    g.add("ask", VeSSAL(budget=0.1, seed=1), after="learner")
    g.add("drift", ADWIN(delta=0.01), after=g.error_of("learner"))
    g.add("shift", ADWIN(delta=0.01), after="strange")
    g.on("drift", reset("strange"), refund("ask", n_labels=40))
    g.on("shift", refund("ask", n_labels=40))
    g.output("learner")
    return g


def run(g: Graph) -> tuple[list[bool], list[bool], list[int]]:
    """What was fraud, what was said, and which labels were bought; they come 100 payments later."""
    truth, said, bought = [], [], []
    ordered: deque[tuple[int, bool]] = deque()
    for i, (x, fraud) in enumerate(payments(seed=1)):
        while ordered and ordered[0][0] <= i - LATE:
            g.take_one(Label(*ordered.popleft()))
        answer = g.take_one(Sample(x, i))
        truth.append(fraud)
        said.append(bool(answer.answer))
        if answer.ask:
            ordered.append((i, fraud))
            bought.append(i)
    return truth, said, bought


def share(hits: list[bool], among: list[bool]) -> list[float]:
    """In each window, how many of the `among` are hits."""
    pairs = np.array(list(zip(hits, among))).reshape(-1, WINDOW, 2)
    return [float(part[part[:, 1], 0].mean()) if part[:, 1].any() else 1.0 for part in pairs]


def main() -> None:
    """Run, and draw."""
    g = pipeline()
    truth, said, bought = run(g)
    print(g.draw())
    found, right = share(said, truth), share(truth, said)
    figure = Figure(figsize=(9, 5), layout="constrained")
    top, bottom = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    ends = range(WINDOW, N + 1, WINDOW)
    top.plot(ends, found, marker="o", label="frauds that were found")
    top.plot(ends, right, marker="o", label="alerts that were right")
    top.set_ylim(0, 1.02)
    bottom.plot(bought, range(1, len(bought) + 1), label="labels bought")
    bottom.set_xlabel("payments")
    for axes in (top, bottom):
        axes.axvline(CHANGE, color="gray", linestyle=":", label="fraudsters change their ways")
        axes.legend(frameon=False)
    folder = Path(tempfile.mkdtemp())
    g.draw().save(folder / "graph.svg")
    figure.savefig(folder / "fraud.png", dpi=120)
    print(f"\n{len(bought):,} labels for {N:,} payments; in the last 500, {found[-1]:.0%} of the")
    print(f"frauds were found; pictures: {folder / 'graph.svg'}, {folder / 'fraud.png'}")


if __name__ == "__main__":
    main()
