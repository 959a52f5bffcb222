"""Detectors of other projects, with their defaults: what `benchmarks.anomaly` measures beside ours.

River gets mappings, PySAD arrays and CapyMOA instances that were made before the clock starts.
Detectors of a fixed range get the true one, [0, 1]. A static detector of PySAD, which learns only
when it is made, sees its first 256 rows twice.
"""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

Step = Callable[[Any], float]  # scores a row, then learns it
Made = dict[str, tuple[str, Callable[[], Step]]]  # name -> our counterpart, and a maker


class Peer(NamedTuple):
    """A detector of another project, and the one of ours that is set beside it."""

    name: str
    ours: str
    make: Callable[[], Step]
    rows: Sequence[Any]


class Course(NamedTuple):
    """Scores of the rows that a detector came to within its time."""

    scores: Any
    seconds: float


def walked(peer: Peer, seconds: float) -> Course:
    """Let a peer score and learn, row by row, for so many CPU-seconds at most.

    Another one goes ahead over the first rows, so that what compiles as it runs has begun to.
    """
    _walk(peer.make(), peer.rows[:500], seconds / 5)
    return _walk(peer.make(), peer.rows, seconds)


def _walk(step: Step, rows: Sequence[Any], seconds: float) -> Course:
    found, began = [], time.process_time()
    for i, row in enumerate(rows):
        found.append(step(row))
        if i % 16 == 15 and time.process_time() - began > seconds:
            break
    return Course(np.array(found, float), time.process_time() - began)


def missing(systems: Sequence[str]) -> Iterator[str]:
    """Lines for those that are not here."""
    for name in systems:
        if importlib.util.find_spec(name) is None:
            yield f"{name} is not installed and left out: pip install 'onlineml[peers]'"
        elif name == "capymoa" and shutil.which("java") is None:
            yield "capymoa needs Java, which is not installed: left out"


def peers(systems: Sequence[str], X: Any) -> Iterator[Peer]:
    """Detectors of the systems that are here: for rows or, of one value a row, for series."""
    for system in systems:
        if not list(missing([system])):
            made, rows = _SYSTEMS[system](X)
            for name, (ours, make) in made.items():
                yield Peer(f"{system} {name}", ours, make, rows)


def _of_river(X: Any) -> tuple[Made, Sequence[Any]]:
    from river import anomaly, preprocessing, time_series

    if X.shape[1] == 1:
        seasonal = partial(time_series.SNARIMAX, p=12, d=0, q=12, m=48)
        return {
            "GaussianScorer": ("WindowedGaussian", _target(anomaly.GaussianScorer)),
            "GaussianScorer 1000": (
                "WindowedGaussian",
                _target(partial(anomaly.GaussianScorer, window_size=1000)),
            ),
            "StandardAbsoluteDeviation": (
                "StandardAbsoluteDeviation",
                _target(anomaly.StandardAbsoluteDeviation),
            ),
            "PAD(SNARIMAX)": (
                "SeasonalDetector",
                _target(lambda: anomaly.PredictiveAnomalyDetection(seasonal())),
            ),
        }, X[:, 0].tolist()
    trees = partial(anomaly.HalfSpaceTrees, seed=0)
    columns = [f"x{j}" for j in range(X.shape[1])]
    return {
        "HalfSpaceTrees 10x8": ("HalfSpaceTrees 10x8", _row(trees)),
        "LODA": ("LODA", _row(partial(anomaly.LODA, seed=0))),
        "LocalOutlierFactor": ("LocalOutlierFactor", _row(anomaly.LocalOutlierFactor)),
        "OneClassSVM, scaled": (
            "OneClassSVM",
            _row(lambda: preprocessing.StandardScaler() | anomaly.OneClassSVM()),
        ),
    }, [dict(zip(columns, x, strict=True)) for x in X.tolist()]


def _row(
    make: Callable[[], Any], score: str = "score_one", learn: str = "learn_one"
) -> Callable[[], Step]:
    """Steps of a new model, by its own verbs."""

    def made() -> Step:
        model = make()
        score_one, learn_one = getattr(model, score), getattr(model, learn)

        def step(row: Any) -> float:
            found = score_one(row)
            learn_one(row)
            return float(found)

        return step

    return made


def _target(make: Callable[[], Any]) -> Callable[[], Step]:
    """Some detectors of river score the target, not the row."""

    def made() -> Step:
        model = make()

        def step(value: float) -> float:
            score = model.score_one(None, value)
            model.learn_one(None, value)
            return float(score)

        return step

    return made


