"""MOA's own compiled loop over rows that lie in the Java heap, reached through CapyMOA.

CapyMOA's `NumpyStream` would cross from Java to Python at each row, which is ten times slower.
Java's CPU-seconds are those of the thread that runs the loop: its compiler and garbage collector
run on other threads and are not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jpype
import numpy as np
from capymoa.classifier import (
    KNN,
    AdaptiveRandomForestClassifier,
    HoeffdingTree,
    LeveragingBagging,
    NaiveBayes,
    StreamingRandomPatches,
)
from capymoa.stream import Schema
from com.yahoo.labs.samoa.instances import DenseInstance, Instances
from moa.evaluation import BasicClassificationPerformanceEvaluator, EfficientEvaluationLoops
from moa.streams import CachedInstancesStream

MODES = ("moa",)
CLOCK = time.thread_time

MODELS: dict[str, Callable[[Any], Any]] = {
    "HoeffdingTree": lambda schema: HoeffdingTree(
        schema, grace_period=200, confidence=1e-7, tie_threshold=0.05
    ),
    "GaussianNB": lambda schema: NaiveBayes(schema),
    "kNN-1000": lambda schema: KNN(schema, k=5, window_size=1000),
}

#: Name -> what makes it of a schema and a seed; the number is that of the members.
ENSEMBLES: dict[str, Callable[[Any, int], Any]] = {
    f"{name}-{n}": lambda schema, seed, kind=kind, n=n: kind(
        schema, random_seed=seed, ensemble_size=n
    )
    for name, kind in (
        ("ARF", AdaptiveRandomForestClassifier),
        ("SRP", StreamingRandomPatches),
        ("LevBag", LeveragingBagging),
    )
    for n in (10, 100)
}


def loop(model: str, mode: str, X: Any, y: Any) -> Callable[[], float]:
    """What is timed: a new model over all rows; gives its accuracy."""
    schema, instances = in_java(X, y)
    return lambda: predict(MODELS[model](schema), instances)


def in_java(X: Any, y: Any) -> tuple[Any, Any]:
    """The schema of rows, and the rows as instances in the Java heap."""
    names = [f"x{j}" for j in range(X.shape[1])]
    labels = [str(label) for label in range(int(y.max()) + 1)]
    schema = Schema.from_custom(features=[*names, "y"], target="y", categories={"y": labels})
    header = schema.get_moa_header()
    instances = Instances(header, len(X))
    for row in np.column_stack([X, y]):
        instance = DenseInstance(1.0, jpype.JArray(jpype.JDouble)(row))
        instance.setDataset(header)
        instances.add(instance)
    return schema, instances


def predict(model: Any, instances: Any) -> float:
    """Accuracy of MOA's loop: answer, then learn, row by row."""
    evaluator = BasicClassificationPerformanceEvaluator()
    EfficientEvaluationLoops.PrequentialEvaluation(
        CachedInstancesStream(instances),
        model.moa_learner,
        evaluator,
        None,
        -1,
        instances.numInstances(),
        False,
        False,
    )
    measures = {
        str(m.getName()): float(m.getValue()) for m in evaluator.getPerformanceMeasurements()
    }
    return measures["classifications correct (percent)"] / 100
