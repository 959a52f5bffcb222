"""Estimators wired into one estimator: chains, and graphs of named nodes with signals."""

from onlineml.graph.chain import (
    ChainClassifier,
    ChainDetector,
    ChainRegressor,
    ChainTransformer,
    chain,
)
from onlineml.graph.drawing import Drawing
from onlineml.graph.events import Answer, Forget, Label, Reward, Sample
from onlineml.graph.graph import Graph
from onlineml.graph.keyed import (
    Keyed,
    KeyedClassifier,
    KeyedDetector,
    KeyedRegressor,
    KeyedTransformer,
)
from onlineml.graph.roles import (
    GraphClassifier,
    GraphDetector,
    GraphRegressor,
    GraphTransformer,
)
from onlineml.graph.signals import consolidate, refit, refund, replace, reset

__all__ = [
    "Answer",
    "ChainClassifier",
    "ChainDetector",
    "ChainRegressor",
    "ChainTransformer",
    "Drawing",
    "Forget",
    "Graph",
    "GraphClassifier",
    "GraphDetector",
    "GraphRegressor",
    "GraphTransformer",
    "Keyed",
    "KeyedClassifier",
    "KeyedDetector",
    "KeyedRegressor",
    "KeyedTransformer",
    "Label",
    "Reward",
    "Sample",
    "chain",
    "consolidate",
    "refit",
    "refund",
    "replace",
    "reset",
]