def _of_pysad(X: Any) -> tuple[Made, Sequence[Any]]:
    from pysad import models

    n = X.shape[1]
    if n == 1:
        season = {"period": 48, "window_size": 241, "direction": "both"}
        made = {
            "MedianAbsoluteDeviation": models.MedianAbsoluteDeviation,
            "StandardAbsoluteDeviation": models.StandardAbsoluteDeviation,
            "KNNCAD": partial(models.KNNCAD, probationary_period=500),
            "RelativeEntropy": partial(models.RelativeEntropy, min_val=0.0, max_val=1.0),
            "SeasonalESD": partial(models.SeasonalESD, **season),
            "SeasonalHybridESD": partial(models.SeasonalHybridESD, **season),
        }
        return {name: (name, _partial(make)) for name, make in made.items()}, X
    limits = {"feature_mins": np.zeros(n), "feature_maxes": np.ones(n)}
    made = {
        "HalfSpaceTrees": partial(models.HalfSpaceTrees, **limits, random_state=0),
        "LODA": partial(models.LODA, random_state=0),
        "RSHash": partial(models.RSHash, **limits, random_state=0),
        "xStream": partial(models.xStream, random_state=0),
        "RobustRandomCutForest": partial(models.RobustRandomCutForest, random_state=0),
        "KitNet": partial(models.KitNet, random_state=0),
        "ExactStorm": models.ExactStorm,
        "ExactStorm 1000": partial(models.ExactStorm, window_size=1000),
        "IForestASD": partial(models.IForestASD, random_state=0),
        "LocalOutlierProbability, static": lambda: _Late(models.LocalOutlierProbability, 256),
        "Inqmad": partial(models.Inqmad, input_shape=n, random_state=0),
    }
    ours = {"ExactStorm 1000": "KNNDetector", "Inqmad": "INQMAD"}
    return {
        name: (ours.get(name, name.partition(",")[0]), _partial(make))
        for name, make in made.items()
    }, X


class _Late:
    """A model that is made of the first rows, which score 0: it is shown none before its time."""

    def __init__(self, make: Callable[[Any], Any], n_rows: int) -> None:
        self.make, self.n_rows = make, n_rows
        self.rows: list[Any] = []
        self.model: Any = None

    def fit_score_partial(self, x: Any) -> float:
        if self.model is not None:
            return float(self.model.fit_score_partial(x))
        self.rows.append(x)
        if len(self.rows) == self.n_rows:
            self.model = self.make(np.array(self.rows))
        return 0.0


def _partial(make: Callable[[], Any]) -> Callable[[], Step]:
    def made() -> Step:
        learn_and_score = make().fit_score_partial  # scores first, since version 0.7
        return lambda x: float(np.ravel(learn_and_score(x))[0])

    return made


def _of_capymoa(X: Any) -> tuple[Made, Sequence[Any]]:
    if X.shape[1] == 1:
        return {}, []
    from capymoa import anomaly
    from capymoa.stream import NumpyStream

    labels = np.zeros(len(X), int)
    labels[-1] = 1  # it wants two
    stream = NumpyStream(X, labels, target_type="categorical")
    rows = [stream.next_instance() for _ in range(len(X))]
    seeds = {"Loda": "random_state", "RSHash": "seed", "AdaptiveIsolationForest": "seed"}
    ours = {
        "HalfSpaceTrees": "HalfSpaceTrees",
        "Loda": "LODA",
        "RSHash": "RSHash",
        "RobustRandomCutForest": "RobustRandomCutForest",
        "OnlineIsolationForest": "OnlineIsolationForest",
        "AdaptiveIsolationForest": "AdaptiveIsolationForest",
        "IForestASD": "IForestASD",
        "StreamRHF": "StreamRHF",
        "StreamingIsolationForest": "",
        "Autoencoder": "Autoencoder",
    }
    return {
        name: (
            counterpart,
            _row(
                partial(
                    getattr(anomaly, name),
                    stream.get_schema(),
                    **({seeds[name]: 0} if name in seeds else {}),
                ),
                "score_instance",
                "train",
            ),
        )
        for name, counterpart in ours.items()
    }, rows


_SYSTEMS: dict[str, Callable[[Any], tuple[Made, Sequence[Any]]]] = {
    "river": _of_river,
    "pysad": _of_pysad,
    "capymoa": _of_capymoa,
}
SYSTEMS = tuple(_SYSTEMS)
