"""A monitor of concept drift: four detectors watch a model that works, and say when it changed.

The model is not touched; a fifth detector resets a copy of it, so that one can see what heeding the
alarms would bring. Ends with a picture: errors, changes that are known, and who saw them when.
"""

import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from onlineml import datasets
from onlineml.detectors import ADWIN, DDM, HDDM_W, PageHinkley
from onlineml.graph import Graph, reset
from onlineml.learners import GaussianNB

N, WINDOW = 12_000, 300
WATCHERS = {"ADWIN": ADWIN(), "DDM": DDM(), "HDDM_W": HDDM_W(), "PageHinkley": PageHinkley()}


def monitor(seen: dict[str, list[int]]) -> Graph:
    """The model, those that watch its errors, and the copy that heeds an alarm."""
    g = Graph("monitor")
    g.add("model", GaussianNB(), after="x")
    for name, detector in WATCHERS.items():
        g.add(name, detector, after=g.error_of("model"))
        g.on(name, lambda graph, name=name: seen[name].append(graph.n_samples_))
    g.add("copy", GaussianNB(), after="x")
    g.add("watch", ADWIN(), after=g.error_of("copy"))
    g.on("watch", reset("copy"))
    g.output("model")
    return g


def main() -> None:
    """Run, and draw."""
    seen: dict[str, list[int]] = {name: [] for name in WATCHERS}
    g = monitor(seen)
    stream = datasets.load("agr_a", seed=1, n_rows=N)
    errors: dict[str, list[bool]] = {"model": [], "copy": []}
    for x, y in stream:
        for name, missed in errors.items():
            missed.append(g[name].predict_one(x) != y)
        g.fit_one(x, y)
    print(g.draw())
    figure = Figure(figsize=(9, 5), layout="constrained")
    top, bottom = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    for name, missed in errors.items():
        rate = np.convolve(missed, np.full(WINDOW, 1 / WINDOW), "valid")
        top.plot(np.arange(WINDOW, WINDOW + len(rate)), rate, label=f"errors of the {name}")
    for name, rows in seen.items():
        bottom.scatter(rows, [name] * len(rows), marker="|", s=120)
    for axes in (top, bottom):
        for row in stream.drifts:
            axes.axvline(row, color="gray", linestyle=":")
    top.legend(frameon=False)
    bottom.set_xlabel("rows; dotted: where the concept changes")
    folder = Path(tempfile.mkdtemp())
    figure.savefig(folder / "drift.png", dpi=120)
    for name, rows in seen.items():
        print(f"{name:12} raised {len(rows)} alarms")
    print("picture:", folder / "drift.png")


if __name__ == "__main__":
    main()
