"""Is this label worth buying? Budgets, and strategies that spend them."""

from onlineml.active.budget import Budget
from onlineml.active.entropy_sampling import EntropySampling
from onlineml.active.fixed_uncertainty import FixedUncertainty
from onlineml.active.margin_sampling import MarginSampling
from onlineml.active.periodic_sampling import PeriodicSampling
from onlineml.active.query_strategy import Queries, Query
from onlineml.active.random_sampling import RandomSampling
from onlineml.active.variable_uncertainty import VariableUncertainty
from onlineml.active.vessal import VeSSAL

__all__ = [
    "Budget",
    "EntropySampling",
    "FixedUncertainty",
    "MarginSampling",
    "PeriodicSampling",
    "Queries",
    "Query",
    "RandomSampling",
    "VariableUncertainty",
    "VeSSAL",
]
