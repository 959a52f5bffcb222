from .chain import (
    ChainClassifier,
    ChainDetector,
    ChainRegressor,
    ChainTransformer,
    chain,
)
from .drawing import Drawing
from .events import Answer, Forget, Label, Reward, Sample
from .graph import Graph
from .keyed import (
    Keyed,
    KeyedClassifier,
    KeyedDetector,
    KeyedRegressor,
    KeyedTransformer,
)
from .roles import (
    GraphClassifier,
    GraphDetector,
    GraphRegressor,
    GraphTransformer,
)
from .signals import consolidate, refit, refund, replace, reset

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
