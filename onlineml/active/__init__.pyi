from .budget import Budget
from .cluster_sampling import ClusterSampling
from .committee_sampling import CommitteeSampling
from .consult import consult
from .dense_vessal import DenseVeSSAL
from .density_sampling import DensitySampling
from .entropy_sampling import EntropySampling
from .fixed_uncertainty import FixedUncertainty
from .leverage_sampling import LeverageSampling
from .margin_sampling import MarginSampling
from .neuronal_s import NeurOnAlS
from .pal import PAL
from .periodic_sampling import PeriodicSampling
from .query_strategy import Queries, Query
from .random_sampling import RandomSampling
from .variable_uncertainty import VariableUncertainty
from .vessal import VeSSAL

__all__ = [
    "PAL",
    "Budget",
    "ClusterSampling",
    "CommitteeSampling",
    "DenseVeSSAL",
    "DensitySampling",
    "EntropySampling",
    "FixedUncertainty",
    "LeverageSampling",
    "MarginSampling",
    "NeurOnAlS",
    "PeriodicSampling",
    "Queries",
    "Query",
    "RandomSampling",
    "VariableUncertainty",
    "VeSSAL",
    "consult",
]
