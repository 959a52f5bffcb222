"""Graphs drawn at random, with signals, small enough for a naive twin."""

from __future__ import annotations

from typing import Any

import numpy as np

from onlineml import detectors, learners, transforms
from onlineml.graph import Graph, refit, replace, reset

TRANSFORMERS = (transforms.StandardScaler, transforms.MinMaxScaler)
CLASSIFIERS = (learners.GaussianNB, learners.SoftmaxRegression, learners.MajorityClassifier)
REGRESSORS = (learners.LinearRegression, learners.MeanRegressor)


def alarm(rng: np.random.Generator) -> Any:
    """A detector that is soon alarmed."""
    kinds = (
        lambda: detectors.HDDM_A(drift_confidence=0.05),
        lambda: detectors.DDM(warm_start=10),
        lambda: detectors.HDDM_W(),
    )
    return kinds[rng.integers(len(kinds))]()


def watching(rng: np.random.Generator, kind: str) -> Any:
    """Anything that needs no label."""
    if rng.random() < 0.4:
        return detectors.DeviationFromMean()
    if rng.random() < 0.3:
        return detectors.HalfSpaceTrees(n_trees=2, seed=1)
    return TRANSFORMERS[rng.integers(len(TRANSFORMERS))]()


def random_graph(seed: int) -> Any:
    """A classifier of 2 to 8 nodes or, for odd seeds, a regressor."""
    rng = np.random.default_rng(seed)
    kinds = REGRESSORS if seed % 2 else CLASSIFIERS
    g = Graph(f"random {seed}")
    names, learning, drifts, twins = ["x"], [], [], []
    for i in range(rng.integers(3, 8)):
        name = f"n{i}"
        some = tuple(rng.permutation(names)[: rng.integers(1, 3)].tolist())
        draw = rng.random()
        if draw < 0.35:
            g.add(name, watching(rng, name), some)
            names.append(name)
        elif draw < 0.7 or not learning:
            kind = kinds[rng.integers(len(kinds))]
            g.add(name, kind(), some)
            names.append(name)
            learning.append(name)
            if rng.random() < 0.3:
                g.add(f"{name}_twin", kind(), some)
                twins.append(name)
        else:
            late = rng.choice(learning)
            if rng.random() < 0.2:
                g.add(f"{name}_mean", transforms.StandardScaler(), g.error_of(late))
            g.add(name, alarm(rng), g.error_of(late))
            drifts.append(name)
    if not learning:
        g.add("last", kinds[0](), "x")
        learning.append("last")
    g.add("alarm", alarm(rng), g.error_of(rng.choice(learning)))
    g.output(str(rng.choice(learning)))
    targets = [*names[1:], *drifts, "alarm"]
    for drift in [*drifts, "alarm"]:
        for _ in range(rng.integers(0, 3)):
            name = str(rng.choice(targets))
            g.on(
                drift,
                reset(name) if rng.random() < 0.5 else refit(name, last=rng.integers(1, 40).item()),
            )
        if twins and rng.random() < 0.5:
            name = str(rng.choice(twins))
            g.on(drift, replace(name, by=f"{name}_twin"))
    return g
