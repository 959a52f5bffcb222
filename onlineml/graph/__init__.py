"""Estimators wired into one estimator: chains, and graphs of named nodes with signals."""

from onlineml.graph.chain import (
    ChainClassifier,
    ChainDetector,
    ChainRegressor,
    ChainTransformer,
    chain,
)
from onlineml.graph.graph import Graph
from onlineml.graph.roles import (
    GraphClassifier,
    GraphDetector,
    GraphRegressor,
    GraphTransformer,
)
from onlineml.graph.signals import refit, replace, reset

__all__ = [
    "ChainClassifier",
    "ChainDetector",
    "ChainRegressor",
    "ChainTransformer",
    "Graph",
    "GraphClassifier",
    "GraphDetector",
    "GraphRegressor",
    "GraphTransformer",
    "chain",
    "refit",
    "replace",
    "reset",
]
